//! The rows of instances, sync groups and addresses: their configuration and present state.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::auth_hmac::HmacState;
use super::cause::{Cause, Fault};
use super::complaint::{Complaint, Complaints};
use super::counters::Counters;
use super::ids::{GroupId, InstanceId, RouterKey};
use super::interface::Interfaces;
use super::own_link::OwnLink;
use super::recent::Recent;
use super::state::State;
use super::yielded::Yielded;
use crate::config::model;

/// A row of vrrpInstanceTable: configuration and state of a virtual router.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The `vrrp_instance` block.
    pub config: model::Instance,
    /// Present state.
    pub state: State,
    /// State that the instance wants: a backup in a sync group that waits for other members wants master.
    pub wanted: State,
    /// `priority`, or the value set by SNMP; 255 = owner.
    pub base_priority: u8,
    /// Effective priority after the weights of trackers: 1..=254, or 255 for an owner.
    pub priority: u8,
    /// `nopreempt`, or the value set by SNMP.
    pub nopreempt: bool,
    /// Kernel index of `interface`, else of `vrf`; `None` while it does not exist.
    pub ifindex: Option<u32>,
    /// The links that the daemon makes for it, by number: 0 is the one that it runs on (`use_vmac`, `use_ipvlan`), the others
    /// are for addresses.
    pub links: BTreeMap<u32, OwnLink>,
    /// Source address of adverts, `None` while the host has no suitable address.
    pub source: Option<IpAddr>,
    /// The host has lost the source address, which stays in use until this time.
    pub(super) source_until: Option<Duration>,
    /// Number of configured addresses in an advert: all that fit into the interface's MTU.
    pub advertised: usize,
    /// First reason for being in fault.
    pub fault: Option<Fault>,
    /// Sync group it belongs to.
    pub group: Option<GroupId>,
    /// Advertisement interval of the master: learnt in version 3, otherwise our own.
    pub master_interval: Duration,
    /// Address and priority of the last master heard.
    pub master: Option<(IpAddr, u8)>,
    /// Sender of the last valid advert.
    pub heard: Option<IpAddr>,
    /// Backup: the cause of the transition to master, if Active_Down_Timer expires.
    pub takeover: Cause,
    /// Master since another master fell silent, which may be isolated and still be master.
    pub(super) may_be_second_master: bool,
    /// Expiry of Active_Down_Timer (backup) or Adver_Timer (master).
    pub deadline: Option<Duration>,
    /// Time of the last advert sent.
    pub sent_at: Option<Duration>,
    /// End of a running `preempt_delay`.
    pub preempt_at: Option<Duration>,
    /// Scheduled announcements while master.
    pub announcements: Announcements,
    /// Time at which the state was entered.
    pub since: Duration,
    /// Time at which it has left Init or Fault; `None` while in one of these.
    pub up_since: Option<Duration>,
    /// Transitions so far, with those of predecessors of this process; to resume the state of one is none.
    pub transitions: u64,
    /// The cause of the last transition, and the effective priority then.
    pub last_cause: Option<(Cause, u8)>,
    /// The cause of the last transition to master.
    pub became_master: Option<Cause>,
    /// The last refusal of a packet for its TTL, version or checksum.
    pub last_error: Option<Complaint>,
    /// Rate limit for complaints about the present master.
    pub complaints: Complaints,
    /// Rate limit for answers, by sender and whether its priority was 0.
    pub(super) answered: Recent<(IpAddr, bool)>,
    /// Rate limit for reports, by sender and whether its priority was 0.
    pub(super) reported: Recent<(IpAddr, bool)>,
    /// A peer has sent checksums over the multicast group, which is the destination in the pseudo header, and gets the
    /// same form (`old_unicast_checksum`).
    pub old_checksum: bool,
    /// `auth_type AH`: the highest sequence number sent or accepted.
    pub sequence: u32,
    /// `auth_type AH`: a previous run of the daemon may have sent or accepted numbers up to this; 0 = unknown.
    pub reserved_sequence: u32,
    /// State of `auth_hmac`.
    pub hmac: HmacState,
    /// It has yielded.
    pub yielded: Option<Yielded>,
    /// Counters.
    pub counters: Counters,
    /// When the counters started at 0; also after a crash of the process, except those of transitions.
    pub counted_since: Duration,
    /// When the counters of transitions started at 0.
    pub transitions_since: Duration,
    /// The counters when the statistics of the dump were last cleared.
    pub(super) cleared: Counters,
    /// The predecessor of this process was master.
    pub(super) resumes_master: bool,
    /// The state of the predecessor of this process, until the first state of this one.
    pub(super) former: Option<Former>,
}

