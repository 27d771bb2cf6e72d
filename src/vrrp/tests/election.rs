//! Tests of the election (RFC 9568 section 6.4; UNH-IOL tests 2.1 to 3.4).

use std::time::Duration;

use super::lan::{Lan, config, instance, ms};
use crate::config::model::{Instance, StartState, Version};
use crate::vrrp::{Cause, Change, Event, InstanceId, State};

fn with(priority: u8, change: impl FnOnce(&mut Instance)) -> crate::config::model::Config {
    let mut row = instance("VI", 51);
    row.priority = priority;
    change(&mut row);
    config(vec![row], Vec::new())
}

fn plain(priority: u8) -> crate::config::model::Config {
    with(priority, |_| {})
}

/// Three intervals plus (256 - priority) x interval / 256.
fn down_interval(priority: u32, interval: Duration) -> Duration {
    interval * 3 + interval * (256 - priority) / 256
}

#[test]
fn the_highest_priority_becomes_master_and_the_others_do_not() {
    let mut lan = Lan::new(vec![plain(100), plain(200), plain(150)]);
    lan.run(ms(2000));
    assert_eq!(lan.masters("VI"), [1]);
    assert_eq!(lan.entered(1, State::Master, ms(0)), Some(ms(1000) + down_interval(200, ms(100))));
    assert_eq!(lan.entered(0, State::Master, ms(0)), None);
    assert!(lan.routers[1].kernel.contains(&("10.0.1.51".parse().unwrap(), 32)));
}

#[test]
fn a_dead_master_is_replaced_after_its_down_interval() {
    let mut lan = Lan::new(vec![plain(200), plain(100)]);
    lan.run(ms(1950));
    let last = lan.routers[0].sent.last().unwrap().0;
    lan.kill(0);
    lan.run(ms(1000));
    assert_eq!(lan.entered(1, State::Master, ms(0)), Some(last + down_interval(100, ms(100))));
}

#[test]
fn the_skew_time_of_version_2_is_a_fraction_of_a_second() {
    let v2 = |priority| {
        with(priority, |row| {
            row.version = Version::V2;
            row.advert_interval = ms(1000);
        })
    };
    let mut lan = Lan::new(vec![v2(200), v2(100)]);
    lan.run(ms(6500));
    let last = lan.routers[0].sent.last().unwrap().0;
    lan.kill(0);
    lan.run(ms(5000));
    assert_eq!(lan.entered(1, State::Master, ms(0)), Some(last + ms(3000) + ms(1000) * 156 / 256));
}

#[test]
fn a_backup_takes_over_after_the_skew_time_when_the_master_stops() {
    let mut lan = Lan::new(vec![plain(200), plain(100)]);
    lan.run(ms(2000));
    let at = lan.now;
    lan.event(0, Event::Stop { keep_addresses: false });
    lan.run(ms(500));
    assert_eq!(lan.routers[0].sent.last().unwrap().1[2], 0, "priority 0");
    assert!(lan.routers[0].kernel.is_empty());
    assert!(lan.routers[0].vrrp.is_stopped());
    assert_eq!(lan.entered(1, State::Master, at), Some(at + ms(100) * 156 / 256));
}

#[test]
fn a_nopreempt_backup_takes_over_after_priority_zero_too() {
    let mut lan = Lan::new(vec![plain(200), with(100, |row| row.nopreempt = true)]);
    lan.run(ms(2000));
    let at = lan.now;
    lan.event(0, Event::Stop { keep_addresses: false });
    lan.run(ms(500));
    assert_eq!(lan.entered(1, State::Master, at), Some(at + ms(100) * 156 / 256));
}

#[test]
fn a_higher_priority_takes_over_and_the_lower_yields_at_its_first_advert() {
    let mut lan = Lan::new(vec![plain(100)]);
    lan.run(ms(1000));
    let started = lan.now;
    lan.add(plain(200));
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [1]);
    let taken = lan.entered(1, State::Master, started).unwrap();
    assert_eq!(taken, started + down_interval(200, ms(100)));
    assert_eq!(lan.entered(0, State::Backup, started), Some(taken));
    assert!(lan.routers[0].kernel.is_empty());
}

