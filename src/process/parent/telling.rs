//! What the parent knows of the daemon, for `--status`, and for the children that serve it by SNMP.

use super::Parent;
use super::running::Task;
use crate::process::ipc::Message;
use crate::process::role::Role;
use crate::reactor::clock;
use crate::system::{Daemon, News, Process};

/// haProcessNumber of the parent.
pub(super) const PARENT: u32 = 1;

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

    /// Tells the children that serve it what is known, and the one that sends notifications the news.
    pub(super) fn tell(&mut self, news: &[News]) {
        for role in [Role::Vrrp, Role::Checkers] {
            self.tell_one(role, news);
        }
    }

    fn tell_one(&mut self, role: Role, news: &[News]) {
        if self.stopping {
            return;
        }
        let notifier = self.plan.serving.iter().find(|role| self.plan.roles.contains(role));
        let news = if notifier == Some(&role) { news } else { &[] };
        match serde_json::to_vec(&(self.daemon(), news)) {
            Ok(octets) => {
                // One that is being replaced may be of another release, which does not know the message.
                if let Some(child) = self.child(role).filter(|child| child.task == Task::Work && !child.outgrown) {
                    // A child that has exited is told when it is started again.
                    let _ = child.channel.send(&Message::Daemon(octets));
                }
            }
            Err(error) => self.log.error(format_args!("Cannot tell the {} process: {error}", role.name())),
        }
    }
}
