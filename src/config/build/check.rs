//! Checks of blocks against each other.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::super::diag::Class;
use super::super::model::{Family, Instance};
use super::super::node::Node;
use super::super::suggest::nearest;
use super::context::{Ctx, blocks};
use super::instance::Built;
use crate::text::counted;

/// For each track list: its keyword, the blocks that define its items, and the required keyword of these.
const TRACKED: [(&str, &[&str], &str); 4] = [
    ("track_script", &["vrrp_script"], "script"),
    ("track_process", &["vrrp_track_process"], "process"),
    ("track_file", &["track_file", "vrrp_track_file"], "file"),
    ("track_bfd", &["bfd_instance"], "neighbor_ip"),
];

/// Checks that tracked items are defined once and completely.
pub(super) fn tracked(tree: &[Node<'_>], ctx: &mut Ctx<'_, '_>) {
    blocks(tree, "virtual_server_group", ctx);
    for (list, kinds, needs) in TRACKED {
        let mut defined = BTreeSet::new();
        let found: Vec<_> = kinds.iter().flat_map(|kind| blocks(tree, kind, ctx)).collect();
        for (name, block) in found {
            defined.insert(name);
            if !block.has(needs) {
                let usable = if block.children.iter().any(|n| n.keyword.name == needs) { "usable " } else { "" };
                let text = format!("{} '{name}' has no {usable}{needs}: it is ignored", block.keyword.name);
                ctx.mistake(block.at_arg(0), text, format!("add {needs} to it"));
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

/// Removes instances whose VRID is in use on their interface and family, in the same multicast group, or from the same address to one of the same peers.
pub(super) fn instances(instances: Vec<Built>, ctx: &mut Ctx<'_, '_>) -> Vec<Built> {
    let mut seen: HashMap<(&str, Family, u8), Vec<&Built>> = HashMap::new();
    let mut clashing = HashSet::new();
    for (place, built) in instances.iter().enumerate().filter(|(_, b)| b.complete && b.usable) {
        let i = &built.instance;
        let others = seen.entry((i.device().unwrap_or_default(), i.family, i.vrid)).or_default();
        if let Some(other) = others.iter().find(|other| overlap(i, &other.instance)) {
            let name = &other.instance.name;
            let (vrid, interface) = (i.vrid, i.device().unwrap_or("any interface"));
            let text = format!("virtual_router_id {vrid} of '{}' is used on {interface} by '{name}' already", i.name);
            clashing.insert(place);
            ctx.report
                .error(Class::General, built.vrid_at, text)
                .also(other.vrid_at, "first used here")
                .help("give each virtual router of an interface its own VRID");
        } else {
            others.push(built);
        }
    }
    let keep = |(place, built): &(usize, Built)| built.complete && built.usable && !clashing.contains(place);
    instances.into_iter().enumerate().filter(keep).map(|(_, built)| built).collect()
}

/// Gives advice about instances that take unicast adverts of any sender, once for all of them: most files have them.
pub(super) fn open_to_any_sender(instances: &[Built], ctx: &mut Ctx<'_, '_>) {
    let is_open = |built: &&Built| {
        let unicast = built.instance.unicast.as_ref();
        let checked = unicast.is_none_or(|unicast| unicast.check_source || unicast.peers.is_empty());
        !checked && built.instance.authentication.is_none()
    };
    let open: Vec<&Built> = instances.iter().filter(is_open).collect();
    let Some(first) = open.first() else { return };
    let mut names = format!("'{}'", first.instance.name);
    let (takes, them) = match open.len() {
        1 => ("takes", "it"),
        others => {
            names.push_str(&format!(" and {}", counted(others.saturating_sub(1), "more instance")));
            ("take", "them")
        }
    };
    let text = format!(
        "{names} {takes} adverts from any sender: neither check_unicast_src nor authentication protects {them}"
    );
    let help = "write check_unicast_src, or vrrp_check_unicast_src in global_defs for all instances";
    ctx.report.warn(Class::Advice, first.peers_at, text).help(help);
}

/// Whether the adverts of two instances reach each other.
fn overlap(one: &Instance, other: &Instance) -> bool {
    match (&one.unicast, &other.unicast) {
        (None, None) => one.group == other.group,
        (Some(unicast), Some(others)) => {
            let has = |ip| others.peers.iter().any(|peer| peer.ip == ip);
            one.source == other.source && unicast.peers.iter().any(|peer| has(peer.ip))
        }
        _ => false,
    }
}
