//! Upgrade to another program (`keepalived --upgrade`): the new program is tried out beside the daemon, with its configuration
//! and its state; then it replaces the program of this process, and replaces the children from their checkpoints.
//!
//! If the trial fails, or the new program gives back, the daemon goes on as before.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use super::child_process::ChildProcess;
use super::running::Task;
use super::upgrading::{Step, Upgrading};
use super::{Key, Parent};
use crate::control::{Answer, Client, Peer};
use crate::notify::log::Level;
use crate::process::cli;
use crate::process::context::{Context, because};
use crate::process::handover::{self, Child, Handover, Saved};
use crate::process::systemd;
use crate::reactor::{Origin, clock};
use crate::text::reason;

/// Time limit for the trial.
const TRIAL: Duration = Duration::from_secs(60);
/// Pause for the answers to clients, and between attempts while the daemon is busy.
const PAUSE: Duration = Duration::from_millis(100);
/// How long to wait for a quiet moment.
const PATIENCE: Duration = Duration::from_secs(10);
/// Octets of the output of a failed trial that are reported.
const SHOWN: usize = 400;

impl Parent {
    /// Begins an upgrade on request of a client.
    pub(super) fn upgrade(&mut self, client: Client, peer: Peer, program: &Path) {
        let answer = if peer.uid != 0 && peer.uid != rustix::process::geteuid().as_raw() {
            Some(Answer::Denied(format!(
                "user {} is not root: the program runs with the rights of the daemon",
                peer.uid
            )))
        } else {
            self.begin_upgrade(client, program).err().map(Answer::Refused)
        };
        if let Some(answer) = answer {
            self.answer([(client, answer)]);
        }
    }

    fn begin_upgrade(&mut self, client: Client, program: &Path) -> Result<(), String> {
        if self.upgrading.is_some() {
            return Err("an upgrade is under way".to_owned());
        }
        if !self.is_quiet() {
            return Err("the daemon starts, reloads or replaces a process; try again".to_owned());
        }
        let shown = program.display();
        if !program.is_absolute() {
            return Err(format!("{shown} is no absolute path"));
        }
        let program = program.to_owned();
        let process = self.start_trial(&program).map_err(|error| format!("cannot run {shown}: {}", reason(&error)))?;
        let (process, output) = process;
        self.log.write(Level::Notice, format_args!("Upgrade: trying out {shown}, pid={}", process.id()));
        self.timers.set(Key::Upgrade, clock::now() + TRIAL);
        self.upgrading = Some(Upgrading { program, client, step: Step::Trial { process, output } });
        Ok(())
    }

    /// Whether no step is under way that the successor could not continue.
    fn is_quiet(&self) -> bool {
        let is_settled =
            |child: &super::Running| child.task == Task::Work && child.is_ready() && child.channel.is_sent();
        !self.stopping
            && self.reading.is_none()
            && self.script.is_none()
            && self.awaited.is_none()
            && self.standbys.is_empty()
            && self.plan.roles.iter().all(|role| self.children.iter().any(|child| child.role == *role))
            && self.children.iter().all(is_settled)
    }

