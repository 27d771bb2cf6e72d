//! Causes of transitions, faults, and occasions of other changes.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::model::TrackerKind;
use crate::track::Reading;

/// Cause of an instance's transition. Checkpoints contain it: a new variant comes last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The daemon started.
    Startup,
    /// No advert was received for the Active_Down_Interval.
    Silence,
    /// The master gave up (priority 0), and no other master was heard afterwards.
    MasterLeft(IpAddr),
    /// Only adverts of lower priority were received, the last from this router with this priority.
    LowerAdverts(IpAddr, u8),
    /// The instance owns the addresses.
    Owner,
    /// An advert with a higher priority, or with the same priority and a higher address, from this router.
    BetterAdvert(IpAddr, u8),
    /// `auth_type AH`: the sequence numbers are used up. They start again when the instance is next master.
    SequenceExhausted,
    /// `timer_expired_backup`: Adver_Timer of the master expired this late, so that another router may be master.
    AdvertLate(Duration),
    /// The sync group changed its state.
    SyncGroup,
    /// The instance has a fault.
    Fault(Fault),
    /// The fault is gone.
    Recovered,
    /// The predecessor of the process was in this state, and the replacement continues in it.
    Resumed,
    /// An operator has it give up mastership.
    Yielded,
    /// The daemon stops.
    Shutdown,
    /// The instance was removed from the configuration.
    Deleted,
}

/// Reason why an instance cannot take part in VRRP. Checkpoints contain it: a new variant comes last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// A required interface does not exist: the instance's own, or the interface of one of its addresses.
    InterfaceMissing(String),
    /// A required interface is down.
    InterfaceDown(String),
    /// `use_vmac`, `use_ipvlan`: a link could not be created.
    LinkMissing {
        /// `VMAC` or `ipvlan`.
        kind: Cow<'static, str>,
        /// Name; empty if none was chosen yet.
        name: String,
    },
    /// The interface has no address to send from.
    NoSource(String),
    /// `unicast_src_ip`, `mcast_src_ip`: the host does not have this address, or it is not usable yet.
    SourceMissing(IpAddr),
    /// `unicast_fault_no_peer`: the instance has no peers.
    NoPeer,
    /// A tracker with weight 0 is down, or up with `reverse`, or a file's number times its weight is too low.
    Tracked {
        /// Kind of the tracker.
        kind: TrackerKind,
        /// Name of the tracker.
        name: String,
        /// Its present reading.
        reading: Reading,
    },
    /// A static address, route or rule of a `track_group` that lists the instance is not set.
    Static {
        /// The object, in words.
        object: String,
        /// The kernel's error message; `None` when an interface does not exist.
        refusal: Option<String>,
    },
    /// This other member of the sync group is in fault.
    SyncGroup(String),
    /// The process does not have these capabilities, without which it cannot set addresses or send adverts.
    Privileges(String),
}

/// Occasion for assessing the instances again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Occasion {
    /// The start, or all interfaces were read again.
    #[default]
    Interfaces,
    /// An interface changed.
    Link(String, LinkState),
    /// A new configuration.
    Reload,
    /// SNMP SET of vrrpInstanceBasePriority: old and new value.
    Set(u8, u8),
    /// The reading of a tracker changed.
    Tracker {
        /// Kind of the tracker.
        kind: TrackerKind,
        /// Name of the tracker.
        name: String,
        /// The new reading.
        reading: Reading,
        /// The change was not reported but only counted, because the tracker flaps.
        counted: bool,
    },
}

/// New state of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Up and running.
    Up,
    /// Not up, or not running.
    Down,
    /// The interface no longer exists.
    Gone,
}

/// A value set by SNMP: old and new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// vrrpInstanceBasePriority.
    BasePriority(u8, u8),
    /// vrrpInstancePreempt.
    Preempt(bool, bool),
    /// vrrpInstanceNotifyDeleted.
    NotifyDeleted(bool, bool),
}
