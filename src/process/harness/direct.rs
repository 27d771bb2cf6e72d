//! Notifications that are sent to targets without an AgentX master.

use std::time::Duration;

use snmp::Notification;
use snmp::message::{Notice, Stamp};
use snmp::target::Engine;

use crate::config::model::{Global, TrapSecurity};
use crate::mib::{self, Module, Trap};
use crate::notify::log::Log;
use crate::notify::targets::Notifier;
use crate::notify::view::{FinishLimits, Reporter, View};
use crate::process::engine::EngineStart;
use crate::reactor::clock;
use crate::system::{HasSystem, News, Target};

/// The notifications of a process for the targets of `snmp_trap_target`.
pub(in crate::process) struct Direct<M: Reporter + 'static> {
    /// The modules of the process.
    all: &'static [Module<M, M::Change>],
    /// Those whose notifications are sent.
    modules: Vec<&'static Module<M, M::Change>>,
    notifier: Notifier,
    engine: EngineStart,
    /// The engine ID that was last logged.
    logged: Option<Vec<u8>>,
    stamp: Stamp,
    log: Log,
}

impl<M: Reporter + HasSystem + 'static> Direct<M> {
    /// A sender for the configuration of `machines`.
    pub(super) fn new(all: &'static [Module<M, M::Change>], machines: &M, engine: EngineStart, log: Log) -> Direct<M> {
        let stamp = Stamp::new(engine.time());
        let mut direct =
            Direct { all, modules: Vec::new(), notifier: Notifier::default(), engine, logged: None, stamp, log };
        direct.configured(machines);
        direct
    }
}

impl<M: Reporter> Direct<M> {
    /// Logs the engine ID, with which receivers of traps of SNMPv3 must be configured.
    fn log_engine(&mut self, engine: &Engine, targets: &[Target]) {
        let version3 = targets.iter().any(|target| matches!(target.config.security, TrapSecurity::User(_)));
        if version3 && self.logged.as_ref() != Some(&engine.id) {
            let digits: String = engine.id.iter().map(|octet| format!("{octet:02x}")).collect();
            self.log.info(format_args!("The SNMP engine ID for snmp_trap_target is 0x{digits}"));
            self.logged = Some(engine.id.clone());
        }
    }
}

/// Whether the targets get the notifications of a module. A target needs no further keyword for KEEPALIVED-MIB and
/// KEEPALIVED-HA-MIB.
fn is_sent<M, C>(module: &Module<M, C>, global: &Global) -> bool {
    (module.enabled)(&Global { snmp_vrrp: true, snmp_checker: true, ..global.clone() })
}

impl<M: Reporter + 'static> Direct<M> {
    /// Queues a notification of an event at `now`.
    fn send(&mut self, trap: Trap, now: Duration) {
        let mut binds = trap.objects;
        binds.push(mib::event_time(now));
        let notification = Notification { trap: trap.oid, binds };
        self.stamp.set_clock(clock::now(), clock::utc());
        match Notice::new(&notification, now, &self.stamp) {
            Ok(notice) => self.notifier.send(notice),
            Err(_) => self.log.error(format_args!(
                "SNMP notification {} does not fit into a datagram: snmp_trap_target does not get it",
                notification.trap
            )),
        }
    }
}

impl<M: Reporter + HasSystem + 'static> View<M> for Direct<M> {
    fn show(&mut self, change: &M::Change, machines: &M, now: Duration) {
        if !self.notifier.is_needed() {
            return;
        }
        let traps: Vec<Trap> = self.modules.iter().filter_map(|module| (module.trap)(change, machines)).collect();
        traps.into_iter().for_each(|trap| self.send(trap, now));
    }

    fn news(&mut self, news: News, machines: &M, now: Duration) {
        if let Some(trap) = mib::daemon_trap(news, machines).filter(|_| self.notifier.is_needed()) {
            self.send(trap, now);
        }
    }

    fn configured(&mut self, machines: &M) {
        let system = machines.system();
        let Some(global) = &system.global else { return };
        self.modules = self.all.iter().filter(|module| is_sent(module, global)).collect();
        let boots = i32::try_from(self.engine.boots).unwrap_or(i32::MAX);
        let engine = Engine { id: global.engine_id.clone(), boots, started: self.engine.time() };
        let targets: Vec<Target> = system.targets.values().cloned().collect();
        self.log_engine(&engine, &targets);
        self.notifier.configure(targets, engine, &self.log);
    }

    fn finish(self: Box<Self>, time: FinishLimits) {
        self.notifier.finish(time.others, &self.log);
    }
}
