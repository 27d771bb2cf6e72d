//! Sync groups: their members are all backup, all master or all in fault.

use super::cause::Cause;
use super::event::{Change, TimerKey};
use super::ids::{GroupId, InstanceId};
use super::machine::Vrrp;
use super::rows::Instance;
use super::state::State;
use crate::config::model::StartState;

impl Vrrp {
    fn members(&self, group: GroupId) -> Vec<InstanceId> {
        self.tables.groups.get(&group).map_or_else(Vec::new, |row| row.members.clone())
    }

    fn set_group_state(&mut self, id: GroupId, to: State) {
        let Some(group) = self.tables.groups.get_mut(&id) else { return };
        let from = std::mem::replace(&mut group.state, to);
        if from != to {
            self.change(Change::Group { id, from, to });
        }
    }

    fn group_has_fault(&self, group: GroupId) -> bool {
        let faulty = |id: &InstanceId| self.tables.instances.get(id).is_some_and(|row| row.fault.is_some());
        self.members(group).iter().any(faulty)
    }

    /// Master only if every member is an owner, fault if any is in fault, else backup. The group is told first.
    pub(super) fn start_group(&mut self, group: GroupId) {
        let members = self.members(group);
        let all_are =
            |is: fn(&Instance) -> bool| members.iter().all(|id| self.tables.instances.get(id).is_some_and(is));
        let owners = all_are(|row| row.is_owner() && row.config.start_state == StartState::Master);
        let resumed = all_are(|row| row.resumes_master);
        let to = match owners || resumed {
            _ if self.group_has_fault(group) => State::Fault,
            true => State::Master,
            false => State::Backup,
        };
        if resumed && to == State::Master {
            // Its members were master before the predecessor died: no news.
            if let Some(row) = self.tables.groups.get_mut(&group) {
                row.state = to;
            }
        }
        self.set_group_state(group, to);
        for id in members {
            self.start_instance(id, to);
        }
    }

    /// Whether some member cannot be judged yet.
    pub(super) fn group_awaits(&self, group: GroupId) -> bool {
        self.members(group).iter().any(|id| self.awaits(*id))
    }

    /// A member that waited for its VMAC or a tracker: a new group starts with the last of them, later ones join as at a reload.
    pub(super) fn start_late_in_group(&mut self, group: GroupId, id: InstanceId) {
        let state = self.tables.groups.get(&group).map_or(State::Init, |row| row.state);
        if state != State::Init {
            self.start_instance(id, State::Backup);
            self.unify_group(group);
        } else if !self.group_awaits(group) {
            self.start_group(group);
        }
    }

    /// A member's down timer ran out: the group becomes master once all want it; until then the member waits on.
    pub(super) fn group_member_wants_master(&mut self, group: GroupId, id: InstanceId, cause: Cause) {
        let members = self.members(group);
        let wants = |id: &InstanceId| self.tables.instances.get(id).is_some_and(|row| row.wanted == State::Master);
        if members.iter().all(wants) {
            self.enter_master(id, cause);
            for other in members {
                if self.tables.instances.get(&other).is_some_and(|row| row.state != State::Master) {
                    self.enter_master(other, Cause::SyncGroup);
                }
            }
            self.set_group_state(group, State::Master);
        } else if let Some(row) = self.tables.instances.get_mut(&id) {
            let deadline = self.now + row.down_interval();
            row.deadline = Some(deadline);
            self.set_timer(TimerKey::Protocol(id), Some(deadline));
        }
    }

    /// A member that is backup hears a master. If it was to join a group that is master, the group cannot be master as
    /// a whole.
    pub(super) fn group_yields_with(&mut self, id: InstanceId) {
        let group = self.tables.instances.get(&id).and_then(|row| row.group);
        let is_master = |id: &GroupId| self.tables.groups.get(id).is_some_and(|group| group.state == State::Master);
        if let Some(group) = group.filter(is_master) {
            self.group_follows_backup(group);
        }
    }

    /// A member went from master to backup: so do the others.
    pub(super) fn group_follows_backup(&mut self, group: GroupId) {
        for id in self.members(group) {
            let Some(row) = self.tables.instances.get(&id).filter(|row| row.state == State::Master) else { continue };
            let wait = row.down_interval();
            self.enter_backup(id, wait, Cause::SyncGroup);
        }
        self.set_group_state(group, State::Backup);
    }

    /// After a new configuration: members that are master stay so, and the others join them when their own down timers
    /// expire (or take the group along when they hear a master, see [`Vrrp::group_yields_with`]). Without a master, all
    /// become backup together, or stay in fault together.
    pub(super) fn unify_group(&mut self, group: GroupId) {
        if self.group_has_fault(group) {
            return self.reassess_group(group);
        }
        let states: Vec<State> =
            self.members(group).iter().filter_map(|id| self.tables.instances.get(id)).map(|row| row.state).collect();
        if states.contains(&State::Master) && !states.contains(&State::Fault) {
            return self.set_group_state(group, State::Master);
        }
        if let Some(first) = states.first().copied().filter(|first| *first != State::Fault)
            && states.iter().all(|state| *state == first)
        {
            return self.set_group_state(group, first);
        }
        for id in self.members(group) {
            if self.tables.instances.get(&id).is_some_and(|row| row.state == State::Fault) {
                self.leave_fault(id);
            }
        }
        self.group_follows_backup(group);
    }

    /// Brings the group in line with the faults of its members.
    pub(super) fn reassess_group(&mut self, group: GroupId) {
        let faulty = self.group_has_fault(group);
        let Some(row) = self.tables.groups.get(&group) else { return };
        let was = row.state;
        if faulty && was != State::Fault {
            // The member that is in fault itself goes first, so that its reason is told before its consequence.
            let mut members = self.members(group);
            members.sort_by_key(|id| self.tables.instances.get(id).is_none_or(|row| row.fault.is_none()));
            for id in members {
                let cause = self.fault_cause(id);
                self.enter_fault(id, cause);
            }
            self.set_group_state(group, State::Fault);
        } else if !faulty && was == State::Fault {
            for id in self.members(group) {
                self.leave_fault(id);
            }
            self.set_group_state(group, State::Backup);
        }
    }
}
