//! What goes into the machines and what comes out of them.

use std::net::IpAddr;
use std::time::Duration;

use super::interface::Interface;
use super::rows::{Address, AddressId, GroupId, InstanceId, State};
use super::vmac::{VmacOp, WantedVmac};
use crate::config::model::Family;
use crate::wire::ah;

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The interfaces are known: instances leave the initial state.
    Start,
    /// An IP packet of protocol VRRP, or of VRRP behind an authentication header, was received.
    Packet(Received<'a>),
    /// The timer last set under this key expired.
    Timer(TimerKey),
    /// All links and addresses as the kernel has them: at start and after a loss of messages.
    Interfaces(Vec<Interface>),
    /// A link appeared or changed; its addresses stay as known.
    Link(Interface),
    /// A link vanished with all its addresses.
    LinkGone(u32),
    /// An address was set on a link, by whomever.
    AddressAdded(KernelAddress),
    /// An address was removed from a link, by whomever.
    AddressGone(KernelAddress),
    /// The kernel's answer to [`Action::Address`].
    AddressDone {
        /// The row the request was for.
        id: AddressId,
        /// What was asked.
        op: AddressOp,
        /// What came of it, or the kernel's words when it refused.
        result: Result<AddressDone, String>,
    },
    /// The kernel's answer to [`Action::Vmac`].
    VmacDone {
        /// The instance the request was for.
        id: InstanceId,
        /// What was asked.
        op: VmacOp,
        /// With which VMAC.
        link: Box<WantedVmac>,
        /// Its index, or the kernel's words when it refused.
        made: Result<u32, String>,
    },
    /// SET of vrrpInstanceBasePriority.
    SetBasePriority(InstanceId, u8),
    /// SET of vrrpInstancePreempt: `true` = preempt.
    SetPreempt(InstanceId, bool),
    /// SET of vrrpInstanceNotifyDeleted.
    SetNotifyDeleted(InstanceId, bool),
    /// A new configuration; boxed, as it is large and rare.
    Configure(Box<crate::config::model::Config>),
    /// The daemon stops: priority 0, addresses away, stop notifications.
    Stop {
        /// `-V`: the addresses stay set.
        keep_addresses: bool,
    },
}

/// A received packet with what its IP header and socket tell.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Interface it came in by.
    pub ifindex: u32,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// For a packet of protocol AH: the IPv4 header as it came. The payload then begins with the authentication header.
    pub authenticated: Option<&'a [u8]>,
    /// IP payload.
    pub payload: &'a [u8],
}

impl Received<'_> {
    /// Address family of the packet.
    pub fn family(&self) -> Family {
        Family::of(self.source)
    }
}

/// An address as the kernel reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelAddress {
    /// Interface that carries it.
    pub ifindex: u32,
    /// The (local) address.
    pub ip: IpAddr,
    /// Prefix length.
    pub prefix: u8,
    /// False while duplicate address detection runs or after it failed.
    pub usable: bool,
    /// Marked by the kernel as set by keepalived (`IFA_PROTO`).
    pub marked: bool,
}

/// Names a timer; setting it again replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// Active_Down_Timer or Adver_Timer of an instance (RFC 9568 section 6.2).
    Protocol(InstanceId),
    /// Second burst, refresh or burst after a losing advert.
    Announce(InstanceId),
    /// A refused address is tried again.
    RetryAddress(AddressId),
    /// A refused VMAC is tried again, or one that is not there is not waited for any longer.
    Vmac(InstanceId),
    /// A source address that the host has lost is not waited for any longer.
    Source(InstanceId),
    /// `vrrp_startup_delay`.
    Startup,
}

/// Addresses of others that the kernel would remove along with an address, being its secondaries.
pub type Secondaries = Vec<(IpAddr, u8)>;

/// What the kernel shall do with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressOp {
    /// Set it.
    Add,
    /// Remove it.
    Remove,
}

/// How a request for an address succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressDone {
    /// The kernel has changed.
    Changed,
    /// There was nothing to change.
    AlreadySo,
}

