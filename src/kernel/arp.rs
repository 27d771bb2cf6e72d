//! Sending gratuitous ARP.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, sendto, socket};

use crate::wire::arp::Gratuitous;

/// A packet socket for all interfaces; it receives nothing.
///
/// The kernel's address of an interface (`sockaddr_ll`) cannot be written down without unsafe code, so it is taken from
/// the list that `getifaddrs` gives. Of that address only the index is used, and the index of an interface never
/// changes, so a look-up is needed once for each interface.
#[derive(Debug)]
pub struct ArpSocket {
    socket: OwnedFd,
    interfaces: BTreeMap<u32, LinkAddr>,
}

impl ArpSocket {
    /// Opens the socket and looks up the interfaces there are. `EPERM` without `CAP_NET_RAW`.
    pub fn open() -> io::Result<ArpSocket> {
        // Protocol 0: nothing is received; what is sent is known by the type in its frame.
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
        let mut arp = ArpSocket { socket, interfaces: BTreeMap::new() };
        arp.refresh()?;
        Ok(arp)
    }

    /// Looks up the interfaces anew. To be called when a link has appeared; else the first frame to it does so, which
    /// takes some milliseconds on a machine with thousands of addresses.
    pub fn refresh(&mut self) -> io::Result<()> {
        self.interfaces = getifaddrs()?
            .filter_map(|interface| {
                let address = *interface.address?.as_link_addr()?;
                Some((u32::try_from(address.ifindex()).ok()?, address))
            })
            .collect();
        Ok(())
    }

    /// Broadcasts an announcement on an interface. Does not wait.
    ///
    /// `ENXIO` when the interface is not there, `ENETDOWN` when it is down, `ENOBUFS` when its queue is full. That an
    /// interface does no ARP ([`Link::noarp`](super::Link::noarp)) is for the caller to see.
    pub fn send(&mut self, ifindex: u32, announcement: &Gratuitous) -> io::Result<()> {
        if !self.interfaces.contains_key(&ifindex) {
            self.refresh()?;
        }
        let interface = self.interfaces.get(&ifindex).ok_or(Errno::ENXIO)?;
        let frame = announcement.emit();
        let sent = sendto(self.socket.as_raw_fd(), &frame, interface, MsgFlags::empty());
        if sent == Err(Errno::ENXIO) {
            self.interfaces.remove(&ifindex);
        }
        sent?;
        Ok(())
    }
}
