//! Tests of row indices across reloads and crashes of the process.

use std::collections::BTreeMap;

use super::site::{Behaviour, Site, checker, lvs, secs, server, service, sorry, target};
use crate::check::{Check, Checkpoint, Event, Indices, Tables, VirtualServerId};
use crate::config::lvs::{CheckerKind, Endpoint, Lvs, VirtualServer, VirtualServerGroup};
use crate::state::{edited, fixtures, from_sections, to_sections};

const SERVERS: [&str; 4] = ["10.1.0.1:80", "10.1.0.2:80", "10.1.0.3:80", "10.1.0.4:80"];

/// Services by the last octet of their address, with their servers and whether they have a sorry server.
fn file(services: &[(u8, &[usize], bool)]) -> Lvs {
    let rows = services.iter().map(|(octet, servers, has_sorry)| VirtualServer {
        endpoint: Endpoint::Address(format!("10.0.0.{octet}:80").parse().unwrap()),
        sorry_server: has_sorry.then(|| sorry("10.1.0.9:80")),
        ..service(servers.iter().map(|at| server(SERVERS[*at])).collect())
    });
    let groups =
        services.iter().map(|(octet, ..)| VirtualServerGroup { name: format!("g{octet}"), entries: Vec::new() });
    Lvs { groups: groups.collect(), ..lvs(rows.collect()) }
}

fn indices(site: &Site) -> BTreeMap<String, Vec<u32>> {
    let tables = &site.check.tables;
    let name = |id: &VirtualServerId| match &tables.virtual_servers.get(id).unwrap().config.endpoint {
        Endpoint::Address(address) => address.to_string(),
        other => panic!("{other:?}"),
    };
    let groups = tables.groups.iter().map(|(id, row)| (row.config.name.clone(), vec![id.0]));
    let services = tables.virtual_servers.keys().map(|id| (name(id), vec![id.0]));
    let servers = tables
        .real_servers
        .iter()
        .map(|(id, row)| (format!("{} of {}", row.address(), name(&id.0)), vec![id.0.0, id.1]));
    groups.chain(services).chain(servers).collect()
}

fn reload(site: &mut Site, lvs: Lvs) {
    site.event(super::reload::configure(lvs));
}

/// A replacement process with this configuration, and the indices and checkpoint that the parent has.
fn replacement(old: &Site, lvs: Lvs) -> Site {
    let indices = to_sections(&old.check.tables.indices()).unwrap();
    let checkpoint = to_sections(&old.check.checkpoint()).unwrap();
    let mut config = super::reload::config(lvs);
    let servers = std::mem::take(&mut config.lvs.virtual_servers).into_iter().map(Ok::<_, ()>);
    let tables = Tables::numbered(*config, servers, "test".into(), from_sections(&indices).unwrap().record).unwrap();
    let mut site = Site::new(Lvs::default());
    site.check = Check::new(tables, 1);
    site.check.resume(&from_sections(&checkpoint).unwrap().record);
    site.servers.clone_from(&old.servers);
    site.event(Event::Start);
    site
}

#[test]
fn a_replacement_keeps_the_indices_after_a_reload() {
    let second = file(&[(3, &[1], false), (2, &[3, 1], true)]);
    let mut site = Site::started(file(&[(1, &[0], false), (2, &[0, 1], false), (3, &[0, 1], true)]));
    site.behave(SERVERS[1], Behaviour::Refuses);
    reload(&mut site, second.clone());
    site.run(secs(15));
    let before = indices(&site);
    let expected = [
        ("10.0.0.2:80", vec![2]),
        ("10.0.0.3:80", vec![3]),
        ("10.1.0.2:80 of 10.0.0.2:80", vec![2, 2]),
        ("10.1.0.2:80 of 10.0.0.3:80", vec![3, 3]),
        ("10.1.0.4:80 of 10.0.0.2:80", vec![2, 4]),
        ("10.1.0.9:80 of 10.0.0.2:80", vec![2, 3]),
        ("g2", vec![2]),
        ("g3", vec![3]),
    ];
    assert_eq!(before, expected.map(|(name, index)| (name.to_owned(), index)).into());
    for _ in 0..3 {
        site = replacement(&site, second.clone());
        assert_eq!(indices(&site), before);
        let alive = |service, position| site.alive((VirtualServerId(service), position));
        assert_eq!((alive(2, 2), alive(2, 4), alive(3, 3)), (false, true, false), "the rows keep their verdicts");
        assert_eq!(site.take_changes(), []);
    }
    reload(&mut site, file(&[(7, &[2], false), (3, &[0, 1], false)]));
    let now = indices(&site);
    assert_eq!((&now["10.0.0.7:80"], &now["g7"]), (&vec![4], &vec![4]));
    assert_eq!(now["10.1.0.1:80 of 10.0.0.3:80"], [3, 4], "its previous index is not reused");
}

