//! A new configuration: sessions of the same name and ends go on, with other intervals if need be.

use super::event::{Action, Cause, Change};
use super::machine::{Bfd, Phase, leave};
use super::rows::{Session, SessionId};
use super::session::Turn;
use crate::config::model::{BfdInstance, Config};
use crate::state::Numbering;
use crate::system::System;
use crate::wire::bfd::State;

impl Bfd {
    pub(super) fn configure(&mut self, config: Config) {
        if self.phase == Phase::Stopping {
            return;
        }
        let mut numbering = Numbering::new(self.tables.indices().sessions);
        let mut wanted: Vec<(SessionId, BfdInstance)> = Vec::new();
        for session in config.bfd {
            wanted.push((SessionId(numbering.index_of(&session.name)), session));
        }
        self.tables.next = numbering.next();
        self.tables.system = System::new(std::mem::take(&mut self.tables.system.version), config.global);
        let stays = |id: &SessionId| wanted.iter().any(|(wanted, _)| wanted == id);
        for id in self.tables.ids().into_iter().filter(|id| !stays(id)) {
            self.remove(id);
        }
        self.tables.neighbors = wanted.iter().map(|(id, config)| (config.neighbor, *id)).collect();
        for (id, config) in wanted {
            self.apply(id, config);
        }
    }

    /// Puts the configuration of a session in place: of one that is known, of one that has other ends, or of a new one.
    fn apply(&mut self, id: SessionId, config: BfdInstance) {
        let ends = (config.neighbor, config.source, config.multihop);
        match self.tables.sessions.get(&id).map(|row| row.ends() == ends) {
            Some(true) => {
                let running = self.phase == Phase::Running;
                return self.with(id, |row, turn| turn.reconfigure(row, config, running));
            }
            Some(false) => self.replace(id, config),
            None => drop(self.tables.sessions.insert(id, Session::new(config))),
        }
        self.with(id, |row, turn| turn.name(row));
        if self.phase == Phase::Running {
            self.begin(id);
        }
    }

    /// A session with other ends is another session, but its trackers know it by its name.
    fn replace(&mut self, id: SessionId, config: BfdInstance) {
        let (from, now) = (self.tables.sessions.get(&id).map_or(State::Down, |row| row.state), self.now);
        self.end(id);
        let row = Session { since: now, ..Session::new(config) };
        let (to, diagnostic) = (row.state, row.diagnostic);
        self.tables.sessions.insert(id, row);
        if from != to {
            let (cause, remote_diagnostic) = (Cause::Reconfigured, diagnostic);
            self.output.changes.push(Change::State { id, from, to, cause, diagnostic, remote_diagnostic });
        }
    }

    fn remove(&mut self, id: SessionId) {
        self.end(id);
        self.tables.sessions.remove(&id);
    }

    /// Ends a session without telling the views, which see what becomes of it.
    fn end(&mut self, id: SessionId) {
        let told = self.output.changes.len();
        self.with(id, |row, turn| {
            leave(row, turn, Cause::Reconfigured);
            turn.discriminators.remove(&row.discriminator);
        });
        self.output.changes.truncate(told);
        self.output.actions.push(Action::Close(id));
    }
}

impl Turn<'_> {
    /// Another configuration of the same session, which may not have begun.
    fn reconfigure(&mut self, row: &mut Session, config: BfdInstance, running: bool) {
        let before = row.control(false);
        row.config = config;
        let after = row.control(false);
        let intervals_differ =
            (before.desired_min_tx, before.required_min_rx) != (after.desired_min_tx, after.required_min_rx);
        if intervals_differ && row.is_up() {
            // RFC 5880 section 6.8.3. A session that is not up says it in every packet, and nothing waits for an answer.
            row.poll = true;
            self.change(Change::Poll(self.id));
        }
        row.retune();
        self.detection_changed(row);
        if running {
            if before != after {
                self.hurry(row);
            }
            self.arm(row);
        }
    }
}
