//! Start, watchdog, reaping and restart of the children.

use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};

use super::child_process::ChildProcess;
use super::running::{Running, Task};
use super::telling::number;
use super::{Key, Parent};
use crate::process::context::Context;
use crate::process::exit;
use crate::process::ipc::{Channel, Message};
use crate::process::role::Role;
use crate::process::sessions;
use crate::process::systemd;
use crate::reactor::{Interest, Origin, Token, clock};
use crate::system::{Lateness, News};

/// A step in error messages.
pub(super) const WATCH: &str = "watch the socket pair";
/// Interval of hellos. A child must answer each before the next.
const HELLO: Duration = Duration::from_secs(5);
/// A child that exits after this time has not failed at its start.
const STEADY: Duration = Duration::from_secs(1);
/// Number of consecutive early exits after which a child is restarted without a pause, so that a few kills do not
/// silence the router. Then pauses follow, so that a child that always fails does not use up the CPU.
const AT_ONCE: u32 = 16;
/// First and longest pause before the restart of a child that keeps failing at its start.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(8));

impl Parent {
    pub(super) fn child(&mut self, role: Role) -> Option<&mut Running> {
        self.children.iter_mut().find(|child| child.role == role)
    }

    pub(super) fn start_child(&mut self, role: Role) {
        let starts = self.annals.starts.entry(role).or_default();
        *starts = starts.saturating_add(1);
        let again = *starts > 1;
        let name = role.name();
        match self.spawn(role, Task::Work) {
            Ok(child) => {
                self.log.info(format_args!("Starting {name} child process, pid={}", child.process.id()));
                self.children.push(child);
                self.start_hellos(role);
                if again {
                    self.annals.restarts.insert(role, clock::now());
                    self.tell(&[News::Restarted(number(role))]);
                } else {
                    self.tell(&[]);
                }
            }
            Err(error) => {
                self.log.error(format_args!("Cannot start the {name} process: {error}"));
                // The system lacks something, such as files or memory, and the next moment will hardly bring it.
                let deaths = self.deaths.iter_mut().filter(|(of, _)| *of == role);
                deaths.for_each(|(_, deaths)| *deaths = (*deaths).max(AT_ONCE));
                self.restart_later(role);
            }
        }
    }

    pub(super) fn start_hellos(&mut self, role: Role) {
        self.timers.set(Key::Hello(role), clock::now() + HELLO);
    }

    pub(super) fn spawn(&mut self, role: Role, task: Task) -> io::Result<Running> {
        let (ours, theirs) = UnixStream::pair().step("make a socket pair")?;
        // The running program, even if its file was replaced by an upgrade: both must use the same messages.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("keepalived").arg(format!("--child-role={}", role.kind().word));
        command.args(self.plan.options.line.options());
        for name in systemd::VARIABLES {
            command.env_remove(name);
        }
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
        let process = ChildProcess::from(command.spawn().step("execute /proc/self/exe")?);
        let mut channel = Channel::new(ours).step("use the socket pair")?;
        let token = self.next_token;
        self.next_token = Token(token.0 + 1);
        self.reactor.register(&channel, token, Interest::READABLE | Interest::WRITABLE).step(WATCH)?;
        self.send_first(role, task, &mut channel).step("send it the configuration")?;
        Ok(Running {
            role,
            task,
            process,
            channel,
            token,
            since: clock::now(),
            late: Lateness::default(),
            kept: self.plan.needed.by(role),
            outgrown: false,
            unanswered: None,
            hellos: 0,
            hands_over: true,
            resumes: true,
            failed: 0,
            told: VecDeque::new(),
            unconfirmed: 1,
        })
    }

    /// Sends a new child what it needs to begin, or to prepare for that.
    fn send_first(&mut self, role: Role, task: Task, channel: &mut Channel) -> io::Result<()> {
        channel.send(&Message::Origin(Origin::of_the_daemon().to_string()))?;
        channel.send(&Message::Engine(self.annals.engine))?;
        if task == Task::Standby {
            channel.send(&Message::StandBy)?;
        } else {
            self.saved_messages(role).iter().try_for_each(|message| channel.send(message))?;
        }
        match task {
            Task::CleanUp => channel.send(&Message::CleanUp)?,
            Task::Work => self.link(role, channel)?,
            // When it begins.
            Task::Standby | Task::Begin => {}
        }
        channel.send(&Message::Config(self.plan.snapshot.clone()))
    }

