//! Performs changes of tables.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;

use super::super::netlink::Refusal;
use super::super::request_socket::{Request, RequestSocket};
use super::change;
use super::wire::SUBSYSTEM;
use crate::vrrp::FirewallChange;

/// Longest transaction in octets, without headers; the send buffer of a socket has 208 KiB.
const LONGEST: usize = 160 << 10;
/// Ports remembered: those of the present sockets and of some before them, whose notifications may still be queued.
const PORTS: usize = 8;

/// The ports of the sockets that change tables for this process, by which the watch knows the notifications of its changes.
#[derive(Clone, Debug, Default)]
pub struct OwnPorts {
    ports: Arc<Mutex<VecDeque<u32>>>,
}

impl OwnPorts {
    fn add(&self, port: u32) {
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        if !ports.contains(&port) {
            ports.push_back(port);
        }
        if ports.len() > PORTS {
            ports.pop_front();
        }
    }

    pub(super) fn contains(&self, port: u32) -> bool {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).contains(&port)
    }
}

/// A socket for changes of tables, opened when it is first needed.
pub(in crate::kernel) struct NftSocket {
    socket: Option<RequestSocket>,
    own: OwnPorts,
}

impl NftSocket {
    pub(in crate::kernel) fn new(own: OwnPorts) -> NftSocket {
        NftSocket { socket: None, own }
    }

    /// Makes a change as a whole or not at all; with thousands of elements, in several parts.
    pub(in crate::kernel) fn perform(&mut self, change: &FirewallChange) -> Result<(), Refusal> {
        self.perform_all(&change::encode(change))
    }

    /// Performs requests, in one transaction unless they are too long.
    pub(super) fn perform_all(&mut self, requests: &[Request]) -> Result<(), Refusal> {
        let socket = match &mut self.socket {
            Some(socket) => socket,
            None => self.socket.insert(RequestSocket::netfilter().map_err(|error| unavailable(&error))?),
        };
        let own = &self.own;
        let mut rest = requests;
        while !rest.is_empty() {
            let mut length = 0_usize;
            let fits = rest.iter().take_while(|request| {
                length = length.saturating_add(request.payload.octets().len());
                length <= LONGEST
            });
            let (part, later) = rest.split_at_checked(fits.count().max(1)).unwrap_or((rest, &[]));
            socket.transaction(SUBSYSTEM, part, |port| own.add(port))?;
            rest = later;
        }
        Ok(())
    }
}

fn unavailable(error: &io::Error) -> Refusal {
    Refusal::new(error.raw_os_error().unwrap_or(Errno::EPROTONOSUPPORT as i32))
}
