//! The MIB modules as a process serves them: what of them it registers, when, and with which views and notifications.

use snmp::{Mib, MibBuilder, MibError};

use super::traps::Trap;
use crate::config::model::Global;

/// RFC 2741's default priority of a registration.
pub(super) const PRIORITY: u8 = 127;

/// A part of a MIB that is enabled on its own, over data of type `T` with changes of type `C`.
pub struct Module<T: 'static, C: 'static> {
    /// sysORID of its row in sysORTable.
    pub root: &'static [u32],
    /// sysORDescr of its row in sysORTable.
    pub capability: &'static str,
    /// The subtrees to register, each with its priority: 1 to 255, and the lowest wins.
    pub subtrees: &'static [(&'static [u32], u8)],
    /// Whether the configuration enables it. `-x` enables all.
    pub enabled: fn(&Global) -> bool,
    /// Adds its tables and scalars.
    pub views: fn(MibBuilder<T>) -> MibBuilder<T>,
    /// The notification for a change, if it has one; `enable_traps` sends it to the AgentX master.
    pub trap: fn(&C, &T) -> Option<Trap>,
}

/// The tree of the modules, whether or not they are enabled: a master agent asks for registered subtrees only.
///
/// # Errors
/// When two views overlap in the tree.
pub fn tree<T: 'static, C>(modules: &[Module<T, C>]) -> Result<Mib<T>, MibError> {
    modules.iter().fold(Mib::builder(), |builder, module| (module.views)(builder)).build()
}
