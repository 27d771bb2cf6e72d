//! Causes of transitions, faults and the states of trackers in words.

use crate::config::model::TrackerKind;
use crate::track::{self, Reading};
use crate::vrrp::{Cause, Fault};

/// Why an instance with the priority `ours` has entered a state.
pub fn cause(cause: &Cause, ours: u8) -> String {
    match cause {
        Cause::Startup => "init".into(),
        Cause::Silence => "no advert from a master".into(),
        Cause::MasterLeft(source) => format!("master {source} gave up with priority 0"),
        Cause::LowerAdverts(source, theirs) => {
            format!("preempting {source}, which has priority {theirs}, ours is {ours}")
        }
        Cause::Owner => "owner of the addresses".into(),
        Cause::BetterAdvert(source, theirs) => format!("master {source} has priority {theirs}, ours is {ours}"),
        Cause::SequenceExhausted => "the sequence numbers of its adverts are used up".into(),
        Cause::AdvertLate(late) => {
            format!("its advert is {:.2} s late, so that another router may be master", late.as_secs_f64())
        }
        Cause::SyncGroup => "following its sync group".into(),
        Cause::Fault(reason) => fault(reason),
        Cause::Recovered => "the cause of the fault is gone".into(),
        Cause::Resumed => "resuming the state of the process that died".into(),
        Cause::Shutdown => "shutting down".into(),
        // Scripts and traps report FAULT, as with C keepalived, although the instance has no fault.
        Cause::Deleted => "the new configuration does not have it".into(),
    }
}

/// Why an instance cannot take part.
pub fn fault(fault: &Fault) -> String {
    match fault {
        Fault::InterfaceMissing(name) => format!("interface {name} does not exist"),
        Fault::InterfaceDown(name) => format!("interface {name} is down"),
        Fault::LinkMissing { kind, name } if name.is_empty() => format!("its {kind} does not exist"),
        Fault::LinkMissing { kind, name } => format!("{kind} {name} does not exist"),
        Fault::NoSource(name) => format!("interface {name} has no address to send adverts from"),
        Fault::SourceMissing(ip) => format!("its source address {ip} is not on this host, or not usable yet"),
        Fault::NoPeer => "it has no unicast_peer".into(),
        Fault::Tracked { kind, name, reading } => tracked(*kind, name, *reading),
        Fault::Static { object, refusal } => {
            let why = refusal.as_deref().unwrap_or("an interface does not exist");
            format!("cannot set static {object}: {why}")
        }
        Fault::Privileges(lacking) => format!("this process lacks {lacking}"),
        Fault::SyncGroup(member) => format!("{member}, of the same sync group, is in fault"),
    }
}

/// State of a tracker, as the reason of a change.
pub(super) fn tracked(kind: TrackerKind, name: &str, reading: Reading) -> String {
    let noun = track::noun(kind);
    let says = match (kind, reading) {
        (_, Reading::Unknown) => "has no result yet".to_owned(),
        (_, Reading::Number(number)) => format!("has the number {number}"),
        (TrackerKind::Script, Reading::Up) => "succeeded".to_owned(),
        (TrackerKind::Script, Reading::Down) => "failed".to_owned(),
        (TrackerKind::Process, Reading::Up) => "has its quorum".to_owned(),
        (TrackerKind::Process, Reading::Down) => "has no quorum".to_owned(),
        (_, Reading::Up) => "is up".to_owned(),
        (_, Reading::Down) => "is down".to_owned(),
    };
    format!("tracked {noun} {name} {says}")
}
