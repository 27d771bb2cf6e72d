//! The lists of trackers in version 2: processes as in C keepalived, and the other kinds.

use super::object::{Object, array};
use crate::config::model::ParameterMatch;
use crate::notify::dump::lines;
use crate::track::{File, Process, Reading, Script, Session};
use crate::vrrp::Tables;

pub(super) fn members(object: &mut Object, tables: &Tables) {
    let trackers = &tables.trackers;
    object.raw("track_process", array(trackers.processes.values().map(|tracker| process(&tracker.row))));
    object.raw("track_script", array(trackers.scripts.values().map(|tracker| script(&tracker.row))));
    object.raw("track_file", array(trackers.files.values().map(|tracker| file(&tracker.row))));
    object.raw("track_bfd", array(trackers.sessions.values().map(|tracker| session(&tracker.row))));
}

fn process(row: &Process) -> String {
    let config = &row.config;
    let mut object = Object::default();
    object.text("process", &config.name);
    if let Some(parameters) = config.parameters.as_ref().filter(|parameters| !parameters.is_empty()) {
        object.text("parameters", parameters.join(" "));
    }
    object.text(
        "param_match",
        match config.matching {
            _ if config.parameters.is_none() => "none",
            ParameterMatch::Exact => "exact",
            ParameterMatch::Initial => "initial",
            ParameterMatch::Partial => "partial",
        },
    );
    object.number("min_processes", config.quorum);
    if let Some(most) = config.quorum_max {
        object.number("max_processes", most);
    }
    object.number("current_processes", row.count.unwrap_or(0));
    object.flag("have_quorum", row.reading == Reading::Up);
    object.number("weight", config.weight);
    object.seconds("terminate_delay", config.terminate_delay);
    object.seconds("fork_delay", config.fork_delay);
    object.flag("fork_delay_timer_running", row.pending.is_some() && row.forked);
    object.flag("terminate_delay_timer_running", row.pending.is_some() && !row.forked);
    object.flag("full_command", config.full_command || config.parameters.is_some());
    object.finish()
}

fn script(row: &Script) -> String {
    let config = &row.config;
    let mut object = Object::default();
    object.text("script", &config.name);
    object.text("command", lines::command(&config.script));
    object.seconds("interval", config.interval);
    object.seconds("timeout", config.timeout);
    object.number("rise", config.rise);
    object.number("fall", config.fall);
    object.number("weight", config.weight);
    object.flag("reverse", config.reverse);
    object.text("state", row.reading);
    object.finish()
}

fn file(row: &File) -> String {
    let mut object = Object::default();
    object.text("file", &row.config.name);
    object.text("path", &row.config.path);
    object.number("weight", row.config.weight);
    object.flag("reverse", row.config.reverse);
    // Absent before the file was read.
    if let Some(number) = row.number {
        object.number("value", number);
    }
    object.finish()
}

fn session(row: &Session) -> String {
    let mut object = Object::default();
    object.text("bfd", &row.config.name);
    object.number("weight", row.config.weight);
    object.flag("reverse", row.config.reverse);
    object.text("state", row.reading);
    object.finish()
}