    /// The state from which a new child continues.
    pub(super) fn saved_messages(&self, role: Role) -> Vec<Message> {
        let Some(saved) = self.saved.get(&role) else { return Vec::new() };
        let indices = saved.indices.clone().map(Message::Indices);
        indices.into_iter().chain(saved.checkpoint.clone().map(Message::Checkpoint)).collect()
    }

    /// Connects a new child by socket pairs: the BFD process with all listeners, a listener with the BFD process.
    pub(super) fn link(&mut self, role: Role, channel: &mut Channel) -> io::Result<()> {
        for child in self.children.iter_mut().filter(|child| child.task == Task::Work) {
            let Some(listener) = role.listener_between(child.role) else { continue };
            let (publishing, listening) = sessions::pair().step("make a socket pair for BFD sessions")?;
            let (new, old) = if role == Role::Bfd { (publishing, listening) } else { (listening, publishing) };
            channel.send_with(&Message::Link(listener), new)?;
            // If the other process has exited, its replacement is connected later.
            let _ = child.channel.send_with(&Message::Link(listener), old);
        }
        Ok(())
    }

    pub(super) fn child_turn(&mut self, token: Token) {
        let all = self.children.iter_mut().chain(&mut self.standbys);
        let Some(child) = all.into_iter().find(|child| child.token == token) else { return };
        // After an error the child has exited; SIGCHLD reports that.
        let Ok(messages) = child.channel.receive() else { return };
        let (mut parts, mut results, mut prepared) = (Vec::new(), Vec::new(), false);
        let (mut wants_reload, mut handed_over, mut resumed) = (false, false, None);
        let mut reports = false;
        for message in messages {
            match message {
                Message::Hello(number) if child.unanswered == Some(number) => child.unanswered = None,
                Message::Indices(octets) => self.saved.entry(child.role).or_default().indices = Some(octets),
                Message::Checkpoint(octets) => self.saved.entry(child.role).or_default().checkpoint = Some(octets),
                Message::Ready => child.unconfirmed = child.unconfirmed.saturating_sub(1),
                Message::Status(number, octets) => parts.push((number, octets)),
                Message::Result(number, octets) => results.push((number, octets)),
                Message::Prepared => prepared = true,
                Message::Learnt => drop(child.told.pop_front()),
                Message::HandedOver => handed_over = true,
                Message::Resumed => (resumed, handed_over) = (Some(handed_over), false),
                Message::ReloadWanted => wants_reload = true,
                Message::Late(late) => {
                    child.late = late;
                    reports = true;
                }
                Message::Hello(_)
                | Message::StatusWanted(_)
                | Message::Command(..)
                | Message::Config(_)
                | Message::Dump(_)
                | Message::Daemon(_)
                | Message::CleanUp
                | Message::StandBy
                | Message::Go
                | Message::HandOver(_)
                | Message::Resume
                | Message::Link(_)
                | Message::Origin(_)
                | Message::Engine(_) => {}
            }
        }
        let _ = child.channel.flush();
        let role = child.role;
        let begun = child.task == Task::Begin && child.unconfirmed == 0;
        parts.into_iter().for_each(|(number, octets)| self.take_status(role, number, &octets));
        results.into_iter().for_each(|(number, octets): (u32, Vec<u8>)| self.take_result(number, &octets));
        if prepared {
            self.retire_child(role);
        }
        if handed_over {
            self.begin_replacement(role);
        }
        if let Some(unheard) = resumed {
            self.has_resumed(role, unheard);
        }
        if begun {
            self.replacement_has_begun(role);
        }
        if reports {
            self.tell(&[]);
        }
        if wants_reload {
            self.waiting.request();
            self.reload_for_clients();
        }
        self.replace_if_outgrown(role);
        self.report_ready();
    }

    /// Sends the next hello, or kills a child that has not answered the last. A child answers from its event loop, so
    /// this detects a stopped or looping child too.
    pub(super) fn hello(&mut self, role: Role) {
        let stopping = self.stopping;
        let Some(child) = self.child(role) else { return };
        if child.unanswered.is_some() && !stopping {
            let seconds = HELLO.as_secs();
            let name = role.name();
            self.log.error(format_args!("The {name} process has not answered for {seconds} s; replacing it"));
            self.kill_child(role);
        } else {
            child.hellos = child.hellos.wrapping_add(1);
            child.unanswered = Some(child.hellos);
            let hello = Message::Hello(child.hellos);
            let _ = child.channel.send(&hello);
        }
        self.timers.set(Key::Hello(role), clock::now() + HELLO);
    }

    pub(super) fn kill_child(&mut self, role: Role) {
        if let Some(child) = self.child(role) {
            // It may have exited already.
            let _ = child.process.kill();
        }
    }

