//! Dump of the BFD process, in the layout of C keepalived.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::os::fd::RawFd;
use std::time::Duration;

use super::global::{self, Setting, Writing};
use super::text::{Moment, Text};
use crate::bfd::{Remote, Session, Tables};
use crate::status::Clock;
use crate::wire::bfd::{Diagnostic, State};

/// The descriptors of the open sockets.
#[derive(Clone, Debug, Default)]
pub struct BfdSockets {
    /// The first that receives.
    pub receiving: Option<RawFd>,
    /// That of each session, by its index.
    pub sending: BTreeMap<u32, RawFd>,
}

/// All rows.
pub fn data(tables: &Tables, clock: Clock, setting: &Setting, sockets: &BfdSockets) -> String {
    let mut out = Text::default();
    if let Some(global) = &tables.system.global {
        global::definitions(&mut out, global, setting, Writing::Bfd);
    }
    out.section("BFD Data");
    out.line(format_args!(" fd_in = {}", sockets.receiving.unwrap_or(-1)));
    // C keepalived has the addresses of its timers here; there are none.
    out.line(" thread_in = 0x(nil)");
    if tables.strangers > 0 {
        // Not in C keepalived.
        out.line(format_args!(" Packets of no session = {}", tables.strangers));
    }
    out.section("BFD Topology");
    for (id, row) in tables.sessions.iter() {
        out.line(format_args!(" BFD Instance = {}", row.config.name));
        configured(&mut out, row);
        timers(&mut out, sockets.sending.get(&id.0).copied().unwrap_or(-1));
        actual(&mut out, row);
        match row.last_heard {
            Some(heard) => out.item("last seen", Moment::FractionLast(clock.utc(heard))),
            None => out.item("last_seen", "[never]"),
        }
        // Not in C keepalived.
        out.item("packets sent", row.counters.sent);
        out.item("packets received", row.counters.received);
        out.item("packets discarded", row.counters.refused);
    }
    out.finish()
}

fn configured(out: &mut Text, row: &Session) {
    let config = &row.config;
    out.item("Neighbor IP", config.neighbor);
    if let Some(source) = config.source {
        out.item("Source IP", source);
    }
    out.item("Required min RX interval", us(config.min_rx));
    out.item("Desired min TX interval", us(config.min_tx));
    out.item("Desired idle TX interval", us(config.idle_tx));
    out.item("Detection multiplier", config.multiplier);
    out.item(if config.neighbor.is_ipv4() { "TTL" } else { "hoplimit" }, config.ttl);
    out.item("max_hops", config.max_hops.map_or(-1, i16::from));
    out.item("passive", config.passive);
    out.item("send event to VRRP process", yes(config.to_vrrp));
    out.item("send event to checker process", yes(config.to_checker));
}

/// The socket of a session, and the timers of C keepalived.
fn timers(out: &mut Text, descriptor: RawFd) {
    out.line(format_args!("   fd_out {descriptor}"));
    out.line("   thread_open_fd_out 0x(nil)");
    for timer in ["out", "exp", "rst"] {
        out.line(format_args!("   thread_{timer} 0x(nil)"));
        out.item(&format!("sands_{timer}"), "[disabled]");
    }
}

fn actual(out: &mut Text, row: &Session) {
    // Before the first packet of the neighbor.
    let unknown = Remote {
        discriminator: 0,
        state: State::Down,
        diagnostic: Diagnostic::NONE,
        multiplier: 0,
        min_tx: Duration::ZERO,
        min_rx: Duration::ZERO,
        demand: false,
    };
    let remote = row.remote.unwrap_or(unknown);
    out.item("send error", row.send_error.is_some());
    if let Some(error) = &row.send_error {
        // Not in C keepalived.
        out.item("send error text", error);
    }
    out.item("local state", row.state.word());
    out.item("remote state", remote.state.word());
    out.item("local discriminator", format_args!("{:#x}", row.discriminator));
    out.item("remote discriminator", format_args!("{:#x}", remote.discriminator));
    out.item("local diag", row.diagnostic);
    out.item("remote diag", remote.diagnostic);
    out.item("remote min tx intv", us(remote.min_tx));
    out.item("remote min rx intv", us(remote.min_rx));
    out.item("local demand", 0);
    out.item("remote demand", u8::from(remote.demand));
    out.item("remote detect multiplier", remote.multiplier);
    out.line(format_args!("   {}poll, !final", if row.poll { "" } else { "!" }));
    out.item("local tx intv", us(row.tx_interval()));
    out.item("remote tx intv", us(row.remote_tx_interval()));
    out.item("local detection time", us(row.detection_time));
    out.item("remote detection time", us(row.remote_detection_time()));
}

