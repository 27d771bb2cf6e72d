//! The event loop of a child.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::agent::{Agents, Leaving, Subagent};
use super::orders::{Order, Orders};
use super::shell::{Key, Process, Shell};
use super::stopping::{CLEAN_UP_LIMIT, NOTIFY_LIMIT, time_for_scripts};
use super::tokens::ORDERS;
use crate::config::VirtualServers;
use crate::config::model::{Config, Dumps, Global};
use crate::notify::dump::{self, Dump, DumpFile, Setting};
use crate::notify::view::{FinishLimits, View, show_changes};
use crate::process::context::Context;
use crate::process::ipc::Channel;
use crate::process::pidfile::PidFile;
use crate::process::record_file::RecordFile;
use crate::reactor::{Ready, Signals};
use crate::status::Clock;
use crate::system::HasSystem;

/// The parts of a loop.
pub(in crate::process) struct Parts<P: Process> {
    pub(in crate::process) process: P,
    pub(in crate::process) shell: Shell<P>,
    pub(in crate::process) signals: Signals,
    /// Channel to the parent.
    pub(in crate::process) channel: Channel,
    /// Source of its subagents, if it may have any.
    pub(in crate::process) agents: Option<Box<dyn Agents<P::Machines>>>,
    /// Views in addition to the log and the subagent.
    pub(in crate::process) views: Vec<Box<dyn View<P::Machines>>>,
    /// File of the held state, if the process adds entries to the kernel.
    pub(in crate::process) held: Option<RecordFile<P::Held>>,
    /// The process only removes the entries that a predecessor has left in the kernel.
    pub(in crate::process) clean_up: bool,
    /// What the dumps depend on besides the rows.
    pub(in crate::process) dumps: Setting,
    /// The locked pid file.
    pub(in crate::process) pid_file: Option<PidFile>,
}

/// A process with its event loop.
pub(in crate::process) struct Harness<P: Process> {
    pub(super) process: P,
    pub(super) shell: Shell<P>,
    pub(super) orders: Orders,
    pub(super) agents: Option<Box<dyn Agents<P::Machines>>>,
    /// The current subagent; `None` without SNMP.
    pub(super) agent: Option<Box<dyn Subagent<P::Machines>>>,
    /// Subagents of earlier configurations that are closing their sessions.
    pub(super) leaving: Vec<Leaving<P::Machines>>,
    views: Vec<Box<dyn View<P::Machines>>>,
    /// Writes the dumps.
    writer: dump::Writer,
    /// What the dumps depend on besides the rows.
    dumps: Setting,
    pub(super) held: Option<RecordFile<P::Held>>,
    /// The checkpoint last sent to the parent.
    pub(super) checkpoint: Option<P::Checkpoint>,
    pub(super) clean_up: bool,
    /// Number of reloads so far.
    reloads: u32,
    /// When the stop began.
    stopped_at: Duration,
    pub(super) pid_file: Option<PidFile>,
    /// The process has kept still, so its timers are late for a known reason.
    pub(super) kept_still: bool,
}

impl<P: Process> Harness<P> {
    pub(in crate::process) fn new(parts: Parts<P>) -> io::Result<Harness<P>> {
        let Parts { process, shell, signals, channel, agents, mut views, held, clean_up, dumps, pid_file } = parts;
        let orders = Orders::new(signals, channel, &shell.reactor, ORDERS).context("listen to the parent process")?;
        let writer = dump::Writer::start(shell.log.clone()).context("start the thread of dump files")?;
        views.insert(0, Box::new(shell.log.clone()));
        let stopped_at = Duration::ZERO;
        let mut harness = Harness {
            process,
            shell,
            orders,
            agents,
            agent: None,
            leaving: Vec::new(),
            views,
            writer,
            dumps,
            held,
            checkpoint: None,
            clean_up,
            reloads: 0,
            stopped_at,
            pid_file,
            kept_still: false,
        };
        harness.follow_agents();
        Ok(harness)
    }

