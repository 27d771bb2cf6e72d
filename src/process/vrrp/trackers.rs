//! Sources of events about trackers: scripts, files, processes, links.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use super::configured_feed::ConfiguredFeed;
use crate::config::model::{Global, ReceiveBuffer, Script, TrackFile, TrackProcess};
use crate::kernel::{BeatEvent, ProcessEvent, ProcessWay, count_processes, poll_links};
use crate::net::{ChildEvent, Children, FileEvent, InitFiles, Key, Outcome, watch_files};
use crate::notify::log::Log;
use crate::process::context::Context;
use crate::reactor::{Interest, Program, Reactor, Token};
use crate::vrrp::{Event, Tables};

/// Shortest interval of log lines about postponed scripts.
const LOG_AGAIN: Duration = Duration::from_secs(60);

/// The tokens of the sources.
pub(super) struct Tokens {
    pub(super) children: Token,
    pub(super) files: Token,
    pub(super) processes: Token,
    pub(super) beats: Token,
}

/// Sources of events about trackers. Each runs only if there are trackers of its kind.
pub(super) struct TrackerSources {
    scripts: Token,
    children: Option<Children>,
    files: ConfiguredFeed<Vec<TrackFile>, FileEvent>,
    /// Treatment of `init_file` when files are watched next.
    init_files: InitFiles,
    processes: ConfiguredFeed<(Vec<TrackProcess>, ReceiveBuffer), ProcessEvent>,
    beats: ConfiguredFeed<Vec<String>, BeatEvent>,
    /// The way of counting processes, as last logged.
    logged_way: Option<ProcessWay>,
    /// Number of the current run of each script: results of older runs are ignored.
    runs: HashMap<u32, u64>,
    /// When it was last logged that scripts are postponed.
    postponement_logged: Option<Duration>,
}

impl TrackerSources {
    pub(super) fn new(tokens: Tokens, init_files: InitFiles) -> TrackerSources {
        TrackerSources {
            scripts: tokens.children,
            children: None,
            files: ConfiguredFeed::new(tokens.files),
            init_files,
            processes: ConfiguredFeed::new(tokens.processes),
            beats: ConfiguredFeed::new(tokens.beats),
            logged_way: None,
            runs: HashMap::new(),
            postponement_logged: None,
        }
    }

    /// Starts the sources that the trackers need, and stops the others.
    ///
    /// # Errors
    /// If the system is out of descriptors or threads.
    pub(super) fn follow(&mut self, tables: &Tables, reactor: &Reactor) -> io::Result<()> {
        if self.children.is_none() && tables.trackers.scripts.iter().next().is_some() {
            let children = Children::start().context("start the thread of programs")?;
            reactor.register(&children, self.scripts, Interest::READABLE)?;
            self.children = Some(children);
        }
        let init_files = std::mem::replace(&mut self.init_files, InitFiles::IfMissing);
        let files = tables.trackers.files.values().map(|tracker| tracker.row.config.clone()).collect();
        self.files.follow(files, reactor, |files: &Vec<TrackFile>| {
            let start = || watch_files(files, init_files).context("watch the files of track_file");
            (!files.is_empty()).then(start).transpose()
        })?;
        let kinds = tables.trackers.processes.values().map(|tracker| tracker.row.config.clone()).collect();
        let buffer = tables.system.global.as_ref().map(|global| global.process_monitor_buffer);
        let counted: (Vec<TrackProcess>, _) = (kinds, buffer.unwrap_or_default());
        self.processes.follow(counted, reactor, |(kinds, buffer)| {
            let start = || count_processes(kinds, *buffer).context("count the processes of track_process");
            (!kinds.is_empty()).then(start).transpose()
        })?;
        let polled = tables.links.polled().map(str::to_owned).collect();
        self.beats.follow(polled, reactor, |names: &Vec<String>| {
            let start = || poll_links(names.clone()).context("poll the links of linkbeat_interfaces");
            (!names.is_empty()).then(start).transpose()
        })
    }

    pub(super) fn run(&mut self, id: u32, script: &Script, limit: Duration, global: Option<&Global>) {
        let run = self.runs.entry(id).or_default();
        *run = run.wrapping_add(1);
        if let Some(children) = &self.children {
            children.run(key(id, *run), Program::new(script, global), limit);
        }
    }

    pub(super) fn cancel(&mut self, id: u32) {
        if let (Some(run), Some(children)) = (self.runs.remove(&id), &self.children) {
            children.cancel(key(id, run));
        }
    }

    /// The events since the last call.
    pub(super) fn events(&mut self, now: Duration, log: &Log) -> Vec<Event<'static>> {
        let mut ended = Vec::new();
        if let Some(children) = &self.children {
            children.events(&mut ended);
        }
        let mut events = Vec::new();
        for event in self.beats.events() {
            match event {
                BeatEvent::Link { name, up } => events.push(Event::LinkBeat { name, up }),
                BeatEvent::Failed { name, why } => {
                    // Without polling only the kernel's reports of the link count.
                    events.push(Event::LinkBeat { name: name.clone(), up: true });
                    log.warning(format_args!("Cannot poll the link of {name}: {why}"));
                }
            }
        }
        for ChildEvent { key, outcome } in ended {
            let Ok(id) = u32::try_from(key.id) else { continue };
            if self.runs.get(&id) == Some(&key.generation) {
                events.push(self.ended(id, outcome, now, log));
            }
        }
        for event in self.files.events() {
            match event {
                FileEvent::Number { name, number } => events.push(Event::FileRead { name, number }),
                FileEvent::Trouble { text, .. } => log.warning(format_args!("{text}")),
            }
        }
        for event in self.processes.events() {
            match event {
                ProcessEvent::Count { name, count } => events.push(Event::ProcessesCounted { name, count }),
                ProcessEvent::Way(way) => self.log_way(way, log),
            }
        }
        events
    }

    fn log_way(&mut self, way: ProcessWay, log: &Log) {
        if self.logged_way.as_ref() == Some(&way) {
            return;
        }
        match &way {
            ProcessWay::Connector => log.info(format_args!("Tracked processes are counted by events of the kernel")),
            ProcessWay::Polling(why) => {
                log.info(format_args!(
                    "Cannot receive process events from the kernel: {why}; tracked processes are counted once a second"
                ));
            }
        }
        self.logged_way = Some(way);
    }

    fn ended(&mut self, id: u32, outcome: Outcome, now: Duration, log: &Log) -> Event<'static> {
        match outcome.end() {
            Ok(end) => Event::ScriptEnded(id, end),
            Err(why) => {
                if self.postponement_logged.is_none_or(|logged| now >= logged.saturating_add(LOG_AGAIN)) {
                    self.postponement_logged = Some(now);
                    log.error(format_args!("Tracking scripts are postponed: {why}"));
                }
                Event::ScriptPostponed(id)
            }
        }
    }
}

fn key(id: u32, generation: u64) -> Key {
    Key { id: id.into(), generation }
}
