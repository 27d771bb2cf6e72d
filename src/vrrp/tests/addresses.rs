//! Tests of the reconciliation of addresses, and of their announcements.

use super::lan::{IFINDEX, Lan, OTHER, address, config, instance, kernel_address, ms};
use crate::state::Op;
use crate::vrrp::{Change, Event, Interface, ObjectId, State, Upper, UpperKind};

fn one() -> crate::config::model::Config {
    let mut row = instance("VI", 51);
    row.excluded = vec![address("192.0.2.7")];
    config(vec![row], Vec::new())
}

#[test]
fn adverts_are_sent_before_any_address_is_requested() {
    let mut lan = Lan::new(vec![one()]);
    lan.run(ms(1000));
    let master = lan.entered(0, State::Master, ms(0)).unwrap();
    assert_eq!(lan.routers[0].sent[0].0, master);
    assert_eq!(lan.routers[0].kernel.len(), 2);
}

#[test]
fn an_address_is_announced_five_times_when_set_and_five_times_after_the_delay() {
    let mut lan = Lan::new(vec![one()]);
    lan.run(ms(10_000));
    let count =
        |id| lan.routers[0].announced.iter().filter(|(_, row, _)| *row == id).map(|(_, _, count)| count).sum::<u32>();
    assert_eq!((count((1, 1)), count((1, 2))), (10, 10));
    let master = lan.entered(0, State::Master, ms(0)).unwrap();
    assert!(lan.routers[0].announced.iter().all(|(at, ..)| *at <= master + ms(10) || *at == master + ms(5000)));
}

/// Otherwise each answer would cause a burst for all addresses.
#[test]
fn there_is_one_burst_also_if_notifications_of_the_kernel_precede_its_answers() {
    let mut lan = Lan::new(vec![one()]);
    lan.routers[0].kernel_delay = ms(100);
    let requested = |lan: &Lan| lan.routers[0].requests.len();
    while requested(&lan) < 2 {
        lan.run(ms(10));
    }
    for ip in ["10.0.1.51", "192.0.2.7"] {
        lan.event(0, Event::AddressAdded(kernel_address(ip.parse().unwrap(), 32)));
    }
    lan.run(ms(1000));
    for id in [(1, 1), (1, 2)] {
        let announced = lan.routers[0].announced.iter().filter(|(_, of, _)| *of == id);
        assert_eq!(announced.map(|(_, _, count)| count).sum::<u32>(), 5);
    }
}

/// `garp_extra_if`: periodically on other interfaces that are macvlans, with `all` on all others; also after a reload.
#[test]
fn addresses_on_other_interfaces_are_announced_periodically() {
    let extra = |seconds: u64, all: bool| {
        let mut config = one();
        let row = &mut config.instances[0];
        row.excluded = vec![crate::config::model::Address::plain("192.0.2.7".parse().unwrap(), 32, "eth1")];
        row.garp.delay = ms(0);
        (row.garp.extra, row.garp.extra_all) = (ms(seconds * 1000), all);
        config
    };
    for (all, macvlan, expected) in [(false, false, 0), (false, true, 4), (true, false, 4), (true, true, 4)] {
        let mut lan = Lan::new(vec![extra(2, all)]);
        let kind = UpperKind::Macvlan { private: true };
        let upper = macvlan.then_some(Upper { base: Some(IFINDEX), kind });
        let mac = Some([2, 0, 0, 0, 0, 9]);
        let other = Interface { index: OTHER, name: "eth1".into(), up: true, mac, upper, ..Interface::default() };
        lan.event(0, Event::Link(other));
        let times = |lan: &mut Lan, time| {
            lan.routers[0].announced.clear();
            lan.run(time);
            let announced = lan.routers[0].announced.drain(..);
            announced.map(|(at, id, count)| (at.as_millis(), id, count)).collect::<Vec<_>>()
        };
        lan.run(ms(1000));
        let master = lan.entered(0, State::Master, ms(0)).unwrap();
        let found = times(&mut lan, ms(8000));
        let at = |n: u64| (master + ms(2000 * n)).as_millis();
        let wanted: Vec<_> = (1..=expected).map(|n| (at(n), (1, 2), 1)).collect();
        assert_eq!(found, wanted, "all {all}, {upper:?}");
        lan.event(0, Event::Configure(Box::new(extra(1, all))));
        assert_eq!(times(&mut lan, ms(4000)).len() as u64, expected, "each second");
        lan.event(0, Event::Configure(Box::new(extra(0, all))));
        assert_eq!(times(&mut lan, ms(4000)), []);
        lan.event(0, Event::Configure(Box::new(extra(1, true))));
        assert_eq!(times(&mut lan, ms(4000)).len(), 4, "begins with a reload");
    }
}

