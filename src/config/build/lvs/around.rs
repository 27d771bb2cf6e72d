//! Context of a virtual server, and helpers for all of its parts.

use std::collections::HashMap;
use std::time::Duration;

use super::super::super::model::{BfdInstance, TrackFile};
use super::super::super::node::Node;
use super::super::super::place::At;
use super::super::super::suggest::nearest;
use super::super::context::Ctx;
use super::super::instance::Built;
use super::group::Groups;

/// Blocks that virtual servers refer to.
pub(in super::super) struct Known<'a> {
    pub(in super::super) instances: &'a [Built],
    /// `track_file` blocks.
    pub(in super::super) files: &'a [TrackFile],
    /// The valid BFD sessions.
    pub(in super::super) sessions: &'a [BfdInstance],
}

/// Context of a virtual server.
pub(super) struct Around<'a> {
    pub(super) groups: &'a Groups,
    pub(super) files: &'a [TrackFile],
    /// Names of `bfd_instance` blocks.
    pub(super) names: Vec<&'a str>,
    /// The valid BFD sessions.
    pub(super) sessions: &'a [BfdInstance],
    /// Default of `smtp_alert`, if it is set.
    pub(super) smtp_alert: Option<bool>,
    pub(super) log_all_failures: bool,
    pub(super) dynamic_interfaces: bool,
}

/// The time of a keyword with a resolution of 1 us.
pub(super) fn time(node: &Node<'_>, name: &str) -> Option<Duration> {
    node.last(name).and_then(|n| n.uint(0)).map(Duration::from_micros)
}

pub(super) fn owned(node: &Node<'_>, name: &str) -> Option<String> {
    node.last(name).and_then(|n| n.text(0)).map(str::to_owned)
}

impl Ctx<'_, '_> {
    /// Reports a reference to an undefined name, for which `dropped` is ignored.
    pub(super) fn unknown<'n>(
        &mut self,
        at: At,
        kind: &str,
        name: &str,
        dropped: &str,
        known: impl Iterator<Item = &'n str>,
    ) {
        let near = if self.report.is_full() { None } else { nearest(name, known) };
        let help = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => "define it, or remove it here".to_owned(),
        };
        self.mistake(at, format!("there is no {kind} '{name}': {dropped} is ignored"), help);
    }

    /// Reports a missing or invalid keyword without which the block is left out.
    pub(super) fn require(&mut self, block: &Node<'_>, keyword: &str, write: &str) {
        if !block.has(keyword) {
            let usable = if block.children.iter().any(|n| n.keyword.name == keyword) { "usable " } else { "" };
            let text = format!("{} has no {usable}{keyword}: it is left out", block.keyword.name);
            self.mistake(block.at(), text, format!("write: {write}"));
        }
    }
}

/// Places of the first of equal items, to point to from later ones.
pub(super) struct Seen<K>(HashMap<K, At>);

impl<K: std::hash::Hash + Eq> Seen<K> {
    pub(super) fn new() -> Seen<K> {
        Seen(HashMap::new())
    }

    /// The place of an earlier equal item; else adds this one.
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
