//! A walk is the sorted list of all GETs while rows come and go.

use std::collections::BTreeSet;
use std::net::IpAddr;

use keepalived::mib::BASE;
use keepalived::vrrp::Event;
use proptest::prelude::*;
use snmp::Oid;

use crate::bench::{Bench, V2, V3, config, link, seconds};

/// Root of KEEPALIVED-HA-MIB.
const HA: &[u32] = &[1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 112];

/// A configuration of instances: interface, VRID, version 2, IPv6, number of addresses.
fn instances(instances: &[(u32, u32, bool, bool, u32)]) -> String {
    let block = |(number, (interface, vrid, v2, v6, addresses)): (usize, &(u32, u32, bool, bool, u32))| {
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
        format!(
            "vrrp_instance I{number} {{\n interface eth{interface}\n virtual_router_id {vrid}\n version {version}\n \
             {addresses}\n}}\n"
        )
    };
    instances.iter().enumerate().map(block).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_walk_is_the_sorted_list_of_all_gets_while_rows_come_and_go(
        steps in proptest::collection::vec(
            (
                proptest::collection::vec((0..3u32, 1..5u32, any::<bool>(), any::<bool>(), 0..4u32), 0..8),
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
