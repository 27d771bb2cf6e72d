//! A connection to the bus, from the request for the name to its end.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_core::Stream;
use zbus::fdo::ConnectionCredentials;
use zbus::message::{Flags, Header, Message, Type};
use zbus::{Connection, MessageStream};

use super::calls::{self, FAILED, LIMITS_EXCEEDED, Outcome, Reply};
use super::messages::{self, BUS};
use super::objects::Objects;
use super::order::{Request, Wish};
use crate::notify::log::{Level, Log};
use crate::reactor::Feeder;
use crate::vrrp::State;

/// Most requests that wait, for the identity of their callers or for the loop.
const MOST: usize = 16;
/// RequestName: the caller has the name, or waits for it (D-Bus specification, "org.freedesktop.DBus.RequestName").
const PRIMARY_OWNER: u32 = 1;
const IN_QUEUE: u32 = 2;
const ALREADY_OWNER: u32 = 4;
/// Where hosts have their id.
const MACHINE_ID: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// A connection.
pub(super) struct Session {
    connection: Connection,
    messages: MessageStream,
    name: String,
    /// The reload that the next announcement of all instances reports.
    reloaded: bool,
    /// The request for the name whose answer is awaited.
    naming: Option<NonZeroU32>,
    /// Requests of callers whose identity was asked for.
    asking: BTreeMap<NonZeroU32, Asked>,
    to_loop: ToLoop,
    log: Log,
}

/// A request whose caller is being identified.
struct Asked {
    call: Message,
    request: Request,
}

/// The way of requests to the loop.
#[derive(Clone)]
pub(super) struct ToLoop {
    pub(super) feeder: Arc<Feeder<Wish>>,
    /// Requests that the loop has not taken yet.
    pub(super) waiting: Arc<AtomicUsize>,
}

/// What has come of a message.
pub(super) enum Turn {
    Continue,
    /// This program has the name, or waits for it.
    Named,
    /// The bus refuses the name; text for the log.
    Refused(String),
}

impl Session {
    pub(super) fn new(connection: Connection, name: String, to_loop: ToLoop, log: Log) -> Session {
        let messages = MessageStream::from(&connection);
        let asking = BTreeMap::new();
        Session { connection, messages, name, reloaded: false, naming: None, asking, to_loop, log }
    }

    /// The next message; `None` at the end of the connection.
    pub(super) async fn next(&mut self) -> Option<zbus::Result<Message>> {
        std::future::poll_fn(|context| Pin::new(&mut self.messages).poll_next(context)).await
    }

    /// Asks for the name. All instances are announced once this program has it.
    pub(super) async fn request_name(&mut self) -> zbus::Result<()> {
        // Without flags the bus gives the name to this program once its owner has left it.
        let message = messages::to_bus("RequestName", &(self.name.as_str(), 0_u32))?;
        self.naming = Some(message.primary_header().serial_num());
        self.connection.send(&message).await
    }

    /// Gives the name up, and asks for it, or for another one, again: a caller that follows the owner of the name learns that
    /// objects may have changed.
    pub(super) async fn renew_name(&mut self, name: &str) -> zbus::Result<()> {
        self.connection.send(&messages::to_bus("ReleaseName", &(self.name.as_str(),))?).await?;
        name.clone_into(&mut self.name);
        self.reloaded = true;
        self.request_name().await
    }

    /// Signals the state of an instance.
    pub(super) async fn show(&self, path: &str, state: State) -> zbus::Result<()> {
        self.connection.send_all(&messages::of_state(path, state)?).await
    }

    /// Signals the stop, and closes the connection.
    pub(super) async fn stop(self) {
        let Session { connection, messages, .. } = self;
        drop(messages);
        // The bus may be gone.
        if let Ok(message) = messages::of_daemon("VrrpStopped") {
            let _ = connection.send(&message).await;
        }
        let _ = connection.close().await;
    }

    /// Handles a message.
    pub(super) async fn handle(&mut self, message: Message, objects: &Objects) -> zbus::Result<Turn> {
        let header = message.header();
        let of_bus = header.sender().is_some_and(|sender| sender.as_str() == BUS);
        match message.message_type() {
            Type::MethodCall => self.call(&message, &header, objects).await?,
            Type::MethodReturn | Type::Error if of_bus => return self.reply_of_bus(&message, &header, objects).await,
            Type::Signal if of_bus => self.signal_of_bus(&message, &header, objects).await?,
            // Nothing else is of use.
            Type::MethodReturn | Type::Error | Type::Signal => {}
        }
        Ok(Turn::Continue)
    }

    async fn call(&mut self, message: &Message, header: &Header<'_>, objects: &Objects) -> zbus::Result<()> {
        let (signature, strings) = messages::arguments(message);
        let Some(call) = messages::call(header, &signature, &strings) else { return Ok(()) };
        match calls::answer(objects, call) {
            Outcome::Reply(reply) => self.reply(header, &reply).await,
            Outcome::MachineId => match MACHINE_ID.iter().find_map(|path| fs::read_to_string(path).ok()) {
                Some(id) => self.reply(header, &Reply::Text(id.trim_end().to_owned())).await,
                None => self.refuse(header, FAILED, "This host has no machine id").await,
            },
            Outcome::Error(name, text) => self.refuse(header, name, &text).await,
            Outcome::Request(request) => self.identify(message, header, request).await,
        }
    }

