//! The turns of the sources, a bounded amount of work each, and the settings of the host that follow the rows.

use std::io;
use std::time::Duration;

use super::parts::{Loop, Timer, VrrpProcess};
use super::{firewall, translate};
use crate::check::ipvs::SyncRole;
use crate::kernel::{KernelEvent, sysctl};
use crate::notify::dbus::Request;
use crate::notify::dump;
use crate::notify::log::Log;
use crate::reactor::clock;
use crate::vrrp::{Event, State};

/// Delay before another attempt to open a socket.
const SOCKET_RETRY: Duration = Duration::from_secs(1);

impl VrrpProcess {
    /// Tells the machines the time of the system clock, by which adverts are signed.
    pub(super) fn read_clock(&mut self, shell: &Loop) {
        self.vrrp.handle(Event::Clock(clock::utc()), shell.now());
    }

    /// Handles a bounded number of kernel events, so that adverts do not wait long.
    pub(super) fn kernel_turn(&mut self, shell: &mut Loop) -> io::Result<()> {
        let Some(events) = self.watch.receive()? else { return Ok(()) };
        if self.watch.has_more() {
            shell.again();
        }
        self.handle_kernel_events(events, shell);
        self.carry_out(shell);
        if std::mem::take(&mut self.links_changed) {
            self.firewall.links_changed();
        }
        Ok(())
    }

    pub(super) fn handle_kernel_events(&mut self, events: Vec<KernelEvent>, shell: &Loop) {
        for event in events {
            for event in translate::events(event) {
                self.vrrp.handle(event, shell.now());
            }
        }
    }

    pub(super) fn follow_trackers(&mut self, shell: &Loop) {
        if let Err(error) = self.tracker_sources.follow(self.vrrp.tables(), &shell.reactor) {
            shell.log.error(format_args!("Cannot watch trackers: {error}; they keep their last states"));
        }
    }

    pub(super) fn trackers_turn(&mut self, shell: &Loop) {
        let now = shell.now();
        for event in self.tracker_sources.events(now, &shell.log) {
            self.vrrp.handle(event, now);
        }
    }

    /// Hands changes of BFD sessions to the machines. During a stop they are ignored: the BFD process stops too.
    pub(super) fn sessions_turn(&mut self, shell: &mut Loop) {
        if shell.is_stopping() || !self.sessions.is_awake() {
            return;
        }
        let now = shell.now();
        for (name, up) in self.sessions.news(now, &shell.log) {
            self.vrrp.handle(Event::Session { name, up }, now);
        }
        shell.set_timer(Timer::Sessions, self.sessions.deadline());
        if self.sessions.is_awake() {
            shell.again();
        }
    }

    /// Does what callers on D-Bus want.
    pub(super) fn dbus_turn(&mut self, shell: &mut Loop) {
        for request in self.dbus.requests(&self.vrrp) {
            match request {
                Request::Dump(what) => shell.dump(what),
                Request::Reload => shell.want_reload(),
                Request::Announce(id) => self.vrrp.handle(Event::Announce(id), shell.now()),
            }
        }
    }

    pub(super) fn apply_igmp(&mut self, log: &Log) {
        let settings = self.vrrp.tables().system.global.as_ref().map(|global| &global.firewall);
        firewall::apply_igmp(settings, &mut self.sysctls, log);
    }

    pub(super) fn follow_links(&mut self, log: &Log) {
        self.sockets.follow(self.vrrp.tables());
        self.prune_due = true;
        self.promote_secondaries(log);
    }

    pub(super) fn retry_sockets(&mut self, incomplete: bool, shell: &mut Loop) {
        if incomplete {
            shell.set_timer(Timer::RetrySockets, Some(shell.now() + SOCKET_RETRY));
        }
    }

    pub(super) fn sockets_turn(&mut self, shell: &mut Loop) {
        let incomplete = self.sockets.turn(self.vrrp.tables(), &shell.reactor);
        self.retry_sockets(incomplete, shell);
        for (id, advert) in self.sockets.take_waiting() {
            self.send(id, advert, &shell.log);
        }
    }

    /// Sets `promote_secondaries`, so that the removal of a primary address does not remove the secondary addresses of
    /// its subnet.
    pub(super) fn promote_secondaries(&mut self, log: &Log) {
        for row in self
            .vrrp
            .tables()
            .instances
            .values()
            .filter(|row| row.config.promote_secondaries && row.ifindex.is_some() && !row.config.is_unbound())
        {
            let interface = &row.config.interface;
            if let Err(error) = self.sysctls.set(sysctl::Tree::Ipv4, interface, "promote_secondaries", "1") {
                log.warning(format_args!("Cannot set promote_secondaries of {interface}: {error}"));
            }
        }
    }

    /// What the dump of data shows besides the rows.
    pub(super) fn wiring(&self) -> dump::vrrp::Wiring {
        let settings = self.sysctls.before().chain(self.link_settings.before());
        dump::vrrp::Wiring {
            sockets: self.sockets.descriptors().collect(),
            paces: self.announcer.paces().collect(),
            settings: settings.map(|(place, value)| (place, value.to_owned())).collect(),
        }
    }

    /// Runs the IPVS sync daemon in the role of its instance.
    pub(super) fn synchronise(&mut self, shell: &Loop) {
        let tables = self.vrrp.tables();
        let daemon = tables.sync_daemon.as_ref().filter(|daemon| daemon.instance.is_some());
        let name = daemon.and_then(|daemon| daemon.instance.as_deref());
        let followed = tables.instances.values().find(|row| Some(row.config.name.as_str()) == name);
        let roles: &[SyncRole] = match followed.map(|row| row.state) {
            // Threads of a predecessor continue until the state of the instance is known.
            Some(State::Init) if !shell.is_stopping() => return,
            Some(State::Master) => &[SyncRole::Master],
            Some(State::Backup | State::Fault) => &[SyncRole::Backup],
            _ => &[],
        };
        if let Err(error) = self.sync_daemon.want(daemon, roles, &shell.reactor, &shell.log) {
            shell.log.error(format_args!("Cannot start IPVS synchronisation: {error}"));
        }
    }
}
