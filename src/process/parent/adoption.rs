//! The start of the parent as the new program of an upgrade: it continues the children of the former program, and replaces them.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::thread::CapabilitySet;

use super::child_process::ChildProcess;
use super::children::WATCH;
use super::running::{Running, Task};
use super::{Awaited, Key, Parent};
use crate::notify::log::Level;
use crate::process::cli;
use crate::process::context::Context;
use crate::process::engine::EngineStart;
use crate::process::handover::Handover;
use crate::process::ipc::{Channel, SavedState};
use crate::process::role::Role;
use crate::reactor::{Interest, Token, clock};
use crate::system::{Lateness, Reload};
use crate::text::{counted, reason};

impl Parent {
    /// Takes over the state of the former program.
    pub(super) fn adopt(&mut self, state: Handover, channels: Vec<OwnedFd>) {
        let role = |word: &String| Role::from_word(word);
        for (word, saved) in &state.saved {
            let saved = SavedState { indices: saved.indices.clone(), checkpoint: saved.checkpoint.clone() };
            self.saved.extend(role(word).map(|role| (role, saved)));
        }
        self.killed = state.killed.iter().filter_map(role).collect();
        let starts = state.starts.iter().filter_map(|(word, starts)| Some((role(word)?, *starts)));
        self.annals.starts = starts.collect();
        self.annals.started = state.started;
        self.annals.restarts = state.restarts.iter().filter_map(|(word, at)| Some((role(word)?, *at))).collect();
        self.annals.last_reload = state.last_reload.map(|(at, refused)| Reload { at, refused });
        if let Some((boots, at)) = state.engine {
            self.annals.engine = EngineStart { boots, at };
        }
        let now = clock::now();
        self.annals.last_upgrade = Some((now, state.failed.clone()));
        self.awaited = Some(Awaited::Upgrade);
        // A given-back child is of this program.
        let stays = state.failed.is_some();
        match &state.failed {
            Some(why) => self.log.error(format_args!("Not upgraded: {why}; the present program goes on")),
            None => self.log.write(Level::Notice, format_args!("Upgrading {} to {}", state.from, cli::version_text())),
        }
        if state.unlogged > 0 {
            self.log.warning(format_args!(
                "{} of the former program could not be written in time",
                counted(state.unlogged, "log message")
            ));
        }
        for (child, channel) in state.children.into_iter().zip(channels) {
            let Some(role) = role(&child.role) else { continue };
            let token = self.next_token;
            self.next_token = Token(token.0 + 1);
            let channel = Channel::resume(UnixStream::from(channel), child.incoming).step("use its channel").and_then(
                |channel| {
                    self.reactor.register(&channel, token, Interest::READABLE | Interest::WRITABLE).step(WATCH)?;
                    Ok(channel)
                },
            );
            let process = ChildProcess::of_pid(child.pid);
            match channel {
                Ok(channel) => self.children.push(Running {
                    role,
                    task: Task::Work,
                    process,
                    channel,
                    token,
                    since: child.since,
                    kept: if stays { self.plan.needed.by(role) } else { CapabilitySet::all() },
                    outgrown: !stays,
                    late: Lateness::default(),
                    unanswered: None,
                    hellos: 0,
                    hands_over: child.hands_over,
                    resumes: child.resumes,
                    failed: 0,
                    told: VecDeque::new(),
                    unconfirmed: 0,
                }),
                Err(error) => {
                    self.log.error(format_args!("Cannot continue the {} process: {}", role.name(), reason(&error)));
                    // It ends, and its replacement continues.
                    let _ = process.kill();
                }
            }
            if stays {
                self.start_hellos(role);
            } else {
                self.timers.set(Key::Replace(role), now);
            }
        }
        // Exits during the change of the program have been reported to nobody.
        self.reap();
        let missing = |role: &Role| self.children.iter().all(|child| child.role != *role);
        let missing: Vec<Role> = self.plan.roles.iter().copied().filter(missing).collect();
        for role in missing {
            self.start_child(role);
        }
        self.report_ready();
    }
}
