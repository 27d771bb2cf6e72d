//! The writer: it adds and removes addresses, routes, rules and firewall tables on a thread of its own ([`Worker`]).

use std::io;

use super::entry::{EntryRequest, EntryResult};
use super::nft::{NftSocket, OwnPorts};
use super::request_socket::RequestSocket;
use super::secondaries::SparedSecondaries;
use super::worker::Worker;
use crate::state::Done;

/// Requests sent to the kernel at once; small, so that results come back while a long list is in progress.
const BATCH: usize = 32;

/// The event loop's handle of the writer of addresses, routes, rules and firewall tables.
///
/// The requests reach the kernel in the order submitted: a route may need the address before it, the removal of an address
/// may remove routes, and no packet may pass between an address and the rule that drops packets to it.
pub type Writer = Worker<EntryRequest, EntryResult>;

impl Writer {
    /// Starts the thread, in the caller's network namespace. `capacity` limits the requests submitted whose results were
    /// not taken yet. `own` learns the ports of the sockets that change firewall tables.
    pub fn start(capacity: usize, own: OwnPorts) -> io::Result<Writer> {
        let mut socket = RequestSocket::route()?;
        let mut nft = NftSocket::new(own);
        Worker::spawn("entries", capacity, BATCH, move |batch: Vec<EntryRequest>| {
            let runs = batch.chunk_by(|one, next| one.firewall().is_some() == next.firewall().is_some());
            runs.flat_map(|run| perform(&mut socket, &mut nft, run)).collect()
        })
    }
}

/// Performs requests in order, all of them for firewall tables or none.
fn perform(socket: &mut RequestSocket, nft: &mut NftSocket, run: &[EntryRequest]) -> Vec<EntryResult> {
    let changes: Vec<_> = run.iter().filter_map(|request| Some((request, request.firewall()?))).collect();
    if !changes.is_empty() {
        let results = changes.into_iter().map(|(request, change)| EntryResult {
            kind: request.kind(),
            token: request.token(),
            op: request.op(),
            outcome: nft.perform(change).map(|()| Done::Changed),
            complaint: None,
        });
        return results.collect();
    }
    let mut spared = SparedSecondaries::enable(run.iter().filter_map(EntryRequest::address));
    let encoded: Vec<_> = run.iter().filter_map(EntryRequest::encode).collect();
    let answers = socket.perform(&encoded);
    spared.restore();
    let results = run.iter().zip(answers).map(|(request, answer)| EntryResult {
        kind: request.kind(),
        token: request.token(),
        op: request.op(),
        outcome: request.outcome(answer),
        complaint: request.address().and_then(|address| spared.complaint(address, socket)),
    });
    results.collect()
}
