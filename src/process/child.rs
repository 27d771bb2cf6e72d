//! What every child does first: end with its parent, take the configuration, log, write its pid file.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::checker;
use super::cli::{self, Options};
use super::doing::Doing;
use super::exit;
use super::held;
use super::ipc::{Channel, Message, Told};
use super::names::Names;
use super::pidfile::PidFile;
use super::role::Role;
use super::sequences;
use super::startup::log_options;
use super::treatment::{self, Treatment};
use super::vrrp::{self, Setup};
use crate::check::{self, Check};
use crate::config::model::{Config, FlushOnStop};
use crate::config::{Snapshot, VirtualServers};
use crate::kernel::capabilities;
use crate::notify::log::{self, Log};
use crate::reactor::{Events, Interest, Origin, Reactor, Signal, Signals, Token, clock};
use crate::state::Record;
use crate::vrrp::{Tables, Vrrp};

/// How long the parent may take to hand the configuration over.
const CONFIG_LIMIT: Duration = Duration::from_secs(30);
/// Step of the start, as a message names it when it fails.
const RECORD: &str = "start the thread that records what is set";
/// At the end, the log may take this long.
const LOG_LIMIT: Duration = Duration::from_millis(500);

/// Runs the child; the result is its exit status.
pub(super) fn run(role: Role, options: &Options) -> u8 {
    match process(role, options) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("{}: {error}", role.ident());
            if error.kind() == io::ErrorKind::PermissionDenied { exit::PRIVILEGE } else { exit::PROGRAM }
        }
    }
}

