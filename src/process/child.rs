//! Start of a child process: it exits when its parent dies, receives the configuration, opens the log and writes its
//! pid file.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::cli::Options;
use super::context::Context;
use super::dump;
use super::engine::EngineStart;
use super::exit;
use super::harness::ChildStart;
use super::ipc::{Channel, Message, SavedState};
use super::ipvs_host::IpvsHost;
use super::logging::log_options;
use super::names::Names;
use super::pidfile::PidFile;
use super::privileges;
use super::refusal::{LOG_LIMIT, Refusal};
use super::role::Role;
use super::tuning;
use crate::config::Snapshot;
use crate::kernel::capabilities;
use crate::notify::log;
use crate::reactor::{Events, Interest, Origin, Reactor, Signal, Signals, Token, clock};
use crate::terminal;
use crate::text::reason;

/// Time limit for the configuration from the parent.
const CONFIG_LIMIT: Duration = Duration::from_secs(30);

/// Runs the child; the result is its exit status.
pub(super) fn run(role: Role, options: &Options) -> u8 {
    match process(role, options) {
        Ok(status) => status,
        Err(Failure { error, logged }) => {
            if !logged {
                terminal::message(format_args!("{}: {}", role.kind().ident, reason(&error)));
                Refusal::new(exit::PROGRAM, reason(&error)).log(role.kind().ident, Some(options));
            }
            if error.kind() == io::ErrorKind::PermissionDenied { exit::PRIVILEGE } else { exit::PROGRAM }
        }
    }
}

/// Why a child exits before its stop.
struct Failure {
    error: io::Error,
    /// Whether the child has logged the error.
    logged: bool,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure { error, logged: false }
    }
}

fn process(role: Role, options: &Options) -> Result<u8, Failure> {
    // A process that is stopped by a signal at that moment goes on; each finds the end of its channel, and stops.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::CONT))
        .map_err(io::Error::from)
        .context("follow the parent process")?;
    rustix::thread::set_name(role.kind().process_name).map_err(io::Error::from).context("name this process")?;
    // Before the first thread, so that all threads block these signals and the loop gets them.
    let signals = Signals::new(&[
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGPIPE,
    ])
    .context("set up signals")?;
    // The socket pair is our standard input.
    let stream = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    let mut channel = stream.and_then(Channel::new).context("use the channel to the parent process")?;
    let First { snapshot, mut saved, engine, clean_up, stands_by } =
        receive_config(&mut channel).context("get the configuration from the parent process")?;
    let (config, servers) =
        snapshot.open().map_err(io::Error::other).context("read the configuration of the parent process")?;
    let needed = privileges::of(role, options, &config);
    let ipvs = match role {
        Role::Bfd => IpvsHost::Own,
        Role::Vrrp | Role::Checkers => IpvsHost::enter(config.global.net_namespace_ipvs.as_ref(), needed),
    };
    // Before the first thread, as capabilities are per thread.
    let given_up = capabilities::keep_only(needed);
    let names = Names::new(options, &config.global);
    let log_options =
        log_options(options, config.global.log_format, &names, role.kind().ident, Some(role.kind().log_file)).0;
    let writer = log::start(log_options).context("start the log")?;
    let log = writer.log();
    tuning::log_capabilities(given_up, capabilities::TO_WORK & needed, &log);
    if let Some(problem) = ipvs.problem().filter(|_| role == Role::Checkers) {
        log.error(problem);
        writer.finish(LOG_LIMIT);
        return Ok(exit::FATAL);
    }
    if stands_by {
        channel.send(&Message::Prepared).context("report to the parent process")?;
        saved = await_go(&mut channel).context("take over from the previous process")?;
    }
    let pid_file = role.pid_file(options, &names);
    let status = lock_pid_file(&pid_file).and_then(|locked| {
        (role.kind().run)(ChildStart {
            options,
            config,
            servers,
            ipvs,
            saved,
            engine,
            clean_up,
            pid_file: pid_file.clone(),
            locked,
            dumps: dump::setting(options, &names),
            channel,
            signals,
            log: log.clone(),
        })
    });
    if let Err(error) = &status {
        log.error(format_args!("The {} process cannot continue: {}", role.name(), reason(error)));
    }
    writer.finish(LOG_LIMIT);
    status.map(|()| exit::OK).map_err(|error| Failure { error, logged: true })
}

fn lock_pid_file(path: &std::path::Path) -> io::Result<PidFile> {
    let mut pid_file = PidFile::lock(path).map_err(io::Error::other)?;
    pid_file.write(std::process::id()).map_err(io::Error::other)?;
    Ok(pid_file)
}

/// The messages of the parent at the start.
struct First {
    snapshot: Snapshot,
    saved: SavedState,
    engine: EngineStart,
    clean_up: bool,
    stands_by: bool,
}

fn receive_config(channel: &mut Channel) -> io::Result<First> {
    let mut reactor = Reactor::new()?;
    reactor.register(channel, Token(0), Interest::READABLE)?;
    let mut events = Events::with_capacity(1);
    let limit = clock::now() + CONFIG_LIMIT;
    let (mut saved, mut clean_up, mut links) = (SavedState::default(), false, Vec::new());
    let mut stands_by = false;
    let mut engine = EngineStart::now();
    while clock::now() < limit {
        let mut messages = channel.receive()?.into_iter();
        while let Some(message) = messages.next() {
            match message {
                Message::Config(snapshot) => {
                    // The loop handles the messages that follow.
                    channel.put_back(links.into_iter().chain(messages));
                    return Ok(First { snapshot, saved, engine, clean_up, stands_by });
                }
                link @ Message::Link(_) => links.push(link),
                Message::Indices(octets) => saved.indices = Some(octets),
                Message::Checkpoint(octets) => saved.checkpoint = Some(octets),
                Message::CleanUp => clean_up = true,
                Message::StandBy => stands_by = true,
                Message::Engine(start) => engine = start,
                Message::Origin(text) => text.parse().map(Origin::set).map_err(io::Error::other)?,
                hello @ Message::Hello(_) => channel.send(&hello)?,
                // A dump has no data yet.
                Message::Dump(_)
                | Message::StatusWanted(_)
                | Message::Status(..)
                | Message::Command(..)
                | Message::Result(..)
                | Message::Prepared
                | Message::Go
                | Message::HandOver(_)
                | Message::HandedOver
                | Message::Resume
                | Message::Resumed
                | Message::Learnt
                | Message::ReloadWanted
                | Message::Late(_)
                | Message::Daemon(_)
                | Message::Ready => {}
            }
        }
        reactor.wait(Some(limit), &mut events)?;
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// Waits until the previous process has exited or keeps still. Its state precedes the message that tells that; other messages are
/// for the loop.
fn await_go(channel: &mut Channel) -> io::Result<SavedState> {
    let mut reactor = Reactor::new()?;
    reactor.register(channel, Token(0), Interest::READABLE)?;
    let mut events = Events::with_capacity(1);
    let (mut saved, mut others) = (SavedState::default(), Vec::new());
    loop {
        let mut messages = channel.receive()?.into_iter();
        while let Some(message) = messages.next() {
            match message {
                Message::Go => {
                    channel.put_back(others.into_iter().chain(messages));
                    return Ok(saved);
                }
                Message::Indices(octets) => saved.indices = Some(octets),
                Message::Checkpoint(octets) => saved.checkpoint = Some(octets),
                hello @ Message::Hello(_) => channel.send(&hello)?,
                other => others.push(other),
            }
        }
        // Without a limit: the parent kills a standby that is no longer needed.
        reactor.wait(None, &mut events)?;
    }
}
