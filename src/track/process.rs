//! `vrrp_track_process`: the number of running processes that match a block.

use std::time::Duration;

use super::reading::Reading;
use super::row::Row;
use crate::config::model::{ParameterMatch, TrackProcess, TrackerKind};

/// Length to which the kernel cuts a process's short name (`comm`), in octets.
const COMM: usize = 15;

/// A row of vrrpProcessTable.
#[derive(Clone, Debug)]
pub struct Process {
    /// The `vrrp_track_process` block.
    pub config: TrackProcess,
    /// Number of matching processes; `None` before the first count.
    pub count: Option<u32>,
    /// Up while the number is between `quorum` and `quorum_max`; changes only after `fork_delay` or `terminate_delay`.
    pub reading: Reading,
    /// Time at which the delay ends and the reading follows the number; `None` when no change is pending.
    pub pending: Option<Duration>,
    /// The delay is `fork_delay`, not `terminate_delay`.
    pub forked: bool,
}

impl Process {
    /// Takes the present number of processes. Returns true when the reading has changed.
    pub fn counted(&mut self, count: u32, now: Duration) -> bool {
        let before = self.count.replace(count);
        let wanted = self.wanted(count);
        if self.reading == wanted {
            self.pending = None;
            return false;
        }
        let delay = match before {
            // The first count is not delayed.
            None => Duration::ZERO,
            Some(before) if count > before => self.config.fork_delay,
            Some(_) => self.config.terminate_delay,
        };
        if delay.is_zero() {
            return self.settle(wanted);
        }
        if self.pending.is_none() {
            self.pending = Some(now.saturating_add(delay));
            self.forked = before.is_some_and(|before| count > before);
        }
        false
    }

    /// Ends the delay once [`pending`](Process::pending) has passed. Returns true when the reading has changed.
    pub fn expire(&mut self, now: Duration) -> bool {
        if self.pending.is_none_or(|at| at > now) {
            return false;
        }
        let wanted = self.count.map_or(Reading::Unknown, |count| self.wanted(count));
        self.settle(wanted)
    }

    fn settle(&mut self, wanted: Reading) -> bool {
        self.pending = None;
        std::mem::replace(&mut self.reading, wanted) != wanted
    }

    fn wanted(&self, count: u32) -> Reading {
        let most = self.config.quorum_max.unwrap_or(u32::MAX);
        Reading::of((self.config.quorum..=most).contains(&count))
    }
}

impl Row for Process {
    type Config = TrackProcess;
    const KIND: TrackerKind = TrackerKind::Process;

    fn name_of(config: &TrackProcess) -> &str {
        &config.name
    }

    fn new(config: TrackProcess) -> Process {
        Process { config, count: None, reading: Reading::Unknown, pending: None, forked: false }
    }

    /// Applies changed limits at once, without a delay.
    fn reconfigure(&mut self, config: TrackProcess) {
        self.config = config;
        let wanted = self.count.map_or(Reading::Unknown, |count| self.wanted(count));
        self.settle(wanted);
    }

    fn config(&self) -> &TrackProcess {
        &self.config
    }

    fn reading(&self) -> Reading {
        self.reading
    }
}