#[test]
fn an_address_removed_by_another_program_is_set_again_without_a_transition() {
    let mut lan = Lan::new(vec![one()]);
    lan.run(ms(1000));
    lan.routers[0].changes.clear();
    lan.steal(0, "10.0.1.51");
    lan.run(ms(100));
    assert!(lan.routers[0].kernel.contains(&("10.0.1.51".parse().unwrap(), 32)));
    let changes: Vec<_> = lan.routers[0].changes.iter().map(|(_, change)| change.clone()).collect();
    assert_eq!(changes, [Change::Stolen(ObjectId::Address((1, 1)))]);
}

/// The kernel's notifications are late, as when many links change, and its addresses are not marked as keepalived's.
#[test]
fn late_notifications_of_our_own_changes_have_no_effect() {
    let reports = |lan: &Lan| {
        let changes = lan.routers[0].changes.iter().map(|(_, change)| change);
        changes.filter(|change| matches!(change, Change::Stolen(_) | Change::Stays(_))).count()
    };
    let right = |row: &crate::vrrp::Address| row.state.installed && row.state.ours && !row.state.refused;
    for (no_track, flaps) in [(false, 1), (false, 3), (true, 1), (true, 3)] {
        let mut config = one();
        config.instances[0].addresses[0].no_track = no_track;
        let mut lan = Lan::new(vec![config]);
        lan.routers[0].marks = false;
        lan.run(ms(1000));
        lan.routers[0].lags = true;
        for _ in 0..flaps {
            lan.set_link(0, false);
            lan.run(ms(10));
            assert!(lan.routers[0].kernel.is_empty());
            lan.set_link(0, true);
            lan.run(ms(1000));
            assert_eq!((lan.routers[0].state("VI"), lan.routers[0].kernel.len()), (State::Master, 2));
        }
        lan.catch_up(0);
        lan.run(ms(1000));
        assert_eq!(reports(&lan), 0, "{:?}", lan.routers[0].changes);
        assert!(lan.routers[0].vrrp.tables.addresses.values().all(right));

        // A removal by another program afterwards is reported.
        lan.steal(0, "192.0.2.7");
        lan.run(ms(100));
        assert_eq!((reports(&lan), lan.routers[0].kernel.len()), (1, 2));

        // Set and removed before the first notification arrives.
        lan.set_link(0, false);
        lan.run(ms(10));
        lan.routers[0].lags = true;
        lan.set_link(0, true);
        lan.run(ms(1000));
        lan.set_link(0, false);
        lan.run(ms(10));
        lan.catch_up(0);
        lan.run(ms(10));
        assert!(lan.routers[0].kernel.is_empty());
        assert!(
            lan.routers[0]
                .vrrp
                .tables
                .addresses
                .values()
                .all(|row| !row.state.installed && !row.state.awaits_notifications())
        );
        assert_eq!(reports(&lan), 1, "{:?}", lan.routers[0].changes);
    }
}

