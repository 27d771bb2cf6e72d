//! The status as text for a terminal.

use std::fmt::Write;

use chrono::{DateTime, Local};

use super::{Checks, Configuration, Effect, Instance, RealServer, Status, VirtualServer, Vrrp};
use crate::text::counted;

/// The status as text.
pub fn text(status: &Status) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail, here and below.
    let started = status.processes.first().and_then(|parent| parent.since);
    let _ = match started {
        Some(since) => writeln!(out, "{}, running since {}", status.version, ago(since, status.time)),
        None => writeln!(out, "{}", status.version),
    };
    processes(&mut out, status);
    configuration(&mut out, &status.configuration);
    if let Some(vrrp) = &status.vrrp {
        instances(&mut out, vrrp);
        others(&mut out, vrrp, status.time);
    }
    if let Some(checker) = &status.checker {
        checker.virtual_servers.iter().for_each(|server| virtual_server(&mut out, server));
        let Checks { running, late, postponed } = checker.checks;
        let _ = writeln!(out, "\nChecks: {running} running, {late} late, {postponed} postponed");
    }
    if let Some(bfd) = &status.bfd {
        let rows = bfd.sessions.iter().map(|session| {
            let remote = session.remote_state.as_deref().unwrap_or("not heard");
            vec![session.name.clone(), session.neighbor.to_string(), session.state.clone(), remote.to_owned()]
        });
        table(&mut out, &["BFD session", "Neighbor", "State", "Other end"], rows.collect());
    }
    targets(&mut out, status);
    if let Some(vrrp) = status.vrrp.as_ref().filter(|vrrp| !vrrp.transitions.is_empty()) {
        let rows = vrrp.transitions.iter().map(|transition| {
            let change = format!("{} -> {}", transition.from, transition.to);
            vec![precise(transition.at), transition.instance.clone(), change, transition.cause.clone()]
        });
        table(&mut out, &["Last transitions", "Instance", "", "Cause"], rows.collect());
    }
    out
}

fn processes(out: &mut String, status: &Status) {
    let rows = status.processes.iter().map(|process| {
        let pid = process.pid.map_or_else(|| "not running".to_owned(), |pid| pid.to_string());
        let since = process.since.map(moment).unwrap_or_default();
        let silent = if process.answers { "" } else { "does not answer" };
        let restarts = match process.last_restart {
            Some(at) => format!("{}, last {}", process.restarts, moment(at)),
            None => process.restarts.to_string(),
        };
        let late = process.late_max.map(|late| format!("{:.1} ms", late * 1000.0)).unwrap_or_default();
        vec![process.name.clone(), pid, since, restarts, late, silent.to_owned()]
    });
    table(out, &["Process", "Pid", "Since", "Restarts", "Late", ""], rows.collect());
    let rows = status.processes.iter().filter_map(|process| {
        let snmp = process.snmp?;
        let state = if snmp.connected { "connected" } else { "not connected" };
        let numbers = [snmp.sessions_lost, snmp.notifications, snmp.sent, snmp.refused, snmp.dropped];
        let numbers = numbers.iter().map(u64::to_string);
        Some([process.name.clone(), state.to_owned()].into_iter().chain(numbers).collect())
    });
    table(out, &["SNMP", "Agent", "Lost", "Notifications", "Sent", "Refused", "Dropped"], rows.collect());
}

fn configuration(out: &mut String, configuration: &Configuration) {
    let Configuration { file, since, faults, last_reload, last_upgrade } = configuration;
    let _ = write!(out, "\nConfiguration {file}, read {}", moment(*since));
    if *faults > 0 {
        let _ = write!(out, ", with {}: 'keepalived -t' shows them", counted(*faults, "fault"));
    }
    out.push('\n');
    if let Some(reload) = last_reload {
        let at = moment(reload.at);
        let _ = match &reload.refused {
            None => writeln!(out, "Last reload {at}: complete"),
            Some(why) => writeln!(out, "Last reload {at}: refused: {why}"),
        };
    }
    if let Some(upgrade) = last_upgrade {
        let at = moment(upgrade.at);
        let _ = match &upgrade.refused {
            Some(why) => writeln!(out, "Last upgrade {at}: refused: {why}"),
            None if upgrade.complete => writeln!(out, "Last upgrade {at}: complete"),
            None => writeln!(out, "Last upgrade {at}: processes are being replaced"),
        };
    }
}

