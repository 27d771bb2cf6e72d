//! The checkpoint of the BFD process: the session states that the parent keeps, so that a replacement process can
//! continue without the other ends noticing the crash.
//!
//! Sessions are identified by row index, which is the same in the replacement ([`Indices`](super::Indices)), and by their
//! end points. Received packets that change no state leave the checkpoint unchanged.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::machine::{Bfd, Phase};
use super::rows::{Counters, Intervals, Remote, Session, SessionId};
use crate::state::{Lasting, Reader, Unusable, Writer};
use crate::wire::bfd::{Diagnostic, State};

/// Checkpoint: the states of all sessions, from which a replacement process resumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    sessions: Vec<Saved>,
    /// Since when each session is in its state, in the same order.
    past: Vec<Duration>,
    /// With the last checkpoint of a process that hands over in order: packet counters, and when the last packet came, in the
    /// same order.
    handed_over: Vec<(Counters, Option<Duration>)>,
}

/// The state of a session. The form stays; further values get a section of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Saved {
    index: u32,
    /// Neighbour address, source address, multihop.
    ends: (IpAddr, Option<IpAddr>, bool),
    state: State,
    diagnostic: Diagnostic,
    discriminator: u32,
    remote: Option<Remote>,
    in_force: Intervals,
}

impl Lasting for Checkpoint {
    const NAME: &'static str = "states of BFD sessions";
    const VERSION: u32 = 2;

    fn write(&self, sections: &mut Writer) {
        sections.put("sessions", &self.sessions);
        sections.put("past of sessions", &self.past);
        sections.put("counters", &self.handed_over);
    }

    fn read(sections: &mut Reader<'_>) -> Result<Checkpoint, Unusable> {
        Ok(Checkpoint {
            sessions: sections.take("sessions")?,
            past: sections.take_if_readable("past of sessions"),
            handed_over: sections.take_if_readable("counters"),
        })
    }
}

impl Bfd {
    /// Returns the present states, for a replacement of this process, with all counters.
    pub fn last_checkpoint(&self) -> Checkpoint {
        let handed_over = self.tables.sessions.values().map(|row| (row.counters, row.last_heard));
        Checkpoint { handed_over: handed_over.collect(), ..self.checkpoint() }
    }

    /// Returns the present states, for a replacement of this process.
    pub fn checkpoint(&self) -> Checkpoint {
        let saved = |(id, row): (&SessionId, &Session)| Saved {
            index: id.0,
            ends: row.ends(),
            state: row.state,
            diagnostic: row.diagnostic,
            discriminator: row.discriminator,
            remote: row.remote,
            in_force: row.in_force,
        };
        Checkpoint {
            sessions: self.tables.sessions.iter().map(saved).collect(),
            past: self.tables.sessions.values().map(|row| row.since).collect(),
            handed_over: Vec::new(),
        }
    }

    /// Restores the states of a predecessor. Call it before [`Event::Start`](super::Event::Start), or before
    /// [`Event::Stop`](super::Event::Stop) to send AdminDown in place of the predecessor. Restored states cause no
    /// [`Change`](super::Change).
    pub fn resume(&mut self, checkpoint: &Checkpoint) {
        if self.phase != Phase::Waiting {
            return;
        }
        let (mut past, mut handed_over) = (checkpoint.past.iter(), checkpoint.handed_over.iter());
        for saved in &checkpoint.sessions {
            let (since, counters) = (past.next(), handed_over.next());
            if saved.discriminator == 0 {
                continue;
            }
            self.with(SessionId(saved.index), |row, turn| {
                // If another session happens to have this discriminator, packets could not be told apart.
                let taken = turn.discriminators.get(&saved.discriminator).is_some_and(|of| *of != turn.id);
                if row.ends() != saved.ends || taken || saved.state == State::AdminDown {
                    return;
                }
                turn.discriminators.remove(&row.discriminator);
                turn.discriminators.insert(saved.discriminator, turn.id);
                row.discriminator = saved.discriminator;
                (row.state, row.diagnostic, row.remote) = (saved.state, saved.diagnostic, saved.remote);
                row.in_force = saved.in_force;
                row.since = since.copied().unwrap_or(row.since);
                (row.counters, row.last_heard) = counters.copied().unwrap_or((row.counters, row.last_heard));
                // It is unknown whether the predecessor's poll was answered.
                row.poll = row.is_up() && row.in_force != row.advertised();
                row.retune();
                row.detection_time = row.detection();
            });
        }
    }
}
