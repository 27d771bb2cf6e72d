//! Fakes of a process, a subagent, a view and a clock, which record the calls of the loop.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::agent::{Agents, Next, Subagent};
use super::super::shell::Process;
use super::super::shell::Shell;
use super::super::time::{Pace, Time};
use super::super::tokens::AGENT;
use super::super::turn::{Harness, Parts};
use crate::config::model::{Config, Global};
use crate::config::{Options, Outside, Snapshot, VirtualServers, load_recorded};
use crate::notify::dump::Setting;
use crate::notify::log::{self, Level, Log};
use crate::notify::view::{FinishLimits, Reporter, View};
use crate::process::ipc::{Channel, Message};
use crate::process::record_file::{Place, RecordFile};
use crate::reactor::{Reactor, Ready, Signal, Signals, Token};
use crate::state::{Lasting, Reader, Record, Unusable, Writer, from_sections};
use crate::status::Snmp;
use crate::system::{HasSystem, News, System};

pub(super) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

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

/// The state of the fakes, and the recorded calls of the loop.
#[derive(Default)]
struct World {
    now: Duration,
    arrivals: VecDeque<(Duration, Vec<Token>)>,
    slept_until: Option<Duration>,
    calls: Vec<String>,
    /// The parent's end of the channel.
    parent: Option<Channel>,
    /// The changes that the next packets cause, one each.
    changes: VecDeque<&'static str>,
    receiving_takes: Duration,
    process_deadline: Option<Duration>,
    timer_came: Duration,
    released: bool,
    agent_deadline: Option<Duration>,
    agent_takes: Duration,
    agent_sets: Option<&'static str>,
    agent_closed: bool,
}

type Shared = Rc<RefCell<World>>;

impl World {
    fn record(&mut self, line: impl Into<String>) {
        self.calls.push(line.into());
    }

    /// The messages that the process has sent to its parent since the last call.
    fn sent_to_parent(&mut self) -> Vec<String> {
        let Some(parent) = &mut self.parent else { return Vec::new() };
        let text = |message| match message {
            Message::Ready => "ready".to_owned(),
            Message::StatusWanted(_) | Message::Status(..) => "status".to_owned(),
            Message::Command(..) | Message::Result(..) => "command".to_owned(),
            Message::Indices(octets) => {
                format!("indices {}", from_sections::<Names>(&octets).unwrap().record.0.join(""))
            }
            Message::Checkpoint(octets) => format!("checkpoint {}", from_sections::<Count>(&octets).unwrap().record.0),
            Message::HandedOver => "handed over".to_owned(),
            Message::Resumed => "resumed".to_owned(),
            other => format!("{other:?}"),
        };
        parent.receive().unwrap_or_default().into_iter().map(text).collect()
    }
}

struct Clock(Shared);

impl Time for Clock {
    fn now(&self) -> Duration {
        self.0.borrow().now
    }

    fn wait(&mut self, _reactor: &mut Reactor, deadline: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        world.slept_until = deadline;
        ready.clear();
        let next = world.arrivals.front().map(|(at, _)| (*at).max(world.now));
        let until = deadline.map(|at| at.max(world.now));
        match (next, until) {
            (Some(at), until) if until.is_none_or(|until| at <= until) => {
                world.now = at;
                let (_, tokens) = world.arrivals.pop_front().unwrap();
                let of = |token| Ready { token, readable: true, writable: false, error: false, read_closed: false };
                ready.extend(tokens.into_iter().map(of));
            }
            (_, Some(until)) => world.now = until,
            (_, None) => panic!("the loop sleeps for ever"),
        }
        Ok(())
    }
}

/// Names of rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Names(pub(super) Vec<String>);

impl Record for Names {
    const NAME: &'static str = "names";
    const VERSION: u32 = 1;
}

/// Number of changes so far.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Count(u32);

impl Lasting for Names {
    const NAME: &'static str = "names";
    const VERSION: u32 = 1;

    fn write(&self, sections: &mut Writer) {
        sections.put("names", &self.0);
    }