    /// Runs until the process has stopped.
    ///
    /// # Errors
    /// If a required source fails, or if entries are left in the kernel after the stop.
    pub(in crate::process) fn run(mut self) -> io::Result<()> {
        self.start()?;
        let mut ready = Vec::new();
        while !self.shell.stopping.is_done() {
            self.turn(&mut ready)?;
        }
        self.end()
    }

    pub(super) fn start(&mut self) -> io::Result<()> {
        if !self.clean_up {
            self.orders.save_indices(&self.process.indices(), &self.shell.log);
        }
        self.process.start(self.clean_up, &mut self.shell)?;
        self.process.settle(&mut self.shell);
        if self.clean_up {
            self.stop(CLEAN_UP_LIMIT);
        }
        self.orders.report_ready();
        Ok(())
    }

    /// One turn, in the order described in the [harness](super).
    pub(super) fn turn(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
        let busy = self.shell.wait(self.deadline(), ready)?;
        let (mut ordered, mut agent_ready) = (self.orders.are_waiting(), false);
        let (agent, leaving) = (self.agent.as_deref(), &self.leaving);
        ready.retain(|source| {
            let of_agent = agent.is_some_and(|agent| agent.has_token(source.token))
                || leaving.iter().any(|leaving| leaving.agent.has_token(source.token));
            agent_ready |= of_agent;
            ordered |= source.token == ORDERS;
            !of_agent && source.token != ORDERS
        });
        let only_agent = agent_ready && ready.is_empty() && !ordered && !busy && !self.shell.is_stopping();
        if only_agent && self.own_deadline().is_none_or(|due| due > self.shell.turn()) {
            // The rest of a turn costs more than an answer, and managers read thousands of objects.
            self.agent_turn(true);
            return Ok(());
        }
        self.process.receive(ready, &mut self.shell)?;
        self.timers_turn();
        self.process.settle(&mut self.shell);
        if ordered {
            self.handle_orders()?;
        }
        self.process.work(ready, &mut self.shell)?;
        self.process.settle(&mut self.shell);
        self.requests_turn();
        self.update_views();
        self.process.rest(&mut self.shell);
        self.agent_turn(agent_ready);
        self.stopping_turn();
        Ok(())
    }

