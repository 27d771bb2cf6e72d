//! `notify_fifo` and related keywords.

use serde::{Deserialize, Serialize};

use super::script::{Script, ScriptUser};

/// The FIFOs for events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fifos {
    /// `notify_fifo`: all events.
    pub all: Option<Fifo>,
    /// `vrrp_notify_fifo`: events of VRRP.
    pub vrrp: Option<Fifo>,
    /// `lvs_notify_fifo`: events of virtual and real servers.
    pub lvs: Option<Fifo>,
    /// `fifo_write_vrrp_states_on_reload`.
    pub states_on_reload: bool,
}

/// A FIFO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fifo {
    /// Its path.
    pub path: String,
    /// Its owner if the daemon makes it; default `script_user`, then the user of the daemon.
    pub owner: Option<ScriptUser>,
    /// `notify_fifo_script` and the like: the program that reads it.
    pub script: Option<Script>,
}

impl Fifos {
    /// All FIFOs.
    pub fn each(&self) -> impl Iterator<Item = &Fifo> {
        [&self.all, &self.vrrp, &self.lvs].into_iter().flatten()
    }

    /// All FIFOs, for changes.
    pub(in crate::config) fn each_mut(&mut self) -> impl Iterator<Item = &mut Fifo> {
        [&mut self.all, &mut self.vrrp, &mut self.lvs].into_iter().flatten()
    }
}
