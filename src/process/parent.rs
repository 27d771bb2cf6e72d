//! The parent: starts the children, watches them, passes signals on.

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::cli::{self, Options};
use super::dump;
use super::exit;
use super::ipc::{Channel, Message};
use super::role::Role;
use super::startup;
use super::systemd::{self, Stage, Systemd};
use crate::config::model::Global;
use crate::config::{Shown, Snapshot};
use crate::notify::dump::{Dump, Writer};
use crate::notify::log::{Level, Log};
use crate::reactor::{Caught, Events, Interest, Reactor, Signal, Signals, Timers, Token, clock};

const SIGNALS: Token = Token(0);
/// Children's channels count on from here, one for each start.
const FIRST_CHILD: Token = Token(16);

/// A child must answer each hello before the next.
const HELLO: Duration = Duration::from_secs(5);
/// A child that lived this long did not die of its start.
const STEADY: Duration = Duration::from_secs(1);
/// Name of the dump file.
const DATA: &str = "keepalived_parent.data";
/// A child that dies young is started again at once so many times in a row: whoever kills it ten times does not silence
/// the router. Then come pauses: a child that can not live must not take the processor.
const AT_ONCE: u32 = 16;
/// First and longest pause before a child that keeps dying at its start is started again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(8));

/// What the parent is to do.
pub(super) struct Plan {
    /// The command line, for the children.
    pub(super) arguments: Vec<OsString>,
    /// The command line, as read.
    pub(super) options: Options,
    /// The configuration for the children.
    pub(super) snapshot: Snapshot,
    /// The same as it may be shown.
    pub(super) shown: Shown,
    /// `child_wait_time`.
    pub(super) child_wait: Duration,
    /// The children to run.
    pub(super) roles: Vec<Role>,
    /// What a reload can not change.
    pub(super) fixed: Fixed,
}

/// Settings that hold from start to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fixed {
    net_namespace: Option<String>,
    instance: Option<String>,
    snmp: (bool, bool, Option<String>),
}

impl Fixed {
    pub(super) fn new(global: &Global) -> Fixed {
        Fixed {
            net_namespace: global.net_namespace.clone(),
            instance: global.instance.clone(),
            snmp: (global.snmp_vrrp, global.snmp_checker, global.snmp_socket.clone()),
        }
    }

    /// The keyword of a setting that differs.
    fn changed(&self, global: &Global) -> Option<&'static str> {
        let new = Fixed::new(global);
        let differs = [
            (self.net_namespace != new.net_namespace, "net_namespace"),
            (self.instance != new.instance, "instance"),
            (self.snmp.0 != new.snmp.0, "enable_snmp_vrrp"),
            (self.snmp.1 != new.snmp.1, "enable_snmp_checker"),
            (self.snmp.2 != new.snmp.2, "snmp_socket"),
        ];
        differs.into_iter().find(|(differs, _)| *differs).map(|(_, keyword)| keyword)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Hello(Role),
    Restart(Role),
    Kill(Role),
}

/// A running child.
struct Running {
    role: Role,
    process: Child,
    channel: Channel,
    token: Token,
    since: Duration,
    /// Number of the hello that is not yet answered.
    unanswered: Option<u32>,
    hellos: u32,
}

/// The watchdog.
pub(super) struct Parent {
    plan: Plan,
    log: Log,
    dumps: Writer,
    systemd: Systemd,
    reactor: Reactor,
    signals: Signals,
    timers: Timers<Key>,
    children: Vec<Running>,
    /// How often in a row each child has died young.
    deaths: Vec<(Role, u32)>,
    /// Where a replacement is to go on.
    checkpoints: Vec<(Role, String)>,
    next_token: Token,
    stopping: bool,
    /// Set when it is time to end, once no child is left.
    status: Option<u8>,
}

impl Parent {
    pub(super) fn new(plan: Plan, log: Log, signals: Signals) -> io::Result<Parent> {
        let reactor = Reactor::new()?;
        reactor.register(&signals, SIGNALS, Interest::READABLE)?;
        let deaths = plan.roles.iter().map(|role| (*role, 0)).collect();
        Ok(Parent {
            plan,
            dumps: Writer::start(log.clone())?,
            systemd: Systemd::start(log.clone())?,
            log,
            reactor,
            signals,
            timers: Timers::new(),
            children: Vec::new(),
            deaths,
            checkpoints: Vec::new(),
            next_token: FIRST_CHILD,
            stopping: false,
            status: None,
        })
    }

