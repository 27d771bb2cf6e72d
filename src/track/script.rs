//! `vrrp_script`: the schedule of its runs and the evaluation of their results.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reading::Reading;
use super::row::Row;
use crate::config::model::{TrackScript, TrackerKind};

/// How a run of a script ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScriptEnd {
    /// It exited with this status.
    Exited(i32),
    /// A signal with this number killed it.
    Signalled(i32),
    /// It exceeded its timeout.
    TimedOut,
    /// It could not be started, with this error.
    NotStarted(String),
}

impl ScriptEnd {
    /// Whether the run succeeded: exit status 0.
    pub fn is_success(&self) -> bool {
        *self == ScriptEnd::Exited(0)
    }
}

/// What the end of a run has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The result differs from the result of the previous run.
    pub other_result: bool,
    /// The reading has changed.
    pub changed: bool,
}

/// A row of vrrpScriptTable.
#[derive(Clone, Debug)]
pub struct Script {
    /// The `vrrp_script` block.
    pub config: TrackScript,
    /// The present verdict, after `rise` and `fall`.
    pub reading: Reading,
    /// No run has ended yet; until then the reading is down with `init_fail`, otherwise unknown.
    pub initial: bool,
    /// Consecutive results against the present verdict, up to `rise` or `fall`.
    pub count: u32,
    /// How the last run ended.
    pub last: Option<ScriptEnd>,
    /// Number of runs started.
    pub runs: u64,
    /// Start of the current run, if the script runs.
    pub running: Option<Duration>,
    /// Time at which the next run is due.
    pub due: Duration,
}

impl Row for Script {
    type Config = TrackScript;
    const KIND: TrackerKind = TrackerKind::Script;

    fn name_of(config: &TrackScript) -> &str {
        &config.name
    }

    fn new(config: TrackScript) -> Script {
        Script {
            reading: if config.init_fail { Reading::Down } else { Reading::Unknown },
            initial: true,
            count: 0,
            last: None,
            runs: 0,
            running: None,
            due: Duration::ZERO,
            config,
        }
    }

    /// Keeps the reading: with a changed command, the old command's result counts until the new one has a result.
    fn reconfigure(&mut self, config: TrackScript) {
        self.config = config;
    }

    fn config(&self) -> &TrackScript {
        &self.config
    }

    fn reading(&self) -> Reading {
        self.reading
    }
}

impl Script {
    /// Starts the run that is due. Returns false when the previous run has not ended; this run is then skipped.
    pub fn start_run(&mut self, now: Duration) -> bool {
        // Runs keep the rhythm of the first run; missed runs are skipped.
        let interval = self.config.interval;
        let next = self.due.saturating_add(interval);
        self.due = if next > now { next } else { now.saturating_add(interval) };
        if self.running.is_some() {
            return false;
        }
        self.running = Some(now);
        self.runs = self.runs.saturating_add(1);
        true
    }

    /// Cancels a run that the system could not start because it ran out of processes or memory: no result.
    pub fn postponed(&mut self) {
        self.running = None;
    }

    /// Takes the result of a run. The first result counts at once, later ones after `rise` successes or `fall` failures.
    pub fn ended(&mut self, end: ScriptEnd) -> Outcome {
        self.running = None;
        let success = end.is_success();
        let first = std::mem::take(&mut self.initial);
        let before = self.last.replace(end);
        let other_result = before != self.last && !(before.is_none() && success);
        let wanted = Reading::of(success);
        if self.reading == wanted {
            self.count = 0;
            // The first result of a script with `init_fail`, until which an instance may wait.
            return Outcome { other_result, changed: first };
        }
        self.count = self.count.saturating_add(1);
        let needed = if success { self.config.rise } else { self.config.fall };
        if !first && self.count < needed {
            return Outcome { other_result, changed: false };
        }
        self.count = 0;
        self.reading = wanted;
        Outcome { other_result, changed: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model;
    use crate::track::tests::script;

    fn row(change: impl FnOnce(&mut TrackScript)) -> Script {
        let mut config = script("s");
        change(&mut config);
        Script::new(config)
    }

    fn feed(row: &mut Script, results: &[i32]) -> Vec<Reading> {
        let end = |status: &i32| {
            row.ended(ScriptEnd::Exited(*status));
            row.reading
        };
        results.iter().map(end).collect()
    }

    #[test]
    fn rise_and_fall() {
        use Reading::{Down, Up};
        let mut of_three = row(|config| (config.rise, config.fall) = (3, 2));
        // The first result counts at once; a success between failures resets the count.
        assert_eq!(
            feed(&mut of_three, &[0, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0]),
            [Up, Up, Up, Up, Down, Down, Down, Down, Down, Down, Up]
        );
        let mut fails_first = row(|config| config.rise = 2);
        assert_eq!(feed(&mut fails_first, &[1, 0, 0]), [Down, Down, Up]);
    }

    #[test]
    fn init_fail_is_down_until_the_first_result() {
        let mut row = row(|config| (config.init_fail, config.rise) = (true, 3));
        assert_eq!(row.reading, Reading::Down);
        let outcome = row.ended(ScriptEnd::Exited(0));
        assert_eq!((row.reading, outcome), (Reading::Up, Outcome { other_result: false, changed: true }));
    }

    #[test]
    fn only_status_0_is_a_success() {
        for end in [
            ScriptEnd::Exited(1),
            ScriptEnd::Exited(255),
            ScriptEnd::Signalled(15),
            ScriptEnd::TimedOut,
            ScriptEnd::NotStarted("no such file".into()),
        ] {
            let mut row = row(|_| {});
            assert!(row.ended(end.clone()).changed, "{end:?}");
            assert_eq!(row.reading, Reading::Down, "{end:?}");
        }
    }

    #[test]
    fn runs_do_not_overlap_and_keep_their_rhythm() {
        let ms = Duration::from_millis;
        let mut row = row(|config| config.interval = ms(500));
        row.due = ms(100);
        assert!(row.start_run(ms(101)));
        assert_eq!(row.due, ms(600));
        // The first run has not ended yet.
        assert!(!row.start_run(ms(600)));
        assert_eq!(row.due, ms(1100));
        row.ended(ScriptEnd::Exited(0));
        assert!(row.start_run(ms(1100)));
        // The machine was suspended for some seconds.
        row.ended(ScriptEnd::Exited(0));
        assert!(row.start_run(ms(9000)));
        assert_eq!((row.due, row.runs), (ms(9500), 3));
    }

    #[test]
    fn a_postponed_run_has_no_result() {
        let mut row = row(|_| {});
        assert!(row.start_run(Duration::ZERO));
        row.postponed();
        assert_eq!((row.reading, row.initial, row.last.clone()), (Reading::Unknown, true, None));
        assert!(row.start_run(model::TrackScript::clone(&row.config).interval));
    }

    #[test]
    fn a_changed_result_is_reported_once() {
        let mut row = row(|config| config.fall = 2);
        let reported: Vec<bool> =
            [0, 0, 1, 1, 2, 0].into_iter().map(|status| row.ended(ScriptEnd::Exited(status)).other_result).collect();
        assert_eq!(reported, [false, false, true, false, true, true]);
    }
}
