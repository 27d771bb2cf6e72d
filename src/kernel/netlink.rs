//! Netlink sockets, and decoding of the kernel's messages.
//!
//! Messages are encoded and decoded by the functions here and by [`Attributes`](super::attributes::Attributes). Decoding
//! returns slices of the datagram, keeps all flag bits, and accepts any bytes without a panic.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use neli::consts::socket::NlFamily;
use neli::socket::NlSocket;
use neli::utils::Groups;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname, recvmsg, send, socket,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{SockFilter, SockRef};

use super::attributes::{align, attributes, i32_at, text, u16_at, u32_at};
use super::receive_buffer;
use crate::config::model::ReceiveBuffer;

/// `NLMSG_ERROR`: an acknowledgement or an error.
pub(super) const NLMSG_ERROR: u16 = 2;
/// `NLMSG_DONE`: end of a dump.
pub(super) const NLMSG_DONE: u16 = 3;
/// `NLMSG_OVERRUN`: data lost.
pub(super) const NLMSG_OVERRUN: u16 = 4;
/// `NLM_F_DUMP_INTR`: the tables changed during the dump.
pub(super) const NLM_F_DUMP_INTR: u16 = 0x10;
/// `NLM_F_CAPPED`: the error contains only the header of the request.
const NLM_F_CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: attributes follow the request in the error.
const NLM_F_ACK_TLVS: u16 = 0x200;
/// `NLMSGERR_ATTR_MSG`: the kernel's error message.
const NLMSGERR_ATTR_MSG: u16 = 1;
/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// `NLMSGERR_ATTR_OFFS`: the offset, in the request, of the attribute that was refused.
const NLMSGERR_ATTR_OFFS: u16 = 2;

pub(super) const NLM_F_REQUEST: u16 = 1;
pub(super) const NLM_F_ACK: u16 = 4;
pub(super) const NLM_F_DUMP: u16 = 0x300;
pub(super) const NLM_F_REPLACE: u16 = 0x100;
pub(super) const NLM_F_EXCL: u16 = 0x200;
pub(super) const NLM_F_CREATE: u16 = 0x400;
pub(super) const NLM_F_APPEND: u16 = 0x800;

/// A netlink socket of nix or of neli: nix can set a receive buffer above the system's limit, neli can request extended
/// acknowledgements.
#[derive(Debug)]
pub(super) struct NetlinkSocket<S> {
    socket: S,
}