    fn read(sections: &mut Reader<'_>) -> Result<Names, Unusable> {
        Ok(Names(sections.take("names")?))
    }
}

impl Lasting for Count {
    const NAME: &'static str = "a count";
    const VERSION: u32 = 1;

    fn write(&self, sections: &mut Writer) {
        sections.put("count", &self.0);
    }

    fn read(sections: &mut Reader<'_>) -> Result<Count, Unusable> {
        Ok(Count(sections.take("count")?))
    }
}

/// Rows and machines.
pub(super) struct Machines {
    system: System,
    pending: Vec<&'static str>,
}

impl HasSystem for Machines {
    fn system(&self) -> &System {
        &self.system
    }
}

impl Reporter for Machines {
    type Change = &'static str;

    fn line(&self, change: &&'static str) -> (Level, String) {
        (Level::Notice, (*change).to_owned())
    }
}

/// A process with coarse or punctual pace.
pub(super) struct Fake<const COARSE: bool> {
    world: Shared,
    machines: Machines,
    count: u32,
}

impl<const COARSE: bool> Fake<COARSE> {
    fn record(&self, line: impl Into<String>) {
        self.world.borrow_mut().record(line);
    }

    fn name(&self) -> String {
        self.machines.system.global.as_ref().unwrap().router_id.clone()
    }
}

impl<const COARSE: bool> Process for Fake<COARSE> {
    type Machines = Machines;
    type Timer = &'static str;
    type Indices = Names;
    type Checkpoint = Count;
    type Held = Names;

    const PACE: Pace = if COARSE { Pace::Coarse { timers: 2, step: ms(1) } } else { Pace::Punctual };
    const HOLDS: &'static str = "addresses";
    const STOP_LIMIT: Duration = ms(4000);
    const CHECKPOINT_DELAY: Duration = if COARSE { ms(500) } else { Duration::ZERO };
    const HELD_DELAY: Duration = if COARSE { Duration::ZERO } else { ms(100) };

    fn machines(&self) -> &Machines {
        &self.machines
    }

    fn machines_mut(&mut self) -> &mut Machines {
        &mut self.machines
    }

    fn indices(&self) -> Names {
        self.record("indices");
        Names(vec![self.name()])
    }

    fn start(&mut self, clean_up: bool, _shell: &mut Shell<Self>) -> io::Result<()> {
        self.record(format!("start {clean_up}"));
        Ok(())
    }

    fn receive(&mut self, ready: &[Ready], _shell: &mut Shell<Self>) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        let tokens: Vec<usize> = ready.iter().map(|source| source.token.0).collect();
        world.record(format!("receive {tokens:?}"));
        if !ready.is_empty()
            && let Some(change) = world.changes.pop_front()
        {
            self.count += 1;
            self.machines.pending.push(change);
        }
        let takes = world.receiving_takes;
        world.now += takes;
        Ok(())
    }

    fn timer(&mut self, timer: &'static str, now: Duration, _shell: &mut Shell<Self>) {
        let mut world = self.world.borrow_mut();
        world.record(format!("timer {timer}"));
        world.timer_came = now;
    }

    fn work(&mut self, ready: &[Ready], _shell: &mut Shell<Self>) -> io::Result<()> {
        let tokens: Vec<usize> = ready.iter().map(|source| source.token.0).collect();
        self.record(format!("work {tokens:?}"));
        Ok(())
    }

    fn settle(&mut self, shell: &mut Shell<Self>) {
        self.record("settle");
        shell.report(self.machines.pending.drain(..));
    }

    fn reconcile(&mut self, changed: bool, shell: &mut Shell<Self>) {
        self.record(format!("reconcile {changed}"));
        if changed {
            shell.held_changed();
        }
    }

    fn rest(&mut self, _shell: &mut Shell<Self>) {
        self.record("rest");
    }

    fn deadline(&self) -> Option<Duration> {
        self.world.borrow().process_deadline
    }

    fn configure(&mut self, config: Box<Config>, _servers: VirtualServers, _shell: &mut Shell<Self>) -> io::Result<()> {
        self.record(format!("configure {}", config.global.router_id));
        self.machines.system = System::new(String::new(), config.global);
        Ok(())
    }

    fn checkpoint(&mut self) -> Count {
        self.record("checkpoint");
        Count(self.count)
    }

    fn last_checkpoint(&mut self) -> Count {
        self.record("last checkpoint");
        Count(1000 + self.count)
    }

    fn keep_still(&mut self) {
        self.record("keeps still");
    }

    fn resume(&mut self, _shell: &mut Shell<Self>) {
        self.record("resumes");
    }

    fn held(&self) -> Names {
        self.record("held");
        Names(vec![self.name()])
    }

    fn stop(&mut self, _shell: &mut Shell<Self>) {
        self.record("stop");
        self.count += 1;
        self.machines.pending.push("stopping");
    }

    fn is_released(&self) -> bool {
        self.world.borrow().released
    }

    fn end(self, released: bool, _log: &Log) -> bool {
        self.record(format!("end {released}"));
        released
    }
}

