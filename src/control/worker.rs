//! The thread that serves the control socket.
//!
//! It passes complete requests of permitted clients to the event loop of the daemon, and sends the answers. A client that
//! is slow, silent or one of too many is disconnected; nothing that it does reaches the event loop.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::event::{Client, Event, Order};
use super::listener::Listener;
use super::message::{Answer, LONGEST_REQUEST, Request};
use super::peer::{Access, Peer};
use super::session::Session;
use crate::reactor::{Events, Feeder, Interest, Reactor, Timers, Token, clock};
use crate::text::reason;

/// Most connections at a time.
pub(super) const CLIENTS: usize = 32;
/// Connections that are accepted in [`WINDOW`]; further ones wait. Each costs at most one request and one log line.
pub(super) const ACCEPTED: u32 = 100;
pub(super) const WINDOW: Duration = Duration::from_secs(1);
/// Time for a client to send its request, and then to read the answer.
pub(super) const CLIENT_LIMIT: Duration = Duration::from_secs(5);
/// Time for the last answers at the stop.
const LAST_ANSWERS: Duration = Duration::from_millis(200);

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
/// First token of the clients; each uses the next.
const FIRST_CLIENT: usize = 2;

/// A connection.
#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    peer: Peer,
    session: Session,
}

/// A timer of the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// More connections may be accepted.
    Accept,
    /// A client has used its time.
    Client(usize),
}

/// The thread's state.
pub(super) struct Worker {
    listener: Arc<Listener>,
    access: Access,
    feeder: Feeder<Event>,
    orders: Receiver<Order>,
    reactor: Reactor,
    timers: Timers<Key>,
    connections: BTreeMap<usize, Connection>,
    next: usize,
    /// Start of the window, and the connections accepted in it.
    window: (Duration, u32),
}

impl Worker {
    /// `group` of `access` is that of the listener.
    pub(super) fn new(
        listener: Arc<Listener>,
        access: Access,
        feeder: Feeder<Event>,
        orders: Receiver<Order>,
    ) -> io::Result<Worker> {
        let reactor = Reactor::coarse()?;
        reactor.register(listener.socket(), LISTENER, Interest::READABLE)?;
        reactor.register(feeder.waker(), WAKER, Interest::READABLE)?;
        Ok(Worker {
            listener,
            access,
            feeder,
            orders,
            reactor,
            timers: Timers::new(),
            connections: BTreeMap::new(),
            next: FIRST_CLIENT,
            window: (Duration::ZERO, 0),
        })
    }

    /// Runs until the loop of the daemon drops its end.
    pub(super) fn run(&mut self) {
        let mut events = Events::with_capacity(64);
        while !self.feeder.is_over() {
            if let Err(error) = self.turn(&mut events) {
                let text = format!("The control socket has failed: {}", reason(&error));
                return self.feeder.send(Event::Trouble(text));
            }
        }
        self.last_answers(&mut events);
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        self.reactor.wait(self.timers.next_deadline(), events)?;
        self.feeder.waker().clear();
        while let Ok(order) = self.orders.try_recv() {
            self.order(order);
        }
        for ready in events.iter() {
            match ready.token {
                LISTENER => self.accept(),
                WAKER => {}
                Token(number) => self.serve(number),
            }
        }
        while let Some(key) = self.timers.pop_due(clock::now()) {
            match key {
                Key::Accept => self.accept(),
                Key::Client(number) => self.close(number),
            }
        }
        Ok(())
    }

    /// Sends the rest of the answers, within a short time.
    fn last_answers(&mut self, events: &mut Events) {
        let limit = clock::now() + LAST_ANSWERS;
        while let Ok(order) = self.orders.try_recv() {
            self.order(order);
        }
        self.connections.retain(|_, connection| !connection.session.unsent().is_empty());
        while !self.connections.is_empty() && clock::now() < limit && self.reactor.wait(Some(limit), events).is_ok() {
            events.iter().for_each(|ready| self.serve(ready.token.0));
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Answer(Client(number), answer) => {
                if let Some(connection) = self.connections.get_mut(&number) {
                    connection.session.answer(&answer);
                    self.timers.set(Key::Client(number), clock::now() + CLIENT_LIMIT);
                    self.serve(number);
                }
            }
            Order::Group(group) => {
                self.access.group = group;
                if let Err(error) = self.listener.set_group(group) {
                    let path = self.listener.path().display();
                    let text = format!("Cannot set the group of the control socket {path}: {}", reason(&error));
                    self.feeder.send(Event::Trouble(text));
                }
            }
        }
    }

