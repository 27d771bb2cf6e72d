//! Random tests of LANs with packet loss, partitions, crashes and restarts: in the end there is one master, and only its
//! kernel has the addresses.

use super::lan::{Lan, config, instance, ms};
use crate::vrrp::State;

fn router(priority: u8) -> crate::config::model::Config {
    let mut row = instance("VI", 51);
    row.priority = priority;
    config(vec![row], Vec::new())
}

#[test]
fn after_random_events_there_is_one_master() {
    for seed in 1..=200_u64 {
        let mut lan = Lan::new(vec![router(100), router(150), router(200), router(200)]);
        lan.random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for _ in 0..40 {
            let (action, who) = (lan.random() % 6, usize::try_from(lan.random() % 4).unwrap());
            match action {
                0 => lan.loss = u8::try_from(lan.random() % 200).unwrap(),
                1 => lan.routers[who].isolated ^= true,
                2 if lan.routers[who].alive => lan.set_link(who, false),
                3 if lan.routers[who].alive => lan.set_link(who, true),
                4 => lan.kill(who),
                _ => revive(&mut lan, who),
            }
            let pause = lan.random() % 700;
            lan.run(ms(pause));
        }
        lan.loss = 0;
        for who in 0..4 {
            revive(&mut lan, who);
            lan.set_link(who, true);
        }
        lan.run(ms(3000));
        let masters = lan.masters("VI");
        assert_eq!(masters.len(), 1, "seed {seed}: masters {masters:?}");
        assert!(masters[0] >= 2, "seed {seed}: the highest priority wins");
        for (at, router) in lan.routers.iter().enumerate() {
            let holds = !router.kernel.is_empty();
            assert_eq!(holds, masters.contains(&at), "seed {seed}: router {at} in {:?}", router.state("VI"));
            let rows_agree = router.vrrp.tables.addresses.values().all(|row| row.state.installed == holds);
            assert!(rows_agree, "seed {seed}: rows of router {at}");
            assert_eq!(router.state("VI") == State::Master, holds);
        }
    }
}

/// Restarts the process of a router. Its kernel has kept the addresses of the previous run.
fn revive(lan: &mut Lan, who: usize) {
    if lan.routers[who].alive {
        return;
    }
    let priority = [100, 150, 200, 200][who];
    let fresh = Lan::new(vec![router(priority)]).routers.pop().unwrap();
    let old = &mut lan.routers[who];
    let (ip, host, kernel) = (old.ip, std::mem::take(&mut old.host), std::mem::take(&mut old.kernel));
    *old = fresh;
    (old.ip, old.host, old.kernel) = (ip, host, kernel);
    old.timers.clear();
    old.vrrp = crate::vrrp::Vrrp::new(crate::vrrp::Tables::new(router(priority), "test".into()));
    lan.start(who);
}
