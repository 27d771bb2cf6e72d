//! The rows: each session as configured, as it is, and as the other end says it is.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use snmp::Key;

use crate::config::model::BfdInstance;
use crate::wire::bfd::{Control, Diagnostic, MULTIHOP_PORT, PORT, State};

/// Index of a session, from 1. Stays the same for a name across reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u32);

impl Key for SessionId {
    const LEN: usize = 1;
    fn push(&self, out: &mut Vec<u32>) {
        out.push(self.0);
    }
    fn from_sub_ids(sub_ids: &[u32]) -> Option<SessionId> {
        u32::from_sub_ids(sub_ids).map(SessionId)
    }
}

/// What the other end said last, as long as it is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// bfd.RemoteDiscr; not 0.
    pub discriminator: u32,
    /// bfd.RemoteSessionState.
    pub state: State,
    /// Why it last left Up.
    pub diagnostic: Diagnostic,
    /// Its detection multiplier; not 0.
    pub multiplier: u8,
    /// The shortest interval at which it wants to send.
    pub min_tx: Duration,
    /// bfd.RemoteMinRxInterval: the shortest at which it takes packets; 0 = it wants no periodic packets.
    pub min_rx: Duration,
    /// bfd.RemoteDemandMode: it wants none while both ends are up.
    pub demand: bool,
}

impl From<&Control> for Remote {
    fn from(packet: &Control) -> Remote {
        Remote {
            discriminator: packet.my_discriminator,
            state: packet.state,
            diagnostic: packet.diagnostic,
            multiplier: packet.multiplier,
            min_tx: packet.desired_min_tx,
            min_rx: packet.required_min_rx,
            demand: packet.demand,
        }
    }
}

/// Packets of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sent.
    pub sent: u64,
    /// Received and taken.
    pub received: u64,
    /// Received from the neighbour and not taken.
    pub refused: u64,
}

/// The two intervals of this end (RFC 5880 section 6.8.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intervals {
    /// bfd.DesiredMinTxInterval.
    pub min_tx: Duration,
    /// bfd.RequiredMinRxInterval.
    pub min_rx: Duration,
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// As configured.
    pub config: BfdInstance,
    /// bfd.SessionState.
    pub state: State,
    /// When it was entered.
    pub since: Duration,
    /// bfd.LocalDiag.
    pub diagnostic: Diagnostic,
    /// bfd.LocalDiscr; not 0, and no other session's. Another one each time the session goes down, so that what was sent
    /// to the former is not taken.
    pub discriminator: u32,
    /// What the other end said; `None` before it is heard and once it is silent for the detection time.
    pub remote: Option<Remote>,
    /// When it was last heard.
    pub last_heard: Option<Duration>,
    /// The detection time as of the last packet; 0 before the first.
    pub detection_time: Duration,
    /// A poll sequence runs: packets ask for an answer until it comes (RFC 5880 section 6.5).
    pub poll: bool,
    /// Why the last packet was not sent; `None` = it was.
    pub send_error: Option<String>,
    /// Packets.
    pub counters: Counters,
    /// The intervals in force: while a poll sequence runs they may differ from those that are advertised.
    pub used: Intervals,
    /// When a packet was last sent.
    pub(super) last_sent: Option<Duration>,
    /// When one was last sent out of turn, or will be.
    pub(super) hurried: Option<Duration>,
    /// The timer of the next packet, and the interval that it was set for.
    pub(super) next_send: Option<(Duration, Duration)>,
    /// The timer of detection. It may be set for a time when it is still too early, never for one when it is too late.
    pub(super) detection_timer: Option<Duration>,
    /// Refused packets.
    pub(super) refusals: Quiet,
    /// Packets that are still to tell the other end of the stop.
    pub(super) farewells: u8,
}

