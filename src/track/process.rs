//! `vrrp_track_process`: how many processes of a kind run.

use std::time::Duration;

use super::reading::Reading;
use crate::config::model::{ParameterMatch, TrackProcess};

/// Octets of a process's short name that the kernel keeps.
const COMM: usize = 15;

/// A row of vrrpProcessTable.
#[derive(Clone, Debug)]
pub struct Process {
    /// What the file says.
    pub config: TrackProcess,
    /// How many run; nothing before the first look.
    pub count: Option<u32>,
    /// Their number is, or was until the delay is over, between quorum and quorum_max.
    pub reading: Reading,
    /// The reading that the number asks for, when its delay is over.
    pub pending: Option<Duration>,
}

impl Process {
    /// A row before the first look.
    pub fn new(config: TrackProcess) -> Process {
        Process { config, count: None, reading: Reading::Unknown, pending: None }
    }

    /// So many run now. True when the reading has changed.
    pub fn counted(&mut self, count: u32, now: Duration) -> bool {
        let before = self.count.replace(count);
        let wanted = self.wanted(count);
        if self.reading == wanted {
            self.pending = None;
            return false;
        }
        let delay = match before {
            // The first look is no change.
            None => Duration::ZERO,
            Some(before) if count > before => self.config.fork_delay,
            Some(_) => self.config.terminate_delay,
        };
        if delay.is_zero() {
            return self.settle(wanted);
        }
        self.pending.get_or_insert(now.saturating_add(delay));
        false
    }

    /// The time of [`pending`](Process::pending) has come. True when the reading has changed.
    pub fn expire(&mut self, now: Duration) -> bool {
        if self.pending.is_none_or(|at| at > now) {
            return false;
        }
        let wanted = self.count.map_or(Reading::Unknown, |count| self.wanted(count));
        self.settle(wanted)
    }

    /// After a reload with other limits. True when the reading has changed.
    pub fn reconsider(&mut self) -> bool {
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

/// Whether a process is of the kind: by its short name, or by its command line when that is to be compared.
/// `line` gives the command line, program first; it is not asked for when the short name decides.
pub fn matches(config: &TrackProcess, comm: &[u8], line: impl FnOnce() -> Option<Vec<Vec<u8>>>) -> bool {
    if !config.full_command && config.parameters.is_none() {
        // A longer name than the kernel keeps never matches, as in keepalived.
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
        ParameterMatch::Initial => arguments.get(..wanted.len()).is_some_and(|first| equal(wanted, first)),
        ParameterMatch::Partial => {
            let Some((last, before)) = wanted.split_last() else { return true };
            let first = arguments.get(..before.len()).is_some_and(|first| equal(before, first));
            first && arguments.get(before.len()).is_some_and(|argument| argument.starts_with(last.as_bytes()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::tests::process;

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn kinds_of_processes() {
        use ParameterMatch::{Exact, Initial, Partial};
        type Case = (&'static str, Option<&'static str>, ParameterMatch, bool, &'static str, &'static str, bool);
        let cases: [Case; 17] = [
            // command, parameters, matching, full_command; short name, command line; matches
            ("gcproc", None, Exact, false, "gcproc", "/w/gcproc 300", true),
            ("/w/gcproc", None, Exact, false, "gcproc", "/w/gcproc 300", false),
            ("gc_a_long_process_name", None, Exact, false, "gc_a_long_proce", "/w/gc_a_long_process_name", false),
            ("gc_a_long_proce", None, Exact, false, "gc_a_long_proce", "/w/gc_a_long_process_name", true),
            ("gcproc", Some("300 0"), Exact, false, "gcproc", "/w/gcproc 300 0", false),
            ("gcproc", Some("300 0"), Exact, false, "gcproc", "gcproc 300 0", true),
            ("/w/gcproc", Some("300 0"), Exact, false, "gcproc", "/w/gcproc 300 0", true),
            ("/w/gcproc", Some("300 0"), Exact, false, "gcproc", "/w/gcproc 300 0 1", false),
            ("/w/gcproc", Some("300"), Initial, false, "gcproc", "/w/gcproc 300 0", true),
            ("/w/gcproc", Some("300"), Initial, false, "gcproc", "/w/gcproc 301", false),
            ("/w/gcproc", Some("300"), Initial, false, "gcproc", "/w/gcproc", false),
            ("/w/gcproc", Some("30"), Partial, false, "gcproc", "/w/gcproc 300", true),
            ("/w/gcproc", Some("x 30"), Partial, false, "gcproc", "/w/gcproc x 300", true),
            ("/w/gcproc", Some("x 30"), Partial, false, "gcproc", "/w/gcproc xx 300", false),
            ("/w/gcproc", None, Exact, true, "gcproc", "/w/gcproc 300 0", true),
            ("/w/gcproc", None, Exact, true, "gcproc", "gcproc 300 0", false),
            ("gcwrap.sh", None, Exact, false, "gcwrap.sh", "/bin/bash /w/gcwrap.sh 100", true),
        ];
        for (command, parameters, matching, full_command, comm, line, wanted) in cases {
            let mut config = process("p");
            config.command = command.to_owned();
            config.parameters = parameters.map(|text| text.split(' ').map(str::to_owned).collect());
            (config.matching, config.full_command) = (matching, full_command);
            let found = matches(&config, comm.as_bytes(), || Some(words(line)));
            assert_eq!(found, wanted, "{command} {parameters:?} {matching:?} {full_command}: {comm}, {line}");
        }
        let mut config = process("p");
        config.full_command = true;
        assert!(!matches(&config, b"p", || None), "it has gone");
    }

    #[test]
    fn quorum_and_quorum_max() {
        let mut config = process("p");
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
        let mut config = process("none");
        (config.quorum, config.quorum_max) = (0, Some(0));
        let mut row = Process::new(config);
        assert!(row.counted(0, Duration::ZERO) && row.reading == Reading::Up);
        assert!(row.counted(1, Duration::ZERO) && row.reading == Reading::Down);
    }

    #[test]
    fn delays() {
        let at = Duration::from_millis;
        let mut config = process("p");
        (config.fork_delay, config.terminate_delay) = (at(2000), at(1500));
        let mut row = Process::new(config);
        assert!(row.counted(1, at(0)), "the first look counts at once");
        // A loss that is made good in time is none.
        assert!(!row.counted(0, at(100)) && row.pending == Some(at(1600)));
        assert!(!row.counted(1, at(1000)) && row.pending.is_none());
        assert!(!row.counted(0, at(2000)));
        assert!(!row.expire(at(3499)));
        assert!(row.expire(at(3500)) && row.reading == Reading::Down);
        assert!(!row.counted(1, at(4000)) && row.pending == Some(at(6000)));
        // Another gain does not put it off.
        assert!(!row.counted(2, at(5000)) && row.pending == Some(at(6000)));
        assert!(row.expire(at(6000)) && row.reading == Reading::Up);
    }
}
