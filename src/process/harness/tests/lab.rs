//! A loop with fakes in virtual time.

use std::io;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use super::super::shell::Shell;
use super::super::turn::{Harness, Parts};
use super::fakes::{Fake, FakeAgents, FakeView, Machines};
use super::world::{Clock, Shared, ms};
use crate::config::model::Global;
use crate::config::{Options, Outside, Snapshot, load_recorded};
use crate::notify::dump::Setting;
use crate::notify::log;
use crate::process::ipc::{Channel, Message};
use crate::process::record_file::{Place, RecordFile};
use crate::reactor::{Ready, Signal, Signals, Token};
use crate::system::System;

/// A configuration with this `router_id`.
pub(super) fn config(router_id: &str) -> Snapshot {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k.conf");
    std::fs::write(&path, format!("global_defs {{\n router_id {router_id}\n}}\n")).unwrap();
    let options = Options {
        path,
        config_id: String::new(),
        directory: None,
        all_config: false,
        strict: false,
        outside: Outside::fixed(),
    };
    load_recorded(&options).unwrap().config.unwrap().1
}

/// A loop, and functions that run it and read its recorded calls.
pub(super) struct Loop<const COARSE: bool> {
    harness: Harness<Fake<COARSE>>,
    world: Shared,
    ready: Vec<Ready>,
    log: log::Kept,
    lines: Vec<String>,
    record: Option<tempfile::TempDir>,
}

impl<const COARSE: bool> Loop<COARSE> {
    pub(super) fn start(clean_up: bool) -> Loop<COARSE> {
        let world = Shared::default();
        let (ours, theirs) = UnixStream::pair().unwrap();
        world.borrow_mut().parent = Some(Channel::new(ours).unwrap());
        let (log, lines) = log::keep();
        let record = tempfile::tempdir().unwrap();
        let place = Place { path: record.path().join("held"), ..Place::default() };
        let global = Global { router_id: "A".into(), child_wait_time: ms(5000), ..Global::default() };
        let machines = Machines { system: System::new(String::new(), global), pending: Vec::new() };
        let parts = Parts {
            process: Fake { world: Rc::clone(&world), machines, count: 0 },
            shell: Shell::with(Box::new(Clock(Rc::clone(&world))), log.clone()).unwrap(),
            signals: Signals::new(&[Signal::SIGTERM]).unwrap(),
            channel: Channel::new(theirs).unwrap(),
            agents: Some(Box::new(FakeAgents { world: Rc::clone(&world), agent: None })),
            views: vec![Box::new(FakeView(Rc::clone(&world)))],
            held: Some(RecordFile::start(place, log).unwrap().0),
            clean_up,
            dumps: Setting::default(),
            pid_file: None,
        };
        let mut harness = Harness::new(parts).unwrap();
        harness.start().unwrap();
        Loop { harness, world, ready: Vec::new(), log: lines, lines: Vec::new(), record: Some(record) }
    }

    /// The parent's end of the channel.
    pub(in super::super) fn parent(&mut self) -> Channel {
        self.world.borrow_mut().parent.take().unwrap()
    }

    pub(in super::super) fn give_back_parent(&mut self, parent: Channel) {
        self.world.borrow_mut().parent = Some(parent);
    }

    /// Runs one turn; earlier calls are dropped.
    pub(super) fn turn(&mut self) {
        self.world.borrow_mut().calls.clear();
        self.harness.turn(&mut self.ready).unwrap();
    }

    /// Runs turns until this time.
    pub(super) fn until(&mut self, at: Duration) {
        self.arrive(at, &[]);
        while !self.world.borrow().arrivals.is_empty() {
            self.harness.turn(&mut self.ready).unwrap();
        }
    }

    pub(super) fn until_done(&mut self) {
        while !self.is_done() {
            self.turn();
        }
    }

    pub(super) fn end(self) -> (Vec<String>, io::Result<()>) {
        self.world.borrow_mut().calls.clear();
        let outcome = self.harness.end();
        (self.world.take().calls, outcome)
    }

    pub(super) fn arrive(&mut self, at: Duration, tokens: &[Token]) {
        self.world.borrow_mut().arrivals.push_back((at, tokens.to_vec()));
    }

    /// Sends a message of the parent, which is read once [`ORDERS`](super::super::tokens::ORDERS) arrives.
    pub(super) fn send(&mut self, message: &Message) {
        self.world.borrow_mut().parent.as_mut().unwrap().send(message).unwrap();
    }

    pub(super) fn lose_parent(&mut self) {
        self.world.borrow_mut().parent = None;
    }

    pub(super) fn take_calls(&mut self) -> Vec<String> {
        std::mem::take(&mut self.world.borrow_mut().calls)
    }

    pub(super) fn assert_calls(&mut self, expected: &[&str]) {
        assert_eq!(self.take_calls(), expected);
    }

    pub(super) fn sent_to_parent(&mut self) -> Vec<String> {
        self.world.borrow_mut().sent_to_parent()
    }

    pub(super) fn logged(&mut self, text: &str) -> bool {
        self.lines.extend(self.log.take().into_iter().map(|(_, line)| line));
        self.lines.iter().any(|line| line == text)
    }

    pub(super) fn now(&self) -> Duration {
        self.world.borrow().now
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.harness.deadline()
    }

    pub(super) fn slept_until(&self) -> Option<Duration> {
        self.world.borrow().slept_until
    }

    pub(super) fn timer_came(&self) -> Duration {
        self.world.borrow().timer_came
    }

    pub(super) fn is_done(&self) -> bool {
        self.harness.shell.stopping.is_done()
    }

    pub(super) fn set_timer(&mut self, name: &'static str, at: Duration) {
        self.harness.shell.set_timer(name, Some(at));
    }

    pub(super) fn clear_timers(&mut self) {
        while self.harness.shell.timers.pop_due(Duration::MAX).is_some() {}
    }

    pub(super) fn again(&mut self) {
        self.harness.shell.again();
    }

    pub(super) fn save(&mut self) {
        self.harness.shell.save();
        self.harness.shell.again();
    }

    pub(super) fn save_at_once(&mut self) {
        self.harness.shell.save_at_once();
        self.harness.shell.again();
    }

    pub(super) fn on_receive(&mut self, change: &'static str) {
        self.world.borrow_mut().changes.push_back(change);
    }

    pub(super) fn receiving_takes(&mut self, time: Duration) {
        self.world.borrow_mut().receiving_takes = time;
    }

    pub(super) fn process_deadline(&mut self, at: Option<Duration>) {
        self.world.borrow_mut().process_deadline = at;
    }

    pub(super) fn release(&mut self) {
        self.world.borrow_mut().released = true;
    }

    pub(super) fn agent_deadline(&mut self, at: Option<Duration>) {
        self.world.borrow_mut().agent_deadline = at;
    }

    pub(super) fn agent_takes(&mut self, time: Duration) {
        self.world.borrow_mut().agent_takes = time;
    }

    pub(super) fn agent_sets(&mut self, change: &'static str) {
        self.world.borrow_mut().agent_sets = Some(change);
    }

    pub(super) fn agent_is_closed(&mut self) {
        self.world.borrow_mut().agent_closed = true;
    }

    /// The directory of the record of held state.
    pub(super) fn record(&mut self) -> tempfile::TempDir {
        self.record.take().unwrap()
    }
}
