//! The end of the BFD process.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::{Listener, Status, Told};
use crate::bfd::{SessionId, Tables};
use crate::notify::log::Log;
use crate::reactor::{Interest, Reactor, Token};
use crate::state::to_octets;

/// All listeners, each with the sessions that it has not been told of. A listener that does not read is told later how
/// things stand then.
pub(in crate::process) struct Teller {
    pub(super) links: BTreeMap<Listener, Link>,
    /// Of all links in the reactor.
    token: Token,
}

pub(super) struct Link {
    socket: OwnedFd,
    pub(super) untold: BTreeSet<SessionId>,
}

impl Teller {
    pub(in crate::process) fn new(token: Token) -> Teller {
        Teller { links: BTreeMap::new(), token }
    }

    /// A listener is there, perhaps in the place of another one. It is to be told everything.
    pub(in crate::process) fn connect(
        &mut self,
        listener: Listener,
        socket: OwnedFd,
        tables: &Tables,
        reactor: &Reactor,
    ) -> io::Result<()> {
        reactor.register(&socket, self.token, Interest::WRITABLE)?;
        let untold = tables.sessions.keys().copied().collect();
        self.links.insert(listener, Link { socket, untold });
        Ok(())
    }

    /// A session has changed.
    pub(in crate::process) fn mark(&mut self, id: SessionId) {
        for link in self.links.values_mut() {
            link.untold.insert(id);
        }
    }

    /// All may have changed.
    pub(in crate::process) fn mark_all(&mut self, tables: &Tables) {
        for id in tables.sessions.keys() {
            self.mark(*id);
        }
    }

    /// Tells what the sockets take. The rest goes when one is writable, which wakes the loop.
    pub(in crate::process) fn flush(&mut self, tables: &Tables, log: &Log) {
        self.links.retain(|listener, link| {
            while !link.untold.is_empty() {
                match link.tell(*listener, tables) {
                    Ok(()) => {}
                    Err(Errno::AGAIN) => return true,
                    // Its end: the parent hands another link out when there is a successor.
                    Err(Errno::PIPE | Errno::CONNRESET) => return false,
                    Err(error) => {
                        log.error(format_args!("Cannot tell the {listener:?} process of BFD sessions: {error}"));
                        return false;
                    }
                }
            }
            true
        });
    }
}

impl Link {
    fn tell(&mut self, listener: Listener, tables: &Tables) -> Result<(), Errno> {
        let ids: Vec<SessionId> = self.untold.iter().take(Told::MOST).copied().collect();
        let rows = ids.iter().filter_map(|id| tables.sessions.get(id)).filter(|row| listener.follows(&row.config));
        let status = |row: &crate::bfd::Session| Status {
            name: row.config.name.clone(),
            up: row.is_up(),
            detection: row.detection_time,
        };
        let told = Told { sessions: rows.map(status).collect() };
        if !told.sessions.is_empty() {
            // Every record can be encoded.
            let octets = to_octets(&told).map_err(|_| Errno::INVAL)?;
            send(&self.socket, &octets, SendFlags::NOSIGNAL)?;
        }
        for id in ids {
            self.untold.remove(&id);
        }
        Ok(())
    }
}
