//! What every child does first: end with its parent, take the configuration, log, write its pid file.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::cli::Options;
use super::doing::Doing;
use super::exit;
use super::harness::Beginning;
use super::ipc::{Channel, Message, Told};
use super::logging::log_options;
use super::names::Names;
use super::pidfile::PidFile;
use super::role::Role;
use super::treatment;
use crate::config::Snapshot;
use crate::kernel::capabilities;
use crate::notify::log;
use crate::reactor::{Events, Interest, Origin, Reactor, Signal, Signals, Token, clock};

/// How long the parent may take to hand the configuration over.
const CONFIG_LIMIT: Duration = Duration::from_secs(30);
/// At the end, the log may take this long.
const LOG_LIMIT: Duration = Duration::from_millis(500);

/// Runs the child; the result is its exit status.
pub(super) fn run(role: Role, options: &Options) -> u8 {
    match process(role, options) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("{}: {error}", role.kind().ident);
            if error.kind() == io::ErrorKind::PermissionDenied { exit::PRIVILEGE } else { exit::PROGRAM }
        }
    }
}

fn process(role: Role, options: &Options) -> io::Result<u8> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
    rustix::thread::set_name(role.kind().process_name)?;
    // Before the first thread, so that no thread takes a signal from the loop.
    let signals = Signals::new(&[
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGPIPE,
    ])?;
    let given_up = capabilities::keep_only(role.kind().capabilities);
    // The socket pair is our standard input.
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut channel = Channel::new(stream)?;
    let First { snapshot, told, clean_up } =
        receive_config(&mut channel).doing("get the configuration from the parent process")?;
    let (config, servers) =
        snapshot.open().map_err(io::Error::other).doing("read the configuration of the parent process")?;
    let names = Names::new(options, &config.global);
    let writer = log::start(log_options(options, names.ident(role.kind().ident)).0).doing("start the log")?;
    let log = writer.log();
    treatment::tell_capabilities(given_up, capabilities::TO_WORK & role.kind().capabilities, &log);
    let pid_file = role.pid_file(options, &names);
    let status = lock_pid_file(&pid_file).and_then(|_locked| {
        (role.kind().run)(Beginning {
            options,
            config,
            servers,
            told,
            clean_up,
            pid_file: pid_file.clone(),
            channel,
            signals,
            log: log.clone(),
        })
    });
    if let Err(error) = &status {
        log.error(format_args!("The {} process cannot go on: {error}", role.name()));
    }
    writer.finish(LOG_LIMIT);
    status.map(|()| exit::OK)
}

fn lock_pid_file(path: &std::path::Path) -> io::Result<PidFile> {
    let mut pid_file = PidFile::lock(path).map_err(io::Error::other)?;
    pid_file.write(std::process::id()).map_err(io::Error::other)?;
    Ok(pid_file)
}

/// What the parent says at the start.
struct First {
    snapshot: Snapshot,
    told: Told,
    clean_up: bool,
}

fn receive_config(channel: &mut Channel) -> io::Result<First> {
    let mut reactor = Reactor::new()?;
    reactor.register(channel, Token(0), Interest::READABLE)?;
    let mut events = Events::with_capacity(1);
    let limit = clock::now() + CONFIG_LIMIT;
    let (mut told, mut clean_up, mut links) = (Told::default(), false, Vec::new());
    while clock::now() < limit {
        let mut messages = channel.receive()?.into_iter();
        while let Some(message) = messages.next() {
            match message {
                Message::Config(snapshot) => {
                    // For the loop.
                    channel.put_back(links.into_iter().chain(messages));
                    return Ok(First { snapshot, told, clean_up });
                }
                link @ Message::Link(_) => links.push(link),
                Message::Indices(octets) => told.indices = Some(octets),
                Message::Checkpoint(octets) => told.checkpoint = Some(octets),
                Message::CleanUp => clean_up = true,
                Message::Origin(text) => text.parse().map(Origin::set).map_err(io::Error::other)?,
                hello @ Message::Hello(_) => channel.send(&hello)?,
                // There is nothing to dump yet.
                Message::Dump(_) | Message::Ready => {}
            }
        }
        reactor.wait(Some(limit), &mut events)?;
    }
    Err(io::ErrorKind::TimedOut.into())
}
