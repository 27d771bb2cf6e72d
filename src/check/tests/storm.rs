//! Random tests with servers that flap, hang and recover, and addresses that are removed and set: in the end the kernel has
//! the live servers, and the quorum agrees with the weights.

use super::site::{Behaviour, Site, checker, lvs, misc, ms, rs, secs, server, service, sorry, target};
use crate::check::{Event, VirtualServerId};
use crate::config::lvs::CheckerKind;
use crate::state::Random;

const COUNT: u32 = 8;

fn address(position: u32) -> String {
    format!("10.1.0.{position}:80")
}

fn site(random: &mut Random) -> (Site, bool) {
    let servers = (1..=COUNT).map(|position| {
        let mut row = server(&address(position));
        row.weight = u32::try_from(random.number() % 5 + 1).unwrap();
        row.inhibit = random.number().is_multiple_of(3);
        match random.number() % 3 {
            0 => row.checkers = vec![misc(&address(position), false)],
            1 => row.checkers.push(checker(CheckerKind::Ping(target(&address(position))))),
            _ => {}
        }
        for checker in &mut row.checkers {
            checker.alpha = random.number().is_multiple_of(4);
            checker.warmup = secs(random.number() % 4);
            checker.retry = u32::try_from(random.number() % 3).unwrap();
        }
        row
    });
    let mut row = service(servers.collect());
    row.ha_suspend = true;
    row.quorum = u32::try_from(random.number() % 12 + 1).unwrap();
    row.hysteresis = u32::try_from(random.number()).unwrap_or(7) % row.quorum;
    let has_sorry = random.number().is_multiple_of(2);
    if has_sorry {
        row.sorry_server = Some(sorry("10.1.0.99:80"));
    }
    let mut site = Site::new(lvs(vec![row]));
    site.event(Event::AddressPresent("10.0.0.1".parse().unwrap()));
    site.start();
    (site, has_sorry)
}

fn set(site: &mut Site, position: u32, healthy: bool, silent: bool) {
    let behaviour = match (healthy, silent) {
        (true, _) => Behaviour::Serves(Vec::new()),
        (false, true) => Behaviour::Silent,
        (false, false) => Behaviour::Refuses,
    };
    site.behave(&address(position), behaviour);
    site.script(&address(position), i32::from(!healthy));
}

#[test]
fn after_random_events_the_kernel_has_the_live_servers() {
    for seed in 1..=200 {
        let mut random = Random::new(seed);
        let (mut site, has_sorry) = site(&mut random);
        let mut healthy = [true; COUNT as usize + 1];
        for _ in 0..60 {
            let position = u32::try_from(random.number() % u64::from(COUNT)).unwrap() + 1;
            match random.number() % 8 {
                0 => site.event(Event::AddressGone("10.0.0.1".parse().unwrap())),
                1 => site.event(Event::AddressPresent("10.0.0.1".parse().unwrap())),
                2 => site.latency = ms(random.number() % 3000),
                _ => {
                    let well = random.number().is_multiple_of(2);
                    healthy[usize::try_from(position).unwrap()] = well;
                    set(&mut site, position, well, random.number().is_multiple_of(2));
                }
            }
            site.run(ms(random.number() % 8000));
        }
        site.latency = ms(1);
        site.event(Event::AddressPresent("10.0.0.1".parse().unwrap()));
        site.run(secs(60));

        let first = if has_sorry { 2 } else { 1 };
        let tables = &site.check.tables;
        let row = tables.virtual_servers.get(&VirtualServerId(1)).unwrap();
        let (mut sum, mut expected) = (0, Vec::new());
        for position in 1..=COUNT {
            let server = tables.real_servers.get(&rs(position + first - 1)).unwrap();
            let well = healthy[usize::try_from(position).unwrap()];
            assert_eq!(server.alive, well, "seed {seed}: server {position}");
            sum += if well { u64::from(server.weight) } else { 0 };
            let used = well && (row.quorum_met || !has_sorry);
            if used || server.inhibit() {
                expected.push((u8::try_from(position).unwrap(), if used { server.weight } else { 0 }));
            }
        }
        if has_sorry && !row.quorum_met {
            expected.insert(0, (99, 1));
        }
        let (quorum, hysteresis) = (u64::from(row.config.quorum), u64::from(row.config.hysteresis));
        assert_eq!(row.weight_sum, sum, "seed {seed}");
        assert!(!row.quorum_met || (sum > 0 && sum + hysteresis >= quorum), "seed {seed}: met with {sum}");
        assert!(row.quorum_met || sum == 0 || sum < quorum + hysteresis, "seed {seed}: not met with {sum}");
        assert_eq!(site.destinations(), expected, "seed {seed}");
    }
}
