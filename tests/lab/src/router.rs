//! A router of the lab: a network namespace with interface eth0 and a directory, in which a daemon runs.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::IpAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::daemon::Daemon;
use crate::netns::Netns;
use crate::process::{Proc, is_gone, output_of};
use crate::snmp::Snmp;
use crate::{Stamp, now, wait_for, wait_until};

/// Time limit for a process to write its pid file, on a busy machine.
const STARTED: Duration = Duration::from_secs(20);
/// Time limit for the end of a daemon; configurations of some labs let it wait for 15 s.
const STOPPED: Duration = Duration::from_secs(40);

/// A router; it runs at most one daemon, and an snmpd after [`Router::start_snmp`].
#[derive(Debug)]
pub struct Router {
    daemon: Option<Proc>,
    /// The master agent and the trap sink, once [`Router::start_snmp`] was called.
    pub snmp: Option<Snmp>,
    /// The argument of the daemon's option `-A`.
    agentx: Option<String>,
    netns: Netns,
    number: usize,
    dir: PathBuf,
}

impl Router {
    /// A router without a daemon. Its files are in a directory of its own below `dir`.
    pub(crate) fn new(number: usize, netns: Netns, dir: &Path) -> Self {
        let dir = dir.join(format!("router{number}"));
        fs::create_dir(&dir).expect("a directory");
        Self { daemon: None, snmp: None, agentx: None, netns, number, dir }
    }

    /// The router's number in the lab, from 1; also the last octet of its addresses.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The router's namespace.
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// The router's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes the router's keepalived.conf.
    pub fn configure(&self, text: &str) {
        fs::write(self.file("keepalived.conf"), text).expect("a writable directory");
    }

