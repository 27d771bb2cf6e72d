//! Tests of `use_vmac` on simulated LANs: VMACs are created, adopted, created again and removed.

use super::lan::{IFINDEX, Lan, config, group, instance, ms};
use crate::config::model::{Config, Instance, OwnLink, OwnLinkKind, StartState, Track, TrackerKind};
use crate::state::{Done, Op};
use crate::vrrp::{Change, Event, Fault, Interface, ObjectId, OwnLinkId, State, Upper, UpperKind, WantedLink};

const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];

fn with_vmac(name: &str, vrid: u8) -> Instance {
    let kind = OwnLinkKind::Vmac { mac: [0, 0, 0x5e, 0, 1, vrid], xmit_base: false };
    let link = OwnLink { name: None, prefix: "vrrp".into(), group: None, kind };
    Instance { link: Some(link), ..instance(name, vrid) }
}

fn alone(instances: Vec<Instance>) -> Config {
    config(instances, Vec::new())
}

fn names(lan: &Lan, at: usize) -> Vec<&str> {
    lan.routers[at].vmacs.values().map(|vmac| vmac.name.as_str()).collect()
}

fn states(lan: &Lan, at: usize) -> Vec<State> {
    let state = |change: &Change| match change {
        Change::Instance { to, .. } => Some(*to),
        _ => None,
    };
    lan.routers[at].changes.iter().filter_map(|(_, change)| state(change)).collect()
}

/// Index of the interface that the address of an instance is set on.
fn carrier(lan: &Lan, at: usize) -> Option<u32> {
    let row = lan.routers[at].vrrp.tables.addresses.get(&(1, 1)).unwrap();
    row.ifindex.filter(|_| row.state.installed)
}

#[test]
fn an_instance_waits_for_its_vmac_and_is_not_in_fault() {
    let mut lan = Lan::new(vec![alone(vec![with_vmac("A", 51)])]);
    assert_eq!((lan.routers[0].state("A"), names(&lan, 0).len()), (State::Init, 0));
    lan.run(ms(1000));
    assert_eq!(states(&lan, 0), [State::Backup, State::Master]);
    assert_eq!(names(&lan, 0), ["vrrp.51"]);
    assert_eq!(carrier(&lan, 0), Some(10));
}

#[test]
fn an_owner_becomes_master_as_soon_as_its_vmac_exists() {
    let owner = Instance { priority: 255, start_state: StartState::Master, ..with_vmac("A", 51) };
    let mut lan = Lan::new(vec![alone(vec![owner])]);
    lan.run(ms(50));
    assert_eq!(states(&lan, 0), [State::Master]);
}

#[test]
fn routers_receive_adverts_on_their_vmacs() {
    let high = Instance { priority: 200, ..with_vmac("A", 51) };
    let mut lan = Lan::new(vec![alone(vec![high]), alone(vec![with_vmac("A", 51)])]);
    lan.run(ms(3000));
    assert_eq!(lan.masters("A"), [0]);
    lan.kill(0);
    lan.run(ms(1000));
    assert_eq!(lan.masters("A"), [1]);
    assert_eq!(lan.routers[1].vrrp.tables.router_counters.unknown_vrids(), 0);
}

#[test]
fn an_instance_without_its_vmac_is_in_fault_and_repeats_the_request() {
    let mut lan = Lan::new(Vec::new());
    lan.add(alone(vec![with_vmac("A", 51)]));
    lan.routers[0].refuses_links = true;
    lan.run(ms(500));
    assert_eq!(states(&lan, 0), [State::Fault]);
    assert_eq!(
        lan.routers[0].vrrp.tables.instances.values().next().unwrap().fault,
        Some(Fault::LinkMissing { kind: "VMAC".into(), name: "vrrp.51".into() })
    );
    lan.routers[0].refuses_links = false;
    lan.run(ms(3000));
    assert_eq!(states(&lan, 0), [State::Fault, State::Backup, State::Master]);
}

#[test]
fn the_grace_period_is_extended_while_the_kernel_creates_other_vmacs() {
    let mut lan = Lan::new(vec![alone(vec![with_vmac("A", 51), with_vmac("B", 52)])]);
    lan.run(ms(2000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
    lan.routers[0].vmac_delays = [ms(4900), ms(30_000)].into();
    lan.remove_vmac(0, 10);
    lan.remove_vmac(0, 11);
    lan.run(ms(9800));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]), "the VMAC of A was created after 4.9 s");
    lan.run(ms(200));
    assert_eq!((lan.masters("A"), lan.routers[0].state("B")), (vec![0], State::Fault));
}

