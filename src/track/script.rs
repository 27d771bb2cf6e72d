//! `vrrp_script`: when it runs, and what its results mean.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reading::Reading;
use crate::config::model::TrackScript;

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScriptEnd {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal, with this number.
    Signalled(i32),
    /// It ran longer than it may.
    TimedOut,
    /// It could not be started, for this reason.
    NotStarted(String),
}

impl ScriptEnd {
    /// The end counts as a success.
    pub fn is_success(&self) -> bool {
        *self == ScriptEnd::Exited(0)
    }
}

/// What an event of a script has led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The result is another than that of the run before.
    pub other_result: bool,
    /// The reading has changed.
    pub changed: bool,
}

/// A row of vrrpScriptTable.
#[derive(Clone, Debug)]
pub struct Script {
    /// What the file says.
    pub config: TrackScript,
    /// The verdict so far.
    pub reading: Reading,
    /// No run has ended yet; with `init_fail` the reading is down meanwhile.
    pub initial: bool,
    /// Successes or failures towards the other verdict.
    pub count: u32,
    /// How the last run ended.
    pub last: Option<ScriptEnd>,
    /// Runs that were begun.
    pub runs: u64,
    /// Since when it runs.
    pub running: Option<Duration>,
    /// When the next run is due.
    pub due: Duration,
}

impl Script {
    /// A row before its first run.
    pub fn new(config: TrackScript) -> Script {
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

    /// The time of a run has come. True when it begins; one that still runs is not started again.
    pub fn begin(&mut self, now: Duration) -> bool {
        // In step with the first run; runs that are missed are not made up for.
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

    /// A run could not be started for want of processes or memory: no result.
    pub fn postponed(&mut self) {
        self.running = None;
    }

    /// A run has ended. The first result counts at once, later ones as `rise` and `fall` say.
    pub fn ended(&mut self, end: ScriptEnd) -> Outcome {
        self.running = None;
        let success = end.is_success();
        let first = std::mem::take(&mut self.initial);
        let before = self.last.replace(end);
        let other_result = before != self.last && !(before.is_none() && success);
        let wanted = Reading::of(success);
        if self.reading == wanted {
            self.count = 0;
            return Outcome { other_result, changed: false };
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
        // The first result counts at once; a success between failures begins the count anew.
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
    fn runs_do_not_overlap_and_keep_their_step() {
        let ms = Duration::from_millis;
        let mut row = row(|config| config.interval = ms(500));
        row.due = ms(100);
        assert!(row.begin(ms(101)));
        assert_eq!(row.due, ms(600));
        // It still runs.
        assert!(!row.begin(ms(600)));
        assert_eq!(row.due, ms(1100));
        row.ended(ScriptEnd::Exited(0));
        assert!(row.begin(ms(1100)));
        // The machine slept.
        row.ended(ScriptEnd::Exited(0));
        assert!(row.begin(ms(9000)));
        assert_eq!((row.due, row.runs), (ms(9500), 3));
    }

    #[test]
    fn a_postponed_run_is_no_result() {
        let mut row = row(|_| {});
        assert!(row.begin(Duration::ZERO));
        row.postponed();
        assert_eq!((row.reading, row.initial, row.last.clone()), (Reading::Unknown, true, None));
        assert!(row.begin(model::TrackScript::clone(&row.config).interval));
    }

    #[test]
    fn another_result_is_told_once() {
        let mut row = row(|config| config.fall = 2);
        let told: Vec<bool> =
            [0, 0, 1, 1, 2, 0].into_iter().map(|status| row.ended(ScriptEnd::Exited(status)).other_result).collect();
        assert_eq!(told, [false, false, true, false, true, true]);
    }
}
