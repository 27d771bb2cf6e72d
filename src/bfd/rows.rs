//! The rows: configuration and state of each session, and the last state of the other end.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use snmp::Key;

use crate::config::model::BfdInstance;
use crate::wire::bfd::{Control, Diagnostic, MULTIHOP_PORT, PORT, State};

/// Index of a session, from 1. A name keeps its index across reloads.
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

/// Data from the last packet of the other end, until the detection time expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// bfd.RemoteDiscr; not 0.
    pub discriminator: u32,
    /// bfd.RemoteSessionState.
    pub state: State,
    /// Reason why it last left Up.
    pub diagnostic: Diagnostic,
    /// Its detection multiplier; not 0.
    pub multiplier: u8,
    /// The shortest interval at which the other end wants to send.
    pub min_tx: Duration,
    /// bfd.RemoteMinRxInterval: the shortest interval at which it accepts packets; 0 = it wants no periodic packets.
    pub min_rx: Duration,
    /// bfd.RemoteDemandMode: it wants no periodic packets while both ends are up.
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

/// Packet counters of a session. Checkpoints contain them: the form stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Packets sent.
    pub sent: u64,
    /// Packets received and accepted.
    pub received: u64,
    /// Packets from the neighbour that were refused.
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
    /// The `bfd_instance` block.
    pub config: BfdInstance,
    /// bfd.SessionState.
    pub state: State,
    /// Time at which the state was entered.
    pub since: Duration,
    /// bfd.LocalDiag.
    pub diagnostic: Diagnostic,
    /// bfd.LocalDiscr: unique, not 0. It changes each time the session goes down, so that late packets to the previous
    /// discriminator are refused.
    pub discriminator: u32,
    /// Data from the last packet of the other end; `None` before the first packet and after the detection time expired.
    pub remote: Option<Remote>,
    /// Time of the last accepted packet.
    pub last_heard: Option<Duration>,
    /// The detection time as of the last packet; 0 before the first.
    pub detection_time: Duration,
    /// A poll sequence is running: packets have the poll bit until the other end answers (RFC 5880 section 6.5).
    pub poll: bool,
    /// Error of the last packet; `None` when it was sent.
    pub send_error: Option<String>,
    /// Packet counters.
    pub counters: Counters,
    /// The intervals in force. During a poll sequence they may differ from the advertised intervals.
    pub in_force: Intervals,
    /// Time of the last packet sent.
    pub(super) last_sent: Option<Duration>,
    /// Time of the last or next packet sent ahead of its interval.
    pub(super) expedited: Option<Duration>,
    /// Deadline of the send timer, and the interval for which it was set.
    pub(super) next_send: Option<(Duration, Duration)>,
    /// Deadline of the detection timer. It may be earlier than the detection time requires, never later.
    pub(super) detection_timer: Option<Duration>,
    /// Rate limit for reports of refused packets.
    pub(super) refusals: ReportLimit,
    /// Number of AdminDown packets still to be sent at the stop.
    pub(super) admin_downs_left: u8,
}

impl Session {
    /// Creates a session in state Down, without a discriminator.
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
            in_force: Intervals::default(),
            last_sent: None,
            expedited: None,
            next_send: None,
            detection_timer: None,
            refusals: ReportLimit::default(),
            admin_downs_left: 0,
        };
        row.in_force = row.advertised();
        row
    }

    /// Whether the session is up for its trackers.
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// UDP port of both ends.
    pub fn port(&self) -> u16 {
        if self.config.multihop { MULTIHOP_PORT } else { PORT }
    }

    /// The end points, which identify the session across a reload or crash: neighbour address, source address, multihop.
    pub(super) fn ends(&self) -> (IpAddr, Option<IpAddr>, bool) {
        (self.config.neighbor, self.config.source, self.config.multihop)
    }

    /// The intervals that packets advertise. A session that is not up sends at most once a second (RFC 5880 section
    /// 6.8.3), because it may stay in that state for long and on many routers.
    pub fn advertised(&self) -> Intervals {
        let min_tx = if self.is_up() { self.config.min_tx } else { self.config.idle_tx };
        Intervals { min_tx, min_rx: self.config.min_rx }
    }

    /// The interval between packets of this end, before jitter. The slower end determines it (RFC 5880 section 6.8.2).
    pub fn tx_interval(&self) -> Duration {
        self.in_force.min_tx.max(self.remote.map_or(Duration::ZERO, |remote| remote.min_rx))
    }

    /// The interval between packets of the other end; 0 while it is silent.
    pub fn remote_tx_interval(&self) -> Duration {
        self.remote.map_or(Duration::ZERO, |remote| self.in_force.min_rx.max(remote.min_tx))
    }

    /// The detection time (RFC 5880 section 6.8.4) according to the last packet; 0 while the other end is silent.
    pub(super) fn detection(&self) -> Duration {
        let multiplier = self.remote.map_or(0, |remote| remote.multiplier);
        self.remote_tx_interval().saturating_mul(multiplier.into())
    }

    /// The detection time at the other end; 0 while the other end is silent.
    pub fn remote_detection_time(&self) -> Duration {
        self.remote.map_or(Duration::ZERO, |_| self.tx_interval().saturating_mul(self.config.multiplier.into()))
    }

    /// The interval of periodic packets; `None` when no periodic packets may be sent (RFC 5880 section 6.8.7).
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

    /// Builds the control packet for the present state.
    pub(super) fn control(&self, is_final: bool) -> Control {
        let Intervals { min_tx, min_rx } = self.advertised();
        Control {
            diagnostic: self.diagnostic,
            state: self.state,
            // RFC 5880 section 6.5: never both bits.
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

/// Rate limit for reports: one report in an interval, the other occurrences are counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReportLimit {
    last_report: Option<Duration>,
    unreported: u64,
}

impl ReportLimit {
    const INTERVAL: Duration = Duration::from_secs(60);

    /// Counts an occurrence. If it is to be reported, returns the number of unreported ones before it.
    pub(super) fn admit(&mut self, now: Duration) -> Option<u64> {
        if self.last_report.is_some_and(|last| now.saturating_sub(last) < Self::INTERVAL) {
            self.unreported = self.unreported.saturating_add(1);
            return None;
        }
        self.last_report = Some(now);
        Some(std::mem::take(&mut self.unreported))
    }
}
