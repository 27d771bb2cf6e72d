//! Network namespaces: created, entered, and removed with the processes in them.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process::output_of;

/// Names start with this and the process ID of the test.
const PREFIX: &str = "kalab";

/// A network namespace; dropping it kills the processes inside and deletes it.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Creates a namespace whose name ends in `-role`, with its loopback interface up and without
    /// duplicate address detection.
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

    /// The name for `ip netns`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip ARGS` (separated by spaces) inside and returns its output.
    pub fn ip(&self, args: &str) -> String {
        output_of(Command::new("ip").args(["-n", &self.name]).args(args.split_whitespace()))
    }

    /// A command that runs `program` inside.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Sets a sysctl of the namespace; `path` is below /proc/sys.
    pub fn sysctl(&self, path: &str, value: &str) {
        let file = PathBuf::from("/proc/sys").join(path);
        self.enter(|| fs::write(&file, value)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// The value of a sysctl of the namespace; `path` is below /proc/sys. `None` when it does not exist.
    pub fn sysctl_value(&self, path: &str) -> Option<String> {
        let file = PathBuf::from("/proc/sys").join(path);
        self.enter(|| fs::read_to_string(&file)).ok().map(|value| value.trim_end().to_owned())
    }

    /// Runs `work` on a thread inside the namespace and waits for it.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.join_thread();
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts a thread inside the namespace; programs that it runs are inside, too.
    pub fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        // A new thread is in the namespace of the thread that starts it.
        self.enter(|| std::thread::spawn(work))
    }

    /// Moves the calling thread into the namespace. Existing sockets stay in their namespace.
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

/// Removes the namespaces of test processes that were killed.
pub fn sweep() {
    let Ok(entries) = fs::read_dir("/run/netns") else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').nth(1));
        if owner.is_some_and(|pid| !PathBuf::from("/proc").join(pid).exists()) {
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
