//! Wanted and real addresses, and their announcements.

use super::lan::{IFINDEX, Lan, address, config, instance, ms};
use crate::vrrp::{AddressOp, Change, Event, State};

fn one() -> crate::config::model::Config {
    let mut row = instance("VI", 51);
    row.excluded = vec![address("192.0.2.7")];
    config(vec![row], Vec::new())
}

#[test]
fn adverts_leave_before_any_address_is_asked_for() {
    let mut lan = Lan::new(vec![one()]);
    lan.run(ms(1000));
    let master = lan.entered(0, State::Master, ms(0)).unwrap();
    assert_eq!(lan.routers[0].sent[0].0, master);
    assert_eq!(lan.routers[0].kernel.len(), 2);
}

#[test]
fn a_burst_of_five_when_set_and_five_more_after_the_delay() {
    let mut lan = Lan::new(vec![one()]);
    lan.run(ms(10_000));
    let count =
        |id| lan.routers[0].announced.iter().filter(|(_, row, _)| *row == id).map(|(_, _, count)| count).sum::<u32>();
    assert_eq!((count((1, 1)), count((1, 2))), (10, 10));
    let master = lan.entered(0, State::Master, ms(0)).unwrap();
    assert!(lan.routers[0].announced.iter().all(|(at, ..)| *at <= master + ms(10) || *at == master + ms(5000)));
}

#[test]
fn a_stolen_address_is_put_back_without_a_change_of_state() {
    let mut lan = Lan::new(vec![one()]);
    lan.run(ms(1000));
    lan.routers[0].changes.clear();
    lan.steal(0, "10.0.1.51");
    lan.run(ms(100));
    assert!(lan.routers[0].kernel.contains(&("10.0.1.51".parse().unwrap(), 32)));
    let changes: Vec<_> = lan.routers[0].changes.iter().map(|(_, change)| change.clone()).collect();
    assert_eq!(changes, [Change::AddressStolen((1, 1))]);
}

/// The messages of the kernel come late, as beside a storm of links; this kernel does not tell who has set an address.
#[test]
fn late_messages_of_what_we_did_ourselves_change_nothing() {
    let told = |lan: &Lan| {
        let told = lan.routers[0].changes.iter().map(|(_, change)| change);
        told.filter(|change| matches!(change, Change::AddressStolen(_) | Change::AddressStays(_))).count()
    };
    let right = |row: &crate::vrrp::Address| row.installed && row.ours && !row.refused;
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
        assert_eq!(told(&lan), 0, "{:?}", lan.routers[0].changes);
        assert!(lan.routers[0].vrrp.tables.addresses.values().all(right));

        // A theft later on is one.
        lan.steal(0, "192.0.2.7");
        lan.run(ms(100));
        assert_eq!((told(&lan), lan.routers[0].kernel.len()), (1, 2));

        // Set and removed before the first message is heard.
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
        assert!(lan.routers[0].vrrp.tables.addresses.values().all(|row| !row.installed && row.unheard == 0));
        assert_eq!(told(&lan), 1, "{:?}", lan.routers[0].changes);
    }
}

/// An interface changes its name and its name again before the kernel's messages of our addresses are heard.
#[test]
fn a_link_that_changes_before_its_messages_are_heard_keeps_what_is_ours() {
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
    assert!(rows.iter().all(|row| row.installed && row.ours), "{rows:?}");
    lan.event(0, Event::Stop { keep_addresses: false });
    lan.run(ms(100));
    assert!(lan.routers[0].kernel.is_empty());
}

#[test]
fn what_an_earlier_run_left_behind_is_removed_at_start() {
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
fn a_refused_address_is_tried_again() {
    let mut lan = Lan::new(vec![one()]);
    lan.run(ms(360));
    let result = Err("No buffer space available".to_owned());
    lan.event(0, Event::AddressDone { id: (1, 1), op: AddressOp::Add, result });
    assert!(
        lan.routers[0].changes.iter().any(|(_, change)| matches!(change, Change::AddressRefused { id: (1, 1), .. }))
    );
    lan.run(ms(2000));
    assert!(lan.routers[0].vrrp.tables.addresses.values().all(|row| row.installed));
}

#[test]
fn a_snapshot_after_lost_messages_corrects_the_rows() {
    let mut lan = Lan::new(vec![one()]);
    lan.run(ms(1000));
    // Gone without a message.
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
    assert!(lan.routers[0].vrrp.tables.addresses.values().all(|row| !row.installed && row.ifindex.is_none()));
    lan.routers[0].kernel.clear();
    let mut link = lan.routers[0].link(true);
    link.index = 9;
    lan.event(0, Event::Interfaces(vec![link]));
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].state("VI"), State::Master);
    assert!(lan.routers[0].vrrp.tables.addresses.values().all(|row| row.ifindex == Some(9)));
}

#[test]
fn no_track_leaves_a_stolen_address_away_until_the_next_transition() {
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
