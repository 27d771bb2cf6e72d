//! Transitions of a virtual router (RFC 9568 section 6.4), and the timers that cause them.

use std::time::Duration;

use super::cause::Cause;
use super::event::{Change, TimerKey};
use super::router::Router;
use super::sequence_blocks::another_block;
use super::state::State;
use crate::wire::ah;

/// What an event asks of the sync group of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GroupMove {
    /// Nothing.
    None,
    /// The instance went from master to backup: so do the others.
    Follow,
    /// A backup hears a master.
    HearsMaster,
    /// The down timer ran out: all members become master, once all of them want to.
    WantsMaster(Cause),
}

impl Router<'_> {
    /// First transition, out of Init, if it is not one to fault.
    pub(super) fn start(&mut self, to: State) {
        match to {
            State::Master if self.row.resumes_master => self.enter_master(Cause::Resumed),
            State::Master => self.enter_master(Cause::Owner),
            // Also with `state MASTER`: without owning the addresses it may not be the only one.
            _ => self.enter_backup(self.row.down_interval(), Cause::Startup),
        }
    }

    /// Active_Down_Timer or Adver_Timer expired.
    pub(super) fn protocol_timer(&mut self) -> GroupMove {
        let row = &mut *self.row;
        if row.deadline.is_none_or(|deadline| deadline > self.site.turn.now) {
            return GroupMove::None;
        }
        match row.state {
            State::Master if row.sequence >= ah::LAST_SEQUENCE => self.yield_for(Cause::SequenceExhausted),
            State::Master => {
                self.send_advert();
                self.arm_advert();
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

    /// Next advert one interval after the last was due, so that intervals do not drift; late ones are not made up for.
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

    /// The instance waits another Active_Down_Interval.
    pub(super) fn wait_on(&mut self) {
        self.set_deadline(self.site.turn.now + self.row.down_interval());
    }

    /// Starts the down timer anew: it is never shortened by a worse priority, and the next master has to be silent for
    /// the whole of it.
    pub(super) fn restart_down_timer(&mut self) {
        self.row.wanted = State::Backup;
        self.row.takeover = Cause::Silence;
        self.wait_on();
    }

    /// Adverts first, then addresses: the actions of this event keep that order.
    pub(super) fn enter_master(&mut self, cause: Cause) {
        let row = &mut *self.row;
        let from = std::mem::replace(&mut row.state, State::Master);
        row.perhaps_second = cause == Cause::Silence && row.master.is_some();
        row.wanted = State::Master;
        row.since = self.site.turn.now;
        row.master_interval = row.config.advert_interval;
        row.preempt_at = None;
        row.deadline = None;
        row.counters.become_master += 1;
        row.complaints.another_master();
        let before = row.sequence;
        row.sequence = before.max(std::mem::take(&mut row.reserved_sequence));
        if row.sequence >= ah::LAST_SEQUENCE {
            row.sequence = 0;
        }
        self.site.turn.output.save |= another_block(before, row.sequence);
        self.send_advert();
        self.arm_advert();
        self.tell(from, State::Master, cause);
        self.site.hold(self.id, Some(self.row), true);
        self.start_announcements();
    }

    /// `wait` is the time until the instance wants to be master.
    pub(super) fn enter_backup(&mut self, wait: Duration, cause: Cause) {
        let row = &mut *self.row;
        let from = std::mem::replace(&mut row.state, State::Backup);
        row.wanted = State::Backup;
        row.since = self.site.turn.now;
        row.preempt_at = None;
        row.takeover = Cause::Silence;
        row.counters.release_master += u64::from(from == State::Master);
        self.set_deadline(self.site.turn.now + wait);
        self.stop_announcements();
        self.tell(from, State::Backup, cause);
        self.site.hold(self.id, Some(self.row), false);
    }

    pub(super) fn enter_fault(&mut self, cause: Cause) {
        if self.row.state == State::Master {
            self.send_priority_zero();
        }
        let row = &mut *self.row;
        let from = std::mem::replace(&mut row.state, State::Fault);
        row.wanted = State::Fault;
        row.since = self.site.turn.now;
        row.preempt_at = None;
        row.deadline = None;
        row.master = None;
        row.counters.release_master += u64::from(from == State::Master);
        self.site.turn.set_timer(TimerKey::Protocol(self.id), None);
        self.stop_announcements();
        self.tell(from, State::Fault, cause);
        self.site.hold(self.id, Some(self.row), false);
    }

    /// Out of fault: backup with the full timer and nothing learnt.
    pub(super) fn leave_fault(&mut self) {
        self.row.master_interval = self.row.config.advert_interval;
        self.enter_backup(self.row.down_interval(), Cause::Recovered);
    }

    /// Master to backup because of a better router.
    pub(super) fn yield_for(&mut self, cause: Cause) -> GroupMove {
        self.enter_backup(self.row.down_interval(), cause);
        GroupMove::Follow
    }

    /// The daemon stops: a master gives up.
    pub(super) fn resign(&mut self) {
        self.row.deadline = None;
        if self.row.state == State::Master {
            self.row.counters.release_master += 1;
            self.send_priority_zero();
        }
    }

    /// The daemon stops: back to Init. Gives the state that it left.
    pub(super) fn end(&mut self) -> State {
        let from = std::mem::replace(&mut self.row.state, State::Init);
        self.row.wanted = State::Init;
        self.site.turn.set_timer(TimerKey::Protocol(self.id), None);
        self.stop_announcements();
        from
    }

    pub(super) fn tell(&mut self, from: State, to: State, cause: Cause) {
        self.site.turn.change(Change::Instance { id: self.id, from, to, cause });
    }
}