    /// Runs until told to stop, or until a child can not go on; the result is the exit status.
    pub(super) fn watch(mut self) -> io::Result<u8> {
        for role in self.plan.roles.clone() {
            self.start_child(role);
        }
        self.systemd.tell(Stage::Ready);
        let mut events = Events::with_capacity(16);
        loop {
            if let Some(status) = self.status.filter(|_| self.children.is_empty()) {
                return Ok(status);
            }
            self.reactor.wait(self.timers.next_deadline(), &mut events)?;
            for ready in events.iter() {
                match ready.token {
                    SIGNALS => self.read_signals()?,
                    token => self.child_turn(token),
                }
            }
            while let Some(key) = self.timers.pop_due(clock::now()) {
                match key {
                    Key::Hello(role) => self.hello(role),
                    Key::Restart(role) => self.start_child(role),
                    Key::Kill(role) => self.kill_child(role),
                }
            }
        }
    }

    fn child(&mut self, role: Role) -> Option<&mut Running> {
        self.children.iter_mut().find(|child| child.role == role)
    }

    fn start_child(&mut self, role: Role) {
        let name = role.name();
        match self.spawn(role) {
            Ok(child) => {
                self.log.info(format_args!("Starting {name} child process, pid={}", child.process.id()));
                self.children.push(child);
                self.timers.set(Key::Hello(role), clock::now() + HELLO);
            }
            Err(error) => {
                self.log.error(format_args!("Cannot start the {name} process: {error}"));
                self.restart_later(role);
            }
        }
    }

    fn spawn(&mut self, role: Role) -> io::Result<Running> {
        let (ours, theirs) = UnixStream::pair()?;
        // The same program even if its file was replaced meanwhile: it must understand our messages.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("keepalived").args(self.plan.arguments.iter().skip(1));
        command.arg(format!("--child-role={}", role.word()));
        command.env_remove(systemd::SOCKET);
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
        let process = command.spawn()?;
        let mut channel = Channel::new(ours)?;
        let token = self.next_token;
        self.next_token = Token(token.0 + 1);
        self.reactor.register(&channel, token, Interest::READABLE | Interest::WRITABLE)?;
        if let Some((_, checkpoint)) = self.checkpoints.iter().find(|(of, _)| *of == role) {
            channel.send(&Message::Checkpoint(checkpoint.clone()))?;
        }
        channel.send(&Message::Config(self.plan.snapshot.clone()))?;
        Ok(Running { role, process, channel, token, since: clock::now(), unanswered: None, hellos: 0 })
    }

    fn child_turn(&mut self, token: Token) {
        let Some(child) = self.children.iter_mut().find(|child| child.token == token) else { return };
        // An error is the child's death, which its SIGCHLD tells too.
        let Ok(messages) = child.channel.receive() else { return };
        for message in messages {
            match message {
                Message::Hello(number) if child.unanswered == Some(number) => child.unanswered = None,
                Message::Checkpoint(text) => {
                    self.checkpoints.retain(|(role, _)| *role != child.role);
                    self.checkpoints.push((child.role, text));
                }
                Message::Hello(_) | Message::Config(_) | Message::Dump(_) => {}
            }
        }
        let _ = child.channel.flush();
    }

    /// Each child answers through its event loop: one that is stopped or spins is found as well as one that died.
    fn hello(&mut self, role: Role) {
        let stopping = self.stopping;
        let Some(child) = self.child(role) else { return };
        if child.unanswered.is_some() && !stopping {
            let seconds = HELLO.as_secs();
            let name = role.name();
            self.log.error(format_args!("The {name} process has not answered for {seconds} s; replacing it"));
            self.kill_child(role);
        } else {
            child.hellos = child.hellos.wrapping_add(1);
            child.unanswered = Some(child.hellos);
            let hello = Message::Hello(child.hellos);
            let _ = child.channel.send(&hello);
        }
        self.timers.set(Key::Hello(role), clock::now() + HELLO);
    }

    fn kill_child(&mut self, role: Role) {
        if let Some(child) = self.child(role) {
            // It may have ended this very moment.
            let _ = child.process.kill();
        }
    }

    fn read_signals(&mut self) -> io::Result<()> {
        for signal in self.signals.read()? {
            match signal {
                Caught::Named(Signal::SIGCHLD) => self.reap(),
                Caught::Named(Signal::SIGTERM | Signal::SIGINT) => self.stop(exit::OK),
                Caught::Named(Signal::SIGHUP) => self.reload(),
                signal => match dump::asked_by(signal) {
                    Some(what) => self.dump(what),
                    None => self.log.warning(format_args!("{signal:?} is not acted on yet")),
                },
            }
        }
        Ok(())
    }

    /// Passes on to the children what they have to dump; the parent has data only.
    fn dump(&mut self, what: Dump) {
        if what == Dump::Data {
            let now = clock::now();
            let children = self.children.iter().map(|child| {
                let (name, pid, age) = (child.role.name(), child.process.id(), now.saturating_sub(child.since));
                format!("Child process {name}: pid {pid}, {} s old\n", age.as_secs())
            });
            let text: String = children.collect();
            let shown = &self.plan.shown;
            self.dumps.write(DATA, format!("{}\n{text}\n{shown}", cli::version_text()));
        }
        for child in &mut self.children {
            // Statistics are those of VRRP.
            if what == Dump::Data || child.role == Role::Vrrp {
                // One that is gone has nothing to dump.
                let _ = child.channel.send(&Message::Dump(what));
            }
        }
    }

