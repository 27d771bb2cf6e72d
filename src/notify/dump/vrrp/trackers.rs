//! Dump of trackers and of the entries that refer to them, in the layout of C keepalived.

use std::fmt::{Display, Write};
use std::time::Duration;

use super::lines;
use crate::config::model::{ParameterMatch, Track, TrackerKind};
use crate::notify::messages;
use crate::track::{File, Process, Reading, Script, Session};
use crate::vrrp::Tables;

/// Kinds in the order of the lists, with the plural, and the mark after a name.
const LISTS: [(TrackerKind, &str, &str); 5] = [
    (TrackerKind::Interface, "interfaces", ""),
    (TrackerKind::Script, "scripts", ""),
    (TrackerKind::File, "files", ","),
    (TrackerKind::Process, "processes", ","),
    (TrackerKind::Bfd, "BFDs", ":"),
];

/// The entries of an instance or a group, a list for each kind.
pub(super) fn entries(out: &mut String, entries: &[Track]) {
    for (kind, plural, mark) in LISTS {
        let mut entries = entries.iter().filter(|entry| entry.kind == kind).peekable();
        if entries.peek().is_some() {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(out, "   Tracked {plural} :");
        }
        for entry in entries {
            let _ = writeln!(out, "     {}{mark} weight {}", entry.name, Signed::of(entry));
        }
    }
}

/// All trackers except interfaces.
pub(super) fn sections(out: &mut String, tables: &Tables, now: Duration) {
    let trackers = &tables.trackers;
    let since = |since: Duration| format!("{:.3} s", now.saturating_sub(since).as_secs_f64());
    section(out, "Scripts", trackers.scripts.values().next().is_some());
    for tracker in trackers.scripts.values() {
        script(out, &tracker.row);
        item(out, "Since", since(tracker.since));
        users(out, TrackerKind::Script, &tracker.row.config.name, tables);
        item(out, "State", if tracker.row.running.is_some() { "running" } else { "idle" });
    }
    section(out, "Track files", trackers.files.values().next().is_some());
    for tracker in trackers.files.values() {
        file(out, &tracker.row);
        item(out, "Since", since(tracker.since));
        users(out, TrackerKind::File, &tracker.row.config.name, tables);
    }
    section(out, "Track processes", trackers.processes.values().next().is_some());
    for tracker in trackers.processes.values() {
        process(out, &tracker.row, now);
        item(out, "Since", since(tracker.since));
        users(out, TrackerKind::Process, &tracker.row.config.name, tables);
    }
    section(out, "Track BFDs", trackers.sessions.values().next().is_some());
    for tracker in trackers.sessions.values() {
        session(out, &tracker.row);
        item(out, "Since", since(tracker.since));
        users(out, TrackerKind::Bfd, &tracker.row.config.name, tables);
    }
}

fn section(out: &mut String, title: &str, is_there: bool) {
    if is_there {
        let _ = writeln!(out, "\n------< VRRP {title} >------");
    }
}

fn script(out: &mut String, row: &Script) {
    let config = &row.config;
    let _ = writeln!(out, " VRRP Script = {}", config.name);
    item(out, "Command", lines::command(&config.script));
    item(out, "Interval", format_args!("{} sec", config.interval.as_secs_f64()));
    item(out, "Timeout", format_args!("{} sec", config.timeout.as_secs_f64()));
    item(out, "Weight", Signed(config.weight.into(), config.reverse));
    item(out, "Rise", config.rise);
    item(out, "Fall", config.fall);
    item(out, "Init state", if config.init_fail { "failed" } else { "unknown" });
    let status = match row.reading {
        _ if row.initial => "INIT",
        Reading::Up => "GOOD",
        Reading::Unknown | Reading::Down | Reading::Number(_) => "BAD",
    };
    item(out, "Status", status);
    if let Some(end) = &row.last {
        item(out, "Last run", messages::script_end(end));
    }
    item(out, "Runs", row.runs);
    if row.count > 0 {
        item(out, "Other results in a row", row.count);
    }
    if let Some(user) = &config.script.user {
        item(out, "Script uid:gid", format_args!("{}:{}", user.uid, user.gid));
    }
}

fn file(out: &mut String, row: &File) {
    let _ = writeln!(out, " Track file = {}", row.config.name);
    item(out, "File", &row.config.path);
    match row.number {
        Some(number) => item(out, "Status", number),
        None => item(out, "Status", "not read yet"),
    }
    item(out, "Weight", Signed(row.config.weight, row.config.reverse));
}

fn process(out: &mut String, row: &Process, now: Duration) {
    let config = &row.config;
    let _ = writeln!(out, " VRRP Track process = {}", config.name);
    item(out, "Process", &config.command);
    if let Some(parameters) = &config.parameters {
        item(out, "Parameters", parameters.join(" "));
        let matching = match config.matching {
            ParameterMatch::Exact => "exact",
            ParameterMatch::Initial => "initial",
            ParameterMatch::Partial => "partial",
        };
        item(out, "Param match", matching);
    }
    item(out, "Min processes", config.quorum);
    match config.quorum_max {
        Some(most) => item(out, "Max processes", most),
        None => item(out, "Max processes", "unlimited"),
    }
    match row.count {
        Some(count) => item(out, "Current processes", count),
        None => item(out, "Current processes", "not counted yet"),
    }
    item(out, "Have quorum", row.reading == Reading::Up);
    item(out, "Weight", Signed(config.weight.into(), config.reverse));
    item(out, "Terminate delay", format_args!("{:.6}s", config.terminate_delay.as_secs_f64()));
    item(out, "Fork delay", format_args!("{:.6}s", config.fork_delay.as_secs_f64()));
    if let Some(at) = row.pending {
        item(out, "Delay over in", format_args!("{:.6}s", at.saturating_sub(now).as_secs_f64()));
    }
    item(out, "Full command", config.full_command || config.parameters.is_some());
}

fn session(out: &mut String, row: &Session) {
    let _ = writeln!(out, " VRRP Track BFD = {}", row.config.name);
    item(out, "Weight", Signed(row.config.weight.into(), row.config.reverse));
    let _ = writeln!(out, "   Bfd is {}", if row.reading == Reading::Up { "up" } else { "down" });
}

/// The instances that track an item, by their own entry or that of their sync group.
fn users(out: &mut String, kind: TrackerKind, name: &str, tables: &Tables) {
    let _ = writeln!(out, "   Tracking instances :");
    for row in tables.instances.values() {
        let group = row.group.and_then(|group| tables.groups.get(&group));
        let of_group = group.map_or(&[][..], |group| &group.config.trackers);
        let mut entries = row.config.trackers.iter().map(|entry| (entry, "")).chain(
            // An entry of the instance and one of its group both count.
            of_group.iter().map(|entry| (entry, ", by its sync group")),
        );
        while let Some((entry, by)) = entries.find(|(entry, _)| entry.kind == kind && entry.name == name) {
            let _ = writeln!(out, "     {}, weight {}{by}", row.config.name, Signed::of(entry));
        }
    }
}

/// A weight and whether it is reversed: `-5`, `5 reverse`.
struct Signed(i32, bool);

impl Signed {
    fn of(entry: &Track) -> Signed {
        Signed(entry.weight.into(), entry.reverse)
    }
}

impl Display for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.0, if self.1 { " reverse" } else { "" })
    }
}

fn item(out: &mut String, label: &str, value: impl Display) {
    let _ = writeln!(out, "   {label} = {value}");
}
