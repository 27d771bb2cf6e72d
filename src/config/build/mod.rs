//! From the tree of keywords to the typed [`Config`]: defaults merged, values checked against each other.

mod address;
mod behaviour;
mod bfd;
mod check;
mod garp;
mod global;
mod group;
mod instance;
mod lvs;
mod script;
mod track;
mod unicast;
mod vmac;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::diag::{At, Class, Report, Stage};
use super::facts::Facts;
use super::lvs::VirtualServer;
use super::model::{Config, Trackers};
use super::suggest::nearest;
use super::tree::{FoldedServers, Node};
use super::value::{Arg, Value};

pub(super) use script::takes_user;

/// Builds the configuration, and gives each virtual server to `take`. It is only meaningful when the report has no errors.
pub(crate) fn build(
    tree: &[Node<'_>],
    virtual_servers: FoldedServers<'_>,
    facts: &mut Facts<'_>,
    report: &mut Report,
    take: &mut dyn FnMut(VirtualServer),
) -> Config {
    report.stage = Stage::Building;
    let mut ctx = Ctx { facts, report, scripts: (false, 0), vmacs: vmac::names(tree) };
    let defaults = global::build(tree, &mut ctx);
    let uid = defaults.global.script_user.as_ref().map_or(0, |u| u.uid);
    ctx.scripts = (defaults.global.script_security, uid);
    let mut instances = instance::build(tree, &defaults, &mut ctx);
    garp::groups(tree, &mut instances, &mut ctx);
    let names = Names::of(&instances);
    let sync_groups = group::build(tree, &defaults, &names, &mut ctx);
    let static_addresses = address::statics(tree, &defaults, &mut ctx);
    check::instances(&instances, &mut ctx);
    check::tracked(tree, &mut ctx);
    let bfd = bfd::build(tree, &mut ctx);
    let mut has_virtual_servers = false;
    let mut take = |server| {
        has_virtual_servers = true;
        take(server);
    };
    let lvs = lvs::build(tree, virtual_servers, &defaults, &instances, &mut ctx, &mut take);
    Config {
        static_addresses,
        instances: instances.into_iter().map(|i| i.instance).collect(),
        sync_groups,
        has_virtual_servers,
        lvs,
        trackers: Trackers::default(),
        bfd,
        global: defaults.global,
    }
}

/// The instances by name, for what refers to them.
struct Names<'i> {
    priorities: BTreeMap<&'i str, u8>,
}

impl<'i> Names<'i> {
    fn of(instances: &'i [instance::Built]) -> Names<'i> {
        Names { priorities: instances.iter().map(|b| (b.instance.name.as_str(), b.instance.priority)).collect() }
    }

    /// Whether the instance exists; an error at `at` when it does not. `others` = words that may be meant instead.
    fn check(&self, name: &str, at: At, others: &[&'static str], ctx: &mut Ctx<'_, '_>) -> bool {
        if self.priorities.contains_key(name) {
            return true;
        }
        let known = self.priorities.keys().copied().chain(others.iter().copied());
        let near = if ctx.report.is_full() { None } else { nearest(name, known) };
        let help = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => "define it, or remove it here".to_owned(),
        };
        ctx.report.error(Class::General, at, format!("there is no vrrp_instance '{name}'")).help(help);
        false
    }
}

/// What building needs besides the tree.
struct Ctx<'c, 'f> {
    facts: &'c mut Facts<'f>,
    report: &'c mut Report,
    /// `enable_script_security` and the user id scripts run as without a user of their own.
    scripts: (bool, u32),
    /// Names that `use_vmac` lines give to interfaces, each with the first instance that does.
    vmacs: HashMap<String, String>,
}

impl Ctx<'_, '_> {
    /// An interface that must exist, unless interfaces may come later.
    fn interface(&mut self, name: &str, at: At, dynamic: bool) {
        if !dynamic && !self.vmacs.contains_key(name) && !self.facts.has_interface(name) {
            self.report.error(Class::BadInterface, at, format!("the interface '{name}' does not exist")).help(
                "correct the name, or write dynamic_interfaces in global_defs to accept interfaces that come later",
            );
        }
    }

    /// A change made to what is written, as keepalived makes it.
    fn adjusted(&mut self, at: At, text: impl Into<String>) -> &mut super::diag::Draft {
        self.report.warn(Class::General, at, text)
    }
}

/// Access to a block's keywords; a keyword given twice counts as written last.
impl<'i> Node<'i> {
    fn last(&self, name: &str) -> Option<&Node<'i>> {
        self.children.iter().rev().find(|n| n.keyword.name == name && !n.bad)
    }

    fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Node<'i>> + 'n {
        self.children.iter().filter(move |n| n.keyword.name == name && !n.bad)
    }

    fn has(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.last(name).map(|n| n.boolean(0).unwrap_or(true))
    }

    fn value(&self, n: usize) -> Option<&Value> {
        self.args.get(n).map(|a| &a.value)
    }

    fn boolean(&self, n: usize) -> Option<bool> {
        match self.value(n) {
            Some(Value::Bool(b)) => Some(*b),
            _ => None,
        }
    }

    fn uint(&self, n: usize) -> Option<u64> {
        match self.value(n) {
            Some(Value::Uint(v) | Value::Decimal(v)) => Some(*v),
            _ => None,
        }
    }

    fn u32(&self, n: usize) -> Option<u32> {
        self.uint(n).and_then(|v| u32::try_from(v).ok())
    }

    fn int(&self, n: usize) -> Option<i64> {
        match self.value(n) {
            Some(Value::Int(v)) => Some(*v),
            _ => None,
        }
    }

    fn text(&self, n: usize) -> Option<&str> {
        text(self.value(n)?)
    }

    fn ip(&self, n: usize) -> Option<IpAddr> {
        match self.value(n) {
            Some(Value::Addr(ip)) => Some(*ip),
            _ => None,
        }
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(t) => Some(t),
        Value::Choice(c) => Some(c),
        _ => None,
    }
}

/// The options of an entry by their canonical name, the last one counts.
fn options(args: &[Arg]) -> impl Iterator<Item = (&'static str, &[Arg])> {
    args.iter().filter_map(|a| match &a.value {
        Value::Option(keyword, inner) => {
            let name = match keyword.status {
                super::keywords::Status::Alias(of) | super::keywords::Status::Deprecated(of) => of,
                _ => keyword.name,
            };
            Some((name, inner.as_slice()))
        }
        _ => None,
    })
}

/// The blocks of a kind at the top level; a name given twice is an error.
fn blocks<'t, 'i>(tree: &'t [Node<'i>], kind: &str, ctx: &mut Ctx<'_, '_>) -> Vec<(&'t str, &'t Node<'i>)> {
    let mut seen: HashMap<&str, At> = HashMap::new();
    let mut found = Vec::new();
    for node in tree.iter().filter(|n| n.keyword.name == kind && !n.bad) {
        let Some(name) = node.text(0) else { continue };
        if let Some(first) = seen.get(name) {
            ctx.report
                .error(Class::General, node.at_arg(0), format!("{kind} '{name}' is defined twice"))
                .also(*first, "first defined here")
                .help("give each a name of its own");
        } else {
            seen.insert(name, node.at_arg(0));
            found.push((name, node));
        }
    }
    found
}
