//! The global definitions, with which the dump of each process begins.

use std::fmt::Display;

use super::lines;
use super::text::{Ids, Seconds, Text, enabled, short};
use crate::config::model::{
    AdvertBuffer, Defaults, Fifo, FlushOnStop, Global, IpvsNamespace, MailServer, ProcessSettings, ReceiveBuffer,
    ScriptUser,
};
use crate::system::System;

/// The process that writes a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// The parent.
    Parent,
    /// The VRRP process, with whether it uses the firewall.
    Vrrp {
        /// Tables of nftables are in use.
        firewall: bool,
    },
    /// The checker process.
    Checkers,
    /// The BFD process.
    Bfd,
}

/// What the dumps of a process depend on besides the rows: options and properties of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Network namespace and instance of the daemon, for the names of the files.
    pub daemon: String,
    /// `-x`: the subagents run whatever the configuration says.
    pub snmp: bool,
    /// `-A`.
    pub snmp_socket: Option<String>,
    /// Its file creation mask.
    pub umask: Option<u32>,
    /// In the parent, with `reload_time_file`: when the next reload is scheduled, if one is.
    pub next_reload: Option<Option<String>>,
}

/// A delay or a number that is not configured, as C keepalived shows it outside the VRRP process: -1 as 32 bits.
const UNSET: u32 = u32::MAX;

/// `*_rlimit_rttime` without the keyword, in microseconds.
const RTTIME: u32 = 10_000;

/// The user of scripts without one of their own (`script_user`).
pub(super) fn script_user(system: &System) -> Option<&ScriptUser> {
    system.global.as_ref()?.script_user.as_ref()
}

/// Writes the section.
pub(super) fn definitions(out: &mut Text, global: &Global, setting: &Setting, process: Writing) {
    let defaults = &*global.defaults;
    out.section("Global definitions");
    if let Some(directory) = &global.dumps.config_save_dir {
        item(out, "Config save dir", directory);
    }
    names(out, global);
    mail(out, global);
    reloads(out, global, setting);
    scripts(out, global, process);
    interfaces(out, global, process);
    lvs(out, global, process);
    fifos(out, global, process);
    announcements(out, defaults, process);
    firewall(out, global, process);
    item(out, "VRRP check unicast_src", defaults.check_unicast_src);
    item(out, "VRRP skip check advert addresses", defaults.skip_check_adv_addr);
    item(out, "VRRP strict mode", defaults.strict);
    match defaults.max_auto_priority {
        Some(-1) => item(out, "Max auto priority", "Disabled"),
        most => item(out, "Max auto priority", most.unwrap_or(0)),
    }
    let delay = defaults.min_auto_priority_delay.as_micros();
    item(out, "Min auto priority delay", format_args!("{delay} usecs"));
    process_settings(out, "VRRP", &global.vrrp_process);
    process_settings(out, "Checker", &defaults.lvs.process);
    process_settings(out, "BFD", &global.bfd_process);
    snmp(out, global, setting);
    out.line(format_args!(" DBus {}", enabled(global.dbus.is_some())));
    out.line(format_args!(" Script security {}", enabled(global.script_security)));
    if let Some(user) = &global.script_user {
        out.line(format_args!(" Default script uid:gid {}", Ids::from(user)));
    }
    buffers(out, global);
    item(out, "rs_init_notifies", u8::from(defaults.lvs.init_notifies));
    item(out, "no_checker_emails", u8::from(defaults.lvs.no_checker_emails));
    match defaults.advert_buffer {
        AdvertBuffer::Default => {}
        AdvertBuffer::Octets(octets) => item(out, "rx_bufs_size", octets),
        AdvertBuffer::Mtu(_) => item(out, "rx_bufs_policy", "MTU"),
        AdvertBuffer::Advert(_) => item(out, "rx_bufs_policy", "ADVERT"),
    }
    item(out, "rx_bufs_multiples", defaults.advert_buffer_multiplier);
    if let Some(mask) = global.umask.or(setting.umask) {
        item(out, "umask", format_args!("0{mask:o}"));
    }
    if !global.vrrp_startup_delay.is_zero() {
        item(out, "vrrp_startup_delay", short(global.vrrp_startup_delay));
    }
    if global.log_unknown_vrids {
        out.line(" log_unknown_vrids");
    }
    out.line(format_args!(" json_version {}", global.dumps.json_version));
    out.line(format_args!(" iproute usr directory {}", global.iproute_usr_dir));
    out.line(format_args!(" iproute etc directory {}", global.iproute_etc_dir));
}

