//! The FIFOs of `notify_fifo` and related keywords: made before the children write to them, with the programs that read them.
//!
//! A thread does it, as file systems may hang. It keeps each FIFO open, so that a reader does not see its end while a child is
//! replaced, and keeps FIFOs and programs over reloads that do not change them. FIFOs that a killed daemon has made are its own.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::made_fifos::{self, Identity, MadeFifos};
use crate::config::model::{Fifo, Global};
use crate::notify::fifo;
use crate::notify::log::Log;
use crate::process::handover::HeldFifo;
use crate::process::record_file::Place;
use crate::reactor::{Program, background};
use crate::text::reason;

/// Mode of a FIFO that the daemon makes.
const MODE: u32 = 0o644;
/// Interval at which the thread looks for programs that have ended.
const LOOK: Duration = Duration::from_secs(1);
/// Time for a program to end after the end of its FIFO, before it gets SIGTERM.
const LINGER: Duration = Duration::from_secs(1);

/// The thread.
pub(super) struct FifoKeeper {
    orders: Sender<Vec<Wanted>>,
    held: Arc<Mutex<Vec<OpenFifo>>>,
    thread: JoinHandle<()>,
}

/// A FIFO with its descriptor, for the new program of an upgrade.
pub(in crate::process) type OpenFifo = (HeldFifo, Arc<File>);

/// A FIFO with its program.
#[derive(Clone, PartialEq, Eq)]
struct Wanted {
    fifo: Fifo,
    program: Option<Program>,
}

fn wanted(global: &Global) -> Vec<Wanted> {
    let one = |fifo: &Fifo| {
        let program = fifo.script.as_ref().map(|script| Program::new(script, Some(global)));
        let program = program.map(|mut program| {
            program.argv.push(fifo.path.clone());
            program
        });
        Wanted { fifo: fifo.clone(), program }
    };
    global.fifos.each().map(one).collect()
}

impl FifoKeeper {
    /// Begins with a configuration; continues with the FIFOs of a former program, and of a killed daemon, which are recorded at
    /// `place`. `None` if there are no FIFOs.
    pub(super) fn begin(global: &Global, former: Vec<OpenFifo>, place: Place, log: &Log) -> Option<FifoKeeper> {
        let wanted = wanted(global);
        if wanted.is_empty() && former.is_empty() && !place.path.exists() {
            return None;
        }
        let keeper = FifoKeeper::start(former, place, log.clone())?;
        // If the thread has failed, there are no FIFOs.
        let _ = keeper.orders.send(wanted);
        Some(keeper)
    }

    /// Follows a configuration. `keeper` is started with the first FIFO.
    pub(super) fn follow(keeper: &mut Option<FifoKeeper>, global: &Global, place: Place, log: &Log) {
        let wanted = wanted(global);
        if keeper.is_none() && !wanted.is_empty() {
            *keeper = FifoKeeper::start(Vec::new(), place, log.clone());
        }
        if let Some(keeper) = keeper {
            // As above.
            let _ = keeper.orders.send(wanted);
        }
    }

    fn start(former: Vec<OpenFifo>, place: Place, log: Log) -> Option<FifoKeeper> {
        let (orders, received) = channel();
        let of_thread = log.clone();
        let held = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&held);
        match background::spawn_brief("fifos", move || run(&received, former, place, &shared, &of_thread)) {
            Ok(thread) => Some(FifoKeeper { orders, held, thread }),
            Err(error) => {
                log.error(format_args!("Cannot make the FIFOs: cannot start a thread: {}", reason(&error)));
                None
            }
        }
    }

    /// The FIFOs of the moment.
    pub(super) fn held(&self) -> Vec<OpenFifo> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Removes the FIFOs and ends the programs; waits for that at most for `limit`.
    pub(super) fn finish(self, limit: Duration) {
        drop(self.orders);
        background::await_end(&self.thread, limit);
    }
}

fn run(
    orders: &Receiver<Vec<Wanted>>,
    mut former: Vec<OpenFifo>,
    place: Place,
    held: &Mutex<Vec<OpenFifo>>,
    log: &Log,
) {
    let (mut record, mut left) = MadeFifos::start(place, log);
    let mut kept: Vec<Kept> = Vec::new();
    loop {
        let looks = kept.iter().any(|kept| kept.reader.is_some());
        let limit = if looks { LOOK } else { Duration::MAX };
        match orders.recv_timeout(limit) {
            Ok(wanted) => {
                for gone in kept.extract_if(.., |kept| !wanted.contains(&kept.wanted)) {
                    gone.release(log);
                }
                for wanted in wanted {
                    if !kept.iter().any(|kept| kept.wanted == wanted) {
                        let former = former
                            .iter()
                            .position(|(held, _)| held.path == wanted.fifo.path)
                            .map(|at| former.remove(at));
                        let left = left.take(&wanted.fifo.path);
                        kept.extend(Kept::make(wanted, former, left, log));
                    }
                }
                std::mem::take(&mut left).remove(log);
                if let Some(record) = &mut record {
                    record.save(&MadeFifos { fifos: kept.iter().filter_map(Kept::made).collect() });
                }
            }
            Err(RecvTimeoutError::Timeout) => kept.iter_mut().for_each(|kept| kept.look(log)),
            Err(RecvTimeoutError::Disconnected) => break,
        }
        *held.lock().unwrap_or_else(PoisonError::into_inner) = kept.iter().map(Kept::held).collect();
    }
    kept.into_iter().for_each(|kept| kept.release(log));
    if let Some(mut record) = record {
        record.save(&MadeFifos::default());
        record.finish();
    }
}

