//! Messages between the thread of the server and the event loop of the daemon.

use super::message::{Answer, Request};
use super::peer::Peer;

/// A client whose request awaits an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(pub(super) usize);

#[cfg(test)]
impl Client {
    /// A client without a connection.
    pub fn for_test(number: usize) -> Client {
        Client(number)
    }
}

/// An event for the loop of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request, to be answered by [`Server::answer`](super::Server::answer).
    Request(Client, Peer, Request),
    /// A request was refused, with the reason; it needs no answer.
    Refused(Peer, String),
    /// The socket does not work as configured; a sentence.
    Trouble(String),
}

/// An order to the thread.
#[derive(Debug)]
pub(super) enum Order {
    /// Send an answer.
    Answer(Client, Answer),
    /// Change the group that may make requests.
    Group(Option<u32>),
}