impl NetlinkSocket<OwnedFd> {
    /// A non-blocking `NETLINK_ROUTE` socket that joins multicast groups (`RTNLGRP_*` numbers, up to 32), with a receive
    /// buffer (the kernel doubles it), and a filter of notifications.
    pub(super) fn listen(
        groups: &[u32],
        buffer: ReceiveBuffer,
        filter: Option<&[SockFilter]>,
    ) -> io::Result<NetlinkSocket<OwnedFd>> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        receive_buffer::apply(&socket, buffer)?;
        if let Some(filter) = filter {
            // Without it the caller drops the messages.
            let _ = SockRef::from(&socket).attach_filter(filter);
        }
        let groups = Groups::new_groups(groups).as_bitmask().map_err(io::Error::other)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(NetlinkSocket { socket })
    }

    /// A non-blocking `NETLINK_CONNECTOR` socket that joins a multicast group.
    pub(super) fn connector(group: u32) -> io::Result<NetlinkSocket<OwnedFd>> {
        NetlinkSocket::member(NlFamily::Connector, group)
    }

    /// A non-blocking `NETLINK_NETFILTER` socket that joins a multicast group.
    pub(super) fn netfilter(group: u32) -> io::Result<NetlinkSocket<OwnedFd>> {
        NetlinkSocket::member(NlFamily::Netfilter, group)
    }

    fn member(protocol: NlFamily, group: u32) -> io::Result<NetlinkSocket<OwnedFd>> {
        // nix has no names for these protocols.
        let (family, protocol) = (AddressFamily::Netlink as i32, i32::from(protocol));
        let kind = socket2::Type::DGRAM.nonblocking().cloexec();
        let socket: OwnedFd = socket2::Socket::new(family.into(), kind, Some(protocol.into()))?.into();
        let groups = Groups::new_groups(&[group]).as_bitmask().map_err(io::Error::other)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(NetlinkSocket { socket })
    }

    /// Sets the receive buffer (the kernel doubles it).
    pub(super) fn receive_buffer(&self, buffer: ReceiveBuffer) -> io::Result<()> {
        receive_buffer::apply(&self.socket, buffer)
    }

    /// Waits for a datagram, at most for `timeout`.
    pub(super) fn wait_readable(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

impl NetlinkSocket<NlSocket> {
    /// A non-blocking socket for requests: the kernel handles a request, and queues its answer, inside `send`.
    pub(super) fn request(family: NlFamily, buffer: ReceiveBuffer) -> io::Result<NetlinkSocket<NlSocket>> {
        let socket = NlSocket::connect(family, None, Groups::empty())?;
        receive_buffer::apply_by_number(&socket, buffer)?;
        socket.nonblock()?;
        // Kernels before 4.12 have no extended acknowledgements.
        let _ = socket.enable_ext_ack(true);
        Ok(NetlinkSocket { socket })
    }
}

impl<S: AsRawFd> NetlinkSocket<S> {
    /// The socket's own address (port ID), which is in the kernel's replies.
    pub(super) fn port(&self) -> io::Result<u32> {
        Ok(getsockname::<NetlinkAddr>(self.as_raw_fd())?.pid())
    }

    /// Sends one datagram of one or more messages to the kernel, which handles them before this returns.
    pub(super) fn send(&self, datagram: &[u8]) -> io::Result<()> {
        loop {
            match send(self.as_raw_fd(), datagram, MsgFlags::empty()) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Receives one datagram from the kernel into `buffer`.
    ///
    /// A datagram longer than the buffer is an `InvalidData` error. A datagram of another process is returned as empty.
    pub(super) fn receive<'b>(&self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        let (length, truncated, from_kernel) = loop {
            let mut parts = [IoSliceMut::new(buffer)];
            match recvmsg::<NetlinkAddr>(self.as_raw_fd(), &mut parts, None, MsgFlags::empty()) {
                Ok(received) => {
                    break (
                        received.bytes,
                        received.flags.contains(MsgFlags::MSG_TRUNC),
                        received.address.is_some_and(|sender| sender.pid() == 0),
                    );
                }
                Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
        };
        if truncated {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let length = if from_kernel { length } else { 0 };
        Ok(buffer.get(..length).unwrap_or_default())
    }
}

impl<S: AsRawFd> AsRawFd for NetlinkSocket<S> {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Encodes a request; its length is a multiple of four, as is that of `payload`.
pub(super) fn encode(kind: u16, flags: u16, seq: u32, payload: &[u8]) -> Vec<u8> {
    // A request is far shorter than 4 GiB.
    let length = u32::try_from(HEADER.saturating_add(payload.len())).unwrap_or(u32::MAX);
    let own_port = 0_u32;
    let mut octets = Vec::with_capacity(HEADER.saturating_add(payload.len()));
    octets.extend(length.to_ne_bytes());
    octets.extend(kind.to_ne_bytes());
    octets.extend((flags | NLM_F_REQUEST).to_ne_bytes());
    octets.extend(seq.to_ne_bytes());
    octets.extend(own_port.to_ne_bytes());
    octets.extend(payload);
    octets
}

/// One netlink message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message<'b> {
    /// `nlmsg_type`.
    pub(super) kind: u16,
    /// `nlmsg_flags`.
    pub(super) flags: u16,
    /// `nlmsg_seq`: sequence number of the request.
    pub(super) seq: u32,
    /// `nlmsg_pid`: port ID of the socket whose request caused this message.
    pub(super) port: u32,
    /// The octets after the header.
    pub(super) payload: &'b [u8],
}

/// The messages of a datagram; stops at the first incomplete one.
pub(super) fn messages(mut rest: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        let message = rest.get(..length)?;
        let payload = message.get(HEADER..)?;
        rest = rest.get(align(length)..).unwrap_or_default();
        Some(Message {
            kind: u16_at(message, 4)?,
            flags: u16_at(message, 6)?,
            seq: u32_at(message, 8)?,
            port: u32_at(message, 12)?,
            payload,
        })
    })
}

/// An error of the kernel: its number and, if the kernel sent one, its message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", Errno::from_raw(*errno).desc(), if text.is_empty() { String::new() } else { format!(" ({text})") })]
pub struct Refusal {
    /// `errno`, positive.
    pub errno: i32,
    /// The message in the kernel's extended acknowledgement and the word of the configuration that it is about; empty
    /// without both.
    pub text: String,
}

impl Refusal {
    /// A refusal without a message.
    pub(super) fn new(errno: i32) -> Refusal {
        Refusal { errno, text: String::new() }
    }

    /// Adds the word of the configuration that was refused.
    pub(super) fn with_word(mut self, word: Option<&str>) -> Refusal {
        if let Some(word) = word {
            let separator = if self.text.is_empty() { "" } else { ", " };
            self.text = format!("{}{separator}{word}", self.text);
        }
        self
    }
}

/// Decodes an `NLMSG_ERROR` message: an acknowledgement (error 0), or a refusal.
pub(super) fn acknowledgement(message: &Message<'_>) -> Result<(), Refusal> {
    let error = i32_at(message.payload, 0).unwrap_or(-(Errno::EBADMSG as i32));
    if error == 0 {
        return Ok(());
    }
    let mut refusal = Refusal::new(error.saturating_neg());
    if let Some(octets) = extended(message, NLMSGERR_ATTR_MSG) {
        refusal.text = text(octets);
    }
    Err(refusal)
}

/// The offset, in the payload of the request, of the attribute that an `NLMSG_ERROR` message refuses.
pub(super) fn disliked(message: &Message<'_>) -> Option<usize> {
    let offset = u32_at(extended(message, NLMSGERR_ATTR_OFFS)?, 0)?;
    usize::try_from(offset).ok()?.checked_sub(HEADER)
}

/// An attribute of an extended acknowledgement.
fn extended<'b>(message: &Message<'b>, wanted: u16) -> Option<&'b [u8]> {
    if message.flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let request =
        if message.flags & NLM_F_CAPPED != 0 { HEADER } else { usize::try_from(u32_at(message.payload, 4)?).ok()? };
    let rest = message.payload.get(4usize.saturating_add(align(request))..)?;
    attributes(rest).find(|(kind, _)| *kind == wanted).map(|(_, octets)| octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::attributes::Attributes;

    /// A message with these header fields and the right length.
    pub(in crate::kernel) fn message(kind: u16, flags: u16, seq: u32, port: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(u32::try_from(HEADER + payload.len()).unwrap().to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(seq.to_ne_bytes());
        bytes.extend(port.to_ne_bytes());
        bytes.extend(payload);
        bytes.resize(align(bytes.len()), 0);
        bytes
    }

    fn attribute<const N: usize>(kind: u16, octets: [u8; N]) -> Vec<u8> {
        let mut attributes = Attributes::default();
        attributes.put(kind, octets);
        attributes.octets().to_vec()
    }

    fn refused(flags: u16, parts: &[&[u8]]) -> Refusal {
        let payload = parts.concat();
        acknowledgement(&Message { kind: NLMSG_ERROR, flags, seq: 1, port: 1, payload: &payload }).unwrap_err()
    }

    #[test]
    fn an_encoded_message_is_decoded_unchanged() {
        let bytes = encode(20, NLM_F_ACK, 7, &[1, 2, 3, 4]);
        let read: Vec<_> = messages(&bytes).collect();
        assert_eq!(read, [Message { kind: 20, flags: 5, seq: 7, port: 0, payload: &[1, 2, 3, 4] }]);
    }

    #[test]
    fn messages_are_aligned_and_an_incomplete_tail_is_ignored() {
        let mut bytes = message(1, 2, 3, 4, b"odd");
        bytes.extend(message(5, 6, 7, 8, b""));
        bytes.extend([9, 0, 0, 0]);
        let kinds: Vec<_> = messages(&bytes).map(|m| (m.kind, m.payload.len())).collect();
        assert_eq!(kinds, [(1, 3), (5, 0)]);
    }

    #[test]
    fn a_refusal_has_the_kernels_number_and_message() {
        let errno = (-(Errno::EINVAL as i32)).to_ne_bytes();
        let request = message(20, 0, 1, 0, &[0; 24]);
        let tlvs =
            [attribute(NLMSGERR_ATTR_OFFS, 20_u32.to_ne_bytes()), attribute(NLMSGERR_ATTR_MSG, *b"no such thing\0")]
                .concat();
        let whole = refused(NLM_F_ACK_TLVS, &[&errno, &request, &tlvs]);
        assert_eq!(whole, Refusal { errno: 22, text: "no such thing".to_owned() });
        assert_eq!(whole.to_string(), "Invalid argument (no such thing)");
        assert_eq!(whole.clone().with_word(Some("via")).to_string(), "Invalid argument (no such thing, via)");
        let payload = [&errno[..], &request, &tlvs].concat();
        let message = Message { kind: NLMSG_ERROR, flags: NLM_F_ACK_TLVS, seq: 1, port: 1, payload: &payload };
        assert_eq!((disliked(&message), disliked(&Message { flags: 0, ..message })), (Some(4), None));
        assert_eq!(refused(NLM_F_ACK_TLVS | NLM_F_CAPPED, &[&errno, &request[..HEADER], &tlvs]), whole);
        let without_text = refused(0, &[&errno, &request]);
        assert_eq!(without_text.clone().with_word(Some("via")).to_string(), "Invalid argument (via)");
        assert_eq!((without_text.errno, without_text.to_string().as_str()), (22, "Invalid argument"));
        let done = Message { kind: NLMSG_ERROR, flags: 0, seq: 1, port: 1, payload: &[0; 4] };
        assert_eq!(acknowledgement(&done), Ok(()));
        assert_eq!(refused(0, &[&[0; 3]]).errno, Errno::EBADMSG as i32);
    }

    proptest! {
        /// No bytes make a decoder panic or loop for ever.
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200), flags in any::<u16>()) {
            prop_assert!(messages(&bytes).count() <= bytes.len());
            let _ = acknowledgement(&Message { kind: NLMSG_ERROR, flags, seq: 0, port: 0, payload: &bytes });
            let _ = disliked(&Message { kind: NLMSG_ERROR, flags, seq: 0, port: 0, payload: &bytes });
            let _ = text(&bytes);
        }
    }
}