impl Session {
    /// A session that knows nothing of the other end, without a discriminator yet.
    pub(super) fn new(config: BfdInstance) -> Session {
        let mut row = Session {
            config,
            state: State::Down,
            since: Duration::ZERO,
            diagnostic: Diagnostic::NONE,
            discriminator: 0,
            remote: None,
            last_heard: None,
            detection_time: Duration::ZERO,
            poll: false,
            send_error: None,
            counters: Counters::default(),
            used: Intervals::default(),
            last_sent: None,
            hurried: None,
            next_send: None,
            detection_timer: None,
            refusals: Quiet::default(),
            farewells: 0,
        };
        row.used = row.advertised();
        row
    }

    /// Whether the trackers of the session see it up.
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// UDP port of both ends.
    pub fn port(&self) -> u16 {
        if self.config.multihop { MULTIHOP_PORT } else { PORT }
    }

    /// What makes it the same session after a reload or a crash: both ends and the port.
    pub(super) fn ends(&self) -> (IpAddr, Option<IpAddr>, bool) {
        (self.config.neighbor, self.config.source, self.config.multihop)
    }

    /// The intervals that packets advertise. A session that is not up sends at most once a second (RFC 5880 section
    /// 6.8.3): it may stay so for long, at many routers.
    pub fn advertised(&self) -> Intervals {
        let min_tx = if self.is_up() { self.config.min_tx } else { self.config.idle_tx };
        Intervals { min_tx, min_rx: self.config.min_rx }
    }

    /// The interval of packets of this end, before jitter: the slower end determines it (RFC 5880 section 6.8.2).
    pub fn tx_interval(&self) -> Duration {
        self.used.min_tx.max(self.remote.map_or(Duration::ZERO, |remote| remote.min_rx))
    }

    /// The interval of packets of the other end; 0 while it is not heard.
    pub fn remote_tx_interval(&self) -> Duration {
        self.remote.map_or(Duration::ZERO, |remote| self.used.min_rx.max(remote.min_tx))
    }

    /// The detection time (RFC 5880 section 6.8.4), by what the other end said; 0 while it is not heard.
    pub(super) fn detection(&self) -> Duration {
        let multiplier = self.remote.map_or(0, |remote| remote.multiplier);
        self.remote_tx_interval().saturating_mul(multiplier.into())
    }

    /// The detection time at the other end; 0 while it is not heard.
    pub fn remote_detection_time(&self) -> Duration {
        self.remote.map_or(Duration::ZERO, |_| self.tx_interval().saturating_mul(self.config.multiplier.into()))
    }

    /// The interval of periodic packets; `None` when none may be sent (RFC 5880 section 6.8.7).
    pub(super) fn periodic(&self) -> Option<Duration> {
        let silent = match self.remote {
            None => self.config.passive,
            Some(remote) => {
                let both_up = self.is_up() && remote.state == State::Up;
                remote.min_rx.is_zero() || (remote.demand && both_up && !self.poll)
            }
        };
        (!silent).then(|| self.tx_interval())
    }

    /// The packet that says how things stand.
    pub(super) fn control(&self, is_final: bool) -> Control {
        let Intervals { min_tx, min_rx } = self.advertised();
        Control {
            diagnostic: self.diagnostic,
            state: self.state,
            // RFC 5880 section 6.5: never both.
            poll: self.poll && !is_final,
            is_final,
            control_plane_independent: false,
            demand: false,
            multiplier: self.config.multiplier,
            my_discriminator: self.discriminator,
            your_discriminator: self.remote.map_or(0, |remote| remote.discriminator),
            desired_min_tx: min_tx,
            required_min_rx: min_rx,
            required_min_echo_rx: Duration::ZERO,
        }
    }
}

/// Something that is told once in an interval, however often it happens.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quiet {
    told: Option<Duration>,
    more: u64,
}

impl Quiet {
    const INTERVAL: Duration = Duration::from_secs(60);

    /// The number of times it happened untold, if it is to be told now.
    pub(super) fn admit(&mut self, now: Duration) -> Option<u64> {
        if self.told.is_some_and(|told| now.saturating_sub(told) < Self::INTERVAL) {
            self.more = self.more.saturating_add(1);
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.more))
    }
}
