//! `use_vmac`: the macvlan of an instance, as it should be and as it is.
//!
//! It is held like an address: made when the interface below exists, adopted when it is there already, made again when
//! someone else removes it, removed at the end. While it is being made nothing is decided for want of it.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::event::{Action, Change, TimerKey};
use super::faults::source;
use super::ids::InstanceId;
use super::interface::{Interface, Macvlan};
use super::machine::{Phase, Vrrp};
use super::op::{VmacOp, WantedVmac};
use super::rows::Instance;
use super::state::State;
use super::tables::Tables;
use super::vmac_row::Vmac;
use crate::config::model::{self, Family};

/// How long a row rests after the kernel refused its request.
const RETRY: Duration = Duration::from_secs(1);

/// How long an instance waits for the kernel to make its VMAC before it is in fault.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it waits for the made one to be up.
const UP_PATIENCE: Duration = Duration::from_secs(1);

/// Longest name of an interface.
const NAME_MAX: usize = 15;

impl Vrrp {
    /// Brings the VMACs of all instances in line with the links there are.
    pub(super) fn follow_vmacs(&mut self) {
        for id in self.tables.instance_ids() {
            self.reconcile_vmac(id);
        }
    }

    /// A link is not there any more.
    pub(super) fn vmac_gone(&mut self, index: u32) {
        if let Some(id) = self.tables.owner_of_vmac(index) {
            self.lose_vmac(id);
        }
    }

    /// All links are known anew: those that are not among them are gone.
    pub(super) fn vmacs_gone(&mut self) {
        for id in self.tables.instance_ids() {
            let index = self.tables.instances.get(&id).and_then(|row| row.vmac.as_ref()?.ifindex);
            let Some(index) = index else { continue };
            let Some(link) = self.tables.interfaces.get(index) else {
                self.lose_vmac(id);
                continue;
            };
            let has = |ip: &Ipv6Addr| link.addresses.iter().any(|known| known.ip == IpAddr::V6(*ip));
            if let Some(vmac) = self.tables.instances.get_mut(&id).and_then(|row| row.vmac.as_mut()) {
                vmac.link_local = vmac.link_local.filter(has);
            }
        }
    }

    fn lose_vmac(&mut self, id: InstanceId) {
        let Some(vmac) = self.tables.instances.get_mut(&id).and_then(|row| row.vmac.as_mut()) else { return };
        vmac.ifindex = None;
        vmac.link_local = None;
        let unexpected = vmac.wanted && vmac.pending.is_none();
        if unexpected && self.tables.base_of(id).is_some() {
            self.change(Change::VmacStolen(id));
        }
    }

    /// IPv6: the address is not on a VMAC any more. Gives the instance that lacks it now.
    pub(super) fn vmac_lost_address(&mut self, index: u32, ip: IpAddr) -> Option<InstanceId> {
        let id = self.tables.owner_of_vmac(index)?;
        let vmac = self.tables.instances.get_mut(&id)?.vmac.as_mut()?;
        vmac.link_local.take_if(|known| IpAddr::from(*known) == ip).map(|_| id)
    }

    /// Asks the kernel for what the row lacks, one request at a time.
    pub(super) fn reconcile_vmac(&mut self, id: InstanceId) {
        let Some(row) = self.tables.instances.get(&id) else { return };
        let Some(vmac) = row.vmac.as_ref().filter(|vmac| vmac.pending.is_none() && !vmac.refused) else { return };
        let op = match (vmac.wanted, vmac.ifindex) {
            (true, index) if index.is_none_or(|index| self.lacks(row, vmac, index)) => VmacOp::Make,
            (true, _) => return self.vmac_is_there(id),
            (false, Some(_)) => VmacOp::Remove,
            (false, None) => return,
        };
        let went_down = vmac.was_up && vmac.ifindex.is_some() && !self.tables.is_up(vmac.ifindex);
        let Some(link) = self.tables.wanted_vmac(id) else { return };
        if op == VmacOp::Make && went_down {
            self.change(Change::VmacStolen(id));
        }
        let now = self.now;
        if let Some(vmac) = self.tables.instances.get_mut(&id).and_then(|row| row.vmac.as_mut()) {
            vmac.name.clone_from(&link.name);
            vmac.pending = Some(op);
            vmac.was_up = false;
            if op == VmacOp::Make {
                vmac.patience = Some(now + PATIENCE);
                self.set_timer(TimerKey::Vmac(id), Some(now + PATIENCE));
            }
            self.output.actions.push(Action::Vmac { id: Some(id), op, link: Box::new(link) });
        }
    }

