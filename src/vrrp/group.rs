//! Sync groups, whose members are all backup, all master or all in fault; and transitions of instances without a group.

use super::cause::{Cause, Fault};
use super::event::Change;
use super::faults;
use super::ids::{GroupId, InstanceId};
use super::routers::Vrrp;
use super::rows::Instance;
use super::state::State;
use super::tables::Tables;
use super::transition::GroupMove;
use crate::config::model::StartState;

impl Tables {
    fn members(&self, group: GroupId) -> Vec<InstanceId> {
        self.groups.get(&group).map_or_else(Vec::new, |row| row.members.clone())
    }

    fn member_rows(&self, group: GroupId) -> impl Iterator<Item = &Instance> {
        let members = self.groups.get(&group).map(|row| row.members.iter());
        members.into_iter().flatten().filter_map(|id| self.instances.get(id))
    }

    fn group_has_fault(&self, group: GroupId) -> bool {
        self.member_rows(group).any(|row| row.fault.is_some())
    }

    /// The cause of a transition to fault: the instance's own fault, or the fault of another member of its group.
    fn fault_cause(&self, row: &Instance) -> Cause {
        if let Some(fault) = &row.fault {
            return Cause::Fault(fault.clone());
        }
        let faulty = row.group.and_then(|group| self.member_rows(group).find(|member| member.fault.is_some()));
        faulty.map_or(Cause::SyncGroup, |member| Cause::Fault(Fault::SyncGroup(member.config.name.clone())))
    }
}

impl Vrrp {
    fn set_group_state(&mut self, id: GroupId, to: State) {
        let Some(group) = self.tables.groups.get_mut(&id) else { return };
        let from = std::mem::replace(&mut group.state, to);
        if from != to {
            group.transitions += 1;
            group.since = self.turn.now;
            self.turn.change(Change::Group { id, from, to });
        }
    }

    /// Assesses an instance, and moves it or its group into or out of fault if necessary.
    pub(super) fn reassess(&mut self, id: InstanceId) {
        let Some(mut router) = self.router(id) else { return };
        let had_fault = router.row.fault.is_some();
        router.assess();
        let has_fault = router.row.fault.is_some();
        if !router.site.turn.is_running() || had_fault == has_fault {
            return;
        }
        match router.row.group {
            Some(group) => self.reassess_group(group),
            None => self.apply_fault(id),
        }
    }

    /// Moves an instance without a group into or out of fault, if its state does not agree with its fault.
    pub(super) fn apply_fault(&mut self, id: InstanceId) {
        let Some(mut router) = self.router(id) else { return };
        match (router.row.fault.is_some(), router.row.state == State::Fault) {
            (true, false) => self.enter_fault(id),
            (false, true) => router.leave_fault(),
            _ => {}
        }
    }

    pub(super) fn reassess_all(&mut self) {
        for id in self.tables.instance_ids() {
            self.reassess(id);
        }
    }

    fn enter_fault(&mut self, id: InstanceId) {
        let cause_of = |row: &Instance| {
            if row.resumes(State::Fault) { Cause::Resumed } else { self.tables.fault_cause(row) }
        };
        let cause = self.tables.instances.get(&id).map(cause_of);
        if let Some((mut router, cause)) = self.router(id).zip(cause) {
            router.enter_fault(cause);
        }
    }

    /// Makes the first transition of an instance, out of Init.
    pub(super) fn start_instance(&mut self, id: InstanceId, to: State) {
        if to == State::Fault {
            self.enter_fault(id);
        } else if let Some(mut router) = self.router(id) {
            router.start(to);
        }
    }

    /// Starts a group: as master if every member is an owner or resumes as master, in fault if a member has a fault,
    /// otherwise as backup. The group's change is reported before those of its members.
    pub(super) fn start_group(&mut self, group: GroupId) {
        let is_owner = |row: &Instance| row.is_owner() && row.config.start_state == StartState::Master;
        let owners = self.tables.member_rows(group).all(is_owner);
        let resumed = self.tables.member_rows(group).all(|row| row.resumes_master);
        let to = match owners || resumed {
            _ if self.tables.group_has_fault(group) => State::Fault,
            _ if self.tables.member_rows(group).any(|row| row.yielded.is_some()) => State::Backup,
            true => State::Master,
            false => State::Backup,
        };
        if let Some(row) = self.tables.groups.get_mut(&group) {
            // If the group was in this state in the predecessor, there is no change to report.
            row.state = row.former.take().or(resumed.then_some(State::Master)).unwrap_or(row.state);
        }
        self.set_group_state(group, to);
        for id in self.tables.members(group) {
            self.start_instance(id, to);
        }
    }

