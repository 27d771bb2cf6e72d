//! The parent: reads the configuration, starts the children, watches them, passes signals on.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::child;
use super::cli::{self, Options, Outcome};
use super::exit;
use super::ipc::{Channel, Message};
use super::names::{self, Names};
use super::pidfile::{PidFile, PidFileError};
use crate::config;
use crate::kernel;
use crate::notify::log::{self, Level, Log};
use crate::reactor::{Events, Interest, Reactor, Signal, Signals, Timers, Token, clock};

const SIGNALS: Token = Token(0);
/// Children's channels count on from here, one for each start.
const FIRST_CHILD: Token = Token(16);

/// A child must answer each hello before the next.
const HELLO: Duration = Duration::from_secs(5);
/// A child that lived this long did not die of its start.
const STEADY: Duration = Duration::from_secs(10);
/// First and longest pause before a child that keeps dying is started again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));
/// After the children were killed, or ended by themselves, the log may take this long.
const LOG_LIMIT: Duration = Duration::from_millis(500);

/// Runs the program; the result is its exit status.
pub fn run(arguments: Vec<OsString>) -> u8 {
    let options = match Options::read(arguments.clone()) {
        Ok(options) => options,
        Err(Outcome::Text(text)) => {
            eprint!("{text}");
            return exit::OK;
        }
        Err(Outcome::Error(text)) => {
            eprint!("{text}");
            return exit::FATAL;
        }
    };
    if let Some(name) = &options.signum {
        return print_signal_number(name);
    }
    if options.child_role.is_some() {
        return child::run(&options);
    }
    if !options.stray.is_empty() {
        eprintln!("Unexpected argument(s): {}", options.stray.join(" "));
    }
    let mut loaded = match load(&options) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("keepalived: {error}");
            return exit::FATAL;
        }
    };
    if let Some(file) = &options.config_test {
        return report_test(&loaded.diagnostics, file);
    }
    let Some(config) = loaded.config.take() else {
        eprint!("{}", loaded.diagnostics);
        return exit::run_time_status(&loaded.diagnostics);
    };
    if rustix::process::geteuid().as_raw() != 0 && !rustix::thread::capabilities(None).is_ok_and(may_change_network) {
        eprintln!("keepalived needs root, or the capabilities CAP_NET_ADMIN and CAP_NET_RAW");
        return exit::PRIVILEGE;
    }
    match start(arguments, options, config, loaded) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("keepalived: {error}");
            exit::FATAL
        }
    }
}

fn may_change_network(sets: rustix::thread::CapabilitySets) -> bool {
    use rustix::thread::CapabilitySet;
    sets.effective.contains(CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW)
}

fn print_signal_number(name: &str) -> u8 {
    match cli::signal_number(name) {
        Some(number) => {
            println!("{number}");
            exit::OK
        }
        None => {
            eprintln!("Unknown signal name '{name}'; known are STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON");
            exit::FATAL
        }
    }
}

/// Reads the configuration inside the network namespace it asks for, and stays there: interfaces are those of the
/// namespace, and children inherit it.
fn load(options: &Options) -> io::Result<config::Loaded> {
    let mut read = config::Options::system(options.config_file.clone(), None);
    read.all_config = options.all_config;
    if let Some(id) = &options.config_id {
        read.config_id.clone_from(id);
    }
    let global = config::load(&read).config.map(|config| config.global);
    let namespace = match &global {
        Some(global) => names::namespace(options, global),
        None => options.namespace.clone(),
    };
    if let Some(name) = namespace {
        let path = std::path::Path::new("/run/netns").join(&name);
        let error = |error: io::Error| io::Error::other(format!("cannot enter network namespace '{name}': {error}"));
        let file = std::fs::File::open(path).map_err(error)?;
        nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET).map_err(|errno| error(errno.into()))?;
    }
    read.outside.interfaces = kernel::interface_names().ok();
    Ok(config::load(&read))
}

/// `-t`: to standard error, or to the file of `-t FILE`.
fn report_test(diagnostics: &config::Diagnostics, file: &std::ffi::OsStr) -> u8 {
    let text = diagnostics.to_string();
    if file.is_empty() {
        eprint!("{text}");
    } else {
        let opened = OpenOptions::new().append(true).create(true).open(file);
        if let Err(error) = opened.and_then(|mut file| file.write_all(text.as_bytes())) {
            eprintln!("Cannot write {}: {error}", std::path::Path::new(file).display());
            return exit::FATAL;
        }
    }
    diagnostics.exit_code()
}

