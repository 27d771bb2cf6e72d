//! What trackers tell, and what it means for the instances that list them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cause::Occasion;
use super::event::{Action, Change, TimerKey};
use super::ids::InstanceId;
use super::routers::Vrrp;
use super::turn::Phase;
use crate::config::model::TrackerKind;
use crate::track::{ScriptEnd, Told, TrackerId};

/// A run for which the machine lacks processes or memory comes so much later at most.
const POSTPONED: Duration = Duration::from_secs(1);

impl Vrrp {
    /// Scripts that have not run yet do so now.
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

    /// The time of a run has come.
    pub(super) fn script_due(&mut self, id: u32) {
        if self.turn.phase == Phase::Stopping {
            return;
        }
        let now = self.turn.now;
        let Some(script) = self.tables.trackers.scripts.get_mut(&id).map(|tracker| &mut tracker.row) else { return };
        if script.due > now {
            return;
        }
        let begins = script.begin(now);
        let (due, config) = (script.due, &script.config);
        if begins {
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

    /// Another exit status than before, whether or not the verdict follows.
    fn script_result_changed(&mut self, id: TrackerId) {
        let now = self.turn.now;
        let flaps = self.tables.trackers.history(id).is_some_and(|(_, flap)| flap.is_flapping(now));
        if !flaps {
            self.turn.change(Change::ScriptResult(id.1));
        }
    }

    /// A run could not be started for want of something: it comes later, and says nothing of what it checks.
    pub(super) fn script_postponed(&mut self, id: u32) {
        let now = self.turn.now;
        let Some(script) = self.tables.trackers.scripts.get_mut(&id).map(|tracker| &mut tracker.row) else { return };
        script.postponed();
        script.due = script.due.min(now.saturating_add(POSTPONED)).max(now);
        let due = script.due;
        self.turn.set_timer(TimerKey::Script(id), Some(due));
    }

    /// The number in the file of a `track_file`.
    pub(super) fn file_read(&mut self, name: &str, number: i32) {
        let Some(id) = self.tables.trackers.find(TrackerKind::File, name) else { return };
        let Some(file) = self.tables.trackers.files.get_mut(&id.1).map(|tracker| &mut tracker.row) else { return };
        if file.read(number) {
            self.tracker_changed(id);
        }
    }

    /// So many processes of a `vrrp_track_process` run.
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

    /// The delay of a gain or loss of processes is over.
    pub(super) fn processes_settled(&mut self, id: u32) {
        let now = self.turn.now;
        let changed = self.tables.trackers.processes.get_mut(&id).is_some_and(|tracker| tracker.row.expire(now));
        if changed {
            self.tracker_changed(TrackerId(TrackerKind::Process, id));
        }
    }

    /// The BFD process tells of a session.
    pub(super) fn session_changed(&mut self, name: &str, up: bool) {
        if let Some(id) = self.tables.trackers.told(name, up) {
            self.tracker_changed(id);
        }
    }

    /// Changes of a tracker were only counted for a while.
    pub(super) fn flap_expired(&mut self, id: TrackerId) {
        let now = self.turn.now;
        let told = self.tables.trackers.history(id).and_then(|(_, flap)| flap.expire(now));
        if let Some(told) = told {
            let reading = self.tables.trackers.reading(id);
            self.turn.change(Change::Tracker { id, reading, told });
        }
    }

    /// The reading of a tracker has changed: so may the faults and priorities of those that list it.
    fn tracker_changed(&mut self, id: TrackerId) {
        let now = self.turn.now;
        let reading = self.tables.trackers.reading(id);
        let Some((since, flap)) = self.tables.trackers.history(id) else { return };
        *since = now;
        let told = flap.change(now);
        let deadline = flap.deadline();
        self.turn.set_timer(TimerKey::Flap(id), deadline);
        self.turn.output.save = true;
        if told != Told::Counted {
            self.turn.change(Change::Tracker { id, reading, told });
        }
        let name = self.tables.trackers.name(id).to_owned();
        self.turn.occasion = Occasion::Tracker { kind: id.0, name, reading, counted: told == Told::Counted };
        let concerned: BTreeSet<InstanceId> = self.tables.listing(id).collect();
        concerned.iter().for_each(|id| self.reassess(*id));
        concerned.iter().for_each(|id| self.start_late(*id));
    }

    /// After a new configuration: scripts that are not listed any more end, new ones run.
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
