//! Daemons with IPVS in separate namespaces, compared with C keepalived.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use lab::Daemon;
use lab::ipvs::{assert_same, shown};
use lab::netns::{Netns, next_lab};
use lab::process::Proc;
use lab::wait_for;
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// Time limit for each step of a daemon.
pub const LIMIT: Duration = Duration::from_secs(30);
/// A table is complete when it has not changed for this time.
const SETTLED: Duration = Duration::from_millis(1500);

/// A running daemon with its files.
pub struct Running {
    process: Proc,
    dir: TempDir,
}

impl Running {
    /// Starts a daemon, with `-C` and the like in `extra`.
    pub fn start(daemon: Daemon, netns: &Netns, conf: &str, extra: &[&str]) -> Running {
        let dir = TempDir::with_prefix("lvs").unwrap();
        fs::write(dir.path().join("keepalived.conf"), conf).unwrap();
        Running { process: spawn(daemon, netns, &dir, extra), dir }
    }

    /// Starts our daemon again with the same files.
    pub fn start_again(&mut self, netns: &Netns, extra: &[&str]) {
        self.process = spawn(Daemon::Ours, netns, &self.dir, extra);
    }

    /// One of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Has our program take over from it, with the same options.
    pub fn upgrade(&self, netns: &Netns, extra: &[&str]) {
        let output = command(Daemon::Ours, netns, &self.dir, extra).arg("--upgrade").output().unwrap();
        assert!(output.status.success(), "{output:?}\n{}", self.log());
    }

    /// Its log.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// The pid of a child, from its pid file.
    pub fn pid(&self, file: &str) -> i32 {
        wait_for(LIMIT, file, || fs::read_to_string(self.file(file)).ok()?.trim().parse().ok())
    }

    /// Kills the daemon and all its children.
    pub fn kill(&mut self) {
        self.process.kill_group();
    }

    /// Sends a signal to the parent process.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Stops it by SIGTERM; returns its log.
    pub fn stop(self) -> String {
        self.signal(Signal::SIGTERM);
        self.ended()
    }

    /// Waits for its exit; returns its status.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.process.wait(LIMIT).code()
    }

    /// Waits for its exit with status 0; returns its log.
    pub fn ended(mut self) -> String {
        let status = self.process.wait(LIMIT);
        assert_eq!(status.code(), Some(0), "{}", self.log());
        self.log()
    }
}

fn spawn(daemon: Daemon, netns: &Netns, dir: &TempDir, extra: &[&str]) -> Proc {
    Proc::spawn(command(daemon, netns, dir, extra), &dir.path().join("log"))
}

fn command(daemon: Daemon, netns: &Netns, dir: &TempDir, extra: &[&str]) -> Command {
    let file = |name: &str| dir.path().join(name);
    let mut command = daemon.command(netns);
    command.args(["-n", "-l", "-D", "-G", "-f"]).arg(file("keepalived.conf")).args(extra);
    command.arg("-p").arg(file("keepalived.pid")).arg("-c").arg(file("checkers.pid"));
    command.arg("-r").arg(file("vrrp.pid"));
    // For dumps.
    command.env("TMPDIR", dir.path());
    command
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.log());
        }
    }
}

/// A director without network.
pub fn director() -> Netns {
    Netns::new(next_lab(), "director")
}

/// Listens in a namespace; the kernel accepts connections until the result is dropped.
pub fn listen(netns: &Netns, address: &str) -> TcpListener {
    netns.enter(|| TcpListener::bind(address).unwrap())
}

/// Waits until the table of a running daemon is as `wanted` and does not change; returns the table then or at the time
/// limit.
pub fn table(running: &mut Running, netns: &Netns, wanted: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + LIMIT;
    let mut last = (shown(netns), Instant::now());
    loop {
        let now = shown(netns);
        if now != last.0 {
            last = (now, Instant::now());
        }
        assert!(running.is_running(), "the daemon has exited: {}", running.log());
        if wanted(&last.0) && last.1.elapsed() >= SETTLED || Instant::now() >= deadline {
            return last.0;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Asserts that our daemon has the same table as C keepalived, once that is as `wanted`, with the same configuration
/// and the same listening servers (loopback addresses).
pub fn compare(conf: &str, listening: &[&str], wanted: impl Fn(&str) -> bool) {
    let prepare = || {
        let netns = director();
        let servers: Vec<TcpListener> = listening.iter().map(|address| listen(&netns, address)).collect();
        (netns, servers)
    };
    compare_in(prepare, conf, &["-C"], wanted);
}

/// The same in namespaces with servers that `prepare` creates for each daemon; `extra` are options of the command line.
pub fn compare_in<T>(prepare: impl Fn() -> (Netns, T), conf: &str, extra: &[&str], wanted: impl Fn(&str) -> bool) {
    let run = |daemon: Daemon, wanted: &dyn Fn(&str) -> bool| {
        let (netns, _servers) = prepare();
        let mut running = Running::start(daemon, &netns, conf, extra);
        (table(&mut running, &netns, wanted), running.log())
    };
    let (theirs, log) = run(Daemon::C, &wanted);
    assert!(wanted(&theirs), "the table of C keepalived is not as wanted:\n{theirs}\n{log}");
    let (ours, log) = run(Daemon::Ours, &|table| table == theirs);
    println!("{log}");
    assert_same(&ours, &theirs);
}
