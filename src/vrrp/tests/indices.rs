//! Tests of row indices across reloads and crashes of the process.

use std::collections::BTreeMap;

use super::lan::{Lan, address, config, group, instance, ms};
use crate::config::model::Config;
use crate::state::{fixtures, from_sections, to_sections};
use crate::vrrp::{Event, Indices, State, Tables, Vrrp};

/// The indices of all rows: instances and groups by name, addresses by address and owner.
fn indices(lan: &Lan) -> BTreeMap<String, Vec<u32>> {
    let tables = &lan.routers[0].vrrp.tables;
    let instances = tables.instances.iter().map(|(id, row)| (row.config.name.clone(), vec![id.0]));
    let groups = tables.groups.iter().map(|(id, row)| (format!("group {}", row.config.name), vec![id.0]));
    let addresses = tables.addresses.iter().map(|((owner, position), row)| {
        let name = tables.instances.iter().find(|(id, _)| id.0 == *owner).map_or("static", |(_, row)| &row.config.name);
        (format!("{} of {name}", row.config.ip), vec![*owner, *position])
    });
    instances.chain(groups).chain(addresses).collect()
}

fn reload(lan: &mut Lan, config: Config) {
    lan.event(0, Event::Configure(Box::new(config)));
    lan.run(ms(500));
}

/// Replaces the process after a crash, with the indices and checkpoint that the parent has.
fn crash(lan: &mut Lan, config: Config) {
    let old = &lan.routers[0].vrrp;
    let indices = to_sections(&old.tables.indices()).unwrap();
    let checkpoint = to_sections(&old.checkpoint()).unwrap();
    lan.routers[0].timers.clear();
    let tables = Tables::numbered(config, "test".into(), from_sections(&indices).unwrap().record);
    lan.routers[0].vrrp = Vrrp::new(tables);
    lan.routers[0].vrrp.resume(&from_sections(&checkpoint).unwrap().record);
    lan.start(0);
    lan.run(ms(500));
}

/// Instances with further addresses, each in a group of its own with the same name.
fn with(rows: &[(&str, u8, &[&str])], statics: &[&str]) -> Config {
    let instances = rows.iter().map(|(name, vrid, addresses)| {
        let mut row = instance(name, *vrid);
        row.addresses.extend(addresses.iter().map(|ip| address(ip)));
        row
    });
    let groups = rows.iter().map(|(name, ..)| group(name, &[*name])).collect();
    Config { static_addresses: statics.iter().map(|ip| address(ip)).collect(), ..config(instances.collect(), groups) }
}

#[test]
fn a_replacement_keeps_the_indices_after_a_reload() {
    let first =
        with(&[("A", 51, &[]), ("B", 52, &["10.0.9.1", "10.0.9.2"]), ("C", 53, &[])], &["10.0.8.1", "10.0.8.2"]);
    let second = with(&[("C", 53, &["10.0.9.3"]), ("B", 52, &["10.0.9.2"])], &["10.0.8.2"]);
    let mut lan = Lan::new(vec![first]);
    lan.run(ms(2000));
    reload(&mut lan, second.clone());
    let before = indices(&lan);
    let expected = [
        ("10.0.1.52 of B", vec![2, 1]),
        ("10.0.1.53 of C", vec![3, 1]),
        ("10.0.8.2 of static", vec![0, 2]),
        ("10.0.9.2 of B", vec![2, 3]),
        ("10.0.9.3 of C", vec![3, 2]),
        ("B", vec![2]),
        ("C", vec![3]),
        ("group B", vec![2]),
        ("group C", vec![3]),
    ];
    assert_eq!(before, expected.map(|(name, index)| (name.to_owned(), index)).into());
    for _ in 0..3 {
        crash(&mut lan, second.clone());
        assert_eq!(indices(&lan), before);
        assert_eq!((lan.routers[0].state("B"), lan.routers[0].state("C")), (State::Master, State::Master));
    }
    // The index of A and those of removed addresses are not reused.
    reload(&mut lan, with(&[("X", 54, &[]), ("B", 52, &["10.0.9.4", "10.0.9.2"])], &["10.0.8.3"]));
    let now = indices(&lan);
    assert_eq!((&now["X"], &now["group X"], &now["10.0.9.4 of B"]), (&vec![4], &vec![4], &vec![2, 4]));
    assert_eq!(now["10.0.8.3 of static"], [0, 3]);
}

/// The process crashes during a reload: rows that the new configuration has keep their indices.
#[test]
fn a_replacement_keeps_the_indices_when_the_process_crashed_during_a_reload() {
    let mut lan = Lan::new(vec![with(&[("A", 51, &[]), ("B", 52, &[])], &[])]);
    lan.run(ms(2000));
    crash(&mut lan, with(&[("X", 54, &[]), ("B", 52, &["10.0.9.1"])], &[]));
    let now = indices(&lan);
    assert_eq!((&now["X"], &now["B"], &now["10.0.9.1 of B"]), (&vec![3], &vec![2], &vec![2, 2]));
    assert_eq!(lan.routers[0].state("B"), State::Master, "the row keeps its state");
}

