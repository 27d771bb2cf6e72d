//! The status in the text format of OpenMetrics 1.0.
//!
//! Names and labels of the first families are those of the exporter that is most widely used with C keepalived, whose
//! dashboards and alerts work unchanged; times, checks, processes and reloads are ours.

use std::fmt::Write;

use super::{Counters, Instance, Snmp, Status, Target};

/// The media type of the format.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A counter of an instance: name without `_total`, description, and value.
type InstanceCounter = (&'static str, &'static str, fn(&Counters) -> u64);

const INSTANCE_COUNTERS: [InstanceCounter; 14] = [
    ("keepalived_advertisements_received", "Adverts received.", |of| of.adverts_received),
    ("keepalived_advertisements_sent", "Adverts sent.", |of| of.adverts_sent),
    ("keepalived_become_master", "Transitions to master.", |of| of.became_master),
    ("keepalived_release_master", "Transitions from master.", |of| of.released_master),
    ("keepalived_packet_length_errors", "Packets with a wrong length.", |of| of.length_errors),
    ("keepalived_advertisements_interval_errors", "Adverts with another interval.", |of| of.interval_errors),
    ("keepalived_ip_ttl_errors", "Packets with a wrong TTL.", |of| of.ttl_errors),
    ("keepalived_invalid_type_received", "Packets of another type.", |of| of.type_errors),
    ("keepalived_address_list_errors", "Adverts with other addresses.", |of| of.address_list_errors),
    ("keepalived_authentication_invalid", "Adverts with an unknown authentication.", |of| of.auth_type_invalid),
    ("keepalived_authentication_mismatch", "Adverts with another authentication.", |of| of.auth_type_mismatch),
    ("keepalived_authentication_failure", "Adverts that failed the authentication.", |of| of.auth_failures),
    ("keepalived_priority_zero_received", "Adverts with priority 0 received.", |of| of.priority_zero_received),
    ("keepalived_priority_zero_sent", "Adverts with priority 0 sent.", |of| of.priority_zero_sent),
];

/// A counter of a subagent: name without `_total`, description, and value.
type SnmpCounter = (&'static str, &'static str, fn(&Snmp) -> u64);

const SNMP_COUNTERS: [SnmpCounter; 5] = [
    ("keepalived_snmp_sessions_lost", "Lost sessions with the SNMP agent.", |of| of.sessions_lost),
    ("keepalived_snmp_notifications", "SNMP notifications.", |of| of.notifications),
    ("keepalived_snmp_notifications_sent", "Notifications that the agent has acknowledged.", |of| of.sent),
    ("keepalived_snmp_notifications_refused", "Notifications that the agent has refused.", |of| of.refused),
    ("keepalived_snmp_notifications_dropped", "Notifications dropped, as too many waited.", |of| of.dropped),
];

/// The status as text.
pub fn text(status: &Status) -> String {
    let mut page = Page(String::new());
    page.family("keepalived_up", "gauge", "Whether all processes answer.");
    page.sample("keepalived_up", &[], u8::from(status.processes.iter().all(|process| process.answers)));
    instances(&mut page, status);
    trackers(&mut page, status);
    servers(&mut page, status);
    checks(&mut page, status);
    daemon(&mut page, status);
    targets(&mut page, status);
    page.0 + "# EOF\n"
}

fn instances(page: &mut Page, status: &Status) {
    let rows = || status.vrrp.iter().flat_map(|vrrp| &vrrp.instances);
    page.family(
        "keepalived_vrrp_state",
        "gauge",
        "State of each virtual address: 0 init, 1 backup, 2 master, 3 fault.",
    );
    for row in rows() {
        let labels = labels(row);
        for address in &row.addresses {
            let with = [&labels[..], &[("ip_address", address.address.clone())]].concat();
            page.sample("keepalived_vrrp_state", &with, number(&row.state));
        }
    }
    page.family("keepalived_vrrp_priority", "gauge", "Effective priority.");
    for row in rows() {
        page.sample("keepalived_vrrp_priority", &labels(row), row.priority);
    }
    page.family("keepalived_vrrp_yielded", "gauge", "Whether an operator has the instance stay out.");
    for row in rows() {
        page.sample("keepalived_vrrp_yielded", &labels(row), u8::from(row.yielded.is_some()));
    }
    page.family("keepalived_vrrp_state_since_seconds", "gauge", "When the instance entered its state.");
    for row in rows() {
        page.sample("keepalived_vrrp_state_since_seconds", &labels(row), row.since);
    }
    for (name, help, value) in INSTANCE_COUNTERS {
        page.family(name, "counter", help);
        for row in rows() {
            page.sample(&format!("{name}_total"), &labels(row), value(&row.counters));
        }
    }
}

