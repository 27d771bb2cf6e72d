//! Clocks that are set while the routers run.

use super::super::lan::{Lan, Packet, ms};
use super::{HOUR, hmac, monotonic, receive, restart, row};
use crate::config::model::Config;
use crate::vrrp::{Change, Sequences};

fn clock_changes(lan: &Lan, at: usize) -> Vec<Change> {
    let of_clock = |change: &&Change| matches!(change, Change::ClockSet { .. } | Change::ClockFollowed { .. });
    lan.routers[at].changes.iter().map(|(_, change)| change).filter(of_clock).cloned().collect()
}

#[test]
fn one_master_remains_when_a_clock_is_set_by_an_hour() {
    for of in [hmac as fn(u8) -> Config, monotonic] {
        for (at, by) in [(0, HOUR), (0, -HOUR), (1, HOUR), (1, -HOUR)] {
            let mut lan = Lan::new(vec![of(200), of(100)]);
            lan.run(ms(10_000));
            lan.routers[at].clock_ahead += by;
            lan.run(ms(600_000));
            assert_eq!(clock_changes(&lan, at), [Change::ClockSet { by }], "{at} {by}");
            lan.routers[at].clock_ahead -= by;
            lan.run(ms(600_000));
            assert!(!row(&lan, at).hmac.keeps_time(), "{at} {by}");
            assert_eq!([0, 1].map(|at| row(&lan, at).counters.become_master), [1, 0], "{at} {by}");
            // The other router takes over, and is heard.
            lan.kill(0);
            lan.run(ms(10_000));
            lan.routers[0].alive = true;
            lan.run(ms(10_000));
            assert_eq!(lan.masters("VI"), [0], "{at} {by}");
        }
    }
}

#[test]
fn one_master_remains_when_both_clocks_are_set_by_an_hour_and_a_router_restarts() {
    for by in [HOUR, -HOUR] {
        let mut lan = Lan::new(vec![hmac(200), hmac(100)]);
        lan.run(ms(10_000));
        for at in [0, 1] {
            lan.routers[at].clock_ahead += by;
            lan.run(ms(7000));
        }
        assert_eq!([0, 1].map(|at| row(&lan, at).counters.become_master), [1, 0], "{by}");
        // The restarted router has the new time.
        let saved = lan.routers[1].vrrp.sequences(true);
        restart(&mut lan, 1, hmac(100), &saved);
        lan.run(ms(20_000));
        assert_eq!(lan.masters("VI"), [0], "{by}");
        assert!(!row(&lan, 0).hmac.keeps_time());
        let sender = lan.routers[1].ip;
        let followed = |change: &Change| matches!(change, Change::ClockFollowed { source, .. } if *source == sender);
        assert!(clock_changes(&lan, 0).iter().any(followed), "{by}");
    }
}

/// Routers without a battery-backed clock start with different times, and get the right time later.
#[test]
fn routers_that_start_with_wrong_times_have_one_master_once_their_clocks_are_right() {
    let mut lan = Lan::new(vec![hmac(200), hmac(100)]);
    (lan.routers[0].clock_ahead, lan.routers[1].clock_ahead) = (-9 * HOUR, -7 * HOUR);
    for (at, config) in [(0, hmac(200)), (1, hmac(100))] {
        restart(&mut lan, at, config, &Sequences::default());
    }
    lan.run(ms(20_000));
    assert_eq!(lan.masters("VI"), [0, 1], "their times differ too much");
    for at in [0, 1] {
        lan.routers[at].clock_ahead = 0;
        lan.run(ms(10_000));
    }
    assert_eq!(lan.masters("VI"), [0]);
}

/// An attacker cannot make a router follow a clock that was set by sending it adverts from before.
#[test]
fn a_replayed_advert_does_not_change_the_kept_time() {
    let mut lan = Lan::new(vec![hmac(200), hmac(100)]);
    lan.run(ms(20_000));
    let recorded = lan.routers[0].sent[0].1.clone();
    lan.routers[1].clock_ahead = HOUR;
    lan.run(ms(5000));
    let source = lan.routers[0].ip;
    receive(&mut lan, 1, &Packet::new(source, "224.0.0.18".parse().unwrap(), 255, recorded, None));
    assert!(row(&lan, 1).hmac.keeps_time());
    assert_eq!(row(&lan, 1).counters.hmac_replay, 1);
}
