//! Reload: sessions with the same name and end points continue, with new intervals if these changed.

use super::event::{Action, Cause, Change};
use super::machine::{Bfd, Phase, enter_admin_down};
use super::rows::{Session, SessionId};
use super::session::Turn;
use crate::config::model::{BfdInstance, Config};
use crate::state::Numbering;
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
        let configured = self.tables.system.configured;
        self.tables.system.configure(config.global, configured);
        let stays = |id: &SessionId| wanted.iter().any(|(wanted, _)| wanted == id);
        for id in self.tables.ids().into_iter().filter(|id| !stays(id)) {
            self.remove(id);
        }
        self.tables.neighbors = wanted.iter().map(|(id, config)| (config.neighbor, *id)).collect();
        for (id, config) in wanted {
            self.apply(id, config);
        }
    }

    /// Applies the configuration of a session, which may be known, have other end points, or be new.
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
        self.with(id, |row, turn| turn.assign_discriminator(row));
        if self.phase == Phase::Running {
            self.start_session(id);
        }
    }

    /// Replaces a session by one with other end points. Its trackers know it by name, so its state change is reported.
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

    /// Ends a session without notifying the views; the caller reports the result.
    fn end(&mut self, id: SessionId) {
        let reported = self.output.changes.len();
        self.with(id, |row, turn| {
            enter_admin_down(row, turn, Cause::Reconfigured);
            turn.discriminators.remove(&row.discriminator);
        });
        self.output.changes.truncate(reported);
        self.output.actions.push(Action::Close(id));
    }
}

impl Turn<'_> {
    /// Applies a changed configuration to the same session, which may not have started.
    fn reconfigure(&mut self, row: &mut Session, config: BfdInstance, running: bool) {
        let before = row.control(false);
        row.config = config;
        let after = row.control(false);
        let intervals_differ =
            (before.desired_min_tx, before.required_min_rx) != (after.desired_min_tx, after.required_min_rx);
        if intervals_differ && row.is_up() {
            // RFC 5880 section 6.8.3. A session that is not up needs no poll: its new intervals are in force at once.
            row.poll = true;
            self.change(Change::Poll(self.id));
        }
        row.retune();
        self.detection_changed(row);
        if running {
            if before != after {
                self.expedite(row);
            }
            self.arm(row);
        }
    }
}