fn names(out: &mut Text, global: &Global) {
    item(out, "Network namespace", global.net_namespace.as_deref().unwrap_or("(default)"));
    let ipvs = match &global.net_namespace_ipvs {
        None => "(main namespace)",
        Some(IpvsNamespace::Default) => "(default)",
        Some(IpvsNamespace::Named(name)) => name,
    };
    item(out, "Network namespace ipvs", ipvs);
    if let Some(name) = &global.instance {
        item(out, "Instance name", name);
    }
    // By process_names it has its usual name.
    let parent = global.process_name.as_ref().filter(|name| *name != "keepalived").cloned();
    for (label, name) in [
        ("Parent process name", &parent),
        ("VRRP process name", &global.vrrp_process.name),
        ("LVS process name", &global.defaults.lvs.process.name),
        ("BFD process name", &global.bfd_process.name),
    ] {
        if let Some(name) = name {
            item(out, label, name);
        }
    }
    out.line(match global.symlink_paths {
        true => " Don't replace symlinks in script paths",
        false => " Replace symlinks in script paths",
    });
    out.line(match global.supplementary_groups {
        true => " Set supplementary groups for all scripts",
        false => " Don't set supplementary groups for all scripts",
    });
    item(out, "Router ID", &global.router_id);
}

fn mail(out: &mut Text, global: &Global) {
    if let Some(server) = &global.smtp_server {
        match server {
            MailServer::Address(address) => item(out, "Smtp server", address.ip()),
            MailServer::Name { host, .. } => item(out, "Smtp server", host),
        }
        item(out, "Smtp server port", server.port());
        item(out, "Smtp HELO name", &global.smtp_helo_name);
    }
    if global.smtp_server.is_some() || !global.notification_email.is_empty() {
        item(out, "Smtp server connection timeout", global.smtp_connect_timeout.as_secs());
    }
    if let Some(sender) = &global.notification_email_from {
        item(out, "Email notification from", sender);
    }
    if !global.notification_email.is_empty() {
        out.line(" Email notification to:");
        global.notification_email.iter().for_each(|to| out.line(format_args!("   {to}")));
    }
    for (label, value) in [
        ("Default smtp_alert", global.smtp_alert),
        ("Default smtp_alert_vrrp", global.smtp_alert_vrrp),
        ("Default smtp_alert_checker", global.smtp_alert_checker),
    ] {
        let word = match value {
            Some(true) => "on",
            Some(false) => "off",
            None => "unset",
        };
        item(out, label, word);
    }
}

fn reloads(out: &mut Text, global: &Global, setting: &Setting) {
    item(out, "Checkers log all failures", global.defaults.log_all_failures);
    match &global.defaults.check_log {
        None => out.line(" No test config before reload"),
        Some(file) => {
            let file = if file.is_empty() { "/dev/null" } else { file };
            out.line(format_args!(" Test config before reload, log to {file}"));
        }
    }
    let settings = &global.reloads;
    if let Some(path) = &settings.reload_time_file {
        let repeat = if settings.reload_repeat { " (repeat)" } else { "" };
        item(out, "Reload time file", format_args!("{path}{repeat}"));
    }
    match &setting.next_reload {
        None => {}
        Some(None) => out.line(" No reload scheduled"),
        Some(Some(at)) => out.line(format_args!(" Reload scheduled for {at}")),
    }
    if let Some(path) = &settings.reload_file {
        item(out, "Reload file", if path.is_empty() { "(beside the pid file)" } else { path });
    }
    if global.dumps.data_use_instance {
        out.line(" Use instance name in data dumps");
    }
}

fn interfaces(out: &mut Text, global: &Global, process: Writing) {
    item(out, "Dynamic interfaces", global.dynamic_interfaces);
    if global.dynamic_interfaces {
        item(out, "Allow interface changes", global.defaults.allow_if_changes);
    }
    if global.no_email_faults {
        item(out, "Send emails for fault transitions", "off");
    }
    // The third is that of UDP, under the label that C keepalived gives it.
    let [tcp, tcp_fin, udp] = global.defaults.lvs.timeouts;
    for (label, seconds) in [("TCP", tcp), ("TCP FIN", tcp_fin), ("TCP", udp)] {
        if seconds > 0 {
            item(out, &format!("LVS {label} timeout"), seconds);
        }
    }
    if matches!(process, Writing::Vrrp { .. }) {
        item(out, "Default interface", &global.default_interface);
    }
    item(out, "Disable local IGMP", if global.firewall.disable_local_igmp { "yes" } else { "no" });
    item(out, "Use VRRPv2 checksum for VRRPv3 IPv4", if global.v3_checksum_as_v2 { "yes" } else { "no" });
}

