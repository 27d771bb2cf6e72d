//! Exit statuses, those of C keepalived.

use crate::config::{Class, Diagnostics, Severity};

/// All went well.
pub const OK: u8 = 0;
/// A fatal error, or a wrong command line.
pub const FATAL: u8 = 1;
/// The configuration has errors.
pub const CONFIG: u8 = 2;
/// Not enough privilege.
pub const PRIVILEGE: u8 = 4;
/// A child could not go on; it is started again.
pub const PROGRAM: u8 = 70;
/// There is no configuration.
pub const NO_CONFIG: u8 = 6;

/// A child that ends with one of these would do so again.
pub fn is_permanent(status: u8) -> bool {
    matches!(status, FATAL | CONFIG | PRIVILEGE)
}

/// Status of a start with a configuration that is refused: 6 when that is only because no file was found.
pub fn run_time_status(diagnostics: &Diagnostics) -> u8 {
    let mut errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    if errors.all(|error| error.class == Class::FileNotFound) { NO_CONFIG } else { CONFIG }
}
