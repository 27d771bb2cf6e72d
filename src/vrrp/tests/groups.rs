//! Tests of sync groups: their members never have different states, except while packets are under way.

use super::lan::{Lan, config, group, instance, ms};
use crate::config::model::Config;
use crate::vrrp::{Change, Event, State};

fn pair(priorities: [u8; 2]) -> Config {
    let mut rows = vec![instance("A", 51), instance("B", 52)];
    rows[0].priority = priorities[0];
    rows[1].priority = priorities[1];
    config(rows, vec![group("G", &["A", "B"])])
}

fn alone(name: &str, vrid: u8, priority: u8) -> Config {
    let mut row = instance(name, vrid);
    row.priority = priority;
    config(vec![row], Vec::new())
}

#[test]
fn members_become_master_together() {
    let mut lan = Lan::new(vec![pair([200, 150])]);
    lan.run(ms(2000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
    let masters: Vec<_> = lan.routers[0]
        .changes
        .iter()
        .filter(|(_, change)| matches!(change, Change::Instance { to: State::Master, .. }))
        .collect();
    assert_eq!(masters.len(), 2);
    assert_eq!(masters[0].0, masters[1].0, "at the same moment");
    let order: Vec<_> =
        lan.routers[0].changes.iter().map(|(_, change)| matches!(change, Change::Group { .. })).collect();
    assert_eq!(
        order,
        [true, false, false, false, false, true],
        "the group is reported first at the start, and last when it becomes master"
    );
}

#[test]
fn a_better_router_for_one_member_keeps_the_group_backup_until_it_dies() {
    let mut lan = Lan::new(vec![pair([200, 100]), alone("B", 52, 150)]);
    lan.run(ms(2000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![], vec![1]));
    lan.kill(1);
    lan.run(ms(1000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
}

#[test]
fn the_fault_and_recovery_of_one_member_apply_to_all() {
    let mut other = instance("B", 52);
    other.interface = "eth1".into();
    other.addresses[0].device = "eth1".into();
    let both = config(vec![instance("A", 51), other], vec![group("G", &["A", "B"])]);
    let mut lan = Lan::new(vec![both]);
    lan.run(ms(1000));
    assert_eq!((lan.routers[0].state("A"), lan.routers[0].state("B")), (State::Fault, State::Fault));
    let mut link = lan.routers[0].link(true);
    link.index = 3;
    link.name = "eth1".into();
    let address = crate::vrrp::KernelAddress {
        ifindex: 3,
        ip: "10.9.0.1".parse().unwrap(),
        prefix: 24,
        usable: true,
        marked: false,
    };
    lan.event(0, Event::Link(link.clone()));
    lan.event(0, Event::AddressAdded(address));
    lan.run(ms(1000));
    assert_eq!((lan.routers[0].state("A"), lan.routers[0].state("B")), (State::Master, State::Master));
    lan.event(0, Event::LinkGone(3));
    assert_eq!((lan.routers[0].state("A"), lan.routers[0].state("B")), (State::Fault, State::Fault));
}

#[test]
fn a_better_router_for_one_member_takes_the_whole_group() {
    let mut lan = Lan::new(vec![pair([100, 100])]);
    lan.run(ms(1000));
    lan.add(pair([200, 200]));
    lan.run(ms(2000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![1], vec![1]));
    let states = lan.routers[0].vrrp.tables.groups.values().map(|group| group.state).collect::<Vec<_>>();
    assert_eq!(states, [State::Backup]);
}

#[test]
fn a_replacement_resumes_as_master_with_its_group_without_reports() {
    let mut lan = Lan::new(vec![pair([200, 200]), alone("A", 51, 100)]);
    lan.run(ms(2000));
    let checkpoint = lan.routers[0].vrrp.checkpoint();
    lan.routers[1].changes.clear();
    // The process is replaced. The kernel has kept its addresses.
    lan.routers[0].timers.clear();
    lan.routers[0].changes.clear();
    lan.routers[0].vrrp = crate::vrrp::Vrrp::new(crate::vrrp::Tables::new(pair([200, 200]), "test".into()));
    lan.routers[0].vrrp.resume(&checkpoint);
    lan.start(0);
    assert_eq!((lan.routers[0].state("A"), lan.routers[0].state("B")), (State::Master, State::Master), "at once");
    lan.run(ms(2000));
    assert_eq!(lan.routers[1].changes, [], "the other router has not noticed");
    let changes: Vec<_> = lan.routers[0].changes.iter().map(|(_, change)| change).collect();
    let silent = |change: &&Change| matches!(change, Change::Instance { cause: crate::vrrp::Cause::Resumed, .. });
    assert!(changes.iter().all(silent), "{changes:?}");
    assert_eq!(lan.routers[0].kernel.len(), 2);
}

/// `vrrp_startup_delay` is for the start of the daemon: a master whose process is replaced must not fall silent.
#[test]
fn a_replacement_does_not_wait_as_the_daemon_does_at_its_start() {
    let mut config = config(vec![instance("VI", 51)], Vec::new());
    config.global.vrrp_startup_delay = ms(10_000);
    let mut lan = Lan::new(vec![config.clone()]);
    lan.run(ms(5000));
    assert_eq!(lan.routers[0].state("VI"), State::Init);
    let waiting = lan.routers[0].vrrp.checkpoint();
    lan.run(ms(10_000));
    assert_eq!(lan.masters("VI"), [0]);
    let checkpoint = lan.routers[0].vrrp.checkpoint();
    let mut next = Lan::new(Vec::new());
    next.add_resumed(config.clone(), &checkpoint, Default::default());
    assert_eq!(next.routers[0].state("VI"), State::Master);
    // One that was replaced during the delay waits too.
    let mut next = Lan::new(Vec::new());
    next.add_resumed(config, &waiting, Default::default());
    next.run(ms(5000));
    assert_eq!(next.routers[0].state("VI"), State::Init);
}

#[test]
fn a_backup_is_resumed_as_a_backup() {
    let mut lan = Lan::new(vec![pair([200, 200]), alone("A", 51, 100)]);
    lan.run(ms(2000));
    let mut fresh = crate::vrrp::Vrrp::new(crate::vrrp::Tables::new(alone("A", 51, 100), "test".into()));
    fresh.resume(&lan.routers[1].vrrp.checkpoint());
    lan.routers[1].timers.clear();
    lan.routers[1].vrrp = fresh;
    lan.start(1);
    assert_eq!(lan.routers[1].state("A"), State::Backup);
}

/// Reloads the first router.
fn reload(lan: &mut Lan, config: Config) {
    lan.event(0, Event::Configure(Box::new(config)));
}

fn three(priority: u8) -> Config {
    let rows = [("A", 51), ("B", 52), ("C", 53)].map(|(name, vrid)| {
        let mut row = instance(name, vrid);
        row.priority = priority;
        row
    });
    config(rows.into(), vec![group("G", &["A", "B", "C"])])
}

#[test]
fn a_new_member_joins_a_master_group_without_affecting_the_others() {
    let mut lan = Lan::new(vec![pair([200, 200]), pair([100, 100])]);
    lan.run(ms(2000));
    lan.routers[0].changes.clear();
    lan.routers[0].sent.clear();
    let kernel = lan.routers[0].kernel.clone();
    reload(&mut lan, three(200));
    // A further reload while the new member waits has no effect either.
    lan.run(ms(100));
    reload(&mut lan, three(200));
    assert_eq!((lan.masters("A"), lan.masters("B"), lan.routers[0].state("C")), (vec![0], vec![0], State::Backup));
    assert!(lan.routers[0].kernel.is_superset(&kernel));
    lan.run(ms(1000));
    assert_eq!(lan.masters("C"), [0]);
    let moved: Vec<u32> = (lan.routers[0].changes.iter())
        .filter_map(|(_, change)| match change {
            Change::Instance { id, .. } => Some(id.0),
            Change::Group { .. } => Some(0),
            _ => None,
        })
        .collect();
    assert_eq!(moved, [3, 3], "only the new member, to backup and to master");
    assert!(lan.routers[0].sent.iter().all(|(_, bytes)| bytes[2] != 0), "no priority 0 was sent");
}

#[test]
fn a_better_router_for_a_new_member_makes_the_group_backup() {
    let mut lan = Lan::new(vec![pair([200, 200]), alone("C", 53, 250)]);
    lan.run(ms(2000));
    reload(&mut lan, three(200));
    lan.run(ms(2000));
    assert_eq!((lan.masters("A"), lan.masters("B"), lan.masters("C")), (vec![], vec![], vec![1]));
    let state = lan.routers[0].vrrp.tables.groups.values().next().unwrap().state;
    assert_eq!(state, State::Backup);
}

#[test]
fn a_new_member_in_fault_puts_the_group_in_fault() {
    let mut lan = Lan::new(vec![pair([200, 200])]);
    lan.run(ms(2000));
    let mut file = three(200);
    file.instances[2].interface = "eth7".into();
    file.instances[2].addresses[0].device = "eth7".into();
    reload(&mut lan, file);
    assert_eq!((lan.routers[0].state("A"), lan.routers[0].state("C")), (State::Fault, State::Fault));
}
