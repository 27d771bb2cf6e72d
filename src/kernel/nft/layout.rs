//! The sets, chains and rules of a table. Names and order are those of C keepalived, for scripts that use them.

use super::expression::{Base, Expressions, Meta, Register, Verdict};
use super::wire::{HOOK_INPUT, HOOK_OUTPUT};
use crate::config::model::Family;
use crate::vrrp::FirewallLayout;

pub(super) const VIPS: &str = "vips";
pub(super) const LINK_LOCAL_VIPS: &str = "vips_link_local";
pub(super) const PARENTS: &str = "parent_link_local";
pub(super) const VMAC_MAP: &str = "vmac_map";
pub(super) const VMAC_SET: &str = "vmac_set";
const MLD_REPORTS: &str = "mld-report";
const NEIGHBOR_DISCOVERY: &str = "neighbor-discovery";

const OUT: &str = "out";
const IN: &str = "in";
const OUT_LINK_LOCAL: &str = "out_link_local";
const IN_LINK_LOCAL: &str = "in_link_local";

/// `IFNAMSIZ`.
pub(super) const NAME_SIZE: usize = 16;
const IGMP: u8 = 2;
const ICMPV6: u8 = 58;
const ROUTER_SOLICIT: u8 = 133;
const NEIGHBOR_SOLICIT: u8 = 135;
const NEIGHBOR_ADVERT: u8 = 136;
const MLD_REPORT: u8 = 131;
const MLD2_REPORT: u8 = 143;
/// Offsets in the IP headers.
const PROTOCOL: u32 = 9;
const SOURCE4: u32 = 12;
pub(super) const DESTINATION4: u32 = 16;
const SOURCE6: u32 = 8;
pub(super) const DESTINATION6: u32 = 24;
/// `NFT_SET_CONSTANT`, `NFT_SET_MAP`.
const CONSTANT: u32 = 2;
const MAP: u32 = 8;

/// A set or map.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) name: &'static str,
    /// `NFT_SET_*` flags.
    pub(super) flags: u32,
    /// The type of its keys.
    pub(super) key: Key,
    /// Keys of constant sets.
    pub(super) constants: &'static [u8],
}

/// The type of the keys of a set. A map's values have it too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// The number that nft gives the type; it shows elements accordingly.
    pub(super) number: u32,
    /// Length in octets.
    pub(super) length: u32,
    /// Data that nft stores with the set: the byte order.
    pub(super) user_data: &'static [u8],
}

/// nft's numbers for types. The number of a concatenation has 6 bits for each part.
const TYPE_IPV4: u32 = 7;
const TYPE_IPV6: u32 = 8;
const TYPE_INDEX: u32 = 20;
const TYPE_ICMPV6: u32 = 29;
const TYPE_NAME: u32 = 41;
/// nft's user data (`NFTNL_UDATA_SET_*`): for numbers in host byte order, in network byte order, and for concatenations.
const HOST_ORDER: &[u8] = &[0, 4, 1, 0, 0, 0];
const HOST_ORDER_BOTH: &[u8] = &[0, 4, 1, 0, 0, 0, 1, 4, 1, 0, 0, 0, 6, 4, 0, 0, 0, 0];
const NETWORK_ORDER: &[u8] = &[0, 4, 2, 0, 0, 0];
const CONCATENATION: &[u8] = &[0, 4, 0, 0, 0, 0, 3, 8, 0, 4, 13, 0, 0, 0, 1, 0];

const IPV4: Key = Key { number: TYPE_IPV4, length: 4, user_data: NETWORK_ORDER };
const IPV6: Key = Key { number: TYPE_IPV6, length: 16, user_data: NETWORK_ORDER };
const INDEX: Key = Key { number: TYPE_INDEX, length: 4, user_data: HOST_ORDER };
const INDEX_TO_INDEX: Key = Key { number: TYPE_INDEX, length: 4, user_data: HOST_ORDER_BOTH };
const ICMPV6_TYPE: Key = Key { number: TYPE_ICMPV6, length: 1, user_data: NETWORK_ORDER };
const IPV6_INDEX: Key = Key { number: TYPE_IPV6 << 6 | TYPE_INDEX, length: 20, user_data: CONCATENATION };
const IPV6_NAME: Key = Key { number: TYPE_IPV6 << 6 | TYPE_NAME, length: 32, user_data: CONCATENATION };

impl Set {
    fn plain(name: &'static str, key: Key) -> Set {
        Set { name, flags: 0, key, constants: &[] }
    }

    fn constant(name: &'static str, constants: &'static [u8]) -> Set {
        Set { name, flags: CONSTANT, key: ICMPV6_TYPE, constants }
    }

    pub(super) fn is_map(&self) -> bool {
        self.flags & MAP != 0
    }
}

/// A chain.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) name: &'static str,
    /// `NF_INET_*` of a base chain.
    pub(super) hook: Option<u32>,
    pub(super) rules: Vec<(Expressions, Verdict)>,
}

