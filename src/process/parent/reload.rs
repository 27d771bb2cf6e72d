//! A reload: the file is read again, and the children get what it says now.

use std::io;
use std::sync::mpsc::{TryRecvError, channel};
use std::time::Duration;

use super::reading::Reading;
use super::{Awaited, Key, Parent};
use crate::notify::log::Level;
use crate::process::configuration::{self, Recorded};
use crate::process::ipc::Message;
use crate::process::role::Role;
use crate::process::systemd::Stage;
use crate::reactor::clock;

/// A configuration that takes longer to be read is told of.
const SLOW: Duration = Duration::from_secs(5);

impl Parent {
    /// Begins to read the file again.
    pub(super) fn reload(&mut self) {
        if self.stopping {
            return;
        }
        if let Some(reading) = &mut self.reading {
            reading.again = true;
            return;
        }
        self.systemd.tell(Stage::Reloading);
        // A start that is not complete yet remains one.
        self.awaited.get_or_insert(Awaited::Refusal);
        let (sender, outcome) = channel();
        let (options, waker) = (self.plan.options.clone(), self.waker.clone());
        let read = move || {
            // The parent may have ended meanwhile.
            let _ = sender.send(configuration::load(&options));
            waker.wake();
        };
        match std::thread::Builder::new().name("reload".into()).spawn(read) {
            Ok(_) => {
                self.reading = Some(Reading { outcome, again: false });
                self.timers.set(Key::SlowReload, clock::now() + SLOW);
            }
            Err(error) => {
                self.log.error(format_args!("Not reloaded: {error}"));
                self.tell_ready();
            }
        }
    }

    /// The file takes long to be read: that is worth a line.
    pub(super) fn reload_is_slow(&self) {
        self.log.warning(format_args!(
            "The configuration has been read for {} s and goes on being read: is a file server or a server of user \
             names away?",
            SLOW.as_secs()
        ));
    }

    /// Takes what the thread has read.
    pub(super) fn reading_turn(&mut self) {
        self.waker.clear();
        let outcome = self.reading.as_ref().map(|reading| reading.outcome.try_recv());
        let loaded = match outcome {
            None | Some(Err(TryRecvError::Empty)) => return,
            Some(Err(TryRecvError::Disconnected)) => Err(io::Error::other("the thread that reads it has ended")),
            Some(Ok(loaded)) => loaded,
        };
        let again = self.reading.take().is_some_and(|reading| reading.again);
        self.timers.clear(Key::SlowReload);
        if self.stopping {
            return;
        }
        if again {
            return self.reload();
        }
        self.apply(loaded);
        self.tell_ready();
    }

    /// A configuration with errors changes nothing; else each child gets the new one.
    fn apply(&mut self, loaded: io::Result<Recorded>) {
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) => return self.log.error(format_args!("Not reloaded: {error}")),
        };
        if let Some(why) = &loaded.unsteady {
            return self.log.error(format_args!(
                "Not reloaded: {why}; going on with the configuration that runs (write files elsewhere and rename them)"
            ));
        }
        configuration::tell(&loaded.diagnostics, &self.log);
        let Some((config, snapshot)) = loaded.config else {
            return self.log.error("Not reloaded: the configuration has errors; going on with the one that runs");
        };
        if let Some(setting) = self.plan.fixed.changed(&config.global) {
            return self.log.error(format_args!(
                "Not reloaded: {setting} cannot change while running; restart keepalived to change it"
            ));
        }
        // Those that run already are no reason to refuse what is better in other places.
        let faults = loaded.diagnostics.faults();
        if let Some(fault) = faults.difference(&self.plan.faults).next() {
            return self.log.error(format_args!(
                "Not reloaded: the configuration has a fault that the running one does not have: {fault}; going on with \
                 the one that runs"
            ));
        }
        self.plan.faults = faults;
        self.log.write(Level::Notice, "Reloading");
        if self.awaited != Some(Awaited::Startup) {
            self.awaited = Some(Awaited::Reload);
        }
        self.plan.snapshot = snapshot;
        self.plan.shown = loaded.shown;
        self.plan.child_wait = config.global.child_wait_time;
        for child in &mut self.children {
            child.ready = false;
            if let Err(error) = child.channel.send(&Message::Config(self.plan.snapshot.clone())) {
                self.log
                    .error(format_args!("The {} process does not take the configuration: {error}", child.role.name()));
            }
        }
        for role in Role::ALL {
            if role.is_wanted(&self.plan.options, &config) && !self.plan.roles.contains(&role) {
                self.plan.roles.push(role);
                self.deaths.push((role, 0));
                self.start_child(role);
            }
        }
    }
}