fn start(
    arguments: Vec<OsString>,
    options: Options,
    config: config::model::Config,
    loaded: config::Loaded,
) -> Result<u8, Box<dyn std::error::Error>> {
    let names = Names::new(&options, &config.global);
    let path = names.pid_file("keepalived", options.pid_file.as_ref());
    let mut pid_file = match PidFile::lock(&path) {
        Ok(file) => file,
        Err(PidFileError::Running) => {
            eprintln!("daemon is already running");
            return Ok(exit::OK);
        }
        Err(error) => return Err(error.into()),
    };
    if !options.dont_fork {
        // Before the first thread. The lock stays with the child; this process ends inside the call.
        nix::unistd::daemon(false, false)?;
    }
    pid_file.write(std::process::id())?;
    let signals = Signals::new(&[
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGCHLD,
    ])?;
    let (log_options, complaint) = log_options(&options, names.ident("Keepalived"));
    let writer = log::start(log_options)?;
    let log = writer.log();
    log.write(Level::Notice, format_args!("Starting {}", cli::version_text()));
    if let Some(complaint) = complaint {
        log.warning(complaint);
    }
    for remark in options.without_effect() {
        log.warning(remark);
    }
    if !loaded.diagnostics.is_empty() {
        log.warning(&loaded.diagnostics);
    }
    if options.dump_conf {
        log.info(loaded.snapshot.dump());
    }
    let wanted =
        !options.check_only && (options.all || !config.instances.is_empty() || !config.static_addresses.is_empty());
    if !wanted {
        log.warning("Nothing to do: the configuration has no vrrp_instance and no static address for this process");
    }
    let reactor = Reactor::new()?;
    reactor.register(&signals, SIGNALS, Interest::READABLE)?;
    let mut parent = Parent {
        arguments,
        options,
        log,
        reactor,
        signals,
        timers: Timers::new(),
        snapshot: loaded.snapshot.as_str().to_owned(),
        child: None,
        next_token: FIRST_CHILD,
        pause: Duration::ZERO,
        child_wait: config.global.child_wait_time,
        stopping: false,
        status: None,
    };
    if wanted {
        parent.start_child();
    }
    let status = parent.watch();
    parent.log.write(Level::Notice, format_args!("Stopped {}", cli::version_text()));
    writer.finish(LOG_LIMIT);
    Ok(status?)
}

/// Where a process logs to, and a complaint about `-S`.
pub(super) fn log_options(options: &Options, ident: String) -> (log::Options, Option<String>) {
    let (facility, complaint) = match options.facility() {
        Ok(facility) => (facility, None),
        Err(complaint) => (syslog::Facility::LOG_DAEMON, Some(complaint)),
    };
    let log_options = log::Options {
        ident,
        syslog: !options.no_syslog,
        facility,
        console: options.log_console,
        detail: options.log_detail > 0,
    };
    (log_options, complaint)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Hello,
    Restart,
    Kill,
}

struct Running {
    process: Child,
    channel: Channel,
    token: Token,
    since: Duration,
    /// Number of the hello that is not yet answered.
    unanswered: Option<u32>,
    hellos: u32,
}

struct Parent {
    arguments: Vec<OsString>,
    options: Options,
    log: Log,
    reactor: Reactor,
    signals: Signals,
    timers: Timers<Key>,
    snapshot: String,
    child: Option<Running>,
    next_token: Token,
    pause: Duration,
    child_wait: Duration,
    stopping: bool,
    /// Set when it is time to end.
    status: Option<u8>,
}