/// Values set by SNMP outlast a crash; a new configuration replaces them, also when the process crashes during the reload.
#[test]
fn a_replacement_takes_the_priority_of_a_new_configuration() {
    let file = |priority| {
        let mut file = with(&[("A", 51, &[])], &[]);
        file.instances[0].priority = priority;
        file
    };
    let mut lan = Lan::new(vec![file(100)]);
    lan.run(ms(2000));
    let id = *lan.routers[0].vrrp.tables.instances.keys().next().unwrap();
    let now = |lan: &Lan| {
        let row = &lan.routers[0].vrrp.tables.instances.get(&id).unwrap();
        (row.base_priority, row.nopreempt)
    };
    lan.event(0, Event::SetBasePriority(id, 120));
    lan.event(0, Event::SetPreempt(id, false));
    crash(&mut lan, file(100));
    assert_eq!(now(&lan), (120, true));
    crash(&mut lan, file(90));
    assert_eq!(now(&lan), (90, false));
    assert_eq!(lan.routers[0].state("A"), State::Master);
}

#[test]
fn no_index_is_reused_across_random_reloads_and_crashes() {
    let mut lan = Lan::new(vec![with(&[("A", 51, &[])], &[])]);
    lan.run(ms(2000));
    let names = [("A", 51), ("B", 52), ("C", 53), ("D", 54)];
    let mut before = indices(&lan);
    let mut owners: BTreeMap<(bool, Vec<u32>), String> = BTreeMap::new();
    for step in 0..300 {
        let pick = lan.random();
        let rows: Vec<(&str, u8, &[&str])> = (0..4)
            .map(|at| (pick as usize + at) % 4)
            .filter(|at| pick >> (8 + at) & 1 == 1)
            .map(|at| (names[at].0, names[at].1, if pick >> 16 & 1 == 1 { &["10.0.9.9"][..] } else { &[] }))
            .collect();
        let file = with(&rows, if pick >> 17 & 1 == 1 { &["10.0.8.8"] } else { &[] });
        if pick >> 18 & 1 == 1 {
            lan.event(0, Event::Configure(Box::new(file.clone())));
            lan.run(ms(50));
            let now = indices(&lan);
            crash(&mut lan, file);
            assert_eq!(indices(&lan), now, "step {step}");
        } else {
            reload(&mut lan, file);
        }
        let now = indices(&lan);
        for (name, index) in &now {
            assert!(before.get(name).is_none_or(|was| was == index), "step {step}: {name} was {before:?}, is {now:?}");
            let owner = owners.entry((name.starts_with("group"), index.clone())).or_insert_with(|| name.clone());
            assert_eq!(owner, name, "step {step}");
        }
        before = now;
    }
    assert!(owners.len() > 300, "{}", owners.len());
}

/// The configuration of a text.
fn parsed(text: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k.conf");
    std::fs::write(&path, text).unwrap();
    let options = crate::config::Options {
        path,
        config_id: String::new(),
        directory: None,
        all_config: false,
        strict: false,
        outside: crate::config::Outside::fixed(),
    };
    let loaded = crate::config::load(&options);
    loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics))
}

#[test]
fn indices_of_releases_in_use_are_read() {
    let parsed = parsed(
        "vrrp_script S {\n script /bin/true\n}\nvrrp_sync_group G {\n group {\n  VI\n }\n}\n\
         vrrp_instance VI {\n interface eth0\n virtual_router_id 51\n track_script {\n S\n }\n \
         virtual_ipaddress {\n 10.0.1.51/24 label eth0:1\n }\n virtual_routes {\n 10.2.0.0/16 via 10.0.0.254 metric 5\n }\n \
         virtual_rules {\n from 10.2.0.0/16 table 7\n }\n}\n",
    );
    let sample = to_sections(&Tables::new(parsed, "test".into()).indices()).unwrap();
    fixtures::check::<Indices>("vrrp-indices", &sample, &["instances", "groups", "trackers"]);
}

/// The lines in the indices are those of releases in use. If this fails since the type of a line has changed, give its section in
/// [`Indices`](crate::vrrp::Indices) another name: an earlier release would misread the new form.
#[test]
fn the_encoding_of_lines_stays() {
    let parsed = parsed(
        "vrrp_instance VI {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n 10.0.1.51/24 label eth0:1\n }\n \
         virtual_routes {\n 10.2.0.0/16 via 10.0.0.254 metric 5\n }\n virtual_rules {\n from 10.2.0.0/16 table 7\n }\n}\n",
    );
    let row = &parsed.instances[0];
    let hex = |octets: Vec<u8>| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let address = hex(postcard::to_stdvec(&row.addresses[0]).unwrap());
    let route = hex(postcard::to_stdvec(&row.routes[0]).unwrap());
    let rule = hex(postcard::to_stdvec(&row.rules[0]).unwrap());
    assert_eq!(address, "000a00013318046574683000000106657468303a3100010000000000000000");
    assert_eq!(route, "0000000a02000010000001000a0000fe000000000000fe0100120001050000000000000000");
    assert_eq!(rule, "0000078080010001000a0200001000000000000000000000000000120000");
}
