//! The writer: it adds and removes addresses, routes and rules on a thread of its own ([`Worker`]).

use std::io;

use super::entry::{EntryRequest, EntryResult};
use super::request_socket::RequestSocket;
use super::secondaries::SparedSecondaries;
use super::worker::Worker;

/// Requests sent to the kernel at once; small, so that results come back while a long list is in progress.
const BATCH: usize = 32;

/// The event loop's handle of the writer of addresses, routes and rules.
///
/// The requests reach the kernel in the order submitted: a route may need the address before it, and the removal of an
/// address may remove routes.
pub type Writer = Worker<EntryRequest, EntryResult>;

impl Writer {
    /// Starts the thread, in the caller's network namespace. `capacity` limits the requests submitted whose results were
    /// not taken yet.
    pub fn start(capacity: usize) -> io::Result<Writer> {
        let mut socket = RequestSocket::route()?;
        Worker::spawn("entries", capacity, BATCH, move |batch: Vec<EntryRequest>| perform(&mut socket, &batch))
    }
}

/// Performs a batch in order.
fn perform(socket: &mut RequestSocket, batch: &[EntryRequest]) -> Vec<EntryResult> {
    let mut spared = SparedSecondaries::enable(batch.iter().filter_map(EntryRequest::address));
    let encoded: Vec<_> = batch.iter().map(EntryRequest::encode).collect();
    let answers = socket.perform(&encoded);
    spared.restore();
    let results = batch.iter().zip(answers).map(|(request, answer)| EntryResult {
        kind: request.kind(),
        token: request.token(),
        op: request.op(),
        outcome: request.outcome(answer),
        complaint: request.address().and_then(|address| spared.complaint(address, socket)),
    });
    results.collect()
}