    /// Asks the bus who makes a request.
    async fn identify(&mut self, call: &Message, header: &Header<'_>, request: Request) -> zbus::Result<()> {
        let waiting = self.to_loop.waiting.load(Ordering::Relaxed).saturating_add(self.asking.len());
        let Some(sender) = header.sender().filter(|_| waiting < MOST) else {
            return self.refuse(header, LIMITS_EXCEEDED, "Too many requests wait").await;
        };
        let question = messages::to_bus("GetConnectionCredentials", &(sender.as_str(),))?;
        self.asking.insert(question.primary_header().serial_num(), Asked { call: call.clone(), request });
        self.connection.send(&question).await
    }

    async fn reply_of_bus(&mut self, message: &Message, header: &Header<'_>, objects: &Objects) -> zbus::Result<Turn> {
        let Some(serial) = header.reply_serial() else { return Ok(Turn::Continue) };
        if self.naming == Some(serial) {
            self.naming = None;
            return self.named(message, objects).await;
        }
        if let Some(asked) = self.asking.remove(&serial) {
            // A caller that does not wait for a reply may be gone.
            let found = message.body().deserialize::<ConnectionCredentials>().ok();
            self.request(&asked, found.as_ref()).await?;
        }
        Ok(Turn::Continue)
    }

    /// Handles the answer to a request for the name.
    async fn named(&mut self, message: &Message, objects: &Objects) -> zbus::Result<Turn> {
        let body = message.body();
        if message.message_type() == Type::Error {
            let why = body.deserialize::<(String,)>().map_or_else(|_| "no reason given".to_owned(), |(text,)| text);
            return Ok(self.refused(&why));
        }
        match body.deserialize::<u32>()? {
            PRIMARY_OWNER | ALREADY_OWNER => self.announce(objects).await?,
            IN_QUEUE => self.log.warning(format_args!(
                "D-Bus: another program has the name {}; keepalived gets it when that program ends",
                self.name
            )),
            other => return Ok(self.refused(&format!("its answer is {other}"))),
        }
        Ok(Turn::Named)
    }

    fn refused(&self, why: &str) -> Turn {
        Turn::Refused(format!(
            "the bus refuses the name {}: {why}; install keepalived's policy for D-Bus, with this name",
            self.name
        ))
    }

    async fn signal_of_bus(&mut self, message: &Message, header: &Header<'_>, objects: &Objects) -> zbus::Result<()> {
        let member = header.member().map(|member| member.as_str());
        let body = message.body();
        let is_ours = || body.deserialize::<&str>().is_ok_and(|name| name == self.name);
        match member {
            // The answer to the request reports the name, if it is given at once.
            Some("NameAcquired") if self.naming.is_none() && is_ours() => self.announce(objects).await,
            Some("NameLost") if self.naming.is_none() && is_ours() => {
                self.log.warning(format_args!("D-Bus: lost the name {}", self.name));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Signals the start, and the states of all instances.
    async fn announce(&mut self, objects: &Objects) -> zbus::Result<()> {
        self.log.info(format_args!("D-Bus: acquired the name {}", self.name));
        self.connection.send(&messages::of_daemon("VrrpStarted")?).await?;
        if std::mem::take(&mut self.reloaded) {
            self.connection.send(&messages::of_daemon("VrrpReloaded")?).await?;
        }
        for (path, state) in objects.states() {
            self.show(path, state).await?;
        }
        Ok(())
    }

    /// Logs a request, and passes it to the loop.
    async fn request(&mut self, asked: &Asked, by: Option<&ConnectionCredentials>) -> zbus::Result<()> {
        let header = asked.call.header();
        let member = header.member().map_or("?", |member| member.as_str());
        let sender = header.sender().map_or("?", |sender| sender.as_str());
        let by = match by.map(|by| (by.unix_user_id(), by.process_id())) {
            Some((Some(uid), Some(pid))) => format!("uid {uid}, pid {pid}"),
            Some((Some(uid), None)) => format!("uid {uid}"),
            _ => format!("{sender}, which has left the bus"),
        };
        let path = match (asked.request, header.path()) {
            (Request::Announce(_), Some(path)) => format!(" for {path}"),
            _ => String::new(),
        };
        self.log.write(Level::Notice, format_args!("D-Bus: {member}{path}, requested by {by}"));
        self.to_loop.waiting.fetch_add(1, Ordering::Relaxed);
        self.to_loop.feeder.send(Wish::Request(asked.request));
        self.reply(&header, &Reply::Empty).await
    }

    async fn reply(&self, to: &Header<'_>, reply: &Reply) -> zbus::Result<()> {
        if wants_reply(to) { self.connection.send(&messages::reply(to, reply)?).await } else { Ok(()) }
    }

    async fn refuse(&self, to: &Header<'_>, name: &'static str, text: &str) -> zbus::Result<()> {
        if wants_reply(to) { self.connection.send(&messages::error(to, name, text)?).await } else { Ok(()) }
    }
}

fn wants_reply(call: &Header<'_>) -> bool {
    !call.primary().flags().contains(Flags::NO_REPLY_EXPECTED)
}
