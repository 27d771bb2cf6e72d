//! A network namespace of our own: made, entered, and taken away with all that runs in it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process::output_of;

/// Names start with this and the pid of the test process that made the namespace.
const PREFIX: &str = "kalab";

/// A network namespace; dropping it kills what runs inside and deletes it.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes a namespace whose name ends in `-role`, with its loopback up and IPv6 addresses usable
    /// at once (no duplicate address detection).
    pub fn new(lab: u32, role: &str) -> Self {
        let name = format!("{PREFIX}-{}-{lab}-{role}", std::process::id());
        output_of(Command::new("ip").args(["netns", "add", &name]));
        let netns = Self { name };
        for conf in ["all", "default"] {
            netns.sysctl(&format!("net/ipv6/conf/{conf}/accept_dad"), "0");
        }
        netns.ip("link set lo up");
        netns
    }

    /// The name that `ip netns` knows.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip ARGS` (words separated by blanks) inside and returns what it printed.
    pub fn ip(&self, args: &str) -> String {
        output_of(Command::new("ip").args(["-n", &self.name]).args(args.split_whitespace()))
    }

    /// A command that will run `program` inside.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Sets a sysctl of the namespace, `path` as below /proc/sys.
    pub fn sysctl(&self, path: &str, value: &str) {
        let file = PathBuf::from("/proc/sys").join(path);
        self.enter(|| fs::write(&file, value)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// The value of a sysctl of the namespace, `path` as below /proc/sys; `None` when there is no such.
    pub fn sysctl_value(&self, path: &str) -> Option<String> {
        let file = PathBuf::from("/proc/sys").join(path);
        self.enter(|| fs::read_to_string(&file)).ok().map(|value| value.trim_end().to_owned())
    }

    /// Runs `work` on a thread of its own inside the namespace.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.join_thread();
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts a thread inside the namespace that goes on beside the caller; programs that it runs are inside, too.
    pub fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        // A thread is where its maker is.
        self.enter(|| std::thread::spawn(work))
    }

    /// Moves the calling thread into the namespace. Sockets stay where they were made.
    pub fn join_thread(&self) {
        let file = File::open(self.file()).expect("the namespace exists");
        setns(file, CloneFlags::CLONE_NEWNET).expect("root may enter a namespace");
    }

    fn file(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// A number for the next lab of this test process.
pub fn next_lab() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Takes away what test processes that were killed left behind.
pub fn sweep() {
    let Ok(entries) = fs::read_dir("/run/netns") else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').nth(1));
        if maker.is_some_and(|pid| !PathBuf::from("/proc").join(pid).exists()) {
            remove(&name);
        }
    }
}

fn remove(name: &str) {
    if let Ok(pids) = Command::new("ip").args(["netns", "pids", name]).output() {
        for pid in String::from_utf8_lossy(&pids.stdout).split_whitespace() {
            if let Ok(pid) = pid.parse() {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
    let _ = Command::new("ip").args(["netns", "del", name]).output();
}
