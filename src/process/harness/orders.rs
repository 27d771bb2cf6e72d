//! What a child is told: signals, and messages of the parent.

use std::io;
use std::os::fd::OwnedFd;

use crate::config::model::Config;
use crate::notify::dump::Dump;
use crate::notify::log::Log;
use crate::process::dump;
use crate::process::ipc::{Channel, Message};
use crate::process::sessions::Listener;
use crate::reactor::{Caught, Interest, Reactor, Signal, Signals, Token};
use crate::state::{Record, Unusable, to_octets};

/// What is to be done.
pub(super) enum Order {
    /// End.
    Stop,
    /// Go on with another configuration.
    Configure(Box<Config>),
    /// Write a dump file.
    Dump(Dump),
    /// Tell of BFD sessions, or hear of them, over this socket.
    Connect(Listener, OwnedFd),
}

/// Both sources of orders.
pub(super) struct Orders {
    signals: Signals,
    channel: Channel,
    parent_gone: bool,
}

impl Orders {
    /// Registers both sources with a reactor, under one token.
    pub(super) fn new(signals: Signals, channel: Channel, reactor: &Reactor, token: Token) -> io::Result<Orders> {
        reactor.register(&signals, token, Interest::READABLE)?;
        reactor.register(&channel, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Orders { signals, channel, parent_gone: false })
    }

    /// Reads what has come, and answers hellos.
    pub(super) fn read(&mut self, log: &Log) -> io::Result<Vec<Order>> {
        let mut orders = Vec::new();
        for signal in self.signals.read()? {
            match signal {
                Caught::Named(Signal::SIGTERM | Signal::SIGINT) => orders.push(Order::Stop),
                // A reload comes from the parent, which has read the file.
                signal => orders.extend(dump::asked_by(signal).map(Order::Dump)),
            }
        }
        if !self.parent_gone && self.read_parent(&mut orders, log).is_err() {
            self.parent_gone = true;
            // When the parent has ordered the stop and ended first, its end is no news.
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
                hello @ Message::Hello(_) => self.channel.send(&hello)?,
                Message::Indices(_)
                | Message::Checkpoint(_)
                | Message::CleanUp
                | Message::Origin(_)
                | Message::Ready => {}
                Message::Dump(what) => orders.push(Order::Dump(what)),
                Message::Link(listener) => {
                    let link = self.channel.take_descriptor();
                    orders.extend(link.map(|link| Order::Connect(listener, link)));
                }
                Message::Config(snapshot) => match snapshot.parse() {
                    Ok(config) => orders.push(Order::Configure(Box::new(config))),
                    // The parent has checked it: this is a defect, and no reason to stop.
                    Err(error) => log.error(format_args!("The new configuration cannot be used: {error}")),
                },
            }
        }
        // What did not fit goes when the socket is writable, which wakes the loop too.
        self.channel.flush()
    }

    /// Tells the parent that this process runs with the configuration that it was given last.
    pub(super) fn report_ready(&mut self) {
        // When the parent is gone nobody waits for it.
        let _ = self.channel.send(&Message::Ready);
    }

    /// Tells the parent the indices of this process's rows.
    pub(super) fn save_indices<T: Record>(&mut self, indices: &T, log: &Log) {
        self.tell(to_octets(indices).map(Message::Indices), log);
    }

    /// Tells the parent where a replacement of this process should go on.
    pub(super) fn save_checkpoint<T: Record>(&mut self, checkpoint: &T, log: &Log) {
        self.tell(to_octets(checkpoint).map(Message::Checkpoint), log);
    }

    fn tell(&mut self, message: Result<Message, Unusable>, log: &Log) {
        match message {
            // When the parent is gone there will be no replacement.
            Ok(message) => drop(self.channel.send(&message)),
            Err(error) => log.error(format_args!("A replacement of this process will start afresh: {error}")),
        }
    }
}
