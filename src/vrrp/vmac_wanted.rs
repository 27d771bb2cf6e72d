//! The desired VMAC of an instance (`use_vmac`), and the next step to reach it.

use std::net::{IpAddr, Ipv6Addr};

use super::faults::source;
use super::ids::InstanceId;
use super::interface::{Interface, Macvlan};
use super::op::WantedVmac;
use super::rows::Instance;
use super::tables::Tables;
use super::vmac_row::Vmac;
use crate::config::model::{self, Family};
use crate::state::Op;

/// Longest name of an interface.
const NAME_MAX: usize = 15;

/// Next step in the reconciliation of a VMAC.
pub(super) enum VmacStep {
    /// Nothing to do now.
    Nothing,
    /// The VMAC is as wanted.
    Complete {
        /// Present name; `None` while the link is not reported.
        name: Option<String>,
        /// Whether it is up.
        up: bool,
    },
    /// Send a request to the kernel.
    Ask {
        /// The operation.
        op: Op,
        /// The VMAC.
        link: WantedVmac,
        /// Another program has set the VMAC down.
        went_down: bool,
    },
}

impl Tables {
    /// The next step for the VMAC of an instance.
    pub(super) fn vmac_step(&self, id: InstanceId) -> VmacStep {
        let Some(row) = self.instances.get(&id) else { return VmacStep::Nothing };
        let idle = row.vmac.as_ref().filter(|vmac| vmac.state.pending.is_none() && !vmac.state.refused);
        let Some(vmac) = idle else { return VmacStep::Nothing };
        let link = vmac.ifindex.and_then(|index| self.interfaces.get(index));
        let op = match (vmac.state.wanted, vmac.ifindex) {
            (true, None) => Op::Add,
            (true, Some(_)) if self.must_remake(row, vmac, link) => Op::Add,
            (true, Some(_)) => {
                let (name, up) = (link.map(|link| link.name.clone()), link.is_some_and(|link| link.up));
                return VmacStep::Complete { name, up };
            }
            (false, Some(_)) => Op::Remove,
            (false, None) => return VmacStep::Nothing,
        };
        let was_up = vmac.was_up && vmac.ifindex.is_some();
        let went_down = op == Op::Add && was_up && link.is_none_or(|link| !link.up);
        self.wanted_vmac(id).map_or(VmacStep::Nothing, |link| VmacStep::Ask { op, link, went_down })
    }

    /// Whether a created VMAC differs from the desired VMAC.
    fn must_remake(&self, row: &Instance, vmac: &Vmac, link: Option<&Interface>) -> bool {
        let other = link.is_some_and(|link| !self.is_vmac_of(row, link));
        let base_up = self.surroundings().is_up(row.ifindex);
        let went_down = vmac.was_up && link.is_some_and(|link| !link.up) && base_up;
        let link_local = self.link_local(row);
        let ipv6 = carries_ipv6(row) && !vmac.ipv6;
        other || went_down || ipv6 || (link_local.is_some() && link_local != vmac.link_local)
    }

    /// Whether a link has the properties of an instance's VMAC.
    fn is_vmac_of(&self, row: &Instance, link: &Interface) -> bool {
        let Some(config) = &row.config.vmac else { return false };
        let right = |macvlan: Macvlan| macvlan.private && macvlan.base == row.ifindex;
        link.mac == Some(config.mac) && link.macvlan.is_some_and(right)
    }

    /// The desired VMAC of an instance; `None` while its base interface does not exist.
    pub(super) fn wanted_vmac(&self, id: InstanceId) -> Option<WantedVmac> {
        let row = self.instances.get(&id)?;
        let (vmac, config) = (row.vmac.as_ref()?, row.config.vmac.as_ref()?);
        let base = self.interfaces.get(row.ifindex?)?;
        let (name, replace) = self.vmac_name(id, row, vmac, config);
        Some(WantedVmac {
            name,
            mac: config.mac,
            base: base.index,
            base_name: base.name.clone(),
            ipv6: carries_ipv6(row),
            link_local: self.link_local(row),
            replace,
        })
    }

    /// The name for a VMAC: its present name, the configured name, the name of a VMAC left by an earlier run, or the first
    /// unused generated name. Also returns whether an existing macvlan of that name may be replaced.
    fn vmac_name(&self, id: InstanceId, row: &Instance, vmac: &Vmac, config: &model::Vmac) -> (String, bool) {
        let others = |name: &str| {
            let has = |row: &Instance| row.vmac.as_ref().is_some_and(|vmac| vmac.state.wanted && vmac.name == name);
            self.instances.iter().any(|(other, row)| *other != id && has(row))
        };
        let known = self.interfaces.named(&vmac.name);
        let ours = |link: &Interface| Some(link.index) == vmac.ifindex || self.is_vmac_of(row, link);
        if !vmac.name.is_empty() && known.is_none_or(ours) && !others(&vmac.name) {
            return (vmac.name.clone(), known.is_some());
        }
        if let Some(name) = &config.name
            && self.interfaces.named(name).is_none_or(|link| link.macvlan.is_some())
            && !others(name)
        {
            return (name.clone(), true);
        }
        let (first, last) = (generated(config, row, 0), format!(".{}", row.config.vrid));
        let stem = first.split('.').next().unwrap_or_default();
        let left = |link: &&Interface| {
            let fits = link.name.strip_suffix(&last).is_some_and(|rest| rest.starts_with(stem));
            fits && self.is_vmac_of(row, link) && !others(&link.name)
        };
        if let Some(link) = self.interfaces.iter().find(left) {
            return (link.name.clone(), false);
        }
        let free = |name: &String| self.interfaces.named(name).is_none() && !others(name);
        let name = (0..=usize::from(u8::MAX)).map(|number| generated(config, row, number)).find(free);
        (name.unwrap_or(first), false)
    }

    /// The link-local source address of an IPv6 instance, which is copied to its VMAC.
    fn link_local(&self, row: &Instance) -> Option<Ipv6Addr> {
        let config = row.config.vmac.as_ref().filter(|config| !config.xmit_base);
        match source(self.surroundings(), row).filter(|_| config.is_some() && row.config.family == Family::V6) {
            Some(IpAddr::V6(ip)) if ip.is_unicast_link_local() => Some(ip),
            _ => None,
        }
    }
}

/// Whether the VMAC of an instance will have IPv6 addresses.
pub(super) fn carries_ipv6(row: &Instance) -> bool {
    let is_ip6 = |address: &model::Address| address.ip.is_ipv6() && row.puts_on_vmac(&address.device);
    let mut addresses = row.config.addresses.iter().chain(&row.config.excluded);
    row.config.family == Family::V6 || addresses.any(is_ip6)
}

/// `vrrp.VRID`, then `vrrp1.VRID`, `vrrp2.VRID`...; for IPv6 `vrrp6.VRID` comes before `vrrp1.VRID`. The prefix is cut
/// so that the name fits.
fn generated(config: &model::Vmac, row: &Instance, number: usize) -> String {
    let number = match (number, row.config.family) {
        (0, _) => String::new(),
        (1, Family::V6) => "6".to_owned(),
        (number @ 2..=6, Family::V6) => (number - 1).to_string(),
        (number, _) => number.to_string(),
    };
    let tail = format!("{number}.{}", row.config.vrid);
    let mut end = config.prefix.len().min(NAME_MAX.saturating_sub(tail.len()));
    while !config.prefix.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{tail}", config.prefix.get(..end).unwrap_or_default())
}
