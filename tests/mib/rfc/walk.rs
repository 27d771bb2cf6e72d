//! A walk is the sorted list of all GETs while rows come and go.

use std::collections::BTreeSet;
use std::net::IpAddr;

use keepalived::mib::BASE;
use keepalived::vrrp::Event;
use proptest::prelude::*;
use snmp::Oid;

use super::bench::{Bench, V2, V3, config, link, seconds};

/// Root of KEEPALIVED-HA-MIB.
const HA: &[u32] = &[1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 112];

/// An instance: interface, VRID, version 2, IPv6, number of addresses, and number of routes, rules, peers and trackers of each kind.
type Choice = (u32, u32, bool, bool, u32, u32);

/// A configuration of instances, with a sync group and static entries for the numbers of the first.
fn instances(instances: &[Choice]) -> String {
    let block = |(number, (interface, vrid, v2, v6, addresses, others)): (usize, &Choice)| {
        let version = if *v2 && !*v6 { 2 } else { 3 };
        let address =
            |host: u32| if *v6 { format!("fe80::{vrid}:{host}") } else { format!("10.{vrid}.{number}.{host}") };
        let addresses = match addresses {
            0 => "no_virtual_ipaddress".to_owned(),
            count => {
                let lines: Vec<String> = (0..*count).rev().map(|host| address(host * 99)).collect();
                format!("virtual_ipaddress {{\n{}\n}}", lines.join("\n"))
            }
        };
        let listed = |keyword: &str, line: &dyn Fn(u32) -> String| match others {
            0 => String::new(),
            count => format!("{keyword} {{\n{}\n}}\n", (0..*count).map(line).collect::<Vec<_>>().join("\n")),
        };
        let family = if *v6 { "fd00:" } else { "10." };
        let (from, length) = if *v6 { ("::", "64") } else { (".0.0", "16") };
        let blocks = [
            listed("virtual_routes", &|n| format!("{family}{}{from}/{length} dev eth{interface}", 100 + n)),
            listed("virtual_rules", &|n| format!("from {family}{}{from}/{length} lookup {}", 100 + n, 10 + n)),
            listed("track_interface", &|n| format!("eth{} weight 1", 3 + n)),
            listed("track_script", &|n| format!("script{n}")),
            listed("track_file", &|n| format!("file{n}")),
            listed("track_process", &|n| format!("process{n}")),
            listed("track_bfd", &|n| format!("session{n}")),
        ];
        format!(
            "vrrp_instance I{number} {{\n interface eth{interface}\n virtual_router_id {vrid}\n version {version}\n \
             {addresses}\n{}}}\n",
            blocks.concat()
        )
    };
    // An error otherwise.
    let mut taken = BTreeSet::new();
    let instances: Vec<Choice> = instances
        .iter()
        .filter(|(interface, vrid, _, v6, addresses, _)| taken.insert((*interface, *vrid, *v6 && *addresses > 0)))
        .copied()
        .collect();
    let static_entries = instances.first().map_or(0, |first| first.5);
    let statics = (0..static_entries).map(|n| {
        format!(
            "static_ipaddress {{\n 10.200.{n}.1/24 dev eth0\n}}\nstatic_routes {{\n 10.201.{n}.0/24 dev eth0\n \
             10.203.{n}.0/24 nexthop via 10.1.0.7 dev eth0 nexthop via 10.1.0.8 dev eth0 weight 2\n}}\n\
             static_rules {{\n from 10.202.{n}.0/24 lookup {}\n}}\n",
            20 + n
        )
    });
    let members: Vec<String> = (0..instances.len()).map(|number| format!("I{number}")).collect();
    let group = match members.len() {
        0 | 1 => String::new(),
        _ => format!(
            "vrrp_sync_group G {{\n group {{\n{}\n}}\n track_interface {{\n eth3\n}}\n track_script {{\n script0\n}}\n \
             track_file {{\n file0\n}}\n track_process {{\n process0\n}}\n track_bfd {{\n session0\n}}\n}}\n",
            members[1..].join("\n")
        ),
    };
    TRACKERS.to_owned()
        + &statics.collect::<String>()
        + &instances.iter().enumerate().map(block).collect::<String>()
        + &group
}