#[test]
fn nopreempt_leaves_a_lower_master_in_place() {
    let mut lan = Lan::new(vec![plain(100)]);
    lan.run(ms(1000));
    lan.add(with(200, |row| row.nopreempt = true));
    lan.run(ms(3000));
    assert_eq!(lan.masters("VI"), [0]);
    lan.kill(0);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [1]);
}

#[test]
fn preempt_delay_waits_and_then_preempts() {
    let mut lan = Lan::new(vec![plain(100)]);
    lan.run(ms(1000));
    let started = lan.now;
    lan.add(with(200, |row| row.preempt_delay = ms(2000)));
    lan.run(ms(1900));
    assert_eq!(lan.masters("VI"), [0]);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [1]);
    assert!(lan.entered(1, State::Master, started).unwrap() >= started + ms(2000));
}

#[test]
fn preempt_delay_does_not_delay_without_a_master() {
    let mut lan = Lan::new(vec![with(200, |row| row.preempt_delay = ms(60_000))]);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
}

#[test]
fn an_owner_is_master_at_once_and_cannot_be_preempted() {
    let owner = with(255, |row| row.start_state = StartState::Master);
    let mut lan = Lan::new(vec![owner, plain(254)]);
    assert_eq!(lan.routers[0].state("VI"), State::Master);
    lan.run(ms(2000));
    assert_eq!(lan.masters("VI"), [0]);
}

#[test]
fn state_master_without_ownership_waits_for_the_full_down_interval() {
    let eager = with(100, |row| row.start_state = StartState::Master);
    let mut lan = Lan::new(vec![eager.clone()]);
    lan.run(ms(1000));
    assert_eq!(lan.entered(0, State::Master, ms(0)), Some(ms(1000) + ms(300) + ms(100) * 156 / 256));
    let mut lan = Lan::new(vec![plain(200)]);
    lan.run(ms(1000));
    lan.add(eager);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
}

#[test]
fn with_equal_priorities_the_higher_address_wins() {
    let mut lan = Lan::new(vec![plain(100), plain(100)]);
    lan.routers[1].isolated = true;
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0, 1]);
    lan.routers[1].isolated = false;
    lan.run(ms(300));
    assert_eq!(lan.masters("VI"), [1]);
}

#[test]
fn a_master_answers_a_losing_advert_at_once_and_announces_its_addresses() {
    let mut lan = Lan::new(vec![plain(200), plain(100)]);
    lan.routers[1].isolated = true;
    lan.run(ms(7030));
    lan.routers[0].announced.clear();
    let before = lan.routers[0].sent.len();
    lan.routers[1].isolated = false;
    let advert = lan.routers[1].sent.last().unwrap().1.clone();
    let source = lan.routers[1].ip;
    let packet = crate::vrrp::Received {
        ifindex: super::lan::IFINDEX,
        source,
        destination: "224.0.0.18".parse().unwrap(),
        ttl: 255,
        authenticated: None,
        payload: &advert,
    };
    lan.event(0, Event::Packet(packet));
    assert_eq!(lan.routers[0].sent.len(), before + 1);
    assert_eq!(lan.routers[0].sent.last().unwrap().0, lan.now);
    assert_eq!(lan.routers[0].announced.iter().filter(|(at, ..)| *at == lan.now).count(), 5);
    assert!(
        lan.routers[0]
            .changes
            .iter()
            .any(|(_, change)| matches!(change, Change::LowerAdvert { priority: 100, master: true, .. }))
    );
}

#[test]
fn a_backup_learns_the_interval_of_its_master() {
    let mut lan = Lan::new(vec![with(200, |row| row.advert_interval = ms(400)), plain(100)]);
    lan.run(ms(3000));
    assert_eq!(lan.masters("VI"), [0]);
    let last = lan.routers[0].sent.last().unwrap().0;
    lan.kill(0);
    lan.run(ms(3000));
    let taken = lan.routers[1]
        .changes
        .iter()
        .rev()
        .find_map(|(at, change)| matches!(change, Change::Instance { to: State::Master, .. }).then_some(*at));
    assert_eq!(taken, Some(last + down_interval(100, ms(400))));
}

