//! Checks of blocks against each other.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::super::diag::Class;
use super::super::model::{Family, Instance};
use super::super::node::Node;
use super::super::suggest::nearest;
use super::context::{Ctx, blocks};
use super::instance::Built;

/// Tracked objects: the list that refers to them, the blocks that define them, and what such a block needs.
const TRACKED: [(&str, &[&str], &str); 4] = [
    ("track_script", &["vrrp_script"], "script"),
    ("track_process", &["vrrp_track_process"], "process"),
    ("track_file", &["track_file", "vrrp_track_file"], "file"),
    ("track_bfd", &["bfd_instance"], "neighbor_ip"),
];

/// What is tracked is defined, once, and complete.
pub(super) fn tracked(tree: &[Node<'_>], ctx: &mut Ctx<'_, '_>) {
    blocks(tree, "virtual_server_group", ctx);
    for (list, kinds, needs) in TRACKED {
        let mut defined = BTreeSet::new();
        let found: Vec<_> = kinds.iter().flat_map(|kind| blocks(tree, kind, ctx)).collect();
        for (name, block) in found {
            defined.insert(name);
            if !block.children.iter().any(|n| n.keyword.name == needs) {
                let text = format!("{} '{name}' has no {needs} and is ignored", block.keyword.name);
                ctx.report.warn(Class::General, block.at_arg(0), text).help(format!("add {needs} to it"));
            }
        }
        let users = tree.iter().filter(|n| matches!(n.keyword.name, "vrrp_instance" | "vrrp_sync_group"));
        for entry in users.flat_map(|n| n.all(list)).flat_map(|n| n.children.iter()).filter(|n| !n.bad) {
            let Some(name) = entry.text(0).filter(|n| !defined.contains(n)) else { continue };
            let kind = kinds.first().copied().unwrap_or_default();
            let near = if ctx.report.is_full() { None } else { nearest(name, defined.iter().copied()) };
            let help = match near {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("define it with {kind} {name} {{ ... }}"),
            };
            let text = format!("there is no {kind} '{name}': the entry is ignored");
            ctx.report.fault(Class::General, entry.at_arg(0), text).help(help);
        }
    }
}

/// A virtual router is one VRID on one interface and family, among one multicast group or one set of peers.
/// Those that cannot be are left out.
pub(super) fn instances(instances: Vec<Built>, ctx: &mut Ctx<'_, '_>) -> Vec<Built> {
    let mut seen: HashMap<(&str, Family, u8), Vec<&Built>> = HashMap::new();
    let mut clashing = HashSet::new();
    for (place, built) in instances.iter().enumerate().filter(|(_, b)| b.complete && b.usable) {
        let i = &built.instance;
        let others = seen.entry((i.interface.as_str(), i.family, i.vrid)).or_default();
        if let Some(other) = others.iter().find(|other| overlap(i, &other.instance)) {
            let name = &other.instance.name;
            let (vrid, interface) = (i.vrid, &i.interface);
            let text = format!(
                "virtual_router_id {vrid} is used on {interface} by '{name}' already: '{}' is left out",
                i.name
            );
            clashing.insert(place);
            ctx.report
                .fault(Class::General, built.vrid_at, text)
                .also(other.vrid_at, "first used here")
                .help("give each virtual router on an interface an id of its own");
        } else {
            others.push(built);
        }
    }
    let keep = |(place, built): &(usize, Built)| built.complete && built.usable && !clashing.contains(place);
    instances.into_iter().enumerate().filter(keep).map(|(_, built)| built).collect()
}

/// Whether a packet of one instance could be meant for the other.
fn overlap(one: &Instance, other: &Instance) -> bool {
    match (&one.unicast, &other.unicast) {
        (None, None) => one.group == other.group,
        (Some(one), Some(other)) => one.peers.iter().any(|peer| other.peers.iter().any(|p| p.ip == peer.ip)),
        _ => false,
    }
}
