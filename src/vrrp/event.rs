//! Input and output of the machines: events, and the actions and changes that follow from them.

use std::net::IpAddr;
use std::time::Duration;

use super::address::Address;
use super::cause::{Cause, LinkState, Occasion, Setting};
use super::complaint::Complaint;
use super::firewall::FirewallRequest;
use super::host_route::HostRoute;
use super::host_rule::HostRule;
use super::ids::{AddressId, GroupId, InstanceId, ObjectId, OwnLinkId, RouteId, RuleId};
use super::interface::{Interface, KernelAddress};
use super::op::{Secondaries, WantedLink};
use super::route::Route;
use super::rule::Rule;
use super::state::State;
use crate::config::model::{Family, Script};
use crate::state::{Done, Op};
use crate::system::Daemon;
use crate::track::{FlapReport, Reading, ScriptEnd, TrackerId};
use crate::wire::ah;

/// An external event.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Instances leave the initial state. Follows the first [`Event::Interfaces`].
    Start,
    /// A reading of the system clock, as time since 1970: before the other events of a turn.
    Clock(Duration),
    /// A VRRP packet was received, possibly with an authentication header.
    Packet(Received<'a>),
    /// The timer last set under this key expired.
    Timer(TimerKey),
    /// All links and addresses of the kernel, at the start and after lost notifications.
    Interfaces(Vec<Interface>),
    /// A link was created or changed; its addresses are unchanged.
    Link(Interface),
    /// A link was removed with all its addresses.
    LinkGone(u32),
    /// An address was set on a link, by this daemon or another program.
    AddressAdded(KernelAddress),
    /// An address was removed from a link, by this daemon or another program.
    AddressGone(KernelAddress),
    /// All routes and rules in the kernel with protocols of ours, before [`Event::Interfaces`]. Not sent while the
    /// configuration has no routes and rules.
    Routing {
        /// The routes.
        routes: Vec<HostRoute>,
        /// The rules.
        rules: Vec<HostRule>,
    },
    /// A route was set or changed, by this daemon or another program.
    RouteAdded {
        /// The route.
        route: HostRoute,
        /// It has replaced the routes with the same key.
        replaces: bool,
    },
    /// A route was removed, or a next hop of an IPv6 route. The kernel does not report IPv4 routes that go with their interface
    /// or source address; then [`Event::Routing`] follows.
    RouteGone(HostRoute),
    /// A policy rule was set.
    RuleAdded(HostRule),
    /// A policy rule was removed.
    RuleGone(HostRule),
    /// The kernel's answer to [`Action::Address`], [`Action::Route`] or [`Action::Rule`].
    Done {
        /// The row of the request.
        id: ObjectId,
        /// The requested operation.
        op: Op,
        /// The result, or the kernel's error message.
        result: Result<Done, String>,
    },
    /// The kernel's answer to [`Action::OwnLink`].
    OwnLinkDone {
        /// The link of the request.
        id: OwnLinkId,
        /// The requested operation.
        op: Op,
        /// The link as requested.
        link: Box<WantedLink>,
        /// Kernel index of the link, or the kernel's error message.
        made: Result<u32, String>,
    },
    /// The kernel's answer to [`Action::Firewall`].
    FirewallDone {
        /// Family of the table.
        family: Family,
        /// Number of the request.
        number: u64,
        /// The result, or the kernel's error message.
        result: Result<(), String>,
    },
    /// Another program has changed a firewall table with the configured name.
    FirewallTouched {
        /// Family of the table.
        family: Family,
        /// Name of the program; empty if notifications were lost, and the table may not have changed.
        program: String,
    },
    /// A run of a `vrrp_script` has ended ([`Action::RunScript`]).
    ScriptEnded(u32, ScriptEnd),
    /// A run could not be started because the system ran out of processes or memory.
    ScriptPostponed(u32),
    /// The number in the file of a `track_file`, at the start and after each change.
    FileRead {
        /// Name of the block.
        name: String,
        /// The number.
        number: i32,
    },
    /// The number of running processes of a `vrrp_track_process`, at the start and after each change.
    ProcessesCounted {
        /// Name of the block.
        name: String,
        /// Number of processes.
        count: u32,
    },
    /// The carrier state from the driver of a polled interface, at the start and after each change.
    LinkBeat {
        /// Name of the interface.
        name: String,
        /// Whether the interface has a carrier.
        up: bool,
    },
    /// A BFD session went up or down.
    Session {
        /// Name of the `bfd_instance`.
        name: String,
        /// Whether the session is up.
        up: bool,
    },
    /// SNMP SET of vrrpInstanceBasePriority.
    SetBasePriority(InstanceId, u8),
    /// SNMP SET of vrrpInstancePreempt: `true` = preempt.
    SetPreempt(InstanceId, bool),
    /// SNMP SET of vrrpInstanceNotifyDeleted.
    SetNotifyDeleted(InstanceId, bool),
    /// An operator has these instances give up mastership and stay out, until a time or until they are resumed.
    Yield(Vec<InstanceId>, Option<Duration>),
    /// An operator has these instances take part again.
    TakePart(Vec<InstanceId>),
    /// A master is to announce its addresses once.
    Announce(InstanceId),
    /// Statistics start at 0 again, after they were written. The counters that SNMP shows go on.
    ClearCounters,
    /// A new configuration; boxed because it is large and rare.
    Configure(Box<crate::config::model::Config>),
    /// What the parent knows of the daemon.
    Daemon(Box<Daemon>),
    /// The daemon stops: send priority 0, remove addresses, notify.
    Stop {
        /// `-V`: the addresses stay set.
        keep_addresses: bool,
    },
}