struct FakeView(Shared);

impl View<Machines> for FakeView {
    fn show(&mut self, change: &&'static str, _machines: &Machines, _now: Duration) {
        let mut world = self.0.borrow_mut();
        for message in world.sent_to_parent() {
            world.record(format!("parent has {message}"));
        }
        world.record(format!("view {change}"));
    }

    fn configure(&mut self, global: Option<&Global>) {
        self.0.borrow_mut().record(format!("view configured {}", global.unwrap().router_id));
    }

    fn finish(self: Box<Self>, time: FinishLimits) {
        let FinishLimits { scripts, others } = time;
        self.0.borrow_mut().record(format!("view finishes: {scripts:?} for scripts, {others:?} for others"));
    }
}

/// Creates another subagent for each router_id that begins with "to_", and none for "off".
struct FakeAgents {
    world: Shared,
    agent: Option<String>,
}

impl Agents<Machines> for FakeAgents {
    fn follow(&mut self, global: &Global, _log: &Log) -> Option<Next<Machines>> {
        let wanted = match global.router_id.as_str() {
            "off" => None,
            id if id.starts_with("to_") => Some(format!("agent {id}")),
            _ => Some("agent".to_owned()),
        };
        if self.agent == wanted {
            return None;
        }
        self.agent.clone_from(&wanted);
        Some(Next(wanted.map(|name| Box::new(FakeAgent(Rc::clone(&self.world), name)) as _)))
    }

    fn dropped(&mut self) {
        self.world.borrow_mut().record("agent dropped");
        self.agent = None;
    }
}

struct FakeAgent(Shared, String);

impl View<Machines> for FakeAgent {
    fn show(&mut self, change: &&'static str, _machines: &Machines, _now: Duration) {
        let text = format!("{} shows {change}", self.1);
        self.0.borrow_mut().record(text);
    }
}

impl Subagent<Machines> for FakeAgent {
    fn has_token(&self, token: Token) -> bool {
        token == AGENT
    }

    fn turn(&mut self, machines: &mut Machines, _now: Duration, _reactor: &Reactor, _log: &Log) -> bool {
        let mut world = self.0.borrow_mut();
        world.record(&self.1);
        let takes = world.agent_takes;
        world.now += takes;
        let sets = world.agent_sets.take();
        machines.pending.extend(sets);
        sets.is_some()
    }

    fn numbers(&self) -> Option<Snmp> {
        None
    }

    fn notify(&mut self, news: News, _machines: &Machines, _now: Duration) {
        let text = format!("{} notifies {news:?}", self.1);
        self.0.borrow_mut().record(text);
    }

    fn deadline(&self) -> Option<Duration> {
        self.0.borrow().agent_deadline
    }

    fn close(&mut self, _now: Duration, deadline: Duration) {
        let text = format!("{} closes by {deadline:?}", self.1);
        self.0.borrow_mut().record(text);
    }

    fn is_closed(&self) -> bool {
        self.0.borrow().agent_closed
    }
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
    pub(super) fn parent(&mut self) -> Channel {
        self.world.borrow_mut().parent.take().unwrap()
    }

    pub(super) fn give_back_parent(&mut self, parent: Channel) {
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
