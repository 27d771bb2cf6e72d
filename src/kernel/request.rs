//! Performs batches of address requests through rtnetlink.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use neli::ToBytes;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{Ifa, RtAddrFamily, RtScope};
use neli::consts::socket::NlFamily;
use neli::rtnl::{IfaddrmsgBuilder, Rtattr, RtattrBuilder};
use neli::socket::NlSocket;
use neli::types::{Buffer, RtBuffer};
use nix::errno::Errno;

use super::address::{AddressRequest, Done, Op, WantedAddr};
use super::netlink::{NLMSG_ERROR, NetlinkSocket, Refusal, acknowledgement, encode, messages};
use super::rtnetlink::{
    IFA_F_HOMEADDRESS, IFA_F_MANAGETEMPADDR, IFA_F_MCAUTOJOIN, IFA_F_NODAD, IFA_F_NOPREFIXROUTE, IFA_PROTO,
    RTM_DELADDR, RTM_NEWADDR,
};

/// Unlimited lifetime.
const FOREVER: u32 = u32::MAX;
/// Longest label, `IFNAMSIZ` without the NUL.
const LABEL_MAX: usize = 15;
/// Room for the answers to a batch; a refusal contains its request.
const DATAGRAM: usize = 64 << 10;

/// A socket for address requests. It is reopened after an error.
pub(super) struct AddressSocket {
    socket: Option<NetlinkSocket<NlSocket>>,
    buffer: Vec<u8>,
    seq: u32,
}

type Outcome = Result<Done, Refusal>;

impl AddressSocket {
    /// Opens the socket in the calling thread's network namespace.
    pub(super) fn open() -> io::Result<AddressSocket> {
        Ok(AddressSocket { socket: Some(NetlinkSocket::request(NlFamily::Route)?), buffer: vec![0; DATAGRAM], seq: 0 })
    }

    /// Performs all requests in order; returns their outcomes in the same order.
    ///
    /// Requests can be repeated: when the socket fails, those without an outcome are sent again through a new socket, and
    /// the kernel then reports changes that it has made already.
    pub(super) fn perform(&mut self, batch: &[AddressRequest]) -> Vec<Outcome> {
        let mut outcomes = vec![None; batch.len()];
        let failure = self
            .attempt(batch, &mut outcomes)
            .or_else(|_| {
                let unanswered: Vec<bool> = outcomes.iter().map(Option::is_none).collect();
                let result = self.attempt(batch, &mut outcomes);
                // "Already so" most likely means that the first attempt made the change and its answer was lost.
                for (outcome, _) in outcomes.iter_mut().zip(unanswered).filter(|(_, unanswered)| *unanswered) {
                    if *outcome == Some(Ok(Done::AlreadySo)) {
                        *outcome = Some(Ok(Done::Changed));
                    }
                }
                result
            })
            .err()
            .and_then(|e| e.raw_os_error());
        outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(|| Err(Refusal::new(failure.unwrap_or(Errno::EIO as i32)))))
            .collect()
    }

    /// Sends the requests without an outcome and collects the answers. Keeps the socket only on success.
    fn attempt(&mut self, batch: &[AddressRequest], outcomes: &mut [Option<Outcome>]) -> io::Result<()> {
        let mut datagram = Vec::new();
        let mut waiting = BTreeMap::new();
        for (request, outcome) in batch.iter().zip(outcomes) {
            if outcome.is_some() {
                continue;
            }
            self.seq = self.seq.wrapping_add(1);
            match message(request, self.seq) {
                Ok(bytes) => {
                    datagram.extend(bytes);
                    waiting.insert(self.seq, (request.op, outcome));
                }
                Err(refusal) => *outcome = Some(Err(refusal)),
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => NetlinkSocket::request(NlFamily::Route)?,
        };
        // The kernel handles all requests before this returns: an answer that is not queued then is lost.
        socket.send(&datagram)?;
        while !waiting.is_empty() {
            let received = socket.receive(&mut self.buffer)?;
            for message in messages(received).filter(|message| message.kind == NLMSG_ERROR) {
                if let Some((op, outcome)) = waiting.remove(&message.seq) {
                    *outcome = Some(accept_if_done(op, acknowledgement(&message)));
                }
            }
        }
        self.socket = Some(socket);
        Ok(())
    }
}

/// Turns a refusal because there is nothing to change into success.
fn accept_if_done(op: Op, answer: Result<(), Refusal>) -> Outcome {
    match answer {
        Ok(()) => Ok(Done::Changed),
        Err(refusal) => match (op, Errno::from_raw(refusal.errno)) {
            (Op::Add, Errno::EEXIST) | (Op::Remove, Errno::EADDRNOTAVAIL | Errno::ENODEV | Errno::ESRCH) => {
                Ok(Done::AlreadySo)
            }
            _ => Err(refusal),
        },
    }
}

