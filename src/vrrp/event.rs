//! What goes into the machines and what comes out of them.

use std::net::IpAddr;
use std::time::Duration;

use super::cause::{Cause, LinkState, Occasion, Setting};
use super::complaint::Complaint;
use super::ids::{AddressId, GroupId, InstanceId};
use super::interface::{Interface, KernelAddress};
use super::op::{AddressDone, AddressOp, Secondaries, VmacOp, WantedVmac};
use super::rows::Address;
use super::state::State;
use crate::config::model::{Family, Script};
use crate::track::{Reading, ScriptEnd, Told, TrackerId};
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
    /// A run of a `vrrp_script` has ended ([`Action::RunScript`]).
    ScriptEnded(u32, ScriptEnd),
    /// A run could not be started for want of processes or memory.
    ScriptPostponed(u32),
    /// The number in the file of a `track_file`, at the start and whenever it changes.
    FileRead {
        /// Name of the block.
        name: String,
        /// The number.
        number: i32,
    },
    /// How many processes of a `vrrp_track_process` run, at the start and whenever that changes.
    ProcessesCounted {
        /// Name of the block.
        name: String,
        /// Their number.
        count: u32,
    },
    /// The driver of an interface says whether there is a link, at the start and whenever that changes.
    LinkBeat {
        /// Name of the interface.
        name: String,
        /// Whether there is one.
        up: bool,
    },
    /// A BFD session went up or down.
    Session {
        /// Name of the `bfd_instance`.
        name: String,
        /// Whether it is up.
        up: bool,
    },
    /// SET of vrrpInstanceBasePriority.
    SetBasePriority(InstanceId, u8),
    /// SET of vrrpInstancePreempt: `true` = preempt.
    SetPreempt(InstanceId, bool),
    /// SET of vrrpInstanceNotifyDeleted.
    SetNotifyDeleted(InstanceId, bool),
    /// Counting begins anew, for the next statistics.
    ClearCounters,
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
    /// The next run of a script is due.
    Script(u32),
    /// The delay of a gain or loss of processes is over.
    Processes(u32),
    /// A link was up or down for long enough (`interface_up_down_delays`).
    Link(u32),
    /// Changes of a tracker that flaps are told of.
    Flap(TrackerId),
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
    /// Run the script of a tracker; answered by [`Event::ScriptEnded`] or [`Event::ScriptPostponed`].
    RunScript {
        /// The row.
        id: u32,
        /// Program and user.
        script: Script,
        /// `timeout`.
        limit: Duration,
    },
    /// End the run of a script, if there is one, without an answer.
    CancelScript(u32),
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
    /// The reading of a tracker has changed.
    Tracker {
        /// The row.
        id: TrackerId,
        /// What it says now.
        reading: Reading,
        /// How it is told, as it may flap.
        told: Told,
    },
    /// A script ended otherwise than the time before.
    ScriptResult(u32),
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
    /// The trackers are others: what watches for them is to follow.
    pub trackers: bool,
}
