//! `encap`: the tunnel of a route.

use std::net::IpAddr;

use super::super::super::iproute::{NameKind, number};
use super::super::super::model::{Encap, Family, Tunnel};
use super::super::routing::{Entry, Word};

/// Largest MPLS label (RFC 3032 section 2.1).
const LARGEST_LABEL: u32 = (1 << 20) - 1;
/// Most labels that C keepalived takes.
const MOST_LABELS: usize = 2;

/// Builds the tunnel.
pub(super) fn encap(entry: &mut Entry<'_, '_, '_>, word: &Word<'_>) -> Option<Encap> {
    let line = entry.node.line;
    let Some(kind) = Word::all(line, word.args).last() else {
        return entry.refuse(word.at, "encap has no type", "write encap mpls, ip, ip6 or ila");
    };
    match kind.name {
        "mpls" => match labels(kind.text()) {
            Some(labels) => Some(Encap::Mpls(labels)),
            None => {
                let text = format!("mpls takes one or two labels, not '{}'", kind.text());
                entry.refuse(kind.at, text, "write numbers from 0 to 1048575, as in 100/200")
            }
        },
        "ila" => match locator(kind.text()) {
            Some(locator) => Some(Encap::Ila(locator)),
            None => {
                let text = format!("ila takes a locator, not '{}'", kind.text());
                entry.refuse(kind.at, text, "write four groups of hexadecimal digits, as in 2001:db8:0:1")
            }
        },
        "ip" => Some(Encap::Ip(tunnel(entry, &kind, Family::V4)?)),
        _ => Some(Encap::Ip6(tunnel(entry, &kind, Family::V6)?)),
    }
}

fn tunnel(entry: &mut Entry<'_, '_, '_>, kind: &Word<'_>, family: Family) -> Option<Tunnel> {
    let mut tunnel = Tunnel::default();
    for word in Word::all(entry.node.line, kind.args) {
        match word.name {
            "id" => tunnel.id = word.u64(),
            "dst" => tunnel.destination = Some(end(entry, &word, family)?),
            "src" => tunnel.source = Some(end(entry, &word, family)?),
            "tos" | "tc" => tunnel.tos = Some(entry.octet(NameKind::DsField, &word)?),
            "ttl" | "hoplimit" => tunnel.ttl = word.u8(),
            "flags" => match number(word.text()).and_then(|flags| u16::try_from(flags).ok()) {
                Some(flags) => tunnel.flags = Some(flags),
                None => {
                    return entry.refuse(
                        word.at,
                        format_args!("flags takes a number, not '{}'", word.text()),
                        "write 0 to 65535",
                    );
                }
            },
            _ => {}
        }
    }
    Some(tunnel)
}

/// An end of the tunnel.
fn end(entry: &mut Entry<'_, '_, '_>, word: &Word<'_>, family: Family) -> Option<IpAddr> {
    let ip = word.ip()?;
    if Family::of(ip) == family {
        return Some(ip);
    }
    let (kind, needed) = if family == Family::V4 { ("ip", "IPv4") } else { ("ip6", "IPv6") };
    entry.refuse(word.at, format_args!("{ip} is not an address for encap {kind}"), format!("write an {needed} address"))
}

fn labels(text: &str) -> Option<Vec<u32>> {
    let labels: Option<Vec<u32>> =
        text.split('/').map(|label| number(label).filter(|label| *label <= LARGEST_LABEL)).collect();
    labels.filter(|labels| labels.len() <= MOST_LABELS)
}

/// Four groups of up to four hexadecimal digits, the first in the highest bits.
fn locator(text: &str) -> Option<u64> {
    let group =
        |group: &str| u16::from_str_radix(group, 16).ok().filter(|_| group.len() <= 4 && !group.starts_with('+'));
    let groups: Option<Vec<u16>> = text.split(':').map(group).collect();
    let groups: [u16; 4] = groups?.try_into().ok()?;
    Some(groups.iter().fold(0, |locator, group| locator << 16 | u64::from(*group)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_locators() {
        for (text, want) in [
            ("100", Some(vec![100])),
            ("16/1048575", Some(vec![16, 1_048_575])),
            ("1048576", None),
            ("1/2/3", None),
            ("1/", None),
            ("via", None),
        ] {
            assert_eq!(labels(text), want, "{text}");
        }
        for (text, want) in [
            ("4040:0:1:0", Some(0x4040_0000_0001_0000)),
            ("1:2:3:4", Some(0x0001_0002_0003_0004)),
            ("1:2:3", None),
            ("1:2:3:4:5", None),
            ("1::3:4", None),
            ("1:2:3:10000", None),
            ("1:2:3:+4", None),
        ] {
            assert_eq!(locator(text), want, "{text}");
        }
    }
}