impl Instance {
    /// Creates a row in state Init.
    pub fn new(config: model::Instance) -> Instance {
        Instance {
            state: State::Init,
            wanted: State::Init,
            base_priority: config.priority,
            priority: config.priority,
            nopreempt: config.nopreempt,
            ifindex: None,
            links: OwnLink::all_of(&config),
            source: None,
            source_until: None,
            advertised: config.addresses.len(),
            fault: Some(Fault::InterfaceMissing(config.device().unwrap_or_default().to_owned())),
            group: None,
            master_interval: config.advert_interval,
            master: None,
            heard: None,
            takeover: Cause::Silence,
            may_be_second_master: false,
            deadline: None,
            sent_at: None,
            preempt_at: None,
            announcements: Announcements::default(),
            since: Duration::ZERO,
            up_since: None,
            transitions: 0,
            last_cause: None,
            became_master: None,
            last_error: None,
            complaints: Complaints::default(),
            answered: Recent::default(),
            reported: Recent::default(),
            old_checksum: false,
            sequence: 0,
            reserved_sequence: 0,
            hmac: HmacState::default(),
            yielded: None,
            counters: Counters::default(),
            counted_since: Duration::ZERO,
            transitions_since: Duration::ZERO,
            cleared: Counters::default(),
            resumes_master: false,
            former: None,
            config,
        }
    }

    /// Enters a state, and returns the state before. The first state of a replacement continues that of its predecessor, if it
    /// is the same.
    pub(super) fn enter(&mut self, to: State, now: Duration) -> State {
        let former = self.former.take();
        let from = std::mem::replace(&mut self.state, to);
        self.wanted = to;
        let since_now = |up_since: Option<Duration>| if to == State::Fault { None } else { up_since.or(Some(now)) };
        if let Some(former) = former.filter(|former| former.state == to) {
            self.since = former.since.unwrap_or(now);
            self.up_since = since_now(former.up_since);
            return from;
        }
        let from = former.map_or(from, |former| former.state);
        self.since = now;
        self.up_since = since_now(former.map_or(self.up_since, |former| former.up_since));
        self.counters.become_master += u64::from(to == State::Master);
        self.counters.release_master += u64::from(from == State::Master);
        from
    }

    /// Whether its first state would be the state of its predecessor.
    pub(super) fn resumes(&self, to: State) -> bool {
        self.former.is_some_and(|former| former.state == to)
    }

    /// Skew_Time (RFC 9568 section 6.1; RFC 3768 section 6.1): shorter for higher priorities.
    pub fn skew(&self) -> Duration {
        self.skew_of(self.priority)
    }

    /// Skew_Time of a router with this priority.
    fn skew_of(&self, priority: u8) -> Duration {
        let rest = 256 - u32::from(priority);
        match self.config.version {
            model::Version::V2 => Duration::from_secs(1) * rest / 256,
            model::Version::V3 => self.master_interval * rest / 256,
        }
    }

    /// Active_Down_Interval: time without adverts after which the master counts as down.
    pub fn down_interval(&self) -> Duration {
        self.down_interval_of(self.priority)
    }

    /// Active_Down_Interval of a router with this priority.
    pub(super) fn down_interval_of(&self, priority: u8) -> Duration {
        self.master_interval * u32::from(self.config.down_timer_adverts) + self.skew_of(priority)
    }

    /// The first state of an instance without a group, after [`State::Init`]. Only an owner becomes master at once.
    pub fn first_state(&self) -> State {
        match self.fault {
            Some(_) => State::Fault,
            None if self.yielded.is_some() => State::Backup,
            None if self.resumes_master => State::Master,
            None if self.is_owner() && self.config.start_state == model::StartState::Master => State::Master,
            None => State::Backup,
        }
    }

    /// The addresses that its adverts carry.
    pub fn carried(&self) -> &[model::Address] {
        self.config.addresses.get(..self.advertised).unwrap_or(&self.config.addresses)
    }

    /// Destinations of its adverts: the multicast group, or each peer.
    pub fn destinations(&self) -> Vec<IpAddr> {
        match &self.config.unicast {
            None => vec![self.config.group],
            Some(unicast) => unicast.peers.iter().map(|peer| peer.ip).collect(),
        }
    }

    /// Whether the checksum of unicast adverts covers the multicast group instead of the destination.
    pub(super) fn sends_old_checksum(&self) -> bool {
        self.config.unicast.as_ref().is_some_and(|unicast| match unicast.old_checksum {
            model::OldChecksum::WhenHeard => self.old_checksum,
            model::OldChecksum::Never => false,
            model::OldChecksum::Always => true,
        })
    }

    /// The link that it runs on (`use_vmac`, `use_ipvlan`).
    pub fn link(&self) -> Option<&OwnLink> {
        self.links.get(&0)
    }

    /// The VMAC that it runs on.
    pub fn vmac(&self) -> Option<&OwnLink> {
        self.link().filter(|link| link.config.is_vmac())
    }