fn process(role: Role, options: &Options) -> io::Result<u8> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
    rustix::thread::set_name(role.process_name())?;
    // Before the first thread, so that no thread takes a signal from the loop.
    let signals = Signals::new(&[
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGPIPE,
    ])?;
    let given_up = capabilities::keep_only(role.capabilities());
    // The socket pair is our standard input.
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut channel = Channel::new(stream)?;
    let Beginning { snapshot, told, clean_up } =
        receive_config(&mut channel).doing("get the configuration from the parent process")?;
    let (config, servers) =
        snapshot.open().map_err(io::Error::other).doing("read the configuration of the parent process")?;
    let names = Names::new(options, &config.global);
    let writer = log::start(log_options(options, names.ident(role.ident())).0).doing("start the log")?;
    let log = writer.log();
    treatment::tell_capabilities(given_up, capabilities::TO_WORK, &log);
    let (name, given) = role.pid_file(options);
    let pid_file = names.pid_file(name, given);
    let status = lock_pid_file(&pid_file).and_then(|_locked| {
        let child = Child {
            options,
            config,
            servers,
            told,
            clean_up,
            pid_file: pid_file.clone(),
            channel,
            signals,
            log: log.clone(),
        };
        match role {
            Role::Vrrp => child.run_vrrp(),
            Role::Checkers => child.run_checkers(),
        }
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

/// What a child begins with.
struct Child<'c> {
    options: &'c Options,
    /// Without its virtual servers.
    config: Config,
    servers: VirtualServers,
    /// What a predecessor has told the parent.
    told: Told,
    /// Only to remove what that has left.
    clean_up: bool,
    pid_file: PathBuf,
    channel: Channel,
    signals: Signals,
    log: Log,
}

impl Child<'_> {
    fn run_vrrp(self) -> io::Result<()> {
        let agentx = self.agentx(self.config.global.snmp_vrrp)?;
        let (indices, checkpoint): (_, vrrp::Checkpoint) = self.predecessor();
        let Child { options, config, clean_up, pid_file, channel, signals, log, .. } = self;
        let (held, found) = held::start(&pid_file, log.clone()).doing(RECORD)?;
        let (sequences, recalled) = sequences::start(&pid_file, log.clone()).doing(RECORD)?;
        let global = &config.global;
        let (nice, rt_priority, no_swap) = (global.vrrp_nice, global.vrrp_rt_priority, global.vrrp_no_swap);
        let descriptors = vrrp::descriptors(config.instances.len());
        treatment::apply(Treatment { nice, rt_priority, no_swap, descriptors }, &log);
        let mut tables = Tables::numbered(config, cli::version_text(), indices);
        // What cannot be told is taken for given: the kernel will refuse.
        tables.lacking = capabilities::missing(capabilities::TO_WORK).unwrap_or_default();
        let mut vrrp = Vrrp::new(tables);
        vrrp.recall_sequences(&recalled);
        vrrp.resume(&checkpoint.states);
        vrrp.inherit(found);
        let keep_addresses = options.dont_release_vrrp;
        vrrp::run(Setup { vrrp, log, channel, agentx, keep_addresses, checkpoint, clean_up, held, sequences, signals })
    }

    fn run_checkers(self) -> io::Result<()> {
        let agentx = self.agentx(self.config.global.snmp_checker)?;
        let (indices, checkpoint): (_, checker::Checkpoint) = self.predecessor();
        let Child { options, config, servers, told, clean_up, pid_file, channel, signals, log, .. } = self;
        let (held, found) = held::start(&pid_file, log.clone()).doing(RECORD)?;
        let (nice, rt_priority, no_swap) = (config.lvs.nice, config.lvs.rt_priority, config.lvs.no_swap);
        // Connections live on when a process is replaced: only the first one of a daemon flushes.
        let flush = config.global.lvs_flush && told.checkpoint.is_none();
        let flush_on_stop = config.global.lvs_flush_on_stop == FlushOnStop::All;
        // Only spreads the first checks over their warm-up.
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        let version = cli::version_text();
        let tables = check::Tables::numbered(config, servers, version, indices).map_err(io::Error::other)?;
        // A check has a connection at most.
        let descriptors = tables.checkers.len();
        treatment::apply(Treatment { nice, rt_priority, no_swap, descriptors }, &log);
        let check = Check::new(tables, seed);
        let keep_services = options.dont_release_ipvs;
        checker::run(checker::Setup {
            check,
            log,
            channel,
            agentx,
            keep_services,
            checkpoint,
            clean_up,
            held,
            found,
            flush,
            flush_on_stop,
            signals,
        })
    }

    /// The rows of a predecessor and their states; without one, or if they cannot be used, the start is a fresh one.
    fn predecessor<I: Record + Default, C: Record + Default>(&self) -> (I, C) {
        self.told.open().unwrap_or_else(|error| {
            self.log.error(format_args!("Starting afresh: the predecessor of this process has left {error}"));
            Default::default()
        })
    }

    /// `-A` beats `snmp_socket`; without either it is the usual socket.
    fn agentx(&self, enabled: bool) -> io::Result<Option<(snmp::transport::MasterAddress, String)>> {
        let options = self.options;
        if (!options.snmp && !enabled) || self.clean_up {
            return Ok(None);
        }
        let given = options.snmp_socket.as_ref().or(self.config.global.snmp_socket.as_ref());
        let text = given.map_or(snmp::transport::DEFAULT_SOCKET, String::as_str);
        let address: Result<snmp::transport::MasterAddress, _> = text.parse();
        match address {
            Ok(address) => Ok(Some((address, text.into()))),
            Err(error) => {
                self.log.error(format_args!("No SNMP: the AgentX master address '{text}' cannot be used: {error}"));
                Ok(None)
            }
        }
    }
}

/// What the parent says at the start.
struct Beginning {
    snapshot: Snapshot,
    told: Told,
    clean_up: bool,
}

fn receive_config(channel: &mut Channel) -> io::Result<Beginning> {
    let mut reactor = Reactor::new()?;
    reactor.register(channel, Token(0), Interest::READABLE)?;
    let mut events = Events::with_capacity(1);
    let limit = clock::now() + CONFIG_LIMIT;
    let (mut told, mut clean_up) = (Told::default(), false);
    while clock::now() < limit {
        for message in channel.receive()? {
            match message {
                Message::Config(snapshot) => return Ok(Beginning { snapshot, told, clean_up }),
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
