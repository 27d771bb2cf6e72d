//! Log lines about VRRP. Lines about state changes have the wording of C keepalived, which log watchers match.

use std::fmt::Write;

use super::log::Level;
use crate::config::model::{Family, TrackerKind};
use crate::state::Op;
use crate::text::counted;
use crate::track::{self, FlapReport, Reading, ScriptEnd, TrackerId};
use crate::vrrp::{
    AddressId, Cause, Change, Complaint, InstanceId, LinkState, ObjectId, Occasion, OwnLinkId, Owner, Setting, State,
    Tables, nft_word,
};

/// The line for a change, or several lines.
pub fn line(change: &Change, tables: &Tables) -> (Level, String) {
    match change {
        Change::Instance { id, to, cause, .. } => (Level::Notice, instance_line(*id, *to, cause, tables)),
        Change::Group { id, to, .. } => {
            let name = tables.group_name(*id).unwrap_or("?");
            let mut text = String::new();
            if matches!(to, State::Master | State::Backup | State::Fault) {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "VRRP_Group({name}) Syncing instances to {} state", to.word());
            }
            let _ = write!(text, "VRRP_Group({name}) {}", entering(*to));
            (Level::Notice, text)
        }
        Change::Priority { id, from, to, occasion } => {
            let (name, why) = (name(*id, tables), occasion_text(occasion));
            (Level::Info, format!("({name}) Changing effective priority from {from} to {to} ({why})"))
        }
        Change::LowerAdvert { id, source, priority, master, more } => {
            let (name, ours) = (name(*id, tables), tables.instances.get(id).map_or(0, |row| row.priority));
            let more = more_text(*more);
            let text = if *master {
                format!(
                    "({name}) Received advert from {source} with lower priority {priority}, ours {ours}, forcing new \
                     election{more}"
                )
            } else {
                format!("({name}) received lower priority ({priority}) advert from {source} - discarding{more}")
            };
            (Level::Info, text)
        }
        Change::MasterLeaves { id, source } => {
            let name = name(*id, tables);
            (Level::Info, format!("({name}) Backup received priority 0 advertisement from {source}"))
        }
        Change::Yielded(id) => (Level::Notice, yielded_line(*id, tables)),
        Change::TakesPart(id) => {
            (Level::Notice, format!("({}) Takes part again after it has yielded", name(*id, tables)))
        }
        Change::Unserved(id) => {
            let name = name(*id, tables);
            let text = format!(
                "({name}) No other router is master, and this one has yielded: nobody serves its addresses; \
                 'keepalived --resume={name}' ends that"
            );
            (Level::Warning, text)
        }
        Change::Complaint { id, source, complaint, more, detail } => {
            let verdict = if complaint.refuses() { "dropped" } else { "used" };
            let (what, more) = (complaint_text(*complaint), more_text(*more));
            let detail = detail.map_or_else(String::new, |detail| complaint_detail(*complaint, detail));
            let name = name(*id, tables);
            let text = format!("({name}) Advert from {source}: {what}{detail} ({verdict}; reported once){more}");
            (Level::Warning, text)
        }
        Change::ClockSet { by } => {
            let direction = if *by < 0 { "back" } else { "forward" };
            let text = format!(
                "The system clock was set {direction} by {} s; the instances with auth_hmac keep the time of before until \
                 another router shows that it has another time",
                by.unsigned_abs()
            );
            (Level::Warning, text)
        }
        Change::ClockFollowed { id, source } => {
            let text = format!(
                "({}) The clock of {source} differs from ours before it was set; auth_hmac follows the system clock again",
                name(*id, tables)
            );
            (Level::Warning, text)
        }
        Change::UnknownVrid { ifindex, source, vrid, more } => {
            let (interface, more) = (tables.interfaces.name(*ifindex), more_text(*more));
            (Level::Info, format!("Unknown VRID {vrid} received on {interface} from {source}{more}"))
        }
        Change::Tracker { id, report, .. } => tracker_line(*id, *report, tables),
        Change::ScriptResult(id) => script_result(*id, tables),
        Change::Set { id, what } => (Level::Notice, setting_line(*what, name(*id, tables))),
        Change::Link { name, to } => (
            Level::Notice,
            match to {
                LinkState::Up => format!("Netlink reports {name} up"),
                LinkState::Down => format!("Netlink reports {name} down"),
                LinkState::Gone => format!("Netlink reports {name} deleted"),
            },
        ),
        Change::AddressesCut { id, fit, of, mtu } => {
            let (name, left) = (name(*id, tables), of.saturating_sub(*fit));
            let are = if left == 1 { "one is" } else { &format!("{left} are") };
            let text = format!(
                "({name}) Only {fit} of {of} virtual addresses fit an advert at MTU {mtu}; the last {are} set but not \
                 advertised; move the rest to virtual_ipaddress_excluded on all routers"
            );
            (Level::Warning, text)
        }
        Change::Stays(id) => {
            let text = format!(
                "({}) {} was not set by keepalived and stays although this router is not master; remove it from the \
                 host's own configuration",
                owner(*id, tables),
                object(*id, tables)
            );
            (Level::Warning, text)
        }
        Change::Stolen(id) => {
            let (owner, object) = (owner(*id, tables), object(*id, tables));
            (Level::Warning, format!("({owner}) {object} was removed by someone else; putting it back"))
        }
        Change::Refused { id, op, error } => {
            let verb = match op {
                Op::Add => "set",
                Op::Remove => "remove",
            };
            let (owner, object) = (owner(*id, tables), object(*id, tables));
            (Level::Error, format!("({owner}) Cannot {verb} {object}: {error}; trying again every second"))
        }
        Change::FirewallTouched { family, program } => {
            let table = firewall_table(*family, tables);
            let text = if program.is_empty() {
                format!("nftables table {table} may have been changed, as notifications were lost; building it again")
            } else {
                format!("nftables table {table} was changed by {program}; building it again")
            };
            (Level::Warning, text)
        }
        Change::FirewallRefused { family, error } => {
            let table = firewall_table(*family, tables);
            let text = format!(
                "Cannot set nftables table {table}: {error}; trying again at growing intervals; meanwhile masters with \
                 no_accept take packets to their addresses, and VMACs report group memberships"
            );
            (Level::Error, text)
        }
        Change::OwnLinkStolen(id) => {
            let (who, link) = (name(id.0, tables), own_link(*id, tables));
            (Level::Warning, format!("({who}) {link} was removed or set down by someone else; putting it back"))
        }
        Change::OwnLinkRefused { id, op, error } => {
            let verb = match op {
                Op::Add => "create",
                Op::Remove => "remove",
            };
            let (who, link) = (name(id.0, tables), own_link(*id, tables));
            (Level::Error, format!("({who}) Cannot {verb} {link}: {error}; trying again every second"))
        }
    }
}

