//! The rows of instances, sync groups and addresses, wanted and real.

use std::net::IpAddr;
use std::time::Duration;

use super::cause::{Cause, Fault};
use super::complaint::Complaints;
use super::counters::Counters;
use super::ids::{GroupId, InstanceId};
use super::op::AddressOp;
use super::recent::Recent;
use super::state::State;
use super::vmac_row::Vmac;
use crate::config::model;
use crate::state::NextIndex;

/// A row of vrrpInstanceTable: a virtual router as configured and as it is.
#[derive(Clone, Debug)]
pub struct Instance {
    /// What the file says.
    pub config: model::Instance,
    /// Where the state machine stands.
    pub state: State,
    /// Where it would go: a member held back by its sync group keeps wanting master.
    pub wanted: State,
    /// `priority`, or what SET made of it; 255 = owner.
    pub base_priority: u8,
    /// After trackers, 1..=254, or 255.
    pub priority: u8,
    /// `nopreempt`, or what SET made of it.
    pub nopreempt: bool,
    /// Index of its interface, `None` while that does not exist.
    pub ifindex: Option<u32>,
    /// `use_vmac`: the interface of its own, above the other.
    pub vmac: Option<Vmac>,
    /// Where adverts are sent from, `None` while the host has no such address.
    pub source: Option<IpAddr>,
    /// The host has lost the source address; until then it is sent from all the same.
    pub(super) source_until: Option<Duration>,
    /// How many of the configured addresses an advert carries: all, unless they do not fit the interface's MTU.
    pub advertised: usize,
    /// First of the reasons for being in fault.
    pub fault: Option<Fault>,
    /// Sync group it belongs to.
    pub group: Option<GroupId>,
    /// Advertisement interval of the master: learnt in version 3, else our own.
    pub master_interval: Duration,
    /// The last master heard and its priority.
    pub master: Option<(IpAddr, u8)>,
    /// Backup: why it becomes master when the timer expires.
    pub takeover: Cause,
    /// Master, because a master that was heard before fell silent: it may be cut off, and be a master still.
    pub(super) perhaps_second: bool,
    /// When Active_Down_Timer (backup) or Adver_Timer (master) expires.
    pub deadline: Option<Duration>,
    /// End of a running `preempt_delay`.
    pub preempt_at: Option<Duration>,
    /// Coming announcements while master.
    pub announcements: Announcements,
    /// When the state was entered.
    pub since: Duration,
    /// Complaints already made about this master.
    pub complaints: Complaints,
    /// Senders that were answered at once, and whether they gave up.
    pub(super) answered: Recent<(IpAddr, bool)>,
    /// Senders that the views were told of, and whether they gave up.
    pub(super) told: Recent<(IpAddr, bool)>,
    /// Version 3 over IPv4 to peers that count the multicast group into the checksum (`old_unicast_checksum`).
    pub old_checksum: bool,
    /// `auth_type AH`: the highest sequence number sent or accepted.
    pub sequence: u32,
    /// `auth_type AH`: a former daemon may have sent or accepted up to this number. 0 = nothing is known of one.
    pub reserved_sequence: u32,
    /// Index of its next new address.
    pub(super) next_address: NextIndex,
    /// What was counted.
    pub counters: Counters,
    /// A predecessor of this process was master when it died.
    pub(super) resumes_master: bool,
}

impl Instance {
    /// A row as it is before the daemon starts its instances.
    pub fn new(config: model::Instance) -> Instance {
        Instance {
            state: State::Init,
            wanted: State::Init,
            base_priority: config.priority,
            priority: config.priority,
            nopreempt: config.nopreempt,
            ifindex: None,
            vmac: config.vmac.as_ref().map(|_| Vmac::new()),
            source: None,
            source_until: None,
            advertised: config.addresses.len(),
            fault: Some(Fault::InterfaceMissing(config.interface.clone())),
            group: None,
            master_interval: config.advert_interval,
            master: None,
            takeover: Cause::Silence,
            perhaps_second: false,
            deadline: None,
            preempt_at: None,
            announcements: Announcements::default(),
            since: Duration::ZERO,
            complaints: Complaints::default(),
            answered: Recent::default(),
            told: Recent::default(),
            old_checksum: false,
            sequence: 0,
            reserved_sequence: 0,
            next_address: NextIndex::default(),
            counters: Counters::default(),
            resumes_master: false,
            config,
        }
    }

    /// Skew_Time (RFC 9568 section 6.1; RFC 3768 section 6.1): shorter for higher priorities.
    pub fn skew(&self) -> Duration {
        let rest = 256 - u32::from(self.priority);
        match self.config.version {
            model::Version::V2 => Duration::from_secs(1) * rest / 256,
            model::Version::V3 => self.master_interval * rest / 256,
        }
    }

    /// Active_Down_Interval: how long silence means that the master is gone.
    pub fn down_interval(&self) -> Duration {
        self.master_interval * u32::from(self.config.down_timer_adverts) + self.skew()
    }

    /// The state an instance without a group leaves [`State::Init`] for: only an owner is master at once.
    pub fn first_state(&self) -> State {
        match self.fault {
            Some(_) => State::Fault,
            None if self.resumes_master => State::Master,
            None if self.is_owner() && self.config.start_state == model::StartState::Master => State::Master,
            None => State::Backup,
        }
    }

