//! Entries of `virtual_ipaddress`, `virtual_ipaddress_excluded` and `static_ipaddress`.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use super::super::model::Address;
use super::super::node::Node;
use super::super::value::Value;
use super::context::{Ctx, options, text};
use super::global::Defaults;

/// Longest label, as in the kernel.
const LONGEST_LABEL: usize = 15;

/// `static_ipaddress`.
pub(super) fn statics(tree: &[Node<'_>], defaults: &Defaults, ctx: &mut Ctx<'_, '_>) -> Vec<Address> {
    let device = defaults.global.default_interface.clone();
    let groups: HashSet<&str> =
        tree.iter().filter(|n| n.keyword.name == "track_group").filter_map(|n| n.text(0)).collect();
    let mut list = Vec::new();
    for entry in tree.iter().filter(|n| n.keyword.name == "static_ipaddress").flat_map(|n| n.children.iter()) {
        let dynamic = defaults.global.dynamic_interfaces;
        let Some(address) = address(entry, &device, dynamic, ctx) else {
            continue;
        };
        if !options(&entry.args).any(|(option, _)| option == "dev") {
            ctx.interface(&device, entry.at(), dynamic);
        }
        if let Some(name) = address.track_group.as_deref().filter(|g| !groups.contains(g)) {
            let text = format!("the track_group '{name}' does not exist: the word is ignored");
            ctx.mistake(entry.at(), text, format!("define it: track_group {name} {{ group {{ INSTANCE }} }}"));
        }
        list.push(address);
    }
    list
}

/// Builds an entry; `device` is the default of `dev`.
pub(super) fn address(entry: &Node<'_>, device: &str, dynamic: bool, ctx: &mut Ctx<'_, '_>) -> Option<Address> {
    let Some(Value::Prefix(ip, len)) = entry.value(0).filter(|_| !entry.bad) else {
        return None;
    };
    let prefix = len.unwrap_or(whole(*ip));
    let mut address = Address::plain(*ip, prefix, device);
    let mut usable = true;
    for (option, args) in options(&entry.args) {
        let value = args.first().map(|a| &a.value);
        let word = value.and_then(text);
        let place = args.first().map_or_else(|| entry.at(), |a| entry.line.at(a.start, a.end.saturating_sub(a.start)));
        match (option, value) {
            ("dev", _) => {
                address.device = word.unwrap_or(device).to_owned();
                ctx.interface(&address.device, place, dynamic);
            }
            ("scope", Some(Value::Uint(n))) => {
                if ip.is_ipv6() {
                    ctx.adjusted(place, "an IPv6 address has no scope keyword: it is ignored").help("remove it");
                } else {
                    address.scope = u8::try_from(*n).unwrap_or(0);
                }
            }
            ("broadcast", _) => match (ip, word.and_then(|w| broadcast(*ip, prefix, w))) {
                (IpAddr::V4(_), found) => address.broadcast = found,
                (IpAddr::V6(_), _) => {
                    ctx.mistake(place, "IPv6 has no broadcast address: the entry is ignored", "remove the word");
                    usable = false;
                }
            },
            ("label", _) => {
                let label = word.unwrap_or_default();
                if ip.is_ipv6() {
                    ctx.adjusted(place, "an IPv6 address has no label: it is ignored").help("remove it");
                } else if label.len() > LONGEST_LABEL {
                    let text = format!("the label has more than {LONGEST_LABEL} characters: the entry is ignored");
                    ctx.mistake(place, text, "shorten it");
                    usable = false;
                } else {
                    address.label = Some(label.to_owned());
                }
            }
            ("peer", Some(Value::Prefix(peer, len))) => {
                if peer.is_ipv4() != ip.is_ipv4() {
                    let text = format!("the peer {peer} is not of the family of {ip}: it is ignored");
                    ctx.mistake(place, text, "use two addresses of one family");
                } else if let Some(len) = len {
                    let text = format!("a peer has no prefix length: {peer}/{len} is ignored");
                    ctx.adjusted(place, text).help(format!("write peer {peer}"));
                } else {
                    address.peer = Some((*peer, whole(*peer)));
                }
            }
            ("preferred_lft", Some(Value::Uint(n))) => address.preferred_lft = u32::try_from(*n).ok(),
            ("track_group", _) => address.track_group = word.map(str::to_owned),
            ("-nodad", _) => address.nodad = false,
            ("home", _) => address.home = true,
            ("mngtmpaddr", _) => address.mngtmpaddr = true,
            ("noprefixroute", _) => address.noprefixroute = true,
            ("autojoin", _) => address.autojoin = true,
            ("no_track", _) => address.no_track = true,
            ("use_vmac", _) => {
                address.own_vmac = true;
                for arg in args {
                    let place = entry.line.at(arg.start, arg.end.saturating_sub(arg.start));
                    let word = text(&arg.value).unwrap_or_default();
                    let text = format!(
                        "'{word}' is ignored: VMACs of addresses have generated names and the MAC address of the virtual router"
                    );
                    ctx.mistake(place, text, "write use_vmac without a name and an address");
                }
            }
            _ => {}
        }
    }
    if let (Some((peer, _)), Some(len)) = (address.peer, len) {
        address.prefix = whole(*ip);
        let text = format!("an address with a peer has no prefix length: /{len} is ignored");
        ctx.adjusted(entry.at(), text).help(format!("write {ip} peer {peer}"));
    }
    usable.then_some(address)
}

/// The prefix length of a single address.
fn whole(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// The broadcast address: `ADDR`, `+` (all host bits set) or `-` (all host bits clear).
fn broadcast(ip: IpAddr, prefix: u8, word: &str) -> Option<IpAddr> {
    let IpAddr::V4(ip) = ip else { return None };
    let hosts = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    let bits = u32::from(ip);
    match word {
        "+" => Some(Ipv4Addr::from(bits | hosts).into()),
        "-" => Some(Ipv4Addr::from(bits & !hosts).into()),
        other => other.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasts() {
        for (ip, prefix, word, want) in [
            ("10.1.2.3", 24, "+", "10.1.2.255"),
            ("10.1.2.3", 24, "-", "10.1.2.0"),
            ("10.1.2.3", 32, "+", "10.1.2.3"),
            ("10.1.2.3", 0, "+", "255.255.255.255"),
            ("10.1.2.3", 24, "10.9.9.9", "10.9.9.9"),
        ] {
            assert_eq!(broadcast(ip.parse().unwrap(), prefix, word), want.parse().ok(), "{ip}/{prefix} {word}");
        }
    }
}