/// The request as a netlink message.
fn message(request: &AddressRequest, seq: u32) -> Result<Vec<u8>, Refusal> {
    let address = &request.address;
    let invalid = |why: &str| Refusal { errno: Errno::EINVAL as i32, text: why.to_owned() };
    if let Some((peer, _)) = address.peer
        && peer.is_ipv4() != address.ip.is_ipv4()
    {
        return Err(invalid("the peer is of another family"));
    }
    if address.label.as_ref().is_some_and(|label| label.len() > LABEL_MAX) {
        return Err(invalid("the label is too long"));
    }
    encode_message(request.op, address, seq).map_err(|e| invalid(&e.to_string()))
}

fn encode_message(op: Op, address: &WantedAddr, seq: u32) -> io::Result<Vec<u8>> {
    let v4 = address.ip.is_ipv4();
    let (peer, prefix) = address.peer.unwrap_or((address.ip, address.prefix));
    let mut attributes = vec![attribute(Ifa::Local, octets(address.ip))?, attribute(Ifa::Address, octets(peer))?];
    let (kind, flags) = match op {
        Op::Add => {
            attributes.push(attribute(Ifa::Flags, flags(address))?);
            // Kernels before 5.18 ignore this attribute, as all unknown ones.
            if let Some(protocol) = address.protocol {
                attributes.push(attribute(Ifa::from(IFA_PROTO), protocol)?);
            }
            let preferred = preferred_lifetime(address);
            if preferred != FOREVER {
                // struct ifa_cacheinfo: preferred and valid lifetime, and two times that only the kernel fills in.
                let lifetimes = [preferred, FOREVER, 0, 0].map(u32::to_ne_bytes).concat();
                attributes.push(attribute(Ifa::Cacheinfo, Buffer::from(lifetimes))?);
            }
            if let Some(broadcast) = address.broadcast.filter(|ip| v4 && ip.is_ipv4()) {
                attributes.push(attribute(Ifa::Broadcast, octets(broadcast))?);
            }
            if let Some(label) = address.label.as_ref().filter(|_| v4) {
                attributes.push(attribute(Ifa::Label, label.as_str())?);
            }
            (RTM_NEWADDR, NlmF::CREATE | NlmF::EXCL | NlmF::ACK)
        }
        Op::Remove => (RTM_DELADDR, NlmF::ACK),
    };
    let request = IfaddrmsgBuilder::default()
        .ifa_family(if v4 { RtAddrFamily::Inet } else { RtAddrFamily::Inet6 })
        .ifa_prefixlen(prefix)
        .ifa_scope(RtScope::from(address.scope))
        .ifa_index(address.ifindex)
        .rtattrs(RtBuffer::from_iter(attributes))
        .build()
        .map_err(io::Error::other)?;
    encode(kind, flags, seq, request)
}

/// `IFA_FLAGS` of an address.
fn flags(address: &WantedAddr) -> u32 {
    let v6 = address.ip.is_ipv6();
    [
        (address.nodad && v6, IFA_F_NODAD),
        (address.home && v6, IFA_F_HOMEADDRESS),
        (address.mngtmpaddr && v6, IFA_F_MANAGETEMPADDR),
        (address.noprefixroute, IFA_F_NOPREFIXROUTE),
        (address.autojoin, IFA_F_MCAUTOJOIN),
    ]
    .into_iter()
    .fold(0, |flags, (set, flag)| if set { flags | flag } else { flags })
}

fn preferred_lifetime(address: &WantedAddr) -> u32 {
    let host_v6 = address.ip.is_ipv6() && address.peer.is_none() && address.prefix == 128;
    address.preferred_lft.unwrap_or(if host_v6 { 0 } else { FOREVER })
}

fn octets(ip: IpAddr) -> Buffer {
    Buffer::from(match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    })
}

fn attribute<P: neli::Size + ToBytes>(kind: Ifa, payload: P) -> io::Result<Rtattr<Ifa, Buffer>> {
    RtattrBuilder::default().rta_type(kind).rta_payload(payload).build().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use lab::netns::{Netns, next_lab};

    use super::*;

    fn removal(token: u64) -> AddressRequest {
        let address = WantedAddr::plain(999, [10, 0, 0, 1].into(), 32);
        AddressRequest { token, op: Op::Remove, address, secondaries: None }
    }

    #[test]
    fn requests_whose_answers_are_lost_are_sent_again_through_a_new_socket() {
        let netns = Netns::new(next_lab(), "request");
        netns.enter(|| {
            let mut addresses = AddressSocket::open().unwrap();
            // Fill the socket with unread answers, so that it has no room for the next ones.
            let socket = addresses.socket.as_ref().unwrap();
            for _ in 0..3000 {
                socket.send(&message(&removal(0), 0).unwrap()).unwrap();
            }
            let batch: Vec<_> = (0..20).map(removal).collect();
            // Sent twice: the first attempt may have made the change.
            assert_eq!(addresses.perform(&batch), vec![Ok(Done::Changed); 20]);
            assert!(addresses.socket.is_some(), "kept for the next batch");
            assert_eq!(addresses.perform(&batch), vec![Ok(Done::AlreadySo); 20]);
        });
    }
}
