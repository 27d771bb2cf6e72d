//! Views of changes: [`show_changes`] passes each change to each view once.

use std::time::Duration;

use super::log::{Level, Log, Object};
use super::mail::{Alert, Mailer};
use super::scripts::{Origin, Runners};
use crate::config::model::Global;
use crate::reactor::Program;
use crate::system::News;

/// State machines whose changes are shown, with the output for each view.
pub trait Reporter {
    /// A change of their state.
    type Change;

    /// Whether a change is only counted in a later log line, because a tracker flaps.
    fn is_counted(_change: &Self::Change) -> bool {
        false
    }

    /// Whether a change is news. The resumed state of a restarted process is not: the previous process reported it, and only the
    /// log shows it again.
    fn is_news(_change: &Self::Change) -> bool {
        true
    }

    /// The log lines.
    fn line(&self, change: &Self::Change) -> (Level, String);

    /// What the change is about, where that is known.
    fn object(&self, _change: &Self::Change) -> Option<Object> {
        None
    }

    /// The scripts to run for the change, in order.
    fn scripts(&self, _change: &Self::Change) -> (Origin, Vec<Program>) {
        (Origin::Transitions, Vec::new())
    }

    /// The line for the FIFOs, if there is one.
    fn fifo_line(&self, _change: &Self::Change) -> Option<String> {
        None
    }

    /// The lines for the FIFOs that tell all states after a reload.
    fn fifo_states(&self) -> Vec<String> {
        Vec::new()
    }

    /// The mail about the change, if there is one.
    fn mail(&self, _change: &Self::Change) -> Option<Alert> {
        None
    }
}

/// A view of the changes of state machines. Only [`View::finish`] may wait.
pub trait View<M: Reporter> {
    /// Whether it also shows changes that are not news.
    fn shows_all(&self) -> bool {
        false
    }

    /// Shows a change. The rows of `machines` may have changed again since.
    fn show(&mut self, change: &M::Change, machines: &M, now: Duration);

    /// Shows news about the daemon.
    fn news(&mut self, _news: News, _machines: &M, _now: Duration) {}

    /// Applies a new configuration.
    fn configure(&mut self, _global: Option<&Global>) {}

    /// The machines have a new configuration; changes that it causes are shown afterwards.
    fn configured(&mut self, _machines: &M) {}

    /// Shows the states after a reload, if it is to do so.
    fn reloaded(&mut self, _machines: &M) {}

    /// Delivers the waiting items, within its time limit.
    fn finish(self: Box<Self>, _time: FinishLimits) {}
}

/// Time limits of the views at the exit of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishLimits {
    /// For scripts, to end.
    pub scripts: Duration,
    /// For each other view.
    pub others: Duration,
}

/// Passes each change to each view, in the order of the changes and of the views.
pub fn show_changes<M: Reporter>(changes: &[M::Change], machines: &M, now: Duration, views: &mut [&mut dyn View<M>]) {
    for change in changes {
        let news = M::is_news(change);
        for view in views.iter_mut().filter(|view| news || view.shows_all()) {
            view.show(change, machines, now);
        }
    }
}

impl<M: Reporter> View<M> for Log {
    fn shows_all(&self) -> bool {
        true
    }

    fn show(&mut self, change: &M::Change, machines: &M, _now: Duration) {
        if !M::is_counted(change) {
            let (level, line) = machines.line(change);
            self.write_about(level, line, || machines.object(change));
        }
    }
}

impl<M: Reporter> View<M> for Runners {
    fn show(&mut self, change: &M::Change, machines: &M, _now: Duration) {
        let (origin, programs) = machines.scripts(change);
        programs.into_iter().for_each(|program| self.submit(origin, program));
    }

    fn finish(self: Box<Self>, time: FinishLimits) {
        Runners::finish(*self, time.scripts);
    }
}

impl<M: Reporter> View<M> for Mailer {
    fn show(&mut self, change: &M::Change, machines: &M, _now: Duration) {
        if let Some(alert) = machines.mail(change) {
            self.submit(alert);
        }
    }

    fn configure(&mut self, global: Option<&Global>) {
        Mailer::configure(self, global);
    }

    fn finish(self: Box<Self>, time: FinishLimits) {
        Mailer::finish(*self, time.others);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::log;

    /// Machines with numbers as changes: odd ones are not news, those from 10 are counted only.
    struct Numbers;

    impl Reporter for Numbers {
        type Change = u32;

        fn is_news(change: &u32) -> bool {
            change.is_multiple_of(2)
        }

        fn is_counted(change: &u32) -> bool {
            *change >= 10
        }

        fn line(&self, change: &u32) -> (Level, String) {
            (Level::Notice, format!("now {change}"))
        }
    }

    #[derive(Default)]
    struct Other(Vec<(u32, Duration)>);

    impl View<Numbers> for Other {
        fn show(&mut self, change: &u32, _machines: &Numbers, now: Duration) {
            self.0.push((*change, now));
        }
    }

    #[test]
    fn each_view_shows_each_change_once_and_other_than_news_is_only_logged() {
        let (mut log, lines) = log::keep();
        let (mut first, mut second) = (Other::default(), Other::default());
        let now = Duration::from_secs(7);
        show_changes(&[2, 3, 4, 10], &Numbers, now, &mut [&mut log, &mut first, &mut second]);
        let logged: Vec<String> = lines.take().into_iter().map(|(_, line)| line).collect();
        assert_eq!(logged, ["now 2", "now 3", "now 4"]);
        assert_eq!(first.0, [(2, now), (4, now), (10, now)]);
        assert_eq!(second.0, first.0);
    }
}