#[test]
fn a_removed_vmac_is_created_again_without_a_transition() {
    let mut lan = Lan::new(vec![alone(vec![with_vmac("A", 51)]), alone(vec![with_vmac("A", 51)])]);
    lan.run(ms(2000));
    let master = lan.masters("A")[0];
    let before = states(&lan, master);
    lan.remove_vmac(master, 10);
    assert_eq!(lan.routers[master].kernel.len(), 0);
    lan.run(ms(2000));
    assert_eq!(lan.masters("A"), [master]);
    assert_eq!(states(&lan, master), before);
    assert_eq!((names(&lan, master), carrier(&lan, master)), (vec!["vrrp.51"], Some(11)));
    assert!(lan.routers[master].changes.iter().any(|(_, change)| matches!(change, Change::OwnLinkStolen(_))));
    let announced = lan.routers[master].announced.iter().filter(|(at, ..)| *at > ms(3000)).count();
    assert!(announced > 0, "its address is announced again");
}

#[test]
fn the_vmac_of_a_killed_process_is_adopted_and_removed_at_the_stop() {
    let mut lan = Lan::new(vec![alone(vec![with_vmac("A", 51)])]);
    lan.run(ms(1000));
    lan.kill(0);
    let (kernel, vmacs) = (lan.routers[0].kernel.clone(), lan.routers[0].vmacs.clone());
    assert_eq!((kernel.len(), vmacs.len()), (1, 1));
    // The next process with the same kernel.
    lan.routers[0].vrrp = crate::vrrp::Vrrp::new(crate::vrrp::Tables::new(
        alone(vec![Instance { priority: 50, ..with_vmac("A", 51) }]),
        "test".into(),
    ));
    lan.routers[0].alive = true;
    lan.routers[0].timers.clear();
    lan.start(0);
    lan.run(ms(100));
    assert_eq!(lan.routers[0].state("A"), State::Backup);
    assert!(lan.routers[0].kernel.is_empty(), "a backup has no address");
    assert_eq!(lan.routers[0].vmacs, vmacs, "it was adopted");
    lan.event(0, Event::Stop { keep_addresses: false });
    lan.run(ms(100));
    assert!(lan.routers[0].vmacs.is_empty());
    assert!(lan.routers[0].vrrp.is_stopped());
}

#[test]
fn a_vmac_gets_an_unused_name() {
    let mut lan = Lan::new(Vec::new());
    lan.add(alone(vec![with_vmac("A", 51)]));
    let other = |index, name: &str| Interface { index, name: name.into(), up: true, ..Interface::default() };
    for known in [Some(MAC), None] {
        let mut vrrp = crate::vrrp::Vrrp::new(crate::vrrp::Tables::new(
            alone(vec![with_vmac("A", 51), with_vmac("B", 52)]),
            "test".into(),
        ));
        // vrrp1.51 is the VMAC of an earlier run, or another interface.
        let upper = Some(Upper { base: Some(IFINDEX), kind: UpperKind::Macvlan { private: true } });
        let left = Interface { mac: known, upper, ..other(8, "vrrp1.51") };
        let links = vec![lan.routers[0].link(true), other(7, "vrrp.51"), left];
        vrrp.handle(Event::Interfaces(links), ms(1));
        let asked: Vec<String> = (vrrp.take_output().actions.into_iter())
            .filter_map(|action| match action {
                crate::vrrp::Action::OwnLink { link, .. } => Some(link.name),
                _ => None,
            })
            .collect();
        let first = if known.is_some() { "vrrp1.51" } else { "vrrp2.51" };
        assert_eq!(asked, [first, "vrrp.52"]);
    }
}

#[test]
fn a_long_prefix_is_truncated() {
    let mut long = with_vmac("A", 251);
    long.link.as_mut().unwrap().prefix = "averyverylongprefix".into();
    let mut lan = Lan::new(vec![alone(vec![long])]);
    lan.run(ms(10));
    assert_eq!(names(&lan, 0), ["averyverylo.251"]);
}