/// What the machines want done.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send a VRRP message. Comes before address actions of the same event: adverts never wait for addresses.
    Send {
        /// The instance that speaks, for its error counters.
        instance: InstanceId,
        /// Interface to send by.
        ifindex: u32,
        /// IP source address.
        source: IpAddr,
        /// TTL or hop limit.
        ttl: u8,
        /// Destinations (the group, or each peer), each with the VRRP message for it. Together they are one advert.
        messages: Vec<(IpAddr, Vec<u8>)>,
        /// `auth_type AH`: to be sent behind an authentication header, which covers the IP header too.
        seal: Option<ah::Seal>,
    },
    /// Set (`Some`, absolute time) or clear a timer.
    Timer(TimerKey, Option<Duration>),
    /// Change the kernel's addresses; answered by [`Event::AddressDone`].
    Address(AddressId, AddressOp, Secondaries),
    /// Remove the address of a row that is gone; not answered.
    Withdraw(Box<Address>, Secondaries),
    /// Change the kernel's links.
    Vmac {
        /// Instance that gets an [`Event::VmacDone`]; `None` when it is gone.
        id: Option<InstanceId>,
        /// What to do.
        op: VmacOp,
        /// With which VMAC.
        link: Box<WantedVmac>,
    },
    /// Send this many gratuitous ARPs or unsolicited NAs for the address.
    Announce(AddressId, u32),
    /// Drop announcements of the instance that are not yet sent.
    CancelAnnouncements(InstanceId),
}

/// A row went from A to B: what the views (traps, scripts, mail, log) are told.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An instance entered a state.
    Instance {
        /// The row.
        id: InstanceId,
        /// State it left.
        from: State,
        /// State it entered; [`State::Stopped`] when the daemon stops.
        to: State,
        /// Why.
        cause: Cause,
    },
    /// A sync group entered a state.
    Group {
        /// The row.
        id: GroupId,
        /// State it left.
        from: State,
        /// State it entered.
        to: State,
    },
    /// The effective priority of an instance changed.
    Priority {
        /// The row.
        id: InstanceId,
        /// Before.
        from: u8,
        /// Now.
        to: u8,
        /// Why.
        occasion: Occasion,
    },
    /// An advert of lower priority was heard. Told once per sender and interval.
    LowerAdvert {
        /// The row.
        id: InstanceId,
        /// Sender.
        source: IpAddr,
        /// Its priority.
        priority: u8,
        /// We are master and have answered; else we wait to preempt the sender.
        master: bool,
        /// Adverts of lower priority since this was last told.
        more: u64,
    },
    /// A backup heard that its master gives up (priority 0). Told once per sender and interval.
    MasterLeaves {
        /// The row.
        id: InstanceId,
        /// Sender.
        source: IpAddr,
    },
    /// Packets are refused or odd; told once per kind until the master changes.
    Complaint {
        /// The row.
        id: InstanceId,
        /// Sender.
        source: IpAddr,
        /// What is wrong.
        complaint: Complaint,
        /// Complaints of the same kind since it was last told.
        more: u64,
    },
    /// SNMP has set a value of an instance.
    Set {
        /// The row.
        id: InstanceId,
        /// The object, before and now.
        what: Setting,
    },
    /// An interface that concerns instances went up, down or away.
    Link {
        /// Its name.
        name: String,
        /// What became of it.
        to: LinkState,
    },
    /// Not all virtual addresses fit an advert: the others are treated as excluded.
    AddressesCut {
        /// The row.
        id: InstanceId,
        /// Addresses that are advertised.
        fit: usize,
        /// Addresses that are configured.
        of: usize,
        /// Largest packet of the interface, octets.
        mtu: u32,
    },
    /// A virtual address that the host has set itself stays although this router is not master.
    AddressStays(AddressId),
    /// A packet for a VRID that no instance has here (`log_unknown_vrids`).
    UnknownVrid {
        /// Interface it came in by.
        ifindex: u32,
        /// Sender.
        source: IpAddr,
        /// Its VRID.
        vrid: u8,
        /// Such packets since this was last told.
        more: u64,
    },
    /// An outsider removed an address we hold; it is put back.
    AddressStolen(AddressId),
    /// The kernel refused to change an address; it is tried again.
    AddressRefused {
        /// The row.
        id: AddressId,
        /// What was asked.
        op: AddressOp,
        /// The kernel's words.
        error: String,
    },
    /// An outsider removed the VMAC of an instance, or set it down; it is made again.
    VmacStolen(InstanceId),
    /// The kernel refused to make or remove a VMAC; it is tried again.
    VmacRefused {
        /// The row.
        id: InstanceId,
        /// What was asked.
        op: VmacOp,
        /// The kernel's words.
        error: String,
    },
}

/// What became of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Up and running.
    Up,
    /// Not so.
    Down,
    /// It does not exist any more.
    Gone,
}

