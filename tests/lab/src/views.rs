//! What can be seen of a director, as lines that a [`crate::case::Case`] compares: the kernel's addresses, the rows of
//! KEEPALIVED-MIB, traps, script calls, and who answers a client.

use std::collections::BTreeMap;
use std::fs;

use crate::router::Router;
use crate::site::Site;
use crate::snmp::ROOT;

/// Lines in no particular order.
pub type View = Vec<String>;

/// Which of the virtual addresses are on which interface.
pub fn addresses(router: &Router, vips: &[&str]) -> View {
    let shown = router.netns().ip("-o -4 address show");
    let words = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = words.filter_map(|words| {
        let address = words.get(3)?.split('/').next()?;
        vips.contains(&address).then(|| format!("address {address} {}", words[1]))
    });
    found.collect()
}

/// State of instances, groups and addresses, by their names.
pub fn rows(router: &mut Router) -> View {
    let walk: BTreeMap<String, String> = router.snmp().walk(&format!("{ROOT}.2")).into_iter().collect();
    let column = |column: &str| -> Vec<(&str, &str)> {
        let start = format!("{ROOT}.{column}.");
        let found = walk.iter().filter_map(|(name, value)| Some((name.strip_prefix(&start)?, value.as_str())));
        found.collect()
    };
    let value = |column: &str, index: &str| walk.get(&format!("{ROOT}.{column}.{index}")).map_or("", String::as_str);
    let instances = column("2.3.1.2").into_iter().map(|(index, name)| {
        format!("instance {name} {} addresses {}", value("2.3.1.4", index), value("2.3.1.9", index))
    });
    let groups = column("2.1.1.2").into_iter().map(|(index, name)| format!("group {name} {}", value("2.1.1.3", index)));
    let addresses = column("2.6.1.3").into_iter().map(|(index, octets)| {
        format!("row {} {} {}", dotted(octets), value("2.6.1.8", index), value("2.6.1.10", index))
    });
    instances.chain(groups).chain(addresses).collect()
}

/// The states that each instance and group was told to have, in order.
pub fn traps(router: &mut Router) -> View {
    let mut told: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for trap in router.snmp().traps() {
        let binds: BTreeMap<&str, &str> = trap.split('\t').filter_map(|bind| bind.split_once(" = ")).collect();
        for (name, state) in [("2.1.1.2", "2.1.1.3"), ("2.3.1.2", "2.3.1.4")] {
            let value =
                |object: &str| binds.get(format!("{ROOT}.{object}").as_str()).map(|value| value.trim_matches('"'));
            if let (Some(name), Some(state)) = (value(name), value(state)) {
                told.entry(name.to_owned()).or_default().push(state.parse().expect("a number"));
            }
        }
    }
    told.into_iter().map(|(name, states)| format!("traps {name} {states:?}")).collect()
}

/// The arguments of each script call, without the priority.
pub fn scripts(router: &Router) -> View {
    let calls = fs::read_to_string(router.file("scripts")).unwrap_or_default();
    let words = calls.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" "));
    words.map(|words| format!("script {words}")).collect()
}

/// Which director answers at a virtual address, asked from its own network.
pub fn reached(site: &Site, vip: &str) -> Option<String> {
    let from = if vip.starts_with("192.0.2.") { site.client() } else { site.host(11) };
    let answer = Site::ask(from, &format!("{vip}:7"), "")?;
    Some(format!("{vip} is reached at {answer}"))
}

/// An address as people write it, from `C0 00 02 0A `.
fn dotted(octets: &str) -> String {
    let octets =
        octets.split_whitespace().map(|octet| u8::from_str_radix(octet, 16).map_or(octet.into(), |n| n.to_string()));
    octets.collect::<Vec<String>>().join(".")
}