    pub(super) fn reap(&mut self) {
        let mut ended = Vec::new();
        for at in (0..self.children.len()).rev() {
            // Reads the last messages of the child first, such as its last checkpoint.
            if let Some(token) = self.children.get(at).map(|child| child.token) {
                self.child_turn(token);
            }
            let status = self.children.get_mut(at).map(|child| child.process.try_wait());
            if let Some(Ok(Some(status))) = status {
                ended.push((self.children.remove(at), status));
            }
        }
        let mut standbys = Vec::new();
        for at in (0..self.standbys.len()).rev() {
            if let Some(Ok(Some(status))) = self.standbys.get(at).map(|standby| standby.process.try_wait()) {
                standbys.push((self.standbys.remove(at), status));
            }
        }
        self.reap_script();
        self.reap_trial();
        self.reap_orphans();
        for (child, status) in ended {
            // The kernel removes a closed descriptor anyway.
            let _ = self.reactor.deregister(&child.channel);
            self.timers.clear(Key::Hello(child.role));
            self.timers.clear(Key::Replace(child.role));
            self.timers.clear(Key::Retire(child.role));
            self.timers.clear(Key::Kill(child.role));
            self.timers.clear(Key::GiveUp(child.role));
            self.child_exited(&child, status);
        }
        for (standby, status) in standbys {
            // As above.
            let _ = self.reactor.deregister(&standby.channel);
            self.standby_exited(&standby, status);
        }
    }

    /// Reaps processes left by scripts: the kernel makes them children of process 1 (this one, in a container) or of a
    /// subreaper.
    fn reap_orphans(&self) {
        let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while let Ok(Some(pid)) = waitid(Id::All, peek).map(|status| status.pid()) {
            let is_child = |child: &Running| child.process.id().cast_signed() == pid.as_raw();
            // A child of ours has exited just now; its SIGCHLD calls this function again.
            let is_script = self.script.as_ref().is_some_and(|script| script.child.id().cast_signed() == pid.as_raw());
            if is_script
                || self.is_trial(pid.as_raw().cast_unsigned())
                || self.children.iter().chain(&self.standbys).any(is_child)
                || waitpid(pid, Some(WaitPidFlag::WNOHANG)).is_err()
            {
                break;
            }
        }
    }

    fn child_exited(&mut self, child: &Running, status: ExitStatus) {
        let (role, name) = (child.role, child.role.name());
        self.take_back(child);
        if child.task == Task::Work {
            self.record_exit(role, status);
        }
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        match code {
            _ if self.stopping => self.exited_at_stop(role, child.task, status),
            Some(code) if exit::is_permanent(code) => {
                self.log.error(format_args!("The {name} process exited with status {code}; terminating"));
                self.stop(code);
            }
            _ if child.outgrown => {
                if !self.promote_standby(role) {
                    self.timers.set(Key::Restart(role), clock::now());
                }
            }
            _ if self.plan.options.dont_respawn => {
                self.log.error(format_args!(
                    "The {name} process exited ({status}); terminating because of -R, --dont-respawn"
                ));
                self.stop(exit::FATAL);
            }
            _ => {
                self.log.error(format_args!("The {name} process exited ({status}); restarting it"));
                if clock::now().saturating_sub(child.since) >= STEADY {
                    self.deaths.iter_mut().filter(|(of, _)| *of == role).for_each(|(_, deaths)| *deaths = 0);
                }
                self.restart_later(role);
            }
        }
    }

    fn restart_later(&mut self, role: Role) {
        if let Some((_, deaths)) = self.deaths.iter_mut().find(|(of, _)| *of == role) {
            self.timers.set(Key::Restart(role), clock::now() + pause(*deaths));
            *deaths = deaths.saturating_add(1);
        }
    }
}

/// Pause before a restart after this number of consecutive early exits: none at first, then pauses that double.
fn pause(deaths: u32) -> Duration {
    match deaths.checked_sub(AT_ONCE) {
        None => Duration::ZERO,
        Some(more) => PAUSE.0.saturating_mul(2_u32.saturating_pow(more)).min(PAUSE.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_always_fails_is_restarted_after_longer_and_longer_pauses() {
        let pauses: Vec<Duration> = (0..40).map(pause).collect();
        assert!(pauses[..16].iter().all(Duration::is_zero));
        assert_eq!(pauses[16..18], [10, 20].map(Duration::from_millis));
        assert!(pauses.is_sorted());
        assert_eq!(pauses[26..], [Duration::from_secs(8); 14]);
        assert_eq!(pause(u32::MAX), Duration::from_secs(8));
    }
}
