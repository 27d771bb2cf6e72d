//! Yielding: an operator has instances give up mastership and stay out of elections (`keepalived --yield`), until they are
//! resumed or a time is over. They go on to listen, as backups that never become master.
//!
//! The members of a sync group yield together.

use std::time::Duration;

use super::cause::Cause;
use super::event::{Change, TimerKey};
use super::ids::{GroupId, InstanceId};
use super::router::Router;
use super::routers::Vrrp;
use super::rows::Instance;
use super::state::State;
use super::tables::Tables;
use super::yielded::Yielded;

impl Tables {
    /// The instances that yield with the instance or sync group of this name; none if neither exists.
    pub fn yielding_together(&self, name: &str) -> Vec<InstanceId> {
        let one = self.instances.iter().find(|(_, row)| row.config.name == name);
        let group = match one {
            Some((_, row)) => row.group,
            None => self.groups.iter().find(|(_, row)| row.config.name == name).map(|(id, _)| *id),
        };
        match group.and_then(|group| self.groups.get(&group)) {
            Some(group) => group.members.clone(),
            None => one.map(|(id, _)| *id).into_iter().collect(),
        }
    }
}

impl Vrrp {
    /// Has instances give up mastership and stay out until `until`.
    pub(super) fn yield_up(&mut self, members: &[InstanceId], until: Option<Duration>) {
        let since = self.turn.now;
        // Masters of a group resign before the first of them changes its state, as at a stop.
        for id in members {
            let Some(mut router) = self.router(*id) else { continue };
            let since = router.row.yielded.map_or(since, |before| before.since);
            router.row.yielded = Some(Yielded { since, until });
            router.site.turn.set_timer(TimerKey::Yield(*id), until);
            router.site.turn.change(Change::Yielded(*id));
            if router.row.state == State::Master {
                router.send_priority_zero();
            }
        }
        for id in members {
            let Some(mut router) = self.router(*id) else { continue };
            match router.row.state {
                State::Master => {
                    router.row.master = None;
                    let then = router.yield_for(Cause::Yielded);
                    self.move_group_of(*id, then);
                }
                State::Backup => router.row.wanted = State::Backup,
                _ => {}
            }
        }
        self.turn.output.save = true;
    }

    /// Has instances take part again.
    pub(super) fn resume_part(&mut self, members: &[InstanceId]) {
        for id in members {
            let Some(mut router) = self.router(*id) else { continue };
            if router.row.yielded.take().is_none() {
                continue;
            }
            router.site.turn.set_timer(TimerKey::Yield(*id), None);
            router.site.turn.change(Change::TakesPart(*id));
            if router.row.state == State::Backup {
                router.wait_on();
            }
        }
        self.turn.output.save = true;
    }

    /// Ends the yielding of an instance if its time is over. Each member of a group has a timer of its own.
    pub(super) fn yield_timer(&mut self, id: InstanceId) {
        let now = self.turn.now;
        let is_over = |row: &Instance| row.yielded.and_then(|yielded| yielded.until).is_some_and(|until| until <= now);
        if self.tables.instances.get(&id).is_some_and(is_over) {
            self.resume_part(&[id]);
        }
    }

    /// Has all members of a group yield if a reload has put one that has yielded into it.
    pub(super) fn unify_yielded(&mut self, group: GroupId) {
        let members = self.tables.groups.get(&group).map_or_else(Vec::new, |row| row.members.clone());
        let yielded: Vec<Option<Yielded>> =
            members.iter().map(|id| self.tables.instances.get(id).and_then(|row| row.yielded)).collect();
        let Some(one) = yielded.iter().flatten().next().filter(|_| yielded.contains(&None)) else { return };
        self.yield_up(&members, one.until);
    }

    /// Continues the yielding of a predecessor.
    pub(super) fn start_yielded(&mut self) {
        for id in self.tables.instance_ids() {
            let until = self.tables.instances.get(&id).and_then(|row| row.yielded?.until);
            if until.is_some() {
                self.turn.set_timer(TimerKey::Yield(id), until);
            }
        }
    }
}

impl Router<'_> {
    /// Handles the expiry of Active_Down_Timer of a backup that has yielded: no other router has become master. Reported once.
    pub(super) fn unserved(&mut self) {
        self.row.deadline = None;
        self.row.master = None;
        self.site.turn.change(Change::Unserved(self.id));
    }
}