#[test]
fn an_answer_for_another_vmac_is_ignored() {
    let mut lan = Lan::new(vec![alone(vec![with_vmac("A", 51)])]);
    let id = crate::vrrp::InstanceId(1);
    let link = WantedLink {
        name: "old.51".into(),
        kind: OwnLinkKind::Vmac { mac: MAC, xmit_base: false },
        base: IFINDEX,
        base_name: "eth0".into(),
        ipv6: false,
        address: None,
        group: 0,
        replace: false,
    };
    lan.event(0, Event::OwnLinkDone { id: OwnLinkId(id, 0), op: Op::Add, link: Box::new(link), made: Ok(99) });
    assert_eq!(lan.routers[0].vrrp.tables.instances.get(&id).unwrap().wire(), None);
}

mod reload {
    use super::*;

    fn running(instances: Vec<Instance>) -> Lan {
        let mut lan = Lan::new(vec![alone(instances)]);
        lan.run(ms(1050));
        lan.routers[0].changes.clear();
        lan
    }

    fn reload(lan: &mut Lan, instances: Vec<Instance>) {
        lan.event(0, Event::Configure(Box::new(alone(instances))));
        lan.run(ms(1000));
    }

    #[test]
    fn unchanged_vmacs_stay_and_others_are_created_or_removed() {
        let mut lan = running(vec![with_vmac("A", 51), with_vmac("B", 52)]);
        reload(&mut lan, vec![with_vmac("A", 51), with_vmac("C", 53)]);
        assert_eq!(lan.routers[0].vmacs.keys().copied().collect::<Vec<_>>(), [10, 12]);
        assert_eq!(names(&lan, 0), ["vrrp.51", "vrrp.53"]);
        assert!(!states(&lan, 0).is_empty());
        let of_a = |change: &Change| matches!(change, Change::Instance { id, .. } if id.0 == 1);
        assert!(!lan.routers[0].changes.iter().any(|(_, change)| of_a(change)));
        assert_eq!(lan.routers[0].state("C"), State::Master);
        assert!(!states(&lan, 0).contains(&State::Init));
    }

    #[test]
    fn use_vmac_can_be_added_and_removed() {
        let mut lan = running(vec![instance("A", 51)]);
        assert_eq!(carrier(&lan, 0), Some(IFINDEX));
        reload(&mut lan, vec![with_vmac("A", 51)]);
        assert_eq!((lan.routers[0].state("A"), names(&lan, 0)), (State::Master, vec!["vrrp.51"]));
        assert_eq!(lan.routers[0].kernel.len(), 1);
        reload(&mut lan, vec![instance("A", 51)]);
        assert_eq!((lan.routers[0].state("A"), names(&lan, 0).len()), (State::Master, 0));
        let rows = lan.routers[0].vrrp.tables.addresses.values();
        assert_eq!(rows.map(|row| row.ifindex).collect::<Vec<_>>(), [Some(IFINDEX)]);
    }

    #[test]
    fn a_new_version_keeps_the_vmac_and_a_new_instance_creates_its_own() {
        let mut lan = running(vec![with_vmac("A", 51)]);
        let version2 =
            Instance { version: crate::config::model::Version::V2, advert_interval: ms(1000), ..with_vmac("A", 51) };
        lan.event(0, Event::Configure(Box::new(alone(vec![version2.clone()]))));
        lan.run(ms(5000));
        assert_eq!((lan.routers[0].state("A"), lan.routers[0].vmacs.contains_key(&10)), (State::Master, true));
        reload(&mut lan, vec![with_vmac("Z", 51)]);
        assert_eq!((lan.routers[0].state("Z"), names(&lan, 0)), (State::Master, vec!["vrrp.51"]));
        assert_eq!(lan.routers[0].kernel.len(), 1);
    }

    #[test]
    fn a_member_that_joins_with_a_vmac_does_not_put_its_group_in_fault() {
        let members = vec![with_vmac("A", 51), with_vmac("B", 52)];
        let mut lan = Lan::new(vec![config(vec![members[0].clone()], vec![group("G", &["A"])])]);
        lan.run(ms(1000));
        assert_eq!(lan.masters("A"), [0]);
        lan.event(0, Event::Configure(Box::new(config(members, vec![group("G", &["A", "B"])]))));
        lan.run(ms(2000));
        assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
        assert!(!states(&lan, 0).contains(&State::Fault));
    }
}

