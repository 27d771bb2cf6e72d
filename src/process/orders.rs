//! What a child is told: signals, and messages of the parent.

use std::io;

use super::ipc::{Channel, Message};
use crate::notify::log::Log;
use crate::reactor::{Interest, Reactor, Signal, Signals, Token};

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

    /// Reads what has come, answers hellos; returns whether the process is to stop.
    pub(super) fn read(&mut self, log: &Log) -> io::Result<bool> {
        let mut stop = false;
        for signal in self.signals.read()? {
            match signal {
                Signal::SIGTERM | Signal::SIGINT => stop = true,
                Signal::SIGHUP | Signal::SIGUSR1 | Signal::SIGUSR2 => {
                    log.warning(format_args!("{signal} is not acted on yet by this process"));
                }
                _ => {}
            }
        }
        if !self.parent_gone && self.read_parent().is_err() {
            self.parent_gone = true;
            // When the parent has ordered the stop and ended first, its end is no news.
            if !stop {
                log.error("The parent process is gone; stopping");
            }
            stop = true;
        }
        Ok(stop)
    }

    fn read_parent(&mut self) -> io::Result<()> {
        for message in self.channel.receive()? {
            if let hello @ Message::Hello(_) = message {
                self.channel.send(&hello)?;
            }
        }
        // What did not fit goes when the socket is writable, which wakes the loop too.
        self.channel.flush()
    }
}
