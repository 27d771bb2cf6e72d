//! Transitions of a virtual router (RFC 9568 section 6.4), and its protocol timers.

use std::time::Duration;

use super::cause::Cause;
use super::event::{Change, TimerKey};
use super::ids::Owner;
use super::router::Router;
use super::sequence_blocks::another_block;
use super::state::State;
use crate::wire::ah;

/// Consequence of an instance's event for its sync group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GroupMove {
    /// No consequence.
    None,
    /// The instance went from master to backup, and the other members follow.
    Follow,
    /// A backup received an advert of a master.
    HearsMaster,
    /// Active_Down_Timer expired: the members become master once all of them want to.
    WantsMaster(Cause),
}

impl Router<'_> {
    /// Makes the first transition, out of Init, to master or backup.
    pub(super) fn start(&mut self, to: State) {
        match to {
            State::Master if self.row.resumes_master => self.enter_master(Cause::Resumed),
            State::Master => self.enter_master(Cause::Owner),
            // Also with `state MASTER`: unless it is the address owner, another router may be master.
            _ => {
                let resumes = self.row.resumes(State::Backup);
                self.enter_backup(self.row.down_interval(), if resumes { Cause::Resumed } else { Cause::Startup });
            }
        }
    }

    /// Handles the expiry of Active_Down_Timer or Adver_Timer.
    pub(super) fn protocol_timer(&mut self) -> GroupMove {
        if self.row.deadline.is_none_or(|deadline| deadline > self.site.turn.now) {
            return GroupMove::None;
        }
        if self.gives_way() {
            return GroupMove::Follow;
        }
        let row = &mut *self.row;
        match row.state {
            State::Master if row.sequence >= ah::LAST_SEQUENCE => self.yield_for(Cause::SequenceExhausted),
            State::Master => {
                self.send_advert();
                self.arm_advert();
                GroupMove::None
            }
            State::Backup if row.yielded.is_some() => {
                self.unserved();
                GroupMove::None
            }
            State::Backup => {
                row.wanted = State::Master;
                let cause = row.takeover.clone();
                if row.group.is_some() {
                    return GroupMove::WantsMaster(cause);
                }
                self.enter_master(cause);
                GroupMove::None
            }
            _ => GroupMove::None,
        }
    }

    /// Schedules the next advert one interval after the last was due, so that intervals do not drift. Missed adverts are
    /// skipped.
    fn arm_advert(&mut self) {
        let now = self.site.turn.now;
        let interval = self.row.config.advert_interval;
        let on_time = self.row.deadline.map_or(now + interval, |due| due + interval);
        self.set_deadline(if on_time > now { on_time } else { now + interval });
    }

    /// Sets Active_Down_Timer or Adver_Timer.
    pub(super) fn set_deadline(&mut self, at: Duration) {
        self.row.deadline = Some(at);
        self.site.turn.set_timer(TimerKey::Protocol(self.id), Some(at));
    }

    /// Waits for another Active_Down_Interval.
    pub(super) fn wait_on(&mut self) {
        self.set_deadline(self.site.turn.now + self.row.down_interval());
    }

    /// Restarts Active_Down_Timer after an advert of a master.
    pub(super) fn restart_down_timer(&mut self) {
        self.row.wanted = State::Backup;
        self.row.takeover = Cause::Silence;
        self.wait_on();
    }

    /// Becomes master. Adverts precede addresses in the actions of this event.
    pub(super) fn enter_master(&mut self, cause: Cause) {
        let row = &mut *self.row;
        let from = row.enter(State::Master, self.site.turn.now);
        row.may_be_second_master = cause == Cause::Silence && row.master.is_some();
        if cause != Cause::Resumed || row.became_master.is_none() {
            row.became_master = Some(if cause == Cause::SyncGroup { row.takeover.clone() } else { cause.clone() });
        }
        row.master_interval = row.config.advert_interval;
        row.preempt_at = None;
        row.deadline = None;
        row.complaints.master_changed();
        let before = row.sequence;
        row.sequence = before.max(std::mem::take(&mut row.reserved_sequence));
        if row.sequence >= ah::LAST_SEQUENCE {
            row.sequence = 0;
        }
        self.site.turn.output.save |= another_block(before, row.sequence);
        self.send_advert();
        self.arm_advert();
        self.report(from, State::Master, cause);
        self.site.set_wanted(Owner::Instance(self.id), Some(self.row), true);
        self.start_announcements();
    }

    /// Becomes backup. `wait` is the time until Active_Down_Timer expires.
    pub(super) fn enter_backup(&mut self, wait: Duration, cause: Cause) {
        let row = &mut *self.row;
        let from = row.enter(State::Backup, self.site.turn.now);
        row.preempt_at = None;
        row.takeover = Cause::Silence;
        self.set_deadline(self.site.turn.now + wait);
        self.stop_announcements();
        self.report(from, State::Backup, cause);
        self.site.set_wanted(Owner::Instance(self.id), Some(self.row), false);
    }

    pub(super) fn enter_fault(&mut self, cause: Cause) {
        if self.row.state == State::Master {
            self.send_priority_zero();
        }
        let row = &mut *self.row;
        let from = row.enter(State::Fault, self.site.turn.now);
        row.preempt_at = None;
        row.deadline = None;
        row.master = None;
        self.site.turn.set_timer(TimerKey::Protocol(self.id), None);
        self.stop_announcements();
        self.report(from, State::Fault, cause);
        self.site.set_wanted(Owner::Instance(self.id), Some(self.row), false);
    }

    /// Leaves fault: becomes backup with the full Active_Down_Interval and the configured advertisement interval.
    pub(super) fn leave_fault(&mut self) {
        self.row.master_interval = self.row.config.advert_interval;
        self.enter_backup(self.row.down_interval(), Cause::Recovered);
    }

    /// Goes from master to backup.
    pub(super) fn yield_for(&mut self, cause: Cause) -> GroupMove {
        self.enter_backup(self.row.down_interval(), cause);
        GroupMove::Follow
    }

    /// `timer_expired_backup`: a master goes back to backup if its advert is so late that a router of the configured priority
    /// may have become master. It waits until that router would have become master if it heard the last advert just now,
    /// and then for its advert. Returns whether it went back.
    pub(super) fn gives_way(&mut self) -> bool {
        let row = &*self.row;
        let rival = row.config.timer_expired_backup.filter(|_| row.state == State::Master && row.nopreempt);
        let (Some(rival), Some(deadline)) = (rival, row.deadline) else { return false };
        let late = self.site.turn.now.saturating_sub(deadline);
        let silence = late + row.config.advert_interval;
        let down = row.down_interval_of(rival);
        if silence < down {
            return false;
        }
        self.enter_backup(down + row.skew(), Cause::AdvertLate(late));
        true
    }

    /// Gives up mastership because the daemon stops.
    pub(super) fn resign(&mut self) {
        self.row.deadline = None;
        if self.row.state == State::Master {
            self.row.counters.release_master += 1;
            self.send_priority_zero();
        }
    }

    /// Returns to Init because the daemon stops. Returns the previous state.
    pub(super) fn reset(&mut self) -> State {
        let from = std::mem::replace(&mut self.row.state, State::Init);
        self.row.wanted = State::Init;
        self.row.up_since = None;
        self.site.turn.set_timer(TimerKey::Protocol(self.id), None);
        self.stop_announcements();
        from
    }

    fn report(&mut self, from: State, to: State, cause: Cause) {
        let resumed = cause == Cause::Resumed;
        self.row.transitions += u64::from(!resumed);
        if !resumed || self.row.last_cause.is_none() {
            self.row.last_cause = Some((cause.clone(), self.row.priority));
        }
        self.site.turn.change(Change::Instance { id: self.id, from, to, cause });
    }
}
