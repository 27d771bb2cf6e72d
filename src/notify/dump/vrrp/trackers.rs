//! Trackers, and the entries that name them.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use super::super::global::script_user;
use super::super::lines;
use super::super::text::{Ids, Seconds, Text, short};
use crate::config::model::{ParameterMatch, Track, TrackerKind};
use crate::notify::messages;
use crate::track::{File, Process, Reading, Script, Session};
use crate::vrrp::Tables;

/// The lists of entries: their kind, title, and the mark after the name. The title of processes is an argument.
const LISTS: [(TrackerKind, &str, &str); 5] = [
    (TrackerKind::Interface, "Tracked interfaces", ""),
    (TrackerKind::Script, "Tracked scripts", ""),
    (TrackerKind::File, "Tracked files", ","),
    (TrackerKind::Process, "", ","),
    (TrackerKind::Bfd, "Tracked BFDs", ":"),
];

/// The entries of an instance or a group, a list for each kind.
pub(super) fn entries(out: &mut Text, entries: &[Track], processes: &str) {
    for (kind, title, mark) in LISTS {
        let of_kind = entries.iter().filter(|entry| entry.kind == kind);
        let lines = of_kind.map(|entry| format!("{}{mark} weight {}", entry.name, Signed::of(entry)));
        out.list(if title.is_empty() { processes } else { title }, lines);
    }
}

/// All trackers except interfaces.
pub(super) fn sections(out: &mut Text, tables: &Tables, now: Duration) {
    let trackers = &tables.trackers;
    let users = &users(tables);
    section(out, "Scripts", trackers.scripts.values().next().is_some());
    for tracker in trackers.scripts.values() {
        script(out, &tracker.row, users, tables);
    }
    section(out, "Track files", trackers.files.values().next().is_some());
    for tracker in trackers.files.values() {
        file(out, &tracker.row);
        tracking(out, users, TrackerKind::File, &tracker.row.config.name);
    }
    section(out, "Track processes", trackers.processes.values().next().is_some());
    for tracker in trackers.processes.values() {
        process(out, &tracker.row, now);
        tracking(out, users, TrackerKind::Process, &tracker.row.config.name);
    }
    section(out, "Track BFDs", trackers.sessions.values().next().is_some());
    for tracker in trackers.sessions.values() {
        session(out, &tracker.row);
        tracking(out, users, TrackerKind::Bfd, &tracker.row.config.name);
    }
}

fn section(out: &mut Text, title: &str, is_there: bool) {
    if is_there {
        out.section(&format!("VRRP {title}"));
    }
}

fn script(out: &mut Text, row: &Script, users: &Users<'_>, tables: &Tables) {
    let config = &row.config;
    out.line(format_args!(" VRRP Script = {}", config.name));
    out.item("Command", lines::command(&config.script));
    out.item("Interval", format_args!("{} sec", short(config.interval)));
    out.item("Timeout", format_args!("{} sec", short(config.timeout)));
    out.item("Weight", Signed(config.weight.into(), config.reverse));
    out.item("Rise", config.rise);
    out.item("Fall", config.fall);
    let good = !row.initial && row.reading == Reading::Up;
    // From 0 to rise + fall - 1; below rise the script is bad.
    let result = match good {
        true => config.rise.saturating_add(config.fall).saturating_sub(1).saturating_sub(row.count),
        false => row.count,
    };
    out.item("Result", result);
    out.item("Insecure", "no");
    out.item("Init state", if row.initial { "INIT" } else { "unknown" });
    out.item("Status", if good { "GOOD" } else { "BAD" });
    out.item("Script uid:gid", Ids::of(&config.script, script_user(&tables.system)));
    out.line("   VRRP instances :");
    tracking(out, users, TrackerKind::Script, &config.name);
    out.item("State", if row.running.is_some() { "running" } else { "idle" });
    // Not in C keepalived.
    if let Some(end) = &row.last {
        out.item("Last run", messages::script_end(end));
    }
    out.item("Runs", row.runs);
}

fn file(out: &mut Text, row: &File) {
    out.line(format_args!(" Track file = {}", row.config.name));
    out.item("File", &row.config.path);
    // A file that was not read yet counts as 0.
    out.item("Status", row.number.unwrap_or(0));
    out.item("Weight", Signed(row.config.weight, row.config.reverse));
}

fn process(out: &mut Text, row: &Process, now: Duration) {
    let config = &row.config;
    out.line(format_args!(" VRRP Track process = {}", config.name));
    out.item("Process", &config.command);
    if let Some(parameters) = &config.parameters {
        out.item("Parameters", parameters.join(" "));
        let matching = match config.matching {
            ParameterMatch::Exact => "exact",
            ParameterMatch::Initial => "initial",
            ParameterMatch::Partial => "partial",
        };
        out.item("Param match", matching);
    }
    out.item("Min processes", config.quorum);
    if let Some(most) = config.quorum_max {
        out.item("Max processes", most);
    }
    out.item("Current processes", row.count.unwrap_or(0));
    out.item("Have quorum", row.reading == Reading::Up);
    out.item("Weight", Signed(config.weight.into(), config.reverse));
    out.item("Terminate delay", format_args!("{}s", Seconds(config.terminate_delay)));
    out.item("Fork delay", format_args!("{}s", Seconds(config.fork_delay)));
    let left = row.pending.map(|at| at.saturating_sub(now));
    let timer = |kind: &str, left: Option<Duration>| match left {
        Some(left) => format!("   {kind} delay timer running, {}s left", Seconds(left)),
        None => format!("   {kind} delay timer not running"),
    };
    out.line(timer("Fork", left.filter(|_| row.forked)));
    out.line(timer("Terminate", left.filter(|_| !row.forked)));
    out.item("Full command", config.full_command || config.parameters.is_some());
}

fn session(out: &mut Text, row: &Session) {
    out.line(format_args!(" VRRP Track BFD = {}", row.config.name));
    out.item("Weight", Signed(row.config.weight.into(), row.config.reverse));
    out.line(format_args!("   Bfd is {}", if row.reading == Reading::Up { "up" } else { "down" }));
    out.line("   Tracking VRRP instances :");
}

/// The instances that track an item, by their own entry and by that of their sync group, which both count.
type Users<'t> = HashMap<(TrackerKind, &'t str), Vec<(&'t str, &'t Track)>>;

fn users(tables: &Tables) -> Users<'_> {
    let mut users = Users::new();
    for row in tables.instances.values() {
        let group = row.group.and_then(|group| tables.groups.get(&group));
        let of_group = group.map_or(&[][..], |group| &group.config.trackers);
        for entry in row.config.trackers.iter().chain(of_group) {
            users.entry((entry.kind, &entry.name)).or_default().push((&row.config.name, entry));
        }
    }
    users
}

fn tracking(out: &mut Text, users: &Users<'_>, kind: TrackerKind, name: &str) {
    out.line("   Tracking instances :");
    for (instance, entry) in users.get(&(kind, name)).into_iter().flatten() {
        out.line(format_args!("     {instance}, weight {}", Signed::of(entry)));
    }
}

/// A weight and whether it is reversed: `-5`, `5 reverse`.
pub(super) struct Signed(i32, bool);

impl Signed {
    pub(super) fn of(entry: &Track) -> Signed {
        Signed(entry.weight.into(), entry.reverse)
    }
}

impl Display for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.0, if self.1 { " reverse" } else { "" })
    }
}
