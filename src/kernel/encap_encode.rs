//! Encodes `encap`: the tunnel that a route leads into.

use super::attributes::Attributes;
use super::rtnetlink::{
    ILA_ATTR_LOCATOR, LWTUNNEL_ENCAP_ILA, LWTUNNEL_ENCAP_IP, LWTUNNEL_ENCAP_IP6, LWTUNNEL_ENCAP_MPLS, LWTUNNEL_IP_DST,
    LWTUNNEL_IP_FLAGS, LWTUNNEL_IP_ID, LWTUNNEL_IP_SRC, LWTUNNEL_IP_TOS, LWTUNNEL_IP_TTL, MPLS_IPTUNNEL_DST, RTA_ENCAP,
    RTA_ENCAP_TYPE,
};
use crate::config::model::{Encap, Tunnel};

/// The last entry of a stack of MPLS labels (RFC 3032 section 2.1).
const BOTTOM_OF_STACK: u32 = 1 << 8;

/// Appends the attributes of a tunnel.
pub(super) fn put_encap(out: &mut Attributes, encap: &Encap) {
    let kind = match encap {
        Encap::Mpls(_) => LWTUNNEL_ENCAP_MPLS,
        Encap::Ip(_) => LWTUNNEL_ENCAP_IP,
        Encap::Ip6(_) => LWTUNNEL_ENCAP_IP6,
        Encap::Ila(_) => LWTUNNEL_ENCAP_ILA,
    };
    out.word("encap");
    out.put(RTA_ENCAP_TYPE, kind.to_ne_bytes());
    out.nest(RTA_ENCAP, |out| match encap {
        Encap::Mpls(labels) => out.put_octets(MPLS_IPTUNNEL_DST, &stack(labels)),
        Encap::Ip(tunnel) | Encap::Ip6(tunnel) => put_tunnel(out, tunnel),
        Encap::Ila(locator) => out.put(ILA_ATTR_LOCATOR, locator.to_be_bytes()),
    });
}

/// A stack of MPLS labels, in network order.
fn stack(labels: &[u32]) -> Vec<u8> {
    let last = labels.len().saturating_sub(1);
    let entries = labels.iter().enumerate().map(|(at, label)| {
        let bottom = if at == last { BOTTOM_OF_STACK } else { 0 };
        (label & 0xf_ffff) << 12 | bottom
    });
    entries.flat_map(u32::to_be_bytes).collect()
}

fn put_tunnel(out: &mut Attributes, tunnel: &Tunnel) {
    if let Some(id) = tunnel.id {
        out.put(LWTUNNEL_IP_ID, id.to_be_bytes());
    }
    if let Some(ip) = tunnel.destination {
        out.put_ip(LWTUNNEL_IP_DST, ip);
    }
    if let Some(ip) = tunnel.source {
        out.put_ip(LWTUNNEL_IP_SRC, ip);
    }
    if let Some(tos) = tunnel.tos {
        out.put(LWTUNNEL_IP_TOS, [tos]);
    }
    if let Some(ttl) = tunnel.ttl {
        out.put(LWTUNNEL_IP_TTL, [ttl]);
    }
    if let Some(flags) = tunnel.flags {
        out.put(LWTUNNEL_IP_FLAGS, flags.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::attributes::attributes;
    use super::*;

    #[test]
    fn the_last_label_ends_the_stack() {
        assert_eq!(stack(&[100, 200]), [0, 6, 0x40, 0, 0, 0xc, 0x81, 0]);
        assert_eq!(stack(&[0xf_ffff]), [0xff, 0xff, 0xf1, 0]);
    }

    #[test]
    fn a_locator_is_in_network_order() {
        let mut out = Attributes::default();
        put_encap(&mut out, &Encap::Ila(0x4040_0000_0001_0002));
        let found: Vec<_> = attributes(out.octets()).collect();
        let [(RTA_ENCAP_TYPE, kind), (RTA_ENCAP, inner)] = found[..] else { panic!("{found:?}") };
        assert_eq!(kind, LWTUNNEL_ENCAP_ILA.to_ne_bytes());
        assert_eq!(attributes(inner).collect::<Vec<_>>(), [(ILA_ATTR_LOCATOR, &[0x40, 0x40, 0, 0, 0, 1, 0, 2][..])]);
    }
}