    /// Starts the new program with the state as standard input; it checks both and exits.
    fn start_trial(&self, program: &Path) -> std::io::Result<(ChildProcess, std::io::PipeReader)> {
        let (output, theirs) = std::io::pipe().step("make a pipe")?;
        let mut command = Command::new(program);
        command.arg0("keepalived").args(self.plan.options.line.options()).arg("--upgrade-trial");
        for name in systemd::VARIABLES {
            command.env_remove(name);
        }
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(self.handover().to_file().step("record the state")?)));
        command.stdout(theirs.try_clone()?).stderr(theirs);
        Ok((command.spawn().map_err(|error| std::io::Error::new(error.kind(), because(&error)))?.into(), output))
    }

    /// Handles the exit of the trial.
    pub(super) fn reap_trial(&mut self) {
        let Some(Upgrading { step: Step::Trial { process, output }, .. }) = &mut self.upgrading else { return };
        let Ok(Some(status)) = process.try_wait() else { return };
        let mut text = Vec::new();
        // All ends of the pipe but ours are closed, or are of programs that it has left: they get no more time.
        let _ = rustix::io::ioctl_fionbio(&*output, true);
        let _ = output.take(SHOWN as u64).read_to_end(&mut text);
        self.timers.clear(Key::Upgrade);
        if let Err(why) = verdict(status, &text) {
            return self.refuse_upgrade(&why);
        }
        let Some(upgrading) = &mut self.upgrading else { return };
        let client = upgrading.client;
        let program = upgrading.program.display().to_string();
        // What the new program will not continue.
        let remarks = printable(&text);
        for line in &remarks {
            self.log.warning(format_args!("Upgrade to {program}: {line}"));
        }
        upgrading.step = Step::Ready(clock::now() + PATIENCE);
        self.timers.set(Key::Upgrade, clock::now() + PAUSE);
        let lines: Vec<String> = std::iter::once(format!("{program} takes over")).chain(remarks).collect();
        self.answer([(client, Answer::Done(lines.join("\n")))]);
    }

    /// The trial has run too long, or the next attempt to replace the program is due.
    pub(super) fn upgrade_due(&mut self) {
        match &self.upgrading {
            Some(Upgrading { step: Step::Trial { process, .. }, .. }) => {
                // It may have exited already; its exit is handled as a refusal.
                let _ = process.kill();
            }
            Some(Upgrading { step: Step::Ready(until), .. }) if !self.is_quiet() => {
                if clock::now() >= *until {
                    self.refuse_upgrade("the daemon was busy all the time");
                } else {
                    self.timers.set(Key::Upgrade, clock::now() + PAUSE);
                }
            }
            Some(Upgrading { program, .. }) => {
                let program = program.clone();
                self.replace_program(&program);
            }
            None => {}
        }
    }

    /// Whether the process belongs to the upgrade.
    pub(super) fn is_trial(&self, pid: u32) -> bool {
        let step = self.upgrading.as_ref().map(|upgrading| &upgrading.step);
        matches!(step, Some(Step::Trial { process, .. }) if process.id() == pid)
    }

    /// Ends an upgrade at a stop.
    pub(super) fn stop_upgrade(&mut self) {
        if let Some(Upgrading { step: Step::Trial { process, .. }, .. }) = &self.upgrading {
            // It may have exited already.
            let _ = process.kill();
        }
    }

    fn refuse_upgrade(&mut self, why: &str) {
        let Some(upgrading) = self.upgrading.take() else { return };
        let program = upgrading.program.display();
        self.log.error(format_args!("Not upgraded to {program}: {why}; the present program goes on"));
        self.annals.last_upgrade = Some((clock::now(), Some(why.to_owned())));
        self.answer([(upgrading.client, Answer::Refused(why.to_owned()))]);
    }

    fn replace_program(&mut self, program: &Path) {
        let Some(pid_file) = &self.plan.pid_file else {
            return self.refuse_upgrade("the daemon has no pid file");
        };
        self.log.write(Level::Notice, format_args!("Upgrade: replacing this program by {}", program.display()));
        // Lines that are still queued are lost; the successor says so.
        let unlogged = self.log.drain(PAUSE);
        let fifos = self.open_fifos();
        let channels = self.children.iter().map(|child| child.channel.as_fd());
        let descriptors: Vec<BorrowedFd<'_>> = channels.chain(fifos.iter().map(|(_, file)| file.as_fd())).collect();
        let pieces = self.plan.snapshot.pieces();
        let pieces = pieces.each_ref().map(|piece| piece.as_slice());
        let files = handover::file_of(&pieces).and_then(|file| Ok((file, std::fs::File::open("/proc/self/exe")?)));
        let error = match files {
            Ok((snapshot, former)) => handover::replace_program(
                program,
                &self.plan.options.line.words(),
                &Handover { unlogged, ..self.handover() },
                snapshot.as_fd(),
                former.as_fd(),
                pid_file.as_fd(),
                &descriptors,
            ),
            Err(error) => error,
        };
        self.refuse_upgrade(&format!("cannot execute it: {}", reason(&error)));
    }

    fn open_fifos(&self) -> Vec<super::OpenFifo> {
        self.fifos.as_ref().map(super::FifoKeeper::held).unwrap_or_default()
    }

    fn handover(&self) -> Handover {
        let children = self.children.iter().map(|child| Child {
            role: child.role.kind().word.to_owned(),
            pid: child.process.id(),
            since: child.since,
            hands_over: child.hands_over,
            resumes: child.resumes,
            incoming: child.channel.incoming().to_vec(),
        });
        let saved = self.saved.iter().map(|(role, saved)| {
            let (indices, checkpoint) = (saved.indices.clone(), saved.checkpoint.clone());
            (role.kind().word.to_owned(), Saved { indices, checkpoint })
        });
        let starts = self.annals.starts.iter().map(|(role, starts)| (role.kind().word.to_owned(), *starts));
        Handover {
            from: cli::version_text(),
            directory: self.plan.directory.clone(),
            origin: Origin::of_the_daemon().to_string(),
            pid_file: self.plan.pid_file.as_ref().map(|file| file.parts()).unwrap_or_default(),
            children: children.collect(),
            saved: saved.collect::<BTreeMap<_, _>>(),
            killed: self.killed.iter().map(|role| role.kind().word.to_owned()).collect(),
            starts: starts.collect(),
            started: self.annals.started,
            engine: Some((self.annals.engine.boots, self.annals.engine.at)),
            restarts: self.annals.restarts.iter().map(|(role, at)| (role.kind().word.to_owned(), *at)).collect(),
            last_reload: self.annals.last_reload.clone().map(|last| (last.at, last.refused)),
            fifos: self.open_fifos().into_iter().map(|(held, _)| held).collect(),
            core_pattern: self.plan.core_pattern.clone(),
            fixed: self.plan.fixed.texts(),
            ..Handover::default()
        }
    }
}

/// Whether a trial has succeeded; otherwise why not.
fn verdict(status: ExitStatus, output: &[u8]) -> Result<(), String> {
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(output);
    let text = escaped(text.trim());
    Err(if text.is_empty() { format!("its trial failed ({status})") } else { format!("its trial failed: {text}") })
}

/// The lines of the output of a trial.
fn printable(output: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(output).lines().map(escaped).filter(|line| !line.is_empty()).collect()
}

fn escaped(text: &str) -> String {
    text.chars().flat_map(char::escape_debug).collect()
}
