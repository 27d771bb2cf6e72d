//! Reload: reads the configuration file again and sends the result to the children.

use std::io;
use std::sync::mpsc::{TryRecvError, channel};
use std::time::Duration;

use super::fifos::FifoKeeper;
use super::reading::Reading;
use super::reload_time::ReloadTime;
use super::serving::serving;
use super::sign::Sign;
use super::waiting::Refused;
use super::{Awaited, Key, Parent, RELOAD_TIME, Scripts};
use crate::config::Diagnostics;
use crate::control::Outcome;
use crate::notify::log::Level;
use crate::process::configuration::{self, Recorded};
use crate::process::context::because;
use crate::process::exit;
use crate::process::ipc::Message;
use crate::process::privileges::Needed;
use crate::process::role::Role;
use crate::process::systemd::Stage;
use crate::reactor::clock;
use crate::system::{News, Reload};

/// Reading that takes longer is logged.
const SLOW: Duration = Duration::from_secs(5);

impl Parent {
    /// Starts to read the configuration again.
    pub(super) fn reload(&mut self) {
        if self.stopping {
            return;
        }
        if let Some(reading) = &mut self.reading {
            reading.again = true;
            return;
        }
        self.waiting.begin();
        self.read_at = clock::now();
        self.systemd.notify(Stage::Reloading);
        // If the start is not complete yet, its completion is still awaited.
        self.awaited.get_or_insert(Awaited::Refusal);
        let (sender, outcome) = channel();
        let (options, directory, waker) = (self.plan.options.clone(), self.plan.directory.clone(), self.waker.clone());
        let (sign, log) = (self.plan.reload_file.clone(), self.log.clone());
        let read = move || {
            let sign = sign.and_then(|path| Sign::set(path, log));
            let entered = directory.as_deref().map_or(Ok(()), configuration::enter);
            let loaded = entered.and_then(|()| configuration::load(&options, directory.as_deref()));
            drop(sign);
            // The parent may have dropped the receiver meanwhile.
            let _ = sender.send(loaded);
            waker.wake();
        };
        match std::thread::Builder::new().name("reload".into()).spawn(read) {
            Ok(_) => {
                self.reading = Some(Reading { outcome, again: false });
                self.timers.set(Key::SlowReload, clock::now() + SLOW);
            }
            Err(error) => {
                self.refuse(Refused::new(format!(
                    "Cannot start the thread that reads the configuration: {}",
                    because(&error)
                )));
                self.report_ready();
            }
        }
    }

    /// Logs that reading takes long.
    pub(super) fn reload_is_slow(&self) {
        self.log.warning(format_args!(
            "Reading the configuration has taken {} s and continues; check that file servers and the servers of user names \
             respond",
            SLOW.as_secs()
        ));
    }

