//! What the parent records for the status of the daemon.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::control::Client;
use crate::process::engine::EngineStart;
use crate::process::role::Role;
use crate::reactor::{Meter, clock};
use crate::status::{Part, Snmp};
use crate::system::Reload;

/// What the parent knows besides its children, as times of the event loop.
#[derive(Debug)]
pub(super) struct Annals {
    pub(super) started: Duration,
    /// The same for SNMP.
    pub(super) engine: EngineStart,
    /// When the configuration in force was read.
    pub(super) configured: Duration,
    /// When the result of the last reload was known, and why it was refused.
    pub(super) last_reload: Option<Reload>,
    /// When the result of the last upgrade was known, and why it was refused.
    pub(super) last_upgrade: Option<(Duration, Option<String>)>,
    /// How often each child was started.
    pub(super) starts: BTreeMap<Role, u32>,
    /// When each child was last started again.
    pub(super) restarts: BTreeMap<Role, Duration>,
    /// How late the parent's own event loop is.
    pub(super) meter: Meter,
}

impl Annals {
    pub(super) fn begin() -> Annals {
        let now = clock::now();
        Annals {
            engine: EngineStart::now(),
            started: now,
            configured: now,
            last_reload: None,
            last_upgrade: None,
            starts: BTreeMap::new(),
            restarts: BTreeMap::new(),
            meter: Meter::default(),
        }
    }
}

/// A status that is being put together.
#[derive(Debug)]
pub(super) struct Gathering {
    pub(super) number: u32,
    pub(super) clients: Vec<Client>,
    /// Children whose parts are missing.
    pub(super) awaited: Vec<Role>,
    pub(super) parts: Vec<(Role, Part, Option<Snmp>)>,
    /// Clients that have asked since.
    pub(super) next: Vec<Client>,
}
