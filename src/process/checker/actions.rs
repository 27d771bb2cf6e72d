//! Executes the actions of the machines, and returns the results to them as events.

use std::time::Duration;

use super::{CheckerProcess, Loop, Timer};
use crate::check::http::Look;
use crate::check::{Action, AttemptId, Event, ScriptEnd, Transport, VirtualServerId};
use crate::config::lvs::CheckerKind;
use crate::net::{ChildEvent, FileEvent, Key, NetEvent, NetEventKind, Outcome};
use crate::reactor::Program;

/// Shortest interval of log lines about postponed checks.
const LOG_AGAIN: Duration = Duration::from_secs(60);

impl CheckerProcess {
    pub(super) fn carry_out(&mut self, net_events: &mut Vec<NetEvent>, shell: &mut Loop) {
        let output = self.check.take_output();
        for action in output.actions {
            match action {
                Action::Connect { attempt, target, transport } => {
                    let over = match transport {
                        Transport::Tcp => crate::net::Transport::Tcp,
                        Transport::Tls { sni, close_notify } => crate::net::Transport::Tls { sni, close_notify },
                        Transport::Udp => crate::net::Transport::Udp,
                        Transport::Ping => crate::net::Transport::Ping,
                    };
                    self.connections.open(&shell.reactor, key(attempt), &target, &over, net_events);
                }
                Action::Send(attempt, octets) => {
                    self.connections.send(key(attempt), &octets, net_events);
                }
                Action::Look(attempt, look) => self.look(attempt, *look, net_events),
                Action::Resume(attempt) => self.connections.resume(&shell.reactor, key(attempt), net_events),
                Action::Close(attempt) => {
                    self.connections.close(key(attempt));
                    self.searches.cancel(key(attempt));
                }
                Action::RunScript { attempt, script, limit } => {
                    let program = Program::new(&script, self.check.tables().system.global.as_ref());
                    self.children.run(key(attempt), program, limit);
                }
                Action::KillScript(attempt) => self.children.cancel(key(attempt)),
                Action::Timer(timer, at) => shell.set_timer(Timer::Machine(timer), at),
                Action::Reconcile(id) => self.ipvs.director.mark(id),
            }
        }
        shell.report(output.changes);
    }

    /// Hands events of connections to the machines, and executes their actions, which may cause further events.
    pub(super) fn handle_net_events(&mut self, mut net_events: Vec<NetEvent>, shell: &mut Loop) {
        while !net_events.is_empty() {
            for event in std::mem::take(&mut net_events) {
                let attempt = attempt(event.key);
                let now = shell.now();
                match &event.kind {
                    // Of a ping this event reports the reply.
                    NetEventKind::Connected if self.is_ping(attempt) => {
                        self.check.handle(Event::PingReply(attempt), now)
                    }
                    NetEventKind::Connected => self.check.handle(Event::Connected(attempt), now),
                    NetEventKind::Received(octets) => self.check.handle(Event::Received(attempt, octets), now),
                    NetEventKind::Closed => self.check.handle(Event::Closed(attempt), now),
                    NetEventKind::Failed(reason) => self.check.handle(Event::Failed(attempt, reason.clone()), now),
                    NetEventKind::NoResources(reason) => self.postpone(attempt, reason, shell),
                }
            }
            self.carry_out(&mut net_events, shell);
        }
    }

    /// Postpones a check when this process is out of descriptors or memory: that is not a failure of the server.
    fn postpone(&mut self, attempt: AttemptId, reason: &str, shell: &Loop) {
        if self.postponement_logged.is_none_or(|logged| shell.now() >= logged + LOG_AGAIN) {
            self.postponement_logged = Some(shell.now());
            shell.log.error(format_args!("Checks are postponed: {reason}"));
        }
        self.check.handle(Event::Postponed(attempt), shell.now());
    }

    fn is_ping(&self, attempt: AttemptId) -> bool {
        let row = self.check.tables().checkers.get(&attempt.checker);
        row.is_some_and(|row| matches!(row.config.kind, CheckerKind::Ping(_)))
    }

    pub(super) fn children_turn(&mut self, shell: &Loop) {
        let mut ended = Vec::new();
        self.children.events(&mut ended);
        for ChildEvent { key, outcome } in ended {
            let end = match outcome {
                Outcome::NoResources(reason) => {
                    self.postpone(attempt(key), &reason, shell);
                    continue;
                }
                Outcome::Exited(status) => ScriptEnd::Exited(status),
                Outcome::Killed(signal) => ScriptEnd::Signalled(signal),
                Outcome::TimedOut => ScriptEnd::TimedOut,
                Outcome::NotStarted(reason) => ScriptEnd::NotStarted(reason),
            };
            self.check.handle(Event::ScriptEnded(attempt(key), end), shell.now());
        }
    }

    fn look(&mut self, attempt: AttemptId, look: Look, net_events: &mut Vec<NetEvent>) {
        let key = key(attempt);
        if self.searches.begin(key, look) {
            self.connections.pause(key);
        } else {
            self.connections.close(key);
            let kind = NetEventKind::NoResources("too many regex searches are running".to_owned());
            net_events.push(NetEvent { key, kind });
        }
    }

    pub(super) fn searches_turn(&mut self, shell: &Loop) {
        let mut done = Vec::new();
        self.searches.events(&mut done);
        for (key, looked) in done {
            self.check.handle(Event::Looked(attempt(key), looked), shell.now());
        }
    }

    pub(super) fn files_turn(&mut self, shell: &Loop) {
        let mut changed = Vec::new();
        self.files.events(&mut changed);
        for event in changed {
            match event {
                FileEvent::Number { name, number } => {
                    self.check.handle(Event::FileValue { name: &name, value: number.into() }, shell.now());
                }
                FileEvent::Trouble { text, .. } => shell.log.warning(format_args!("{text}")),
            }
        }
    }
}

/// The key of an attempt for connections and scripts. It has 32 bits each for the virtual server, the real server and
/// the checker, since indices grow throughout the life of the daemon.
fn key(attempt: AttemptId) -> Key {
    let ((VirtualServerId(service), server), checker) = attempt.checker;
    let id = u128::from(service) << 64 | u128::from(server) << 32 | u128::from(checker);
    Key { id, generation: attempt.number.into() }
}

/// The attempt of a key.
fn attempt(key: Key) -> AttemptId {
    let service = VirtualServerId((key.id >> 64) as u32);
    let (server, checker) = ((key.id >> 32) as u32, key.id as u32);
    AttemptId { checker: ((service, server), checker), number: key.generation as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_converts_back_to_its_attempt() {
        let one = AttemptId { checker: ((VirtualServerId(u32::MAX), u32::MAX - 1), u32::MAX - 2), number: u32::MAX };
        assert_eq!(attempt(key(one)), one);
    }
}