    /// Handles the result of the thread.
    pub(super) fn reading_turn(&mut self) {
        self.waker.clear();
        let outcome = self.reading.as_ref().map(|reading| reading.outcome.try_recv());
        let loaded = match outcome {
            None | Some(Err(TryRecvError::Empty)) => return,
            Some(Err(TryRecvError::Disconnected)) => {
                Err(io::Error::other("the thread that reads the configuration has failed"))
            }
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
        self.refusal = None;
        let now = clock::now();
        match self.apply(loaded) {
            Ok(diagnostics) => {
                self.annals.configured = self.read_at;
                self.annals.last_reload = Some(Reload { at: now, refused: None });
                self.tell(&[]);
                self.waiting.applied(&diagnostics);
            }
            Err(refused) => {
                self.annals.last_reload = Some(Reload { at: now, refused: Some(refused.why.clone()) });
                self.tell(&[News::ReloadRefused]);
                self.refuse(refused);
            }
        }
        self.report_ready();
        self.reload_for_clients();
    }

    fn refuse(&mut self, refused: Refused) {
        let why = &refused.why;
        self.log.error(format_args!("Not reloaded: {why}"));
        self.refusal = Some(why.clone());
        self.answer_refused(refused);
    }

    /// Sends a new configuration to each child; returns its diagnostics.
    ///
    /// # Errors
    /// Why the running configuration stays in force.
    fn apply(&mut self, loaded: io::Result<Recorded>) -> Result<Diagnostics, Refused> {
        let loaded = loaded.map_err(|error| Refused::new(error.to_string()))?;
        let of_new = loaded.config.as_ref().map(|(config, _)| config.global.dumps.config_save_dir.clone());
        let directory = of_new.unwrap_or_else(|| self.plan.dumps.config_save_dir.clone());
        self.save_configuration(&loaded.shown, directory.as_deref());
        if let Some(why) = &loaded.unsteady {
            let why =
                format!("{why}; the running configuration stays in force (write files elsewhere and rename them)");
            return Err(Refused::new(why));
        }
        let diagnostics = loaded.diagnostics;
        configuration::log_diagnostics(&diagnostics, &self.log);
        let Some((config, snapshot)) = loaded.config else {
            let outcome = match exit::run_time_status(&diagnostics) {
                exit::NO_CONFIG => Outcome::NoFile,
                _ => Outcome::Errors,
            };
            let why = "the configuration has errors; the running configuration stays in force".to_owned();
            return Err(Refused { outcome, why, diagnostics });
        };
        if let Some(setting) = self.plan.fixed.changed(&config.global) {
            let why = format!("{setting} cannot be changed by a reload; restart keepalived to change it");
            return Err(Refused { diagnostics, ..Refused::new(why) });
        }
        // Faults that the running configuration has too are no reason to refuse other improvements.
        let faults = diagnostics.faults();
        if let Some(fault) = faults.difference(&self.plan.faults).next() {
            let why = format!(
                "the configuration has a fault that the running one does not have: {fault}; the running configuration \
                 stays in force"
            );
            return Err(Refused { outcome: Outcome::Faults, why, diagnostics });
        }
        for setting in self.plan.fixed.deferred(&config.global) {
            self.log.warning(format_args!(
                "{setting} stays as it was at the start; restart keepalived to change it (the reload goes on)"
            ));
        }
        self.plan.faults = faults;
        self.plan.instances = config.instances.len();
        self.log.write(Level::Notice, "Reloading");
        if self.awaited != Some(Awaited::Startup) {
            self.awaited = Some(Awaited::Reload);
        }
        FifoKeeper::follow(&mut self.fifos, &config.global, self.plan.fifo_record(), &self.log);
        self.plan.scripts = Scripts::new(&config.global);
        self.plan.snapshot = snapshot;
        self.plan.shown = loaded.shown;
        self.plan.dumps = config.global.dumps.clone();
        self.plan.reload_file =
            self.plan.names.reload_file(&config.global.reloads, self.plan.options.pid_file.as_ref());
        let waked = (&self.reactor, RELOAD_TIME);
        ReloadTime::follow(&mut self.reload_time, &config.global.reloads, waked, &self.log);
        self.await_reload_time();
        self.plan.child_wait = config.global.child_wait_time;
        self.plan.serving = serving(&self.plan.options, &config.global);
        for child in &mut self.children {
            child.unconfirmed = child.unconfirmed.saturating_add(1);
            if let Err(error) = child.channel.send(&Message::Config(self.plan.snapshot.clone())) {
                self.log
                    .error(format_args!("Cannot send the configuration to the {} process: {error}", child.role.name()));
            }
        }
        // New ones have the new configuration from the start.
        self.stop_standbys();
        self.outgrow(Needed::new(&self.plan.options, &config));
        for role in Role::ALL {
            if role.is_wanted(&self.plan.options, &config) && !self.plan.roles.contains(&role) {
                self.plan.roles.push(role);
                self.deaths.push((role, 0));
                // With a running startup_script it starts with the others.
                if self.script.is_none() {
                    self.start_child(role);
                }
            }
        }
        if let Some(control) = &self.control {
            control.set_group(config.global.control_group);
        }
        Ok(diagnostics)
    }
}
