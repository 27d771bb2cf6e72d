//! `global_defs` and the keywords of the top level.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::super::model::{FlushOnStop, Global, MailServer, Version};
use super::super::node::Node;
use super::context::{Ctx, at_least_one};
use super::script;

/// Of made up names of VMACs.
const VMAC_PREFIX: &str = "vrrp";

/// The global settings, and those that are only defaults of instances.
pub(super) struct Defaults {
    pub global: Global,
    pub version: Option<Version>,
    pub group4: IpAddr,
    pub group6: IpAddr,
    pub garp: GarpDefaults,
    pub down_timer_adverts: u8,
    pub lower_prio_no_advert: Option<bool>,
    pub higher_prio_send_advert: bool,
    pub owner_ignore_adverts: Option<bool>,
    pub skip_check_adv_addr: bool,
    pub check_unicast_src: bool,
    pub strict: bool,
    pub vmac_prefix: String,
}

/// Global defaults of gratuitous ARP; `None` = the keyword is absent.
pub(super) struct GarpDefaults {
    pub delay: Option<u32>,
    pub repeat: Option<u32>,
    pub refresh: Option<u32>,
    pub refresh_repeat: Option<u32>,
    pub lower_delay: Option<u32>,
    pub lower_repeat: Option<u32>,
    pub interval: Duration,
    pub gna_interval: Duration,
    pub min: bool,
}

/// All `global_defs` blocks as one, and the top level itself.
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

    fn has(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.blocks.iter().rev().find_map(|b| b.flag(name))
    }

    fn text(&self, name: &str) -> Option<String> {
        self.last(name).and_then(|n| n.text(0)).map(str::to_owned)
    }

    /// Of a keyword whose first definition counts.
    fn first(&self, name: &str) -> Option<&'t Node<'_>> {
        self.blocks.iter().find_map(|block| block.children.iter().find(|n| n.keyword.name == name && !n.bad))
    }

    fn u32(&self, name: &str) -> Option<u32> {
        self.last(name).and_then(|n| n.u32(0))
    }

    fn nice(&self, name: &str) -> Option<i8> {
        self.last(name).and_then(|n| n.int(0)).and_then(|n| i8::try_from(n).ok())
    }

    fn micros(&self, name: &str) -> Duration {
        Duration::from_micros(self.last(name).and_then(|n| n.uint(0)).unwrap_or(0))
    }
}

pub(super) fn build(tree: &[Node<'_>], ctx: &mut Ctx<'_, '_>) -> Defaults {
    let blocks: Vec<&Node<'_>> = tree.iter().filter(|n| n.keyword.name == "global_defs").collect();
    let g = Merged { blocks, top: tree };
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
            interval: g.micros("vrrp_garp_interval"),
            gna_interval: g.micros("vrrp_gna_interval"),
            min: g.flag("vrrp_min_garp").unwrap_or(false),
        },
        down_timer_adverts: g.u32("vrrp_down_timer_adverts").and_then(|n| u8::try_from(n).ok()).unwrap_or(3),
        lower_prio_no_advert: g.flag("vrrp_lower_prio_no_advert"),
        higher_prio_send_advert: g.flag("vrrp_higher_prio_send_advert").unwrap_or(false),
        owner_ignore_adverts: g.flag("vrrp_owner_ignore_adverts"),
        skip_check_adv_addr: g.flag("vrrp_skip_check_adv_addr").unwrap_or(false),
        check_unicast_src: g.flag("vrrp_check_unicast_src").unwrap_or(false),
        strict: g.flag("vrrp_strict").unwrap_or(false),
        vmac_prefix: vmac_prefix(&g, ctx),
        global: settings(&g, ctx),
    }
}

/// A count of messages: 0 is taken as 1.
fn count(g: &Merged<'_>, name: &str, ctx: &mut Ctx<'_, '_>) -> Option<u32> {
    let node = g.last(name)?;
    at_least_one(node, ctx)
}

fn vmac_prefix(g: &Merged<'_>, ctx: &mut Ctx<'_, '_>) -> String {
    let node = g.first("vmac_prefix");
    let prefix = node.and_then(|node| node.text(0)).unwrap_or(VMAC_PREFIX);
    if let (Some(node), true) = (node, prefix.contains(['/', ':']) || prefix.contains(char::is_whitespace)) {
        ctx.adjusted(node.at_arg(0), format!("no interface can be named so: '{VMAC_PREFIX}' is used"));
        return VMAC_PREFIX.to_owned();
    }
    prefix.to_owned()
}

