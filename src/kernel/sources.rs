//! The tables of the kernel that the monitor watches: how they are dumped and which groups report changes.

use super::attributes::Attributes;
use super::netlink::{NLM_F_DUMP, encode};
use super::rtnetlink::{
    AF_INET, AF_INET6, AF_UNSPEC, FIB_RULE_HDR, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS, RTM_GETADDR, RTM_GETLINK,
    RTM_GETROUTE, RTM_GETRULE, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWROUTE, RTM_NEWRULE, RTMSG, RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE, RTNLGRP_LINK,
};

/// A table of the kernel.
#[derive(Debug)]
pub(super) struct Source {
    /// Multicast groups of its notifications (`RTNLGRP_*`).
    pub(super) groups: &'static [u32],
    /// Message type of the dump request.
    get: u16,
    /// Message type of the rows of a dump.
    pub(super) row: u16,
    /// Family of the rows, at the start of each message; `AF_UNSPEC`: all.
    pub(super) family: u8,
    /// Length of the fixed header, which starts with the family.
    header: usize,
    /// An attribute of the dump request.
    option: Option<(u16, u32)>,
}

/// Links.
pub(super) const LINKS: Source = Source {
    groups: &[RTNLGRP_LINK],
    get: RTM_GETLINK,
    row: RTM_NEWLINK,
    family: AF_UNSPEC,
    header: 16,
    option: Some((IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)),
};
/// Addresses.
pub(super) const ADDRESSES: Source = Source {
    groups: &[RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR],
    get: RTM_GETADDR,
    row: RTM_NEWADDR,
    family: AF_UNSPEC,
    header: 8,
    option: None,
};
/// IPv4 routes.
pub(super) const ROUTES4: Source = routes(AF_INET, &[RTNLGRP_IPV4_ROUTE]);
/// IPv6 routes.
pub(super) const ROUTES6: Source = routes(AF_INET6, &[RTNLGRP_IPV6_ROUTE]);
/// IPv4 rules.
pub(super) const RULES4: Source = rules(AF_INET, &[RTNLGRP_IPV4_RULE]);
/// IPv6 rules.
pub(super) const RULES6: Source = rules(AF_INET6, &[RTNLGRP_IPV6_RULE]);

const fn routes(family: u8, groups: &'static [u32]) -> Source {
    let (get, row) = (RTM_GETROUTE, RTM_NEWROUTE);
    Source { groups, get, row, family, header: RTMSG, option: None }
}

const fn rules(family: u8, groups: &'static [u32]) -> Source {
    let (get, row) = (RTM_GETRULE, RTM_NEWRULE);
    Source { groups, get, row, family, header: FIB_RULE_HDR, option: None }
}

impl Source {
    /// The request for a dump.
    pub(super) fn dump(&self, seq: u32) -> Vec<u8> {
        let mut header = vec![0; self.header];
        if let Some(family) = header.first_mut() {
            *family = self.family;
        }
        let mut payload = Attributes::after(&header);
        if let Some((kind, value)) = self.option {
            payload.put(kind, value.to_ne_bytes());
        }
        encode(self.get, NLM_F_DUMP, seq, payload.octets())
    }

    /// Whether a message of a dump is a row of this table. A kernel without the family dumps those of all families.
    pub(super) fn has(&self, kind: u16, payload: &[u8]) -> bool {
        kind == self.row && (self.family == AF_UNSPEC || payload.first() == Some(&self.family))
    }
}

#[cfg(test)]
mod tests {
    use super::super::netlink::messages;
    use super::*;

    #[test]
    fn requests_have_the_dump_flags() {
        let sources = [
            (LINKS, RTM_GETLINK, 24),
            (ADDRESSES, RTM_GETADDR, 8),
            (ROUTES6, RTM_GETROUTE, 12),
            (RULES6, RTM_GETRULE, 12),
        ];
        for (source, kind, length) in sources {
            let octets = source.dump(5);
            let request = messages(&octets).next().unwrap();
            assert_eq!((request.kind, request.seq, request.payload.len()), (kind, 5, length));
            // NLM_F_REQUEST and NLM_F_DUMP.
            assert_eq!(request.flags, 0x301);
            assert_eq!(request.payload.first(), Some(&source.family));
        }
    }
}