fn labels(row: &Instance) -> Vec<Label> {
    vec![("iname", row.name.clone()), ("intf", row.interface.clone()), ("vrid", row.vrid.to_string())]
}

fn number(state: &str) -> u8 {
    match state {
        "BACKUP" => 1,
        "MASTER" => 2,
        "FAULT" => 3,
        _ => 0,
    }
}

fn trackers(page: &mut Page, status: &Status) {
    let rows = || status.vrrp.iter().flat_map(|vrrp| &vrrp.trackers);
    page.family("keepalived_script_status", "gauge", "Whether the script succeeds.");
    for row in rows().filter(|row| row.kind == "script") {
        page.sample("keepalived_script_status", &[("name", row.name.clone())], u8::from(row.state == "up"));
    }
    page.family("keepalived_tracker", "gauge", "Whether a tracker is up, or the number of a file.");
    for row in rows() {
        let labels = [("kind", row.kind.clone()), ("name", row.name.clone())];
        let value = match row.state.as_str() {
            "up" => "1",
            "down" | "unknown" => "0",
            number => number,
        };
        page.sample("keepalived_tracker", &labels, value);
    }
}

fn servers(page: &mut Page, status: &Status) {
    let rows = || status.checker.iter().flat_map(|checker| &checker.virtual_servers);
    let of = |name: &str| [("virtual_server", name.to_owned())];
    page.family("keepalived_virtual_server_quorum_met", "gauge", "Whether the quorum is met.");
    for row in rows() {
        page.sample("keepalived_virtual_server_quorum_met", &of(&row.name), u8::from(row.quorum_met));
    }
    page.family("keepalived_virtual_server_real_servers_up", "gauge", "Number of real servers that are up.");
    for row in rows() {
        page.sample("keepalived_virtual_server_real_servers_up", &of(&row.name), row.up);
    }
    let servers = || rows().flat_map(|row| row.real_servers.iter().map(move |server| (&row.name, server)));
    let regular = || servers().filter(|(_, server)| !server.sorry);
    let labels = |name: &str, address: &str| [("virtual_server", name.to_owned()), ("real_server", address.to_owned())];
    page.family("keepalived_real_server_up", "gauge", "Whether no check of the real server is down.");
    for (name, server) in regular() {
        page.sample("keepalived_real_server_up", &labels(name, &server.address), u8::from(server.up));
    }
    page.family("keepalived_real_server_weight", "gauge", "Effective weight of the real server.");
    for (name, server) in regular() {
        page.sample("keepalived_real_server_weight", &labels(name, &server.address), server.weight);
    }
}

fn checks(page: &mut Page, status: &Status) {
    let rows = || status.checker.iter().flat_map(|checker| &checker.virtual_servers);
    let servers = || rows().flat_map(|row| row.real_servers.iter().map(move |server| (&row.name, server)));
    page.family("keepalived_real_server_check_seconds", "gauge", "Duration of the last check of the real server.");
    for (name, server) in servers() {
        let labels = [("virtual_server", name.clone()), ("real_server", server.address.clone())];
        if let Some(duration) = server.last_check.as_ref().and_then(|last| last.duration) {
            page.sample("keepalived_real_server_check_seconds", &labels, duration);
        }
    }
    let counts = || status.checker.iter().map(|checker| checker.checks);
    page.family("keepalived_checks_running", "gauge", "Number of running checks.");
    counts().for_each(|of| page.sample("keepalived_checks_running", &[], of.running));
    page.family("keepalived_checks_late", "counter", "Checks that started more than 0.1 s after their time.");
    counts().for_each(|of| page.sample("keepalived_checks_late_total", &[], of.late));
    page.family("keepalived_checks_postponed", "counter", "Checks that could not start for lack of resources.");
    counts().for_each(|of| page.sample("keepalived_checks_postponed_total", &[], of.postponed));
}

