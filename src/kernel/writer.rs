//! The writer: adds and removes addresses on a thread of its own ([`Worker`]).

use std::io;

use super::address::{AddressRequest, AddressResult};
use super::request::AddressSocket;
use super::secondaries::Spared;
use super::worker::Worker;

/// Requests handed to the kernel at once; small, so that results flow back while a long list is worked through.
const BATCH: usize = 32;

/// The loop's end of the address writer.
pub type Writer = Worker<AddressRequest, AddressResult>;

impl Writer {
    /// Starts the thread, in the caller's network namespace. `capacity` bounds the requests that are submitted and
    /// whose results were not taken yet.
    pub fn start(capacity: usize) -> io::Result<Writer> {
        let mut socket = AddressSocket::open()?;
        Worker::spawn("addresses", capacity, BATCH, move |batch: Vec<AddressRequest>| {
            let mut spared = Spared::begin(&batch);
            let outcomes = socket.perform(&batch);
            spared.end();
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