/// Number of events of the same kind that were not reported.
fn more_text(more: u64) -> String {
    if more == 0 { String::new() } else { format!(" ({more} more since this was last reported)") }
}

fn firewall_table(family: Family, tables: &Tables) -> String {
    let name = tables.system.global.as_ref().map_or("?", |global| &global.firewall.table);
    format!("{} {name}", nft_word(family))
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

fn occasion_text(occasion: &Occasion) -> String {
    match occasion {
        Occasion::Interfaces => "state of the interfaces".into(),
        Occasion::Link(name, LinkState::Up) => format!("interface {name} is up"),
        Occasion::Link(name, LinkState::Down) => format!("interface {name} is down"),
        Occasion::Link(name, LinkState::Gone) => format!("interface {name} was deleted"),
        Occasion::Tracker { kind, name, reading, .. } => track::tracked(*kind, name, *reading),
        Occasion::Reload => "new configuration".into(),
        Occasion::Set(from, to) => format!("SNMP has set the base priority from {from} to {to}"),
    }
}

fn setting_line(what: Setting, name: &str) -> String {
    let flag = |on: bool| if on { "on" } else { "off" };
    match what {
        Setting::BasePriority(from, to) => format!("({name}) SNMP has set the base priority from {from} to {to}"),
        Setting::Preempt(from, to) => format!("({name}) SNMP has set preemption from {} to {}", flag(from), flag(to)),
        Setting::NotifyDeleted(from, to) => {
            format!("({name}) SNMP has set notify_deleted from {} to {}", flag(from), flag(to))
        }
    }
}

fn yielded_line(id: InstanceId, tables: &Tables) -> String {
    let name = name(id, tables);
    let yielded = tables.instances.get(&id).and_then(|row| row.yielded);
    let limit = yielded.and_then(|yielded| yielded.until?.checked_sub(yielded.since));
    match limit {
        Some(limit) => format!("({name}) Yields: stays out of elections for {} s", limit.as_secs()),
        None => format!("({name}) Yields: stays out of elections until it is resumed"),
    }
}

fn instance_line(id: InstanceId, to: State, cause: &Cause, tables: &Tables) -> String {
    let name = name(id, tables);
    let ours = tables.instances.get(&id).map_or(0, |row| row.priority);
    if *cause == Cause::Deleted {
        // Scripts and traps report FAULT, as with C keepalived, although the instance has no fault.
        return format!("({name}) Removed: {}", cause.words(ours));
    }
    let why = cause.words(ours);
    let line = format!("({name}) {} ({why})", entering(to));
    match cause {
        Cause::Silence | Cause::MasterLeft(_) | Cause::LowerAdverts(..) => {
            format!("({name}) Receive advertisement timeout\n{line}")
        }
        _ => line,
    }
}

/// The wording of C keepalived, with the number of changes that were only counted.
fn tracker_line(id: TrackerId, report: FlapReport, tables: &Tables) -> (Level, String) {
    let trackers = &tables.trackers;
    let (name, reading) = (trackers.name(id), trackers.reading(id));
    let mut text = match (id.0, reading) {
        (TrackerKind::Script, Reading::Down) => {
            let last = trackers.scripts.get(&id.1).and_then(|tracker| tracker.row.last.as_ref());
            let how = last.map_or_else(|| "failed".to_owned(), script_end);
            format!("VRRP_Script({name}) {how}")
        }
        (TrackerKind::Script, _) => format!("VRRP_Script({name}) succeeded"),
        (TrackerKind::Process, Reading::Up) => format!("Quorum gained for tracked process {name}"),
        (TrackerKind::Process, _) => format!("Quorum lost for tracked process {name}"),
        (TrackerKind::File, Reading::Number(number)) => format!("Tracked file {name} has the number {number}"),
        (TrackerKind::Bfd, Reading::Up) => format!("BFD session {name} is up"),
        (TrackerKind::Bfd, _) => format!("BFD session {name} is down"),
        _ => track::tracked(id.0, name, reading),
    };
    match report {
        FlapReport::Single | FlapReport::Counted => {}
        FlapReport::Flapping => text += "; it flaps, and further changes are reported once a minute",
        FlapReport::Summary(count) => {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let _ = write!(text, " ({} in the last minute)", counted(count, "change"));
        }
    }
    (Level::Info, text)
}

fn script_result(id: u32, tables: &Tables) -> (Level, String) {
    let row = tables.trackers.scripts.get(&id).map(|tracker| &tracker.row);
    let (name, last) = row.map_or(("?", None), |row| (row.config.name.as_str(), row.last.as_ref()));
    let text = match last {
        Some(ScriptEnd::Exited(status)) => format!("Script `{name}` now returning {status}"),
        Some(ScriptEnd::NotStarted(why)) => {
            return (Level::Error, format!("Cannot run script `{name}`: {why}"));
        }
        Some(end) => format!("Script `{name}` {}", script_end(end)),
        None => format!("Script `{name}` has not ended yet"),
    };
    (Level::Info, text)
}

pub(super) fn script_end(end: &ScriptEnd) -> String {
    match end {
        ScriptEnd::Exited(0) => "succeeded".to_owned(),
        ScriptEnd::Exited(status) => format!("failed (exited with status {status})"),
        ScriptEnd::Signalled(signal) => format!("failed (ended by signal {signal})"),
        ScriptEnd::TimedOut => "timed_out".to_owned(),
        ScriptEnd::NotStarted(why) => format!("failed (cannot run: {why})"),
    }
}

/// The number that belongs to a complaint.
fn complaint_detail(complaint: Complaint, detail: i64) -> String {
    match complaint {
        Complaint::HmacUnknownKey => format!(", {detail}"),
        _ if detail < 0 => format!("; it is {} s ahead", detail.unsigned_abs()),
        _ => format!("; it is {detail} s behind"),
    }
}

fn complaint_text(complaint: Complaint) -> &'static str {
    match complaint {
        Complaint::Length => "its length does not fit its address count",
        Complaint::Ttl => "its TTL or hop limit is not 255, or not within the limits of the peer",
        Complaint::Version => "another protocol version than ours",
        Complaint::HmacMissing => "it has no HMAC, which mode enforce of auth_hmac requires",
        Complaint::HmacMalformed => "what follows its addresses is not an HMAC of auth_hmac",
        Complaint::HmacStale => "its time is not within time_window of ours; check the clocks of both routers",
        Complaint::HmacUnknownKey => "auth_hmac has no key with its key ID",
        Complaint::HmacInvalid => "invalid HMAC: another key with the same ID, or forged",
        Complaint::HmacReplay => "its HMAC number is not greater than the last of this sender: replayed",
        Complaint::HmacSkew => "its time differs from ours by more than half of time_window; check both clocks",
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

fn own_link(id: OwnLinkId, tables: &Tables) -> String {
    let link = tables.instances.get(&id.0).and_then(|row| row.links.get(&id.1));
    link.map_or_else(|| "a link".into(), |link| format!("{} {}", link.config.word(), link.name))
}

fn owner(id: ObjectId, tables: &Tables) -> &str {
    match id.owner() {
        Owner::Static => "static",
        Owner::Instance(id) => name(id, tables),
    }
}

fn object(id: ObjectId, tables: &Tables) -> String {
    match id {
        ObjectId::Address(id) => address(id, tables),
        ObjectId::Route(id) => {
            tables.routes.get(&id).map_or_else(|| "a route".into(), |row| format!("route {}", row.config.brief()))
        }
        ObjectId::Rule(id) => {
            tables.rules.get(&id).map_or_else(|| "a rule".into(), |row| format!("rule {}", row.config.brief()))
        }
    }
}

fn address(id: AddressId, tables: &Tables) -> String {
    tables.addresses.get(&id).map_or_else(
        || "an address".into(),
        |row| format!("{}/{} on {}", row.config.ip, row.config.prefix, tables.device(id)),
    )
}