fn daemon(page: &mut Page, status: &Status) {
    page.family("keepalived_process_up", "gauge", "Whether the process runs and answers.");
    let of = |name: &str| [("process", name.to_owned())];
    for row in &status.processes {
        page.sample("keepalived_process_up", &of(&row.name), u8::from(row.answers));
    }
    page.family("keepalived_process_restarts", "counter", "Restarts of the process after its death.");
    for row in &status.processes {
        page.sample("keepalived_process_restarts_total", &of(&row.name), row.restarts);
    }
    page.family("keepalived_process_last_restart_seconds", "gauge", "When the process was last started again.");
    for (row, at) in status.processes.iter().filter_map(|row| Some((row, row.last_restart?))) {
        page.sample("keepalived_process_last_restart_seconds", &of(&row.name), at);
    }
    page.family("keepalived_process_late_max_seconds", "gauge", "Greatest lateness of timers in the last minute.");
    for (row, late) in status.processes.iter().filter_map(|row| Some((row, row.late_max?))) {
        page.sample("keepalived_process_late_max_seconds", &of(&row.name), late);
    }
    page.family("keepalived_process_late_p99_seconds", "gauge", "Lateness of 99 of 100 timers in the last minute.");
    for (row, late) in status.processes.iter().filter_map(|row| Some((row, row.late_p99?))) {
        page.sample("keepalived_process_late_p99_seconds", &of(&row.name), late);
    }
    let sessions = || status.processes.iter().filter_map(|row| Some((&row.name, row.snmp?)));
    page.family("keepalived_snmp_connected", "gauge", "Whether the process has a session with the SNMP agent.");
    for (name, snmp) in sessions() {
        page.sample("keepalived_snmp_connected", &of(name), u8::from(snmp.connected));
    }
    for (name, help, value) in SNMP_COUNTERS {
        page.family(name, "counter", help);
        for (process, snmp) in sessions() {
            page.sample(&format!("{name}_total"), &of(process), value(&snmp));
        }
    }
    page.family("keepalived_config_since_seconds", "gauge", "When the configuration in force was read.");
    page.sample("keepalived_config_since_seconds", &[], status.configuration.since);
    page.family("keepalived_config_faults", "gauge", "Number of faults of the configuration in force.");
    page.sample("keepalived_config_faults", &[], status.configuration.faults);
    page.family("keepalived_last_reload_successful", "gauge", "Whether the last reload was complete.");
    let refused = status.configuration.last_reload.as_ref().is_some_and(|reload| reload.refused.is_some());
    page.sample("keepalived_last_reload_successful", &[], u8::from(!refused));
}

/// A counter of a target: name without `_total`, description, and value.
type TargetCounter = (&'static str, &'static str, fn(&Target) -> u64);

fn targets(page: &mut Page, status: &Status) {
    const COUNTERS: [TargetCounter; 4] = [
        ("keepalived_trap_target_queued", "Notifications queued for the target.", |of| of.queued),
        ("keepalived_trap_target_sent", "Notifications sent to the target.", |of| of.sent),
        ("keepalived_trap_target_acknowledged", "Informs that the target has acknowledged.", |of| of.acknowledged),
        ("keepalived_trap_target_dropped", "Notifications for the target that were dropped.", |of| of.dropped),
    ];
    let of = |process: &str, row: &Target| [("process", process.to_owned()), ("target", row.target.clone())];
    for (name, help, value) in COUNTERS {
        page.family(name, "counter", help);
        for (process, row) in status.targets() {
            page.sample(&format!("{name}_total"), &of(process, row), value(row));
        }
    }
    page.family("keepalived_trap_target_waiting", "gauge", "Notifications that wait for the target.");
    for (process, row) in status.targets() {
        page.sample("keepalived_trap_target_waiting", &of(process, row), row.waiting);
    }
}

type Label = (&'static str, String);

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    fn sample(&mut self, name: &str, labels: &[Label], value: impl std::fmt::Display) {
        self.0 += name;
        for (n, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let before = if n == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{text}\"");
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}