/// The trackers that instances may list.
const TRACKERS: &str = "\
vrrp_script script0 {
    script /bin/true
}
vrrp_script script1 {
    script /bin/false
    weight 3
}
track_file file0 {
    file /nowhere/0
}
track_file file1 {
    file /nowhere/1
}
vrrp_track_process process0 {
    process none0
}
vrrp_track_process process1 {
    process none1
    weight 2
}
bfd_instance session0 {
    neighbor_ip 10.250.0.1
}
bfd_instance session1 {
    neighbor_ip 10.250.0.2
    weight 4
}
";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_walk_is_the_sorted_list_of_all_gets_while_rows_come_and_go(
        steps in proptest::collection::vec(
            (
                proptest::collection::vec((0..3u32, 1..5u32, any::<bool>(), any::<bool>(), 0..4u32, 0..3u32), 0..8),
                proptest::collection::vec((0..3u32, 0..6u32), 0..4),
            ),
            1..6,
        ),
        starts in proptest::collection::vec(proptest::collection::vec(0..6u32, 0..9), 0..20),
    ) {
        let mut bench = Bench::new(&instances(&[]), Vec::new());
        for (configured, changes) in steps {
            bench.now += seconds(1);
            bench.event(Event::Configure(Box::new(config(&instances(&configured)))));
            for (interface, index) in changes {
                // 0 removes the interface; others add it, move it to another ifIndex, or rename one.
                let name = format!("eth{interface}");
                match (index, bench.vrrp.tables().interfaces.named(&name).map(|link| link.index)) {
                    (0, Some(known)) => bench.event(Event::LinkGone(known)),
                    (0, None) => {}
                    (index, known) => {
                        if let Some(known) = known.filter(|known| *known != index) {
                            bench.event(Event::LinkGone(known));
                        }
                        bench.event(Event::Link(link(index, &name, &[])));
                    }
                }
            }
            bench.event(Event::Clock(bench.now));
            for root in [V2, V3, &BASE, HA] {
                let names: Vec<Vec<u32>> = bench.walk(root).into_iter().map(|(tail, _)| tail).collect();
                if [V2, V3].contains(&root) {
                    let columns = columns(root);
                    let compared = names.iter().filter(|name| columns.iter().any(|column| name.starts_with(column)));
                    prop_assert_eq!(compared.cloned().collect::<BTreeSet<_>>(), expected(&bench, root));
                }
                for start in &starts {
                    let from = Oid::from([root, start].concat());
                    let next = bench.mib.next(&bench.vrrp, &from, false, &Oid::from(root).successor().unwrap());
                    let first = names.iter().find(|name| name.as_slice() > start.as_slice());
                    prop_assert_eq!(next.name.as_slice().strip_prefix(root).filter(|_| !next.value.is_exception()), first.map(Vec::as_slice));
                }
            }
        }
    }
}

/// The property says nothing about tables that are always empty.
#[test]
fn the_generated_configurations_fill_all_tables() {
    let all = [(0, 1, true, false, 2, 2), (0, 2, false, false, 1, 2), (1, 3, false, true, 1, 1)];
    let mut bench = Bench::new(
        &instances(&all),
        vec![link(1, "eth0", &["10.1.0.1"]), link(2, "eth1", &["fe80::1"]), link(3, "eth3", &[])],
    );
    bench.run(seconds(60));
    let filled = |root: &[u32], at: usize| -> BTreeSet<u32> {
        let walk = bench.walk(root).into_iter();
        walk.filter(|(tail, _)| at == 0 || tail[..at] == [2]).map(|(tail, _)| tail[at]).collect()
    };
    // All children of vrrp but 10, the notifications.
    assert_eq!(filled(&BASE, 1), (1..=22).filter(|table| *table != 10).collect());
    assert!(!filled(V2, 0).is_empty() && !filled(V3, 0).is_empty() && !filled(HA, 0).is_empty());
}

/// The columns of state and of the status of addresses.
fn columns(root: &[u32]) -> [&'static [u32]; 2] {
    if root == V2 { [&[1, 3, 1, 3], &[1, 4, 1, 2]] } else { [&[1, 1, 1, 1, 6], &[1, 1, 2, 1, 2]] }
}

/// The instances of these columns that a module must have, from all instances.
fn expected(bench: &Bench, root: &[u32]) -> BTreeSet<Vec<u32>> {
    use keepalived::config::model::{Family, Version};
    let mut expected = BTreeSet::new();
    let [states, addresses] = columns(root);
    for row in bench.vrrp.tables().instances.values().filter(|row| !row.config.addresses.is_empty()) {
        let config = &row.config;
        if root == V2 && (config.family, config.version) != (Family::V4, Version::V2) {
            continue;
        }
        let Some(link) = bench.vrrp.tables().interfaces.named(&config.interface) else { continue };
        let mut index = vec![link.index, config.vrid.into()];
        if root == V3 {
            index.push(if config.family == Family::V4 { 1 } else { 2 });
        }
        expected.insert([states, &index].concat());
        for address in row.carried() {
            let octets: Vec<u32> = match address.ip {
                IpAddr::V4(ip) => ip.octets().map(u32::from).to_vec(),
                IpAddr::V6(ip) => ip.octets().map(u32::from).to_vec(),
            };
            let length = u32::try_from(octets.len()).ok().filter(|_| root == V3);
            let tail: Vec<u32> = length.into_iter().chain(octets).collect();
            expected.insert([addresses, &index, &tail].concat());
        }
    }
    expected
}
