//! The address writer: adds and removes addresses on a thread of its own ([`Worker`]).

use std::io;

use super::address::{AddressRequest, AddressResult};
use super::address_encode::perform;
use super::request_socket::RequestSocket;
use super::secondaries::SparedSecondaries;
use super::worker::Worker;

/// Requests sent to the kernel at once; small, so that results come back while a long list is in progress.
const BATCH: usize = 32;

/// The event loop's handle of the address writer.
pub type Writer = Worker<AddressRequest, AddressResult>;

impl Writer {
    /// Starts the thread, in the caller's network namespace. `capacity` limits the requests submitted whose results were
    /// not taken yet.
    pub fn start(capacity: usize) -> io::Result<Writer> {
        let mut socket = RequestSocket::route()?;
        Worker::spawn("addresses", capacity, BATCH, move |batch: Vec<AddressRequest>| {
            let mut spared = SparedSecondaries::enable(&batch);
            let outcomes = perform(&mut socket, &batch);
            spared.restore();
            let results = batch.iter().zip(outcomes);
            results
                .map(|(request, outcome)| {
                    let complaint = spared.complaint(request, &mut socket);
                    AddressResult { token: request.token, op: request.op, outcome, complaint }
                })
                .collect()
        })
    }
}
