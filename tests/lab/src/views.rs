//! The views of a director as lines that a [`crate::case::Case`] compares: the kernel's addresses and IPVS, the rows of
//! KEEPALIVED-MIB, traps, script calls, and the server that answers a client.

use std::collections::BTreeMap;
use std::fs;

use crate::ipvs::ipvsadm;
use crate::router::Router;
use crate::site::Site;
use crate::snmp::ROOT;

/// Lines in no particular order.
pub type View = Vec<String>;

/// The virtual addresses on the interfaces.
pub fn addresses(router: &Router, vips: &[&str]) -> View {
    let shown = router.netns().ip("-o -4 address show");
    let words = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = words.filter_map(|words| {
        let address = words.get(3)?.split('/').next()?;
        vips.contains(&address).then(|| format!("address {address} {}", words[1]))
    });
    found.collect()
}

/// The kernel's TCP services, and their destinations with weights.
pub fn ipvs(router: &Router) -> View {
    let saved = ipvsadm(router.netns(), "-S -n");
    let lines = saved.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |option: &str| words.iter().skip_while(|word| **word != option).nth(1).copied();
        let options = [after("-t"), after("-r"), after("-w")];
        format!("ipvs {}", options.into_iter().flatten().collect::<Vec<_>>().join(" "))
    });
    lines.collect()
}

/// More rows than any table of a case study has.
const ROWS: usize = 12;

/// Columns of the MIB by the names of their objects below [`ROOT`](crate::snmp::ROOT).
struct Rows(BTreeMap<String, String>);

impl Rows {
    fn of(router: &mut Router, columns: &[&str]) -> Self {
        Self(router.snmp().columns(columns, ROWS))
    }

    /// The rows that have an instance of a column: index and value.
    fn of_column(&self, column: &str) -> Vec<(&str, &str)> {
        let start = format!("{column}.");
        self.0.iter().filter_map(|(name, value)| Some((name.strip_prefix(&start)?, value.as_str()))).collect()
    }

    fn value(&self, column: &str, index: &str) -> &str {
        self.0.get(&format!("{column}.{index}")).map_or("", String::as_str)
    }

    fn endpoint(&self, address: &str, port: &str, index: &str) -> String {
        format!("{}:{}", dotted(self.value(address, index)), self.value(port, index))
    }
}

/// State of instances, groups and addresses.
pub fn vrrp_rows(router: &mut Router) -> View {
    let rows =
        Rows::of(router, &["2.1.1.2", "2.1.1.3", "2.3.1.2", "2.3.1.4", "2.3.1.9", "2.6.1.3", "2.6.1.8", "2.6.1.10"]);
    let value = |column, index| rows.value(column, index);
    let instances = rows.of_column("2.3.1.2").into_iter().map(|(index, name)| {
        format!("instance {name} {} addresses {}", value("2.3.1.4", index), value("2.3.1.9", index))
    });
    let groups = rows.of_column("2.1.1.2").into_iter();
    let groups = groups.map(|(index, name)| format!("group {name} {}", value("2.1.1.3", index)));
    let addresses = rows.of_column("2.6.1.3").into_iter().map(|(index, octets)| {
        format!("row {} {} {}", dotted(octets), value("2.6.1.8", index), value("2.6.1.10", index))
    });
    instances.chain(groups).chain(addresses).collect()
}

/// Status and weight of real servers, and quorums.
pub fn check_rows(router: &mut Router) -> View {
    let rows = Rows::of(
        router,
        &["3.3.1.6", "3.3.1.7", "3.3.1.21", "3.3.1.23", "3.4.1.2", "3.4.1.4", "3.4.1.5", "3.4.1.6", "3.4.1.7"],
    );
    let value = |column, index| rows.value(column, index);
    let service = |index: &str| rows.endpoint("3.3.1.6", "3.3.1.7", index);
    let services = rows.of_column("3.3.1.23").into_iter();
    let services = services
        .map(|(index, quorum)| format!("row {} up {} quorum {quorum}", service(index), value("3.3.1.21", index)));
    let servers = rows.of_column("3.4.1.2").into_iter().map(|(index, kind)| {
        let at = service(index.split('.').next().unwrap_or_default());
        let server = rows.endpoint("3.4.1.4", "3.4.1.5", index);
        match kind {
            "2" => format!("row {at} sorry {server}"),
            _ => format!("row {at} {server} status {} weight {}", value("3.4.1.6", index), value("3.4.1.7", index)),
        }
    });
    services.chain(servers).collect()
}

/// The states of each instance, group, real server and quorum in the traps so far, in order.
pub fn traps(router: &mut Router) -> View {
    let mut states_by_name: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for trap in router.snmp().traps() {
        let binds: BTreeMap<&str, &str> = trap.split('\t').filter_map(|bind| bind.split_once(" = ")).collect();
        let value = |object: &str| {
            let value = binds.get(format!("{ROOT}.{object}").as_str());
            value.map(|value| value.trim_matches('"').to_owned())
        };
        let endpoint = |address, port| Some(format!("{}:{}", dotted(&value(address)?), value(port)?));
        let (service, server) = (endpoint("3.3.1.6", "3.3.1.7"), endpoint("3.4.1.4", "3.4.1.5"));
        let server = service.as_ref().zip(server).map(|(service, server)| format!("{service} {server}"));
        let states =
            [(value("2.1.1.2"), "2.1.1.3"), (value("2.3.1.2"), "2.3.1.4"), (service, "3.3.1.23"), (server, "3.4.1.6")];
        for (name, state) in states {
            if let (Some(name), Some(state)) = (name, value(state)) {
                states_by_name.entry(name).or_default().push(state.parse().expect("a number"));
            }
        }
    }
    states_by_name.into_iter().map(|(name, states)| format!("traps {name} {states:?}")).collect()
}

/// The first three arguments of each script call; a fourth would be the priority.
pub fn scripts(router: &Router) -> View {
    let calls = fs::read_to_string(router.file("scripts")).unwrap_or_default();
    let words = calls.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" "));
    words.map(|words| format!("script {words}")).collect()
}

/// The director that answers at a virtual address, from a host in the address's network.
pub fn reached(site: &Site, vip: &str) -> Option<String> {
    let from = if vip.starts_with("192.0.2.") { site.client() } else { site.host(11) };
    let answer = Site::ask(from, &format!("{vip}:7"), "")?;
    Some(format!("{vip} is reached at {answer}"))
}

/// The real server that answers the client of a service; see [`Site::serve`].
pub fn served(site: &Site, at: &str) -> Option<String> {
    let answer = Site::ask(site.client(), at, "GET / HTTP/1.0\r\n\r\n")?;
    Some(answer.lines().last().unwrap_or_default().to_owned())
}

/// An address in dotted notation, from `C0 00 02 0A `.
fn dotted(octets: &str) -> String {
    let number = |octet: &str| u8::from_str_radix(octet, 16).map_or(octet.to_owned(), |octet| octet.to_string());
    octets.split_whitespace().map(number).collect::<Vec<_>>().join(".")
}
