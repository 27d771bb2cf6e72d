//! LVS settings apart from servers: `SSL`, timeouts, the synchronization daemon, statistics, and the process.

use std::time::Duration;

use super::super::super::lvs::{Lvs, LvsSettings, Secret, SyncDaemon, TlsMaterial};
use super::super::super::node::Node;
use super::super::super::place::At;
use super::super::super::value::Value;
use super::super::context::{Ctx, options};
use super::super::instance::Built;
use super::super::names::Names;
use super::super::process;
use super::around::owned;

/// Default age at which statistics are read again.
const STATS: Duration = Duration::from_secs(5);

/// All settings except servers, groups and files.
pub(super) fn build(tree: &[Node<'_>], globals: &[&Node<'_>], instances: &[Built], ctx: &mut Ctx<'_, '_>) -> Lvs {
    let mut daemons = globals.iter().flat_map(|g| g.all("lvs_sync_daemon"));
    let daemon = daemons.next();
    for further in daemons {
        daemon.into_iter().for_each(|first| ctx.second(first, further));
    }
    let last = |name: &str| globals.iter().rev().find_map(|g| g.last(name));
    let stats = |name| last(name).and_then(|n| n.uint(0)).map_or(STATS, Duration::from_micros);
    let sync_daemon = match daemon {
        Some(node) => sync_daemon(node, instances, ctx),
        None => of_instance(instances),
    };
    Lvs {
        tls: tls(tree),
        settings: LvsSettings {
            timeouts: last("lvs_timeouts").map_or([0; 3], |node| timeouts(node, ctx)),
            sync_daemon,
            vs_stats_interval: stats("snmp_vs_stats_update_interval"),
            rs_stats_interval: stats("snmp_rs_stats_update_interval"),
            init_notifies: last("rs_init_notifies").is_some(),
            no_checker_emails: last("no_checker_emails").is_some(),
            process: process::settings("checker", "keepalived_lvs", last, ctx),
        },
        ..Lvs::default()
    }
}

fn tls(tree: &[Node<'_>]) -> TlsMaterial {
    let Some(node) = tree.iter().rev().find(|n| n.keyword.name == "SSL") else { return TlsMaterial::default() };
    TlsMaterial {
        ca: owned(node, "ca"),
        certificate: owned(node, "certificate"),
        key: owned(node, "key"),
        password: owned(node, "password").map(Secret),
    }
}

fn timeouts(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> [u32; 3] {
    let mut seconds = [0; 3];
    if node.args.is_empty() {
        let text = "lvs_timeouts has none of its options: the line is ignored";
        ctx.mistake(node.at(), text, "write: lvs_timeouts [tcp SECS] [tcpfin SECS] [udp SECS]");
    }
    for (name, args) in options(&node.args) {
        let value = match args.first().map(|arg| &arg.value) {
            Some(Value::Uint(n)) => u32::try_from(*n).unwrap_or(0),
            _ => 0,
        };
        let [tcp, tcp_fin, udp] = &mut seconds;
        match name {
            "tcp" => *tcp = value,
            "tcpfin" => *tcp_fin = value,
            _ => *udp = value,
        }
    }
    seconds
}

/// `IFNAME [[inst] INSTANCE] [id N] [maxlen N] [port N] [ttl N] [group ADDR]`.
fn sync_daemon(node: &Node<'_>, instances: &[Built], ctx: &mut Ctx<'_, '_>) -> Option<SyncDaemon> {
    let mut words = (1..node.args.len()).filter_map(|n| node.text(n).map(|word| (word, node.at_arg(n)))).peekable();
    let mut daemon = SyncDaemon {
        interface: node.text(0)?.to_owned(),
        instance: None,
        id: 0,
        max_len: None,
        port: None,
        ttl: None,
        group: None,
    };
    let mut id = None;
    let mut first = true;
    while let Some((word, at)) = words.next() {
        let named = matches!(word, "inst" | "id" | "maxlen" | "port" | "ttl" | "group");
        if first && !named {
            daemon.instance = Some(word.to_owned());
            first = false;
            continue;
        }
        first = false;
        let value = if named { words.next() } else { None };
        match (word, value) {
            ("inst", Some((name, _))) => daemon.instance = Some(name.to_owned()),
            ("id", Some(value)) => id = number(word, value, 0, 255, ctx).and_then(|n| u8::try_from(n).ok()),
            ("maxlen", Some(value)) => daemon.max_len = number(word, value, 1, 65_507, ctx),
            ("port", Some(value)) => daemon.port = number(word, value, 1, 65_535, ctx),
            ("ttl", Some(value)) => {
                daemon.ttl = number(word, value, 1, 255, ctx).and_then(|n| u8::try_from(n).ok());
            }
            ("group", Some((address, at))) => match address.parse::<std::net::IpAddr>() {
                Ok(group) if group.is_multicast() => daemon.group = Some(group),
                _ => ctx.mistake(
                    at,
                    format!("'{address}' is not a multicast address: the word is ignored"),
                    "write a multicast address, such as 224.0.0.81",
                ),
            },
            (_, Some(_)) => {}
            (_, None) if named => ctx.mistake(at, format!("'{word}' has no value: it is ignored"), usage()),
            (_, None) => ctx.mistake(at, format!("'{word}' is unknown in lvs_sync_daemon: it is ignored"), usage()),
        }
    }
    if let Some(instance) = &daemon.instance {
        Names::of(instances).check(instance, node.at(), &[], ctx);
    }
    let built = instances.iter().find(|built| Some(&built.instance.name) == daemon.instance.as_ref());
    daemon.id = id.or(built.map(|built| built.instance.vrid)).unwrap_or(0);
    Some(daemon)
}

fn usage() -> String {
    "write: lvs_sync_daemon IFNAME [inst INSTANCE] [id N] [maxlen N] [port N] [ttl N] [group ADDR]".to_owned()
}

fn number(name: &str, (text, at): (&str, At), low: u16, high: u16, ctx: &mut Ctx<'_, '_>) -> Option<u16> {
    let found = text.parse().ok().filter(|n| (low..=high).contains(n));
    if found.is_none() {
        ctx.mistake(
            at,
            format!("{name}: '{text}' is out of range: it is ignored"),
            format!("write a number from {low} to {high}"),
        );
    }
    found
}

/// `lvs_sync_daemon_interface`, the old form.
fn of_instance(instances: &[Built]) -> Option<SyncDaemon> {
    let instance = instances.iter().map(|built| &built.instance).find(|i| i.lvs_sync_interface.is_some())?;
    Some(SyncDaemon {
        interface: instance.lvs_sync_interface.clone()?,
        instance: Some(instance.name.clone()),
        id: instance.vrid,
        max_len: None,
        port: None,
        ttl: None,
        group: None,
    })
}
