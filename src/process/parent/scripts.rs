//! The scripts for start and stop of a configuration, and the one that is running.

use std::process::Child;
use std::time::Duration;

use crate::config::model::{Global, TimedScript};
use crate::reactor::Program;

/// The scripts of a configuration.
#[derive(Clone, Debug)]
pub(in crate::process) struct Scripts {
    pub(super) startup: Option<(Program, Duration)>,
    pub(super) shutdown: Option<(Program, Duration)>,
}

impl Scripts {
    pub(in crate::process) fn new(global: &Global) -> Scripts {
        let timed = |script: &TimedScript| (Program::new(&script.script, Some(global)), script.limit);
        Scripts {
            startup: global.startup_script.as_ref().map(timed),
            shutdown: global.shutdown_script.as_ref().map(timed),
        }
    }
}

/// When a script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    Startup,
    Shutdown,
}

impl Occasion {
    pub(super) fn keyword(self) -> &'static str {
        match self {
            Occasion::Startup => "startup_script",
            Occasion::Shutdown => "shutdown_script",
        }
    }
}

/// A running script.
pub(super) struct RunningScript {
    pub(super) occasion: Occasion,
    pub(super) child: Child,
    pub(super) limit: Duration,
}
