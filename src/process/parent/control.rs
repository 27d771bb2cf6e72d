//! Requests through the control socket. The server's thread has checked them; the parent never waits for it.

use std::time::Duration;

use super::waiting::Refused;
use super::{Key, Parent};
use crate::control::{Answer, Client, Event, Peer, Request};
use crate::notify::log::Level;
use crate::process::cli;
use crate::reactor::clock;

/// Longest wait of a client for the end of a reload. systemd's own limit is 90 s.
const RELOAD_LIMIT: Duration = Duration::from_secs(60);
/// Shortest time from one reload to the next for clients: a client that requests them in a loop keeps the processes from
/// their work for a small part of the time only.
const PACE: Duration = Duration::from_millis(500);
/// Time for the last answers before the exit.
const END_LIMIT: Duration = Duration::from_millis(500);

impl Parent {
    pub(super) fn control_turn(&mut self) {
        let events = self.control.as_ref().map(|control| control.events()).unwrap_or_default();
        for event in events {
            match event {
                Event::Request(client, peer, request) => {
                    let name = match &request {
                        Request::Reload => Some("reload".to_owned()),
                        Request::Command(command) => Some(command.to_string()),
                        Request::Upgrade(program) => Some(format!("upgrade to {}", program.display())),
                        // They change nothing, and monitoring may make them every few seconds.
                        Request::Status | Request::Version => None,
                    };
                    if let Some(name) = name {
                        self.log.write(Level::Notice, format_args!("Control socket: {name}, requested by {peer}"));
                    }
                    self.carry_out(client, peer, request);
                }
                Event::Refused(peer, reason) => {
                    self.log.warning(format_args!("Control socket: refused a request by {peer}: {reason}"));
                }
                Event::Trouble(text) => self.log.error(text),
            }
        }
    }

    fn carry_out(&mut self, client: Client, peer: Peer, request: Request) {
        match request {
            Request::Version => self.answer([(client, Answer::Version(cli::version_text()))]),
            Request::Status => self.gather_for(client),
            Request::Reload | Request::Command(_) | Request::Upgrade(_) if self.stopping => {
                self.answer([(client, Answer::Refused("keepalived is stopping".to_owned()))]);
            }
            Request::Command(command) => self.command(client, &command),
            Request::Upgrade(program) => self.upgrade(client, peer, &program),
            Request::Reload => {
                self.waiting.add(client, clock::now() + RELOAD_LIMIT);
                self.watch_the_wait();
                self.reload_for_clients();
            }
        }
    }

    /// Starts the reload that clients wait for, once the one before is over and [`PACE`] has passed.
    pub(super) fn reload_for_clients(&mut self) {
        if self.reading.is_some() || !self.waiting.wants_reading() {
            return;
        }
        let due = self.read_at.saturating_add(PACE);
        if clock::now() >= due {
            self.reload();
        } else {
            self.timers.set(Key::Reload, due);
        }
    }

    /// Answers those who wait for the configuration that all children run with now.
    pub(super) fn answer_applied(&mut self) {
        let answers = self.waiting.complete();
        self.answer(answers);
    }

    /// Answers those who wait for a configuration that is refused.
    pub(super) fn answer_refused(&mut self, refused: Refused) {
        let answers = self.waiting.refused(&refused);
        self.answer(answers);
    }

    /// Answers those who have waited too long.
    pub(super) fn reload_is_late(&mut self) {
        let seconds = RELOAD_LIMIT.as_secs();
        let why = match self.reading {
            Some(_) => format!("reading the configuration has taken more than {seconds} s and continues"),
            None => format!("not all processes have taken the new configuration within {seconds} s; see the log"),
        };
        let answers = self.waiting.incomplete(Some(clock::now()), &why);
        self.answer(answers);
    }

    /// Answers all who wait.
    pub(super) fn answer_at_stop(&mut self) {
        let answers = self.waiting.incomplete(None, "keepalived is stopping");
        self.answer(answers);
    }

    /// Closes the control socket.
    pub(super) fn end_control(&mut self) {
        if let Some(control) = self.control.take() {
            control.finish(END_LIMIT);
        }
    }

    pub(super) fn answer(&mut self, answers: impl IntoIterator<Item = (Client, Answer)>) {
        if let Some(control) = &self.control {
            answers.into_iter().for_each(|(client, answer)| control.answer(client, answer));
        }
        self.watch_the_wait();
    }

    fn watch_the_wait(&mut self) {
        match self.waiting.deadline() {
            Some(until) => self.timers.set(Key::Control, until),
            None => self.timers.clear(Key::Control),
        }
    }
}