    /// Accepts the waiting connections, up to the bound of the window.
    fn accept(&mut self) {
        let now = clock::now();
        if now.saturating_sub(self.window.0) >= WINDOW {
            self.window = (now, 0);
        }
        while self.window.1 < ACCEPTED {
            let accepted = match self.listener.socket().accept() {
                Ok((stream, _)) => self.add(stream, now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.timers.clear(Key::Accept),
                Err(error) => Err(error),
            };
            self.window.1 = self.window.1.saturating_add(1);
            // A connection that was closed already, or no descriptor is free: the window bounds the attempts.
            drop(accepted);
        }
        self.timers.set(Key::Accept, self.window.0 + WINDOW);
    }

    fn add(&mut self, stream: UnixStream, now: Duration) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let peer = Peer::of(&stream)?;
        let number = self.next;
        self.next = number.wrapping_add(1).max(FIRST_CLIENT);
        self.make_room();
        self.reactor.register(&stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        let mut connection = Connection { stream, peer, session: Session::new() };
        if self.connections.len() >= CLIENTS {
            connection.session.answer(&Answer::Refused("too many clients await their answers; try again".to_owned()));
            // As much as the socket takes at once, which is all of it.
            return write(&mut connection);
        }
        self.connections.insert(number, connection);
        self.timers.set(Key::Client(number), now + CLIENT_LIMIT);
        self.serve(number);
        Ok(())
    }

    /// Makes room for one more connection: disconnects the oldest of those that do not await an answer.
    fn make_room(&mut self) {
        let idle = |connection: &Connection| !matches!(connection.session, Session::Waiting);
        let oldest = self.connections.iter().find(|(_, connection)| idle(connection)).map(|(number, _)| *number);
        if let Some(number) = oldest.filter(|_| self.connections.len() >= CLIENTS) {
            self.close(number);
        }
    }

    /// Reads and writes as far as the socket allows.
    fn serve(&mut self, number: usize) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let request = read(connection);
        if let Ok(Some(request)) = request {
            let peer = connection.peer;
            self.timers.clear(Key::Client(number));
            self.pass_on(number, peer, request);
        } else if request.is_err() {
            return self.close(number);
        }
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if write(connection).is_err() || connection.session.is_done() {
            self.close(number);
        }
    }

    fn pass_on(&mut self, number: usize, peer: Peer, request: Result<Request, String>) {
        let refused = if self.access.permits(peer) {
            match request {
                Ok(request) => return self.feeder.send(Event::Request(Client(number), peer, request)),
                Err(reason) => (Answer::Refused(reason.clone()), reason),
            }
        } else {
            let text = format!("user {} is neither root nor a member of control_group", peer.uid);
            (Answer::Denied(text.clone()), text)
        };
        let (answer, reason) = refused;
        self.feeder.send(Event::Refused(peer, reason));
        self.order(Order::Answer(Client(number), answer));
    }

    fn close(&mut self, number: usize) {
        self.timers.clear(Key::Client(number));
        if let Some(connection) = self.connections.remove(&number) {
            // The kernel removes a closed descriptor anyway.
            let _ = self.reactor.deregister(&connection.stream);
        }
    }
}

/// Reads until the request is complete or no more has arrived.
fn read(connection: &mut Connection) -> io::Result<Option<Result<Request, String>>> {
    let mut buffer = [0; LONGEST_REQUEST];
    loop {
        let wanted = connection.session.wanted().min(buffer.len());
        let Some(space) = buffer.get_mut(..wanted).filter(|space| !space.is_empty()) else { return Ok(None) };
        match connection.stream.read(space) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                let request = connection.session.received(space.get(..count).unwrap_or_default());
                if request.is_some() {
                    return Ok(request);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes until the answer is complete or the socket accepts no more.
fn write(connection: &mut Connection) -> io::Result<()> {
    while !connection.session.unsent().is_empty() {
        match connection.stream.write(connection.session.unsent()) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => connection.session.sent(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
