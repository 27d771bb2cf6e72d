//! `virtual_server_group`: addresses, ranges and firewall marks.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::super::super::lvs::{GroupEntry, VirtualServerGroup};
use super::super::super::model::Family;
use super::super::super::node::Node;
use super::super::context::{Ctx, blocks};

/// Most addresses of a range; each is an IPVS service.
const MOST: u128 = 65_536;

/// The groups by name.
pub(super) struct Groups {
    pub in_order: Vec<VirtualServerGroup>,
    by_name: HashMap<String, usize>,
}

impl Groups {
    pub fn get(&self, name: &str) -> Option<&VirtualServerGroup> {
        self.by_name.get(name).and_then(|at| self.in_order.get(*at))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

pub(super) fn build(tree: &[Node<'_>], ctx: &mut Ctx<'_, '_>) -> Groups {
    let mut groups = Groups { in_order: Vec::new(), by_name: HashMap::new() };
    for (name, node) in blocks(tree, "virtual_server_group", ctx) {
        let mut entries = Vec::new();
        let mut first: Option<Family> = None;
        for child in node.children.iter().filter(|n| !n.bad) {
            for entry in entry(child, ctx) {
                let family = family(&entry);
                if let (Some(first), Some(family)) = (first, family)
                    && first != family
                {
                    let text = format!("virtual_server_group '{name}' mixes IPv4 and IPv6: the entry is ignored");
                    ctx.mistake(child.at(), text, "split it into two groups");
                    break;
                }
                first = first.or(family);
                entries.push(entry);
            }
        }
        groups.by_name.insert(name.to_owned(), groups.in_order.len());
        groups.in_order.push(VirtualServerGroup { name: name.to_owned(), entries });
    }
    groups
}

/// Family of an entry; `None` for a firewall mark without one.
pub(super) fn family(entry: &GroupEntry) -> Option<Family> {
    match entry {
        GroupEntry::Address(address) => Some(Family::of(address.ip())),
        GroupEntry::Range(first, ..) => Some(Family::of(*first)),
        GroupEntry::FwMark(_, family) => *family,
    }
}

/// Port of an entry; `None` for a firewall mark.
pub(super) fn port(entry: &GroupEntry) -> Option<u16> {
    match entry {
        GroupEntry::Address(address) => Some(address.port()),
        GroupEntry::Range(_, _, port) => Some(*port),
        GroupEntry::FwMark(..) => None,
    }
}

/// The entries of a line: one for each port of a range.
fn entry(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Vec<GroupEntry> {
    let number = |n: usize| node.uint(n).and_then(|p| u16::try_from(p).ok()).unwrap_or(0);
    match node.keyword.name {
        "ADDR" => node.ip(0).map(|ip| GroupEntry::Address(SocketAddr::new(ip, number(1)))).into_iter().collect(),
        "fwmark" => {
            let family = node.text(1).map(|word| if word == "inet6" { Family::V6 } else { Family::V4 });
            node.u32(0).map(|mark| GroupEntry::FwMark(mark, family)).into_iter().collect()
        }
        _ => {
            let Some((first, last)) = node.text(0).and_then(range) else { return Vec::new() };
            if count(first, last) > MOST {
                let text = format!("the range has more than {MOST} addresses: the entry is ignored");
                ctx.mistake(node.at_arg(0), text, "use a firewall mark for so many addresses");
                return Vec::new();
            }
            let (low, high) = node.text(1).and_then(ports).unwrap_or((0, 0));
            (low..=high).map(|port| GroupEntry::Range(first, last, port)).collect()
        }
    }
}

fn ports(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Some((low.parse().ok()?, high.parse().ok()?))
}

/// First and last address of `ADDR-LAST`, `ADDR-ADDR` or `ADDR/MASK`.
fn range(text: &str) -> Option<(IpAddr, IpAddr)> {
    if let Some((address, length)) = text.split_once('/') {
        let length: u32 = length.parse().ok()?;
        return Some(match address.parse().ok()? {
            IpAddr::V4(ip) => {
                let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
                (ip.into(), Ipv4Addr::from(u32::from(ip) | hosts).into())
            }
            IpAddr::V6(ip) => {
                let hosts = u128::MAX.checked_shr(length).unwrap_or(0);
                (ip.into(), Ipv6Addr::from(u128::from(ip) | hosts).into())
            }
        });
    }
    let (first, last) = text.split_once('-')?;
    let first: IpAddr = first.parse().ok()?;
    if let Ok(last) = last.parse() {
        return Some((first, last));
    }
    let last: IpAddr = match first {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            Ipv4Addr::new(a, b, c, last.parse().ok()?).into()
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, _] = ip.segments();
            Ipv6Addr::new(a, b, c, d, e, f, g, u16::from_str_radix(last, 16).ok()?).into()
        }
    };
    Some((first.min(last), first.max(last)))
}

fn count(first: IpAddr, last: IpAddr) -> u128 {
    let number = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    };
    number(last).saturating_sub(number(first)).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges() {
        for (text, first, last) in [
            ("10.0.0.1-20", "10.0.0.1", "10.0.0.20"),
            ("10.0.0.250-10.0.1.5", "10.0.0.250", "10.0.1.5"),
            ("10.0.0.16/28", "10.0.0.16", "10.0.0.31"),
            ("10.0.0.5/32", "10.0.0.5", "10.0.0.5"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            ("fe80::1-ff", "fe80::1", "fe80::ff"),
            ("2001:db8::/126", "2001:db8::", "2001:db8::3"),
        ] {
            assert_eq!(range(text), Some((first.parse().unwrap(), last.parse().unwrap())), "{text}");
        }
        assert_eq!(range("10.0.0.1-300"), None);
    }
}