/// The sets of a table.
pub(super) fn sets(layout: &FirewallLayout) -> Vec<Set> {
    let vmac_map = || Set { name: VMAC_MAP, flags: MAP, key: INDEX_TO_INDEX, constants: &[] };
    let mut sets = Vec::new();
    if layout.family == Family::V4 {
        sets.extend(layout.vmacs.then(vmac_map));
        sets.extend(layout.drops.then(|| Set::plain(VIPS, IPV4)));
        return sets;
    }
    sets.push(Set::plain(PARENTS, if layout.settings.by_index { IPV6_INDEX } else { IPV6_NAME }));
    if layout.vmacs {
        sets.push(vmac_map());
        sets.push(Set::plain(VMAC_SET, INDEX));
        sets.push(Set::constant(MLD_REPORTS, &[MLD_REPORT, MLD2_REPORT]));
    }
    if layout.drops {
        sets.push(Set::plain(VIPS, IPV6));
        sets.push(Set::constant(NEIGHBOR_DISCOVERY, &[NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT]));
        sets.push(Set::plain(LINK_LOCAL_VIPS, IPV6_INDEX));
    }
    sets
}

/// The chains of a table, each after those that were created before it; a rule may go to a later one.
pub(super) fn chains(layout: &FirewallLayout) -> Vec<Chain> {
    match layout.family {
        Family::V4 => chains4(layout),
        Family::V6 => chains6(layout),
    }
}

fn on_vmac(expressions: Expressions) -> Expressions {
    let mut kind = [0; NAME_SIZE];
    for (to, from) in kind.iter_mut().zip(b"macvlan") {
        *to = *from;
    }
    expressions.meta(Meta::OifKind, Register::First).equals(&kind)
}

fn chains4(layout: &FirewallLayout) -> Vec<Chain> {
    let new = Expressions::default;
    let mut out = Vec::new();
    if layout.vmacs {
        let igmp = on_vmac(new().load(Base::Network, PROTOCOL, 1).equals(&[IGMP]));
        let destination = igmp.load(Base::Network, DESTINATION4, 4);
        out.push((destination.meta(Meta::Oif, Register::Second).map(VMAC_MAP).duplicate(), Verdict::Drop));
    }
    if layout.drops {
        out.push((new().load(Base::Network, SOURCE4, 4).in_set(VIPS), Verdict::Drop));
    }
    let mut chains = vec![Chain { name: OUT, hook: Some(HOOK_OUTPUT), rules: out }];
    if layout.drops {
        let rules = vec![(new().load(Base::Network, DESTINATION4, 4).in_set(VIPS), Verdict::Drop)];
        chains.push(Chain { name: IN, hook: Some(HOOK_INPUT), rules });
    }
    chains
}

fn chains6(layout: &FirewallLayout) -> Vec<Chain> {
    let new = Expressions::default;
    let icmp = || {
        let icmp = new().meta(Meta::L4Protocol, Register::First).equals(&[ICMPV6]);
        icmp.load(Base::Transport, 0, 1)
    };
    let device = if layout.settings.by_index { Meta::Oif } else { Meta::OifName };
    // The base interface answers for the link-local address that its VMACs have too.
    let advert = on_vmac(icmp().equals(&[NEIGHBOR_ADVERT])).load(Base::Network, SOURCE6, 16);
    let mut out = vec![(advert.meta(device, Register::Second).in_set(PARENTS), Verdict::Drop)];
    if layout.vmacs {
        let report = on_vmac(icmp().in_set(MLD_REPORTS)).load(Base::Network, DESTINATION6, 16);
        out.push((report.meta(Meta::Oif, Register::Second).map(VMAC_MAP).duplicate(), Verdict::Drop));
        let solicitation = on_vmac(icmp().equals(&[ROUTER_SOLICIT])).meta(Meta::Oif, Register::First);
        out.push((solicitation.in_set(VMAC_SET), Verdict::Drop));
    }
    if !layout.drops {
        return vec![Chain { name: OUT, hook: Some(HOOK_OUTPUT), rules: out }];
    }
    // fe80::/10
    let (mut prefix, mut mask) = ([0; 16], [0; 16]);
    [prefix[0], prefix[1]] = [0xfe, 0x80];
    [mask[0], mask[1]] = [0xff, 0xc0];
    let direction = |address: u32, link_local: &'static str| {
        [
            (icmp().in_set(NEIGHBOR_DISCOVERY), Verdict::Accept),
            (new().load(Base::Network, address, 16).mask(mask).equals(&prefix), Verdict::Goto(link_local)),
            (new().load(Base::Network, address, 16).in_set(VIPS), Verdict::Drop),
        ]
    };
    let link_local = |address: u32, device: Meta| {
        let key = new().load(Base::Network, address, 16).meta(device, Register::Second);
        vec![(key.in_set(LINK_LOCAL_VIPS), Verdict::Drop)]
    };
    out.extend(direction(SOURCE6, OUT_LINK_LOCAL));
    let into = direction(DESTINATION6, IN_LINK_LOCAL).into();
    vec![
        Chain { name: OUT, hook: Some(HOOK_OUTPUT), rules: out },
        Chain { name: IN, hook: Some(HOOK_INPUT), rules: into },
        Chain { name: IN_LINK_LOCAL, hook: None, rules: link_local(DESTINATION6, Meta::Iif) },
        Chain { name: OUT_LINK_LOCAL, hook: None, rules: link_local(SOURCE6, Meta::Oif) },
    ]
}
