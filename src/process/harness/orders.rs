//! Orders to a child: signals, and messages of the parent.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::config::VirtualServers;
use crate::config::model::Config;
use crate::control::Command;
use crate::notify::dump::Dump;
use crate::notify::log::Log;
use crate::process::dump;
use crate::process::ipc::{Channel, Message};
use crate::process::sessions::Listener;
use crate::reactor::{Caught, Interest, Reactor, Signal, Signals, Token, clock};
use crate::state::{Lasting, Unusable, to_sections};
use crate::status::{Part, Snmp};
use crate::system::{Daemon, Lateness, News};

/// An order.
pub(super) enum Order {
    /// Stop and exit.
    Stop,
    /// Use a new configuration.
    Configure(Box<Config>, VirtualServers),
    /// Write a dump file.
    Dump(Dump),
    /// Send this process's part of the status, with this number.
    Status(u32),
    /// Carry out a command of a client, with this number.
    Command(u32, Command),
    /// Hand over to a replacement: send the last checkpoint, and keep still, at most for this time.
    HandOver(Option<Duration>),
    /// Report how late the event loop was.
    ReportLateness,
    /// Take what the parent knows of the daemon, and send notifications of the news.
    Learn(Daemon, Vec<News>),
    /// Report BFD sessions, or receive the reports, over this socket.
    Connect(Listener, OwnedFd),
}

/// Why a process that kept still continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The parent has ordered it, or has exited.
    Ordered,
    /// The time is over.
    Expired,
}

/// The sources of orders: signals and the channel to the parent.
pub(super) struct Orders {
    signals: Signals,
    channel: Channel,
    parent_gone: bool,
    /// Messages have arrived while this process kept still.
    waiting: bool,
}

impl Orders {
    /// Registers both sources with a reactor, under one token.
    pub(super) fn new(signals: Signals, channel: Channel, reactor: &Reactor, token: Token) -> io::Result<Orders> {
        reactor.register(&signals, token, Interest::READABLE)?;
        reactor.register(&channel, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Orders { signals, channel, parent_gone: false, waiting: false })
    }

    /// Whether there is something to read that the reactor may not report.
    pub(super) fn are_waiting(&self) -> bool {
        self.waiting
    }

    /// Reads pending signals and messages, and answers hellos.
    pub(super) fn read(&mut self, log: &Log) -> io::Result<Vec<Order>> {
        let mut orders = Vec::new();
        self.waiting = false;
        for signal in self.signals.read()? {
            match signal {
                Caught::Named(Signal::SIGTERM | Signal::SIGINT) => orders.push(Order::Stop),
                // SIGHUP is ignored: the parent reads the file and sends the new configuration.
                signal => orders.extend(dump::requested_by(signal).map(Order::Dump)),
            }
        }
        if !self.parent_gone && self.read_parent(&mut orders, log).is_err() {
            self.parent_gone = true;
            // Not logged if the parent has also ordered the stop.
            if orders.is_empty() {
                log.error("The parent process is gone; stopping");
            }
            orders.push(Order::Stop);
        }
        Ok(orders)
    }

    fn read_parent(&mut self, orders: &mut Vec<Order>, log: &Log) -> io::Result<()> {
        for message in self.channel.receive()? {
            match message {
                hello @ Message::Hello(_) => {
                    self.channel.send(&hello)?;
                    orders.push(Order::ReportLateness);
                }
                Message::Daemon(octets) => match serde_json::from_slice(&octets) {
                    Ok((daemon, news)) => orders.push(Order::Learn(daemon, news)),
                    Err(error) => log.error(format_args!("Cannot use what the parent knows: {error}")),
                },
                Message::Indices(_)
                | Message::Checkpoint(_)
                | Message::CleanUp
                | Message::StandBy
                | Message::Prepared
                | Message::Go
                | Message::HandedOver
                // Too late: this process has continued already.
                | Message::Resume
                | Message::Resumed
                | Message::Learnt
                | Message::Origin(_)
                | Message::Engine(_)
                | Message::Status(..)
                | Message::Result(..)
                | Message::ReloadWanted
                | Message::Late(_)
                | Message::Ready => {}
                Message::HandOver(limit) => {
                    orders.push(Order::HandOver(limit.map(|limit| Duration::from_millis(limit.into()))));
                }
                Message::StatusWanted(number) => orders.push(Order::Status(number)),
                Message::Command(number, octets) => match serde_json::from_slice(&octets) {
                    Ok(command) => orders.push(Order::Command(number, command)),
                    Err(error) => log.error(format_args!("Cannot carry out a command: {error}")),
                },
                Message::Dump(what) => orders.push(Order::Dump(what)),
                Message::Link(listener) => {
                    let link = self.channel.take_descriptor();
                    orders.extend(link.map(|link| Order::Connect(listener, link)));
                }
                Message::Config(snapshot) => match snapshot.open() {
                    Ok((config, servers)) => orders.push(Order::Configure(Box::new(config), servers)),
                    // The parent has recorded it: this is a bug, and no reason to stop.
                    Err(error) => log.error(format_args!("Cannot use the new configuration: {error}")),
                },
            }
        }
        // The rest follows when the socket is writable, which wakes the loop.
        self.channel.flush()
    }

