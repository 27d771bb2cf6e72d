//! Sending gratuitous ARP.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, sendto, socket};

use super::worker::Worker;
use crate::wire::arp::Gratuitous;

/// The kernel's addresses of interfaces, by index.
type LinkAddresses = BTreeMap<u32, LinkAddr>;

/// A packet socket for all interfaces; it receives nothing.
///
/// The kernel's address of an interface (`sockaddr_ll`) cannot be written down without unsafe code, so it is taken from
/// the list that `getifaddrs` gives. Of that address only the index is used, and the index of an interface never
/// changes, so a look-up is needed once for each interface. It runs on a thread of its own, for it may have to wait for
/// a lock of the kernel; the socket is readable when it is done.
pub struct ArpSocket {
    /// `None` without `CAP_NET_RAW`: then there is no master that has anything to announce.
    socket: Option<OwnedFd>,
    interfaces: LinkAddresses,
    look_ups: Worker<(), io::Result<LinkAddresses>>,
}

impl ArpSocket {
    /// Opens the socket and begins to look up the interfaces there are.
    pub fn open() -> io::Result<ArpSocket> {
        // Protocol 0: nothing is received; what is sent is known by the type in its frame.
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

    /// Whether frames can be sent on an interface at once.
    pub fn knows(&self, ifindex: u32) -> bool {
        self.interfaces.contains_key(&ifindex)
    }

    /// Begins to look up all interfaces, unless that is under way.
    pub fn look_up(&self) {
        // With room for one, a second look-up is refused while the first one is under way.
        let _ = self.look_ups.submit(vec![()]);
    }

    /// Whether a look-up is under way.
    pub fn is_looking_up(&self) -> bool {
        self.look_ups.in_flight() > 0
    }

    /// Takes over what a look-up has found.
    pub fn take_look_up(&mut self) -> io::Result<()> {
        let mut results = Vec::new();
        self.look_ups.results(&mut results);
        for result in results {
            self.interfaces = result?;
        }
        Ok(())
    }

    /// Broadcasts an announcement on an interface. Does not wait.
    ///
    /// `EPERM` without `CAP_NET_RAW`, `ENXIO` when the interface is not there or was not looked up yet, `ENETDOWN` when it is down, `ENOBUFS` when its
    /// queue is full. That an interface does no ARP ([`Link::noarp`](super::Link::noarp)) is for the caller to see.
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
    /// Of the look-ups.
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
