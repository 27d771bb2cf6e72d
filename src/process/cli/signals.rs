//! Names of signals.

use crate::reactor::Caught;

/// The signal that dumps and clears statistics: glibc's SIGRTMAX - 1.
pub const STATS_CLEAR: u32 = 63;
/// The signal that dumps JSON: glibc's SIGRTMIN + 2.
pub const JSON: u32 = 36;

/// Names for `--signum`, with their signals. Real-time signals are counted from glibc's SIGRTMIN, 34.
pub(super) const SIGNALS: [(&str, i32); 6] = [
    ("STOP", 15),
    ("RELOAD", 1),
    ("DATA", 10),
    ("STATS", 12),
    ("STATS_CLEAR", STATS_CLEAR.cast_signed()),
    ("JSON", JSON.cast_signed()),
];

/// The signal number for `--signum NAME`.
///
/// # Errors
/// A message if the name is unknown.
pub fn signal_number(name: &str) -> Result<i32, String> {
    let found = SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    found.ok_or_else(|| {
        let names: Vec<&str> = SIGNALS.iter().map(|(name, _)| *name).collect();
        format!("Unknown sigfunc {name} (one of {})", names.join(", "))
    })
}

/// Name of a received signal, for the log.
pub fn signal_name(signal: Caught) -> String {
    match signal {
        Caught::Named(signal) => signal.to_string(),
        Caught::RealTime(number) => {
            let known = SIGNALS.iter().find(|(_, known)| u32::try_from(*known) == Ok(number));
            let name = known.map_or_else(String::new, |(name, _)| format!(" ({name})"));
            format!("Signal {number}{name}")
        }
    }
}