    /// When the next turn is due if no source is ready before.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let agent = self.agent.as_ref().and_then(|agent| agent.deadline());
        self.own_deadline().into_iter().chain(agent).min()
    }

    /// The same without the present subagent.
    fn own_deadline(&self) -> Option<Duration> {
        let leaving = self.leaving.iter().map(Leaving::deadline).min();
        let shell = &self.shell;
        let deadlines = [shell.next_timer(), self.process.deadline(), leaving, shell.stopping.deadline()];
        deadlines.into_iter().flatten().min()
    }

    fn timers_turn(&mut self) {
        let now = self.shell.now();
        let excused = std::mem::take(&mut self.kept_still);
        if let Some(due) = self.shell.next_timer().filter(|due| *due <= now && !excused) {
            let late = now.saturating_sub(due);
            self.shell.meter.record(late, now);
            self.shell.auto_priority.note(late, &self.shell.log);
        }
        for _ in 0..P::PACE.timers() {
            let Some(key) = self.shell.timers.pop_due(now) else { break };
            match key {
                Key::Process(timer) => self.process.timer(timer, now, &mut self.shell),
                Key::Checkpoint => self.save_checkpoint(),
                Key::Held => self.save_held(),
            }
        }
    }

    /// Sends the checkpoint, reconciles the kernel, and has the views show the changes. The checkpoint comes first: a
    /// replacement must know of every change that a view has shown.
    pub(super) fn update_views(&mut self) {
        let changed = std::mem::take(&mut self.shell.save) || !self.shell.changes.is_empty();
        let at_once = std::mem::take(&mut self.shell.save_at_once);
        if at_once || (changed && P::CHECKPOINT_DELAY.is_zero()) {
            self.save_checkpoint();
        } else if changed {
            self.arm(Key::Checkpoint, P::CHECKPOINT_DELAY);
        }
        self.process.reconcile(changed || at_once, &mut self.shell);
        if std::mem::take(&mut self.shell.held_changed) {
            if P::HELD_DELAY.is_zero() {
                self.save_held();
            } else {
                self.arm(Key::Held, P::HELD_DELAY);
            }
        }
        let (changes, now) = (std::mem::take(&mut self.shell.changes), self.shell.now());
        if changes.is_empty() {
            return;
        }
        let mut views: Vec<&mut dyn View<P::Machines>> = Vec::new();
        for view in &mut self.views {
            views.push(view.as_mut());
        }
        if let Some(agent) = &mut self.agent {
            views.push(agent.as_mut());
        }
        show_changes(&changes, self.process.machines(), now, &mut views);
    }

    /// Sets a timer unless it is set: it covers all changes until it is due.
    fn arm(&mut self, key: Key<P::Timer>, delay: Duration) {
        if self.shell.timers.deadline(key).is_none() {
            let at = self.shell.now() + delay;
            self.shell.timers.set(key, at);
        }
    }

    pub(super) fn save_checkpoint(&mut self) {
        let checkpoint = self.process.checkpoint();
        if self.checkpoint.as_ref() != Some(&checkpoint) {
            self.orders.save_checkpoint(&checkpoint, &self.shell.log);
            self.checkpoint = Some(checkpoint);
        }
    }

    pub(super) fn save_held(&mut self) {
        if let Some(kept) = &mut self.held {
            kept.save(&self.process.held());
        }
    }

    /// Changes to the subagent of the new configuration, or passes the configuration to the one that stays. An old subagent
    /// delivers its notifications before it closes.
    pub(super) fn follow_agents(&mut self) {
        let (Some(agents), Some(global)) = (&mut self.agents, &self.process.machines().system().global) else { return };
        let Some(next) = agents.follow(global, &self.shell.log) else {
            self.agent.iter_mut().for_each(|agent| agent.configure(Some(global)));
            return;
        };
        if let Some(old) = std::mem::replace(&mut self.agent, next.0) {
            self.leaving.push(Leaving::new(old, self.shell.now(), NOTIFY_LIMIT));
        }
    }

    fn agent_turn(&mut self, ready: bool) {
        let now = self.shell.now();
        for leaving in &mut self.leaving {
            if ready || leaving.deadline() <= now {
                leaving.agent.turn(self.process.machines_mut(), now, &self.shell.reactor, &self.shell.log);
            }
        }
        self.leaving.retain(|leaving| !leaving.is_over(now));
        let Some(agent) = &mut self.agent else { return };
        let due = ready || agent.deadline().is_some_and(|at| at <= now);
        if due && agent.turn(self.process.machines_mut(), now, &self.shell.reactor, &self.shell.log) {
            self.process.settle(&mut self.shell);
        }
    }

    fn handle_orders(&mut self) -> io::Result<()> {
        for order in self.orders.read(&self.shell.log)? {
            match order {
                Order::Stop => self.stop(P::STOP_LIMIT),
                Order::Dump(what) => self.dump(what),
                Order::Status(number) => {
                    let clock = Clock::new(self.shell.now(), SystemTime::now());
                    let snmp = self.agent.as_ref().and_then(|agent| agent.numbers());
                    if let Some(part) = self.process.status(clock) {
                        self.orders.send_status(number, &(part, snmp), &self.shell.log);
                    }
                }
                Order::Command(number, command) => {
                    let result = self.process.command(command, &mut self.shell);
                    self.process.settle(&mut self.shell);
                    self.update_views();
                    self.orders.send_result(number, &result, &self.shell.log);
                }
                Order::HandOver(limit) => self.hand_over(limit),
                Order::ReportLateness => {
                    let late = self.shell.meter.last_minute(self.shell.now());
                    self.orders.send_lateness(late);
                }
                Order::Learn(daemon, news) => {
                    self.process.learn(daemon, &mut self.shell);
                    self.process.settle(&mut self.shell);
                    let (machines, now) = (self.process.machines(), self.shell.now());
                    if !news.is_empty() {
                        self.orders.report_learnt();
                    }
                    for news in news {
                        if let Some(agent) = &mut self.agent {
                            agent.notify(news, machines, now);
                        }
                        self.views.iter_mut().for_each(|view| view.news(news, machines, now));
                    }
                }
                Order::Connect(listener, link) => self.process.connect(listener, link, &mut self.shell)?,
                Order::Configure(..) if self.shell.is_stopping() => {}
                Order::Configure(config, servers) => self.configure(config, servers)?,
            }
        }
        Ok(())
    }

    fn dump(&mut self, what: Dump) {
        let clock = Clock::new(self.shell.now(), SystemTime::now());
        if let Some((file, text)) = self.process.dump(what, clock, &self.dumps) {
            self.writer.write(self.dump_path(file), text);
        }
    }

    /// Does what the process has requested for its callers.
    fn requests_turn(&mut self) {
        for what in std::mem::take(&mut self.shell.dumps) {
            self.dump(what);
        }
        if std::mem::take(&mut self.shell.wants_reload) {
            self.orders.want_reload();
        }
    }

    fn dump_path(&self, file: DumpFile) -> PathBuf {
        let global = self.process.machines().system().global.as_ref();
        file.path(&global.map_or_else(Dumps::default, |global| global.dumps.clone()), &self.dumps.daemon)
    }

    /// Writes a dump of data around a reload (`config_save_dir`).
    fn save_data(&mut self, directory: Option<&str>, when: &str) {
        let Some(directory) = directory else { return };
        let clock = Clock::new(self.shell.now(), SystemTime::now());
        if let Some((file, text)) = self.process.dump(Dump::Data, clock, &self.dumps) {
            let name = file.saved(std::process::id(), self.reloads, when);
            self.writer.save(Path::new(directory).join(name), text);
        }
    }

    fn configure(&mut self, config: Box<Config>, servers: VirtualServers) -> io::Result<()> {
        let directory = config.global.dumps.config_save_dir.clone();
        self.reloads = self.reloads.saturating_add(1);
        self.save_data(directory.as_deref(), "pre");
        self.process.configure(config, servers, &mut self.shell)?;
        self.save_data(directory.as_deref(), "post");
        self.orders.save_indices(&self.process.indices(), &self.shell.log);
        let global = self.process.machines().system().global.as_ref();
        self.views.iter_mut().for_each(|view| view.configure(global));
        self.views.iter_mut().for_each(|view| view.configured(self.process.machines()));
        self.follow_agents();
        self.process.settle(&mut self.shell);
        // Before the next event, with which the machines drop removed rows.
        self.shell.save();
        self.update_views();
        self.views.iter_mut().for_each(|view| view.reloaded(self.process.machines()));
        self.shell.log.info("The new configuration is in force");
        self.orders.report_ready();
        Ok(())
    }

    /// Begins the stop; the kernel has to remove the entries within `limit`.
    fn stop(&mut self, limit: Duration) {
        let now = self.shell.now();
        if !self.shell.stopping.begin(now + limit, &self.shell.log) {
            return;
        }
        self.stopped_at = now;
        self.process.stop(&mut self.shell);
        self.process.settle(&mut self.shell);
        self.update_views();
    }

    fn stopping_turn(&mut self) {
        let now = self.shell.now();
        let released = self.process.is_released();
        self.shell.stopping.turn(now, released, P::HOLDS, &mut self.agent, &self.shell.log);
    }

    /// Ends the process after the last turn.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.save_held();
        let Harness { process, shell, views, held, stopped_at, .. } = self;
        let global = process.machines().system().global.as_ref();
        let wait = global.map_or(NOTIFY_LIMIT, |global: &Global| global.child_wait_time);
        let clean = process.end(shell.stopping.has_released(), &shell.log);
        if let Some(kept) = held {
            kept.finish();
        }
        // Scripts come last, with the rest of the time.
        for view in views.into_iter().rev() {
            let scripts = time_for_scripts(stopped_at, shell.time.now(), wait);
            view.finish(FinishLimits { scripts, others: NOTIFY_LIMIT });
        }
        if clean { Ok(()) } else { Err(io::Error::other(format!("not all {} could be removed", P::HOLDS))) }
    }
}
