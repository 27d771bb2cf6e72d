//! Counting processes: by the kernel's process connector, and by reading `/proc`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keepalived::config::model::{ParameterMatch, TrackProcess};
use keepalived::kernel::{ProcessEvent, ProcessWay, ReceiveBuffer, count_processes, poll_processes};
use keepalived::reactor::{Events, Feed, Interest, Reactor, Token, clock};

const LIMIT: Duration = Duration::from_secs(20);

/// A program of a name that nothing else has, and processes of it that end with the test.
struct Programs {
    directory: tempfile::TempDir,
    name: String,
    running: Vec<Child>,
}

impl Programs {
    fn new(name: &str) -> Programs {
        let directory = tempfile::tempdir().unwrap();
        let name = format!("{name}{}", std::process::id());
        fs::copy("/bin/sleep", directory.path().join(&name)).unwrap();
        Programs { directory, name, running: Vec::new() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    fn run(&mut self, program: &Path, arguments: &[&str]) {
        let child = Command::new(program).args(arguments).stdin(Stdio::piped()).spawn().unwrap();
        self.running.push(child);
    }

    fn begin(&mut self, seconds: &str) {
        self.run(&self.path(), &[seconds]);
    }

    /// Kills the oldest one. It stays as a zombie until the end of the test: it must not be counted any more.
    fn kill(&mut self, place: usize) {
        self.running[place].kill().unwrap();
    }

    fn kind(&self, name: &str, command: &str, parameters: Option<&str>) -> TrackProcess {
        TrackProcess {
            name: name.to_owned(),
            command: command.to_owned(),
            parameters: parameters.map(|word| vec![word.to_owned()]),
            matching: ParameterMatch::Exact,
            full_command: command.contains('/'),
            weight: 0,
            reverse: false,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        }
    }

    /// By short name, by path, and by path with a parameter.
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

/// What the thread has told.
struct Told {
    processes: Feed<ProcessEvent>,
    reactor: Reactor,
    counts: std::collections::BTreeMap<String, u32>,
    ways: Vec<ProcessWay>,
}

impl Told {
    fn by(processes: Feed<ProcessEvent>) -> Told {
        let reactor = Reactor::new().unwrap();
        reactor.register(&processes, Token(1), Interest::READABLE).unwrap();
        Told { processes, reactor, counts: Default::default(), ways: Vec::new() }
    }

    /// Waits until these are the counts.
    fn expect(&mut self, wanted: [(&str, u32); 4]) {
        let until = clock::now() + LIMIT;
        let mut events = Events::with_capacity(4);
        loop {
            let mut told = Vec::new();
            self.processes.events(&mut told);
            for event in told {
                match event {
                    ProcessEvent::Count { name, count } => drop(self.counts.insert(name, count)),
                    ProcessEvent::Way(way) => self.ways.push(way),
                }
            }
            if wanted.iter().all(|(name, count)| self.counts.get(*name) == Some(count)) {
                return;
            }
            assert!(clock::now() < until, "{wanted:?} wanted, told {:?} by {:?}", self.counts, self.ways);
            self.reactor.wait(Some(until), &mut events).unwrap();
        }
    }
}

/// Processes that are there already, that begin, that run another program, that change their name, and that end.
fn story(mut programs: Programs, start: impl FnOnce(&[TrackProcess]) -> Feed<ProcessEvent>) -> Vec<ProcessWay> {
    programs.begin("300");
    let mut told = Told::by(start(&programs.kinds()));
    told.expect([("short", 1), ("path", 1), ("parameter", 0), ("renamed", 0)]);
    programs.begin("301");
    told.expect([("short", 2), ("path", 2), ("parameter", 1), ("renamed", 0)]);
    programs.kill(0);
    told.expect([("short", 1), ("path", 1), ("parameter", 1), ("renamed", 0)]);
    let path = programs.path();
    let exec = format!("exec {} 302", path.display());
    programs.run(Path::new("/bin/sh"), &["-c", &exec]);
    told.expect([("short", 2), ("path", 2), ("parameter", 1), ("renamed", 0)]);
    let rename = format!("printf r{} > /proc/$$/comm; read end", programs.name);
    programs.run(Path::new("/bin/sh"), &["-c", &rename]);
    told.expect([("short", 2), ("path", 2), ("parameter", 1), ("renamed", 1)]);
    (1..4).for_each(|place| programs.kill(place));
    told.expect([("short", 0), ("path", 0), ("parameter", 0), ("renamed", 0)]);
    told.ways
}

/// Whether the kernel gives this process events: only in the initial namespaces.
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
    let ways = story(Programs::new("kpe"), |kinds| count_processes(kinds, buffer).unwrap());
    if is_initial() {
        assert_eq!(ways, [ProcessWay::Connector]);
    }
}

#[test]
fn processes_are_counted_by_reading_proc() {
    let ways = story(Programs::new("kpp"), |kinds| poll_processes(kinds).unwrap());
    assert!(matches!(ways[..], [ProcessWay::Polling(_)]), "{ways:?}");
}

/// More happens than the socket holds: what was lost is found by looking at all processes.
#[test]
fn lost_events_are_made_up_for() {
    let mut programs = Programs::new("kpl");
    let smallest = ReceiveBuffer { octets: Some(1), force: false };
    let mut told = Told::by(count_processes(&programs.kinds(), smallest).unwrap());
    told.expect([("short", 0), ("path", 0), ("parameter", 0), ("renamed", 0)]);
    for _ in 0..40 {
        programs.begin("301");
    }
    told.expect([("short", 40), ("path", 40), ("parameter", 40), ("renamed", 0)]);
    (0..40).for_each(|place| programs.kill(place));
    told.expect([("short", 0), ("path", 0), ("parameter", 0), ("renamed", 0)]);
}
