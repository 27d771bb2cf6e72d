//! Exit statuses, as of C keepalived.

use crate::config::{Class, Diagnostics, Severity};

/// Success.
pub const OK: u8 = 0;
/// A fatal error, or a wrong command line.
pub const FATAL: u8 = 1;
/// The configuration has errors.
pub const CONFIG: u8 = 2;
/// Not enough privilege.
pub const PRIVILEGE: u8 = 4;
/// A reload was refused because of new faults in the configuration; as `-t`.
pub const FAULTS: u8 = 5;
/// No daemon answers at the control socket; "program is not running" of the Linux Standard Base.
pub const NOT_RUNNING: u8 = 7;
/// A child failed; the parent starts it again.
pub const PROGRAM: u8 = 70;
/// No configuration file was found.
pub const NO_CONFIG: u8 = 6;

/// Whether a child that exited with this status would fail again after a restart.
pub fn is_permanent(status: u8) -> bool {
    matches!(status, FATAL | CONFIG | PRIVILEGE)
}

/// Exit status for a refused configuration: [`NO_CONFIG`] if all errors are files that were not found, else [`CONFIG`].
pub fn run_time_status(diagnostics: &Diagnostics) -> u8 {
    let mut errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    if errors.all(|error| error.class == Class::FileNotFound) { NO_CONFIG } else { CONFIG }
}
