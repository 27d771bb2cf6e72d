//! A netlink socket for requests: batches of changes with an outcome for each, and requests for rows.
//!
//! The kernel handles a request, and queues its answers, inside `send`: an answer that is not queued then is lost. After an
//! error the socket is closed, and what had no answer is sent once more through a new one. So requests must be repeatable:
//! the kernel then reports changes that it has made already.

use std::collections::BTreeMap;
use std::io;

use neli::consts::socket::NlFamily;
use neli::socket::NlSocket;
use nix::errno::Errno;

use super::attributes::{Attributes, i32_at};
use super::netlink::{
    NLM_F_ACK, NLM_F_DUMP, NLMSG_DONE, NLMSG_ERROR, NetlinkSocket, Refusal, acknowledgement, disliked, encode, messages,
};
use super::phrases;
use super::receive_buffer;
use crate::config::model::ReceiveBuffer;
use crate::state::Done;

/// Room for the answers to a batch; a refusal contains its request. Datagrams of dumps have at most 32 KiB.
const DATAGRAM: usize = 64 << 10;

/// The first and the last message of a netfilter transaction (`linux/netfilter/nfnetlink.h`).
const NFNL_MSG_BATCH_BEGIN: u16 = 16;
const NFNL_MSG_BATCH_END: u16 = 17;

/// A request without the fields that the socket fills in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// `nlmsg_type`.
    pub(super) kind: u16,
    /// `nlmsg_flags`, without `NLM_F_REQUEST` and `NLM_F_ACK`.
    pub(super) flags: u16,
    /// Fixed header and attributes. Their words are named in refusals.
    pub(super) payload: Attributes,
}

/// The kernel's answer to a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) result: Result<(), Refusal>,
    /// The request was sent twice, as the first answer was lost: the first may have made the change.
    pub(super) repeated: bool,
}

impl Answer {
    /// The outcome: a refusal with one of these errors means that there was nothing to change.
    pub(super) fn outcome(self, already: &[Errno]) -> Result<Done, Refusal> {
        match self.result {
            Ok(()) => Ok(Done::Changed),
            Err(refusal) if !already.iter().any(|errno| *errno as i32 == refusal.errno) => Err(refusal),
            // Most likely the first attempt made the change.
            Err(_) if self.repeated => Ok(Done::Changed),
            Err(_) => Ok(Done::AlreadySo),
        }
    }
}

type Slot = Option<Result<(), Refusal>>;

/// A socket for requests to one netlink protocol.
pub(super) struct RequestSocket {
    protocol: NlFamily,
    socket: Option<NetlinkSocket<NlSocket>>,
    /// The receive buffer of the socket.
    size: ReceiveBuffer,
    buffer: Vec<u8>,
    seq: u32,
}

impl RequestSocket {
    /// Opens a socket for links, addresses, routes and rules in the calling thread's network namespace.
    pub(super) fn route() -> io::Result<RequestSocket> {
        RequestSocket::open(NlFamily::Route)
    }

    /// Opens a socket for the families of generic netlink in the calling thread's network namespace.
    pub(super) fn generic() -> io::Result<RequestSocket> {
        RequestSocket::open(NlFamily::Generic)
    }

    /// Opens a socket for transactions of netfilter in the calling thread's network namespace.
    pub(super) fn netfilter() -> io::Result<RequestSocket> {
        RequestSocket::open(NlFamily::Netfilter)
    }

    fn open(protocol: NlFamily) -> io::Result<RequestSocket> {
        let size = receive_buffer::of_requests();
        let socket = NetlinkSocket::request(protocol, size)?;
        Ok(RequestSocket { protocol, socket: Some(socket), size, buffer: vec![0; DATAGRAM], seq: 0 })
    }

    /// Performs all changes in order, with one call of the kernel; returns their answers in the same order. Requests that
    /// could not be encoded are answered with their refusal.
    pub(super) fn perform(&mut self, batch: &[Result<Request, Refusal>]) -> Vec<Answer> {
        let mut slots: Vec<Slot> = batch.iter().map(|request| request.as_ref().err().cloned().map(Err)).collect();
        let mut repeated = vec![false; batch.len()];
        let sent = self.attempt(batch, &mut slots).or_else(|_| {
            repeated = slots.iter().map(Option::is_none).collect();
            self.attempt(batch, &mut slots)
        });
        let missing = sent.err().map_or_else(|| Refusal::new(Errno::EIO as i32), |error| failed(&error));
        let results = slots.into_iter().map(|slot| slot.unwrap_or_else(|| Err(missing.clone())));
        results.zip(repeated).map(|(result, repeated)| Answer { result, repeated }).collect()
    }

    /// Performs one change; success if the kernel refuses it with one of these errors.
    pub(super) fn change(&mut self, request: Request, already: &[Errno]) -> Result<Done, Refusal> {
        let answer = self.perform(&[Ok(request)]).pop();
        answer.map_or_else(|| Err(Refusal::new(Errno::EIO as i32)), |answer| answer.outcome(already))
    }

