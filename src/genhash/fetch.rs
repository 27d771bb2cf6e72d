//! Sends one request and receives its reply, over the connections of the checkers.

use std::time::Duration;

use crate::check::http::{Part, Reader};
use crate::config::lvs::{Target, TlsMaterial};
use crate::net::{Connections, Key, NetEventKind, Tls, Transport};
use crate::reactor::{Events, Reactor, clock};

const KEY: Key = Key { id: 0, generation: 0 };

/// Sends `request` and passes the parts of the reply to `sink`.
///
/// # Errors
/// When the connection fails, the reply is not complete within `limit`, or `sink` fails.
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
    let mut events = Vec::new();
    let mut ready = Events::with_capacity(4);
    connections.open(&reactor, KEY, target, over, &mut events);
    connections.send(KEY, request, &mut events);
    loop {
        for event in events.drain(..) {
            match event.kind {
                NetEventKind::Connected => {}
                NetEventKind::Received(octets) => {
                    if reader.push(&octets, sink)? {
                        return Ok(());
                    }
                }
                NetEventKind::Closed => return reader.close(),
                NetEventKind::Failed(reason) | NetEventKind::NoResources(reason) => {
                    return Err(format!("{}: {reason}", target.address));
                }
            }
        }
        if clock::now() >= deadline {
            return Err(format!("{}: no reply in {} s", target.address, limit.as_secs()));
        }
        reactor.wait(Some(deadline), &mut ready).map_err(|e| e.to_string())?;
        for ready in ready.iter() {
            connections.ready(&reactor, ready, &mut events);
        }
    }
}
