//! A command whose result is awaited.

use std::time::Duration;

use crate::control::Client;
use crate::process::role::Role;

/// A command whose result is awaited.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) number: u32,
    pub(super) client: Client,
    pub(super) role: Role,
    /// When the client has waited long enough.
    pub(super) until: Duration,
}