fn instances(out: &mut String, vrrp: &Vrrp) {
    let rows = vrrp.instances.iter().map(|row| {
        let cause = row.cause.clone().unwrap_or_default();
        vec![
            row.name.clone(),
            row.interface.clone(),
            row.vrid.to_string(),
            if row.yielded.is_some() { format!("{}, yielded", row.state) } else { row.state.clone() },
            moment(row.since),
            priority(row),
            cause,
        ]
    });
    let header = ["Instance", "Interface", "VRID", "State", "Since", "Priority", "Cause"];
    table(out, &header, rows.collect());
    for row in &vrrp.instances {
        details(out, row);
    }
}

/// `140 = 100 + 50 script S - 10 file F`.
fn priority(row: &Instance) -> String {
    let mut text = row.priority.to_string();
    let weights = row.shares.iter().filter_map(|share| match share.effect {
        Effect::Weight(0) | Effect::Fault | Effect::Undecided => None,
        Effect::Weight(weight) => Some((weight, share)),
    });
    for (n, (weight, share)) in weights.enumerate() {
        if n == 0 {
            let _ = write!(text, " = {}", row.base_priority);
        }
        let sign = if weight < 0 { '-' } else { '+' };
        let _ = write!(text, " {sign} {} {} {}", weight.unsigned_abs(), share.kind, share.name);
    }
    text
}

/// What is not as an operator expects it.
fn details(out: &mut String, row: &Instance) {
    let mut line = |text: String| {
        let _ = writeln!(out, "  {}: {text}", row.name);
    };
    if row.state == "BACKUP"
        && let Some(master) = &row.master
    {
        line(format!("the master is {}, priority {}", master.address, master.priority));
    }
    if let Some(yielded) = row.yielded {
        let since = moment(yielded.since);
        line(match yielded.until {
            Some(until) => format!("stays out since {since} until {}", moment(until)),
            None => format!("stays out since {since} until it is resumed"),
        });
    }
    if let Some(fault) = row.fault.as_ref().filter(|fault| row.cause.as_ref() != Some(*fault)) {
        line(format!("fault: {fault}"));
    }
    let master = row.state == "MASTER";
    let wrong = row.addresses.iter().filter(|address| address.set != master);
    let wrong: Vec<String> = wrong.map(|address| format!("{} on {}", address.address, address.interface)).collect();
    if !wrong.is_empty() && row.state != "INIT" {
        line(format!("{}: {}", if master { "not set" } else { "still set" }, wrong.join(", ")));
    }
    for (noun, objects) in [("route", row.routes), ("rule", row.rules)] {
        if master && objects.set < objects.configured {
            line(format!("{} of {} set", objects.set, counted(objects.configured, noun)));
        }
    }
}

fn others(out: &mut String, vrrp: &Vrrp, now: f64) {
    let groups = vrrp.groups.iter().map(|row| vec![row.name.clone(), row.state.clone(), row.members.join(" ")]);
    table(out, &["Sync group", "State", "Members"], groups.collect());
    let trackers = vrrp.trackers.iter().map(|row| {
        let detail = row.detail.clone().unwrap_or_default();
        vec![format!("{} {}", row.kind, row.name), row.state.clone(), ago(row.since, now), detail]
    });
    table(out, &["Tracker", "State", "Since", ""], trackers.collect());
}

