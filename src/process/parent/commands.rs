//! Commands of clients for a child process: the parent passes each on, and answers with the child's result or after a time
//! limit.

use std::time::Duration;

use super::pending::Pending;
use super::running::Task;
use super::{Key, Parent};
use crate::control::{Answer, Client, Command};
use crate::process::ipc::Message;
use crate::process::role::Role;
use crate::reactor::clock;

/// Longest wait for the result of a child.
const LIMIT: Duration = Duration::from_secs(5);

impl Parent {
    /// Passes a command on to the child that carries it out.
    pub(super) fn command(&mut self, client: Client, command: &Command) {
        let role = match command {
            Command::Weight(_) => Role::Checkers,
            Command::Yield(_) | Command::Resume(_) => Role::Vrrp,
        };
        self.commands = self.commands.wrapping_add(1);
        let number = self.commands;
        let octets = serde_json::to_vec(command).map_err(|error| error.to_string());
        let sent = octets.and_then(|octets| {
            let child = self.child(role).filter(|child| child.task == Task::Work);
            let sent = child.map(|child| child.channel.send(&Message::Command(number, octets)));
            match sent {
                Some(Ok(())) => Ok(()),
                _ => Err(format!("the {} process does not run", role.name())),
            }
        });
        match sent {
            Ok(()) => {
                self.pending.push(Pending { number, client, role, until: clock::now() + LIMIT });
                self.watch_commands();
            }
            Err(why) => self.answer([(client, Answer::Refused(why))]),
        }
    }

    /// Answers a client with the result of its command.
    pub(super) fn take_result(&mut self, number: u32, octets: &[u8]) {
        let Some(at) = self.pending.iter().position(|pending| pending.number == number) else { return };
        let Pending { client, .. } = self.pending.remove(at);
        let answer = match serde_json::from_slice(octets) {
            Ok(Ok(done)) => Answer::Done(done),
            Ok(Err(why)) => Answer::Refused(why),
            Err(error) => Answer::Refused(format!("the result of the process cannot be used: {error}")),
        };
        self.answer([(client, answer)]);
        self.watch_commands();
    }

    /// Answers the clients that have waited too long.
    pub(super) fn commands_are_late(&mut self) {
        let now = clock::now();
        let late: Vec<Pending> = self.pending.extract_if(.., |pending| pending.until <= now).collect();
        self.answer(late.into_iter().map(|pending| {
            let seconds = LIMIT.as_secs();
            let why = format!("the {} process has not answered within {seconds} s; see the log", pending.role.name());
            (pending.client, Answer::Refused(why))
        }));
        self.watch_commands();
    }

    fn watch_commands(&mut self) {
        match self.pending.iter().map(|pending| pending.until).min() {
            Some(until) => self.timers.set(Key::Commands, until),
            None => self.timers.clear(Key::Commands),
        }
    }
}
