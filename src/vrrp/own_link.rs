//! The state of a link that the daemon makes: a VMAC (`use_vmac`), which is a macvlan interface, or an ipvlan (`use_ipvlan`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::interface::{Interface, UpperKind};
use crate::config::model::{self, Family, OwnLinkKind};
use crate::state::Managed;

/// State of a link that the daemon makes for an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLink {
    /// As configured.
    pub config: model::OwnLink,
    /// Configured name of the lower interface.
    pub base: String,
    /// VRID of the instance.
    pub vrid: u8,
    /// Family of the instance, or of the addresses that it is for.
    pub family: Family,
    /// It is for addresses of the instance only; the instance does not run on it.
    pub(super) for_addresses: bool,
    /// Whether a loss puts the instance into fault.
    pub(super) tracked: bool,
    /// Name of the interface; empty until it is chosen, when the lower interface is known.
    pub name: String,
    /// Kernel index, after the kernel has confirmed its creation or adoption.
    pub ifindex: Option<u32>,
    /// Address that was set on it, besides virtual addresses: on a VMAC for IPv6 the link-local address of the lower
    /// interface, on an ipvlan the configured address.
    pub address: Option<(IpAddr, u8)>,
    /// It was created with IPv6 enabled.
    pub ipv6: bool,
    /// Interface group that it was put in.
    pub(super) group: u32,
    /// Its state in the kernel. It is installed when its index is known.
    pub state: Managed,
    /// It was up since its creation. If it then goes down, it is created again, once.
    pub(super) was_up: bool,
    /// End of the grace period, during which a missing link is no fault.
    pub(super) grace_until: Option<Duration>,
}

impl OwnLink {
    /// Creates the state of a link that does not exist yet.
    fn new(config: model::OwnLink, base: String, vrid: u8, family: Family) -> OwnLink {
        OwnLink {
            config,
            base,
            vrid,
            family,
            for_addresses: false,
            tracked: true,
            name: String::new(),
            ifindex: None,
            address: None,
            ipv6: false,
            group: 0,
            state: Managed::wanted(),
            was_up: false,
            grace_until: None,
        }
    }

    /// The links of an instance by number: 0 is the one that the instance runs on, the others are for addresses.
    pub(super) fn all_of(config: &model::Instance) -> BTreeMap<u32, OwnLink> {
        let own = OwnLink::run_on(config).map(|link| (0, link));
        own.into_iter().chain((1..).zip(OwnLink::for_addresses(config))).collect()
    }

    /// The link that an instance runs on.
    pub(super) fn run_on(config: &model::Instance) -> Option<OwnLink> {
        let link = config.link.clone()?;
        Some(OwnLink::new(link, config.interface.clone(), config.vrid, config.family))
    }

    /// The links for addresses of an instance.
    pub(super) fn for_addresses(config: &model::Instance) -> impl Iterator<Item = OwnLink> {
        config.address_links.iter().map(|of| OwnLink {
            for_addresses: true,
            tracked: of.tracked,
            ..OwnLink::new(of.link.clone(), of.base.clone(), config.vrid, of.family)
        })
    }

    /// Whether both are alike in the kernel, except for properties that can be changed.
    pub(super) fn is_like(&self, other: &OwnLink) -> bool {
        let parts = |link: &OwnLink| (link.config.kind, link.vrid, link.family);
        let names = |link: &OwnLink| (link.config.name.clone(), link.config.prefix.clone(), link.base.clone());
        parts(self) == parts(other) && names(self) == names(other)
    }

    /// Takes what may change while it exists.
    pub(super) fn take_settings(&mut self, from: OwnLink) {
        (self.config, self.tracked) = (from.config, from.tracked);
    }

    /// Whether a link of the kernel has its properties.
    pub(super) fn is(&self, link: &Interface, base: Option<u32>) -> bool {
        let Some(upper) = link.upper.filter(|upper| upper.base == base) else { return false };
        match self.config.kind {
            OwnLinkKind::Vmac { mac, .. } => {
                link.mac == Some(mac) && upper.kind == UpperKind::Macvlan { private: true }
            }
            OwnLinkKind::Ipvlan { mode, .. } => upper.kind == UpperKind::Ipvlan(Some(mode)),
        }
    }

    /// Whether a link of the kernel is of its kind, and may be replaced.
    pub(super) fn is_of_kind(&self, link: &Interface) -> bool {
        link.upper.is_some_and(|upper| matches!(upper.kind, UpperKind::Macvlan { .. }) == self.config.is_vmac())
    }

    /// The link-local address that a VMAC has from its lower interface.
    pub(super) fn link_local(&self) -> Option<Ipv6Addr> {
        match self.address.filter(|_| self.config.is_vmac()) {
            Some((IpAddr::V6(ip), _)) => Some(ip),
            _ => None,
        }
    }

    /// Whether the kernel has answered all requests after the stop.
    pub(super) fn is_settled(&self) -> bool {
        self.state.pending.is_none() && (self.state.wanted || self.state.refused || self.ifindex.is_none())
    }
}
