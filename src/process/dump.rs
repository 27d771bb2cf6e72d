//! The signals that request dump files, and what the files depend on besides the rows.

use std::fs;

use super::cli::{JSON, Options, STATS_CLEAR};
use super::names::Names;
use crate::notify::dump::{Dump, Setting};
use crate::reactor::{Caught, Signal};

/// The dump that a signal requests.
pub(super) fn requested_by(caught: Caught) -> Option<Dump> {
    match caught {
        Caught::Named(Signal::SIGUSR1) => Some(Dump::Data),
        Caught::Named(Signal::SIGUSR2) => Some(Dump::Statistics),
        Caught::RealTime(STATS_CLEAR) => Some(Dump::ClearStatistics),
        Caught::RealTime(JSON) => Some(Dump::Json),
        Caught::Named(_) | Caught::RealTime(_) => None,
    }
}

/// What the dumps of this process depend on besides the rows.
pub(super) fn setting(options: &Options, names: &Names) -> Setting {
    Setting {
        daemon: names.daemon(),
        snmp: options.snmp,
        snmp_socket: options.snmp_socket.clone(),
        next_reload: None,
        umask: fs::read_to_string("/proc/self/status").ok().and_then(|status| umask(&status)),
    }
}

/// The file creation mask in `/proc/self/status`, which can be read without setting it.
fn umask(status: &str) -> Option<u32> {
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(mask.trim(), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_octal() {
        assert_eq!(umask("Name:\tkeepalived\nUmask:\t0177\nState:\tS\n"), Some(0o177));
        assert_eq!(umask("Name:\tUmask:\n"), None);
    }
}
