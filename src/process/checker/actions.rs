//! What the machines ask for is handed on, and what comes of it is handed back.

use std::time::Duration;

use super::{CheckerProcess, Loop, Timer};
use crate::check::http::Look;
use crate::check::{Action, AttemptId, Event, ScriptEnd, Transport, VirtualServerId};
use crate::config::lvs::CheckerKind;
use crate::net::{ChildEvent, FileEvent, Key, NetEvent, Outcome, What};
use crate::reactor::Program;

/// That checks have to wait for this process itself is told so often.
const TELL_AGAIN: Duration = Duration::from_secs(60);

impl CheckerProcess {
    pub(super) fn carry_out(&mut self, heard: &mut Vec<NetEvent>, shell: &mut Loop) {
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
                    self.connections.open(&shell.reactor, key(attempt), &target, &over, heard);
                }
                Action::Send(attempt, octets) => {
                    self.connections.send(key(attempt), &octets, heard);
                }
                Action::Look(attempt, look) => self.look(attempt, *look, heard),
                Action::Resume(attempt) => self.connections.resume(&shell.reactor, key(attempt), heard),
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
                Action::Reconcile(id) => self.ipvs.mark(id),
            }
        }
        shell.tell(output.changes);
    }

    /// What connections tell goes to the machines; what they want of connections may tell more.
    pub(super) fn hear(&mut self, mut heard: Vec<NetEvent>, shell: &mut Loop) {
        while !heard.is_empty() {
            for event in std::mem::take(&mut heard) {
                let attempt = attempt(event.key);
                let now = shell.now();
                match &event.what {
                    // Connected is what a ping becomes when its reply has come.
                    What::Connected if self.is_ping(attempt) => self.check.handle(Event::PingReply(attempt), now),
                    What::Connected => self.check.handle(Event::Connected(attempt), now),
                    What::Received(octets) => self.check.handle(Event::Received(attempt, octets), now),
                    What::Closed => self.check.handle(Event::Closed(attempt), now),
                    What::Failed(reason) => self.check.handle(Event::Failed(attempt, reason.clone()), now),
                    What::Lacking(reason) => self.postpone(attempt, reason, shell),
                }
            }
            self.carry_out(&mut heard, shell);
        }
    }

    /// A check for which this process has not what it takes comes later: that is not the server's failure.
    fn postpone(&mut self, attempt: AttemptId, reason: &str, shell: &Loop) {
        if self.told_lack.is_none_or(|told| shell.now() >= told + TELL_AGAIN) {
            self.told_lack = Some(shell.now());
            shell.log.error(format_args!("Checks have to wait: {reason}"));
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
                Outcome::Lacking(reason) => {
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

    fn look(&mut self, attempt: AttemptId, look: Look, heard: &mut Vec<NetEvent>) {
        let key = key(attempt);
        if self.searches.begin(key, look) {
            self.connections.pause(key);
        } else {
            self.connections.close(key);
            let what = What::Lacking("too many searches by regex are under way".to_owned());
            heard.push(NetEvent { key, what });
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

/// An attempt in the terms of connections and scripts: 32 bits each for the virtual server, the real server and the
/// checker, since indices grow as long as the daemon lives.
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
    fn an_attempt_comes_back_from_its_key() {
        let one = AttemptId { checker: ((VirtualServerId(u32::MAX), u32::MAX - 1), u32::MAX - 2), number: u32::MAX };
        assert_eq!(attempt(key(one)), one);
    }
}