    /// Whether something is missing of a VMAC that was made.
    fn lacks(&self, row: &Instance, vmac: &Vmac, index: u32) -> bool {
        let link = self.tables.interfaces.get(index);
        let other = link.is_some_and(|link| !self.tables.is_vmac_of(row, link));
        let went_down = vmac.was_up && link.is_some_and(|link| !link.up) && self.tables.is_up(row.ifindex);
        let link_local = self.tables.link_local(row);
        let ipv6 = carries_ipv6(row) && !vmac.ipv6;
        other || went_down || ipv6 || (link_local.is_some() && link_local != vmac.link_local)
    }

    /// Nothing is missing. Whoever gave it another name may have it so; once it is up there is nothing to wait for.
    fn vmac_is_there(&mut self, id: InstanceId) {
        let index = self.tables.instances.get(&id).and_then(|row| row.vmac.as_ref()?.ifindex);
        let link = index.and_then(|index| self.tables.interfaces.get(index));
        let up = link.is_some_and(|link| link.up);
        let name = link.map(|link| link.name.clone());
        let Some(vmac) = self.tables.instances.get_mut(&id).and_then(|row| row.vmac.as_mut()) else { return };
        vmac.name = name.unwrap_or_else(|| std::mem::take(&mut vmac.name));
        vmac.was_up |= up;
        if up && vmac.patience.take().is_some() {
            self.set_timer(TimerKey::Vmac(id), None);
        }
    }

    /// The kernel's answer. `made` is the index of the interface that was made or taken over.
    pub(super) fn vmac_done(&mut self, id: InstanceId, op: VmacOp, link: &WantedVmac, made: Result<u32, String>) {
        let now = self.now;
        self.vmac_progress = now;
        let Some(vmac) = self.tables.instances.get_mut(&id).and_then(|row| row.vmac.as_mut()) else { return };
        if vmac.pending != Some(op) || vmac.name != link.name {
            return;
        }
        vmac.pending = None;
        let next = match made {
            Ok(index) => {
                let remains = op == VmacOp::Make;
                vmac.ifindex = remains.then_some(index);
                vmac.link_local = link.link_local.filter(|_| remains);
                vmac.ipv6 = link.ipv6 && remains;
                vmac.refusal = None;
                UP_PATIENCE
            }
            Err(error) => {
                vmac.refused = true;
                if vmac.refusal.replace(error.clone()).as_ref() != Some(&error) {
                    self.change(Change::VmacRefused { id, op, error });
                }
                RETRY
            }
        };
        if let Some(vmac) = self.tables.instances.get_mut(&id).and_then(|row| row.vmac.as_mut()) {
            vmac.patience = (!vmac.refused).then_some(now + next);
        }
        self.set_timer(TimerKey::Vmac(id), Some(now + next));
        self.vmac_changed(id);
    }

    /// A refused request is tried again, or patience ended. It does not end while the kernel is busy with the VMACs of
    /// others: 255 take some time on a busy machine.
    pub(super) fn vmac_timer(&mut self, id: InstanceId) {
        let (now, progress) = (self.now, self.vmac_progress);
        let Some(vmac) = self.tables.instances.get_mut(&id).and_then(|row| row.vmac.as_mut()) else { return };
        let until = progress + if vmac.pending.is_some() { PATIENCE } else { UP_PATIENCE };
        if vmac.patience.is_some() && !vmac.refused && now < until {
            vmac.patience = Some(until);
            return self.set_timer(TimerKey::Vmac(id), Some(until));
        }
        vmac.refused = false;
        vmac.patience.take_if(|until| *until <= now);
        self.vmac_changed(id);
    }

    fn vmac_changed(&mut self, id: InstanceId) {
        self.tables.resolve(id);
        self.match_addresses(id);
        self.reconcile_vmac(id);
        self.reassess(id);
        self.start_late(id);
        for address in self.tables.address_ids(id) {
            self.reconcile(address);
        }
    }

