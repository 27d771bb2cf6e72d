//! Handling of tracker results, and their consequences for the instances that list the trackers.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cause::Occasion;
use super::event::{Action, Change, TimerKey};
use super::ids::InstanceId;
use super::routers::Vrrp;
use super::turn::Phase;
use crate::config::model::TrackerKind;
use crate::track::{AnyTracker, FlapReport, ScriptEnd, TrackerId};

/// Longest delay of a run that could not be started because the system ran out of processes or memory.
const POSTPONEMENT: Duration = Duration::from_secs(1);

impl Vrrp {
    /// Starts all scripts that have not run yet.
    pub(super) fn start_scripts(&mut self) {
        let idle = |(id, script): (&u32, &crate::track::Tracker<_>)| {
            let script: &crate::track::Script = &script.row;
            (script.runs == 0).then_some(*id)
        };
        let ids: Vec<u32> = self.tables.trackers.scripts.iter().filter_map(idle).collect();
        for id in ids {
            if let Some(tracker) = self.tables.trackers.scripts.get_mut(&id) {
                tracker.row.due = self.turn.now;
            }
            self.script_due(id);
        }
    }

    /// Starts the run of a script that is due.
    pub(super) fn script_due(&mut self, id: u32) {
        if self.turn.phase == Phase::Stopping {
            return;
        }
        let now = self.turn.now;
        let Some(script) = self.tables.trackers.scripts.get_mut(&id).map(|tracker| &mut tracker.row) else { return };
        if script.due > now {
            return;
        }
        let starts = script.start_run(now);
        let (due, config) = (script.due, &script.config);
        if starts {
            let action = Action::RunScript { id, script: config.script.clone(), limit: config.timeout };
            self.turn.act(action);
        }
        self.turn.set_timer(TimerKey::Script(id), Some(due));
    }

    pub(super) fn script_ended(&mut self, id: u32, end: ScriptEnd) {
        let Some(script) = self.tables.trackers.scripts.get_mut(&id).map(|tracker| &mut tracker.row) else { return };
        let outcome = script.ended(end);
        let tracker = TrackerId(TrackerKind::Script, id);
        if outcome.other_result {
            self.script_result_changed(tracker);
        }
        if outcome.changed {
            self.tracker_changed(tracker);
        }
    }

    /// Reports a changed result of a script, even if its reading has not changed, unless the script flaps.
    fn script_result_changed(&mut self, id: TrackerId) {
        let now = self.turn.now;
        let flaps = self.tables.trackers.get_mut(id).is_some_and(|tracker| tracker.history().1.is_flapping(now));
        if !flaps {
            self.turn.change(Change::ScriptResult(id.1));
        }
    }

    /// Postpones a run that could not be started because the system ran out of processes or memory. It has no result.
    pub(super) fn script_postponed(&mut self, id: u32) {
        let now = self.turn.now;
        let Some(script) = self.tables.trackers.scripts.get_mut(&id).map(|tracker| &mut tracker.row) else { return };
        script.postponed();
        script.due = script.due.min(now.saturating_add(POSTPONEMENT)).max(now);
        let due = script.due;
        self.turn.set_timer(TimerKey::Script(id), Some(due));
    }

    /// Takes the number in the file of a `track_file`.
    pub(super) fn file_read(&mut self, name: &str, number: i32) {
        let Some(id) = self.tables.trackers.find(TrackerKind::File, name) else { return };
        let Some(file) = self.tables.trackers.files.get_mut(&id.1).map(|tracker| &mut tracker.row) else { return };
        if file.read(number) {
            self.tracker_changed(id);
        }
    }

    /// Takes the number of processes of a `vrrp_track_process`.
    pub(super) fn processes_counted(&mut self, name: &str, count: u32) {
        let now = self.turn.now;
        let Some(id) = self.tables.trackers.find(TrackerKind::Process, name) else { return };
        let Some(row) = self.tables.trackers.processes.get_mut(&id.1).map(|tracker| &mut tracker.row) else { return };
        let changed = row.counted(count, now);
        let pending = row.pending;
        self.turn.set_timer(TimerKey::Processes(id.1), pending);
        if changed {
            self.tracker_changed(id);
        }
    }

    /// Applies the number of processes after `fork_delay` or `terminate_delay`.
    pub(super) fn processes_settled(&mut self, id: u32) {
        let now = self.turn.now;
        let changed = self.tables.trackers.processes.get_mut(&id).is_some_and(|tracker| tracker.row.expire(now));
        if changed {
            self.tracker_changed(TrackerId(TrackerKind::Process, id));
        }
    }

    /// Takes the state of a session from the BFD process.
    pub(super) fn session_changed(&mut self, name: &str, up: bool) {
        let Some(id) = self.tables.trackers.find(TrackerKind::Bfd, name) else { return };
        let Some(session) = self.tables.trackers.sessions.get_mut(&id.1).map(|tracker| &mut tracker.row) else {
            return;
        };
        if session.reported(up) {
            self.tracker_changed(id);
        }
    }

    /// Reports the summary of a flapping tracker.
    pub(super) fn flap_expired(&mut self, id: TrackerId) {
        let now = self.turn.now;
        let report = self.tables.trackers.get_mut(id).and_then(|tracker| tracker.history().1.expire(now));
        if let Some(report) = report {
            let reading = self.tables.trackers.reading(id);
            self.turn.change(Change::Tracker { id, reading, report });
        }
    }

    /// Reports a changed reading, and assesses the instances that list the tracker.
    fn tracker_changed(&mut self, id: TrackerId) {
        let now = self.turn.now;
        let reading = self.tables.trackers.reading(id);
        let Some((since, flap)) = self.tables.trackers.get_mut(id).map(AnyTracker::history) else { return };
        *since = now;
        let report = flap.change(now);
        let deadline = flap.deadline();
        self.turn.set_timer(TimerKey::Flap(id), deadline);
        self.turn.output.save = true;
        let concerned: BTreeSet<InstanceId> = self.tables.listing(id).collect();
        if report != FlapReport::Counted && !concerned.is_empty() {
            self.turn.change(Change::Tracker { id, reading, report });
        }
        let name = self.tables.trackers.name(id).to_owned();
        self.turn.occasion = Occasion::Tracker { kind: id.0, name, reading, counted: report == FlapReport::Counted };
        concerned.iter().for_each(|id| self.reassess(*id));
        concerned.iter().for_each(|id| self.start_late(*id));
    }

    /// Stops removed scripts and starts new ones after a reload. `before` are the scripts of the old configuration.
    pub(super) fn follow_trackers(&mut self, before: &[u32]) {
        for id in before.iter().filter(|id| self.tables.trackers.scripts.get(id).is_none()) {
            self.turn.act(Action::CancelScript(*id));
            self.turn.act(Action::Timer(TimerKey::Script(*id), None));
        }
        self.turn.output.trackers = true;
        if self.turn.phase != Phase::Stopping && self.turn.started {
            self.start_scripts();
        }
    }
}
