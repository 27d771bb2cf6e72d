//! The IPVS writer: changes and dumps the kernel's table on a thread of its own ([`Worker`]).

use std::io;

use super::change::{Answer, Request};
use super::socket::IpvsSocket;
use crate::check::ipvs::Change;
use crate::kernel::worker::Worker;

/// Changes sent to the kernel at once; small, so that results come back while a long list is in progress.
const BATCH: usize = 128;

/// The event loop's handle of the IPVS writer.
pub type Writer = Worker<Request, Answer>;

impl Writer {
    /// Starts the thread, in the caller's network namespace. A kernel without IPVS is reported by the results. `capacity`
    /// limits the requests submitted whose results were not taken yet.
    pub fn start(capacity: usize) -> io::Result<Writer> {
        let mut socket = IpvsSocket::open()?;
        Worker::spawn("ipvs", capacity, BATCH, move |batch| perform(&mut socket, batch))
    }
}

/// Performs a batch in order: changes between two dumps are sent to the kernel together.
fn perform(socket: &mut IpvsSocket, batch: Vec<Request>) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(batch.len());
    let mut tokens = Vec::new();
    let mut changes = Vec::new();
    for request in batch {
        match request {
            Request::Change(token, change) => {
                tokens.push(token);
                changes.push(change);
            }
            Request::Dump(token) => {
                flush(socket, &mut tokens, &mut changes, &mut answers);
                answers.push(Answer::Dumped { token, table: socket.dump() });
            }
        }
    }
    flush(socket, &mut tokens, &mut changes, &mut answers);
    answers
}

fn flush(socket: &mut IpvsSocket, tokens: &mut Vec<u64>, changes: &mut Vec<Change>, answers: &mut Vec<Answer>) {
    if !changes.is_empty() {
        let outcomes = socket.change(changes);
        answers.extend(tokens.drain(..).zip(outcomes).map(|(token, outcome)| Answer::Changed { token, outcome }));
        changes.clear();
    }
}
