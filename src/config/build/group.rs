//! `vrrp_sync_group` and the members of `track_group`.

use std::collections::HashMap;

use super::super::diag::Class;
use super::super::keywords::completions;
use super::super::model::SyncGroup;
use super::super::node::Node;
use super::super::place::At;
use super::context::{Ctx, blocks};
use super::global::Defaults;
use super::names::Names;
use super::{script, track};

pub(super) fn build(
    tree: &[Node<'_>],
    defaults: &Defaults,
    names: &Names<'_>,
    trackers: &mut track::Defined,
    ctx: &mut Ctx<'_, '_>,
) -> Vec<SyncGroup> {
    let mut owner_of: HashMap<String, At> = HashMap::new();
    let mut groups = Vec::new();
    for (name, block) in blocks(tree, "vrrp_sync_group", ctx) {
        let members = members(block, names, &mut owner_of, ctx);
        let written = block.children.iter().any(|n| n.keyword.name == "INSTANCE")
            || block.all("group").any(|n| !n.children.is_empty());
        match members.as_slice() {
            [] if written => {
                let text = format!("vrrp_sync_group '{name}' has no usable members: it is ignored");
                ctx.mistake(block.at_arg(0), text, "correct the names of its members");
            }
            [] => {
                let text = format!("vrrp_sync_group '{name}' has no members: it is ignored");
                ctx.mistake(block.at_arg(0), text, "add group { INSTANCE ... }");
            }
            [_] => {
                let text = format!("vrrp_sync_group '{name}' has only one member");
                ctx.report
                    .warn(Class::General, block.at_arg(0), text)
                    .help("a group needs two members to have an effect");
            }
            _ => mixed_owners(name, block, &members, names, ctx),
        }
        if members.is_empty() {
            continue;
        }
        let global = &defaults.global;
        let rules = track::Rules { dynamic: global.dynamic_interfaces, weights: track::Weights::Count };
        groups.push(SyncGroup {
            name: name.to_owned(),
            members,
            scripts: script::scripts(block, ctx),
            smtp_alert: block.flag("smtp_alert").or(global.smtp_alert_vrrp).or(global.smtp_alert).unwrap_or(false),
            trackers: track::entries(block, rules, trackers, ctx),
            tracking_weight: block.has("sync_group_tracking_weight"),
            notify_priority_changes: block.flag("notify_priority_changes").unwrap_or(false),
        });
    }
    groups
}

/// The instances of each `track_group`, by its name.
pub(super) fn track_groups(tree: &[Node<'_>], names: &Names<'_>, ctx: &mut Ctx<'_, '_>) -> Vec<(String, Vec<String>)> {
    let mut groups = Vec::new();
    for (name, block) in blocks(tree, "track_group", ctx) {
        let listed = block.all("group").flat_map(|n| n.children.iter());
        let members: Vec<String> = listed.filter_map(|node| known(node, names, ctx)).map(str::to_owned).collect();
        groups.push((name.to_owned(), members));
    }
    groups
}

fn members(
    block: &Node<'_>,
    names: &Names<'_>,
    owner_of: &mut HashMap<String, At>,
    ctx: &mut Ctx<'_, '_>,
) -> Vec<String> {
    let listed = block.all("group").flat_map(|n| n.children.iter());
    let direct = block.children.iter().filter(|n| n.keyword.name == "INSTANCE");
    let mut members = Vec::new();
    for node in listed.chain(direct) {
        let Some(name) = known(node, names, ctx) else {
            continue;
        };
        if let Some(first) = owner_of.get(name) {
            ctx.report
                .fault(
                    Class::General,
                    node.at(),
                    format!("'{name}' is a member of a sync group already: this entry is ignored"),
                )
                .also(*first, "first named here")
                .help("an instance can be a member of one group");
            continue;
        }
        owner_of.insert(name.to_owned(), node.at());
        members.push(name.to_owned());
    }
    members
}

/// The name of a member, if that instance exists.
fn known<'n>(node: &'n Node<'_>, names: &Names<'_>, ctx: &mut Ctx<'_, '_>) -> Option<&'n str> {
    let name = node.text(0)?;
    // A single word of the block may also be a misspelt keyword.
    let keywords = if node.in_loose { completions(&["vrrp_sync_group"], "") } else { Vec::new() };
    names.check(name, node.at(), &keywords, ctx).then_some(name)
}

fn mixed_owners(name: &str, block: &Node<'_>, members: &[String], names: &Names<'_>, ctx: &mut Ctx<'_, '_>) {
    let owners = members.iter().filter(|m| names.is_owner(m)).count();
    if owners > 0 && owners < members.len() {
        let text = format!("vrrp_sync_group '{name}' mixes members of priority 255 with others");
        ctx.report
            .warn(Class::General, block.at_arg(0), text)
            .help("an owner of the addresses does not follow the others: give all members the same kind of priority");
    }
}