fn us(time: Duration) -> impl Display {
    format!("{} us", time.as_micros())
}

fn yes(flag: bool) -> &'static str {
    if flag { "Yes" } else { "No" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::bfd_messages::tests::{ms, up};

    #[test]
    fn both_ends_are_shown() {
        let (bfd, _) = up();
        let clock = Clock { now: ms(1250), utc: Duration::from_millis(1_796_033_705_895) };
        let sockets = BfdSockets { receiving: Some(9), sending: [(1, 12)].into() };
        let text = data(bfd.tables(), clock, &Setting::default(), &sockets);
        let [first, second] = [1, 2].map(|id| bfd.tables().sessions.get(&crate::bfd::SessionId(id)).unwrap());
        let begin = text.find("------< BFD Data >------").unwrap();
        assert!(text.starts_with("------< Global definitions >------\n Network namespace = (default)\n"), "{text}");
        let text = &text[begin..];
        let expected = format!(
            "\
------< BFD Data >------
 fd_in = 9
 thread_in = 0x(nil)
------< BFD Topology >------
 BFD Instance = b4
   Neighbor IP = 10.1.0.2
   Source IP = 10.1.0.1
   Required min RX interval = 300000 us
   Desired min TX interval = 200000 us
   Desired idle TX interval = 1000000 us
   Detection multiplier = 4
   TTL = 255
   max_hops = 0
   passive = false
   send event to VRRP process = Yes
   send event to checker process = Yes
   fd_out 12
   thread_open_fd_out 0x(nil)
   thread_out 0x(nil)
   sands_out = [disabled]
   thread_exp 0x(nil)
   sands_exp = [disabled]
   thread_rst 0x(nil)
   sands_rst = [disabled]
   send error = false
   local state = Up
   remote state = Up
   local discriminator = {:#x}
   remote discriminator = 0x44906b17
   local diag = No Diagnostic
   remote diag = No Diagnostic
   remote min tx intv = 250000 us
   remote min rx intv = 150000 us
   local demand = 0
   remote demand = 0
   remote detect multiplier = 5
   poll, !final
   local tx intv = 200000 us
   remote tx intv = 300000 us
   local detection time = 1500000 us
   remote detection time = 800000 us
   last seen = 1796033705.645000 (",
            first.discriminator
        );
        let at = text.find(" BFD Instance = far").unwrap();
        let (shown, rest) = text.split_at(at);
        assert_eq!(&shown[..expected.len()], expected);
        let counters = format!(
            ".645000)\n   packets sent = {}\n   packets received = 3\n   packets discarded = 0\n",
            first.counters.sent
        );
        assert!(shown.ends_with(&counters), "{shown}");
        for line in [
            "   Neighbor IP = fd00::2\n   Required",
            "   hoplimit = 64\n   max_hops = -1\n   passive = true\n",
            "   send event to checker process = No\n",
            "   remote state = Down\n",
            &format!("   local discriminator = {:#x}\n   remote discriminator = 0x0\n", second.discriminator),
            "   local tx intv = 1000000 us\n   remote tx intv = 0 us\n",
            "   local detection time = 0 us\n   remote detection time = 0 us\n",
            "   last_seen = [never]\n",
            "   fd_out -1\n",
        ] {
            assert!(rest.contains(line), "{line} is not in {rest}");
        }
    }
}
