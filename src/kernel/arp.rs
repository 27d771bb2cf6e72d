//! Sends gratuitous ARP.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, sendto, socket};

use super::worker::Worker;
use crate::wire::arp::Gratuitous;

/// Link-layer socket addresses (`sockaddr_ll`) of interfaces, by index.
type LinkAddresses = BTreeMap<u32, LinkAddr>;

/// A packet socket for all interfaces; it receives nothing.
///
/// A `sockaddr_ll` cannot be constructed without unsafe code, so it is taken from the result of `getifaddrs`. The kernel
/// uses only its interface index, which never changes, so one look-up per interface is enough. It runs on a thread of its
/// own, as it may wait for a lock of the kernel; the socket is readable when it is complete.
pub struct ArpSocket {
    /// `None` without `CAP_NET_RAW`: then no instance can become master, and there is nothing to announce.
    socket: Option<OwnedFd>,
    interfaces: LinkAddresses,
    look_ups: Worker<(), io::Result<LinkAddresses>>,
}

impl ArpSocket {
    /// Opens the socket and starts the look-up of all interfaces.
    pub fn open() -> io::Result<ArpSocket> {
        // Protocol 0: receives nothing. Frames sent have their type in the Ethernet header.
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = match socket(AddressFamily::Packet, SockType::Raw, flags, None) {
            Err(Errno::EPERM) => None,
            opened => Some(opened?),
        };
        let look_ups = Worker::spawn("link-addresses", 1, 1, |_| vec![link_addresses()])?;
        let arp = ArpSocket { socket, interfaces: LinkAddresses::new(), look_ups };
        arp.look_up();
        Ok(arp)
    }

    /// Whether an interface was looked up, so that frames can be sent on it.
    pub fn knows(&self, ifindex: u32) -> bool {
        self.interfaces.contains_key(&ifindex)
    }

    /// Starts the look-up of all interfaces, unless one is running.
    pub fn look_up(&self) {
        // The queue has room for one: a second look-up is refused while the first one is running.
        let _ = self.look_ups.submit(vec![()]);
    }

    /// Whether a look-up is running.
    pub fn is_looking_up(&self) -> bool {
        self.look_ups.in_flight() > 0
    }

    /// Takes the result of a completed look-up.
    pub fn take_look_up(&mut self) -> io::Result<()> {
        let mut results = Vec::new();
        self.look_ups.results(&mut results);
        for result in results {
            self.interfaces = result?;
        }
        Ok(())
    }

    /// Broadcasts an announcement on an interface. Does not block.
    ///
    /// `EPERM` without `CAP_NET_RAW`, `ENXIO` when the interface does not exist or was not looked up yet, `ENETDOWN` when
    /// it is down, `ENOBUFS` when its queue is full. The caller checks [`Link::noarp`](super::Link::noarp).
    pub fn send(&mut self, ifindex: u32, announcement: &Gratuitous) -> io::Result<()> {
        let socket = self.socket.as_ref().ok_or(Errno::EPERM)?;
        let interface = self.interfaces.get(&ifindex).ok_or(Errno::ENXIO)?;
        let frame = announcement.emit();
        let sent = sendto(socket.as_raw_fd(), &frame, interface, MsgFlags::empty());
        if sent == Err(Errno::ENXIO) {
            self.interfaces.remove(&ifindex);
        }
        sent?;
        Ok(())
    }
}

impl AsRawFd for ArpSocket {
    /// The descriptor of the look-ups.
    fn as_raw_fd(&self) -> RawFd {
        self.look_ups.as_raw_fd()
    }
}

fn link_addresses() -> io::Result<LinkAddresses> {
    let addresses = getifaddrs()?.filter_map(|interface| {
        let address = *interface.address?.as_link_addr()?;
        Some((u32::try_from(address.ifindex()).ok()?, address))
    });
    Ok(addresses.collect())
}
