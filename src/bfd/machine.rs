//! The machine of all sessions: takes events, starts and stops.
//!
//! Pure: an event and a time in, rows and actions out. It reads no clock and does no I/O.

use std::time::Duration;

use super::event::{Action, Cause, Change, Event, Output, TimerKey};
use super::rows::{Quiet, Session, SessionId};
use super::session::Turn;
use super::tables::Tables;
use crate::state::Random;
use crate::system::{HasSystem, System};
use crate::wire::bfd::{Diagnostic, State};

/// Packets that tell the other end of a session that this end stops: one may get lost.
const FAREWELLS: u8 = 3;
/// The longest pause between them; a session that is slower says it once.
const FAREWELL_PAUSE: Duration = Duration::from_millis(300);

/// All sessions of a process.
#[derive(Debug)]
pub struct Bfd {
    pub(super) tables: Tables,
    pub(super) output: Output,
    pub(super) now: Duration,
    pub(super) random: Random,
    pub(super) phase: Phase,
    /// Packets of no session.
    pub(super) strangers: Quiet,
}

/// Where the whole process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before [`Event::Start`].
    Waiting,
    /// Sessions run.
    Running,
    /// The other ends are told that they end.
    Stopping,
}

impl HasSystem for Bfd {
    fn system(&self) -> &System {
        &self.tables.system
    }
}

impl Bfd {
    /// The machine over the rows of a configuration; it waits for [`Event::Start`]. The seed, which nobody should be able
    /// to guess, gives discriminators and jitter.
    pub fn new(tables: Tables, seed: u64) -> Bfd {
        let mut bfd = Bfd {
            tables,
            output: Output::default(),
            now: Duration::ZERO,
            random: Random::new(seed),
            phase: Phase::Waiting,
            strangers: Quiet::default(),
        };
        for id in bfd.tables.ids() {
            bfd.with(id, |row, turn| turn.name(row));
        }
        bfd
    }

    /// The rows.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Hands over what the events so far have produced.
    pub fn take_output(&mut self) -> Output {
        std::mem::take(&mut self.output)
    }

    /// Time of the last event.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Whether all is said after [`Event::Stop`].
    pub fn is_stopped(&self) -> bool {
        self.phase == Phase::Stopping && self.tables.sessions.values().all(|row| row.farewells == 0)
    }

    /// Takes one event. `now` never goes backwards.
    pub fn handle(&mut self, event: Event<'_>, now: Duration) {
        self.now = now;
        match event {
            Event::Start => self.start(),
            Event::Packet(packet) => self.receive(packet),
            Event::Timer(TimerKey::Send(id)) if self.phase == Phase::Stopping => self.with(id, farewell),
            Event::Timer(TimerKey::Send(id)) => self.with(id, |row, turn| turn.send_timer(row)),
            Event::Timer(TimerKey::Detection(id)) => self.detection_timer(id),
            Event::Sent(id, result) => self.with(id, |row, turn| sent(row, turn, result)),
            Event::Configure(config) => self.configure(*config),
            Event::Stop => self.stop(),
        }
    }

    /// Does something with a session.
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
            self.begin(id);
        }
    }

    /// A session begins, or goes on where that of a predecessor was: the other end has a whole detection time.
    pub(super) fn begin(&mut self, id: SessionId) {
        self.with(id, |row, turn| {
            row.since = turn.now;
            row.last_heard = row.remote.map(|_| turn.now);
            turn.hurry(row);
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
                let quick = row.is_up() && row.tx_interval() <= FAREWELL_PAUSE;
                if leave(row, turn, Cause::Shutdown) && quick {
                    row.farewells = FAREWELLS.saturating_sub(1);
                    let at = turn.now.saturating_add(row.tx_interval());
                    turn.output.actions.push(Action::Timer(TimerKey::Send(turn.id), Some(at)));
                }
            });
        }
    }
}

/// Tells the other end that the session ends (RFC 5880 section 6.8.16), unless nothing was ever said to it. The intervals
/// in force stay as they are.
pub(super) fn leave(row: &mut Session, turn: &mut Turn<'_>, cause: Cause) -> bool {
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

fn farewell(row: &mut Session, turn: &mut Turn<'_>) {
    let Some(left) = row.farewells.checked_sub(1) else { return };
    row.farewells = left;
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
