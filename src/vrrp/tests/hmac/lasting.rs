//! What outlives a replacement of the process, and a restart of the daemon.

use super::super::lan::{Lan, Packet, ms};
use super::{HOUR, hmac, monotonic, receive, restart, row};
use crate::config::model::Config;
use crate::vrrp::{Checkpoint, Sequences, Tables, Vrrp};

/// A replacement of the process continues with a checkpoint that is as old as possible.
fn replace(lan: &mut Lan, at: usize, config: Config, checkpoint: &Checkpoint) {
    lan.routers[at].timers.clear();
    lan.routers[at].vrrp = Vrrp::new(Tables::new(config, "test".into()));
    lan.routers[at].vrrp.resume(checkpoint);
    lan.start(at);
}

fn run_with_checkpoints(lan: &mut Lan, seconds: u64) -> [Checkpoint; 2] {
    let mut checkpoints = [0, 1].map(|at: usize| lan.routers[at].vrrp.checkpoint());
    for _ in 0..seconds {
        lan.run(ms(1000));
        for (at, checkpoint) in checkpoints.iter_mut().enumerate() {
            if std::mem::take(&mut lan.routers[at].save) {
                *checkpoint = lan.routers[at].vrrp.checkpoint();
            }
        }
    }
    checkpoints
}

#[test]
fn a_replacement_is_not_noticed_and_refuses_old_adverts() {
    for of in [hmac as fn(u8) -> Config, monotonic] {
        let mut lan = Lan::new(vec![of(200), of(100)]);
        // The clock of the master is set during the run, and again within the last block.
        lan.run(ms(30_000));
        lan.routers[0].clock_ahead = -HOUR;
        let recorded = lan.routers[0].sent.last().unwrap().1.clone();
        let [master, backup] = run_with_checkpoints(&mut lan, 170);
        lan.routers.iter_mut().for_each(|router| router.changes.clear());
        replace(&mut lan, 0, of(200), &master);
        lan.run(ms(10_000));
        replace(&mut lan, 1, of(100), &backup);
        let source = lan.routers[0].ip;
        let old = Packet::new(source, "224.0.0.18".parse().unwrap(), 255, recorded, None);
        receive(&mut lan, 1, &old);
        lan.run(ms(10_000));
        assert_eq!(lan.masters("VI"), [0]);
        let counters = row(&lan, 1).counters;
        assert_eq!((counters.hmac_stale + counters.hmac_replay, counters.become_master), (1, 0));
        assert_eq!(row(&lan, 0).counters.become_master, 1, "it has resumed");
    }
}

#[test]
fn a_master_that_continues_instead_of_its_replacement_is_not_noticed() {
    for of in [hmac as fn(u8) -> Config, monotonic] {
        let mut lan = Lan::new(vec![of(200), of(100)]);
        lan.run(ms(30_000));
        lan.continue_instead_of_replacement(0, of(200));
        lan.routers[1].changes.clear();
        lan.run(ms(10_000));
        assert_eq!((lan.masters("VI"), row(&lan, 1).counters.hmac_replay), (vec![0], 0));
        assert_eq!(lan.routers[1].changes, []);
    }
}

#[test]
fn monotonic_numbers_outlive_a_restart_with_a_clock_that_was_set_back() {
    for killed in [false, true] {
        let mut lan = Lan::new(vec![monotonic(200), monotonic(100)]);
        let mut saved = [Sequences::default(), Sequences::default()];
        for _ in 0..170 {
            lan.run(ms(1000));
            for (at, saved) in saved.iter_mut().enumerate() {
                if std::mem::take(&mut lan.routers[at].save) {
                    *saved = lan.routers[at].vrrp.sequences(false);
                }
            }
        }
        if !killed {
            saved = [0, 1].map(|at: usize| lan.routers[at].vrrp.sequences(true));
        }
        let recorded = lan.routers[0].sent[0].1.clone();
        lan.kill(0);
        lan.routers[0].clock_ahead = -HOUR;
        restart(&mut lan, 0, monotonic(200), &saved[0]);
        lan.run(ms(10_000));
        assert_eq!((lan.masters("VI"), row(&lan, 1).counters.hmac_replay), (vec![0], 0), "killed: {killed}");
        restart(&mut lan, 1, monotonic(100), &saved[1]);
        let source = lan.routers[0].ip;
        receive(&mut lan, 1, &Packet::new(source, "224.0.0.18".parse().unwrap(), 255, recorded, None));
        assert_eq!(row(&lan, 1).counters.hmac_replay, 1, "killed: {killed}");
        lan.run(ms(10_000));
        assert_eq!((lan.masters("VI"), row(&lan, 1).counters.hmac_replay), (vec![0], 1), "killed: {killed}");
    }
}

#[test]
fn numbers_of_time_are_saved_at_a_stop_only() {
    let mut lan = Lan::new(vec![hmac(200), hmac(100)]);
    lan.run(ms(20_000));
    assert_eq!(lan.routers[1].vrrp.sequences(false), Sequences::default());
    let saved = lan.routers[1].vrrp.sequences(true);
    let recorded = lan.routers[0].sent.last().unwrap().1.clone();
    restart(&mut lan, 1, hmac(100), &saved);
    let source = lan.routers[0].ip;
    receive(&mut lan, 1, &Packet::new(source, "224.0.0.18".parse().unwrap(), 255, recorded, None));
    assert_eq!(row(&lan, 1).counters.hmac_replay, 1);
    // Not for instances without auth_hmac.
    let mut plain = hmac(100);
    plain.instances[0].auth_hmac = None;
    restart(&mut lan, 1, plain, &saved);
    assert_eq!(lan.routers[1].vrrp.sequences(true), Sequences::default());
}
