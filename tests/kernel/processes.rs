//! Counting processes, by the kernel's process connector and by reading `/proc`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keepalived::config::model::{ReceiveBuffer, TrackProcess};
use keepalived::kernel::{ProcessEvent, ProcessWay, count_processes, poll_processes};
use keepalived::reactor::{Events, Feed, Interest, Reactor, Token, clock};

const LIMIT: Duration = Duration::from_secs(20);

/// A program with a unique name, and its processes, which are killed at the end of the test.
struct Programs {
    directory: tempfile::TempDir,
    name: String,
    running: Vec<Child>,
}

impl Programs {
    fn new(name: &str) -> Programs {
        let directory = tempfile::tempdir().unwrap();
        let name = format!("{name}{}", std::process::id());
        // By `cp`: a process that another test starts meanwhile would inherit a file that is open for writing here, and the
        // kernel would refuse to execute it.
        let copied = Command::new("cp").arg("/bin/sleep").arg(directory.path().join(&name)).status().unwrap();
        assert!(copied.success(), "{copied}");
        Programs { directory, name, running: Vec::new() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    fn run(&mut self, program: &Path, arguments: &[&str]) {
        let child = Command::new(program).args(arguments).stdin(Stdio::piped()).spawn().unwrap();
        self.running.push(child);
    }

    fn start(&mut self, seconds: &str) {
        self.run(&self.path(), &[seconds]);
    }

    /// Kills a process. It stays as a zombie until the end of the test, and must not be counted any more.
    fn kill(&mut self, place: usize) {
        self.running[place].kill().unwrap();
    }

    fn kind(&self, name: &str, command: &str, parameters: Option<&str>) -> TrackProcess {
        let parameters = parameters.map(|word| vec![word.to_owned()]);
        TrackProcess { parameters, full_command: command.contains('/'), ..TrackProcess::new(name, command) }
    }

    /// Kinds by short name, by path, by path with a parameter, and by another short name.
    fn kinds(&self) -> Vec<TrackProcess> {
        let path = self.path().to_str().unwrap().to_owned();
        vec![
            self.kind("short", &self.name, None),
            self.kind("path", &path, None),
            self.kind("parameter", &path, Some("301")),
            self.kind("renamed", &format!("r{}", self.name), None),
        ]
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The counts and methods in the events so far.
struct Counter {
    processes: Feed<ProcessEvent>,
    reactor: Reactor,
    counts: std::collections::BTreeMap<String, u32>,
    methods: Vec<ProcessWay>,
}

impl Counter {
    fn by(processes: Feed<ProcessEvent>) -> Counter {
        let reactor = Reactor::new().unwrap();
        reactor.register(&processes, Token(1), Interest::READABLE).unwrap();
        Counter { processes, reactor, counts: Default::default(), methods: Vec::new() }
    }

    /// Waits for these counts.
    fn expect(&mut self, wanted: [(&str, u32); 4]) {
        let until = clock::now() + LIMIT;
        let mut events = Events::with_capacity(4);
        loop {
            let mut received = Vec::new();
            self.processes.events(&mut received);
            for event in received {
                match event {
                    ProcessEvent::Count { name, count } => drop(self.counts.insert(name, count)),
                    ProcessEvent::Way(way) => self.methods.push(way),
                }
            }
            if wanted.iter().all(|(name, count)| self.counts.get(*name) == Some(count)) {
                return;
            }
            assert!(clock::now() < until, "expected {wanted:?}, found {:?} by {:?}", self.counts, self.methods);
            self.reactor.wait(Some(until), &mut events).unwrap();
        }
    }
}

/// Checks the counts with existing and new processes, and with processes that execute another program, change their name
fn check_counts(mut programs: Programs, start: impl FnOnce(&[TrackProcess]) -> Feed<ProcessEvent>) -> Vec<ProcessWay> {
    programs.start("300");
    let mut counter = Counter::by(start(&programs.kinds()));
    counter.expect([("short", 1), ("path", 1), ("parameter", 0), ("renamed", 0)]);
    programs.start("301");
    counter.expect([("short", 2), ("path", 2), ("parameter", 1), ("renamed", 0)]);
    programs.kill(0);
    counter.expect([("short", 1), ("path", 1), ("parameter", 1), ("renamed", 0)]);
    let path = programs.path();
    let exec = format!("exec {} 302", path.display());
    programs.run(Path::new("/bin/sh"), &["-c", &exec]);
    counter.expect([("short", 2), ("path", 2), ("parameter", 1), ("renamed", 0)]);
    let rename = format!("printf r{} > /proc/$$/comm; read end", programs.name);
    programs.run(Path::new("/bin/sh"), &["-c", &rename]);
    counter.expect([("short", 2), ("path", 2), ("parameter", 1), ("renamed", 1)]);
    (1..4).for_each(|place| programs.kill(place));
    counter.expect([("short", 0), ("path", 0), ("parameter", 0), ("renamed", 0)]);
    counter.methods
}

/// Whether the process connector works here: only in the initial namespaces.
fn is_initial() -> bool {
    let link = |path: &str| fs::read_link(path).ok().and_then(|link| link.to_str().map(str::to_owned));
    let same = |kind: &str| link(&format!("/proc/self/ns/{kind}")) == link(&format!("/proc/1/ns/{kind}"));
    same("net")
        && link("/proc/self/ns/pid").as_deref() == Some("pid:[4026531836]")
        && link("/proc/self/ns/user").as_deref() == Some("user:[4026531837]")
}

#[test]
fn processes_are_counted_by_events_of_the_kernel() {
    let buffer = ReceiveBuffer { octets: Some(1 << 20), force: true };
    let methods = check_counts(Programs::new("kpe"), |kinds| count_processes(kinds, buffer).unwrap());
    if is_initial() {
        assert_eq!(methods, [ProcessWay::Connector]);
    }
}

#[test]
fn processes_are_counted_by_reading_proc() {
    let methods = check_counts(Programs::new("kpp"), |kinds| poll_processes(kinds).unwrap());
    assert!(matches!(methods[..], [ProcessWay::Polling(_)]), "{methods:?}");
}

/// More events than the socket holds: the lost ones are made up for by a scan of `/proc`.
#[test]
fn counts_are_right_after_lost_events() {
    let mut programs = Programs::new("kpl");
    let smallest = ReceiveBuffer { octets: Some(1), force: false };
    let mut counter = Counter::by(count_processes(&programs.kinds(), smallest).unwrap());
    counter.expect([("short", 0), ("path", 0), ("parameter", 0), ("renamed", 0)]);
    for _ in 0..40 {
        programs.start("301");
    }
    counter.expect([("short", 40), ("path", 40), ("parameter", 40), ("renamed", 0)]);
    (0..40).for_each(|place| programs.kill(place));
    counter.expect([("short", 0), ("path", 0), ("parameter", 0), ("renamed", 0)]);
}
