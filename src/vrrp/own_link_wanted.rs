//! The desired state of a link that the daemon makes (`use_vmac`, `use_ipvlan`), and the next step to reach it.

use std::net::{IpAddr, Ipv6Addr};

use super::faults::source;
use super::ids::{InstanceId, OwnLinkId};
use super::interface::Interface;
use super::lookup::role_of;
use super::op::WantedLink;
use super::own_link::OwnLink;
use super::rows::Instance;
use super::tables::Tables;
use crate::config::model::{self, Family, OwnLinkKind};
use crate::state::Op;

/// Longest name of an interface.
const NAME_MAX: usize = 15;
/// Prefix length of a link-local address.
const LINK_LOCAL_PREFIX: u8 = 64;
/// A multicast destination: the source for it is link-local.
const ALL_ROUTERS: IpAddr = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2));

/// Next step in the reconciliation of a link.
pub(super) enum LinkStep {
    /// Nothing to do now.
    Nothing,
    /// The link is as wanted.
    Complete {
        /// Present name; `None` while the link is not reported.
        name: Option<String>,
        /// Whether it is up.
        up: bool,
        /// Whether it can be used.
        ready: bool,
    },
    /// Send a request to the kernel.
    Ask {
        /// The operation.
        op: Op,
        /// The link.
        link: WantedLink,
        /// Another program has set the link down.
        went_down: bool,
    },
}

impl Tables {
    /// A link that the daemon makes, with its instance.
    pub(super) fn own_link(&self, OwnLinkId(id, number): OwnLinkId) -> Option<(&Instance, &OwnLink)> {
        let row = self.instances.get(&id)?;
        Some((row, row.links.get(&number)?))
    }

    /// Ids of all links that the daemon makes.
    pub(super) fn own_link_ids(&self) -> Vec<OwnLinkId> {
        let ids = |(id, row): (&InstanceId, &Instance)| own_links_of(*id, row);
        self.instances.iter().flat_map(ids).collect()
    }

    /// Ids of the links that the daemon makes for an instance.
    pub(super) fn own_links_of(&self, id: InstanceId) -> Vec<OwnLinkId> {
        self.instances.get(&id).map_or_else(Vec::new, |row| own_links_of(id, row))
    }

    /// The next step for a link.
    pub(super) fn link_step(&self, id: OwnLinkId) -> LinkStep {
        let Some((row, own)) = self.own_link(id) else { return LinkStep::Nothing };
        if own.state.pending.is_some() || own.state.refused {
            return LinkStep::Nothing;
        }
        let link = own.ifindex.and_then(|index| self.interfaces.get(index));
        let op = match (own.state.wanted, own.ifindex) {
            (true, None) => Op::Add,
            (true, Some(_)) if self.must_remake(row, own, link) => Op::Add,
            (true, Some(_)) => {
                let (name, up) = (link.map(|link| link.name.clone()), link.is_some_and(|link| link.up));
                return LinkStep::Complete { name, up, ready: self.surroundings().is_ready(own) };
            }
            (false, Some(_)) => Op::Remove,
            (false, None) => return LinkStep::Nothing,
        };
        let was_up = own.was_up && own.ifindex.is_some();
        let went_down = op == Op::Add && was_up && link.is_none_or(|link| !link.up);
        self.wanted_link(id).map_or(LinkStep::Nothing, |link| LinkStep::Ask { op, link, went_down })
    }

    /// Whether a created link differs from the desired one. Its group is changed without making it again.
    fn must_remake(&self, row: &Instance, own: &OwnLink, link: Option<&Interface>) -> bool {
        let base = self.interfaces.named(&own.base);
        let other = link.is_some_and(|link| !own.is(link, base.map(|base| base.index)));
        let went_down = own.was_up && link.is_some_and(|link| !link.up) && base.is_some_and(|base| base.up);
        let ipv6 = carries_ipv6(row, own) && !own.ipv6;
        let address = self.address_of_link(row, own);
        let regrouped = base.is_some_and(|base| own.config.group.unwrap_or(base.group) != own.group);
        other || went_down || ipv6 || regrouped || (address.is_some() && address != own.address)
    }

    /// A link as desired; `None` while its lower interface does not exist.
    pub(super) fn wanted_link(&self, id: OwnLinkId) -> Option<WantedLink> {
        let (row, own) = self.own_link(id)?;
        let base = self.interfaces.named(&own.base)?;
        let (name, replace) = self.name_of_link(id, own, base.index);
        Some(WantedLink {
            name,
            kind: own.config.kind,
            base: base.index,
            base_name: base.name.clone(),
            ipv6: carries_ipv6(row, own),
            address: self.address_of_link(row, own),
            group: own.config.group.unwrap_or(base.group),
            replace,
        })
    }

