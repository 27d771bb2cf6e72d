//! What the process does in each step of the event loop.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::checkpoint::Checkpoint;
use super::commands;
use super::parts::{
    ADVERTS, BEATS, DBUS, FILES, LOOK_UPS, Loop, MONITOR, NFTABLES, OWN_LINKS, PROCESSES, SCRIPTS, SESSIONS, SOCKETS,
    SYNC, Timer, VrrpProcess, WRITER, descriptors, followed, netlink_buffers, watched,
};
use crate::config::VirtualServers;
use crate::config::model::Config;
use crate::control::Command;
use crate::notify::dump::{self, Dump, DumpFile, Setting};
use crate::notify::log::Log;
use crate::notify::status;
use crate::process::harness::{Pace, Process};
use crate::process::sessions::Listener;
use crate::process::tuning;
use crate::reactor::Ready;
use crate::status::{Clock, Part};
use crate::system::Daemon;
use crate::vrrp::{self, Event, Held, Vrrp};

/// A timer that is due within this time may be due when the timers of the turn are handled.
const SOON: Duration = Duration::from_millis(2);

impl Process for VrrpProcess {
    type Machines = Vrrp;
    type Timer = Timer;
    type Indices = vrrp::Indices;
    type Checkpoint = Checkpoint;
    type Held = Held;

    const PACE: Pace = Pace::Punctual;
    const HOLDS: &'static str = "addresses, routes, rules, VMACs, ipvlans and nftables tables";
    const STOP_LIMIT: Duration = Duration::from_secs(4);
    const CHECKPOINT_DELAY: Duration = Duration::ZERO;
    const HELD_DELAY: Duration = Duration::from_millis(100);

    fn machines(&self) -> &Vrrp {
        &self.vrrp
    }

    fn machines_mut(&mut self) -> &mut Vrrp {
        &mut self.vrrp
    }

    fn indices(&self) -> vrrp::Indices {
        self.vrrp.tables().indices()
    }

    fn start(&mut self, clean_up: bool, shell: &mut Loop) -> io::Result<()> {
        self.read_clock(shell);
        let first = self.watch.first()?;
        self.handle_kernel_events(first, shell);
        if clean_up {
            self.vrrp.resume_to_stop(&self.states);
            return Ok(());
        }
        self.apply_igmp(&shell.log);
        let incomplete = self.sockets.open_all(self.vrrp.tables(), &shell.reactor);
        self.retry_sockets(incomplete, shell);
        self.promote_secondaries(&shell.log);
        self.follow_trackers(shell);
        self.vrrp.handle(Event::Start, shell.now());
        self.settle(shell);
        self.links_changed = false;
        self.dbus.follow(&self.vrrp, &shell.reactor);
        self.dbus.begin(&self.vrrp);
        Ok(())
    }

    /// Reads all sockets, whether or not the reactor has reported them as ready.
    fn receive(&mut self, ready: &[Ready], shell: &mut Loop) -> io::Result<()> {
        self.read_clock(shell);
        // A turn that only answers the AgentX master has nothing to read. Before a timer the sockets are read in any case: an
        // advert may have arrived since the wait.
        let due = shell.next_timer().is_some_and(|at| at <= shell.now() + SOON);
        if due || self.unread || ready.iter().any(|source| source.token == ADVERTS) {
            self.unread = self.sockets.receive(&mut self.vrrp, shell.now());
            if self.unread {
                shell.again();
            }
        }
        self.carry_out(shell);
        Ok(())
    }

    fn timer(&mut self, timer: Timer, now: Duration, shell: &mut Loop) {
        match timer {
            Timer::Machine(key) => {
                self.vrrp.handle(Event::Timer(key), now);
                self.carry_out(shell);
            }
            Timer::RetrySockets => self.follow_links(&shell.log),
            // Handled after the orders of this turn, which may connect a new BFD process.
            Timer::Sessions => self.sessions.wake(),
        }
    }

    fn work(&mut self, ready: &[Ready], shell: &mut Loop) -> io::Result<()> {
        for source in ready {
            match source.token {
                MONITOR => self.watch.wake(),
                SESSIONS => self.sessions.wake(),
                WRITER => self.writer_turn(shell),
                OWN_LINKS => self.own_links_turn(shell),
                NFTABLES => self.tables_turn(shell.now()),
                SYNC => self.sync_daemon.turn(&shell.log),
                SOCKETS => self.sockets_turn(shell),
                DBUS => self.dbus_turn(shell),
                SCRIPTS | FILES | PROCESSES | BEATS => self.trackers_turn(shell),
                LOOK_UPS => {
                    if let Err(error) = self.announcer.look_up_turn() {
                        shell.log.warning(format_args!("Cannot list link addresses: {error}"));
                    }
                }
                _ => {}
            }
        }
        self.sessions_turn(shell);
        self.kernel_turn(shell)
    }