    /// Whether a member's first state cannot be decided yet.
    pub(super) fn group_is_undecided(&self, group: GroupId) -> bool {
        let around = self.tables.surroundings();
        self.tables.member_rows(group).any(|row| faults::is_undecided(around, row))
    }

    /// Starts an instance that waited for its VMAC or a tracker. A group starts with the last of its waiting members;
    /// instances that join a running group do so as at a reload.
    pub(super) fn start_late(&mut self, id: InstanceId) {
        let Some(router) = self.router(id) else { return };
        let waited = router.row.state == State::Init;
        if !router.site.turn.is_running() || !waited || router.is_undecided() {
            return;
        }
        let to = router.row.first_state();
        let Some(group) = router.row.group else { return self.start_instance(id, to) };
        let state = self.tables.groups.get(&group).map_or(State::Init, |row| row.state);
        if state != State::Init {
            self.start_instance(id, State::Backup);
            self.unify_group(group);
        } else if !self.group_is_undecided(group) {
            self.start_group(group);
        }
    }

    /// Moves the group of an instance according to an event of the instance.
    pub(super) fn move_group_of(&mut self, id: InstanceId, then: GroupMove) {
        let group = self.tables.instances.get(&id).filter(|_| then != GroupMove::None).and_then(|row| row.group);
        let Some(group) = group else { return };
        match then {
            GroupMove::None => {}
            GroupMove::Follow => self.follow_backup(group),
            GroupMove::WantsMaster(cause) => self.member_wants_master(group, id, cause),
            // If the group is master, this member was to join it but hears another master: the whole group yields.
            GroupMove::HearsMaster => {
                if self.tables.groups.get(&group).is_some_and(|group| group.state == State::Master) {
                    self.follow_backup(group);
                }
            }
        }
    }

    /// Handles the expiry of a member's Active_Down_Timer: the group becomes master once all members want it; until then
    /// the member waits for another interval.
    fn member_wants_master(&mut self, group: GroupId, id: InstanceId, cause: Cause) {
        let all = self.tables.member_rows(group).all(|row| row.wanted == State::Master);
        let Some(mut router) = self.router(id) else { return };
        if !all {
            return router.wait_on();
        }
        router.enter_master(cause);
        for other in self.tables.members(group) {
            if let Some(mut router) = self.router(other).filter(|router| router.row.state != State::Master) {
                router.enter_master(Cause::SyncGroup);
            }
        }
        self.set_group_state(group, State::Master);
    }

    /// Moves all members from master to backup, because one of them has become backup.
    fn follow_backup(&mut self, group: GroupId) {
        for id in self.tables.members(group) {
            if let Some(mut router) = self.router(id).filter(|router| router.row.state == State::Master) {
                router.enter_backup(router.row.down_interval(), Cause::SyncGroup);
            }
        }
        self.set_group_state(group, State::Backup);
    }

    /// Brings the members into one state after a reload. Members that are master stay master, and the others join them when
    /// their Active_Down_Timers expire, or make the group backup when they hear a master ([`GroupMove::HearsMaster`]).
    /// Without a master among them, all become backup or stay in fault.
    pub(super) fn unify_group(&mut self, group: GroupId) {
        if self.tables.group_has_fault(group) {
            return self.reassess_group(group);
        }
        let states: Vec<State> = self.tables.member_rows(group).map(|row| row.state).collect();
        if states.contains(&State::Master) && !states.contains(&State::Fault) {
            return self.set_group_state(group, State::Master);
        }
        if let Some(first) = states.first().copied().filter(|first| *first != State::Fault)
            && states.iter().all(|state| *state == first)
        {
            return self.set_group_state(group, first);
        }
        for id in self.tables.members(group) {
            if let Some(mut router) = self.router(id).filter(|router| router.row.state == State::Fault) {
                router.leave_fault();
            }
        }
        self.follow_backup(group);
    }

    /// Moves the group into or out of fault according to its members.
    fn reassess_group(&mut self, group: GroupId) {
        let faulty = self.tables.group_has_fault(group);
        let was = self.tables.groups.get(&group).map(|row| row.state);
        let mut members = self.tables.members(group);
        match was {
            Some(State::Fault) if !faulty => {
                for id in members {
                    if let Some(mut router) = self.router(id) {
                        router.leave_fault();
                    }
                }
                self.set_group_state(group, State::Backup);
            }
            Some(was) if faulty && was != State::Fault => {
                // Members with a fault of their own go first, so that the cause is reported before its consequences.
                let instances = &self.tables.instances;
                members.sort_by_key(|id| instances.get(id).is_none_or(|row| row.fault.is_none()));
                members.into_iter().for_each(|id| self.enter_fault(id));
                self.set_group_state(group, State::Fault);
            }
            _ => {}
        }
    }
}
