//! An event loop with [`Connections`], for tests.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use keepalived::config::lvs::{Target, TlsMaterial};
use keepalived::net::{Connections, Key, NetEvent, NetEventKind, Tls, Transport};
use keepalived::reactor::{Events, Reactor, clock};

/// Time limit of a step, on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// The key of a test's attempt.
pub fn key(id: u64) -> Key {
    Key { id: id.into(), generation: 1 }
}

/// A target without source address, interface and mark.
pub fn target(address: SocketAddr) -> Target {
    address.into()
}

/// The event loop.
pub struct Bed {
    reactor: Reactor,
    /// The connections under test.
    pub connections: Connections,
    waiting: VecDeque<NetEvent>,
}

impl Bed {
    pub fn new() -> Bed {
        let tls = Tls::new(&TlsMaterial::default()).unwrap();
        Bed { reactor: Reactor::new().unwrap(), connections: Connections::new(Some(tls)), waiting: VecDeque::new() }
    }

    pub fn open(&mut self, key: Key, target: &Target, over: &Transport) {
        let mut out = Vec::new();
        self.connections.open(&self.reactor, key, target, over, &mut out);
        self.waiting.extend(out);
    }

    pub fn send(&mut self, key: Key, data: &[u8]) {
        let mut out = Vec::new();
        self.connections.send(key, data, &mut out);
        self.waiting.extend(out);
    }

    pub fn close(&mut self, key: Key) {
        self.connections.close(key);
    }

    /// Pauses an attempt and drops the events that wait.
    #[allow(dead_code, reason = "not every test pauses")]
    pub fn pause(&mut self, key: Key) {
        self.connections.pause(key);
        self.waiting.clear();
    }

    #[allow(dead_code, reason = "not every test pauses")]
    pub fn resume(&mut self, key: Key) {
        let mut out = Vec::new();
        self.connections.resume(&self.reactor, key, &mut out);
        self.waiting.extend(out);
    }

    /// Waits for one turn of the loop.
    pub fn turn(&mut self) -> Vec<NetEvent> {
        self.turn_until(clock::now() + LIMIT)
    }

    fn turn_until(&mut self, deadline: Duration) -> Vec<NetEvent> {
        let mut ready = Events::with_capacity(64);
        self.reactor.wait(Some(deadline), &mut ready).unwrap();
        let mut out = Vec::new();
        for ready in ready.iter() {
            assert!(self.connections.ready(&self.reactor, ready, &mut out));
        }
        out
    }

    /// Waits for the next event of an attempt.
    pub fn next(&mut self, key: Key) -> NetEventKind {
        self.next_within(key, LIMIT).unwrap_or_else(|| panic!("no event of {key:?}"))
    }

    /// The next event of an attempt, if there is one within `limit`.
    pub fn next_within(&mut self, key: Key, limit: Duration) -> Option<NetEventKind> {
        let until = clock::now() + limit;
        loop {
            if let Some(at) = self.waiting.iter().position(|event| event.key == key) {
                return Some(self.waiting.remove(at)?.kind);
            }
            if clock::now() >= until {
                return None;
            }
            let events = self.turn_until(until);
            self.waiting.extend(events);
        }
    }

    /// Waits for the end of an attempt; returns all its octets and the last event.
    pub fn until_over(&mut self, key: Key) -> (Vec<u8>, NetEventKind) {
        let mut octets = Vec::new();
        loop {
            match self.next(key) {
                NetEventKind::Received(bytes) => octets.extend(bytes),
                end @ (NetEventKind::Closed | NetEventKind::Failed(_) | NetEventKind::NoResources(_)) => {
                    return (octets, end);
                }
                NetEventKind::Connected => {}
            }
        }
    }

    /// Asserts that there is no event for `time`.
    pub fn quiet(&mut self, time: Duration) {
        let deadline = clock::now() + time;
        while clock::now() < deadline {
            let events = self.turn_until(deadline);
            assert!(events.is_empty(), "{events:?}");
        }
    }
}
