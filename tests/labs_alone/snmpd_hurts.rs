//! snmpd hangs or dies, and VRRP is not affected: 255 instances at 100 ms with traps enabled.
//!
//! Short forms run with the other tests; LAB_SOAK=1 (`make soak`) runs the long ones. C keepalived
//! (LAB_OURS=c) fails all three: it blocks on the AgentX socket, and serves objects again only after many seconds.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use lab::Daemon::Ours;
use lab::machine::{self, Witness, longest_gap, soak};
use lab::process::footprint;
use lab::snmp::{INSTANCE_STATE, VERSION};
use lab::{Forged, Lab, Stamp, conf, holds_for, now, wait_until};

const INSTANCES: u8 = 255;
const INTERVAL: Duration = Duration::from_millis(100);
/// Longest allowed gap between two adverts. In a debug build a turn of the loop takes some ten times as long: half an interval
/// of delay is far from the three intervals after which the other router takes over.
const LONGEST_GAP: Duration = Duration::from_millis(if cfg!(debug_assertions) { 150 } else { 120 });
/// Time limit for readable objects after snmpd is back.
const READABLE: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(30);
/// Allowed growth for allocators and queues; a leak in a long run exceeds it.
const GROWTH_KIB: u64 = 4096;
/// `master` in vrrpInstanceState.
const MASTER: &str = "2";

#[test]
fn stopped_under_a_running_walk() {
    let _turn = machine::alone();
    let mut crowd = Crowd::settled(1);
    let (idle, ()) = crowd.longest_gap(1, |_| holds_for(Duration::from_secs(3), "idle", || true));

    // C keepalived pings its master every 15 s, and blocks until the answer or for a second.
    let hang = Duration::from_secs(if soak() { 40 } else { 17 });
    let before = crowd.footprint(1);
    let (hung, readable) = crowd.longest_gap(1, |crowd| {
        let _walk = crowd.lab.router(1).snmp().walk_forever();
        crowd.hang(1, hang)
    });
    println!("longest gap: idle {idle:?}, snmpd stopped for {hang:?} under a walk {hung:?}");
    assert!(readable < READABLE, "objects were readable only after {readable:?}");
    crowd.assert_nothing_happened(1, before);
}

#[test]
fn stopped_while_the_backup_must_take_over_all() {
    let _turn = machine::alone();
    let mut crowd = Crowd::settled(2);
    let hang = Duration::from_secs(if soak() { 40 } else { 6 });

    crowd.lab.router(2).snmp().hang_master();
    let killed = crowd.lab.router(1).kill9();
    let bound = INTERVAL * 3 + INTERVAL * 156 / 256;
    wait_until(LIMIT, "the backup takes all 255", || {
        crowd.lab.wire.schedule(2, killed, now()).len() == usize::from(INSTANCES)
    });
    let (before, after) =
        (crowd.lab.wire.schedule(1, Duration::ZERO, killed), crowd.lab.wire.schedule(2, killed, now()));
    let took = |vrid: u8| Some(*after.get(&vrid)?.first()? - *before.get(&vrid)?.last()?);
    let longest = (1..=INSTANCES).filter_map(took).max().unwrap_or_default();
    println!("the last of 255 was taken after {longest:?}, bound {bound:?}");
    assert!(longest + Duration::from_millis(2) > bound, "{longest:?} is too early");
    assert!(longest < bound + Duration::from_millis(200), "{longest:?} is too late");

    let (hung, readable) = crowd.longest_gap(2, |crowd| crowd.hang(2, hang));
    println!("longest gap with snmpd stopped for {hang:?}: {hung:?}");
    assert!(readable < READABLE, "objects were readable only after {readable:?}");
    crowd.await_traps(2);
    wait_until(LIMIT, "all addresses are set", || {
        crowd.lab.router(2).count_addresses("10.101.") == usize::from(INSTANCES)
    });
}

/// In each round one instance loses mastership for a moment while snmpd does not run: those traps must arrive too.
#[test]
fn killed_and_restarted() {
    let _turn = machine::alone();
    let mut crowd = Crowd::settled(1);
    let rounds: u8 = if soak() { 50 } else { 5 };
    // The instances that lose mastership; only the gaps of the others count.
    crowd.undisturbed = INSTANCES - rounds;
    let before = crowd.footprint(1);
    let (gap, readable) = crowd.longest_gap(1, |crowd| {
        let restarts = (1..=rounds).map(|round| {
            crowd.lab.router(1).snmp().kill_master();
            crowd.demote_for_a_moment(INSTANCES - rounds + round);
            crowd.lab.router(1).snmp().start_master();
            crowd.await_readable(1)
        });
        restarts.max().unwrap_or_default()
    });
    println!("longest gap with snmpd killed {rounds} times: {gap:?}");
    assert!(readable < READABLE, "objects were readable only after {readable:?}");
    let disturbed = (INSTANCES - rounds + 1)..=INSTANCES;
    wait_until(LIMIT, "the traps of each round arrive, in order", || {
        let traps = crowd.lab.router(1).snmp().instance_traps();
        disturbed.clone().all(|vrid| {
            let name = format!("VI_{vrid}");
            let states = traps.iter().filter(|(instance, _)| *instance == name);
            states.map(|(_, state)| state.as_str()).collect::<Vec<_>>().ends_with(&["1", MASTER])
        })
    });
    crowd.assert_nothing_happened(1, before);
}

