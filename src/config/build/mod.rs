//! From the tree of keywords to the typed [`Config`]: defaults merged, values checked against each other.

mod address;
mod auth_hmac;
mod behaviour;
mod bfd;
mod buffers;
mod check;
mod context;
mod control;
mod dbus;
mod defaults;
mod fifo;
mod firewall;
mod garp;
mod global;
mod group;
mod instance;
mod interface;
mod lvs;
mod names;
mod own_link;
mod process;
mod reloads;
mod route;
mod routing;
mod rule;
mod script;
mod secret_file;
mod track;
mod trap_target;
mod unicast;

use super::lvs::VirtualServer;
use super::model::lvs::Lvs;
use super::model::{Config, Needs, Trackers};
use super::node::Node;
use super::outside::Answers;
use super::report::{Report, Stage};
use super::tree::FoldedServers;
use context::Ctx;
use names::Names;

pub(super) use script::takes_user;

/// Builds the configuration, and passes each virtual server to `take`. The result is valid only if the report has no errors.
pub(crate) fn build(
    tree: &[Node<'_>],
    virtual_servers: FoldedServers<'_>,
    answers: &mut Answers<'_>,
    report: &mut Report,
    take: &mut dyn FnMut(VirtualServer),
) -> Config {
    report.stage = Stage::Building;
    let mut ctx =
        Ctx { answers, report, script_security: false, script_uid: Some(0), own_links: own_link::names(tree) };
    let mut defaults = global::build(tree, &mut ctx);
    ctx.script_security = defaults.global.script_security;
    ctx.script_uid = match &defaults.global.script_user {
        Some(user) => Some(user.uid),
        None => (!defaults.no_script_user).then_some(0),
    };
    global::build_scripts(tree, &mut defaults.global, &mut ctx);
    let bfd = bfd::build(tree, &mut ctx);
    let mut trackers = track::defined(tree, &bfd, &mut ctx);
    let known = routing::Known::of(tree, &defaults.global);
    let mut rules = rule::build(tree, &known, &mut ctx);
    let mut instances = instance::build(tree, &defaults, &known, &mut trackers, &mut ctx);
    let dynamic = defaults.global.dynamic_interfaces;
    let garp_groups = garp::groups(tree, instances.iter_mut().map(|built| &mut built.instance), dynamic, &mut ctx);
    for built in &mut instances {
        built.instance.rules = rules.of.remove(&built.instance.name).unwrap_or_default();
    }
    let mut instances = check::instances(instances, &mut ctx);
    check::open_to_any_sender(&instances, &mut ctx);
    own_link::without_clashes(&mut instances, &mut ctx);
    let interfaces = interface::build(tree, &instances, dynamic, &mut ctx);
    let names = Names::of(&instances);
    let track_groups = group::track_groups(tree, &names, &mut ctx);
    let sync_groups = group::build(tree, &defaults, &names, &mut trackers, &mut ctx);
    let static_addresses = address::statics(tree, &defaults, &mut ctx);
    let static_routes = route::statics(tree, &known, &mut ctx);
    check::tracked(tree, &mut ctx);
    for (group, members) in track_groups {
        for built in instances.iter_mut().filter(|built| members.contains(&built.instance.name)) {
            built.instance.track_groups.push(group.clone());
        }
    }
    let (mut has_virtual_servers, mut needs) = (false, Needs::default());
    let default_user = defaults.global.script_user.clone();
    let mut take = |server| {
        has_virtual_servers = true;
        needs.add_server(&server, default_user.as_ref());
        take(server);
    };
    let known = lvs::Known { instances: &instances, files: trackers.files(), sessions: &bfd };
    let lvs = lvs::build(tree, virtual_servers, &defaults, &known, &mut ctx, &mut take);
    let lvs = Lvs { needs, ..lvs };
    *defaults.global.defaults = self::defaults::shown(tree, &defaults, garp_groups, &lvs);
    Config {
        static_addresses,
        static_routes,
        static_rules: rules.statics,
        instances: instances.into_iter().map(|i| i.instance).collect(),
        sync_groups,
        has_virtual_servers,
        trackers: Trackers { interfaces, ..trackers.into_used(tree, &lvs.track_files, &mut ctx) },
        lvs,
        bfd,
        global: defaults.global,
    }
}
