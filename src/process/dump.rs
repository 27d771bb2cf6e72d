//! The signals that request dump files.

use super::cli::{JSON, STATS_CLEAR};
use crate::notify::dump::Dump;
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