    /// Starts an instance that waited for its VMAC.
    pub(super) fn start_late(&mut self, id: InstanceId) {
        let Some(row) = self.tables.instances.get(&id) else { return };
        let (to, group) = (row.first_state(), row.group);
        if self.phase != Phase::Running || row.state != State::Init || self.awaits(id) {
            return;
        }
        match group {
            None => self.start_instance(id, to),
            Some(group) => self.start_late_in_group(group, id),
        }
    }

    /// The daemon stops.
    pub(super) fn drop_vmac(&mut self, id: InstanceId) {
        if let Some(vmac) = self.tables.instances.get_mut(&id).and_then(|row| row.vmac.as_mut()) {
            vmac.wanted = false;
            vmac.refused = false;
            self.reconcile_vmac(id);
        }
    }

    /// Removes the VMAC of an instance that is no more; nobody waits for the answer.
    pub(super) fn withdraw_vmac(&mut self, id: InstanceId) {
        let link = self.tables.wanted_vmac(id);
        let Some(vmac) = self.tables.instances.get_mut(&id).and_then(|row| row.vmac.as_mut()) else { return };
        vmac.wanted = false;
        let there = vmac.ifindex.is_some() || vmac.pending.is_some();
        let index = vmac.ifindex;
        if let (Some(link), true) = (link, there) {
            self.output.actions.push(Action::Vmac { id: None, op: VmacOp::Remove, link: Box::new(link) });
        }
        // A new row must not take it for its own.
        if let Some(index) = index {
            self.tables.interfaces.remove_link(index);
        }
        self.set_timer(TimerKey::Vmac(id), None);
    }
}

impl Tables {
    /// The interface below the VMAC, or the interface itself.
    fn base_of(&self, id: InstanceId) -> Option<&Interface> {
        self.interfaces.get(self.instances.get(&id)?.ifindex?)
    }

    fn is_up(&self, index: Option<u32>) -> bool {
        index.and_then(|index| self.interfaces.get(index)).is_some_and(|link| link.up)
    }

    /// Whether the VMAC of an instance is being made, and patience has not ended.
    pub(super) fn awaits_vmac(&self, row: &Instance, now: Duration) -> bool {
        let Some(vmac) = row.vmac.as_ref().filter(|vmac| vmac.wanted) else { return false };
        let late = self.is_up(row.ifindex) && !self.is_up(vmac.ifindex);
        late && vmac.patience.is_some_and(|until| now < until)
    }

    /// Whether a link is what the VMAC of an instance shall be.
    fn is_vmac_of(&self, row: &Instance, link: &Interface) -> bool {
        let Some(config) = &row.config.vmac else { return false };
        let right = |macvlan: Macvlan| macvlan.private && macvlan.base == row.ifindex;
        link.mac == Some(config.mac) && link.macvlan.is_some_and(right)
    }

    /// What the VMAC of an instance shall be; `None` while there is nothing below it.
    fn wanted_vmac(&self, id: InstanceId) -> Option<WantedVmac> {
        let row = self.instances.get(&id)?;
        let (vmac, config) = (row.vmac.as_ref()?, row.config.vmac.as_ref()?);
        let base = self.base_of(id)?;
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

    /// The name it has, the one configured, that of one left by a run before, or the first that is free. With whether a
    /// macvlan that has the name already may be replaced.
    fn vmac_name(&self, id: InstanceId, row: &Instance, vmac: &Vmac, config: &model::Vmac) -> (String, bool) {
        let others = |name: &str| {
            let has = |row: &Instance| row.vmac.as_ref().is_some_and(|vmac| vmac.wanted && vmac.name == name);
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

    /// The link-local address an IPv6 instance sends from, which its VMAC takes over.
    fn link_local(&self, row: &Instance) -> Option<Ipv6Addr> {
        let config = row.config.vmac.as_ref().filter(|config| !config.xmit_base);
        match source(self, row).filter(|_| config.is_some() && row.config.family == Family::V6) {
            Some(IpAddr::V6(ip)) if ip.is_unicast_link_local() => Some(ip),
            _ => None,
        }
    }
}

/// Whether some IPv6 address will be on its VMAC.
fn carries_ipv6(row: &Instance) -> bool {
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
