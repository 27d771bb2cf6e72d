//! `auth_hmac`: two routers agree on a master by signed adverts, and routers and strangers without the key do not disturb.
//! (C keepalived 2.2.7 does not have it.)
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::time::Duration;

use keepalived::wire::auth_hmac::{TRAILER_LEN, Trailer};
use lab::Daemon::Ours;
use lab::conf::VRID;
use lab::forge::Forged;
use lab::frame::Frame;
use lab::{Lab, Protocol, Stamp, machine, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(30);
const PROTOCOL: Protocol = Protocol::V3;
/// Octets before the VRRP message: Ethernet and IPv4 headers.
const HEADERS: usize = 14 + 20;

fn key(octet: u8) -> Vec<u8> {
    vec![octet; 32]
}

/// A configuration with these keys, of which the first is active.
fn conf(priority: u8, keys: &[(u8, &str)]) -> String {
    let lines: String = keys.iter().map(|(id, key)| format!("    key {id} {key}\n")).collect();
    PROTOCOL.conf(priority, &format!("auth_hmac {{\n{lines}    active_key {}\n  }}", keys[0].0))
}

fn hex(octet: u8) -> String {
    format!("hex:{}", format!("{octet:02x}").repeat(32))
}

/// Time, source address, message and trailer of each advert that a router has sent since then.
fn signed(lab: &Lab, router: usize, since: Stamp) -> Vec<(Stamp, std::net::IpAddr, Vec<u8>, Vec<u8>)> {
    let frames = lab.wire.frames();
    let sent = frames.iter().filter(|frame| frame.from == router && frame.at >= since);
    sent.filter_map(|frame| {
        let Frame::Vrrp(advert) = &frame.frame else { return None };
        let total = usize::from(u16::from_be_bytes([frame.octets[16], frame.octets[17]]));
        let payload = &frame.octets[HEADERS..14 + total];
        let (message, trailer) = payload.split_at(8 + 4 * usize::from(payload[3]));
        Some((frame.at, advert.source, message.to_vec(), trailer.to_vec()))
    })
    .collect()
}

#[test]
fn routers_with_the_key_elect_a_master_and_others_do_not_disturb() {
    let _turn = machine::shared();
    let mut lab = Lab::new(3);
    let file = lab.router(2).file("key");
    fs::write(&file, hex(1) + "\n").unwrap();
    std::process::Command::new("chmod").arg("600").arg(&file).status().unwrap();
    lab.router(1).configure(&conf(200, &[(1, &hex(1)), (2, &hex(2))]));
    lab.router(2).configure(&conf(100, &[(1, &format!("file:{}", file.display()))]));
    lab.router(3).configure(&conf(250, &[(1, &hex(3))]));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    lab.router(2).start(Ours);
    lab.router(3).start(Ours);
    lab.wire.await_advert(3, VRID, Duration::ZERO, LIMIT);

    // Also a stranger without any key.
    let forged = Forged::right(3, VRID, 254, 10, &PROTOCOL.vips(VRID));
    let since = lab::now();
    wait_until(LIMIT, "the master and the stranger have sent more adverts", || {
        forged.send(&lab.client);
        lab.wire.adverts(1, VRID, since).len() > 50
    });
    let transitions = |lab: &mut Lab, router: usize| lab.router(router).log().matches("Entering MASTER STATE").count();
    assert_eq!((transitions(&mut lab, 1), transitions(&mut lab, 2)), (1, 0));
    for router in [1, 2] {
        let log = lab.router(router).log();
        assert!(log.contains("invalid HMAC") && log.contains("it has no HMAC"), "{log}");
        assert!(!log.contains(&"03".repeat(16)) && !log.contains(&"01".repeat(16)), "no key in the log: {log}");
    }
    lab.router(1).daemon().signal(Signal::SIGUSR2);
    let statistics = lab.router(1).file("keepalived.stats");
    wait_until(LIMIT, "the statistics are written", || {
        fs::read_to_string(&statistics).is_ok_and(|text| text.contains("Priority Zero"))
    });
    let text = fs::read_to_string(&statistics).unwrap();
    let count = |label: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("    {label}: "))).unwrap();
        line.parse().unwrap()
    };
    assert!(count("Missing") > 0 && count("Invalid HMAC") > 0, "{text}");

    // Each captured trailer has the layout and the HMAC of C keepalived's, and the time of sending.
    let adverts = signed(&lab, 1, Duration::ZERO);
    let mut numbers = Vec::new();
    for (at, source, message, octets) in &adverts {
        assert_eq!(octets.len(), TRAILER_LEN);
        let trailer = Trailer::new(octets).unwrap();
        assert_eq!(trailer.key_id(), 1);
        assert!(trailer.is_authentic(&key(1), *source, message));
        assert!(trailer.sequence().age(*at).abs() <= 1, "{at:?}: {octets:?}");
        numbers.push(trailer.sequence());
    }
    assert!(numbers.windows(2).all(|pair| pair[1].follows(pair[0])));

    // The master's process is killed and replaced: its numbers go on.
    let since = lab::now();
    let killed = lab.router(1).vrrp_pid();
    kill(Pid::from_raw(killed), Signal::SIGKILL).unwrap();
    wait_until(LIMIT, "the replacement sends adverts", || {
        lab.router(1).vrrp_pid() != killed && lab.wire.adverts(1, VRID, since).len() > 20
    });
    let after: Vec<_> =
        signed(&lab, 1, since).iter().map(|(.., octets)| Trailer::new(octets).unwrap().sequence()).collect();
    assert!(after.iter().all(|number| number.follows(numbers[numbers.len() - 1])));

    // The master stops: the backup takes over with its key from a file.
    let since = lab::now();
    assert!(lab.router(1).stop().1.success());
    lab.wire.await_advert(2, VRID, since, LIMIT);
    wait_until(LIMIT, "its log says so", || transitions(&mut lab, 2) > 0);
    let (_, source, message, octets) = signed(&lab, 2, since).pop().unwrap();
    assert!(Trailer::new(&octets).unwrap().is_authentic(&key(1), source, &message));
}
