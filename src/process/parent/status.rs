//! The status of the daemon for clients of the control socket: the parent asks the children for their parts, and answers
//! when all are there or after a time limit. Clients that ask meanwhile get the next status.

use std::time::{Duration, SystemTime};

use super::annals::Gathering;
use super::running::Task;
use super::{Key, Parent};
use crate::control::{Answer, Client};
use crate::process::cli;
use crate::process::ipc::Message;
use crate::process::role::Role;
use crate::reactor::clock;
use crate::status::{Clock, Configuration, Part, Process, Reload, Status, Upgrade};

/// Longest wait for the parts of the children.
const LIMIT: Duration = Duration::from_secs(1);

impl Parent {
    /// Answers a client with the status, soon.
    pub(super) fn gather_for(&mut self, client: Client) {
        match &mut self.gathering {
            Some(gathering) => gathering.next.push(client),
            None => self.gather(vec![client]),
        }
    }

    fn gather(&mut self, clients: Vec<Client>) {
        self.gathered = self.gathered.wrapping_add(1);
        let number = self.gathered;
        let mut awaited = Vec::new();
        for child in self.children.iter_mut().filter(|child| child.task == Task::Work) {
            // One that has exited does not answer.
            if child.channel.send(&Message::StatusWanted(number)).is_ok() {
                awaited.push(child.role);
            }
        }
        self.gathering = Some(Gathering { number, clients, awaited, parts: Vec::new(), next: Vec::new() });
        self.timers.set(Key::Status, clock::now() + LIMIT);
        self.end_gathering(false);
    }

    /// Takes the part of a child.
    pub(super) fn take_status(&mut self, role: Role, number: u32, octets: &[u8]) {
        // A part that comes too late belongs to an earlier status.
        let Some(gathering) = self.gathering.as_mut().filter(|gathering| gathering.number == number) else { return };
        gathering.awaited.retain(|of| *of != role);
        match serde_json::from_slice(octets) {
            Ok(part) => gathering.parts.push((role, part)),
            Err(error) => self.log.error(format_args!("Cannot use the status of the {} process: {error}", role.name())),
        }
        self.end_gathering(false);
    }

    /// Answers the clients once all parts are there, or at the time limit (`late`).
    pub(super) fn end_gathering(&mut self, late: bool) {
        let Some(gathering) = self.gathering.take_if(|gathering| late || gathering.awaited.is_empty()) else { return };
        self.timers.clear(Key::Status);
        let Gathering { clients, parts, next, .. } = gathering;
        let status = Box::new(self.status(parts));
        self.answer(clients.into_iter().map(|client| (client, Answer::Status(status.clone()))));
        if !next.is_empty() {
            self.gather(next);
        }
    }

    fn status(&self, parts: Vec<(Role, Part)>) -> Status {
        let clock = Clock::new(clock::now(), SystemTime::now());
        let annals = &self.annals;
        let parent = Process {
            name: "parent".to_owned(),
            pid: Some(std::process::id()),
            since: Some(clock.seconds(annals.started)),
            restarts: 0,
            answers: true,
        };
        let children = self.plan.roles.iter().map(|role| {
            let child = self.children.iter().find(|child| child.role == *role);
            Process {
                name: role.name().to_owned(),
                pid: child.map(|child| child.process.id()),
                since: child.map(|child| clock.seconds(child.since)),
                restarts: annals.starts.get(role).copied().unwrap_or(0).saturating_sub(1),
                answers: parts.iter().any(|(of, _)| of == role),
            }
        });
        let last_reload = annals.last_reload.clone();
        let mut status = Status {
            version: cli::version_text(),
            time: clock.seconds(clock.now),
            processes: std::iter::once(parent).chain(children).collect(),
            configuration: Configuration {
                file: self.plan.options.config_file.display().to_string(),
                since: clock.seconds(annals.configured),
                faults: self.plan.faults.len(),
                last_upgrade: annals.last_upgrade.clone().map(|(at, refused)| Upgrade {
                    at: clock.seconds(at),
                    refused,
                    complete: self.awaited.is_none(),
                }),
                last_reload: last_reload.map(|(at, refused)| Reload { at: clock.seconds(at), refused }),
            },
            ..Status::default()
        };
        parts.into_iter().for_each(|(_, part)| status.add(part));
        status
    }
}
