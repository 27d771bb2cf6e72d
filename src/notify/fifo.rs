//! The FIFOs of `notify_fifo` and related keywords, as a view.
//!
//! A thread writes the lines, each with one write that the kernel does completely or not at all, as a line is shorter than
//! `PIPE_BUF`. If nobody reads and the FIFO is full, lines are dropped and counted. The parent makes the FIFOs.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::time::{Duration, Instant};

use super::log::Log;
use super::queue::{Receiver, Sender, bounded};
use super::view::{FinishLimits, Reporter, View};
use crate::config::model::{Fifo, Fifos, Global};
use crate::reactor::background;
use crate::text::{counted, reason};

/// Most waiting lines; further ones are dropped.
const QUEUE: usize = 4096;
/// How long the thread waits for the parent to make a FIFO, and the pause between attempts to open it.
const APPEARS: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);
/// Time from a failure to open to the next attempt.
const RETRY: Duration = Duration::from_secs(1);

/// The FIFOs of a process.
pub struct FifoView {
    /// Those of a configuration that this process writes to.
    choose: fn(&Fifos) -> [&Option<Fifo>; 2],
    paths: Vec<String>,
    states_on_reload: bool,
    worker: Option<Worker>,
    dropped: u64,
    log: Log,
}

struct Worker {
    queue: Sender<Order>,
    thread: std::thread::JoinHandle<()>,
}

enum Order {
    Paths(Vec<String>),
    Line(String),
}

/// The FIFOs that the VRRP process writes to.
pub fn of_vrrp(fifos: &Fifos) -> [&Option<Fifo>; 2] {
    [&fifos.all, &fifos.vrrp]
}

/// The FIFOs that the checker process writes to.
pub fn of_lvs(fifos: &Fifos) -> [&Option<Fifo>; 2] {
    [&fifos.all, &fifos.lvs]
}

impl FifoView {
    /// A view of the FIFOs that `choose` takes. The thread starts with the first FIFO.
    pub fn new(choose: fn(&Fifos) -> [&Option<Fifo>; 2], global: Option<&Global>, log: &Log) -> FifoView {
        let mut view =
            FifoView { choose, paths: Vec::new(), states_on_reload: false, worker: None, dropped: 0, log: log.clone() };
        view.follow(global);
        view
    }

    fn follow(&mut self, global: Option<&Global>) {
        let Some(fifos) = global.map(|global| &global.fifos) else { return };
        self.states_on_reload = fifos.states_on_reload;
        let paths: Vec<String> = (self.choose)(fifos).into_iter().flatten().map(|fifo| fifo.path.clone()).collect();
        if self.paths == paths {
            return;
        }
        self.paths = paths;
        if self.worker.is_none() {
            self.worker = Worker::start(&self.log);
        }
        self.submit(Order::Paths(self.paths.clone()));
    }

    fn submit(&mut self, order: Order) {
        let Some(worker) = &self.worker else { return };
        if worker.queue.offer(order).is_err() {
            self.dropped = self.dropped.saturating_add(1);
            if self.dropped == 1 {
                self.log.warning("Lines for FIFOs are dropped: too many wait to be written");
            }
        }
    }

    fn line(&mut self, line: String) {
        if !self.paths.is_empty() {
            self.submit(Order::Line(line));
        }
    }
}

impl<M: Reporter> View<M> for FifoView {
    fn show(&mut self, change: &M::Change, machines: &M, _now: Duration) {
        if !self.paths.is_empty()
            && let Some(line) = machines.fifo_line(change)
        {
            self.line(line);
        }
    }

    fn configure(&mut self, global: Option<&Global>) {
        self.follow(global);
    }

    fn reloaded(&mut self, machines: &M) {
        if self.states_on_reload {
            machines.fifo_states().into_iter().for_each(|line| self.line(line));
        }
    }

    fn finish(self: Box<Self>, time: FinishLimits) {
        let Some(Worker { queue, thread }) = self.worker else { return };
        drop(queue);
        background::await_end(&thread, time.others);
    }
}

