//! Tests of yielding.

use super::lan::{Lan, config, group, instance, ms};
use crate::config::model::{Config, Instance};
use crate::vrrp::{Cause, Change, Event, InstanceId, State};

fn alone(priority: u8) -> Config {
    config(vec![Instance { priority, ..instance("VI", 51) }], Vec::new())
}

/// Two routers of which the first is master.
fn pair() -> Lan {
    let mut lan = Lan::new(vec![alone(200), alone(100)]);
    lan.run(ms(3000));
    assert_eq!(lan.masters("VI"), [0]);
    lan
}

fn yields(lan: &mut Lan, name: &str, milliseconds: Option<u64>) -> Vec<InstanceId> {
    let members = lan.routers[0].vrrp.tables().yielding_together(name);
    let until = milliseconds.map(|time| lan.now + ms(time));
    lan.event(0, Event::Yield(members.clone(), until));
    members
}

fn unserved(lan: &Lan) -> usize {
    lan.routers[0].changes.iter().filter(|(_, change)| matches!(change, Change::Unserved(_))).count()
}

#[test]
fn a_master_that_yields_is_replaced_at_once_and_stays_out_until_it_is_resumed() {
    let mut lan = pair();
    let from = lan.now;
    let members = yields(&mut lan, "VI", None);
    assert_eq!(lan.routers[0].state("VI"), State::Backup);
    lan.run(ms(300));
    // Skew_Time instead of three intervals: it has sent priority 0.
    assert!(lan.entered(1, State::Master, from).unwrap() - from < ms(100));
    assert!(lan.routers[0].changes.iter().any(|(_, change)| matches!(
        change,
        Change::Instance { from: State::Master, to: State::Backup, cause: Cause::Yielded, .. }
    )));
    // The other has a lower priority all the time.
    lan.run(ms(60_000));
    assert_eq!(lan.masters("VI"), [1]);
    assert_eq!(unserved(&lan), 0);
    lan.event(0, Event::TakePart(members));
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
}

#[test]
fn it_takes_part_again_when_its_time_is_over() {
    let mut lan = pair();
    let from = lan.now;
    yields(&mut lan, "VI", Some(10_000));
    lan.run(ms(9_900));
    assert_eq!(lan.masters("VI"), [1]);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
    assert!(lan.entered(0, State::Master, from).unwrap() >= from + ms(10_000));
    assert_eq!(lan.routers[0].vrrp.tables().instances.values().next().unwrap().yielded, None);
}

/// Yielding twice replaces the time.
#[test]
fn the_last_request_decides_the_time() {
    let mut lan = pair();
    yields(&mut lan, "VI", Some(1000));
    yields(&mut lan, "VI", None);
    lan.run(ms(60_000));
    assert_eq!(lan.masters("VI"), [1]);
}

/// A backup that has yielded never becomes master, and says once that nobody serves.
#[test]
fn without_another_router_it_says_that_nobody_serves() {
    let mut lan = pair();
    yields(&mut lan, "VI", None);
    lan.run(ms(1000));
    lan.kill(1);
    lan.run(ms(20_000));
    assert_eq!(lan.routers[0].state("VI"), State::Backup);
    assert_eq!(unserved(&lan), 1);
    // Priority 0 of a master that stops.
    let mut lan = pair();
    yields(&mut lan, "VI", None);
    lan.run(ms(1000));
    lan.event(1, Event::Stop { keep_addresses: false });
    lan.run(ms(20_000));
    assert_eq!((lan.routers[0].state("VI"), unserved(&lan)), (State::Backup, 1));
}

#[test]
fn the_members_of_a_group_yield_together() {
    let with = |priority| {
        let members = [("A", 51), ("B", 52)].map(|(name, vrid)| Instance { priority, ..instance(name, vrid) });
        config(members.into(), vec![group("G", &["A", "B"])])
    };
    let mut lan = Lan::new(vec![with(200), with(100)]);
    lan.run(ms(3000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
    for name in ["A", "G"] {
        let members = yields(&mut lan, name, None);
        assert_eq!(members.len(), 2);
        lan.run(ms(5000));
        assert_eq!((lan.masters("A"), lan.masters("B")), (vec![1], vec![1]), "{name}");
        let group = lan.routers[0].vrrp.tables().groups.values().next().unwrap();
        assert_eq!(group.state, State::Backup);
        lan.event(0, Event::TakePart(members));
        lan.run(ms(5000));
        assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]), "{name}");
    }
    assert!(lan.routers[0].vrrp.tables().yielding_together("X").is_empty());
}

/// A fault is no end of it: after the fault it still stays out. An address owner stays out too.
#[test]
fn it_holds_over_faults_and_for_owners() {
    let mut lan = Lan::new(vec![alone(255), alone(100)]);
    lan.run(ms(3000));
    assert_eq!(lan.masters("VI"), [0]);
    yields(&mut lan, "VI", None);
    lan.run(ms(1000));
    lan.set_link(0, false);
    assert_eq!(lan.routers[0].state("VI"), State::Fault);
    lan.set_link(0, true);
    lan.run(ms(10_000));
    assert_eq!(lan.masters("VI"), [1]);
}

#[test]
fn it_holds_over_reloads_and_a_crash_of_the_process() {
    let mut lan = pair();
    yields(&mut lan, "VI", Some(30_000));
    lan.run(ms(1000));
    // The same router, and another of the same name.
    lan.event(0, Event::Configure(Box::new(alone(201))));
    lan.run(ms(2000));
    assert_eq!(lan.masters("VI"), [1]);
    let other = config(vec![Instance { priority: 200, ..instance("VI", 99) }], Vec::new());
    lan.event(0, Event::Configure(Box::new(other)));
    lan.run(ms(5000));
    assert_eq!(lan.routers[0].state("VI"), State::Backup);
    lan.event(0, Event::Configure(Box::new(alone(200))));
    lan.run(ms(2000));
    assert_eq!(lan.masters("VI"), [1]);
    let checkpoint = lan.routers[0].vrrp.checkpoint();
    lan.kill(0);
    let replacement = lan.add_resumed(alone(200), &checkpoint, Default::default());
    lan.run(ms(15_000));
    assert_eq!(lan.masters("VI"), [1]);
    lan.run(ms(15_000));
    assert_eq!(lan.masters("VI"), [replacement]);
}

/// A reload may put an instance that has yielded into a group: a group has one state.
#[test]
fn a_group_with_a_member_that_has_yielded_yields() {
    let members = |priority| [("A", 51), ("B", 52)].map(|(name, vrid)| Instance { priority, ..instance(name, vrid) });
    let with = |priority| config(members(priority).into(), vec![group("G", &["A", "B"])]);
    let mut lan = Lan::new(vec![config(members(200).into(), Vec::new()), with(100)]);
    lan.run(ms(3000));
    yields(&mut lan, "A", None);
    lan.run(ms(1000));
    assert_eq!(lan.masters("B"), [0]);
    lan.event(0, Event::Configure(Box::new(with(200))));
    lan.run(ms(5000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![1], vec![1]));
}
