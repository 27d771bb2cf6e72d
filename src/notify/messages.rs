//! Changes as log lines. The wording of state changes is what log watchers of this field look for.

use super::log::Level;
use crate::vrrp::{AddressId, AddressOp, Cause, Change, Complaint, Fault, InstanceId, State, Tables, VmacOp};

/// The line for a change.
pub fn line(change: &Change, tables: &Tables) -> (Level, String) {
    match change {
        Change::Instance { id, from, to, cause } => (Level::Notice, instance_line(*id, *from, *to, *cause, tables)),
        Change::Group { id, to, .. } => {
            let name = tables.group_name(*id).unwrap_or("?");
            (Level::Notice, format!("VRRP_Group({name}) {}", entering(*to)))
        }
        Change::Priority { id, from, to } => {
            let why = "tracked interfaces or SNMP";
            (Level::Info, format!("({}) Changing effective priority from {from} to {to} ({why})", name(*id, tables)))
        }
        Change::LosingAdvert { id, source, priority } => {
            let row = tables.instances.get(id);
            let ours = row.map_or(0, |row| row.priority);
            let who = name(*id, tables);
            let text = format!("({who}) Received advert from {source} with lower priority {priority}, ours {ours}");
            (Level::Info, text)
        }
        Change::Complaint { id, source, complaint } => {
            let verdict = if complaint.refuses() { "dropped" } else { "used" };
            let what = complaint_text(*complaint);
            let text = format!("({}) Advert from {source}: {what} ({verdict}; said once)", name(*id, tables));
            (Level::Warning, text)
        }
        Change::UnknownVrid { ifindex, source, vrid } => {
            let interface = tables.interfaces.name(*ifindex);
            (Level::Info, format!("Unknown VRID {vrid} received on {interface} from {source}"))
        }
        Change::AddressStolen(id) => {
            let text = format!(
                "({}) {} was removed by someone else; putting it back",
                owner(*id, tables),
                address(*id, tables)
            );
            (Level::Warning, text)
        }
        Change::AddressRefused { id, op, error } => {
            let verb = match op {
                AddressOp::Add => "set",
                AddressOp::Remove => "remove",
            };
            let (owner, address) = (owner(*id, tables), address(*id, tables));
            (Level::Error, format!("({owner}) Cannot {verb} {address}: {error}; trying again"))
        }
        Change::VmacStolen(id) => {
            let (who, vmac) = (name(*id, tables), vmac(*id, tables));
            (Level::Warning, format!("({who}) VMAC {vmac} was removed or set down by someone else; putting it back"))
        }
        Change::VmacRefused { id, op, error } => {
            let verb = match op {
                VmacOp::Make => "make",
                VmacOp::Remove => "remove",
            };
            let (who, vmac) = (name(*id, tables), vmac(*id, tables));
            (Level::Error, format!("({who}) Cannot {verb} VMAC {vmac}: {error}; trying again"))
        }
    }
}

fn entering(state: State) -> &'static str {
    match state {
        State::Init => "Entering INIT STATE",
        State::Backup => "Entering BACKUP STATE",
        State::Master => "Entering MASTER STATE",
        State::Fault => "Entering FAULT STATE",
        State::Stopped => "Stopped",
        State::Deleted => "Removed",
    }
}

fn instance_line(id: InstanceId, from: State, to: State, cause: Cause, tables: &Tables) -> String {
    let ours = tables.instances.get(&id).map_or(0, |row| row.priority);
    let why = match cause {
        Cause::Startup => "(init)".into(),
        Cause::MasterDown if from == State::Backup => "(no advert of a master was heard)".into(),
        Cause::MasterDown => "(no master)".into(),
        Cause::Owner => "(owner of the addresses)".into(),
        Cause::BetterAdvert(source, theirs) => {
            format!("(master {source} has priority {theirs}, ours is {ours})")
        }
        Cause::SequenceExhausted => "(the sequence numbers of its adverts are used up)".into(),
        Cause::SyncGroup => "(following its sync group)".into(),
        Cause::Fault(fault) => format!("({})", fault_text(fault, id, tables)),
        Cause::Recovered => "(the cause of the fault is gone)".into(),
        Cause::Resumed => "(going on where the process that died was)".into(),
        Cause::Shutdown => "(shutting down)".into(),
        Cause::Deleted => "(the new configuration has it no more)".into(),
    };
    format!("({}) {} {why}", name(id, tables), entering(to))
}

fn fault_text(fault: Fault, id: InstanceId, tables: &Tables) -> String {
    let interface = tables.instances.get(&id).map_or("?", |row| row.config.interface.as_str());
    match fault {
        Fault::InterfaceMissing => format!("interface {interface} does not exist"),
        Fault::InterfaceDown => {
            let base_is_up = tables.interfaces.named(interface).is_some_and(|link| link.up);
            let which = if base_is_up { vmac(id, tables) } else { interface };
            format!("interface {which} is down")
        }
        Fault::VmacMissing => format!("VMAC {} does not exist", vmac(id, tables)),
        Fault::NoSource => format!("interface {interface} has no address to send adverts from"),
        Fault::NoPeer => "it has no unicast_peer".into(),
        Fault::TrackedInterface => "a tracked interface is down".into(),
        Fault::SyncGroup => "another member of its sync group is in fault".into(),
    }
}

fn complaint_text(complaint: Complaint) -> &'static str {
    match complaint {
        Complaint::Length => "its length does not fit its address count",
        Complaint::Ttl => "its TTL or hop limit is not 255, or not within the limits of the peer",
        Complaint::Version => "another protocol version than ours",
        Complaint::AuthType => "invalid authentication type",
        Complaint::AuthMismatch => "authentication type mismatch",
        Complaint::AuthFailure => "authentication failure, wrong password",
        Complaint::Replay => "its sequence number is not greater than the last: replayed",
        Complaint::Interval => "another advertisement interval than ours",
        Complaint::Type => "it is not an advertisement",
        Complaint::Checksum => "invalid checksum",
        Complaint::Cast => "multicast to an instance with unicast peers, or unicast to one without",
        Complaint::NoPeer => "its sender is not a unicast_peer",
        Complaint::LearntInterval => "another advertisement interval than ours, adopted while backup",
        Complaint::Addresses => "its addresses are not those configured here",
        Complaint::ChecksumForm => "the checksum is the other of the two forms in use; see v3_checksum_as_v2",
        Complaint::OldChecksum => {
            "the old form of the unicast checksum, which is sent now too; see old_unicast_checksum"
        }
        Complaint::OwnAddress => "equal priority from our own address: duplicate address or an echoing network",
    }
}

fn name(id: InstanceId, tables: &Tables) -> &str {
    tables.instances.get(&id).map_or("?", |row| &row.config.name)
}

fn vmac(id: InstanceId, tables: &Tables) -> &str {
    tables.instances.get(&id).map_or("?", |row| row.interface_name())
}

fn owner(id: AddressId, tables: &Tables) -> &str {
    if id.0 == 0 { "static" } else { name(InstanceId(id.0), tables) }
}

fn address(id: AddressId, tables: &Tables) -> String {
    tables.addresses.get(&id).map_or_else(
        || "an address".into(),
        |row| format!("{}/{} on {}", row.config.ip, row.config.prefix, tables.device(id)),
    )
}