/// A received packet with the data of its IP header and socket.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Index of the receiving interface.
    pub ifindex: u32,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// For a packet of protocol AH: the IPv4 header as received. The payload then starts with the authentication header.
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

/// Identifies a timer. Setting a timer again replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// Active_Down_Timer or Adver_Timer of an instance (RFC 9568 section 6.2).
    Protocol(InstanceId),
    /// The second burst, the refresh, or the burst against a second master is due.
    Announce(InstanceId),
    /// A refused request for an object of the kernel is to be repeated.
    Retry(ObjectId),
    /// A refused request for a link is to be repeated, or the wait for a missing link ends.
    OwnLink(OwnLinkId),
    /// A firewall table is to be built again.
    Firewall,
    /// An instance that has yielded takes part again.
    Yield(InstanceId),
    /// The wait for a lost source address ends.
    Source(InstanceId),
    /// `vrrp_startup_delay`.
    Startup,
    /// The next run of a script is due.
    Script(u32),
    /// `fork_delay` or `terminate_delay` of a `vrrp_track_process` is over.
    Processes(u32),
    /// The delay of a link is over (`interface_up_down_delays`).
    Link(u32),
    /// The summary of a flapping tracker is due.
    Flap(TrackerId),
}

/// An action for the process to carry out.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send an advert. Precedes address actions of the same event: adverts never wait for addresses.
    Send {
        /// The sending instance, for its error counters.
        instance: InstanceId,
        /// Index of the sending interface.
        ifindex: u32,
        /// IP source address.
        source: IpAddr,
        /// TTL or hop limit.
        ttl: u8,
        /// Destinations (the multicast group, or each peer) with the VRRP message for each. Together they count as one
        /// advert.
        messages: Vec<(IpAddr, Vec<u8>)>,
        /// `auth_type AH`: key and sequence number of the authentication header, which also covers the IP header.
        seal: Option<ah::Seal>,
    },
    /// Set (`Some`, absolute time) or clear a timer.
    Timer(TimerKey, Option<Duration>),
    /// Set or remove an address; answered by [`Event::Done`].
    Address(AddressId, Op, Secondaries),
    /// Remove the address of a deleted row; not answered.
    WithdrawAddress(Box<Address>, Secondaries),
    /// Set or remove a route; answered by [`Event::Done`].
    Route(RouteId, Op),
    /// Remove the route of a deleted row; not answered.
    WithdrawRoute(Box<Route>),
    /// Set or remove a policy rule; answered by [`Event::Done`].
    Rule(RuleId, Op),
    /// Remove the policy rule of a deleted row; not answered.
    WithdrawRule(Box<Rule>),
    /// Change a firewall table, before the later actions; answered by [`Event::FirewallDone`].
    Firewall(Box<FirewallRequest>),
    /// Create or remove a VMAC or ipvlan.
    OwnLink {
        /// Link that gets an [`Event::OwnLinkDone`]; `None` when its row is deleted.
        id: Option<OwnLinkId>,
        /// The operation.
        op: Op,
        /// The link.
        link: Box<WantedLink>,
    },
    /// Send this number of gratuitous ARPs or unsolicited neighbour advertisements for the address.
    Announce(AddressId, u32),
    /// Drop the announcements of the instance that are not sent yet.
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
    /// Kill the running script of a tracker, if any; not answered.
    CancelScript(u32),
}

