//! Elections in special cases: address owners, ties, preempt_delay, learnt intervals, forged adverts, and reloads.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::conf::VRID;
use lab::{Daemon, Forged, Lab, Protocol, Stamp, holds_for, machine, now, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PROTOCOL: Protocol = Protocol::V3;
const LIMIT: Duration = Duration::from_secs(30);
/// Allowed delay of events on a busy machine.
const LATE: Duration = Duration::from_millis(200);

/// Two routers with these daemons, priorities and additional lines of configuration, not started.
fn lab_of(routers: [(Daemon, u8, &str); 2]) -> Lab {
    let mut lab = Lab::new(2);
    for (number, (_, priority, extra)) in (1..).zip(routers) {
        lab.router(number).configure(&PROTOCOL.conf(priority, extra));
    }
    lab
}

fn start(lab: &mut Lab, number: usize, daemon: Daemon) -> Stamp {
    let at = now();
    lab.router(number).start(daemon);
    at
}

fn await_holder(lab: &Lab, router: usize) {
    for vip in PROTOCOL.all_vips() {
        wait_until(LIMIT, &format!("{vip} is on router {router} alone"), || lab.holders(vip) == [router]);
    }
}

/// Both routers start at the same moment; `winner` becomes master, by priority or by address.
fn together(priorities: [u8; 2], winner: usize) {
    let _turn = machine::shared();
    for seats in [[Ours, C], [C, Ours], [Ours, Ours]] {
        let mut lab = lab_of([(seats[0], priorities[0], ""), (seats[1], priorities[1], "")]);
        start(&mut lab, 1, seats[0]);
        let since = start(&mut lab, 2, seats[1]);
        lab.wire.await_advert(winner, VRID, since, LIMIT);
        await_holder(&lab, winner);
        let settled = now();
        holds_for(PROTOCOL.master_down(100) * 3, "the election is over", || {
            lab.wire.adverts(3 - winner, VRID, settled).is_empty()
        });
    }
}

#[test]
fn of_two_that_start_together_the_higher_priority_wins() {
    together([150, 100], 1);
}

/// `timer_expired_backup`: after a standstill the other router is master. The first one sends no advert until it has heard
/// that, although its priority is higher.
#[test]
fn a_master_that_stood_still_does_not_take_the_addresses_back() {
    let _turn = machine::shared();
    let mut lab = lab_of([(Ours, 200, "nopreempt\n  timer_expired_backup"), (Ours, 100, "")]);
    start(&mut lab, 1, Ours);
    await_holder(&lab, 1);
    start(&mut lab, 2, Ours);
    wait_until(LIMIT, "router 2 is backup", || lab.router(2).log().contains("Entering BACKUP STATE"));
    let process = Pid::from_raw(lab.router(1).vrrp_pid());
    let since = now();
    kill(process, Signal::SIGSTOP).unwrap();
    lab.wire.await_advert(2, VRID, since, LIMIT);
    let continued = now();
    kill(process, Signal::SIGCONT).unwrap();
    wait_until(LIMIT, "the reason is logged", || lab.router(1).log().contains("so that another router may be master"));
    await_holder(&lab, 2);
    holds_for(Duration::from_secs(1), "router 2 stays master", || lab.wire.adverts(1, VRID, continued).is_empty());
    let log = lab.router(2).log();
    assert!(log.rfind("Entering MASTER STATE") > log.rfind("Entering BACKUP STATE"), "{log}");
}

/// RFC 9568 section 6.4.3: with equal priorities the higher primary address wins. Both become master while the link
/// between them is down.
#[test]
fn of_equals_the_higher_address_wins_after_a_split() {
    let _turn = machine::shared();
    for seats in [[Ours, C], [C, Ours]] {
        let mut lab = lab_of([(seats[0], 100, ""), (seats[1], 100, "")]);
        lab.join(1, false);
        for number in [1, 2] {
            let since = start(&mut lab, number, seats[number - 1]);
            if number == 2 {
                lab.wire.await_advert(2, VRID, since, LIMIT);
            }
        }
        wait_until(LIMIT, "both hold the addresses", || lab.holders(PROTOCOL.vips(VRID)[0]) == [1, 2]);
        lab.join(1, true);
        await_holder(&lab, 2);
    }
}

#[test]
fn the_address_owner_is_master_at_once() {
    let _turn = machine::shared();
    for seats in [[Ours, C], [C, Ours]] {
        let mut lab = lab_of([(seats[0], 255, "advert_int 2"), (seats[1], 254, "advert_int 2")]);
        let since = start(&mut lab, 2, seats[1]);
        lab.wire.await_advert(2, VRID, since, LIMIT);
        let since = start(&mut lab, 1, seats[0]);
        let took = lab.wire.await_advert(1, VRID, since, LIMIT) - since;
        assert!(took < Duration::from_secs(3 * 2), "an owner does not wait, but this one took {took:?}");
        await_holder(&lab, 1);
    }
}

#[test]
fn preempt_delay_holds_the_better_router_back() {
    let _turn = machine::shared();
    let delay = Duration::from_secs(2);
    let mut lab = lab_of([(Ours, 200, "preempt_delay 2"), (C, 100, "")]);
    let since = start(&mut lab, 2, C);
    lab.wire.await_advert(2, VRID, since, LIMIT);
    let since = start(&mut lab, 1, Ours);
    let took = lab.wire.await_advert(1, VRID, since, LIMIT) - since;
    let due = delay + PROTOCOL.master_down(200);
    assert!(took >= delay && took < due + LATE * 3, "{took:?}, due about {due:?}");
    await_holder(&lab, 1);
}

/// RFC 9568 section 6.4.2: a backup uses the interval that the master advertises, not its own.
#[test]
fn a_backup_learns_the_interval_of_its_master() {
    let _turn = machine::shared();
    for (learnt, master) in [("0.01", C), ("0.05", C), ("0.4", Ours)] {
        let mut lab = lab_of([(master, 200, ""), (Ours, 100, "")]);
        let conf = PROTOCOL.conf(200, "");
        lab.router(1).configure(&conf.replace("advert_int 0.1", &format!("advert_int {learnt}")));
        start(&mut lab, 2, Ours);
        start(&mut lab, 1, master);
        await_holder(&lab, 1);
        let interval: f64 = learnt.parse().unwrap_or_default();
        // A few adverts, from which the backup learns the interval.
        let settled = now();
        wait_until(LIMIT, "the master sends 5 adverts", || lab.wire.adverts(1, VRID, settled).len() >= 5);
        let killed = lab.router(1).kill9();
        let taken = lab.wire.await_advert(2, VRID, killed, LIMIT);
        let took = taken - lab.wire.last_advert(1, VRID).unwrap_or_default();
        let due = Duration::from_secs_f64(interval * (3.0 + 156.0 / 256.0));
        assert!(took + Duration::from_millis(2) > due && took < due + LATE, "{took:?}, due {due:?}");
    }
}

/// RFC 9568 section 6.4.3 (730): a losing advert is answered at once, so that bridges relearn the port.
#[test]
fn a_losing_advert_is_answered_at_once() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let conf = PROTOCOL.conf(100, "").replace("advert_int 0.1", "advert_int 5");
    lab.router(1).configure(&conf.replace("priority 100", "priority 255"));
    let since = start(&mut lab, 1, Ours);
    let first = lab.wire.await_advert(1, VRID, since, LIMIT);
    for (what, priority) in [("lower priority", 50), ("resignation", 0)] {
        let sent = now();
        assert!(sent < first + Duration::from_secs(4), "the next regular advert is too close");
        Forged::right(3, VRID, priority, 500, &PROTOCOL.vips(VRID)).send(&lab.client);
        let answer = lab.wire.await_advert(1, VRID, sent, Duration::from_secs(1)) - sent;
        assert!(answer < LATE, "{what} is answered after {answer:?}");
    }
}