/// An interface is renamed twice before the kernel's notifications about our addresses arrive.
#[test]
fn addresses_on_a_link_that_is_renamed_before_late_notifications_remain_ours() {
    let mut lan = Lan::new(vec![one()]);
    lan.routers[0].marks = false;
    lan.routers[0].lags = true;
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].kernel.len(), 2);
    let link = lan.routers[0].link(true);
    for name in ["renamed", "eth0"] {
        let link = crate::vrrp::Interface { name: name.into(), addresses: Default::default(), ..link.clone() };
        lan.event(0, Event::Link(link));
    }
    lan.run(ms(1000));
    lan.catch_up(0);
    let rows: Vec<_> = lan.routers[0].vrrp.tables.addresses.values().collect();
    assert!(rows.iter().all(|row| row.state.installed && row.state.ours), "{rows:?}");
    lan.event(0, Event::Stop { keep_addresses: false });
    lan.run(ms(100));
    assert!(lan.routers[0].kernel.is_empty());
}

#[test]
fn addresses_left_by_an_earlier_run_are_removed_at_the_start() {
    let mut lan = Lan::new(vec![one()]);
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].kernel.len(), 2);
    let left = lan.routers[0].kernel.clone();
    lan.kill(0);
    let at = lan.add(one());
    lan.routers[at].kernel = left;
    let link = lan.routers[at].link(true);
    lan.event(at, Event::Interfaces(vec![link]));
    lan.run(ms(50));
    assert!(lan.routers[at].kernel.is_empty());
}

#[test]
fn a_refused_address_request_is_repeated() {
    let mut lan = Lan::new(vec![one()]);
    lan.run(ms(360));
    let result = Err("No buffer space available".to_owned());
    lan.event(0, Event::Done { id: ObjectId::Address((1, 1)), op: Op::Add, result });
    assert!(
        lan.routers[0]
            .changes
            .iter()
            .any(|(_, change)| matches!(change, Change::Refused { id: ObjectId::Address((1, 1)), .. }))
    );
    lan.run(ms(2000));
    assert!(lan.routers[0].vrrp.tables.addresses.values().all(|row| row.state.installed));
}

#[test]
fn reading_all_interfaces_after_lost_notifications_corrects_the_rows() {
    let mut lan = Lan::new(vec![one()]);
    lan.run(ms(1000));
    // The addresses are removed without a notification.
    lan.routers[0].kernel.clear();
    let link = lan.routers[0].link(true);
    lan.event(0, Event::Interfaces(vec![link]));
    lan.run(ms(100));
    assert_eq!(lan.routers[0].kernel.len(), 2);
    assert_eq!(lan.routers[0].state("VI"), State::Master);
}

#[test]
fn a_link_that_comes_back_with_another_index_gets_its_addresses() {
    let mut lan = Lan::new(vec![one()]);
    lan.run(ms(1000));
    lan.event(0, Event::LinkGone(IFINDEX));
    assert_eq!(lan.routers[0].state("VI"), State::Fault);
    assert!(lan.routers[0].vrrp.tables.addresses.values().all(|row| !row.state.installed && row.ifindex.is_none()));
    lan.routers[0].kernel.clear();
    let mut link = lan.routers[0].link(true);
    link.index = 9;
    lan.event(0, Event::Interfaces(vec![link]));
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].state("VI"), State::Master);
    assert!(lan.routers[0].vrrp.tables.addresses.values().all(|row| row.ifindex == Some(9)));
}

#[test]
fn with_no_track_a_removed_address_is_not_set_again_until_the_next_transition() {
    let mut config = one();
    config.instances[0].addresses[0].no_track = true;
    let mut lan = Lan::new(vec![config]);
    lan.run(ms(1000));
    lan.steal(0, "10.0.1.51");
    lan.run(ms(2000));
    assert!(!lan.routers[0].kernel.contains(&("10.0.1.51".parse().unwrap(), 32)));
    lan.set_link(0, false);
    lan.set_link(0, true);
    lan.run(ms(1000));
    assert!(lan.routers[0].kernel.contains(&("10.0.1.51".parse().unwrap(), 32)));
}