#[test]
fn no_index_is_reused_across_random_reloads_and_crashes() {
    let mut site = Site::started(file(&[(1, &[0], false)]));
    let mut random = crate::state::Random::new(11);
    let mut before = indices(&site);
    let mut owners: BTreeMap<(bool, Vec<u32>), String> = BTreeMap::new();
    for step in 0..300 {
        let mut sets = Vec::new();
        for octet in 1..=3 {
            let pick = random.number() >> 20;
            let servers: Vec<usize> =
                (0..4).map(|at| (pick as usize + at) % 4).filter(|at| pick >> (4 + at) & 1 == 1).collect();
            sets.push((octet, servers, pick >> 9 & 1 == 1, pick >> 10 & 3 != 0));
        }
        let rows = sets
            .iter()
            .filter(|set| set.3)
            .map(|(octet, servers, has_sorry, _)| (*octet, servers.as_slice(), *has_sorry));
        let file = file(&rows.collect::<Vec<_>>());
        reload(&mut site, file.clone());
        let now = indices(&site);
        if step % 2 == 0 {
            site = replacement(&site, file);
            assert_eq!(indices(&site), now, "step {step}");
        }
        for (name, index) in &now {
            assert!(before.get(name).is_none_or(|was| was == index), "step {step}: {name} was {before:?}, is {now:?}");
            let owner = owners.entry((name.starts_with('g'), index.clone())).or_insert_with(|| name.clone());
            assert_eq!(owner, name, "step {step}");
        }
        before = now;
    }
    assert!(owners.len() > 300, "{}", owners.len());
}

/// A verdict belongs to a checker by its configuration, not by its position, which a reload may change.
#[test]
fn verdicts_are_restored_to_the_checkers_with_the_same_configuration() {
    let checks = |ports: &[u16]| {
        let mut row = service(vec![server(SERVERS[0])]);
        let tcp = |port: &u16| checker(CheckerKind::Tcp(target(&format!("10.1.0.1:{port}"))));
        row.real_servers[0].checkers = ports.iter().map(tcp).collect();
        lvs(vec![row])
    };
    let mut site = Site::started(checks(&[1, 2, 2]));
    site.behave("10.1.0.1:2", Behaviour::Refuses);
    reload(&mut site, checks(&[3, 2, 2]));
    site.run(secs(15));
    let up = |site: &Site| -> Vec<(String, bool)> {
        let rows = site.check.tables.checkers.values();
        let mut up: Vec<_> = rows.map(|row| (format!("{:?}", row.config.kind), row.up)).collect();
        up.sort();
        up
    };
    assert_eq!(up(&site).iter().filter(|(_, up)| !up).count(), 2);
    let other = replacement(&site, checks(&[3, 2, 2]));
    assert_eq!(up(&other), up(&site));
    let other = replacement(&site, checks(&[4, 2]));
    assert_eq!(up(&other).iter().map(|(_, up)| *up).collect::<Vec<_>>(), [false, true]);
}

/// Another release may encode configurations differently: no fingerprint is the same. Its verdicts are kept all the same.
#[test]
fn verdicts_of_another_release_are_restored_by_kind() {
    let mut row = service(vec![server(SERVERS[0])]);
    let tcp = |port: u16| checker(CheckerKind::Tcp(target(&format!("10.1.0.1:{port}"))));
    let ping = checker(CheckerKind::Ping(target("10.1.0.1:0")));
    row.real_servers[0].checkers = vec![tcp(1), ping, tcp(2)];
    let mut site = Site::started(lvs(vec![row.clone()]));
    site.behave("10.1.0.1:2", Behaviour::Refuses);
    site.run(secs(15));
    let ups = |site: &Site| site.check.tables.checkers.values().map(|row| (row.has_run, row.up)).collect::<Vec<_>>();
    let before = ups(&site);
    assert!(before.contains(&(true, false)) && before.contains(&(true, true)), "{before:?}");
    let ids: Vec<_> = site.check.tables.checkers.keys().copied().collect();
    for id in ids {
        let row = site.check.tables.checkers.get_mut(&id).unwrap();
        row.fingerprint = row.fingerprint.wrapping_add(1);
    }
    assert_eq!(ups(&replacement(&site, lvs(vec![row]))), before);
}

#[test]
fn records_of_releases_in_use_are_read() {
    let mut site = Site::started(file(&[(1, &[0, 1], true), (2, &[2], false)]));
    site.behave(SERVERS[0], Behaviour::Refuses);
    site.run(secs(15));
    (site.check.tables.late, site.check.tables.postponed) = (7, 300);
    let states = edited(&to_sections(&site.check.last_checkpoint()).unwrap(), |sections| {
        let weights = postcard::to_stdvec(&[((1_u32, 2_u32), 300_u32)].as_slice()).unwrap();
        assert!(sections.insert("weights".into(), weights).is_some());
    });
    fixtures::check::<Checkpoint>("checker-states", &states, &["quorums", "weights", "verdicts"]);
    let indices = edited(&to_sections(&site.check.tables.indices()).unwrap(), |sections| {
        // Of services with a group, in the same form.
        let services = sections.get("services").unwrap().clone();
        assert!(sections.insert("marks".into(), services).is_some());
    });
    fixtures::check::<Indices>("checker-indices", &indices, &["groups", "services", "marks", "servers"]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn no_checkpoint_causes_a_panic(at in proptest::prelude::any::<usize>(), octet in proptest::prelude::any::<u8>()) {
        let mut site = Site::started(file(&[(1, &[0, 1], true)]));
        site.behave("10.1.0.1:80", Behaviour::Refuses);
        site.run(secs(5));
        let mut octets = to_sections(&site.check.last_checkpoint()).unwrap();
        let at = at % octets.len();
        octets[at] = octet;
        for octets in [&octets[..], &octets[..at]] {
            if let Ok(opened) = from_sections(octets) {
                let mut other = Site::new(file(&[(1, &[0, 1], true)]));
                other.check.resume(&opened.record);
                other.event(Event::Start);
                other.run(secs(2));
            }
        }
    }
}
