//! The ports that the kernel chooses as source, for connections that may meet themselves.
//!
//! Without a listener, a connection to a local port of that range may happen to use the same port as source. The kernel then
//! connects the socket to itself, and the server seems to be up.

use std::fs;
use std::ops::RangeInclusive;

use crate::config::lvs::Target;

/// Range of source ports, for both families.
const FILE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// The range of source ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocalPorts(RangeInclusive<u16>);

impl LocalPorts {
    /// The range of this process's network namespace; all ports if it cannot be read.
    pub fn read() -> LocalPorts {
        LocalPorts(fs::read_to_string(FILE).ok().and_then(|text| parse(&text)).unwrap_or(0..=u16::MAX))
    }

    /// Whether a connection to the target may get the target's own port as source.
    pub fn may_meet_itself(&self, target: &Target) -> bool {
        let port = target.address.port();
        let bound = target.source.as_ref().and_then(|source| source.bind).map_or(0, |bind| bind.port());
        if bound == 0 { self.0.contains(&port) } else { bound == port }
    }
}

/// Two numbers.
fn parse(text: &str) -> Option<RangeInclusive<u16>> {
    let mut words = text.split_ascii_whitespace().map(str::parse);
    match (words.next(), words.next()) {
        (Some(Ok(first)), Some(Ok(last))) => Some(first..=last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::config::lvs::Source;

    fn target(to: &str, bind: Option<&str>) -> Target {
        let mut target = Target::from(to.parse::<SocketAddr>().unwrap());
        target.source = bind.map(|bind| Box::new(Source { bind: Some(bind.parse().unwrap()), ..Source::default() }));
        target
    }

    #[test]
    fn only_ports_that_may_be_chosen_as_source_count() {
        let ports = LocalPorts(parse("32768\t60999\n").unwrap());
        for (to, bind, expected) in [
            ("10.0.0.1:80", None, false),
            ("10.0.0.1:32767", None, false),
            ("10.0.0.1:32768", None, true),
            ("[fd00::1]:60999", None, true),
            ("10.0.0.1:61000", None, false),
            ("10.0.0.1:40000", Some("10.0.0.1:0"), true),
            ("10.0.0.1:40000", Some("10.0.0.1:41000"), false),
            ("10.0.0.1:80", Some("10.0.0.1:80"), true),
        ] {
            assert_eq!(ports.may_meet_itself(&target(to, bind)), expected, "{to} from {bind:?}");
        }
    }

    #[test]
    fn an_unreadable_range_is_all_ports() {
        assert_eq!([parse(""), parse("1"), parse("1 x"), parse("1 65536")], [const { None }; 4]);
        let LocalPorts(range) = LocalPorts::read();
        assert!(!range.is_empty());
    }
}