fn settings(g: &Merged<'_>, ctx: &mut Ctx<'_, '_>) -> Global {
    let host = ctx.facts.host_name();
    let notification_email: Vec<String> = g
        .blocks
        .iter()
        .flat_map(|b| b.all("notification_email").flat_map(|n| n.children.iter()))
        .filter_map(|n| n.text(0).map(str::to_owned))
        .collect();
    let sender = g.text("notification_email_from");
    let login = ctx.facts.login();
    let default_sender = (!notification_email.is_empty()).then(|| format!("{login}@{host}"));
    let rfc = g.has("enable_snmp_rfc");
    let after_boot = g.micros("vrrp_delay_after_boot");
    let left = if after_boot.is_zero() { after_boot } else { after_boot.saturating_sub(ctx.facts.uptime()) };
    let default_interface = g.text("default_interface").unwrap_or_else(|| "eth0".to_owned());
    let dynamic_interfaces = g.has("dynamic_interfaces");
    if let Some(node) = g.last("default_interface") {
        ctx.interface(&default_interface, node.at_arg(0), dynamic_interfaces);
    }
    Global {
        router_id: g.text("router_id").unwrap_or_else(|| host.clone()),
        notification_email_from: sender.or(default_sender),
        notification_email,
        smtp_server: smtp_server(g),
        smtp_helo_name: g.text("smtp_helo_name").unwrap_or(host),
        smtp_connect_timeout: Duration::from_secs(g.u32("smtp_connect_timeout").map_or(30, |s| s.max(1).into())),
        smtp_alert: g.flag("smtp_alert"),
        smtp_alert_vrrp: g.flag("smtp_alert_vrrp"),
        smtp_alert_checker: g.flag("smtp_alert_checker"),
        no_email_faults: g.has("no_email_faults"),
        enable_traps: g.has("enable_traps"),
        snmp_vrrp: g.has("enable_snmp_vrrp"),
        snmp_checker: g.has("enable_snmp_checker"),
        snmp_rfcv2: rfc || g.has("enable_snmp_rfcv2"),
        snmp_rfcv3: rfc || g.has("enable_snmp_rfcv3"),
        snmp_socket: g.text("snmp_socket"),
        dynamic_interfaces,
        linkbeat_use_polling: g.first_top("linkbeat_use_polling").is_some(),
        lvs_flush: g.has("lvs_flush"),
        lvs_flush_on_stop: match g.last("lvs_flush_on_stop").map(|n| n.text(0)) {
            None => FlushOnStop::No,
            Some(None) => FlushOnStop::All,
            Some(Some(_)) => FlushOnStop::VirtualServers,
        },
        net_namespace: g.first_top("net_namespace").and_then(|n| n.text(0)).map(str::to_owned),
        instance: g.first_top("instance").and_then(|n| n.text(0)).map(str::to_owned),
        use_pid_dir: ["use_pid_dir", "net_namespace", "instance"].iter().any(|k| g.first_top(k).is_some()),
        dbus: g.has("enable_dbus"),
        v3_checksum_as_v2: g.flag("v3_checksum_as_v2").unwrap_or(false),
        default_interface,
        script_user: script::default_user(g.blocks.iter().rev().copied().find(|b| b.has("script_user")), ctx),
        script_security: g.has("enable_script_security"),
        child_wait_time: Duration::from_secs(
            g.top.iter().rev().find(|n| n.keyword.name == "child_wait_time").and_then(|n| n.uint(0)).unwrap_or(5),
        ),
        vrrp_startup_delay: g.micros("vrrp_startup_delay").max(left),
        log_unknown_vrids: g.has("log_unknown_vrids"),
        vrrp_nice: g.nice("vrrp_priority"),
        vrrp_rt_priority: rt_priority(g, ctx),
        vrrp_no_swap: g.has("vrrp_no_swap"),
        bfd_nice: g.nice("bfd_priority"),
        bfd_rt_priority: g.last("bfd_rt_priority").and_then(|n| n.uint(0)).and_then(|n| u8::try_from(n).ok()),
        bfd_no_swap: g.has("bfd_no_swap"),
        process_monitor_rcv_bufs: g.u32("process_monitor_rcv_bufs"),
        process_monitor_rcv_bufs_force: g.flag("process_monitor_rcv_bufs_force").unwrap_or(false),
    }
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

fn rt_priority(g: &Merged<'_>, ctx: &mut Ctx<'_, '_>) -> Option<u8> {
    let node = g.last("vrrp_rt_priority")?;
    let written = node.uint(0)?;
    let used = written.clamp(1, 99);
    if used != written {
        ctx.adjusted(node.at_arg(0), format!("vrrp_rt_priority {written} is taken as {used}"));
    }
    u8::try_from(used).ok()
}