fn lvs(out: &mut Text, global: &Global, process: Writing) {
    if let Some(daemon) = &global.defaults.lvs.sync_daemon {
        if let Some(instance) = &daemon.instance {
            let label = if matches!(process, Writing::Vrrp { .. }) { "instance" } else { "name" };
            item(out, &format!("LVS syncd vrrp {label}"), instance);
        }
        item(out, "LVS syncd interface", &daemon.interface);
        item(out, "LVS syncd syncid", daemon.id);
        if let Some(length) = daemon.max_len {
            item(out, "LVS syncd maxlen", length);
        }
        if let Some(group) = daemon.group {
            out.line(format_args!(" LVS mcast group {group}"));
        }
        if let Some(port) = daemon.port {
            item(out, "LVS syncd mcast port", port);
        }
        if let Some(ttl) = daemon.ttl {
            item(out, "LVS syncd mcast ttl", ttl);
        }
    }
    item(out, "LVS flush", global.lvs_flush);
    let flush = match global.lvs_flush_on_stop {
        FlushOnStop::No => "disabled",
        FlushOnStop::All => "full",
        FlushOnStop::VirtualServers => "VS",
    };
    item(out, "LVS flush on stop", flush);
}

/// The FIFOs and their scripts. As in C keepalived, a script has the path of the FIFO as an argument in the dump of the process
/// whose events it is for, and the VRRP process does not show that of `notify_fifo`.
fn fifos(out: &mut Text, global: &Global, process: Writing) {
    let fifos = &global.fifos;
    let mut fifo = |kind: &str, fifo: &Option<Fifo>, shown: bool, with_path: bool| {
        let Some(Fifo { path, owner, script }) = fifo else { return };
        let owner = owner.as_ref().or(global.script_user.as_ref()).map_or("0:0".to_owned(), |user| {
            // As numbers, which do not change when a name does.
            Ids::from(user).to_string()
        });
        item(out, &format!("{kind} notify fifo"), format_args!("{path}, uid:gid {owner}"));
        if let Some(script) = script.as_ref().filter(|_| shown) {
            let path = if with_path { format!(" '{path}'") } else { String::new() };
            let ids = Ids::of(script, global.script_user.as_ref());
            let command = lines::command(script);
            item(out, &format!("{kind} notify fifo script"), format_args!("{command}{path}, uid:gid {ids}"));
        }
    };
    let (vrrp, checkers) = (matches!(process, Writing::Vrrp { .. }), process == Writing::Checkers);
    fifo("Global", &fifos.all, !vrrp, checkers);
    fifo("VRRP", &fifos.vrrp, true, vrrp);
    fifo("LVS", &fifos.lvs, true, checkers);
    item(out, "FIFO write vrrp states on reload", fifos.states_on_reload);
    item(out, "VRRP notify priority changes", global.defaults.notify_priority_changes);
}

fn announcements(out: &mut Text, defaults: &Defaults, process: Writing) {
    let garp = &defaults.garp;
    let merged = matches!(process, Writing::Vrrp { .. });
    let lower = |value: Option<u32>, default: u32| value.unwrap_or(if merged { default } else { UNSET });
    item(out, "VRRP IPv4 mcast group", defaults.group4);
    item(out, "VRRP IPv6 mcast group", defaults.group6);
    item(out, "Gratuitous ARP delay", garp.delay);
    item(out, "Gratuitous ARP repeat", garp.repeat);
    item(out, "Gratuitous ARP refresh timer", garp.refresh);
    item(out, "Gratuitous ARP refresh repeat", garp.refresh_repeat);
    item(out, "Gratuitous ARP lower priority delay", lower(garp.lower_prio_delay, garp.delay));
    item(out, "Gratuitous ARP lower priority repeat", lower(garp.lower_prio_repeat, garp.repeat));
    item(out, "Num adverts before down", defaults.down_timer_adverts);
    let kind = if garp.extra_all { "i/f" } else { "VMAC" };
    item(out, &format!("Gratuitous ARP for each secondary {kind}"), format_args!("{}s", garp.extra));
    item(out, "Send advert after receive lower priority advert", !defaults.lower_prio_no_advert);
    item(out, "Send advert after receive higher priority advert", defaults.higher_prio_send_advert);
    item(out, "Gratuitous ARP interval", Seconds(garp.garp_interval));
    item(out, "Gratuitous NA interval", Seconds(garp.gna_interval));
    item(out, "VRRP default protocol version", defaults.version);
}

