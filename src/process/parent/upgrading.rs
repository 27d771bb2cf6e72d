//! An upgrade that is under way.

use std::io::PipeReader;
use std::path::PathBuf;
use std::time::Duration;

use super::child_process::ChildProcess;
use crate::control::Client;

/// An upgrade that is under way.
#[derive(Debug)]
pub(super) struct Upgrading {
    /// The new program.
    pub(super) program: PathBuf,
    /// The client that has requested it.
    pub(super) client: Client,
    pub(super) step: Step,
}

/// The step of an upgrade.
#[derive(Debug)]
pub(super) enum Step {
    /// The new program is tried out.
    Trial {
        process: ChildProcess,
        /// Its output.
        output: PipeReader,
    },
    /// The program is to be replaced, at the latest at this time.
    Ready(Duration),
}
