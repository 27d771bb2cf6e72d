//! A notification that waits while snmpd is away arrives with the time of its event, which the table shows, too.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lab::Daemon::Ours;
use lab::snmp::INSTANCE_TRAP;
use lab::{Lab, Protocol, machine, wait_for, wait_until};

const LIMIT: Duration = Duration::from_secs(20);
/// How long snmpd is away at least.
const AWAY: Duration = Duration::from_secs(4);
/// Seconds of a day.
const DAY: f64 = 86_400.0;
const HA: &str = ".1.3.6.1.4.1.8072.9999.9999.112.1";

#[test]
fn a_late_notification_has_the_time_of_its_event() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let router = lab.router(1);
    router.configure(&Protocol::V3.conf(100, "").replacen('{', "{\n  enable_traps", 1));
    router.start_snmp();
    router.start(Ours);
    let state = |lab: &mut Lab| lab.router(1).snmp().instance_traps().last().map(|(_, state)| state.clone());
    wait_until(LIMIT, "master", || state(&mut lab).as_deref() == Some("2"));

    lab.router(1).snmp().kill_master();
    let before = seconds_of_day();
    lab.router(1).netns().ip("link set eth0 down");
    wait_until(LIMIT, "the fault", || lab.router(1).log().contains("Entering FAULT STATE"));
    let (after, began) = (seconds_of_day(), Instant::now());
    wait_until(LIMIT, "time passes", || began.elapsed() >= AWAY);
    lab.router(1).snmp().start_master();
    let trap = wait_for(LIMIT, "the notification", || {
        let traps = lab.router(1).snmp().traps();
        traps.into_iter().find(|trap| trap.contains(INSTANCE_TRAP) && trap.contains(".2.3.1.4 = 3"))
    });
    let last = trap.split('\t').next_back().unwrap();
    let (name, time) = last.split_once(" = ").unwrap();
    assert_eq!(name, format!("{HA}.1.0"), "{trap}");
    let happened = time_in(time);
    // To a second: the clock of the test is read before and after the event, possibly around midnight.
    let (passed, limit) = ((happened - before + 1.0).rem_euclid(DAY), (after - before).rem_euclid(DAY) + 2.0);
    assert!(passed <= limit, "{trap}: not from {before} to {after}");

    let snmp = lab.router(1).snmp();
    let oid = format!("{HA}.2.1.1.5.1");
    let shown = wait_for(LIMIT, "haInstanceLastChange", || snmp.get(&oid));
    assert!((time_in(&shown) - happened).abs() < 0.5, "{shown} is not that of {trap}");
    assert_eq!(snmp.get(&format!("{HA}.2.1.1.7.1")).as_deref(), Some("interface eth0 is down"));
    assert_eq!(snmp.get(&oid).as_deref(), Some(&*shown), "it is the same in each answer");
    // haVrrpSessionsLost, and haVrrpNotifsQueued, haVrrpNotifsSent and haVrrpNotifsWaiting, which agree.
    let lost = snmp.get(&format!("{HA}.4.1.0"));
    assert!(lost.as_deref().is_some_and(|lost| lost != "0"), "{lost:?}");
    wait_until(LIMIT, "all notifications are sent", || snmp.get(&format!("{HA}.4.6.0")).as_deref() == Some("0"));
    let [queued, sent] = [2, 3].map(|number| snmp.get(&format!("{HA}.4.{number}.0")));
    assert!(queued.is_some() && queued == sent, "{queued:?} queued, {sent:?} sent");
}

/// Seconds since midnight UTC.
fn seconds_of_day() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() % DAY
}

/// The time of day of a DateAndTime, which net-snmp prints in hexadecimal.
fn time_in(text: &str) -> f64 {
    let octets: Vec<u8> =
        text.trim_matches('"').split_whitespace().map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect();
    let [high, low, month, day, hour, minute, second, tenths, b'+', 0, 0] = octets[..] else { panic!("{text}") };
    assert!(u16::from_be_bytes([high, low]) >= 2024 && (1..=12).contains(&month) && (1..=31).contains(&day), "{text}");
    f64::from(hour) * 3600.0 + f64::from(minute) * 60.0 + f64::from(second) + f64::from(tenths) / 10.0
}