    fn settle(&mut self, shell: &mut Loop) {
        self.carry_out(shell);
        self.submit_requests(shell);
        if std::mem::take(&mut self.prune_due) {
            self.sockets.prune(self.vrrp.tables(), &shell.reactor);
        }
    }

    fn reconcile(&mut self, changed: bool, shell: &mut Loop) {
        if changed {
            shell.held_changed();
            self.synchronise(shell);
        }
    }

    fn rest(&mut self, shell: &mut Loop) {
        self.announcer.run(self.vrrp.tables(), shell.next_timer());
    }

    fn deadline(&self) -> Option<Duration> {
        self.announcer.deadline()
    }

    fn connect(&mut self, _listener: Listener, link: OwnedFd, shell: &mut Loop) -> io::Result<()> {
        self.sessions.connect(link, &shell.reactor, shell.now())
    }

    fn configure(&mut self, config: Box<Config>, _servers: VirtualServers, shell: &mut Loop) -> io::Result<()> {
        tuning::make_room(descriptors(config.instances.len()), &shell.log);
        self.sessions.retain(&config.bfd);
        let now = shell.now();
        self.vrrp.handle(Event::Configure(config), now);
        self.sessions.expect(followed(&self.vrrp), now);
        self.buffers.apply(netlink_buffers(&self.vrrp), &shell.log);
        self.watch.follow(watched(&self.vrrp));
        // The BFD process may have reported new sessions before this process had the new configuration.
        for (name, up) in self.sessions.statuses() {
            self.vrrp.handle(Event::Session { name: name.to_owned(), up }, now);
        }
        self.apply_igmp(&shell.log);
        self.firewall.links_changed();
        self.dbus.follow(&self.vrrp, &shell.reactor);
        Ok(())
    }

    fn command(&mut self, command: Command, shell: &mut Loop) -> Result<String, String> {
        let done = commands::carry_out(&mut self.vrrp, &command, shell.now());
        self.carry_out(shell);
        done
    }

    fn learn(&mut self, daemon: Daemon, shell: &mut Loop) {
        self.vrrp.handle(Event::Daemon(Box::new(daemon)), shell.now());
    }

    fn status(&self, clock: Clock) -> Option<Part> {
        Some(Part::Vrrp(status::vrrp(self.vrrp.tables(), clock)))
    }

    fn dump(&mut self, what: Dump, clock: Clock, setting: &Setting) -> Option<(DumpFile, String)> {
        let tables = self.vrrp.tables();
        let text = match what {
            Dump::Json => {
                let version = tables.system.global.as_ref().map_or(1, |global| global.dumps.json_version);
                (DumpFile::Json, dump::json(tables, version, clock)?)
            }
            Dump::Data => (DumpFile::Vrrp, dump::vrrp::data(tables, clock, setting, &self.wiring())),
            Dump::Statistics | Dump::ClearStatistics => (DumpFile::Statistics, dump::vrrp::statistics(tables)),
        };
        if what == Dump::ClearStatistics {
            self.vrrp.handle(Event::ClearCounters, clock.now);
        }
        Some(text)
    }

    fn checkpoint(&mut self) -> Checkpoint {
        self.sequences.save(&self.vrrp.sequences(false));
        Checkpoint {
            states: self.vrrp.checkpoint(),
            settings: self.sysctls.clone(),
            link_settings: self.link_settings.clone(),
        }
    }

    fn last_checkpoint(&mut self) -> Checkpoint {
        Checkpoint { states: self.vrrp.last_checkpoint(), ..self.checkpoint() }
    }

    fn resume(&mut self, _shell: &mut Loop) {
        self.vrrp.pass_over_numbers();
        self.sequences.save_again(&self.vrrp.sequences(false));
    }

    fn held(&self) -> Held {
        self.vrrp.held()
    }

    fn stop(&mut self, shell: &mut Loop) {
        self.vrrp.handle(Event::Stop { keep_addresses: self.keep_addresses }, shell.now());
    }

    fn is_released(&self) -> bool {
        self.sync_daemon.is_idle() && self.vrrp.is_stopped()
    }

    fn end(mut self, released: bool, log: &Log) -> bool {
        // Usually the removal of the last VMAC has restored them, but not if its base interface was removed.
        let of_links = if self.keep_addresses { Ok(()) } else { self.link_settings.restore_all() };
        if let Err(error) = self.sysctls.restore_all().and(of_links) {
            log.warning(format_args!("Cannot restore interface settings: {error}"));
        }
        self.sequences.save(&self.vrrp.sequences(true));
        self.sequences.finish();
        self.keep_addresses || (released && self.vrrp.held() == Held::default())
    }
}