/// Whether a process matches a block, by its short name or, if the block requires it, by its command line.
/// `line` returns the command line, program first; it is not called when the short name decides.
pub fn matches(config: &TrackProcess, comm: &[u8], line: impl FnOnce() -> Option<Vec<Vec<u8>>>) -> bool {
    if !config.full_command && config.parameters.is_none() {
        // A name longer than the kernel's limit never matches, as in C keepalived.
        return config.command.len() <= COMM && comm == config.command.as_bytes();
    }
    let Some(line) = line() else { return false };
    let Some((program, arguments)) = line.split_first() else { return false };
    if program != config.command.as_bytes() {
        return false;
    }
    let Some(wanted) = &config.parameters else { return true };
    let equal = |wanted: &[String], arguments: &[Vec<u8>]| {
        wanted.len() == arguments.len() && wanted.iter().zip(arguments).all(|(w, a)| w.as_bytes() == a)
    };
    match config.matching {
        ParameterMatch::Exact => equal(wanted, arguments),
        ParameterMatch::Partial => arguments.get(..wanted.len()).is_some_and(|first| equal(wanted, first)),
        ParameterMatch::Initial => {
            let Some((last, before)) = wanted.split_last() else { return true };
            let first = arguments.get(..before.len()).is_some_and(|first| equal(before, first));
            first && arguments.get(before.len()).is_some_and(|argument| argument.starts_with(last.as_bytes()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn processes_match_by_name_and_command_line() {
        use ParameterMatch::{Exact, Initial, Partial};
        type Case = (&'static str, Option<&'static str>, ParameterMatch, bool, &'static str, &'static str, bool);
        let cases: [Case; 21] = [
            // command, parameters, matching, full_command; short name, command line; matches
            ("gcproc", None, Exact, false, "gcproc", "/w/gcproc 300", true),
            ("/w/gcproc", None, Exact, false, "gcproc", "/w/gcproc 300", false),
            ("gc_a_long_process_name", None, Exact, false, "gc_a_long_proce", "/w/gc_a_long_process_name", false),
            ("gc_a_long_proce", None, Exact, false, "gc_a_long_proce", "/w/gc_a_long_process_name", true),
            ("gcproc", Some("300 0"), Exact, false, "gcproc", "/w/gcproc 300 0", false),
            ("gcproc", Some("300 0"), Exact, false, "gcproc", "gcproc 300 0", true),
            ("/w/gcproc", Some("300 0"), Exact, false, "gcproc", "/w/gcproc 300 0", true),
            ("/w/gcproc", Some("300 0"), Exact, false, "gcproc", "/w/gcproc 300 0 1", false),
            ("/w/gcproc", Some("300"), Partial, false, "gcproc", "/w/gcproc 300 0", true),
            ("/w/gcproc", Some("300"), Partial, false, "gcproc", "/w/gcproc 3000 0", false),
            ("/w/gcproc", Some("300"), Partial, false, "gcproc", "/w/gcproc 301", false),
            ("/w/gcproc", Some("300"), Partial, false, "gcproc", "/w/gcproc", false),
            ("/w/gcproc", Some("30"), Initial, false, "gcproc", "/w/gcproc 300", true),
            ("/w/gcproc", Some("300"), Initial, false, "gcproc", "/w/gcproc 3000 5", true),
            ("/w/gcproc", Some("300"), Initial, false, "gcproc", "/w/gcproc 301", false),
            ("/w/gcproc", Some("300"), Initial, false, "gcproc", "/w/gcproc", false),
            ("/w/gcproc", Some("x 30"), Initial, false, "gcproc", "/w/gcproc x 300", true),
            ("/w/gcproc", Some("x 30"), Initial, false, "gcproc", "/w/gcproc xx 300", false),
            ("/w/gcproc", None, Exact, true, "gcproc", "/w/gcproc 300 0", true),
            ("/w/gcproc", None, Exact, true, "gcproc", "gcproc 300 0", false),
            ("gcwrap.sh", None, Exact, false, "gcwrap.sh", "/bin/bash /w/gcwrap.sh 100", true),
        ];
        for (command, parameters, matching, full_command, comm, line, wanted) in cases {
            let mut config = TrackProcess::new("p", "p");
            config.command = command.to_owned();
            config.parameters = parameters.map(|text| text.split(' ').map(str::to_owned).collect());
            (config.matching, config.full_command) = (matching, full_command);
            let found = matches(&config, comm.as_bytes(), || Some(words(line)));
            assert_eq!(found, wanted, "{command} {parameters:?} {matching:?} {full_command}: {comm}, {line}");
        }
        let mut config = TrackProcess::new("p", "p");
        config.full_command = true;
        assert!(!matches(&config, b"p", || None), "the process has exited");
    }

    #[test]
    fn quorum_and_quorum_max() {
        let mut config = TrackProcess::new("p", "p");
        (config.quorum, config.quorum_max) = (2, Some(3));
        let mut row = Process::new(config);
        let mut read = |count| {
            row.counted(count, Duration::ZERO);
            row.reading
        };
        assert_eq!(
            [0, 1, 2, 3, 4, 2].map(&mut read).map(|reading| reading == Reading::Up),
            [false, false, true, true, false, true]
        );
        let mut config = TrackProcess::new("none", "none");
        (config.quorum, config.quorum_max) = (0, Some(0));
        let mut row = Process::new(config);
        assert!(row.counted(0, Duration::ZERO) && row.reading == Reading::Up);
        assert!(row.counted(1, Duration::ZERO) && row.reading == Reading::Down);
    }

    #[test]
    fn fork_delay_and_terminate_delay() {
        let at = Duration::from_millis;
        let mut config = TrackProcess::new("p", "p");
        (config.fork_delay, config.terminate_delay) = (at(2000), at(1500));
        let mut row = Process::new(config);
        assert!(row.counted(1, at(0)), "the first count is not delayed");
        // A process that returns within the delay causes no change.
        assert!(!row.counted(0, at(100)) && row.pending == Some(at(1600)));
        assert!(!row.counted(1, at(1000)) && row.pending.is_none());
        assert!(!row.counted(0, at(2000)));
        assert!(!row.expire(at(3499)));
        assert!(row.expire(at(3500)) && row.reading == Reading::Down);
        assert!(!row.counted(1, at(4000)) && row.pending == Some(at(6000)));
        // A further process does not restart the delay.
        assert!(!row.counted(2, at(5000)) && row.pending == Some(at(6000)));
        assert!(row.expire(at(6000)) && row.reading == Reading::Up);
    }
}
