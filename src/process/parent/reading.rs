//! A configuration that is being read.

use std::io;
use std::sync::mpsc::Receiver;

use crate::process::configuration::Recorded;

/// A configuration that a separate thread is reading: look-ups of users and files on a file server may block, and the
/// parent watches its children meanwhile.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) outcome: Receiver<io::Result<Recorded>>,
    /// Another reload was requested meanwhile: the file is to be read again, as it may have changed.
    pub(super) again: bool,
}
