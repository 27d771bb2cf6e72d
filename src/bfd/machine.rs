//! The machine of all sessions: dispatches events, starts and stops.
//!
//! It is pure: it takes an event and the time, and produces rows and actions. It reads no clock and does no I/O.

use std::time::Duration;

use super::event::{Action, Cause, Change, Event, Output, TimerKey};
use super::rows::{ReportLimit, Session, SessionId};
use super::session::Turn;
use super::tables::Tables;
use crate::state::Random;
use crate::system::{HasSystem, System};
use crate::wire::bfd::{Diagnostic, State};

/// Number of AdminDown packets sent at a stop, since packets may get lost.
const ADMIN_DOWN_COUNT: u8 = 3;
/// Longest interval at which AdminDown is repeated; a session with a longer interval sends it once.
const ADMIN_DOWN_INTERVAL: Duration = Duration::from_millis(300);

/// The machine of all BFD sessions.
#[derive(Debug)]
pub struct Bfd {
    pub(super) tables: Tables,
    pub(super) output: Output,
    pub(super) now: Duration,
    pub(super) random: Random,
    pub(super) phase: Phase,
    /// Rate limit for reports of packets from unknown senders.
    pub(super) strangers: ReportLimit,
}

/// Phase of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before [`Event::Start`].
    Waiting,
    /// Sessions run.
    Running,
    /// AdminDown is being sent to the other ends.
    Stopping,
}

impl HasSystem for Bfd {
    fn system(&self) -> &System {
        &self.tables.system
    }
}

impl Bfd {
    /// Creates the machine for the rows of a configuration. It waits for [`Event::Start`]. Discriminators and jitter
    /// derive from the seed, which must not be predictable.
    pub fn new(tables: Tables, seed: u64) -> Bfd {
        let mut bfd = Bfd {
            tables,
            output: Output::default(),
            now: Duration::ZERO,
            random: Random::new(seed),
            phase: Phase::Waiting,
            strangers: ReportLimit::default(),
        };
        for id in bfd.tables.ids() {
            bfd.with(id, |row, turn| turn.assign_discriminator(row));
        }
        bfd
    }

    /// The rows.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Takes the actions and changes of the events so far.
    pub fn take_output(&mut self) -> Output {
        std::mem::take(&mut self.output)
    }

    /// Time of the last event.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Whether every AdminDown packet is sent after [`Event::Stop`].
    pub fn is_stopped(&self) -> bool {
        self.phase == Phase::Stopping && self.tables.sessions.values().all(|row| row.admin_downs_left == 0)
    }

    /// Handles one event. `now` must not go backwards.
    pub fn handle(&mut self, event: Event<'_>, now: Duration) {
        self.now = now;
        match event {
            Event::Start => self.start(),
            Event::Packet(packet) => self.receive(packet),
            Event::Timer(TimerKey::Send(id)) if self.phase == Phase::Stopping => self.with(id, repeat_admin_down),
            Event::Timer(TimerKey::Send(id)) => self.with(id, |row, turn| turn.send_timer(row)),
            Event::Timer(TimerKey::Detection(id)) => self.detection_timer(id),
            Event::Sent(id, result) => self.with(id, |row, turn| sent(row, turn, result)),
            Event::Configure(config) => self.configure(*config),
            Event::Stop => self.stop(),
        }
    }

    /// Calls `act` with a session's row, if the session exists.
    pub(super) fn with(&mut self, id: SessionId, act: impl FnOnce(&mut Session, &mut Turn<'_>)) {
        let Tables { sessions, discriminators, .. } = &mut self.tables;
        let (output, random) = (&mut self.output, &mut self.random);
        if let Some(row) = sessions.get_mut(&id) {
            act(row, &mut Turn { id, now: self.now, output, random, discriminators });
        }
    }

    fn start(&mut self) {
        if self.phase != Phase::Waiting {
            return;
        }
        self.phase = Phase::Running;
        for id in self.tables.ids() {
            self.start_session(id);
        }
    }

    /// Starts a session, or continues a predecessor's. The other end gets a full detection time.
    pub(super) fn start_session(&mut self, id: SessionId) {
        self.with(id, |row, turn| {
            row.since = turn.now;
            row.last_heard = row.remote.map(|_| turn.now);
            turn.expedite(row);
            turn.arm(row);
        });
    }

    fn detection_timer(&mut self, id: SessionId) {
        let running = self.phase == Phase::Running;
        self.with(id, |row, turn| {
            row.detection_timer = None;
            let Some(deadline) = row.detection_deadline().filter(|_| running) else { return };
            if turn.now < deadline {
                turn.arm(row);
            } else {
                let elapsed = turn.now.saturating_sub(row.last_heard.unwrap_or_default());
                turn.expire(row, elapsed);
            }
        });
    }

    fn stop(&mut self) {
        if self.phase == Phase::Stopping {
            return;
        }
        self.phase = Phase::Stopping;
        for id in self.tables.ids() {
            self.with(id, |row, turn| {
                let quick = row.is_up() && row.tx_interval() <= ADMIN_DOWN_INTERVAL;
                if enter_admin_down(row, turn, Cause::Shutdown) && quick {
                    row.admin_downs_left = ADMIN_DOWN_COUNT.saturating_sub(1);
                    let at = turn.now.saturating_add(row.tx_interval());
                    turn.output.actions.push(Action::Timer(TimerKey::Send(turn.id), Some(at)));
                }
            });
        }
    }
}

/// Sends AdminDown to the other end (RFC 5880 section 6.8.16), unless no packet was ever exchanged with it. The intervals
/// in force do not change. Returns whether a packet was sent.
pub(super) fn enter_admin_down(row: &mut Session, turn: &mut Turn<'_>, cause: Cause) -> bool {
    let id = turn.id;
    turn.output.actions.push(Action::Timer(TimerKey::Send(id), None));
    turn.output.actions.push(Action::Timer(TimerKey::Detection(id), None));
    let (from, to, diagnostic) = (row.state, State::AdminDown, Diagnostic::ADMIN_DOWN);
    let remote_diagnostic = row.remote.map_or(Diagnostic::NONE, |remote| remote.diagnostic);
    (row.state, row.diagnostic, row.poll, row.since) = (to, diagnostic, false, turn.now);
    turn.change(Change::State { id, from, to, cause, diagnostic, remote_diagnostic });
    let known = row.remote.is_some() || row.counters.sent > 0;
    if known {
        turn.transmit(row, false);
    }
    known
}

fn repeat_admin_down(row: &mut Session, turn: &mut Turn<'_>) {
    let Some(left) = row.admin_downs_left.checked_sub(1) else { return };
    row.admin_downs_left = left;
    turn.transmit(row, false);
    if left > 0 {
        let at = turn.now.saturating_add(row.tx_interval());
        turn.output.actions.push(Action::Timer(TimerKey::Send(turn.id), Some(at)));
    }
}

fn sent(row: &mut Session, turn: &mut Turn<'_>, result: Result<(), String>) {
    let (id, failed) = (turn.id, row.send_error.is_some());
    match &result {
        Err(error) if !failed => turn.change(Change::SendFailed { id, error: error.clone() }),
        Ok(()) if failed => turn.change(Change::SendWorks(id)),
        _ => {}
    }
    row.send_error = result.err();
}
