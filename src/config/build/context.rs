//! What building needs besides the tree, and access to the keywords of a block.

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::diag::{At, Class, Draft, Report};
use super::super::facts::Facts;
use super::super::keywords::Status;
use super::super::node::Node;
use super::super::value::{Arg, Value};

/// What building needs besides the tree.
pub(super) struct Ctx<'c, 'f> {
    pub(super) facts: &'c mut Facts<'f>,
    pub(super) report: &'c mut Report,
    /// `enable_script_security` and the user id scripts run as without a user of their own.
    pub(super) scripts: (bool, u32),
    /// Names that `use_vmac` lines give to interfaces, each with the first instance that does.
    pub(super) vmacs: HashMap<String, String>,
}

impl Ctx<'_, '_> {
    /// An interface that must exist, unless interfaces may come later.
    pub(super) fn interface(&mut self, name: &str, at: At, dynamic: bool) {
        if !dynamic && !self.vmacs.contains_key(name) && !self.facts.has_interface(name) {
            self.report.fault(Class::BadInterface, at, format!("the interface '{name}' does not exist")).help(
                "correct the name, or write dynamic_interfaces in global_defs to accept interfaces that come later",
            );
        }
    }

    /// A change made to what is written, as keepalived makes it.
    pub(super) fn adjusted(&mut self, at: At, text: impl Into<String>) -> &mut Draft {
        self.report.warn(Class::General, at, text)
    }
}

/// Access to a block's keywords; a keyword given twice counts as written last.
impl<'i> Node<'i> {
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

/// The options of an entry by their canonical name, the last one counts.
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

/// The blocks of a kind at the top level; a name given twice is an error.
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
                .help("give each a name of its own");
        } else {
            seen.insert(name, node.at_arg(0));
            found.push((name, node));
        }
    }
    found
}

/// A number of messages, where 0 is taken as 1.
pub(super) fn at_least_one(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<u32> {
    let written = node.u32(0)?;
    if written == 0 {
        ctx.adjusted(node.at_arg(0), format!("{} 0 is taken as 1", node.keyword.name));
    }
    Some(written.max(1))
}
