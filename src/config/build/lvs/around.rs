//! What stands around a virtual server, and what all of its parts need.

use std::collections::HashMap;
use std::time::Duration;

use super::super::super::diag::{At, Class};
use super::super::super::model::{BfdInstance, TrackFile};
use super::super::super::node::Node;
use super::super::super::suggest::nearest;
use super::super::context::Ctx;
use super::super::instance::Built;
use super::group::Groups;

/// What virtual servers refer to.
pub(in super::super) struct Known<'a> {
    pub(in super::super) instances: &'a [Built],
    /// `track_file` blocks.
    pub(in super::super) files: &'a [TrackFile],
    /// The BFD sessions that there will be.
    pub(in super::super) sessions: &'a [BfdInstance],
}

/// What stands around a virtual server.
pub(super) struct Around<'a> {
    pub(super) groups: &'a Groups,
    pub(super) files: &'a [TrackFile],
    /// Names of `bfd_instance` blocks.
    pub(super) names: Vec<&'a str>,
    /// The sessions that there will be.
    pub(super) sessions: &'a [BfdInstance],
    /// Default of `smtp_alert`, when there is one.
    pub(super) smtp_alert: Option<bool>,
    pub(super) log_all_failures: bool,
    pub(super) dynamic_interfaces: bool,
}

/// A time of a keyword, in microseconds of its grammar.
pub(super) fn time(node: &Node<'_>, name: &str) -> Option<Duration> {
    node.last(name).and_then(|n| n.uint(0)).map(Duration::from_micros)
}

pub(super) fn owned(node: &Node<'_>, name: &str) -> Option<String> {
    node.last(name).and_then(|n| n.text(0)).map(str::to_owned)
}

impl Ctx<'_, '_> {
    /// A mistake with its remedy.
    pub(super) fn mistake(&mut self, at: At, text: impl Into<String>, help: impl Into<String>) {
        self.report.fault(Class::General, at, text).help(help);
    }

    /// A name that refers to nothing.
    pub(super) fn unknown<'n>(&mut self, at: At, kind: &str, name: &str, known: impl Iterator<Item = &'n str>) {
        let near = if self.report.is_full() { None } else { nearest(name, known) };
        let help = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => "define it, or remove it here".to_owned(),
        };
        self.mistake(at, format!("there is no {kind} '{name}'"), help);
    }

    /// A keyword a block cannot be without. Nothing is said when it is there but wrong: that was reported.
    pub(super) fn lacks(&mut self, block: &Node<'_>, keyword: &str, write: &str) {
        if !block.children.iter().any(|n| n.keyword.name == keyword) {
            let text = format!("{} has no {keyword}", block.keyword.name);
            self.mistake(block.at(), text, format!("write: {write}"));
        }
    }
}

/// The first of equal things, for the later ones to point to.
pub(super) struct Seen<K>(HashMap<K, At>);

impl<K: std::hash::Hash + Eq> Seen<K> {
    pub(super) fn new() -> Seen<K> {
        Seen(HashMap::new())
    }

    /// The place of an earlier equal one; notes this one if there is none.
    pub(super) fn earlier(&mut self, key: K, at: At) -> Option<At> {
        match self.0.entry(key) {
            std::collections::hash_map::Entry::Occupied(first) => Some(*first.get()),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(at);
                None
            }
        }
    }
}