/// A change of a row, with which the views (traps, scripts, mail, log) are notified.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An instance entered a state.
    Instance {
        /// The row.
        id: InstanceId,
        /// Previous state.
        from: State,
        /// New state; [`State::Stopped`] when the daemon stops.
        to: State,
        /// Why.
        cause: Cause,
    },
    /// A sync group entered a state.
    Group {
        /// The row.
        id: GroupId,
        /// Previous state.
        from: State,
        /// New state.
        to: State,
    },
    /// The effective priority of an instance changed.
    Priority {
        /// The row.
        id: InstanceId,
        /// Previous priority.
        from: u8,
        /// New priority.
        to: u8,
        /// Occasion of the change.
        occasion: Occasion,
    },
    /// An advert of lower priority was received. Reported once per sender and interval.
    LowerAdvert {
        /// The row.
        id: InstanceId,
        /// Sender.
        source: IpAddr,
        /// Its priority.
        priority: u8,
        /// True when this router is master; false when it is backup and about to preempt the sender.
        master: bool,
        /// Number of adverts without a report since the last report.
        more: u64,
    },
    /// A backup received priority 0: the master gives up. Reported once per sender and interval.
    MasterLeaves {
        /// The row.
        id: InstanceId,
        /// Sender.
        source: IpAddr,
    },
    /// A packet was refused or is odd. Reported once per kind until the master changes.
    Complaint {
        /// The row.
        id: InstanceId,
        /// Sender.
        source: IpAddr,
        /// The error or oddity.
        complaint: Complaint,
        /// Number of complaints of the same kind without a report since the last report.
        more: u64,
        /// [`Complaint::HmacStale`] and [`Complaint::HmacSkew`]: seconds by which the advert is old, negative if its time is
        /// ahead of ours. [`Complaint::HmacUnknownKey`]: ID of the key.
        detail: Option<i64>,
    },
    /// The system clock was set; instances with `auth_hmac` keep the time of before.
    ClockSet {
        /// Seconds forward; negative = back.
        by: i64,
    },
    /// An instance with `auth_hmac` that has kept its time follows the system clock again.
    ClockFollowed {
        /// The row.
        id: InstanceId,
        /// The sender that does not share the time that was kept.
        source: IpAddr,
    },
    /// The reading of a tracker has changed.
    Tracker {
        /// The row.
        id: TrackerId,
        /// The new reading.
        reading: Reading,
        /// How the change is reported, depending on whether the tracker flaps.
        report: FlapReport,
    },
    /// The result of a script differs from its previous result.
    ScriptResult(u32),
    /// An instance has yielded: it stays out until it is resumed or a time is over.
    Yielded(InstanceId),
    /// An instance that had yielded takes part again.
    TakesPart(InstanceId),
    /// An instance has yielded, and no other router has become master.
    Unserved(InstanceId),
    /// A value of an instance was set by SNMP.
    Set {
        /// The row.
        id: InstanceId,
        /// The value.
        what: Setting,
    },
    /// An interface that instances use went up, went down or was removed.
    Link {
        /// Name of the interface.
        name: String,
        /// Its new state.
        to: LinkState,
    },
    /// Not all virtual addresses fit into an advert; the others are treated as excluded.
    AddressesCut {
        /// The row.
        id: InstanceId,
        /// Number of advertised addresses.
        fit: usize,
        /// Number of configured addresses.
        of: usize,
        /// MTU of the interface, in octets.
        mtu: u32,
    },
    /// An object stays although this router is not master, because the host has set it itself.
    Stays(ObjectId),
    /// A packet has a VRID that no instance on this interface has (`log_unknown_vrids`).
    UnknownVrid {
        /// Index of the receiving interface.
        ifindex: u32,
        /// Sender.
        source: IpAddr,
        /// VRID of the packet.
        vrid: u8,
        /// Number of such packets without a report since the last report.
        more: u64,
    },
    /// Another program removed a wanted object; it is set again.
    Stolen(ObjectId),
    /// The kernel refused to set or remove an object; the request is repeated.
    Refused {
        /// The row.
        id: ObjectId,
        /// The requested operation.
        op: Op,
        /// The kernel's error message.
        error: String,
    },
    /// Another program removed a link that the daemon has made, or set it down; it is created again.
    OwnLinkStolen(OwnLinkId),
    /// Another program has changed a firewall table; it is built again.
    FirewallTouched {
        /// Family of the table.
        family: Family,
        /// Name of the program; empty if notifications were lost, and the table may not have changed.
        program: String,
    },
    /// The kernel refused to change a firewall table; the request is repeated.
    FirewallRefused {
        /// Family of the table.
        family: Family,
        /// The kernel's error message.
        error: String,
    },
    /// The kernel refused to create or remove a link; the request is repeated.
    OwnLinkRefused {
        /// The link.
        id: OwnLinkId,
        /// The requested operation.
        op: Op,
        /// The kernel's error message.
        error: String,
    },
}

/// Actions and changes since the last [`Vrrp::take_output`](super::Vrrp::take_output).
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Actions, to be carried out in order.
    pub actions: Vec<Action>,
    /// Changes, to be reported in order.
    pub changes: Vec<Change>,
    /// The checkpoint must be saved although there may be no change to report.
    pub save: bool,
    /// Interfaces of instances may have changed: sockets must be updated.
    pub links: bool,
    /// The configured trackers have changed: the watches for files and processes must be updated.
    pub trackers: bool,
}