impl Parent {
    fn watch(&mut self) -> io::Result<u8> {
        let mut events = Events::with_capacity(16);
        loop {
            if let Some(status) = self.status {
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
                    Key::Hello => self.hello(),
                    Key::Restart => self.start_child(),
                    Key::Kill => self.kill_child(),
                }
            }
        }
    }

    fn start_child(&mut self) {
        match self.spawn() {
            Ok(child) => {
                self.log.info(format_args!("Starting VRRP child process, pid={}", child.process.id()));
                self.child = Some(child);
                self.timers.set(Key::Hello, clock::now() + HELLO);
            }
            Err(error) => {
                self.log.error(format_args!("Cannot start the VRRP process: {error}"));
                self.restart_later();
            }
        }
    }

    fn spawn(&mut self) -> io::Result<Running> {
        let (ours, theirs) = UnixStream::pair()?;
        // The same program even if its file was replaced meanwhile: it must understand our messages.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("keepalived").args(self.arguments.iter().skip(1)).arg("--child-role=vrrp");
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
        let process = command.spawn()?;
        let mut channel = Channel::new(ours)?;
        let token = self.next_token;
        self.next_token = Token(token.0 + 1);
        self.reactor.register(&channel, token, Interest::READABLE | Interest::WRITABLE)?;
        channel.send(&Message::Config(self.snapshot.clone()))?;
        Ok(Running { process, channel, token, since: clock::now(), unanswered: None, hellos: 0 })
    }

    fn child_turn(&mut self, token: Token) {
        let Some(child) = self.child.as_mut().filter(|child| child.token == token) else { return };
        // An error is the child's death, which its SIGCHLD tells too.
        let Ok(messages) = child.channel.receive() else { return };
        for message in messages {
            if let Message::Hello(number) = message
                && child.unanswered == Some(number)
            {
                child.unanswered = None;
            }
        }
        let _ = child.channel.flush();
    }

    /// Each child answers through its event loop: one that is stopped or spins is found as well as one that died.
    fn hello(&mut self) {
        let Some(child) = &mut self.child else { return };
        self.timers.set(Key::Hello, clock::now() + HELLO);
        if child.unanswered.is_some() && !self.stopping {
            let seconds = HELLO.as_secs();
            self.log.error(format_args!("The VRRP process has not answered for {seconds} s; replacing it"));
            self.kill_child();
            return;
        }
        child.hellos = child.hellos.wrapping_add(1);
        child.unanswered = Some(child.hellos);
        let _ = child.channel.send(&Message::Hello(child.hellos));
    }

    fn kill_child(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended this very moment.
            let _ = child.process.kill();
        }
    }

    fn read_signals(&mut self) -> io::Result<()> {
        for signal in self.signals.read()? {
            match signal {
                Signal::SIGCHLD => self.reap(),
                Signal::SIGTERM | Signal::SIGINT => self.stop(),
                Signal::SIGHUP => self.reload(),
                signal => self.log.warning(format_args!("{signal} is not acted on yet")),
            }
        }
        Ok(())
    }

    /// A valid file is only reported: settings change at the next start. A file with errors changes nothing either.
    fn reload(&mut self) {
        let loaded = match load(&self.options) {
            Ok(loaded) => loaded,
            Err(error) => return self.log.error(format_args!("Not reloaded: {error}")),
        };
        if loaded.config.is_none() {
            self.log.error(format_args!("{}", loaded.diagnostics));
            self.log.error("The configuration has errors; going on with the one that runs");
        } else {
            self.log.warning("Reloading is not done yet: the file is valid and will be used at the next start");
        }
    }

    fn stop(&mut self) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        self.log.write(Level::Notice, "Stopping");
        self.timers.clear(Key::Restart);
        match &self.child {
            Some(child) => {
                let pid = Pid::from_raw(child.process.id().cast_signed());
                if let Err(error) = kill(pid, Signal::SIGTERM) {
                    self.log.warning(format_args!("Cannot signal the VRRP process: {error}"));
                }
                self.timers.set(Key::Kill, clock::now() + self.child_wait);
            }
            None => self.status = Some(exit::OK),
        }
    }

    fn reap(&mut self) {
        let Some(child) = &mut self.child else { return };
        let Ok(Some(status)) = child.process.try_wait() else { return };
        let lived = clock::now().saturating_sub(child.since);
        // Gone with its descriptor in any case.
        let _ = self.reactor.deregister(&child.channel);
        self.child = None;
        self.timers.clear(Key::Hello);
        self.timers.clear(Key::Kill);
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        match code {
            _ if self.stopping => self.status = Some(exit::OK),
            Some(code) if exit::is_permanent(code) => {
                self.log.error(format_args!("The VRRP process ended with status {code}; terminating"));
                self.status = Some(code);
            }
            _ if self.options.dont_respawn => {
                self.log.error(format_args!("The VRRP process ended ({status}); terminating, as -R says"));
                self.status = Some(exit::FATAL);
            }
            _ => {
                self.log.error(format_args!("The VRRP process ended ({status}); starting it again"));
                if lived >= STEADY {
                    self.pause = Duration::ZERO;
                }
                self.restart_later();
            }
        }
    }

    /// At once the first time, then after pauses that double.
    fn restart_later(&mut self) {
        self.timers.set(Key::Restart, clock::now() + self.pause);
        self.pause = (self.pause * 2).clamp(PAUSE.0, PAUSE.1);
    }
}