    /// The addresses that its adverts carry.
    pub fn carried(&self) -> &[model::Address] {
        self.config.addresses.get(..self.advertised).unwrap_or(&self.config.addresses)
    }

    /// Where its adverts go: the group, or each peer.
    pub fn destinations(&self) -> Vec<IpAddr> {
        match &self.config.unicast {
            None => vec![self.config.group],
            Some(unicast) => unicast.peers.iter().map(|peer| peer.ip).collect(),
        }
    }

    /// Whether the checksum of unicast adverts is that over the multicast group.
    pub(super) fn sends_old_checksum(&self) -> bool {
        self.config.unicast.as_ref().is_some_and(|unicast| match unicast.old_checksum {
            model::OldChecksum::WhenHeard => self.old_checksum,
            model::OldChecksum::Never => false,
            model::OldChecksum::Always => true,
        })
    }

    /// Index of the interface that adverts are sent and heard by: that of the VMAC, unless `vmac_xmit_base`.
    pub fn wire(&self) -> Option<u32> {
        match (&self.vmac, &self.config.vmac) {
            (Some(vmac), Some(config)) if !config.xmit_base => vmac.ifindex,
            _ => self.ifindex,
        }
    }

    /// Name of the interface that carries its addresses: that of the VMAC, if it has one.
    pub fn interface_name(&self) -> &str {
        match &self.vmac {
            Some(vmac) if !vmac.name.is_empty() => &vmac.name,
            _ => &self.config.interface,
        }
    }

    /// Whether an address configured for an interface belongs on the VMAC.
    pub(super) fn puts_on_vmac(&self, device: &str) -> bool {
        let name = self.config.vmac.as_ref().and_then(|vmac| vmac.name.as_deref());
        self.vmac.is_some() && (device == self.config.interface || Some(device) == name)
    }

    /// Whether another configuration has the very same VMAC.
    pub(super) fn keeps_vmac(&self, new: &model::Instance) -> bool {
        self.config.vmac == new.vmac && self.config.interface == new.interface && self.vmac.is_some()
    }

    /// Whether another configuration has no VMAC either, or one that differs in its name at most.
    pub(super) fn has_like_vmac(&self, new: &model::Instance) -> bool {
        let nameless = |vmac: &model::Vmac| model::Vmac { name: None, prefix: String::new(), ..vmac.clone() };
        self.config.vmac.as_ref().map(nameless) == new.vmac.as_ref().map(nameless)
    }

    /// Whether it owns the addresses: nothing changes its priority.
    pub fn is_owner(&self) -> bool {
        self.base_priority == 255
    }
}

/// When the next announcements of a master are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announcements {
    /// Second burst: time and messages per address.
    pub second: Option<(Duration, u32)>,
    /// Next refresh.
    pub refresh: Option<Duration>,
    /// A second master was heard: the burst once it is silent.
    pub after_rival: Option<Duration>,
}

impl Announcements {
    /// The earliest of them.
    pub fn next(&self) -> Option<Duration> {
        let second = self.second.map(|(at, _)| at);
        [second, self.refresh, self.after_rival].into_iter().flatten().min()
    }
}

/// A row of vrrpSyncGroupTable.
#[derive(Clone, Debug)]
pub struct Group {
    /// What the file says.
    pub config: model::SyncGroup,
    /// State of all its members.
    pub state: State,
    /// Its members, in configured order.
    pub members: Vec<InstanceId>,
}

/// A row of vrrpSyncGroupMemberTable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name of the instance.
    pub name: String,
}

/// A row of vrrpAddressTable: an address as it should be and as it is.
#[derive(Clone, Debug)]
pub struct Address {
    /// What the file says.
    pub config: model::Address,
    /// Carried in adverts (not excluded, not static).
    pub advertised: bool,
    /// Index of its interface, `None` while that does not exist.
    pub ifindex: Option<u32>,
    /// It should be set.
    pub wanted: bool,
    /// It is set, by the kernel's own account.
    pub installed: bool,
    /// It was set by this daemon or a predecessor; else it belongs to the host, and is never removed.
    pub ours: bool,
    /// A request that the kernel has not yet answered.
    pub pending: Option<AddressOp>,
    /// The kernel refused a request, or an outsider may keep the address away: the row rests until its retry timer
    /// or the next transition.
    pub refused: bool,
    /// The last refusal that was told; told again only when it differs.
    pub(super) refusal: Option<String>,
    /// That the host keeps it was told.
    pub(super) stay_told: bool,
    /// Removals by this daemon that the kernel has carried out, but the monitor has not heard of yet: until then it
    /// hears of the past, and the answers to requests alone count.
    pub(super) unheard: u32,
}

impl Address {
    /// A row of which nothing is known of the kernel's side.
    pub fn new(config: model::Address, advertised: bool) -> Address {
        let (ifindex, pending) = (None, None);
        Address {
            config,
            advertised,
            ifindex,
            wanted: false,
            installed: false,
            ours: false,
            pending,
            refused: false,
            refusal: None,
            stay_told: false,
            unheard: 0,
        }
    }

    /// Set, and to be removed when it is not wanted.
    pub fn is_held(&self) -> bool {
        self.installed && self.ours
    }

    /// The prefix length by which the kernel knows it: that of the peer, if there is one.
    pub fn kernel_prefix(&self) -> u8 {
        self.config.peer.map_or(self.config.prefix, |(_, prefix)| prefix)
    }
}
