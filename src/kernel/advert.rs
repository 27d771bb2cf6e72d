//! The socket for VRRP packets of one interface and family.

use std::cell::Cell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};

use nix::cmsg_space;
use nix::libc::{c_int, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, recvmsg, sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockFilter, Socket, Type};

use super::receive_buffer;
use crate::config::model::{Family, ReceiveBuffer};
use crate::wire::{ah, ipv4};

/// `SO_PRIORITY` of adverts: `TC_PRIO_INTERACTIVE`, the highest that needs no privilege.
const PRIORITY: u32 = 6;
/// Default receive buffer in octets: the kernel charges about 800 octets per packet, so it holds about 1000 packets.
pub const ADVERT_BUFFER: u32 = 512 << 10;

/// `BPF_RET | BPF_K`: a complete filter that keeps 0 octets of every packet.
pub(super) const DROP_ALL: SockFilter = SockFilter::new(BPF_RET, 0, 0, 0);
/// `BPF_RET | BPF_K`: keep this many octets.
const BPF_RET: u16 = 0x06;
/// `BPF_LD | BPF_B | BPF_ABS`: load an octet.
const BPF_LD: u16 = 0x30;
/// `BPF_LD | BPF_B | BPF_IND`: load an octet at an offset from X.
const BPF_LD_BEHIND: u16 = 0x50;
/// `BPF_LDX | BPF_B | BPF_MSH`: load X with the length of the IPv4 header.
const BPF_LDX_HEADER_LENGTH: u16 = 0xb1;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
const BPF_JEQ: u16 = 0x15;
/// Offset of the VRID after the IPv4 header, behind an authentication header.
const AH_VRID_AT: u32 = ah::HEADER_LEN as u32 + 1;

/// A raw socket bound to one interface, for packets of one IP protocol.
///
/// It receives packets to the host and to the groups it has joined on that interface, but not those it sends itself.
/// Non-blocking.
#[derive(Debug)]
pub struct AdvertSocket {
    socket: Socket,
    ifindex: u32,
    /// Packets may arrive on other interfaces than that with the index.
    everywhere: bool,
    ipv6: bool,
    protocol: u8,
    groups: Vec<IpAddr>,
    /// Identification of the last IPv4 packet.
    id: Cell<u16>,
}

/// A packet received, before any VRRP check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawPacket<'b> {
    /// Sender.
    pub source: IpAddr,
    /// Destination: a multicast group or an address of this host.
    pub destination: IpAddr,
    /// Time to live, or hop limit, on arrival.
    pub ttl: u8,
    /// The IPv4 header as received; empty for IPv6.
    pub header: &'b [u8],
    /// The octets after the IP header, without padding.
    pub payload: &'b [u8],
}

impl AdvertSocket {
    /// Opens a socket for IP `protocol` (112 VRRP, 51 AH) on an interface, without any group.
    ///
    /// `ENODEV` when the interface does not exist, `EPERM` without `CAP_NET_RAW`.
    pub fn open(ifname: &str, ifindex: u32, family: Family, protocol: u8) -> io::Result<AdvertSocket> {
        AdvertSocket::bound(Some(ifname), ifindex, false, family, protocol)
    }

    /// Opens a socket that receives unicast packets from the interfaces of a VRF with its name and index, or, with index 0,
    /// from any interface. It cannot join groups.
    ///
    /// `ENODEV` when the VRF does not exist, `EPERM` without `CAP_NET_RAW`.
    pub fn open_everywhere(vrf: Option<&str>, ifindex: u32, family: Family, protocol: u8) -> io::Result<AdvertSocket> {
        AdvertSocket::bound(vrf, ifindex, true, family, protocol)
    }