    /// Sends a request for rows, which is a dump if it has `NLM_F_DUMP`; returns the rows that `decode` accepts.
    pub(super) fn rows<T>(
        &mut self,
        request: &Request,
        decode: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, Refusal> {
        let rows = self.read(request, &decode).or_else(|_| self.read(request, &decode));
        rows.unwrap_or_else(|error| Err(failed(&error)))
    }

    /// Sends the requests whose slots are empty and fills these. Keeps the socket only on success.
    ///
    /// The kernel handles the requests of a datagram in order and always answers a refusal. So only the last request needs
    /// an acknowledgement: the others are then either refused or done.
    fn attempt(&mut self, batch: &[Result<Request, Refusal>], slots: &mut [Slot]) -> io::Result<()> {
        let pending = batch.iter().zip(slots).filter(|(_, slot)| slot.is_none());
        let mut pending = pending.filter_map(|(request, slot)| Some((request.as_ref().ok()?, slot))).peekable();
        let mut datagram = Vec::new();
        let mut waiting = BTreeMap::new();
        while let Some((request, slot)) = pending.next() {
            self.seq = self.seq.wrapping_add(1);
            let flags = if pending.peek().is_none() { request.flags | NLM_F_ACK } else { request.flags };
            datagram.extend(encode(request.kind, flags, self.seq, request.payload.octets()));
            waiting.insert(self.seq, (request, slot));
        }
        let last = self.seq;
        if waiting.is_empty() {
            return Ok(());
        }
        let socket = self.take()?;
        socket.send(&datagram)?;
        while waiting.contains_key(&last) {
            let received = socket.receive(&mut self.buffer)?;
            for message in messages(received).filter(|message| message.kind == NLMSG_ERROR) {
                if let Some((request, slot)) = waiting.remove(&message.seq) {
                    *slot = Some(acknowledgement(&message).map_err(|refusal| {
                        let word = disliked(&message).and_then(|at| request.payload.word_at(at));
                        let word = word.or_else(|| phrases::word(&refusal.text, &request.payload));
                        refusal.with_word(word)
                    }));
                }
            }
        }
        for (_, slot) in waiting.into_values() {
            *slot = Some(Ok(()));
        }
        self.socket = Some(socket);
        Ok(())
    }

    /// Makes all changes of a netfilter subsystem, or none. `before` gets the port of the socket before each attempt.
    pub(super) fn transaction(
        &mut self,
        subsystem: u8,
        requests: &[Request],
        before: impl Fn(u32),
    ) -> Result<(), Refusal> {
        let outcome =
            self.transact(subsystem, requests, &before).or_else(|_| self.transact(subsystem, requests, &before));
        outcome.unwrap_or_else(|error| Err(failed(&error)))
    }

    /// Sends a transaction. The outer error is the socket's, the inner one the first of the kernel.
    ///
    /// The kernel sends an answer for each refused request, or one for the first message if it refuses the whole.
    fn transact(
        &mut self,
        subsystem: u8,
        requests: &[Request],
        before: &impl Fn(u32),
    ) -> io::Result<Result<(), Refusal>> {
        let [high, low] = u16::from(subsystem).to_be_bytes();
        let frame = [0, 0, high, low];
        let Some((last, first)) = requests.split_last() else { return Ok(Ok(())) };
        let mut datagram = encode(NFNL_MSG_BATCH_BEGIN, 0, self.next_seq(), &frame);
        for request in first {
            datagram.extend(encode(request.kind, request.flags, self.next_seq(), request.payload.octets()));
        }
        let end = self.next_seq();
        datagram.extend(encode(last.kind, last.flags | NLM_F_ACK, end, last.payload.octets()));
        datagram.extend(encode(NFNL_MSG_BATCH_END, 0, self.next_seq(), &frame));
        let socket = self.take()?;
        before(socket.port()?);
        socket.send(&datagram)?;
        let mut outcome = None;
        loop {
            let received = match socket.receive(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                received => received?,
            };
            for message in messages(received).filter(|message| message.kind == NLMSG_ERROR) {
                match acknowledgement(&message) {
                    Err(refusal) => outcome = outcome.filter(Result::is_err).or(Some(Err(refusal))),
                    Ok(()) if message.seq == end => outcome = outcome.or(Some(Ok(()))),
                    Ok(()) => {}
                }
            }
        }
        self.socket = Some(socket);
        outcome.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn next_seq(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }

    /// Sends a request for rows. The outer error is the socket's, the inner one the kernel's.
    fn read<T>(
        &mut self,
        request: &Request,
        decode: &impl Fn(&[u8]) -> Option<T>,
    ) -> io::Result<Result<Vec<T>, Refusal>> {
        self.seq = self.seq.wrapping_add(1);
        // A dump ends with a message of its own.
        let end = if request.flags & NLM_F_DUMP == NLM_F_DUMP { 0 } else { NLM_F_ACK };
        let socket = self.take()?;
        socket.send(&encode(request.kind, request.flags | end, self.seq, request.payload.octets()))?;
        let mut rows = Vec::new();
        let mut outcome = None;
        while outcome.is_none() {
            // The kernel continues a dump inside this call, so there is always a message until the end.
            let received = socket.receive(&mut self.buffer)?;
            for message in messages(received).filter(|message| message.seq == self.seq) {
                match message.kind {
                    NLMSG_ERROR => outcome = Some(acknowledgement(&message)),
                    NLMSG_DONE => {
                        let error = i32_at(message.payload, 0).filter(|error| *error < 0);
                        outcome = Some(error.map_or(Ok(()), |error| Err(Refusal::new(error.saturating_neg()))));
                    }
                    _ => rows.extend(decode(message.payload)),
                }
            }
        }
        self.socket = Some(socket);
        Ok(outcome.unwrap_or(Ok(())).map(|()| rows))
    }

    fn take(&mut self) -> io::Result<NetlinkSocket<NlSocket>> {
        let size = receive_buffer::of_requests();
        match self.socket.take() {
            Some(socket) if size == self.size => Ok(socket),
            _ => {
                self.size = size;
                NetlinkSocket::request(self.protocol, size)
            }
        }
    }
}

/// Converts an error of the socket.
fn failed(error: &io::Error) -> Refusal {
    match error.raw_os_error() {
        Some(errno) => Refusal::new(errno),
        None => Refusal { errno: Errno::EIO as i32, text: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use lab::netns::{Netns, next_lab};

    use super::super::rtnetlink::{RTM_DELLINK, RTM_GETLINK};
    use super::*;

    /// Removes or finds the link with index `index`.
    fn link(kind: u16, flags: u16, index: u32) -> Request {
        let header: Vec<u8> = [0, index, 0, 0].map(u32::to_ne_bytes).concat();
        Request { kind, flags, payload: Attributes::after(&header) }
    }

    #[test]
    fn requests_whose_answers_are_lost_are_sent_again_through_a_new_socket() {
        let netns = Netns::new(next_lab(), "request");
        netns.enter(|| {
            let mut requests = RequestSocket::route().unwrap();
            let batch: Vec<_> = (0..20).map(|n| Ok(link(RTM_DELLINK, 0, 900 + n))).collect();
            let gone = |requests: &mut RequestSocket| -> Vec<_> {
                let answers = requests.perform(&batch).into_iter();
                answers.map(|answer| answer.outcome(&[Errno::ENODEV])).collect()
            };
            // Fill the socket with unread answers, so that it has no room for the next ones.
            let fill = |requests: &RequestSocket| {
                let octets = encode(RTM_DELLINK, NLM_F_ACK, 0, link(0, 0, 999).payload.octets());
                for _ in 0..3000 {
                    requests.socket.as_ref().unwrap().send(&octets).unwrap();
                }
            };
            fill(&requests);
            // Sent twice: the first attempt may have made the change.
            assert_eq!(gone(&mut requests), vec![Ok(Done::Changed); 20]);
            assert!(requests.socket.is_some(), "kept for the next batch");
            assert_eq!(gone(&mut requests), vec![Ok(Done::AlreadySo); 20]);
            fill(&requests);
            let index = |payload: &[u8]| i32_at(payload, 4);
            assert_eq!(requests.rows(&link(RTM_GETLINK, 0, 1), index), Ok(vec![1]));
            assert_eq!(requests.rows(&link(RTM_GETLINK, NLM_F_DUMP, 0), index).unwrap().first(), Some(&1));
            assert_eq!(requests.rows(&link(RTM_GETLINK, 0, 999), index).unwrap_err().errno, Errno::ENODEV as i32);
        });
    }

    /// The kernel answers the first message of a transaction for a subsystem that it does not have, and no other.
    #[test]
    fn a_missing_netfilter_subsystem_is_a_refusal() {
        let netns = Netns::new(next_lab(), "nosubsys");
        netns.enter(|| {
            let mut requests = RequestSocket::netfilter().unwrap();
            let request = Request { kind: 200 << 8, flags: 0, payload: Attributes::after(&[0; 4]) };
            let refused = requests.transaction(200, &[request.clone(), request], |_| {}).unwrap_err();
            assert_eq!(refused.errno, Errno::EINVAL as i32);
            assert!(requests.socket.is_some(), "kept");
        });
    }

    #[test]
    fn each_request_of_a_batch_has_its_own_answer() {
        let netns = Netns::new(next_lab(), "answers");
        netns.ip("link add va type veth peer name vb");
        let index = netns.ip("-o link show va").split(':').next().unwrap().parse().unwrap();
        netns.enter(|| {
            let mut requests = RequestSocket::route().unwrap();
            let unsound = Refusal { errno: 22, text: "the label is too long".to_owned() };
            let batch = [
                Ok(link(RTM_DELLINK, 0, 999)),
                Err(unsound.clone()),
                Ok(link(RTM_DELLINK, 0, index)),
                Ok(link(RTM_DELLINK, 0, index)),
            ];
            let results: Vec<_> = requests.perform(&batch).into_iter().map(|answer| answer.result).collect();
            let missing = Err(Refusal::new(Errno::ENODEV as i32));
            assert_eq!(results, [missing.clone(), Err(unsound), Ok(()), missing]);
            assert_eq!(requests.perform(&[]), []);
        });
    }
}
