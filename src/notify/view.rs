//! The views as a list: each is given each change once, by [`tell`].

use std::time::Duration;

use super::log::{Level, Log};
use super::mail::{Alert, Mailer};
use super::scripts::{Origin, Runners};
use crate::config::model::Global;
use crate::reactor::Program;

/// Machines whose changes are told, and what each view is to make of a change.
pub trait Reporter {
    /// An entry of what they leave for the views.
    type Change;

    /// Whether a change is left to a line that counts it with others: a tracker flaps.
    fn is_counted(_change: &Self::Change) -> bool {
        false
    }

    /// Whether a change is news. The state in which a replacement of a process goes on is none: its predecessor has
    /// told it, and only the log says that it is so again.
    fn is_news(_change: &Self::Change) -> bool {
        true
    }

    /// The line of the log, or several.
    fn line(&self, change: &Self::Change) -> (Level, String);

    /// The scripts that the change calls for, in the order to start them.
    fn scripts(&self, _change: &Self::Change) -> (Origin, Vec<Program>) {
        (Origin::Transitions, Vec::new())
    }

    /// The mail about it, if there is one.
    fn mail(&self, _change: &Self::Change) -> Option<Alert> {
        None
    }
}

/// A view of the changes of machines. None of its functions but [`View::finish`] may wait.
pub trait View<M: Reporter> {
    /// Whether it shows also what is no news.
    fn shows_all(&self) -> bool {
        false
    }

    /// Shows a change that has just happened. Rows may have changed again since.
    fn show(&mut self, change: &M::Change, machines: &M, now: Duration);

    /// Goes by another configuration from now on.
    fn configure(&mut self, _global: Option<&Global>) {}

    /// Delivers what waits, within its time.
    fn finish(self: Box<Self>, _time: LastWords) {}
}

/// How long views may take at the end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastWords {
    /// For scripts: they may still run.
    pub scripts: Duration,
    /// For any other view.
    pub others: Duration,
}

/// Tells each change to each view, in the order of both.
pub fn tell<M: Reporter>(changes: &[M::Change], machines: &M, now: Duration, views: &mut [&mut dyn View<M>]) {
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
            self.write(level, line);
        }
    }
}

impl<M: Reporter> View<M> for Runners {
    fn show(&mut self, change: &M::Change, machines: &M, _now: Duration) {
        let (origin, programs) = machines.scripts(change);
        programs.into_iter().for_each(|program| self.submit(origin, program));
    }

    fn finish(self: Box<Self>, time: LastWords) {
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

    fn finish(self: Box<Self>, time: LastWords) {
        Mailer::finish(*self, time.others);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::log;

    /// Machines with numbers as changes, of which odd ones are no news.
    struct Numbers;

    impl Reporter for Numbers {
        type Change = u32;

        fn is_news(change: &u32) -> bool {
            change.is_multiple_of(2)
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
    fn each_view_is_given_each_change_once_and_what_is_no_news_is_only_logged() {
        let (mut log, lines) = log::keep();
        let (mut first, mut second) = (Other::default(), Other::default());
        let now = Duration::from_secs(7);
        tell(&[2, 3, 4], &Numbers, now, &mut [&mut log, &mut first, &mut second]);
        let logged: Vec<String> = lines.take().into_iter().map(|(_, line)| line).collect();
        assert_eq!(logged, ["now 2", "now 3", "now 4"]);
        assert_eq!(first.0, [(2, now), (4, now)]);
        assert_eq!(second.0, first.0);
    }
}
