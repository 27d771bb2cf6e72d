//! One request and its reply, over the connections the checkers use.

use std::time::Duration;

use crate::check::http::{Part, Reader};
use crate::config::lvs::{Target, TlsMaterial};
use crate::net::{Connections, Key, Tls, Transport, What};
use crate::reactor::{Events, Reactor, clock};

const KEY: Key = Key { id: 0, generation: 0 };

/// Sends `request` and hands the parts of the reply to `sink`.
///
/// # Errors
/// When there is no connection, no reply, no end of it within `limit`, or `sink` says so.
pub(super) fn fetch(
    target: &Target,
    over: &Transport,
    request: &[u8],
    limit: Duration,
    sink: &mut dyn FnMut(Part<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let deadline = clock::now().saturating_add(limit);
    let mut reactor = Reactor::new().map_err(|e| e.to_string())?;
    let tls = Tls::new(&TlsMaterial::default()).map_err(|e| e.to_string())?;
    let mut connections = Connections::new(Some(tls));
    let mut reader = Reader::new();
    let mut happened = Vec::new();
    let mut ready = Events::with_capacity(4);
    connections.open(&reactor, KEY, target, over, &mut happened);
    connections.send(KEY, request, &mut happened);
    loop {
        for event in happened.drain(..) {
            match event.what {
                What::Connected => {}
                What::Received(octets) => {
                    if reader.push(&octets, sink)? {
                        return Ok(());
                    }
                }
                What::Closed => return reader.close(),
                What::Failed(reason) | What::Lacking(reason) => return Err(format!("{}: {reason}", target.address)),
            }
        }
        if clock::now() >= deadline {
            return Err(format!("{}: no reply in {} s", target.address, limit.as_secs()));
        }
        reactor.wait(Some(deadline), &mut ready).map_err(|e| e.to_string())?;
        for ready in ready.iter() {
            connections.ready(&reactor, ready, &mut happened);
        }
    }
}
