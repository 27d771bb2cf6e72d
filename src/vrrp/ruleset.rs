//! The contents of the firewall tables, and changes of them.
//!
//! A table has a *layout*, which depends on the configuration: its chains, rules and sets. The *elements* of the sets depend
//! on the states of the instances.

use std::net::{IpAddr, Ipv6Addr};

use crate::config::model::{Family, Firewall};

/// The structure of the table of a family: its chains, rules and sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallLayout {
    /// `ip` or `ip6`.
    pub family: Family,
    /// Name, priority, and properties of the rules.
    pub settings: Firewall,
    /// The rules for VMACs, which keep reports of group memberships and router solicitations off the VMACs: switches would
    /// learn the virtual MAC address from those of a backup.
    pub vmacs: bool,
    /// The rules for the addresses of masters with `no_accept`, which drop packets to and from them (RFC 9568 section
    /// 6.4.3, Accept_Mode).
    pub drops: bool,
}

/// An interface in a set: its index, or its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ElementDevice {
    /// Kernel index.
    Index(u32),
    /// Name, at most 15 octets.
    Name(String),
}

/// An element of a set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// An address whose packets are dropped (`vips`).
    Vip(IpAddr),
    /// A link-local address whose packets on an interface are dropped (`vips_link_local`).
    LinkLocalVip(Ipv6Addr, u32),
    /// A VMAC and its base interface (`vmac_map`; for IPv6 also `vmac_set`).
    Vmac {
        /// Kernel index of the VMAC.
        vmac: u32,
        /// Kernel index of the base interface.
        base: u32,
    },
    /// The link-local address that a VMAC has from its base interface, which announces it (`parent_link_local`).
    ParentLinkLocal(Ipv6Addr, ElementDevice),
}

/// A change of a table, which the kernel makes as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirewallChange {
    /// Replaces the table, if any, by one with this layout and these elements.
    Build(FirewallLayout, Vec<Element>),
    /// Changes elements of a table with this layout.
    Update {
        /// The layout.
        layout: FirewallLayout,
        /// Elements to remove, which precedes the addition.
        remove: Vec<Element>,
        /// Elements to add.
        add: Vec<Element>,
    },
    /// Removes the table, if any.
    Remove(Family, String),
}

impl FirewallLayout {
    /// Whether the table has a set for an element.
    pub fn takes(&self, element: &Element) -> bool {
        match element {
            Element::Vip(_) | Element::LinkLocalVip(..) => self.drops,
            Element::Vmac { .. } | Element::ParentLinkLocal(..) => self.vmacs,
        }
    }

    /// The elements for a VMAC with this index.
    pub fn elements_of_vmac(&self, index: u32, base: u32, name: &str, link_local: Option<Ipv6Addr>) -> Vec<Element> {
        vmac_elements(self.settings.by_index, index, base, name, link_local)
            .into_iter()
            .filter(|element| self.takes(element))
            .filter(|element| self.family == Family::V6 || matches!(element, Element::Vmac { .. }))
            .collect()
    }
}

/// The elements for a VMAC in a table of IPv6; those for IPv4 have no link-local address.
pub(super) fn vmac_elements(
    by_index: bool,
    index: u32,
    base: u32,
    name: &str,
    link_local: Option<Ipv6Addr>,
) -> Vec<Element> {
    let device = || if by_index { ElementDevice::Index(index) } else { ElementDevice::Name(name.to_owned()) };
    let parent = link_local.map(|ip| Element::ParentLinkLocal(ip, device()));
    [Element::Vmac { vmac: index, base }].into_iter().chain(parent).collect()
}

impl FirewallChange {
    /// The family of the table.
    pub fn family(&self) -> Family {
        match self {
            FirewallChange::Build(layout, _) | FirewallChange::Update { layout, .. } => layout.family,
            FirewallChange::Remove(family, _) => *family,
        }
    }

    /// Whether it adds rules or elements, which must precede the addresses and VMACs that they are for.
    pub fn adds(&self) -> bool {
        match self {
            FirewallChange::Build(..) => true,
            FirewallChange::Update { add, .. } => !add.is_empty(),
            FirewallChange::Remove(..) => false,
        }
    }
}
