//! The BFD process's end of the pairs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::{Listener, Report, Status};
use crate::bfd::{SessionId, Tables};
use crate::notify::log::Log;
use crate::reactor::{Interest, Reactor, Token};
use crate::state::to_sections;

/// All listeners, each with the sessions whose states are still to be sent. A listener that is slow to read is sent
/// only the latest states.
pub(in crate::process) struct Publisher {
    pub(super) links: BTreeMap<Listener, Link>,
    /// Token of all links.
    token: Token,
}

pub(super) struct Link {
    socket: OwnedFd,
    pub(super) unsent: BTreeSet<SessionId>,
}

impl Publisher {
    pub(in crate::process) fn new(token: Token) -> Publisher {
        Publisher { links: BTreeMap::new(), token }
    }

    /// Adds a listener, or replaces an earlier one, and marks all sessions for it.
    pub(in crate::process) fn connect(
        &mut self,
        listener: Listener,
        socket: OwnedFd,
        tables: &Tables,
        reactor: &Reactor,
    ) -> io::Result<()> {
        reactor.register(&socket, self.token, Interest::WRITABLE)?;
        let unsent = tables.sessions.keys().copied().collect();
        self.links.insert(listener, Link { socket, unsent });
        Ok(())
    }

    /// Marks a session whose state has changed.
    pub(in crate::process) fn mark(&mut self, id: SessionId) {
        for link in self.links.values_mut() {
            link.unsent.insert(id);
        }
    }

    /// Marks all sessions.
    pub(in crate::process) fn mark_all(&mut self, tables: &Tables) {
        for id in tables.sessions.keys() {
            self.mark(*id);
        }
    }

    /// Sends as many states as the sockets accept. The rest follows when a socket is writable, which wakes the loop.
    pub(in crate::process) fn flush(&mut self, tables: &Tables, log: &Log) {
        self.links.retain(|listener, link| {
            while !link.unsent.is_empty() {
                match link.send(*listener, tables) {
                    Ok(()) => {}
                    Err(Errno::AGAIN) => return true,
                    // The listener has exited; the parent connects its successor.
                    Err(Errno::PIPE | Errno::CONNRESET) => return false,
                    Err(error) => {
                        let name = match listener {
                            Listener::Vrrp => "VRRP",
                            Listener::Checkers => "checker",
                        };
                        log.error(format_args!("Cannot report BFD sessions to the {name} process: {error}"));
                        return false;
                    }
                }
            }
            true
        });
    }
}

impl Link {
    fn send(&mut self, listener: Listener, tables: &Tables) -> Result<(), Errno> {
        let ids: Vec<SessionId> = self.unsent.iter().take(Report::MOST).copied().collect();
        let rows = ids.iter().filter_map(|id| tables.sessions.get(id)).filter(|row| listener.follows(&row.config));
        let status = |row: &crate::bfd::Session| Status {
            name: row.config.name.clone(),
            up: row.is_up(),
            detection: row.detection_time,
        };
        let report = Report { sessions: rows.map(status).collect() };
        if !report.sessions.is_empty() {
            // Encoding does not fail.
            let octets = to_sections(&report).map_err(|_| Errno::INVAL)?;
            send(&self.socket, &octets, SendFlags::NOSIGNAL)?;
        }
        for id in ids {
            self.unsent.remove(&id);
        }
        Ok(())
    }
}
