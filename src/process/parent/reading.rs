//! A configuration on its way.

use std::io;
use std::sync::mpsc::Receiver;

use crate::process::configuration::Recorded;

/// A configuration being read by a thread of its own: users are looked up in the system's data base, files may be on a
/// server that is away, and children are watched meanwhile.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) outcome: Receiver<io::Result<Recorded>>,
    /// The file is to be read once more: it may have changed since this began.
    pub(super) again: bool,
}
