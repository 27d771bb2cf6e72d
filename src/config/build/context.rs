//! Context of building the model, and access to the keywords of a block.

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::diag::Class;
use super::super::keywords::Status;
use super::super::node::Node;
use super::super::outside::Answers;
use super::super::place::At;
use super::super::report::{Draft, Report};
use super::super::value::{Arg, Value};

/// Context of building the model.
pub(super) struct Ctx<'c, 'f> {
    pub(super) answers: &'c mut Answers<'f>,
    pub(super) report: &'c mut Report,
    /// `enable_script_security`.
    pub(super) script_security: bool,
    /// User id of scripts without a user of their own; `None` when the default user does not exist.
    pub(super) script_uid: Option<u32>,
    /// Names on `use_vmac` and `use_ipvlan` lines, each with the first instance that has it.
    pub(super) own_links: HashMap<String, String>,
}

impl Ctx<'_, '_> {
    /// Checks that an interface exists, unless it may be created later (`dynamic`).
    pub(super) fn interface(&mut self, name: &str, at: At, dynamic: bool) {
        if !dynamic && !self.own_links.contains_key(name) && !self.answers.has_interface(name) {
            let text = format!("the interface '{name}' does not exist: it counts as down until it is created");
            self.report.fault(Class::BadInterface, at, text).help(
                "correct the name, or write dynamic_interfaces in global_defs to allow interfaces that are created later",
            );
        }
    }

    /// Warns about a value that is adjusted, as by C keepalived.
    pub(super) fn adjusted(&mut self, at: At, text: impl Into<String>) -> &mut Draft {
        self.report.warn(Class::General, at, text)
    }

    /// Warns about a second use of a keyword whose first use counts.
    pub(super) fn second(&mut self, first: &Node<'_>, further: &Node<'_>) {
        let name = further.keyword.name;
        let draft =
            self.adjusted(further.at(), format!("{name} is given twice: the first counts, this one is ignored"));
        draft.also(first.at(), "first given here").help("remove one of them");
    }

    /// Reports a fault: a line is dropped, or its default used, as by C keepalived.
    pub(super) fn mistake(&mut self, at: At, text: impl Into<String>, help: impl Into<String>) {
        self.report.fault(Class::General, at, text).help(help);
    }
}

/// Access to the keywords of a block; of several lines with the same keyword, the last counts.
impl<'i> Node<'i> {
    /// The first line with a keyword, with a warning about further ones.
    pub(super) fn first(&self, name: &str, ctx: &mut Ctx<'_, '_>) -> Option<&Node<'i>> {
        let mut all = self.children.iter().filter(|n| n.keyword.name == name && !n.bad);
        let first = all.next()?;
        for further in all {
            ctx.second(first, further);
        }
        Some(first)
    }

    pub(super) fn last(&self, name: &str) -> Option<&Node<'i>> {
        self.children.iter().rev().find(|n| n.keyword.name == name && !n.bad)
    }

    pub(super) fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Node<'i>> + 'n {
        self.children.iter().filter(move |n| n.keyword.name == name && !n.bad)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.last(name).map(|n| n.boolean(0).unwrap_or(true))
    }

    pub(super) fn value(&self, n: usize) -> Option<&Value> {
        self.args.get(n).map(|a| &a.value)
    }

    pub(super) fn boolean(&self, n: usize) -> Option<bool> {
        match self.value(n) {
            Some(Value::Bool(b)) => Some(*b),
            _ => None,
        }
    }

    pub(super) fn uint(&self, n: usize) -> Option<u64> {
        match self.value(n) {
            Some(Value::Uint(v) | Value::Decimal(v)) => Some(*v),
            _ => None,
        }
    }

    pub(super) fn u32(&self, n: usize) -> Option<u32> {
        self.uint(n).and_then(|v| u32::try_from(v).ok())
    }

    pub(super) fn int(&self, n: usize) -> Option<i64> {
        match self.value(n) {
            Some(Value::Int(v)) => Some(*v),
            _ => None,
        }
    }

    pub(super) fn text(&self, n: usize) -> Option<&str> {
        text(self.value(n)?)
    }

    pub(super) fn ip(&self, n: usize) -> Option<IpAddr> {
        match self.value(n) {
            Some(Value::Addr(ip)) => Some(*ip),
            _ => None,
        }
    }
}

pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(t) => Some(t),
        Value::Choice(c) => Some(c),
        _ => None,
    }
}

/// The options of an entry with their canonical names; of several with the same name, the last counts.
pub(super) fn options(args: &[Arg]) -> impl Iterator<Item = (&'static str, &[Arg])> {
    args.iter().filter_map(|a| match &a.value {
        Value::Option(keyword, inner) => {
            let name = match keyword.status {
                Status::Alias(of) | Status::Deprecated(of) => of,
                _ => keyword.name,
            };
            Some((name, inner.as_slice()))
        }
        _ => None,
    })
}

/// The top-level blocks of a kind; a name that is used twice is a fault.
pub(super) fn blocks<'t, 'i>(tree: &'t [Node<'i>], kind: &str, ctx: &mut Ctx<'_, '_>) -> Vec<(&'t str, &'t Node<'i>)> {
    let mut seen: HashMap<&str, At> = HashMap::new();
    let mut found = Vec::new();
    for node in tree.iter().filter(|n| n.keyword.name == kind && !n.bad) {
        let Some(name) = node.text(0) else { continue };
        if let Some(first) = seen.get(name) {
            ctx.report
                .fault(
                    Class::General,
                    node.at_arg(0),
                    format!("{kind} '{name}' is defined already: this one is ignored"),
                )
                .also(*first, "first defined here")
                .help("give each its own name");
        } else {
            seen.insert(name, node.at_arg(0));
            found.push((name, node));
        }
    }
    found
}

/// A number of messages; 0 is taken as 1.
pub(super) fn at_least_one(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<u32> {
    let written = node.u32(0)?;
    if written == 0 {
        let name = node.keyword.name;
        ctx.adjusted(node.at_arg(0), format!("{name} 0 is taken as 1")).help(format!("write {name} 1"));
    }
    Some(written.max(1))
}

/// Seconds of `garp_extra_if`, and whether it has `all`.
pub(super) fn extra_announcements(node: &Node<'_>) -> (u32, bool) {
    let last = node.args.len().saturating_sub(1);
    (node.u32(last).unwrap_or(0), last > 0)
}
