//! `global_defs` and the keywords of the top level.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::super::iproute;
use super::super::model::{
    AdvertBuffer, Dumps, Fifos, FlushOnStop, Global, IpvsNamespace, LogFormat, MailServer, TimedScript, Version,
};
use super::super::node::Node;
use super::super::umask::parse_umask;
use super::context::{Ctx, at_least_one, extra_announcements};
use super::{buffers, control, dbus, fifo, firewall, process, reloads, script, trap_target};

/// Default start of the names of VMACs.
const VMAC_PREFIX: &str = "vrrp";

/// Longest name of a context, in bytes (RFC 3415 section 4: vacmContextName).
const LONGEST_CONTEXT: usize = 32;

/// The global settings, and the defaults of instances.
pub(super) struct Defaults {
    pub global: Global,
    pub version: Option<Version>,
    pub group4: IpAddr,
    pub group6: IpAddr,
    pub garp: GarpDefaults,
    pub advert_buffer: AdvertBuffer,
    pub down_timer_adverts: u8,
    pub lower_prio_no_advert: Option<bool>,
    /// `vrrp_notify_priority_changes`.
    pub notify_priority_changes: bool,
    pub higher_prio_send_advert: bool,
    pub owner_ignore_adverts: Option<bool>,
    pub skip_check_adv_addr: bool,
    pub check_unicast_src: bool,
    pub strict: bool,
    pub vmac_prefix: String,
    pub vmac_addr_prefix: String,
    /// Whether scripts without a user of their own cannot be run.
    pub no_script_user: bool,
}

/// Global defaults of gratuitous ARP; `None` = the keyword is absent.
pub(super) struct GarpDefaults {
    pub delay: Option<u32>,
    pub repeat: Option<u32>,
    pub refresh: Option<u32>,
    pub refresh_repeat: Option<u32>,
    pub lower_delay: Option<u32>,
    pub lower_repeat: Option<u32>,
    /// Seconds of `vrrp_garp_extra_if`, and whether it has `all`.
    pub extra: (u32, bool),
    pub interval: Duration,
    pub gna_interval: Duration,
    pub min: bool,
}

/// All `global_defs` blocks merged, and the top level.
pub(super) struct Merged<'t> {
    blocks: Vec<&'t Node<'t>>,
    top: &'t [Node<'t>],
}

impl<'t> Merged<'t> {
    fn last(&self, name: &str) -> Option<&'t Node<'_>> {
        self.blocks.iter().rev().find_map(|b| b.last(name))
    }

    fn first_top(&self, name: &str) -> Option<&'t Node<'_>> {
        self.top.iter().find(|n| n.keyword.name == name && !n.bad)
    }

    /// A top-level keyword that may be used once, with a warning about further uses.
    fn only_top(&self, name: &str, ctx: &mut Ctx<'_, '_>) -> Option<&'t Node<'_>> {
        let mut all = self.top.iter().filter(|n| n.keyword.name == name && !n.bad);
        let first = all.next()?;
        all.for_each(|further| ctx.second(first, further));
        Some(first)
    }

    fn has(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.blocks.iter().rev().find_map(|b| b.flag(name))
    }

    fn text(&self, name: &str) -> Option<String> {
        self.last(name).and_then(|n| n.text(0)).map(str::to_owned)
    }

    /// All lines with a keyword, valid or not.
    fn children<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'t Node<'t>> + 'n {
        self.blocks.iter().flat_map(|block| block.children.iter()).filter(move |n| n.keyword.name == name)
    }

    /// The first valid line with a keyword whose first definition counts.
    fn first(&self, name: &str) -> Option<&'t Node<'_>> {
        self.children(name).find(|n| !n.bad)
    }

    fn u32(&self, name: &str) -> Option<u32> {
        self.last(name).and_then(|n| n.u32(0))
    }

    fn micros(&self, name: &str) -> Duration {
        Duration::from_micros(self.last(name).and_then(|n| n.uint(0)).unwrap_or(0))
    }
}