/// SIGHUP with another address: the old one is removed, the new one is added, and adverts continue.
#[test]
fn a_reload_changes_addresses_and_nothing_else() {
    let _turn = machine::shared();
    // Slow adverts: the gap must be the daemon's and not that of a busy machine.
    let (extra, interval) = ("advert_int 0.4", Duration::from_millis(400));
    // C keepalived drops adverts with other addresses than its own, and would take over.
    let mut lab = lab_of([(Ours, 200, extra), (Ours, 100, extra)]);
    for number in [1, 2] {
        start(&mut lab, number, Ours);
        await_holder(&lab, 1);
    }
    let new = std::net::IpAddr::from([10, 77, 0, 1]);
    let [kept, gone] = PROTOCOL.vips(VRID)[..] else { panic!("two addresses") };
    let reloaded = now();
    lab.router(1).configure(&PROTOCOL.conf(200, extra).replace(&gone.to_string(), "10.77.0.1"));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the new address is added, the old one removed", || {
        lab.holders(new) == [1] && lab.holders(kept) == [1] && lab.holders(gone).is_empty()
    });
    lab.wire.await_advert(1, VRID, now(), LIMIT);
    let adverts = lab.wire.adverts(1, VRID, reloaded);
    assert!(adverts.iter().all(|(_, advert)| advert.priority == 200), "it never resigned");
    let longest = adverts.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap_or_default();
    assert!(longest < interval * 3, "a gap of {longest:?}");
    assert!(lab.wire.adverts(2, VRID, reloaded).is_empty(), "the other router stays backup");
}

/// SIGHUP with an invalid file: the running configuration stays in force, and the reason is logged.
#[test]
fn a_reload_of_an_invalid_file_changes_nothing() {
    let _turn = machine::shared();
    let mut lab = lab_of([(Ours, 200, ""), (C, 100, "")]);
    start(&mut lab, 1, Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    let running = lab.router(1).vrrp_pid();
    lab.router(1).configure(&PROTOCOL.conf(200, "").replace("virtual_router_id", "virtual_ruter_id"));
    let reloaded = now();
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the log names the wrong line", || lab.router(1).log().contains("virtual_ruter_id"));
    holds_for(PROTOCOL.interval() * 10, "the addresses stay", || {
        PROTOCOL.all_vips().iter().all(|vip| lab.router(1).holds(*vip))
    });
    assert!(lab.wire.adverts(1, VRID, reloaded).len() >= 8, "adverts continue");
    assert_eq!(lab.router(1).vrrp_pid(), running);
}