impl Worker {
    fn start(log: &Log) -> Option<Worker> {
        let (queue, orders) = bounded(QUEUE);
        let of_thread = log.clone();
        match background::spawn_brief("fifo", move || run(&orders, &of_thread)) {
            Ok(thread) => Some(Worker { queue, thread }),
            Err(error) => {
                log.error(format_args!("Cannot write to FIFOs: cannot start a thread: {}", reason(&error)));
                None
            }
        }
    }
}

fn run(orders: &Receiver<Order>, log: &Log) {
    let mut targets: Vec<Target> = Vec::new();
    while let Some(order) = orders.receive() {
        match order {
            Order::Paths(paths) => {
                targets.retain(|target| paths.contains(&target.path));
                let known: Vec<String> = targets.iter().map(|target| target.path.clone()).collect();
                targets.extend(paths.into_iter().filter(|path| !known.contains(path)).map(Target::new));
            }
            Order::Line(line) => targets.iter_mut().for_each(|target| target.write(&line, log)),
        }
    }
    targets.iter_mut().for_each(|target| target.report(log));
}

/// A FIFO to write to.
struct Target {
    path: String,
    file: Option<File>,
    /// Until when it may still be made.
    appears: Instant,
    /// Not opened again before this time.
    retry: Option<Instant>,
    /// The reason last logged, and the lines that were dropped since.
    trouble: Option<String>,
    dropped: usize,
}

impl Target {
    fn new(path: String) -> Target {
        let appears = Instant::now() + APPEARS;
        Target { path, file: None, appears, retry: None, trouble: None, dropped: 0 }
    }

    fn write(&mut self, line: &str, log: &Log) {
        let written = self.file().and_then(|mut file| file.write(line.as_bytes()));
        let why = match written {
            Ok(_) => return self.report(log),
            Err(error) if error.kind() == ErrorKind::WouldBlock => "it is full, as nobody reads it".to_owned(),
            Err(error) => reason(&error),
        };
        self.dropped = self.dropped.saturating_add(1);
        if self.trouble.as_ref() != Some(&why) {
            log.warning(format_args!(
                "Cannot write to the FIFO {}: {why}; its lines are dropped until it works",
                self.path
            ));
            self.trouble = Some(why);
        }
    }

    /// Logs the end of a trouble.
    fn report(&mut self, log: &Log) {
        if self.trouble.take().is_some() {
            let lines = counted(std::mem::take(&mut self.dropped), "line");
            log.warning(format_args!("{lines} for the FIFO {} dropped", self.path));
        }
    }

    fn file(&mut self) -> io::Result<&File> {
        while self.file.is_none() {
            match self.open() {
                Ok(file) => self.file = Some(file),
                // The parent makes it while this process starts.
                Err(error) if error.kind() == ErrorKind::NotFound && Instant::now() < self.appears => {
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
        self.file.as_ref().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn open(&mut self) -> io::Result<File> {
        let now = Instant::now();
        if now >= self.appears
            && self.retry.is_some_and(|retry| now < retry)
            && let Some(why) = &self.trouble
        {
            return Err(io::Error::other(why.clone()));
        }
        self.retry = Some(now + RETRY);
        open(&self.path)
    }
}

/// Opens a FIFO for reading and writing, so that it needs no reader, without following a link at its end.
///
/// # Errors
/// If it does not exist, is no FIFO, or cannot be opened.
pub fn open(path: &str) -> io::Result<File> {
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW;
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.file_type().is_fifo() {
        return Err(io::Error::other("it is not a FIFO"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::log;

    #[test]
    fn a_fifo_that_cannot_be_used_is_logged_once_and_its_lines_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        std::fs::write(&path, "precious").unwrap();
        let (log, lines) = log::keep();
        let mut target = Target { appears: Instant::now(), ..Target::new(path.display().to_string()) };
        for _ in 0..3 {
            target.write("line\n", &log);
        }
        let expected = format!(
            "Cannot write to the FIFO {}: it is not a FIFO; its lines are dropped until it works",
            path.display()
        );
        let logged: Vec<String> = lines.take().into_iter().map(|(_, line)| line).collect();
        assert_eq!(logged, [expected]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        target.report(&log);
        let logged: Vec<String> = lines.take().into_iter().map(|(_, line)| line).collect();
        assert_eq!(logged, [format!("3 lines for the FIFO {} dropped", path.display())]);
    }
}