/// The scripts of the settings, once the default user of scripts is known.
pub(super) fn build_scripts(tree: &[Node<'_>], global: &mut Global, ctx: &mut Ctx<'_, '_>) {
    let g = Merged { blocks: tree.iter().filter(|n| n.keyword.name == "global_defs").collect(), top: tree };
    global.startup_script = timed_script(&g, "startup_script", ctx);
    global.shutdown_script = timed_script(&g, "shutdown_script", ctx);
    global.fifos = fifo::fifos(|name| g.last(name), global.script_user.as_ref(), ctx);
}

fn timed_script(g: &Merged<'_>, keyword: &str, ctx: &mut Ctx<'_, '_>) -> Option<TimedScript> {
    let script = script::script(g.last(keyword)?, ctx)?;
    let seconds = g.last(&format!("{keyword}_timeout")).and_then(|node| node.uint(0)).unwrap_or(10);
    Some(TimedScript { script, limit: Duration::from_secs(seconds) })
}

pub(super) fn build(tree: &[Node<'_>], ctx: &mut Ctx<'_, '_>) -> Defaults {
    let blocks: Vec<&Node<'_>> = tree.iter().filter(|n| n.keyword.name == "global_defs").collect();
    let g = Merged { blocks, top: tree };
    let vmac_prefix = link_prefix(&g, "vmac_prefix", VMAC_PREFIX, ctx).unwrap_or_else(|| VMAC_PREFIX.to_owned());
    let vmac_addr_prefix = link_prefix(&g, "vmac_addr_prefix", &vmac_prefix, ctx);
    let address = |name: &str, default: IpAddr| g.last(name).and_then(|n| n.ip(0)).unwrap_or(default);
    Defaults {
        version: g.u32("vrrp_version").map(|v| if v == 2 { Version::V2 } else { Version::V3 }),
        group4: address("vrrp_mcast_group4", Ipv4Addr::new(224, 0, 0, 18).into()),
        group6: address("vrrp_mcast_group6", Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12).into()),
        garp: GarpDefaults {
            delay: g.u32("vrrp_garp_master_delay"),
            repeat: count(&g, "vrrp_garp_master_repeat", ctx),
            refresh: g.u32("vrrp_garp_master_refresh"),
            refresh_repeat: count(&g, "vrrp_garp_master_refresh_repeat", ctx),
            lower_delay: g.u32("vrrp_garp_lower_prio_delay"),
            lower_repeat: g.u32("vrrp_garp_lower_prio_repeat"),
            extra: g.last("vrrp_garp_extra_if").map(extra_announcements).unwrap_or_default(),
            interval: g.micros("vrrp_garp_interval"),
            gna_interval: g.micros("vrrp_gna_interval"),
            min: g.flag("vrrp_min_garp").unwrap_or(false),
        },
        advert_buffer: buffers::adverts(|name| g.last(name), ctx),
        down_timer_adverts: g.u32("vrrp_down_timer_adverts").and_then(|n| u8::try_from(n).ok()).unwrap_or(3),
        lower_prio_no_advert: g.flag("vrrp_lower_prio_no_advert"),
        notify_priority_changes: g.flag("vrrp_notify_priority_changes").unwrap_or(false),
        higher_prio_send_advert: g.flag("vrrp_higher_prio_send_advert").unwrap_or(false),
        owner_ignore_adverts: g.flag("vrrp_owner_ignore_adverts"),
        skip_check_adv_addr: g.flag("vrrp_skip_check_adv_addr").unwrap_or(false),
        check_unicast_src: g.flag("vrrp_check_unicast_src").unwrap_or(false),
        strict: g.flag("vrrp_strict").unwrap_or(false),
        vmac_addr_prefix: vmac_addr_prefix.unwrap_or_else(|| vmac_prefix.clone()),
        vmac_prefix,
        no_script_user: g.children("script_user").next().is_some() || g.has("enable_script_security"),
        global: settings(&g, ctx),
    }
}

/// A number of messages or seconds: 0 is taken as 1.
fn count(g: &Merged<'_>, name: &str, ctx: &mut Ctx<'_, '_>) -> Option<u32> {
    let node = g.last(name)?;
    at_least_one(node, ctx)
}

/// The start of generated names of links.
fn link_prefix(g: &Merged<'_>, keyword: &str, default: &str, ctx: &mut Ctx<'_, '_>) -> Option<String> {
    let node = g.first(keyword)?;
    let prefix = node.text(0)?;
    if prefix.contains(['/', ':']) || prefix.contains(char::is_whitespace) {
        let text = format!("not valid in the name of an interface: '{default}' is used");
        ctx.mistake(node.at_arg(0), text, "write letters and digits");
        return None;
    }
    Some(prefix.to_owned())
}

fn settings(g: &Merged<'_>, ctx: &mut Ctx<'_, '_>) -> Global {
    let host = ctx.answers.host_name();
    let notification_email: Vec<String> = g
        .blocks
        .iter()
        .flat_map(|b| b.all("notification_email").flat_map(|n| n.children.iter()))
        .filter_map(|n| n.text(0).map(str::to_owned))
        .collect();
    if let (Some(block), true) = (g.last("notification_email"), notification_email.is_empty()) {
        ctx.adjusted(block.at(), "notification_email has no addresses: no mail is sent")
            .help("add an address, or remove it");
    }
    let router_id = g.text("router_id").unwrap_or_else(|| host.clone());
    let sender = g.text("notification_email_from");
    let login = ctx.answers.login();
    let default_sender = (!notification_email.is_empty()).then(|| format!("{login}@{host}"));
    let rfc = g.has("enable_snmp_rfc");
    let after_boot = g.micros("vrrp_delay_after_boot");
    let left = if after_boot.is_zero() { after_boot } else { after_boot.saturating_sub(ctx.answers.uptime()) };
    let default_interface = g.text("default_interface").unwrap_or_else(|| "eth0".to_owned());
    let dynamic_interfaces = g.has("dynamic_interfaces");
    let script_user = script::default_user(g.blocks.iter().rev().copied().find(|b| b.has("script_user")), ctx);
    let firewall = firewall::settings(|name| g.last(name), ctx);
    Global {
        engine_id: trap_target::engine_id(g.last("snmp_engine_id"), &router_id, ctx),
        router_id,
        notification_email_from: sender.or(default_sender),
        notification_email,
        smtp_server: smtp_server(g),
        smtp_helo_name: g.text("smtp_helo_name").unwrap_or(host),
        smtp_connect_timeout: Duration::from_secs(count(g, "smtp_connect_timeout", ctx).unwrap_or(30).into()),
        smtp_alert: g.flag("smtp_alert"),
        smtp_alert_vrrp: g.flag("smtp_alert_vrrp"),
        smtp_alert_checker: g.flag("smtp_alert_checker"),
        no_email_faults: g.has("no_email_faults"),
        enable_traps: g.has("enable_traps"),
        snmp_vrrp: g.has("enable_snmp_vrrp"),
        snmp_checker: g.has("enable_snmp_checker"),
        snmp_rfcv2: rfc || g.has("enable_snmp_rfcv2"),
        snmp_rfcv3: rfc || g.has("enable_snmp_rfcv3"),
        snmp_socket: snmp_socket(g, ctx),
        snmp_context: snmp_context(g, ctx),
        trap_targets: trap_target::targets(g.children("snmp_trap_target").filter(|node| !node.bad), ctx),
        dynamic_interfaces,
        linkbeat_use_polling: g.first_top("linkbeat_use_polling").is_some(),
        lvs_flush: g.has("lvs_flush"),
        lvs_flush_on_stop: match g.last("lvs_flush_on_stop").map(|n| n.text(0)) {
            None => FlushOnStop::No,
            Some(None) => FlushOnStop::All,
            Some(Some(_)) => FlushOnStop::VirtualServers,
        },
        net_namespace: net_namespace(g, ctx),
        net_namespace_ipvs: net_namespace_ipvs(g, ctx),
        instance: g.only_top("instance", ctx).and_then(|n| n.text(0)).map(str::to_owned),
        use_pid_dir: ["use_pid_dir", "net_namespace", "instance"].iter().any(|k| g.first_top(k).is_some()),
        control_socket: control::socket(g.last("control_socket"), ctx),
        control_group: control::group(g.last("control_group"), ctx),
        // Built later: scripts need a user.
        startup_script: None,
        shutdown_script: None,
        fifos: Fifos::default(),
        dumps: dumps(g),
        reloads: reloads::settings(|name| g.last(name), ctx),
        dbus: dbus::dbus(|name| g.last(name), ctx),
        v3_checksum_as_v2: g.flag("v3_checksum_as_v2").unwrap_or(false),
        default_interface,
        iproute_usr_dir: g.text("iproute_usr_dir").unwrap_or_else(|| iproute::USR.to_owned()),
        iproute_etc_dir: g.text("iproute_etc_dir").unwrap_or_else(|| iproute::ETC.to_owned()),
        script_user,
        script_security: g.has("enable_script_security"),
        supplementary_groups: g.flag("set_supplementary_groups").unwrap_or(false),
        symlink_paths: g.flag("use_symlink_paths").unwrap_or(false),
        child_wait_time: Duration::from_secs(
            g.top.iter().rev().find(|n| n.keyword.name == "child_wait_time").and_then(|n| n.uint(0)).unwrap_or(5),
        ),
        vrrp_startup_delay: g.micros("vrrp_startup_delay").max(left),
        log_unknown_vrids: g.has("log_unknown_vrids"),
        log_format: g.last("log_format").and_then(|node| LogFormat::of(node.text(0)?)),
        ipvs_marks: firewall::ipvs_marks(|name| g.last(name), &firewall, ctx),
        firewall,
        process_name: match g.last("process_name") {
            Some(node) => process::name(node, ctx),
            None => g.has("process_names").then(|| "keepalived".to_owned()),
        },
        vrrp_process: process::settings("vrrp", "keepalived_vrrp", |name| g.last(name), ctx),
        bfd_process: process::settings("bfd", "keepalived_bfd", |name| g.last(name), ctx),
        umask: umask(g, ctx),
        process_monitor_buffer: buffers::receive(|name| g.last(name), "process_monitor_rcv_bufs"),
        vrrp_netlink: buffers::netlink(|name| g.last(name), "vrrp"),
        lvs_netlink: buffers::netlink(|name| g.last(name), "lvs"),
        // Built last, from all of them.
        defaults: Box::default(),
    }
}

fn dumps(g: &Merged<'_>) -> Dumps {
    Dumps {
        data_use_instance: g.flag("data_use_instance").unwrap_or(false),
        json_version: g.u32("json_version").unwrap_or(1),
        state_dump_file: g.text("state_dump_file"),
        stats_dump_file: g.text("stats_dump_file"),
        json_dump_file: g.text("json_dump_file"),
        config_save_dir: g.text("config_save_dir").filter(|path| !path.is_empty()),
    }
}

/// `umask`; there may be spaces around `|`.
fn umask(g: &Merged<'_>, ctx: &mut Ctx<'_, '_>) -> Option<u32> {
    let node = g.last("umask")?;
    let words: Vec<&str> = (0..node.args.len()).filter_map(|at| node.text(at)).collect();
    match parse_umask(&words.concat()) {
        Ok(mask) => Some(mask),
        Err(why) => {
            ctx.mistake(node.at_arg(0), format!("'{}': {why}; the line is ignored", words.join(" ")), "correct it");
            None
        }
    }
}

fn net_namespace(g: &Merged<'_>, ctx: &mut Ctx<'_, '_>) -> Option<String> {
    let node = g.only_top("net_namespace", ctx)?;
    let name = node.text(0)?;
    if let Some(problem) = ctx.answers.namespace_problem(name) {
        let text = format!("the network namespace '{name}' {problem}: keepalived does not start without it");
        ctx.adjusted(node.at_arg(0), text).help(format!("create it first: ip netns add {name}"));
    }
    Some(name.to_owned())
}

fn net_namespace_ipvs(g: &Merged<'_>, ctx: &mut Ctx<'_, '_>) -> Option<IpvsNamespace> {
    let node = g.only_top("net_namespace_ipvs", ctx)?;
    let Some(name) = node.text(0) else { return Some(IpvsNamespace::Default) };
    if let Some(problem) = ctx.answers.namespace_problem(name) {
        let text = format!("the network namespace '{name}' {problem}: virtual servers need it at the start");
        ctx.adjusted(node.at_arg(0), text).help(format!("create it first: ip netns add {name}"));
    }
    Some(IpvsNamespace::Named(name.to_owned()))
}

/// `snmp_context`; an empty name is the default context.
fn snmp_context(g: &Merged<'_>, ctx: &mut Ctx<'_, '_>) -> Option<String> {
    let node = g.last("snmp_context")?;
    let name = node.text(0).filter(|name| !name.is_empty())?;
    if name.len() > LONGEST_CONTEXT {
        let text = format!("'{name}' is longer than {LONGEST_CONTEXT} bytes: the default context is used");
        ctx.mistake(node.at_arg(0), text, "write a shorter name");
        return None;
    }
    Some(name.to_owned())
}

/// `snmp_socket`, with a warning about transports without a connection, which AgentX does not support.
fn snmp_socket(g: &Merged<'_>, ctx: &mut Ctx<'_, '_>) -> Option<String> {
    let node = g.last("snmp_socket")?;
    let address = node.text(0)?;
    let kind = address.split_once(':').map(|(kind, _)| kind.to_ascii_lowercase());
    if matches!(kind.as_deref(), Some("udp" | "udp6" | "udpv6" | "udpipv6" | "dtlsudp" | "tlstcp" | "ssh" | "callback"))
    {
        let text = format!("'{address}': AgentX needs a unix socket or TCP, so snmpd cannot be reached");
        ctx.adjusted(node.at_arg(0), text).help("write unix:PATH or tcp:HOST:PORT");
    }
    Some(address.to_owned())
}

fn smtp_server(g: &Merged<'_>) -> Option<MailServer> {
    let node = g.last("smtp_server")?;
    let host = node.text(0)?;
    let port = node.uint(1).and_then(|p| u16::try_from(p).ok()).unwrap_or(25);
    Some(match host.parse() {
        Ok(ip) => MailServer::Address(SocketAddr::new(ip, port)),
        Err(_) => MailServer::Name { host: host.to_owned(), port },
    })
}