    fn reload(&mut self) {
        if !self.stopping {
            self.systemd.tell(Stage::Reloading);
            self.load_again();
            self.systemd.tell(Stage::Ready);
        }
    }

    /// Reads the file again. One with errors changes nothing; else each child gets the new configuration.
    fn load_again(&mut self) {
        let loaded = match startup::load(&self.plan.options) {
            Ok(loaded) => loaded,
            Err(error) => return self.log.error(format_args!("Not reloaded: {error}")),
        };
        if !loaded.diagnostics.is_empty() {
            self.log.warning(&loaded.diagnostics);
        }
        let Some((config, snapshot)) = loaded.config else {
            return self.log.error("Not reloaded: the configuration has errors; going on with the one that runs");
        };
        if let Some(setting) = self.plan.fixed.changed(&config.global) {
            return self.log.error(format_args!(
                "Not reloaded: {setting} can not change while running; restart keepalived to change it"
            ));
        }
        self.log.write(Level::Notice, "Reloading");
        self.plan.snapshot = snapshot;
        self.plan.shown = loaded.shown;
        self.plan.child_wait = config.global.child_wait_time;
        for child in &mut self.children {
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

    /// Tells all children to stop, and to be killed if they do not; ends with this status when they are gone.
    fn stop(&mut self, status: u8) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        self.status = Some(status);
        self.systemd.tell(Stage::Stopping);
        self.log.write(Level::Notice, "Stopping");
        for role in &self.plan.roles {
            self.timers.clear(Key::Restart(*role));
        }
        for child in &self.children {
            let pid = Pid::from_raw(child.process.id().cast_signed());
            if let Err(error) = kill(pid, Signal::SIGTERM) {
                self.log.warning(format_args!("Cannot signal the {} process: {error}", child.role.name()));
            }
            self.timers.set(Key::Kill(child.role), clock::now() + self.plan.child_wait);
        }
    }

    fn reap(&mut self) {
        let mut ended = Vec::new();
        for at in (0..self.children.len()).rev() {
            // What a dying child still said: its last checkpoint.
            if let Some(token) = self.children.get(at).map(|child| child.token) {
                self.child_turn(token);
            }
            let status = self.children.get_mut(at).map(|child| child.process.try_wait());
            if let Some(Ok(Some(status))) = status {
                ended.push((self.children.remove(at), status));
            }
        }
        for (child, status) in ended {
            // Gone with its descriptor in any case.
            let _ = self.reactor.deregister(&child.channel);
            self.timers.clear(Key::Hello(child.role));
            self.timers.clear(Key::Kill(child.role));
            self.child_ended(child.role, clock::now().saturating_sub(child.since), status);
        }
    }

    fn child_ended(&mut self, role: Role, lived: Duration, status: std::process::ExitStatus) {
        let name = role.name();
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        match code {
            _ if self.stopping => {}
            Some(code) if exit::is_permanent(code) => {
                self.log.error(format_args!("The {name} process ended with status {code}; terminating"));
                self.stop(code);
            }
            _ if self.plan.options.dont_respawn => {
                self.log.error(format_args!("The {name} process ended ({status}); terminating, as -R says"));
                self.stop(exit::FATAL);
            }
            _ => {
                self.log.error(format_args!("The {name} process ended ({status}); starting it again"));
                if lived >= STEADY {
                    self.deaths.iter_mut().filter(|(of, _)| *of == role).for_each(|(_, deaths)| *deaths = 0);
                }
                self.restart_later(role);
            }
        }
    }

    fn restart_later(&mut self, role: Role) {
        if let Some((_, deaths)) = self.deaths.iter_mut().find(|(of, _)| *of == role) {
            self.timers.set(Key::Restart(role), clock::now() + pause(*deaths));
            *deaths = deaths.saturating_add(1);
        }
    }
}

/// Before the start of a child that has died young so many times in a row: at once, then after pauses that double.
fn pause(deaths: u32) -> Duration {
    match deaths.checked_sub(AT_ONCE) {
        None => Duration::ZERO,
        Some(more) => PAUSE.0.saturating_mul(2_u32.saturating_pow(more)).min(PAUSE.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_can_not_live_is_started_ever_more_slowly() {
        let pauses: Vec<Duration> = (0..40).map(pause).collect();
        assert!(pauses[..16].iter().all(Duration::is_zero));
        assert_eq!(pauses[16..18], [10, 20].map(Duration::from_millis));
        assert!(pauses.is_sorted());
        assert_eq!(pauses[26..], [Duration::from_secs(8); 14]);
        assert_eq!(pause(u32::MAX), Duration::from_secs(8));
    }
}
