//! snmpd hurts as much as it can, and VRRP does not feel it: 255 instances at 100 ms with traps on.
//!
//! Short forms run with the other tests; LAB_SOAK=1 (`make soak`) runs the long ones. C keepalived
//! (LAB_OURS=c) fails all three: it sleeps in the AgentX socket, and comes back after many seconds.

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
/// No advert may follow the one before later than this.
const LONGEST_GAP: Duration = Duration::from_millis(120);
/// How soon after snmpd's return objects must be readable.
const READABLE: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(30);
/// Room for allocators and queues; a leak in a long run passes it.
const GROWTH_KIB: u64 = 4096;
/// `master` in vrrpInstanceState.
const MASTER: &str = "2";

#[test]
fn stopped_under_a_running_walk() {
    let _turn = machine::alone();
    let mut crowd = Crowd::settled(1);
    let (idle, ()) = crowd.longest_gap(1, |_| holds_for(Duration::from_secs(3), "idle", || true));

    // C keepalived pings its master every 15 s, and sleeps until the answer or a second has passed.
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

/// While snmpd is away, in each round one instance loses its place for a moment: those traps must
/// arrive as well.
#[test]
fn killed_and_restarted() {
    let _turn = machine::alone();
    let mut crowd = Crowd::settled(1);
    let rounds: u8 = if soak() { 50 } else { 5 };
    // The instances that are disturbed; the gaps of the others count.
    crowd.undisturbed = INSTANCES - rounds;
    let before = crowd.footprint(1);
    let (gap, readable) = crowd.longest_gap(1, |crowd| {
        let restarts = (1..=rounds).map(|round| {
            crowd.lab.router(1).snmp().kill_master();
            crowd.unseat_for_a_moment(INSTANCES - rounds + round);
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

/// Two routers of 255 instances, router 1 master of all; one of them with snmpd.
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

    /// Runs `action`; returns the longest gap between adverts of `router` meanwhile, less the time
    /// in which the machine stood still, and asserts that it is short enough.
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

    /// Stops the snmpd of `router` for a while; returns how long it then took to read an object.
    fn hang(&mut self, router: usize, period: Duration) -> Duration {
        let snmp = self.lab.router(router).snmp();
        snmp.hang_master();
        holds_for(period, "snmpd is stopped", || true);
        snmp.resume_master();
        self.await_readable(router)
    }

    /// How long it took from now until objects could be read.
    fn await_readable(&mut self, router: usize) -> Duration {
        let since = Instant::now();
        let snmp = self.lab.router(router).snmp();
        wait_until(LIMIT, "objects are readable", || snmp.get(VERSION).is_some());
        since.elapsed()
    }

    /// Each instance's move to master was told by a trap.
    fn await_traps(&mut self, router: usize) {
        let snmp = self.lab.router(router).snmp();
        wait_until(LIMIT, "a trap of each instance arrives", || {
            let traps = snmp.instance_traps();
            let masters = traps.iter().filter(|(_, state)| state == MASTER);
            let names: HashSet<&String> = masters.map(|(name, _)| name).collect();
            names.len() == usize::from(INSTANCES)
        });
    }

    /// A better router shows up for one instance and is gone again.
    fn unseat_for_a_moment(&mut self, vrid: u8) {
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

    /// No one else took an instance, no state changed unduly, nothing grew.
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