/// Two routers with 255 instances, all of which router 1 masters; one of them has snmpd.
struct Crowd {
    lab: Lab,
    settled: Stamp,
    undisturbed: u8,
}

impl Crowd {
    fn settled(with_snmp: usize) -> Self {
        let mut lab = Lab::new(2);
        lab.router(1).configure(&conf::many(INSTANCES, 1, 200, INTERVAL));
        lab.router(2).configure(&conf::many(INSTANCES, 1, 100, INTERVAL));
        lab.router(with_snmp).start_snmp();
        lab.router(1).start(Ours);
        let everyone = usize::from(INSTANCES);
        wait_until(LIMIT, "router 1 is master of all", || {
            lab.wire.schedule(1, Duration::ZERO, now()).len() == everyone
                && lab.router(1).count_addresses("10.101.") == everyone
        });
        lab.router(2).start(Ours);
        let state = if with_snmp == 1 { MASTER } else { "1" };
        wait_until(LIMIT, "all states are readable", || {
            let rows = lab.router(with_snmp).snmp().walk(INSTANCE_STATE);
            rows.iter().filter(|(_, value)| value == state).count() == everyone
        });
        let mut crowd = Self { lab, settled: now(), undisturbed: INSTANCES };
        if with_snmp == 1 {
            crowd.await_traps(1);
        }
        crowd
    }

    /// Runs `action`, and returns the longest gap between adverts of `router` meanwhile, less the time in which this
    /// host was stalled; asserts that it is short enough.
    fn longest_gap<T>(&mut self, router: usize, action: impl FnOnce(&mut Self) -> T) -> (Duration, T) {
        let witness = Witness::start();
        let from = now();
        let result = action(self);
        let to = now();
        let stalls = witness.stop();
        let schedule = self.lab.wire.schedule(router, from, to);
        let gaps = (1..=self.undisturbed).map(|vrid| {
            let adverts = schedule.get(&vrid).map_or(&[][..], Vec::as_slice);
            longest_gap(adverts, from, to, LONGEST_GAP, &stalls)
        });
        let longest = gaps.max().unwrap_or_default();
        assert!(longest <= LONGEST_GAP, "a gap of {longest:?} between adverts");
        (longest, result)
    }

    /// Suspends the snmpd of `router` for a while; returns the time until an object is readable afterwards.
    fn hang(&mut self, router: usize, period: Duration) -> Duration {
        let snmp = self.lab.router(router).snmp();
        snmp.hang_master();
        holds_for(period, "snmpd is stopped", || true);
        snmp.resume_master();
        self.await_readable(router)
    }

    /// Waits until objects are readable; returns the time.
    fn await_readable(&mut self, router: usize) -> Duration {
        let since = Instant::now();
        let snmp = self.lab.router(router).snmp();
        wait_until(LIMIT, "objects are readable", || snmp.get(VERSION).is_some());
        since.elapsed()
    }

    /// Waits for a trap about the transition to master of each instance.
    fn await_traps(&mut self, router: usize) {
        let snmp = self.lab.router(router).snmp();
        wait_until(LIMIT, "a trap of each instance arrives", || {
            let traps = snmp.instance_traps();
            let masters = traps.iter().filter(|(_, state)| state == MASTER);
            let names: HashSet<&String> = masters.map(|(name, _)| name).collect();
            names.len() == usize::from(INSTANCES)
        });
    }

    /// Sends an advert of a better router for one instance, which loses mastership for a moment.
    fn demote_for_a_moment(&mut self, vrid: u8) {
        let vip = IpAddr::from([10, 101, vrid, 1]);
        let since = now();
        Forged::right(3, vrid, 250, 10, &[vip]).send(&self.lab.client);
        let back = since + INTERVAL * 2;
        self.lab.wire.await_advert(1, vrid, back, LIMIT);
    }

    /// Memory in KiB and descriptors of the VRRP process.
    fn footprint(&mut self, router: usize) -> (u64, usize) {
        footprint(self.lab.router(router).vrrp_pid())
    }

    /// Asserts that the other router has not taken over, no state has changed otherwise, and memory has not grown.
    fn assert_nothing_happened(&mut self, router: usize, before: (u64, usize)) {
        let taken = self.lab.wire.schedule(3 - router, self.settled, now());
        assert!(taken.is_empty(), "the other router took {:?}", taken.keys());
        let traps = self.lab.router(router).snmp().instance_traps();
        for vrid in 1..=self.undisturbed {
            let name = format!("VI_{vrid}");
            let masters = traps.iter().filter(|(instance, state)| *instance == name && state == MASTER);
            assert_eq!(masters.count(), 1, "traps of {name}");
        }
        let (memory, descriptors) = self.footprint(router);
        assert_eq!(descriptors, before.1, "descriptors before and after");
        assert!(memory <= before.0 + GROWTH_KIB, "memory: {} then {memory} KiB", before.0);
    }
}
