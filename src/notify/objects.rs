//! What the changes of the machines are about, for the log in JSON.

use super::check_messages::{server, service};
use super::record::Object;
use crate::bfd::{self, SessionId};
use crate::check::{self, RealServerId, VirtualServerId};
use crate::config::model::TrackerKind;
use crate::vrrp::{Change, InstanceId, Owner, Tables};

fn object(kind: &'static str, name: impl Into<String>) -> Object {
    Object { kind, name: name.into(), of: None }
}

/// The object of a change of VRRP.
pub(super) fn vrrp(change: &Change, tables: &Tables) -> Option<Object> {
    let instance = |id: InstanceId| tables.instances.get(&id).map(|row| object("instance", &row.config.name));
    let owner = |owner: Owner| match owner {
        Owner::Static => None,
        Owner::Instance(id) => instance(id),
    };
    match change {
        Change::Instance { id, .. }
        | Change::Priority { id, .. }
        | Change::LowerAdvert { id, .. }
        | Change::MasterLeaves { id, .. }
        | Change::Complaint { id, .. }
        | Change::ClockFollowed { id, .. }
        | Change::Set { id, .. }
        | Change::AddressesCut { id, .. } => instance(*id),
        Change::Group { id, .. } => tables.group_name(*id).map(|name| object("group", name)),
        Change::Tracker { id, .. } => {
            let kind = match id.0 {
                TrackerKind::Interface => "interface",
                TrackerKind::Script => "script",
                TrackerKind::File => "file",
                TrackerKind::Process => "process",
                TrackerKind::Bfd => "bfd",
            };
            Some(object(kind, tables.trackers.name(*id)))
        }
        Change::ScriptResult(id) => {
            tables.trackers.scripts.get(id).map(|tracker| object("script", &tracker.row.config.name))
        }
        Change::Link { name, .. } => Some(object("interface", name)),
        Change::UnknownVrid { ifindex, .. } => Some(object("interface", tables.interfaces.name(*ifindex))),
        Change::Stays(id) | Change::Stolen(id) | Change::Refused { id, .. } => owner(id.owner()),
        Change::OwnLinkStolen(id) | Change::OwnLinkRefused { id, .. } => instance(id.0),
        Change::Yielded(id) | Change::TakesPart(id) | Change::Unserved(id) => instance(*id),
        Change::ClockSet { .. } | Change::FirewallTouched { .. } | Change::FirewallRefused { .. } => None,
    }
}

/// The object of a change of the checkers.
pub(super) fn check(change: &check::Change, tables: &check::Tables) -> Option<Object> {
    let real_server =
        |id: RealServerId| Object { of: Some(service(id.0, tables)), ..object("real_server", server(id, tables)) };
    let virtual_server = |id: VirtualServerId| object("virtual_server", service(id, tables));
    Some(match change {
        check::Change::Checker { id, .. } | check::Change::AttemptFailed { id, .. } => real_server(id.0),
        check::Change::RealServer { id, .. }
        | check::Change::WeightSet { id, .. }
        | check::Change::Weight { id, .. } => real_server(*id),
        check::Change::Quorum { id, .. } | check::Change::Sorry { id, .. } | check::Change::Suspended { id, .. } => {
            virtual_server(*id)
        }
    })
}

/// The object of a change of BFD.
pub(super) fn bfd(change: &bfd::Change, tables: &bfd::Tables) -> Option<Object> {
    let session = |id: SessionId| tables.sessions.get(&id).map(|row| object("bfd", &row.config.name));
    match change {
        bfd::Change::Timing { id, .. } | bfd::Change::State { id, .. } | bfd::Change::SendFailed { id, .. } => {
            session(*id)
        }
        bfd::Change::Poll(id) | bfd::Change::SendWorks(id) => session(*id),
        bfd::Change::Refused { id, .. } => session((*id)?),
    }
}
