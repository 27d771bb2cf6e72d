//! Why something happened: causes of transitions, faults, and the occasions of other changes.

use std::net::IpAddr;

use crate::config::model::TrackerKind;
use crate::track::Reading;

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
    /// A tracker of weight 0 is down, or up with `reverse`; the number of a file leaves no priority.
    Tracked {
        /// Its kind.
        kind: TrackerKind,
        /// Its name.
        name: String,
        /// What it says.
        reading: Reading,
    },
    /// A static address of a `track_group` that lists the instance is not set.
    StaticAddress {
        /// The address.
        ip: IpAddr,
        /// Its prefix length.
        prefix: u8,
        /// Name of its interface.
        device: String,
        /// The words of the kernel, which refused it; `None` when the interface does not exist.
        refusal: Option<String>,
    },
    /// Another member of the sync group is in fault.
    SyncGroup(String),
    /// The process lacks these capabilities, and could not set addresses or send adverts.
    Privileges(String),
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
    /// A tracker says something else.
    Tracker {
        /// Its kind.
        kind: TrackerKind,
        /// Its name.
        name: String,
        /// What it says.
        reading: Reading,
        /// It flaps, and is only counted for a while.
        counted: bool,
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
