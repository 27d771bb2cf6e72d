//! The dump of SIGUSR1 in the layout of C keepalived 2.4.3; that of 2.2.7 is compared in a lab.
#![allow(clippy::unwrap_used, reason = "a test")]

mod checkers;
mod global;
mod instances;
mod trackers;

use std::net::IpAddr;
use std::time::Duration;

use crate::config_support;
use keepalived::config::model::{Config, Family};
use keepalived::notify::dump::vrrp::Wiring;
use keepalived::notify::dump::{self, Setting};
use keepalived::status::Clock;
use keepalived::vrrp::{Event, Interface, InterfaceAddress, Tables, Vrrp};

fn config(text: &str) -> Config {
    let loaded = config_support::load_text(text);
    loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics))
}

/// A started process on a host with lo and eth0.
fn started(text: &str) -> Vrrp {
    let mut vrrp = Vrrp::new(Tables::new(config(text), "test".into()));
    let address =
        |ip: &str, prefix| InterfaceAddress { ip: ip.parse::<IpAddr>().unwrap(), prefix, usable: true, marked: false };
    let lo = Interface {
        index: 1,
        name: "lo".into(),
        up: true,
        flags: 0x1_0049,
        hardware: 772,
        mtu: 65536,
        mac: Some([0; 6]),
        addresses: [address("127.0.0.1", 8)].into_iter().collect(),
        ..Interface::default()
    };
    let eth0 = Interface {
        index: 2,
        name: "eth0".into(),
        up: true,
        flags: 0x1_1043,
        hardware: 1,
        mtu: 1500,
        mac: Some([2, 0, 0, 0, 0x71, 1]),
        broadcast: Some([0xff; 6]),
        addresses: [address("10.1.0.1", 24), address("fe80::ff:fe00:7101", 64)].into_iter().collect(),
        ..Interface::default()
    };
    vrrp.handle(Event::Interfaces(vec![lo, eth0]), Duration::ZERO);
    vrrp.handle(Event::Start, Duration::ZERO);
    vrrp
}

/// The dump at a time of the event loop.
fn data(tables: &Tables, now: Duration) -> String {
    let clock = Clock { now, utc: Duration::from_secs(1_796_034_985) + now };
    let wiring = Wiring { sockets: [((2, Family::V4, 112), 26)].into(), ..Wiring::default() };
    dump::vrrp::data(tables, clock, &Setting::default(), &wiring)
}

#[track_caller]
fn contains(text: &str, wanted: &str) {
    let wanted = wanted.trim_start_matches('\n');
    assert!(text.contains(wanted), "{wanted}\nis not in\n{text}");
}