fn virtual_server(out: &mut String, row: &VirtualServer) {
    let quorum = if row.quorum_met { "met" } else { "not met" };
    let _ = write!(
        out,
        "\nVirtual server {}: {} of {} up, weight {}, quorum {} {quorum}, {}",
        row.name,
        row.up,
        counted(row.total as usize, "real server"),
        row.weight,
        row.quorum,
        counted(usize::try_from(row.connections).unwrap_or(usize::MAX), "connection"),
    );
    out.push_str(if row.suspended { "; checks suspended\n" } else { "\n" });
    let rows = row.real_servers.iter().map(|row| {
        let weight = if row.sorry { String::new() } else { format!("{} of {}", row.weight, row.base_weight) };
        let state = match (row.sorry, row.up) {
            (true, true) => "sorry server, in use",
            (true, false) => "sorry server",
            (false, true) => "up",
            (false, false) => "down",
        };
        vec![row.address.clone(), state.to_owned(), weight, moment(row.since), duration(row), reasons(row)]
    });
    table(out, &["  Real server", "State", "Weight", "Since", "Check took", ""], indented(rows.collect()));
}

/// How long the last check took.
fn duration(row: &RealServer) -> String {
    let duration = row.last_check.as_ref().and_then(|last| last.duration);
    duration.map(|seconds| format!("{:.1} ms", seconds * 1000.0)).unwrap_or_default()
}

/// The checks that do not pass.
fn reasons(row: &RealServer) -> String {
    let failed = row.checks.iter().filter(|check| check.up != Some(true));
    let reasons = failed.map(|check| match check.up {
        None => format!("{}: no result yet", check.kind),
        Some(_) if check.reason.is_empty() => format!("{}: down", check.kind),
        Some(_) => format!("{}: {}", check.kind, check.reason),
    });
    reasons.collect::<Vec<_>>().join("; ")
}

/// The receivers of notifications, of all processes that send them.
fn targets(out: &mut String, status: &Status) {
    let rows = status.targets().map(|(process, row)| {
        let acknowledged = if row.inform { row.acknowledged.to_string() } else { "-".to_owned() };
        let numbers = [row.queued, row.sent].map(|number| number.to_string());
        let rest = [acknowledged, row.dropped.to_string(), row.waiting.to_string()];
        [&[row.target.clone(), process.to_owned()], &numbers[..], &rest].concat()
    });
    let header = ["Trap target", "Process", "Notifications", "Sent", "Acknowledged", "Dropped", "Waiting"];
    table(out, &header, rows.collect());
}

fn indented(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    for first in rows.iter_mut().filter_map(|row| row.first_mut()) {
        first.insert_str(0, "  ");
    }
    rows
}

/// A table after an empty line, if it has rows. The columns are as wide as their longest text.
fn table(out: &mut String, header: &[&str], rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        return;
    }
    let indented = header.first().is_some_and(|first| first.starts_with(' '));
    if !indented {
        out.push('\n');
    }
    let header: Vec<String> = header.iter().map(|word| (*word).to_owned()).collect();
    let width = |at: usize| {
        let texts = std::iter::once(&header).chain(&rows).filter_map(|row| row.get(at));
        texts.map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    for row in std::iter::once(&header).chain(&rows) {
        let mut line = String::new();
        for (text, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{text:width$}  ");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

/// Local date and time of seconds since 1970.
fn local(seconds: f64) -> DateTime<Local> {
    #[allow(clippy::cast_possible_truncation, reason = "a float saturates when it becomes an integer")]
    let milliseconds = (seconds * 1000.0).round() as i64;
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default().into()
}

fn moment(seconds: f64) -> String {
    local(seconds).format("%Y-%m-%d %H:%M:%S").to_string()
}

fn precise(seconds: f64) -> String {
    local(seconds).format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// The time, and how long ago it is in the two largest units.
fn ago(at: f64, now: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float saturates")]
    let seconds = (now - at).max(0.0) as u64;
    let age = match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86400, seconds % 86400 / 3600),
    };
    format!("{} ({age})", moment(at))
}
