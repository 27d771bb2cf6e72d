//! Virtual servers and what belongs to them: inherited settings merged, and every rule keepalived applies.

mod checker;
mod group;
mod http;
mod method;
mod server;
mod service;
mod settings;
mod target;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::super::diag::{At, Class};
use super::super::lvs::{CheckerKind, Lvs, VirtualServer};
use super::super::model::TrackFile;
use super::super::suggest::nearest;
use super::super::tree::{FoldedServers, Node};
use super::Ctx;
use super::global::Defaults;
use super::instance::Built;

/// Builds all of it; each virtual server is given to `take`.
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
        sessions: tree.iter().filter(|n| n.keyword.name == "bfd_instance").filter_map(|n| n.text(0)).collect(),
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

/// What virtual servers refer to.
pub(super) struct Known<'a> {
    pub instances: &'a [Built],
    /// `track_file` blocks.
    pub files: &'a [TrackFile],
}

/// What stands around a virtual server.
struct Around<'a> {
    groups: &'a group::Groups,
    files: &'a [TrackFile],
    /// Names of `bfd_instance` blocks.
    sessions: Vec<&'a str>,
    /// Default of `smtp_alert`, when there is one.
    smtp_alert: Option<bool>,
    log_all_failures: bool,
    dynamic_interfaces: bool,
}

/// A time of a keyword, in microseconds of its grammar.
fn time(node: &Node<'_>, name: &str) -> Option<Duration> {
    node.last(name).and_then(|n| n.uint(0)).map(Duration::from_micros)
}

fn owned(node: &Node<'_>, name: &str) -> Option<String> {
    node.last(name).and_then(|n| n.text(0)).map(str::to_owned)
}

impl Ctx<'_, '_> {
    /// A mistake with its remedy.
    fn mistake(&mut self, at: At, text: impl Into<String>, help: impl Into<String>) {
        self.report.error(Class::General, at, text).help(help);
    }

    /// A name that refers to nothing.
    fn unknown<'n>(&mut self, at: At, kind: &str, name: &str, known: impl Iterator<Item = &'n str>) {
        let near = if self.report.is_full() { None } else { nearest(name, known) };
        let help = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => "define it, or remove it here".to_owned(),
        };
        self.mistake(at, format!("there is no {kind} '{name}'"), help);
    }

    /// A keyword a block cannot be without. Nothing is said when it is there but wrong: that was reported.
    fn lacks(&mut self, block: &Node<'_>, keyword: &str, write: &str) {
        if !block.children.iter().any(|n| n.keyword.name == keyword) {
            let text = format!("{} has no {keyword}", block.keyword.name);
            self.mistake(block.at(), text, format!("write: {write}"));
        }
    }
}

/// The first of equal things, for the later ones to point to.
struct Seen<K>(HashMap<K, At>);

impl<K: std::hash::Hash + Eq> Seen<K> {
    fn new() -> Seen<K> {
        Seen(HashMap::new())
    }

    /// The place of an earlier equal one; notes this one if there is none.
    fn earlier(&mut self, key: K, at: At) -> Option<At> {
        match self.0.entry(key) {
            std::collections::hash_map::Entry::Occupied(first) => Some(*first.get()),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(at);
                None
            }
        }
    }
}
