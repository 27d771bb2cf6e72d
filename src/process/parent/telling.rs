//! What the parent knows of the daemon, for `--status`, and for the children that serve it by SNMP.

use super::Parent;
use super::running::{Running, Task};
use crate::process::ipc::Message;
use crate::process::role::Role;
use crate::reactor::clock;
use crate::system::{Daemon, News, Process};

/// haProcessNumber of the parent.
pub(super) const PARENT: u32 = 1;

/// Most news that wait for a child; the latest are kept.
const MOST_NEWS: usize = 16;

/// haProcessNumber of a child.
pub(super) fn number(role: Role) -> u32 {
    match role {
        Role::Vrrp => 2,
        Role::Checkers => 3,
        Role::Bfd => 4,
    }
}

impl Parent {
    /// What is known of the daemon now.
    pub(super) fn daemon(&self) -> Daemon {
        let (annals, now) = (&self.annals, clock::now());
        let parent = Process {
            number: PARENT,
            name: "parent".to_owned(),
            pid: Some(std::process::id()),
            since: Some(annals.started),
            restarts: 0,
            last_restart: None,
            late: annals.meter.last_minute(now),
        };
        let children = self.plan.roles.iter().map(|role| {
            let child = self.children.iter().find(|child| child.role == *role);
            Process {
                number: number(*role),
                name: role.name().to_owned(),
                pid: child.map(|child| child.process.id()),
                since: child.map(|child| child.since),
                restarts: annals.starts.get(role).copied().unwrap_or(0).saturating_sub(1),
                last_restart: annals.restarts.get(role).copied(),
                late: child.map(|child| child.late).unwrap_or_default(),
            }
        });
        Daemon { processes: std::iter::once(parent).chain(children).collect(), last_reload: annals.last_reload.clone() }
    }

    /// Tells the children that serve it what is known, and the one that sends notifications the news. News wait for a child that
    /// is being started or replaced.
    pub(super) fn tell(&mut self, news: &[News]) {
        self.untold.extend(news);
        let surplus = self.untold.len().saturating_sub(MOST_NEWS);
        self.untold.drain(..surplus);
        let notifier = self.plan.serving.iter().find(|role| self.plan.roles.contains(role)).copied();
        if notifier.is_none() {
            self.untold.clear();
        }
        for role in [Role::Vrrp, Role::Checkers] {
            self.tell_one(role, notifier == Some(role));
        }
    }

    fn tell_one(&mut self, role: Role, notifies: bool) {
        if self.stopping {
            return;
        }
        let known = self.daemon();
        let news = if notifies { self.untold.clone() } else { Vec::new() };
        // One that is being replaced may be of another release, which does not know the message.
        let child = self.child(role).filter(|child| child.task == Task::Work && !child.outgrown);
        let Some(child) = child else { return };
        match serde_json::to_vec(&(known, &news)) {
            Ok(octets) => {
                // A child that has exited is told when it is started again.
                let _ = child.channel.send(&Message::Daemon(octets));
                if notifies {
                    self.untold.clear();
                }
                if let Some(child) = self.child(role).filter(|_| !news.is_empty()) {
                    child.told.push_back(news);
                }
            }
            Err(error) => self.log.error(format_args!("Cannot tell the {} process: {error}", role.name())),
        }
    }

    /// Takes back the news that a child has exited without.
    pub(super) fn take_back(&mut self, child: &Running) {
        let told = child.told.iter().flatten().copied();
        self.untold = told.chain(self.untold.iter().copied()).collect();
    }
}
