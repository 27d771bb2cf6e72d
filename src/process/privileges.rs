//! The capabilities that each process keeps: those that its configuration needs.
//!
//! A reload that needs more has the child replaced, as an exec of root regains capabilities. The parent cannot be replaced: it
//! keeps what any configuration may need.

use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, no_new_privs};

use super::cli::Options;
use super::names;
use super::role::Role;
use crate::config::model::{Config, Global};
use crate::kernel::capabilities;

/// Whether an exec regains capabilities that this process has given up (capabilities(7)): for root, unless
/// `NoNewPrivileges` of the unit forbids it.
fn regains() -> bool {
    geteuid().is_root() && !no_new_privs().unwrap_or(true)
}

/// The capabilities that a child needs. If children cannot regain any, those that it may need with any configuration.
pub(super) fn of(role: Role, options: &Options, config: &Config) -> CapabilitySet {
    let kind = role.kind();
    if regains() { kind.network | (kind.capabilities)(options, config) } else { kind.network | capabilities::ANY }
}

/// The capabilities of the parent.
pub(super) fn of_parent(options: &Options, global: &Global) -> CapabilitySet {
    let mut needed = capabilities::PARENT;
    if names::namespace(options, global).is_some() {
        needed |= capabilities::NAMESPACES;
    }
    if !regains() {
        needed |= capabilities::ANY;
        Role::ALL.into_iter().for_each(|role| needed |= role.kind().network);
        if global.net_namespace_ipvs.is_some() {
            needed |= capabilities::ENTER;
        }
    }
    needed
}

/// The capabilities that a configuration needs in each child.
#[derive(Clone, Debug)]
pub(super) struct Needed(Vec<(Role, CapabilitySet)>);

impl Needed {
    pub(super) fn new(options: &Options, config: &Config) -> Needed {
        Needed(Role::ALL.into_iter().map(|role| (role, of(role, options, config))).collect())
    }

    pub(super) fn by(&self, role: Role) -> CapabilitySet {
        self.0.iter().find(|(of, _)| *of == role).map_or(CapabilitySet::empty(), |(_, needed)| *needed)
    }
}