    /// Reports to the parent that this process runs with a configuration; once for each that it was sent.
    pub(super) fn report_ready(&mut self) {
        // An error means that the parent has exited, which needs no report.
        let _ = self.channel.send(&Message::Ready);
    }

    /// Reports to the parent that the last checkpoint was sent.
    pub(super) fn report_handed_over(&mut self) {
        // An error means that the parent has exited.
        let _ = self.channel.send(&Message::HandedOver);
    }

    /// Reports to the parent that its news are taken.
    pub(super) fn report_learnt(&mut self) {
        // An error means that the parent has exited.
        let _ = self.channel.send(&Message::Learnt);
    }

    /// Reports to the parent that this process, which had handed over, continues.
    pub(super) fn report_resumed(&mut self) {
        // An error means that the parent has exited.
        let _ = self.channel.send(&Message::Resumed);
    }

    /// Sends what is left and keeps still until the parent kills this process or has it continue, at most for a time. Answers
    /// hellos meanwhile; other messages are for the next [`Orders::read`].
    pub(super) fn keep_still(&mut self, limit: Duration) -> Over {
        let until = clock::now() + limit;
        let (mut over, mut others) = (None, Vec::new());
        while over.is_none() {
            over = self.still_turn(until, &mut others);
        }
        self.channel.put_back(others);
        self.waiting = true;
        over.unwrap_or(Over::Expired)
    }

    fn still_turn(&mut self, until: Duration, others: &mut Vec<Message>) -> Option<Over> {
        // An error means that the parent has exited: this process stops, as after any loss of the parent.
        let Ok(messages) = self.channel.receive() else { return Some(Over::Ordered) };
        let mut resumes = false;
        for message in messages {
            match message {
                Message::Resume => resumes = true,
                Message::Hello(_) => drop(self.channel.send(&message)),
                other => others.push(other),
            }
        }
        let rest = until.saturating_sub(clock::now());
        if resumes || self.channel.flush().is_err() {
            return Some(Over::Ordered);
        }
        if rest.is_zero() {
            return Some(Over::Expired);
        }
        let unsent = if self.channel.has_unsent() { PollFlags::OUT } else { PollFlags::empty() };
        // A signal is read by the loop.
        let _ = poll(&mut [PollFd::new(&self.channel, PollFlags::IN | unsent)], Timespec::try_from(rest).ok().as_ref());
        None
    }

    /// Asks the parent to read the configuration again.
    pub(super) fn want_reload(&mut self) {
        // An error means that the parent has exited.
        let _ = self.channel.send(&Message::ReloadWanted);
    }

    /// Reports to the parent how late the event loop was in the last minute.
    pub(super) fn send_lateness(&mut self, late: Lateness) {
        // An error means that the parent has exited.
        let _ = self.channel.send(&Message::Late(late));
    }

    /// Sends the result of a command to the parent.
    pub(super) fn send_result(&mut self, number: u32, result: &Result<String, String>, log: &Log) {
        match serde_json::to_vec(result) {
            // An error means that the parent has exited.
            Ok(octets) => drop(self.channel.send(&Message::Result(number, octets))),
            Err(error) => log.error(format_args!("Cannot report the result of a command: {error}")),
        }
    }

    /// Sends this process's part of the status to the parent, with the numbers of its subagent.
    pub(super) fn send_status(&mut self, number: u32, part: &(Part, Option<Snmp>), log: &Log) {
        match serde_json::to_vec(part) {
            // An error means that the parent has exited.
            Ok(octets) => drop(self.channel.send(&Message::Status(number, octets))),
            Err(error) => log.error(format_args!("Cannot report the status: {error}")),
        }
    }

    /// Sends the indices of this process's rows to the parent.
    pub(super) fn save_indices<T: Lasting>(&mut self, indices: &T, log: &Log) {
        self.send(to_sections(indices).map(Message::Indices), log);
    }

    /// Sends the state from which a replacement should continue to the parent.
    pub(super) fn save_checkpoint<T: Lasting>(&mut self, checkpoint: &T, log: &Log) {
        self.send(to_sections(checkpoint).map(Message::Checkpoint), log);
    }

    fn send(&mut self, message: Result<Message, Unusable>, log: &Log) {
        match message {
            // An error means that the parent has exited, so there is no replacement.
            Ok(message) => drop(self.channel.send(&message)),
            Err(error) => {
                log.error(format_args!("A replacement of this process will start without its state: {error}"))
            }
        }
    }
}
