//! The status of the daemon for clients of the control socket: the parent asks the children for their parts, and answers
//! when all are there or after a time limit. Clients that ask meanwhile get the next status.

use std::time::{Duration, SystemTime};

use super::annals::Gathering;
use super::running::Task;
use super::telling::{PARENT, number};
use super::{Key, Parent};
use crate::control::{Answer, Client};
use crate::process::cli;
use crate::process::ipc::Message;
use crate::process::role::Role;
use crate::reactor::clock;
use crate::status::{Clock, Configuration, Part, Process, Reload, Snmp, Status, Upgrade};

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
            Ok((part, snmp)) => gathering.parts.push((role, part, snmp)),
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

    fn status(&self, parts: Vec<(Role, Part, Option<Snmp>)>) -> Status {
        let clock = Clock::new(clock::now(), SystemTime::now());
        let daemon = self.daemon();
        let of = |wanted| parts.iter().find(|(role, _, _)| number(*role) == wanted);
        let processes = daemon.processes.into_iter().map(|process| Process {
            answers: process.number == PARENT || of(process.number).is_some(),
            snmp: of(process.number).and_then(|(_, _, snmp)| *snmp),
            name: process.name,
            pid: process.pid,
            since: process.since.map(|since| clock.seconds(since)),
            restarts: process.restarts,
            last_restart: process.last_restart.map(|at| clock.seconds(at)),
            late_max: process.since.map(|_| process.late.max.as_secs_f64()),
            late_p99: process.since.map(|_| process.late.p99.as_secs_f64()),
        });
        let mut status = Status {
            version: cli::version_text(),
            time: clock.seconds(clock.now),
            processes: processes.collect(),
            configuration: Configuration {
                file: self.plan.options.config_file.display().to_string(),
                since: clock.seconds(self.annals.configured),
                faults: self.plan.faults.len(),
                last_upgrade: self.annals.last_upgrade.clone().map(|(at, refused)| Upgrade {
                    at: clock.seconds(at),
                    refused,
                    complete: self.awaited.is_none(),
                }),
                last_reload: daemon
                    .last_reload
                    .map(|last| Reload { at: clock.seconds(last.at), refused: last.refused }),
            },
            ..Status::default()
        };
        parts.into_iter().for_each(|(_, part, _)| status.add(part));
        status
    }
}
