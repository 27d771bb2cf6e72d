//! Opens and closes the sockets of adverts on a thread of its own.
//!
//! Joining a multicast group, and closing a socket that has joined one, takes the kernel's RTNL lock, which other
//! programs may hold for a second.

use std::io;
use std::net::IpAddr;

use super::advert::AdvertSocket;
use super::worker::Worker;
use crate::config::model::Family;

/// Most pending requests; the caller has at most one for each socket.
const CAPACITY: usize = 1 << 16;

/// Description of a socket to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedSocket {
    /// Name of the interface.
    pub interface: String,
    /// Its index; 0: the socket is not bound to an interface.
    pub ifindex: u32,
    /// Packets are received from any interface, or from those of the VRF with this index.
    pub everywhere: bool,
    /// Family of the packets.
    pub family: Family,
    /// IP protocol: VRRP or AH.
    pub protocol: u8,
    /// Groups to join.
    pub groups: Vec<IpAddr>,
    /// VRID of the adverts to receive; `None`: all.
    pub vrid: Option<u8>,
    /// Receive buffer in octets.
    pub buffer: u32,
}

impl WantedSocket {
    /// Opens the socket; may block in the kernel.
    pub fn open(&self) -> io::Result<AdvertSocket> {
        let mut socket = if self.everywhere {
            let vrf = Some(self.interface.as_str()).filter(|_| self.ifindex != 0);
            AdvertSocket::open_everywhere(vrf, self.ifindex, self.family, self.protocol)?
        } else {
            AdvertSocket::open(&self.interface, self.ifindex, self.family, self.protocol)?
        };
        socket.set_buffer(self.buffer)?;
        if let Some(vrid) = self.vrid {
            socket.only_vrid(vrid)?;
        }
        self.groups.iter().try_for_each(|group| socket.join(*group))?;
        Ok(socket)
    }
}

/// A request to the thread.
#[derive(Debug)]
pub enum SocketRequest {
    /// Open a socket.
    Open(WantedSocket),
    /// Close a socket.
    Close(AdvertSocket),
}

/// Result of opening a socket; `None` after closing one.
pub type SocketResult = Option<(WantedSocket, io::Result<AdvertSocket>)>;

/// The event loop's handle of the thread.
pub type Opener = Worker<SocketRequest, SocketResult>;

impl Opener {
    /// Starts the thread, in the caller's network namespace.
    pub fn start_sockets() -> io::Result<Opener> {
        Worker::spawn("sockets", CAPACITY, 1, |requests: Vec<SocketRequest>| {
            requests
                .into_iter()
                .map(|request| match request {
                    SocketRequest::Open(wanted) => {
                        let opened = wanted.open();
                        Some((wanted, opened))
                    }
                    SocketRequest::Close(socket) => {
                        drop(socket);
                        None
                    }
                })
                .collect()
        })
    }
}
