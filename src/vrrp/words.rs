//! Causes and faults in words, as the log and SNMP show them.

use super::cause::{Cause, Fault};
use crate::track;

impl Cause {
    /// The cause of a transition of an instance whose priority is `ours`.
    pub fn words(&self, ours: u8) -> String {
        match self {
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
            Cause::Fault(fault) => fault.words(),
            Cause::Recovered => "the cause of the fault is gone".into(),
            Cause::Resumed => "resuming the state of the previous process".into(),
            Cause::Yielded => "yielding on request".into(),
            Cause::Shutdown => "shutting down".into(),
            Cause::Deleted => "the new configuration does not have it".into(),
        }
    }
}

impl Fault {
    /// Why an instance cannot take part.
    pub fn words(&self) -> String {
        match self {
            Fault::InterfaceMissing(name) => format!("interface {name} does not exist"),
            Fault::InterfaceDown(name) => format!("interface {name} is down"),
            Fault::LinkMissing { kind, name } if name.is_empty() => format!("its {kind} does not exist"),
            Fault::LinkMissing { kind, name } => format!("{kind} {name} does not exist"),
            Fault::NoSource(name) => format!("interface {name} has no address to send adverts from"),
            Fault::SourceMissing(ip) => format!("its source address {ip} is not on this host, or not usable yet"),
            Fault::NoPeer => "it has no unicast_peer".into(),
            Fault::Tracked { kind, name, reading } => track::tracked(*kind, name, *reading),
            Fault::Static { object, refusal } => {
                let why = refusal.as_deref().unwrap_or("an interface does not exist");
                format!("cannot set static {object}: {why}")
            }
            Fault::Privileges(lacking) => format!("this process lacks {lacking}"),
            Fault::SyncGroup(member) => format!("{member}, of the same sync group, is in fault"),
        }
    }
}