    fn bound(
        device: Option<&str>,
        ifindex: u32,
        everywhere: bool,
        family: Family,
        protocol: u8,
    ) -> io::Result<AdvertSocket> {
        let ipv6 = family == Family::V6;
        let domain = if ipv6 { Domain::IPV6 } else { Domain::IPV4 };
        let kind = Type::RAW.nonblocking().cloexec();
        let socket = Socket::new(domain, kind, Some(Protocol::from(i32::from(protocol))))?;
        if let Some(device) = device {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        socket.set_priority(PRIORITY)?;
        if ipv6 {
            socket.set_multicast_loop_v6(false)?;
            if !everywhere {
                socket.set_multicast_if_v6(ifindex)?;
            }
            socket.set_recv_hoplimit_v6(true)?;
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            socket.set_tclass_v6(u32::from(ipv4::TOS_INTERNETWORK_CONTROL))?;
            // The source may be an address that does not exist, or is still tentative.
            socket.set_freebind_v6(true)?;
        } else {
            socket.set_multicast_all_v4(false)?;
            socket.set_multicast_loop_v4(false)?;
            // We build the header: any source address, and interfaces without an address.
            socket.set_header_included_v4(true)?;
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        }
        let socket = AdvertSocket { socket, ifindex, everywhere, ipv6, protocol, groups: Vec::new(), id: Cell::new(0) };
        socket.set_buffer(ADVERT_BUFFER)?;
        Ok(socket)
    }

    /// Sets the receive buffer, in octets; above the system's limit if this process may exceed it.
    pub fn set_buffer(&self, octets: u32) -> io::Result<()> {
        receive_buffer::apply(&self.socket, ReceiveBuffer { octets: Some(octets), force: true })
    }

    /// Joins a group; success if it was joined already. `InvalidInput` for an address of the other family.
    pub fn join(&mut self, group: IpAddr) -> io::Result<()> {
        if self.groups.contains(&group) {
            return Ok(());
        }
        match group {
            IpAddr::V4(group) if !self.ipv6 => {
                let interface = InterfaceIndexOrAddress::Index(self.ifindex);
                self.socket.join_multicast_v4_n(&group, &interface)?;
            }
            IpAddr::V6(group) if self.ipv6 => self.socket.join_multicast_v6(&group, self.ifindex)?,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
        self.groups.push(group);
        Ok(())
    }

    /// Has the kernel drop adverts of other virtual routers: the socket of every VMAC receives the adverts of all.
    pub fn only_vrid(&self, vrid: u8) -> io::Result<()> {
        let op = |code, k| SockFilter::new(code, 0, 0, k);
        // A raw IPv6 socket receives packets without the IPv6 header.
        let mut filter = match (self.ipv6, self.protocol) {
            (true, _) => vec![op(BPF_LD, 1)],
            (false, ah::PROTOCOL) => vec![op(BPF_LDX_HEADER_LENGTH, 0), op(BPF_LD_BEHIND, AH_VRID_AT)],
            (false, _) => vec![op(BPF_LDX_HEADER_LENGTH, 0), op(BPF_LD_BEHIND, 1)],
        };
        filter.extend([SockFilter::new(BPF_JEQ, 1, 0, vrid.into()), DROP_ALL, op(BPF_RET, u32::MAX)]);
        self.socket.attach_filter(&filter)
    }

    /// Receives one packet into `buffer`; `None` when none is left.
    ///
    /// A packet with an invalid IP header and a packet longer than the buffer are dropped. The kernel reports an error such
    /// as `ENETDOWN` once; continue until `None`.
    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> io::Result<Option<RawPacket<'b>>> {
        let received = if self.ipv6 { self.receive_v6(buffer) } else { self.receive_v4(buffer) };
        match received {
            Ok(received) => Ok(Some(received)),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn receive_v4<'b>(&self, buffer: &'b mut [u8]) -> io::Result<RawPacket<'b>> {
        loop {
            let mut control = cmsg_space!(in_pktinfo);
            let mut parts = [IoSliceMut::new(buffer)];
            let message = recvmsg::<SockaddrIn>(self.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty())?;
            let arrived = message.cmsgs()?.find_map(|item| match item {
                ControlMessageOwned::Ipv4PacketInfo(info) => Some(info.ipi_ifindex),
                _ => None,
            });
            let length = message.bytes;
            let whole = buffer.get(..length).and_then(ipv4::parse).is_some();
            if whole && self.is_own(arrived) {
                break;
            }
        }
        // The packet's length is in its header, so older octets in the buffer do not matter.
        let packet = ipv4::parse(buffer).ok_or(io::ErrorKind::InvalidData)?;
        Ok(RawPacket {
            source: packet.header.source.into(),
            destination: packet.header.destination.into(),
            ttl: packet.header.ttl,
            header: packet.header_bytes,
            payload: packet.payload,
        })
    }

    fn receive_v6<'b>(&self, buffer: &'b mut [u8]) -> io::Result<RawPacket<'b>> {
        let (length, source, destination, ttl) = loop {
            let mut control = cmsg_space!(in6_pktinfo, c_int);
            let mut parts = [IoSliceMut::new(buffer)];
            let message = recvmsg::<SockaddrIn6>(self.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty())?;
            let (mut arrival, mut ttl) = (None, None);
            for item in message.cmsgs()? {
                match item {
                    ControlMessageOwned::Ipv6PacketInfo(info) => arrival = Some(info),
                    ControlMessageOwned::Ipv6HopLimit(limit) => ttl = u8::try_from(limit).ok(),
                    _ => {}
                }
            }
            let (Some(source), Some(arrival), Some(ttl)) = (message.address, arrival, ttl) else {
                continue;
            };
            let destination = Ipv6Addr::from(arrival.ipi6_addr.s6_addr);
            // Unlike IPv4, a raw IPv6 socket also receives groups that other sockets joined, even without IPV6_MULTICAST_ALL.
            let foreign = destination.is_multicast() && !self.groups.contains(&destination.into());
            let truncated = message.flags.contains(MsgFlags::MSG_TRUNC);
            if !foreign && !truncated && self.is_own(Some(arrival.ipi6_ifindex)) {
                break (message.bytes, source.ip(), destination, ttl);
            }
        };
        Ok(RawPacket {
            source: source.into(),
            destination: destination.into(),
            ttl,
            header: &[],
            payload: buffer.get(..length).unwrap_or_default(),
        })
    }

    /// Whether a packet arrived on our interface: before the bind the socket received from all interfaces.
    fn is_own<I>(&self, arrived: Option<I>) -> bool
    where
        u32: TryFrom<I>,
    {
        self.everywhere || arrived.and_then(|index| u32::try_from(index).ok()) == Some(self.ifindex)
    }

    /// Sends a packet from any source address to a group or a unicast peer of the socket's family.
    ///
    /// Does not block. Errors of the kernel: `ENETDOWN` and `ENETUNREACH` while the interface is down, `ENODEV` when it
    /// does not exist any more, `ENOBUFS` or `EAGAIN` when its queue is full. `InvalidInput` for addresses of the other
    /// family.
    pub fn send(&self, source: IpAddr, destination: IpAddr, ttl: u8, payload: &[u8]) -> io::Result<()> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) if !self.ipv6 => {
                let header = ipv4::Header {
                    tos: ipv4::TOS_INTERNETWORK_CONTROL,
                    id: self.next_id(),
                    ttl,
                    protocol: self.protocol,
                    source,
                    destination,
                };
                self.send_v4(&header, payload)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) if self.ipv6 => {
                send_v6(&self.socket, self.ifindex, source, destination, ttl, payload)
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Sends an IPv4 packet with the caller's header, which is part of the authenticated octets.
    pub fn send_v4(&self, header: &ipv4::Header, payload: &[u8]) -> io::Result<()> {
        let octets = header.emit(payload.len());
        let parts = [IoSlice::new(&octets), IoSlice::new(payload)];
        let destination = SocketAddrV4::new(header.destination, 0);
        self.socket.send_to_vectored(&parts, &destination.into()).map(drop)
    }

    /// The identification of the next IPv4 packet: 1, 2, ... 65535, 1.
    pub fn next_id(&self) -> u16 {
        let id = self.id.get().checked_add(1).unwrap_or(1);
        self.id.set(id);
        id
    }
}

impl AsRawFd for AdvertSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Sends through a raw IPv6 socket, out of one interface, with a given source and hop limit.
pub(super) fn send_v6(
    socket: &Socket,
    ifindex: u32,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    payload: &[u8],
) -> io::Result<()> {
    let info = in6_pktinfo { ipi6_addr: in6_addr { s6_addr: source.octets() }, ipi6_ifindex: ifindex };
    let hop_limit = c_int::from(hop_limit);
    let control = [ControlMessage::Ipv6PacketInfo(&info), ControlMessage::Ipv6HopLimit(&hop_limit)];
    let destination = SockaddrIn6::from(SocketAddrV6::new(destination, 0, 0, ifindex));
    let parts = [IoSlice::new(payload)];
    sendmsg(socket.as_raw_fd(), &parts, &control, MsgFlags::empty(), Some(&destination))?;
    Ok(())
}