fn firewall(out: &mut Text, global: &Global, process: Writing) {
    let firewall = &global.firewall;
    if firewall.configured || process == (Writing::Vrrp { firewall: true }) {
        item(out, "nftables table name", &firewall.table);
        item(out, "nftables base chain priority", firewall.priority);
        let force = if firewall.by_index { "force" } else { "don't force" };
        out.line(format_args!(" nftables {force} use ifindex for link local IPv6"));
    }
    out.line(format_args!(" nftables with{} counters", if firewall.counters { "" } else { "out" }));
}

fn process_settings(out: &mut Text, name: &str, settings: &ProcessSettings) {
    item(out, &format!("{name} process priority"), settings.nice.unwrap_or(0));
    item(out, &format!("{name} don't swap"), settings.no_swap);
    item(out, &format!("{name} realtime priority"), settings.rt_priority.unwrap_or(0));
    if !settings.cpus.is_empty() {
        let cpus: Vec<String> = settings.cpus.iter().map(u16::to_string).collect();
        item(out, &format!("{name} CPU Affinity"), cpus.join(" "));
    }
    item(out, &format!("{name} realtime limit"), settings.rttime.unwrap_or(RTTIME));
}

fn snmp(out: &mut Text, global: &Global, setting: &Setting) {
    for (label, is_set) in [
        ("vrrp", global.snmp_vrrp || setting.snmp),
        ("checker", global.snmp_checker || setting.snmp),
        ("RFCv2", global.snmp_rfcv2 || setting.snmp),
        ("RFCv3", global.snmp_rfcv3 || setting.snmp),
        ("traps", global.enable_traps),
    ] {
        out.line(format_args!(" SNMP {label} {}", enabled(is_set)));
    }
    let socket = setting.snmp_socket.as_deref().or(global.snmp_socket.as_deref());
    item(out, "SNMP socket", socket.unwrap_or("default (unix:/var/agentx/master)"));
    item(out, "SNMP VS stats update interval", Seconds(global.defaults.lvs.vs_stats_interval));
    item(out, "SNMP RS stats update interval", Seconds(global.defaults.lvs.rs_stats_interval));
}

fn buffers(out: &mut Text, global: &Global) {
    let mut buffer = |name: &str, buffer: ReceiveBuffer| {
        item(out, name, buffer.octets.unwrap_or(0));
        item(out, &format!("{name}_force"), u8::from(buffer.force));
    };
    buffer("vrrp_netlink_cmd_rcv_bufs", global.vrrp_netlink.requests);
    buffer("vrrp_netlink_monitor_rcv_bufs", global.vrrp_netlink.monitor);
    buffer("process_monitor_rcv_bufs", global.process_monitor_buffer);
    buffer("lvs_netlink_cmd_rcv_bufs", global.lvs_netlink.requests);
    buffer("lvs_netlink_monitor_rcv_bufs", global.lvs_netlink.monitor);
}

/// The scripts of the parent, which it alone shows.
fn scripts(out: &mut Text, global: &Global, process: Writing) {
    if process != Writing::Parent {
        return;
    }
    let user = global.script_user.as_ref();
    for (label, script) in [("Startup", &global.startup_script), ("Shutdown", &global.shutdown_script)] {
        let Some(script) = script else { continue };
        // C keepalived leaves out the comma of the second.
        let comma = if label == "Startup" { "," } else { "" };
        let (command, limit) = (lines::command(&script.script), script.limit.as_secs());
        let ids = Ids::of(&script.script, user);
        item(out, &format!("{label} script"), format_args!("{command}, uid:gid {ids}{comma} timeout {limit}"));
    }
}

fn item(out: &mut Text, label: &str, value: impl Display) {
    out.line(format_args!(" {label} = {value}"));
}