    /// The name for a link: its present name, the configured name, the name of a link left by an earlier run, or the first
    /// unused generated name. Also returns whether an existing link of that name and kind may be replaced.
    fn name_of_link(&self, id: OwnLinkId, own: &OwnLink, base: u32) -> (String, bool) {
        let others = |name: &str| {
            let has = |(of, row): (&InstanceId, &Instance)| {
                let is = |(number, link): (&u32, &OwnLink)| {
                    OwnLinkId(*of, *number) != id && link.state.wanted && link.name == name
                };
                row.links.iter().any(is)
            };
            self.instances.iter().any(has)
        };
        let is_own = |link: &Interface| own.is(link, Some(base));
        let known = self.interfaces.named(&own.name);
        let ours = |link: &Interface| Some(link.index) == own.ifindex || is_own(link);
        if !own.name.is_empty() && known.is_none_or(ours) && !others(&own.name) {
            return (own.name.clone(), known.is_some());
        }
        if let Some(name) = &own.config.name
            && self.interfaces.named(name).is_none_or(|link| own.is_of_kind(link))
            && !others(name)
        {
            return (name.clone(), true);
        }
        let (first, last) = (generated(own, 0), format!(".{}", own.vrid));
        let stem = first.split('.').next().unwrap_or_default();
        let left = |link: &&Interface| {
            let fits = link.name.strip_suffix(&last).is_some_and(|rest| rest.starts_with(stem));
            fits && is_own(link) && !others(&link.name)
        };
        if let Some(link) = self.interfaces.iter().find(left) {
            return (link.name.clone(), false);
        }
        let free = |name: &String| self.interfaces.named(name).is_none() && !others(name);
        let name = (0..=usize::from(u8::MAX)).map(|number| generated(own, number)).find(free);
        (name.unwrap_or(first), false)
    }

    /// The address for a link besides virtual addresses: the configured address of an ipvlan; for a VMAC with IPv6 a
    /// link-local address of its lower interface, which is the source of adverts on the link of the instance.
    fn address_of_link(&self, row: &Instance, own: &OwnLink) -> Option<(IpAddr, u8)> {
        let link_local = match own.config.kind {
            OwnLinkKind::Ipvlan { address, .. } => return address,
            OwnLinkKind::Vmac { xmit_base: true, .. } => None,
            OwnLinkKind::Vmac { .. } if own.family == Family::V4 => None,
            OwnLinkKind::Vmac { .. } if !own.for_addresses => source(self.surroundings(), row),
            OwnLinkKind::Vmac { .. } => {
                let base = self.interfaces.named(&own.base)?;
                base.source(Family::V6, &[ALL_ROUTERS], |known| role_of(&self.addresses, base.index, known))
            }
        };
        let is_link_local = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        link_local.filter(is_link_local).map(|ip| (ip, LINK_LOCAL_PREFIX))
    }
}

fn own_links_of(id: InstanceId, row: &Instance) -> Vec<OwnLinkId> {
    row.links.keys().map(|number| OwnLinkId(id, *number)).collect()
}

/// Whether a link of an instance will have IPv6 addresses.
pub(super) fn carries_ipv6(row: &Instance, own: &OwnLink) -> bool {
    let is_ip6 = |address: &model::Address| address.ip.is_ipv6() && !address.own_vmac && row.link_of(address).is_some();
    let on_it = || row.config.addresses.iter().chain(&row.config.excluded).any(is_ip6);
    own.family == Family::V6 || (!own.for_addresses && own.config.is_vmac() && on_it())
}

/// `vrrp.VRID`, then `vrrp1.VRID`, `vrrp2.VRID`...; for IPv6 `vrrp6.VRID` comes before `vrrp1.VRID`. The prefix is cut
/// so that the name fits.
fn generated(own: &OwnLink, number: usize) -> String {
    let number = match (number, own.family) {
        (0, _) => String::new(),
        (1, Family::V6) => "6".to_owned(),
        (number @ 2..=6, Family::V6) => (number - 1).to_string(),
        (number, _) => number.to_string(),
    };
    let tail = format!("{number}.{}", own.vrid);
    let prefix = &own.config.prefix;
    let mut end = prefix.len().min(NAME_MAX.saturating_sub(tail.len()));
    while !prefix.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{tail}", prefix.get(..end).unwrap_or_default())
}