struct Kept {
    wanted: Wanted,
    file: Arc<File>,
    /// Its identity, if the daemon has made it.
    made: Option<Identity>,
    /// The running program, and its pid.
    reader: Option<(OwnedFd, i32)>,
}

impl Kept {
    /// With `former`, the FIFO and the program are those of the former program of this process. `left` is the FIFO of this path that
    /// a killed daemon has made.
    fn make(wanted: Wanted, former: Option<OpenFifo>, left: Option<Identity>, log: &Log) -> Option<Kept> {
        let path = &wanted.fifo.path;
        let (file, made) = match make(&wanted.fifo, left) {
            Ok(made) => made,
            Err(error) => {
                log.error(format_args!("Cannot use the FIFO {path}: {}; remove it, or name another", reason(&error)));
                return None;
            }
        };
        let reader = match &former {
            Some((former, _)) => {
                former.reader.and_then(|pid| Some((pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?, pid)))
            }
            None => wanted.program.as_ref().and_then(|program| start(program, path, log)),
        };
        // Its own descriptor: the program never sees the end of the FIFO.
        let (file, made) =
            former.map_or((Arc::new(file), made), |(former, open)| (open, former.made.map(Identity::numbered)));
        Some(Kept { wanted, file, made, reader })
    }

    /// Path and identity, if the daemon has made it.
    fn made(&self) -> Option<(String, Identity)> {
        Some((self.wanted.fifo.path.clone(), self.made?))
    }

    fn held(&self) -> OpenFifo {
        let reader = self.reader.as_ref().map(|(_, pid)| *pid);
        (
            HeldFifo { path: self.wanted.fifo.path.clone(), made: self.made.map(Identity::numbers), reader },
            Arc::clone(&self.file),
        )
    }

    /// Logs the end of the program. It is not started again, as with C keepalived.
    fn look(&mut self, log: &Log) {
        if self.reader.take_if(|(reader, _)| has_ended(reader, Duration::ZERO)).is_some() {
            log.error(format_args!(
                "The script that reads the FIFO {} has ended; restart keepalived to start it again",
                self.wanted.fifo.path
            ));
        }
    }

    /// Removes the FIFO, if it is still the one that the daemon made, and ends the program.
    fn release(self, log: &Log) {
        if let Some(made) = self.made {
            made_fifos::remove(&self.wanted.fifo.path, made, log);
        }
        drop(self.file);
        if let Some((reader, _)) = self.reader
            && !has_ended(&reader, LINGER)
        {
            // It may have ended just now.
            let _ = pidfd_send_signal(&reader, Signal::TERM);
        }
    }
}

/// Whether a process ends within a time.
fn has_ended(process: &OwnedFd, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let time = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::new(process, PollFlags::IN)], time.as_ref()) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            // Nothing can be known about it.
            Err(_) => return true,
        }
    }
}

fn start(program: &Program, path: &str, log: &Log) -> Option<(OwnedFd, i32)> {
    // The parent reaps it with the other orphans.
    let started = program.start().and_then(|child| {
        let pid = Pid::from_child(&child);
        log.info(format_args!("Started the script that reads the FIFO {path}, pid={pid}"));
        Ok((pidfd_open(pid, PidfdFlags::empty())?, pid.as_raw_nonzero().get()))
    });
    match started {
        Ok(process) => Some(process),
        Err(error) => {
            log.error(format_args!("Cannot start the script that reads the FIFO {path}: {}", reason(&error)));
            None
        }
    }
}

/// Makes a FIFO, or takes one that is there; returns it, with its identity if it was made by this daemon, or by a killed one
/// (`left`).
fn make(fifo: &Fifo, left: Option<Identity>) -> io::Result<(File, Option<Identity>)> {
    let path = fifo.path.as_str();
    let is_new = match mkfifo(path, Mode::from_bits_truncate(MODE)) {
        Ok(()) => true,
        Err(nix::errno::Errno::EEXIST) => false,
        Err(error) => return Err(error.into()),
    };
    let file = fifo::open(path)?;
    let found = file.metadata()?;
    if is_new {
        // The file creation mask has no effect on its mode.
        file.set_permissions(Permissions::from_mode(MODE))?;
        if let Some(owner) = &fifo.owner {
            chown(
                format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)),
                Some(owner.uid),
                Some(owner.gid),
            )?;
        }
        return Ok((file, Some(Identity::of(&found))));
    }
    let owners = [0, nix::unistd::geteuid().as_raw()];
    let named = fifo.owner.as_ref().is_some_and(|owner| owner.uid == found.uid());
    if !found.file_type().is_fifo() || !(named || owners.contains(&found.uid())) {
        return Err(io::Error::other(format!("it belongs to user {}", found.uid())));
    }
    let made = Identity::of(&found);
    Ok((file, left.filter(|left| left.is(made)).map(|_| made)))
}