#[test]
fn a_vmac_renamed_by_another_program_is_kept() {
    let mut lan = Lan::new(vec![alone(vec![with_vmac("A", 51)])]);
    lan.run(ms(1000));
    lan.routers[0].vmacs.get_mut(&10).unwrap().name = "gate".into();
    let renamed = lan.routers[0].vmac(10);
    lan.event(0, Event::Link(renamed));
    lan.run(ms(2000));
    assert_eq!(states(&lan, 0), [State::Backup, State::Master]);
    assert_eq!((names(&lan, 0), carrier(&lan, 0)), (vec!["gate"], Some(10)));
    lan.event(0, Event::Stop { keep_addresses: false });
    lan.run(ms(100));
    assert!(lan.routers[0].vmacs.is_empty());
}

#[test]
fn a_vmac_is_prepared_for_an_ipv6_address_that_a_reload_adds() {
    let mut lan = Lan::new(vec![alone(vec![with_vmac("A", 51)])]);
    lan.run(ms(1000));
    assert!(!lan.routers[0].vrrp.tables.instances.values().next().unwrap().link().unwrap().ipv6);
    let more = Instance { excluded: vec![super::lan::address("2001:db8::1")], ..with_vmac("A", 51) };
    lan.event(0, Event::Configure(Box::new(alone(vec![more]))));
    lan.run(ms(100));
    assert!(lan.routers[0].vrrp.tables.instances.values().next().unwrap().link().unwrap().ipv6);
    assert_eq!((names(&lan, 0).len(), states(&lan, 0).len()), (1, 2));
}

#[test]
fn a_group_starts_when_its_last_vmac_exists() {
    let members = vec![instance("A", 51), with_vmac("B", 52)];
    let mut lan = Lan::new(vec![config(members, vec![group("G", &["A", "B"])])]);
    assert_eq!((lan.routers[0].state("A"), lan.routers[0].state("B")), (State::Init, State::Init));
    lan.run(ms(1000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
    assert!(!states(&lan, 0).contains(&State::Fault));
}

#[test]
fn addresses_are_not_set_on_the_base_interface() {
    let mut lan = Lan::new(vec![alone(vec![with_vmac("A", 51)])]);
    lan.run(ms(1000));
    assert_eq!(carrier(&lan, 0), Some(10));
    let done = Event::Done { id: ObjectId::Address((1, 1)), op: Op::Add, result: Ok(Done::Changed) };
    lan.event(0, done);
    assert_eq!(lan.routers[0].link(true).addresses.iter().count(), 1, "the address of the host");
}

#[test]
fn a_vmac_with_a_new_name_is_created_again_without_a_transition() {
    let mut lan = Lan::new(vec![alone(vec![with_vmac("VI", 51)])]);
    lan.run(ms(2000));
    assert_eq!((lan.masters("VI"), names(&lan, 0)), (vec![0], vec!["vrrp.51"]));
    lan.routers[0].changes.clear();
    lan.routers[0].sent.clear();
    let mut row = with_vmac("VI", 51);
    row.link.as_mut().unwrap().name = Some("front".into());
    lan.event(0, Event::Configure(Box::new(alone(vec![row]))));
    lan.run(ms(2000));
    assert_eq!((lan.masters("VI"), names(&lan, 0)), (vec![0], vec!["front"]));
    let moved = |(_, change): &&(_, Change)| matches!(change, Change::Instance { .. } | Change::OwnLinkStolen(_));
    assert_eq!(lan.routers[0].changes.iter().filter(moved).count(), 0);
    assert_eq!(lan.routers[0].kernel.len(), 1, "its address is on the new VMAC");
    assert!(lan.routers[0].sent.len() >= 19, "adverts went on: {}", lan.routers[0].sent.len());
}

#[test]
fn another_instance_tracks_a_vmac_by_its_name() {
    let mut owner = with_vmac("A", 51);
    owner.link.as_mut().unwrap().name = Some("vm0".into());
    let mut follower = instance("B", 52);
    follower.trackers = vec![Track { kind: TrackerKind::Interface, name: "vm0".into(), weight: 0, reverse: false }];
    let mut lan = Lan::new(vec![alone(vec![owner, follower])]);
    lan.run(ms(5000));
    assert_eq!(["A", "B"].map(|name| lan.routers[0].state(name)), [State::Master, State::Master]);
    lan.routers[0].refuses_links = true;
    lan.remove_vmac(0, 10);
    lan.run(ms(6000));
    assert_eq!(["A", "B"].map(|name| lan.routers[0].state(name)), [State::Fault, State::Fault]);
    lan.routers[0].refuses_links = false;
    lan.run(ms(10_000));
    assert_eq!(["A", "B"].map(|name| lan.routers[0].state(name)), [State::Master, State::Master]);
}