/// A value that SNMP may set, before and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// vrrpInstanceBasePriority.
    BasePriority(u8, u8),
    /// vrrpInstancePreempt.
    Preempt(bool, bool),
    /// vrrpInstanceNotifyDeleted.
    NotifyDeleted(bool, bool),
}

/// What made the rows be looked at anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Occasion {
    /// The start, or all interfaces read anew.
    #[default]
    Interfaces,
    /// An interface changed.
    Link(String, LinkState),
    /// A new configuration.
    Reload,
    /// SET of vrrpInstanceBasePriority, before and now.
    Set(u8, u8),
}

/// Why an instance changed its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The daemon started.
    Startup,
    /// No master was heard for the Active_Down_Interval.
    Silence,
    /// The master gave up (priority 0), and no other one was heard since.
    MasterLeft(IpAddr),
    /// Only adverts of lower priority were heard, the last from this router with this priority.
    LowerAdverts(IpAddr, u8),
    /// The instance owns the addresses.
    Owner,
    /// A better advert came from another router.
    BetterAdvert(IpAddr, u8),
    /// `auth_type AH`: the sequence numbers are used up; they start anew when the instance is next master.
    SequenceExhausted,
    /// The sync group moved.
    SyncGroup,
    /// It cannot take part.
    Fault(Fault),
    /// The reasons for fault are gone.
    Recovered,
    /// A predecessor of the process was master: nobody else has noticed that it died.
    Resumed,
    /// The daemon stops.
    Shutdown,
    /// A new configuration does not have the instance.
    Deleted,
}

/// Why an instance cannot take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An interface that it needs does not exist: its own, or that of one of its addresses.
    InterfaceMissing(String),
    /// An interface that it needs is down.
    InterfaceDown(String),
    /// `use_vmac`: its VMAC could not be made.
    VmacMissing(String),
    /// Its interface has no address to send from.
    NoSource(String),
    /// `unicast_src_ip`, `mcast_src_ip`: no interface of the host has the address, or it is not usable yet.
    SourceMissing(IpAddr),
    /// `unicast_fault_no_peer`, and it has no peers.
    NoPeer,
    /// A tracked interface (weight 0) is down, or up with `reverse`.
    TrackedInterface {
        /// Its name.
        name: String,
        /// It is up.
        up: bool,
    },
    /// Another member of the sync group is in fault.
    SyncGroup(String),
    /// The process lacks these capabilities, and could not set addresses or send adverts.
    Privileges(String),
}

/// What is wrong or odd with a received packet. The order is that of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Complaint {
    /// Shorter or longer than its own header says.
    Length,
    /// TTL or hop limit is not 255, or for a unicast peer not within its limits.
    Ttl,
    /// Another protocol version than ours.
    Version,
    /// Version 2: unknown authentication type.
    AuthType,
    /// Version 2: another authentication type than ours.
    AuthMismatch,
    /// Version 2: wrong password, or a check value that is not of our key or not of this packet.
    AuthFailure,
    /// `auth_type AH`: authentic, but its sequence number was seen before or is older.
    Replay,
    /// Version 2: another advertisement interval than ours.
    Interval,
    /// Not an advertisement.
    Type,
    /// Wrong checksum.
    Checksum,
    /// Multicast to an instance with `unicast_peer`, or unicast to one without.
    Cast,
    /// `check_unicast_src`: the sender is not a peer.
    NoPeer,
    /// Version 3: another interval; adopted while backup.
    LearntInterval,
    /// Other addresses than ours; the advert is used.
    Addresses,
    /// Right checksum, but in the other of the two forms of version 3 over IPv4; the advert is used.
    ChecksumForm,
    /// Right checksum as of C keepalived before 1.3.6 for unicast; the advert is used, and answered in kind.
    OldChecksum,
    /// Equal priority from our own address: two routers share an address, or the network echoes.
    OwnAddress,
}

impl Complaint {
    /// Whether the packet is dropped.
    pub fn refuses(self) -> bool {
        !matches!(
            self,
            Complaint::LearntInterval
                | Complaint::Addresses
                | Complaint::ChecksumForm
                | Complaint::OldChecksum
                | Complaint::OwnAddress
        )
    }
}

/// All that the handling of events has produced since it was last drained.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// To be carried out in order.
    pub actions: Vec<Action>,
    /// To be shown in order.
    pub changes: Vec<Change>,
    /// The checkpoint has changed without a change to show.
    pub save: bool,
    /// Interfaces that instances send by have changed: sockets are to follow.
    pub links: bool,
}
