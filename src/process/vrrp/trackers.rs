//! What watches for the trackers: programs, files, processes.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use crate::config::model::{Global, Script, TrackFile, TrackProcess};
use crate::kernel::{BeatEvent, LinkBeat, ProcessEvent, ProcessWay, Processes, ReceiveBuffer};
use crate::net::{ChildEvent, Children, FileEvent, Files, Key, Occasion, Outcome};
use crate::notify::log::Log;
use crate::process::doing::Doing;
use crate::reactor::{Interest, Program, Reactor, Token};
use crate::vrrp::{Event, Tables};

/// That runs have to wait is told so often.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// The tokens of the sources.
pub(super) struct Tokens {
    pub(super) children: Token,
    pub(super) files: Token,
    pub(super) processes: Token,
    pub(super) beats: Token,
}

/// The sources of what trackers tell. None of them runs in a daemon that has no such trackers.
pub(super) struct Watches {
    tokens: Tokens,
    children: Option<Children>,
    files: Option<Files>,
    watched: Vec<TrackFile>,
    /// What files are watched for the first time upon.
    occasion: Occasion,
    processes: Option<Processes>,
    counted: (Vec<TrackProcess>, ReceiveBuffer),
    beats: Option<LinkBeat>,
    polled: Vec<String>,
    /// How processes are counted, as it was told last.
    told_way: Option<ProcessWay>,
    /// The present run of each script: an answer to an older one is none.
    runs: HashMap<u32, u64>,
    /// When it was last told that scripts have to wait.
    told_lack: Option<Duration>,
}

impl Watches {
    pub(super) fn new(tokens: Tokens, occasion: Occasion) -> Watches {
        Watches {
            tokens,
            children: None,
            files: None,
            watched: Vec::new(),
            occasion,
            processes: None,
            counted: Default::default(),
            beats: None,
            polled: Vec::new(),
            told_way: None,
            runs: HashMap::new(),
            told_lack: None,
        }
    }

    /// Starts what the present trackers need, and ends what they do not need any more.
    ///
    /// # Errors
    /// When the system has no descriptors or threads left.
    pub(super) fn follow(&mut self, tables: &Tables, reactor: &Reactor) -> io::Result<()> {
        if self.children.is_none() && tables.trackers.scripts.iter().next().is_some() {
            let children = Children::start().doing("start the thread of programs")?;
            reactor.register(&children, self.tokens.children, Interest::READABLE)?;
            self.children = Some(children);
        }
        self.follow_files(tables, reactor)?;
        self.follow_processes(tables, reactor)?;
        self.follow_beats(tables, reactor)
    }

    fn follow_beats(&mut self, tables: &Tables, reactor: &Reactor) -> io::Result<()> {
        let polled: Vec<String> = tables.links.polled().map(str::to_owned).collect();
        if polled == self.polled {
            return Ok(());
        }
        if let Some(beats) = self.beats.take() {
            reactor.deregister(&beats)?;
        }
        if !polled.is_empty() {
            let beats = LinkBeat::start(polled.clone()).doing("poll the links of linkbeat_interfaces")?;
            reactor.register(&beats, self.tokens.beats, Interest::READABLE)?;
            self.beats = Some(beats);
        }
        self.polled = polled;
        Ok(())
    }

    fn follow_files(&mut self, tables: &Tables, reactor: &Reactor) -> io::Result<()> {
        let files: Vec<TrackFile> =
            tables.trackers.files.iter().map(|(_, tracker)| tracker.row.config.clone()).collect();
        let occasion = std::mem::replace(&mut self.occasion, Occasion::Reload);
        if files == self.watched {
            return Ok(());
        }
        if let Some(files) = self.files.take() {
            reactor.deregister(&files)?;
        }
        if !files.is_empty() {
            let watch = Files::start(&files, occasion).doing("watch the files of track_file")?;
            reactor.register(&watch, self.tokens.files, Interest::READABLE)?;
            self.files = Some(watch);
        }
        self.watched = files;
        Ok(())
    }

    fn follow_processes(&mut self, tables: &Tables, reactor: &Reactor) -> io::Result<()> {
        let kinds = tables.trackers.processes.values().map(|tracker| tracker.row.config.clone()).collect();
        let buffer = tables.system.global.as_ref().map(|global| ReceiveBuffer {
            octets: global.process_monitor_rcv_bufs,
            force: global.process_monitor_rcv_bufs_force,
        });
        let wanted: (Vec<TrackProcess>, ReceiveBuffer) = (kinds, buffer.unwrap_or_default());
        if wanted == self.counted {
            return Ok(());
        }
        if let Some(processes) = self.processes.take() {
            reactor.deregister(&processes)?;
        }
        if !wanted.0.is_empty() {
            let processes = Processes::start(&wanted.0, wanted.1).doing("count the processes of track_process")?;
            reactor.register(&processes, self.tokens.processes, Interest::READABLE)?;
            self.processes = Some(processes);
        }
        self.counted = wanted;
        Ok(())
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

    /// What the sources have told since the last call.
    pub(super) fn events(&mut self, now: Duration, log: &Log) -> Vec<Event<'static>> {
        let (mut ended, mut read, mut counted) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(children) = &self.children {
            children.events(&mut ended);
        }
        if let Some(files) = &self.files {
            files.events(&mut read);
        }
        if let Some(processes) = &self.processes {
            processes.events(&mut counted);
        }
        let mut beats = Vec::new();
        if let Some(source) = &self.beats {
            source.events(&mut beats);
        }
        let mut events = Vec::new();
        for event in beats {
            match event {
                BeatEvent::Link { name, up } => events.push(Event::LinkBeat { name, up }),
                BeatEvent::Failed { name, why } => {
                    // The kernel's own reports count alone.
                    events.push(Event::LinkBeat { name: name.clone(), up: true });
                    log.warning(format_args!("The link of {name} cannot be polled: {why}"));
                }
            }
        }
        for ChildEvent { key, outcome } in ended {
            let Ok(id) = u32::try_from(key.id) else { continue };
            if self.runs.get(&id) == Some(&key.generation) {
                events.push(self.ended(id, outcome, now, log));
            }
        }
        for event in read {
            match event {
                FileEvent::Number { name, number } => events.push(Event::FileRead { name, number }),
                FileEvent::Trouble { text, .. } => log.warning(format_args!("{text}")),
            }
        }
        for event in counted {
            match event {
                ProcessEvent::Count { name, count } => events.push(Event::ProcessesCounted { name, count }),
                ProcessEvent::Way(way) => self.tell_way(way, log),
            }
        }
        events
    }

    fn tell_way(&mut self, way: ProcessWay, log: &Log) {
        if self.told_way.as_ref() == Some(&way) {
            return;
        }
        match &way {
            ProcessWay::Connector => log.info(format_args!("Tracked processes are counted by events of the kernel")),
            ProcessWay::Polling(why) => {
                log.info(format_args!(
                    "Tracked processes are counted once a second, as the kernel's events cannot be had: {why}"
                ));
            }
        }
        self.told_way = Some(way);
    }

    fn ended(&mut self, id: u32, outcome: Outcome, now: Duration, log: &Log) -> Event<'static> {
        match outcome.end() {
            Ok(end) => Event::ScriptEnded(id, end),
            Err(why) => {
                if self.told_lack.is_none_or(|told| now >= told.saturating_add(TELL_AGAIN)) {
                    self.told_lack = Some(now);
                    log.error(format_args!("Tracking scripts have to wait: {why}"));
                }
                Event::ScriptPostponed(id)
            }
        }
    }
}

fn key(id: u32, generation: u64) -> Key {
    Key { id: id.into(), generation }
}
