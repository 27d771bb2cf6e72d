//! Capabilities and registrations of a session, and the master's answers to them.

use std::time::Duration;

use super::event::{Event, Refused};
use super::{Ask, Registration, Session, State};
use crate::oid::Oid;
use crate::pdu::encode;

/// Pauses before a refused registration is tried again.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// The subtrees to register, and the state of each.
#[derive(Debug)]
pub(super) struct Registry {
    /// The capabilities were sent to the present master.
    capabilities_asked: bool,
    wanted: Vec<(Registration, Standing)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Unasked,
    Asked { refusals: u32 },
    Registered,
    Refused { refusals: u32, again: Duration },
}

impl Registry {
    pub(super) fn new(wanted: Vec<Registration>) -> Self {
        let wanted = wanted.into_iter().map(|wanted| (wanted, Standing::Unasked)).collect();
        Registry { capabilities_asked: false, wanted }
    }

    /// Resets all states for a new connection.
    pub(super) fn rewind(&mut self) {
        self.capabilities_asked = false;
        for (_, standing) in &mut self.wanted {
            *standing = Standing::Unasked;
        }
    }

    /// Replaces the list of subtrees, keeping the state of those already in it; returns the previous list.
    fn replace(&mut self, wanted: Vec<Registration>) -> Vec<(Registration, Standing)> {
        let standing = |wanted: &Registration, former: &[(Registration, Standing)]| {
            former.iter().find(|(former, _)| former == wanted).map_or(Standing::Unasked, |(_, standing)| *standing)
        };
        let former = std::mem::take(&mut self.wanted);
        self.wanted = wanted.into_iter().map(|wanted| (wanted.clone(), standing(&wanted, &former))).collect();
        former
    }

    fn place_of(&self, registration: &Registration) -> Option<usize> {
        self.wanted.iter().position(|(wanted, _)| wanted == registration)
    }

    /// When the next refused registration is due to be tried again.
    pub(super) fn next_retry(&self) -> Option<Duration> {
        self.wanted
            .iter()
            .filter_map(|(_, standing)| match standing {
                Standing::Refused { again, .. } => Some(*again),
                _ => None,
            })
            .min()
    }

    /// Number of registered subtrees, once every registration has been answered; `None` before.
    fn settled(&self) -> Option<usize> {
        let mut registered = 0;
        for (_, standing) in &self.wanted {
            match standing {
                Standing::Unasked | Standing::Asked { refusals: 0 } => return None,
                Standing::Registered => registered += 1,
                Standing::Asked { .. } | Standing::Refused { .. } => {}
            }
        }
        Some(registered)
    }
}

impl Session {
    /// Replaces the subtrees: registers new ones and unregisters the others. The session stays open.
    pub fn set_registrations(&mut self, now: Duration, registrations: Vec<Registration>) {
        let former = self.registry.replace(registrations);
        // Outstanding answers refer to positions in the previous list.
        for pending in &mut self.pending {
            if let Ask::Registration(at) = pending.what {
                let place = former.get(at).and_then(|(former, _)| self.registry.place_of(former));
                pending.what = place.map_or(Ask::Withdrawal, Ask::Registration);
            }
        }
        let State::Open(session) = self.state else { return };
        for (gone, standing) in &former {
            let known = matches!(standing, Standing::Registered | Standing::Asked { .. });
            if known && self.registry.place_of(gone).is_none() {
                let packet = self.expect(Ask::Withdrawal, now);
                self.put(|out| encode::unregister(out, session, packet, &gone.subtree, gone.priority));
            }
        }
        self.register_due(session, now);
    }

    /// Replaces the capabilities: adds new ones to the master's sysORTable and removes the others. The session stays open.
    pub fn set_capabilities(&mut self, now: Duration, capabilities: Vec<(Oid, String)>) {
        let former = std::mem::replace(&mut self.config.capabilities, capabilities);
        // Outstanding answers refer to positions in the previous list.
        for pending in &mut self.pending {
            if let Ask::Capability(at) = pending.what {
                let known = former.get(at);
                let place = self.config.capabilities.iter().position(|wanted| Some(wanted) == known);
                pending.what = place.map_or(Ask::Withdrawal, Ask::Capability);
            }
        }
        let State::Open(session) = self.state else { return };
        if !self.registry.capabilities_asked {
            return;
        }
        for (oid, _) in
            former.iter().filter(|known| !self.config.capabilities.contains(known)).cloned().collect::<Vec<_>>()
        {
            let packet = self.expect(Ask::Withdrawal, now);
            self.put(|out| encode::remove_agent_caps(out, session, packet, &oid));
        }
        for at in 0..self.config.capabilities.len() {
            if self.config.capabilities.get(at).is_some_and(|wanted| !former.contains(wanted)) {
                self.add_capability(at, session, now);
            }
        }
    }

    /// Asks the master for the row of sysORTable for the capability at position `at`.
    fn add_capability(&mut self, at: usize, session: u32, now: Duration) {
        let packet = self.expect(Ask::Capability(at), now);
        if let Some((oid, text)) = self.config.capabilities.get(at).cloned() {
            self.put(|out| encode::add_agent_caps(out, session, packet, &oid, &text));
        }
    }

    /// Sends the capabilities and registrations that are due.
    pub(super) fn register_due(&mut self, session: u32, now: Duration) {
        if !std::mem::replace(&mut self.registry.capabilities_asked, true) {
            for at in 0..self.config.capabilities.len() {
                self.add_capability(at, session, now);
            }
        }
        for at in 0..self.registry.wanted.len() {
            let Some((_, standing)) = self.registry.wanted.get(at) else {
                return;
            };
            let refusals = match *standing {
                Standing::Unasked => 0,
                Standing::Refused { refusals, again } if again <= now => refusals,
                _ => continue,
            };
            let packet = self.expect(Ask::Registration(at), now);
            if let Some((wanted, standing)) = self.registry.wanted.get_mut(at) {
                *standing = Standing::Asked { refusals };
                let Registration { subtree, priority } = wanted.clone();
                self.put(|out| encode::register(out, session, packet, &subtree, priority));
            }
        }
        self.report_when_settled();
    }

    /// Handles the master's answer for the subtree at position `at`.
    pub(super) fn registration_answered(&mut self, at: usize, error: u16, now: Duration) {
        let Some((wanted, standing)) = self.registry.wanted.get_mut(at) else {
            return;
        };
        if error == 0 {
            *standing = Standing::Registered;
        } else {
            let refusals = match standing {
                Standing::Asked { refusals } => *refusals,
                _ => 0,
            };
            let pause = FIRST_RETRY.saturating_mul(1 << refusals.min(16)).min(LONGEST_RETRY);
            *standing = Standing::Refused { refusals: refusals.saturating_add(1), again: now + pause };
            if refusals == 0 {
                let what = Refused::Registration(wanted.subtree.clone());
                self.report(Event::Refused { what, error });
            }
        }
        self.report_when_settled();
    }

    /// Handles the master's answer for the capability at position `at`.
    pub(super) fn capability_answered(&mut self, at: usize, error: u16) {
        if let Some((oid, _)) = self.config.capabilities.get(at).filter(|_| error != 0) {
            let what = Refused::Capability(oid.clone());
            self.report(Event::Refused { what, error });
        }
    }

    fn report_when_settled(&mut self) {
        let settled = self.registry.settled().filter(|_| !self.up_reported);
        if let Some(registered) = settled {
            self.up_reported = true;
            (self.last_connect_error, self.last_lost) = (None, None);
            self.report(Event::Up { registered });
        }
    }
}