    /// Index of the interface that sends and receives adverts: the link that it runs on, if any, unless `vmac_xmit_base` is
    /// set; of an instance without an interface the VRF, or 0.
    pub fn wire(&self) -> Option<u32> {
        match self.link() {
            Some(link) if !link.config.is_bypassed() => link.ifindex,
            _ if self.config.device().is_none() => Some(0),
            _ => self.ifindex,
        }
    }

    /// Index of the interface with its addresses: the VMAC, if any.
    pub(super) fn home(&self) -> Option<u32> {
        self.vmac().map_or(self.ifindex, |vmac| vmac.ifindex)
    }

    /// Name of the interface that it runs on; empty if it has none.
    pub fn interface_name(&self) -> &str {
        match self.link() {
            Some(link) if !link.name.is_empty() => &link.name,
            _ => &self.config.interface,
        }
    }

    /// The link that an address is on; `None` for an interface of the host.
    pub(super) fn link_of(&self, address: &model::Address) -> Option<&OwnLink> {
        if address.own_vmac {
            let family = model::Family::of(address.ip);
            let mut others = self.links.range(1..).map(|(_, link)| link);
            return others.find(|link| link.base == address.device && link.family == family);
        }
        let device = Some(address.device.as_str());
        let name = |vmac: &OwnLink| vmac.config.name.as_deref() == device;
        self.vmac().filter(|vmac| device == Some(&self.config.interface) || name(vmac))
    }

    /// Whether another configuration has the same link to run on.
    pub(super) fn keeps_link(&self, new: &model::Instance) -> bool {
        self.config.link == new.link && self.config.interface == new.interface && new.link.is_some()
    }

    /// Whether another configuration has the same link to run on as seen by other routers, or neither has one.
    pub(super) fn has_like_link(&self, new: &model::Instance) -> bool {
        let kind = |link: &model::OwnLink| link.kind;
        self.config.link.as_ref().map(kind) == new.link.as_ref().map(kind)
    }

    /// The counters since the statistics of the dump were last cleared.
    pub fn statistics(&self) -> Counters {
        self.counters.since(self.cleared)
    }

    /// Its index in the MIBs of the RFCs, while its interface exists.
    pub fn router_key(&self) -> Option<RouterKey> {
        let address_type = match self.config.family {
            model::Family::V4 => 1,
            model::Family::V6 => 2,
        };
        Some((self.ifindex?, self.config.vrid.into(), address_type))
    }

    /// Ethernet address with which it answers for its addresses, if the interface has one: that of the VMAC, if any.
    pub fn mac(&self, interfaces: &Interfaces) -> Option<[u8; 6]> {
        match self.config.link.as_ref().and_then(model::OwnLink::mac) {
            Some(mac) => Some(mac),
            None => interfaces.get(self.ifindex?)?.mac,
        }
    }

    /// The address of the present master: its own, or the sender of the last valid advert.
    pub fn master_address(&self) -> Option<IpAddr> {
        if self.state == State::Master { self.source } else { self.heard }
    }

    /// Whether it is the address owner, whose priority never changes.
    pub fn is_owner(&self) -> bool {
        self.base_priority == 255
    }
}

/// The state of an instance in the predecessor of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Former {
    /// Master, backup or fault.
    pub(super) state: State,
    /// [`Instance::since`], if known.
    pub(super) since: Option<Duration>,
    /// [`Instance::up_since`].
    pub(super) up_since: Option<Duration>,
}

/// When the next announcements of a master are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announcements {
    /// Second burst: time, and messages per address.
    pub second: Option<(Duration, u32)>,
    /// Next refresh.
    pub refresh: Option<Duration>,
    /// Next announcement on other interfaces (`garp_extra_if`).
    pub extra: Option<Duration>,
    /// Burst after a second master has fallen silent.
    pub after_rival: Option<Duration>,
}

impl Announcements {
    /// The earliest of these times.
    pub fn next(&self) -> Option<Duration> {
        let second = self.second.map(|(at, _)| at);
        [second, self.refresh, self.extra, self.after_rival].into_iter().flatten().min()
    }
}

/// A row of vrrpSyncGroupTable.
#[derive(Clone, Debug)]
pub struct Group {
    /// The `vrrp_sync_group` block.
    pub config: model::SyncGroup,
    /// State of the group.
    pub state: State,
    /// Time at which the state was entered; 0 before the first change.
    pub since: Duration,
    /// Transitions so far.
    pub transitions: u64,
    /// The state of the predecessor of this process, until the first state of this one.
    pub(super) former: Option<State>,
    /// Members in configured order.
    pub members: Vec<InstanceId>,
}

/// A row of vrrpSyncGroupMemberTable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name of the instance.
    pub name: String,
}
