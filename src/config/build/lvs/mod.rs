//! Virtual servers and related settings, with inherited settings merged, and adjusted as by C keepalived.

mod around;
mod checker;
mod group;
mod http;
mod members;
mod method;
mod server;
mod service;
mod settings;
mod target;

use std::collections::BTreeSet;

use super::super::lvs::{CheckerKind, Lvs, VirtualServer};
use super::super::node::Node;
use super::super::tree::FoldedServers;
use super::context::Ctx;
use super::global::Defaults;
use around::Around;

pub(super) use around::Known;

/// Builds the LVS configuration, and passes each virtual server to `take`.
pub(super) fn build(
    tree: &[Node<'_>],
    virtual_servers: FoldedServers<'_>,
    defaults: &Defaults,
    known: &Known<'_>,
    ctx: &mut Ctx<'_, '_>,
    take: &mut dyn FnMut(VirtualServer),
) -> Lvs {
    let globals: Vec<&Node<'_>> = tree.iter().filter(|n| n.keyword.name == "global_defs").collect();
    let groups = group::build(tree, ctx);
    let smtp_alert = defaults.global.smtp_alert_checker.or(defaults.global.smtp_alert);
    let log_all_failures = globals.iter().rev().find_map(|g| g.flag("checker_log_all_failures")).unwrap_or(false);
    let around = Around {
        groups: &groups,
        files: known.files,
        sessions: known.sessions,
        names: tree.iter().filter(|n| n.keyword.name == "bfd_instance").filter_map(|n| n.text(0)).collect(),
        smtp_alert,
        log_all_failures,
        dynamic_interfaces: defaults.global.dynamic_interfaces,
    };
    let mut used = BTreeSet::new();
    service::build(virtual_servers, &around, ctx, |service| {
        let checkers = service.real_servers.iter().flat_map(|server| &server.checkers);
        used.extend(checkers.filter_map(|checker| match &checker.kind {
            CheckerKind::File { track_file, .. } => Some(track_file.clone()),
            _ => None,
        }));
        take(service);
    });
    let track_files = known.files.iter().filter(|file| used.contains(&file.name)).cloned().collect();
    let mut lvs = Lvs { track_files, ..settings::build(tree, &globals, known.instances, ctx) };
    lvs.groups = groups.in_order;
    lvs
}