    /// Writes a shell script to the router's directory and returns its path.
    pub fn script(&self, name: &str, lines: &str) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, format!("#!/bin/sh\n{lines}")).expect("a writable directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
        path
    }

    /// Starts a further program; its output goes to `NAME.log`.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Proc {
        let name = program.rsplit('/').next().unwrap_or(program);
        let mut command = self.netns.command(program);
        command.args(arguments);
        Proc::spawn(command, &self.file(&format!("{name}.log")))
    }

    /// Creates a key and a self-signed certificate for `name` with openssl, as `NAME.key` and `NAME.pem`.
    pub fn certificate(&self, name: &str) {
        let (key, certificate) = (self.file(&format!("{name}.key")), self.file(&format!("{name}.pem")));
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]);
        command.arg(format!("/CN={name}")).arg("-keyout").arg(key).arg("-out").arg(certificate);
        output_of(&mut command);
    }

    /// Starts snmpd and snmptrapd; daemons started afterwards use them.
    pub fn start_snmp(&mut self) -> &mut Snmp {
        let socket = format!("unix:{}", self.file("agentx").display());
        self.start_snmp_on(&socket, &socket)
    }

    /// As [`Router::start_snmp`], with the address of the AgentX socket in the syntax of snmpd and in that of `-A`.
    pub fn start_snmp_on(&mut self, for_snmpd: &str, for_daemon: &str) -> &mut Snmp {
        self.agentx = Some(for_daemon.to_owned());
        self.snmp.insert(Snmp::start(&self.netns, &self.dir, for_snmpd))
    }

    /// Has daemons started afterwards use the AgentX socket at `address`, without starting snmpd.
    pub fn use_agentx(&mut self, address: &str) {
        self.agentx = Some(address.to_owned());
    }

    /// The router's snmpd and snmptrapd.
    pub fn snmp(&mut self) -> &mut Snmp {
        self.snmp.as_mut().expect("start_snmp was called")
    }

    /// Starts a daemon with the configuration last written, for VRRP only.
    pub fn start(&mut self, daemon: Daemon) {
        self.start_with(self.command(daemon));
    }

    /// Starts a daemon with the configuration last written, for health checks only.
    pub fn start_checkers(&mut self, daemon: Daemon) {
        self.start_with(self.checkers_command(daemon));
    }

    /// As [`Router::start_checkers`], but directly from the namespace and without a detailed log, for benchmarks; returns
    /// the time of the start.
    pub fn start_checkers_bare(&mut self, daemon: Daemon, extra: &[&str]) -> Instant {
        let mut command = self.configured(daemon.program());
        command.arg("-C").arg("-c").arg(self.file("checkers.pid")).args(extra).args(self.snmp_arguments());
        let log = self.file("daemon.log");
        let (began, process) = self.netns.enter(|| (Instant::now(), Proc::spawn(command, &log)));
        self.daemon = Some(process);
        began
    }

    /// The command line of [`Router::start_checkers`].
    pub fn checkers_command(&self, daemon: Daemon) -> Command {
        let mut command = self.without_parts(daemon);
        command.arg("-C").arg("-c").arg(self.file("checkers.pid"));
        command
    }

    /// Starts a daemon with a command line of the caller.
    pub fn start_with(&mut self, mut command: Command) {
        command.args(self.snmp_arguments());
        self.daemon = Some(Proc::spawn(command, &self.file("daemon.log")));
    }

    fn snmp_arguments(&self) -> Vec<&str> {
        self.agentx.iter().flat_map(|address| ["-x", "-A", address]).collect()
    }

    /// The command line of [`Router::start`]: in the foreground, with all files in the router's directory.
    pub fn command(&self, daemon: Daemon) -> Command {
        let mut command = self.without_parts(daemon);
        command.arg("-P").arg("-r").arg(self.file("vrrp.pid"));
        command
    }

    /// The command line of a daemon with all its processes.
    pub fn whole(&self, daemon: Daemon) -> Command {
        let mut command = self.without_parts(daemon);
        command.arg("-r").arg(self.file("vrrp.pid")).arg("-c").arg(self.file("checkers.pid"));
        command
    }

    fn without_parts(&self, daemon: Daemon) -> Command {
        let mut command = self.configured(daemon.command(&self.netns));
        command.arg("-D");
        command
    }

    fn configured(&self, mut command: Command) -> Command {
        command.args(["-n", "-l", "-G"]);
        command.arg("-f").arg(self.file("keepalived.conf"));
        command.arg("-p").arg(self.file("keepalived.pid")).arg("-b").arg(self.file("bfd.pid"));
        command.env("TMPDIR", &self.dir);
        command
    }

    /// The same command with standard error to a full pipe that is not read, while the returned file is open.
    pub fn with_unread_log(&self, daemon: &Command) -> (Command, File) {
        let fifo = self.file("unread");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("our own directory");
        let mut pipe =
            File::options().read(true).write(true).custom_flags(nix::libc::O_NONBLOCK).open(&fifo).expect("a pipe");
        let full = std::iter::repeat_with(|| pipe.write(&[b'\n'; 4096])).find_map(Result::err);
        assert_eq!(full.map(|error| error.kind()), Some(ErrorKind::WouldBlock));
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" 2> \"$LAB_LOG\"", "sh"]).arg(daemon.get_program()).args(daemon.get_args());
        command.envs(daemon.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("LAB_LOG", &fifo);
        (command, pipe)
    }

    /// The running daemon.
    pub fn daemon(&mut self) -> &mut Proc {
        self.daemon.as_mut().expect("a started daemon")
    }

    /// Kills the daemon's whole process group with -9; returns the time of the kill.
    pub fn kill9(&mut self) -> Stamp {
        let pids = self.daemon_pids();
        let at = now();
        self.daemon().kill_group();
        wait_until(STOPPED, "all processes of the group have exited after kill -9", || {
            pids.iter().all(|&pid| is_gone(pid))
        });
        at
    }

    /// Stops the daemon with SIGTERM and waits until it exits; returns the time of the signal and the exit status.
    pub fn stop(&mut self) -> (Stamp, ExitStatus) {
        let at = now();
        self.daemon().signal(Signal::SIGTERM);
        (at, self.daemon().wait(STOPPED))
    }

    /// The pid of the VRRP process, from its pid file.
    pub fn vrrp_pid(&self) -> i32 {
        self.pid_of("vrrp.pid")
    }

    /// The pid of the checker process, from its pid file.
    pub fn checker_pid(&self) -> i32 {
        self.pid_of("checkers.pid")
    }

    /// The pid of the BFD process, from its pid file.
    pub fn bfd_pid(&self) -> i32 {
        self.pid_of("bfd.pid")
    }

    fn pid_of(&self, file: &str) -> i32 {
        let file = self.file(file);
        wait_for(STARTED, "the process has written its pid file", || {
            fs::read_to_string(&file).ok()?.trim().parse().ok()
        })
    }

    /// All processes of the daemon in this router's namespace.
    pub fn daemon_pids(&self) -> Vec<i32> {
        let pids = output_of(Command::new("ip").args(["netns", "pids", self.netns.name()]));
        let pids = pids.split_whitespace().filter_map(|pid| pid.parse().ok());
        pids.filter(|pid: &i32| {
            // The program of a dead process cannot be read.
            let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            program.file_name().is_some_and(|name| name == "keepalived")
        })
        .collect()
    }

    /// Whether any of the router's interfaces has `address`.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_string();
        self.netns.ip("-o address show").lines().any(|line| {
            let word = line.split_whitespace().nth(3).unwrap_or_default();
            word.split('/').next() == Some(&address)
        })
    }

    /// Number of addresses of eth0 that start with `prefix`.
    pub fn count_addresses(&self, prefix: &str) -> usize {
        let shown = self.netns.ip("-o address show dev eth0");
        let words = shown.lines().filter_map(|line| line.split_whitespace().nth(3));
        words.filter(|address| address.starts_with(prefix)).count()
    }

    /// The ifIndex of eth0.
    pub fn ifindex(&self) -> u32 {
        let shown = self.netns.ip("-o link show dev eth0");
        shown.split(':').next().and_then(|index| index.trim().parse().ok()).expect("an index")
    }

    /// The path of a file in the router's directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The daemon's log on standard output and standard error.
    pub fn log(&self) -> String {
        let log = fs::read(self.file("daemon.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Prints the ends of the logs, for a failed test.
    pub(crate) fn show_logs(&self) {
        for name in ["daemon.log", "snmpd.log", "snmptrapd.log"] {
            let log = fs::read(self.file(name)).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(40)..].join("\n");
            eprintln!("--- {name} of router {} ---\n{end}", self.number);
        }
    }
}