#[test]
fn link_down_is_fault_and_link_up_is_backup_with_the_full_timer() {
    let mut lan = Lan::new(vec![plain(200), plain(100)]);
    lan.run(ms(1000));
    lan.set_link(0, false);
    assert_eq!(lan.routers[0].state("VI"), State::Fault);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [1]);
    assert!(lan.routers[0].kernel.is_empty());
    let back = lan.now;
    lan.set_link(0, true);
    assert_eq!(lan.routers[0].state("VI"), State::Backup);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
    assert_eq!(lan.entered(0, State::Master, back), Some(back + down_interval(200, ms(100))));
}

#[test]
fn the_advert_interval_does_not_drift() {
    let mut lan = Lan::new(vec![plain(200)]);
    lan.run(ms(100_000));
    let sent = &lan.routers[0].sent;
    let first = sent[0].0;
    assert!(sent.iter().enumerate().all(|(n, (at, _))| *at == first + ms(100) * u32::try_from(n).unwrap()));
}

#[test]
fn an_snmp_set_of_the_priority_moves_the_mastership() {
    let mut lan = Lan::new(vec![plain(200), plain(100)]);
    lan.run(ms(1000));
    lan.event(0, Event::SetBasePriority(InstanceId(1), 50));
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [1]);
}

/// `timer_expired_backup`: the routers of the LAN stop the clock of one of them by handling its events late.
#[test]
fn a_late_master_goes_back_to_backup_before_it_answers_another_one() {
    let late = |ms_late: u64, rival: Option<u8>, other: bool| {
        let ours = with(200, |row| {
            row.nopreempt = true;
            row.timer_expired_backup = rival;
        });
        let mut lan = Lan::new(vec![ours, plain(100)]);
        lan.run(ms(1990));
        assert_eq!(lan.masters("VI"), [0]);
        lan.routers[0].isolated = true;
        lan.routers[1].isolated = !other;
        let due = lan.routers[0].sent.last().unwrap().0 + ms(100);
        let sent = lan.routers[0].sent.len();
        // Nothing reaches the machine until this time.
        let timers = std::mem::take(&mut lan.routers[0].timers);
        lan.run(due + ms(ms_late) - lan.now);
        lan.routers[0].timers = timers;
        if other {
            let advert = lan.routers[1].sent.last().unwrap().1.clone();
            let (source, destination) = (lan.routers[1].ip, "224.0.0.18".parse().unwrap());
            let ifindex = super::lan::IFINDEX;
            let packet =
                crate::vrrp::Received { ifindex, source, destination, ttl: 255, authenticated: None, payload: &advert };
            lan.event(0, Event::Packet(packet));
        }
        let answers = lan.routers[0].sent.len() - sent;
        (lan, answers)
    };
    // A router of priority 254 becomes master 300.8 ms after the last advert.
    for (ms_late, rival, backup) in [
        (500, None, false),
        (200, Some(254), false),
        (201, Some(254), true),
        (209, Some(230), false),
        (211, Some(230), true),
    ] {
        let (mut lan, _) = late(ms_late, rival, false);
        lan.run(ms(0));
        let state = if backup { State::Backup } else { State::Master };
        assert_eq!(lan.routers[0].state("VI"), state, "{ms_late} ms, {rival:?}");
        if backup {
            let from = lan.now;
            let cause = lan.routers[0].changes.last().unwrap().1.clone();
            let wanted = Change::Instance {
                id: InstanceId(1),
                from: State::Master,
                to: State::Backup,
                cause: Cause::AdvertLate(ms(ms_late)),
            };
            assert_eq!(cause, wanted);
            // The router of that priority, and then our own Skew_Time.
            let wait = down_interval(rival.unwrap().into(), ms(100)) + ms(100) * 56 / 256;
            lan.run(ms(2000));
            assert_eq!(lan.entered(0, State::Master, from), Some(from + wait));
        }
    }
    // The other router is master: it stays so, and is not answered.
    let (mut lan, answers) = late(1000, Some(254), true);
    assert_eq!((answers, lan.routers[0].state("VI")), (0, State::Backup));
    lan.routers[0].isolated = false;
    lan.run(ms(3000));
    assert_eq!(lan.masters("VI"), [1]);
}
