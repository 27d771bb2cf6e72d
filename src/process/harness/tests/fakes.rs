//! Fakes of a process, a subagent and a view, which record the calls of the loop.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::super::agent::{Agents, Next, Subagent};
use super::super::shell::{Process, Shell};
use super::super::time::Pace;
use super::super::tokens::AGENT;
use super::records::{Count, Names};
use super::world::{Shared, ms};
use crate::config::VirtualServers;
use crate::config::model::{Config, Global};
use crate::notify::log::{Level, Log};
use crate::notify::view::{FinishLimits, Reporter, View};
use crate::reactor::{Reactor, Ready, Token};
use crate::status::Snmp;
use crate::system::{HasSystem, News, System};

/// Rows and machines.
pub(super) struct Machines {
    pub(super) system: System,
    pub(super) pending: Vec<&'static str>,
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
    pub(super) world: Shared,
    pub(super) machines: Machines,
    pub(super) count: u32,
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

pub(super) struct FakeView(pub(super) Shared);

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
pub(super) struct FakeAgents {
    pub(super) world: Shared,
    pub(super) agent: Option<String>,
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
