//! From the command line to a running parent: configuration, pid file, background, log.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use rustix::thread::CapabilitySet;

use super::child;
use super::cli::{self, Options, Outcome};
use super::configuration::{Recorded, load, tell};
use super::exit;
use super::logging::log_options;
use super::names::{self, Names};
use super::parent::{Fixed, Parent, Plan};
use super::pidfile::{PidFile, PidFileError};
use super::role::Role;
use super::treatment;
use crate::config::{self, Snapshot};
use crate::kernel::capabilities;
use crate::notify::log::{self, Level};
use crate::reactor::{Origin, Signal, Signals};

/// After the children have ended, the log may take this long.
const LOG_LIMIT: Duration = Duration::from_millis(500);

/// Runs the program; the result is its exit status.
pub fn run(arguments: Vec<OsString>) -> u8 {
    // Until the loop reads signals: whoever starts the daemon and has it reload at once must not end it.
    let mut early = vec![Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];
    if std::process::id() == 1 {
        // Process 1 of a container is not ended by signals that it does not handle: they would be lost.
        early.extend([Signal::SIGTERM, Signal::SIGINT]);
    }
    let held = Signals::hold(&early);
    if let Err(error) = held.and_then(|_| Signals::heed_ignored()) {
        eprintln!("keepalived: cannot set up signals: {error}");
        return exit::FATAL;
    }
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
    // Before anything of it changes; children are told.
    if options.child_role.is_none() {
        let _ = Origin::of_the_daemon();
    }
    if let Some(name) = &options.signum {
        return print_signal_number(name);
    }
    if let Err(error) = treatment::guard_memory(options.dumps_core()) {
        eprintln!("keepalived: cannot keep its memory out of core files: {error}");
        return exit::FATAL;
    }
    if let Some(word) = &options.child_role {
        return match Role::from_word(word) {
            Some(role) => child::run(role, &options),
            None => exit::FATAL,
        };
    }
    if !options.stray.is_empty() {
        eprintln!("Unexpected argument(s): {}", options.stray.join(" "));
    }
    if let Some(name) = &options.namespace
        && let Some(problem) = config::file_name_problem(name)
    {
        eprintln!(
            "keepalived: -s, --namespace: '{name}' {problem}; the option takes the name of a namespace in /run/netns"
        );
        return exit::FATAL;
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
    let Some((config, snapshot)) = loaded.config.take() else {
        eprint!("{}", loaded.diagnostics);
        return exit::run_time_status(&loaded.diagnostics);
    };
    if !rustix::process::geteuid().is_root() && !lacks_nothing() {
        eprintln!("keepalived needs root, or the capabilities CAP_NET_ADMIN and CAP_NET_RAW");
        return exit::PRIVILEGE;
    }
    match start(arguments, options, config, snapshot, loaded) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("keepalived: {error}");
            exit::FATAL
        }
    }
}

fn lacks_nothing() -> bool {
    capabilities::missing(capabilities::TO_WORK).is_ok_and(|missing| missing.is_empty())
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
    snapshot: Snapshot,
    loaded: Recorded,
) -> Result<u8, Box<dyn std::error::Error>> {
    let names = Names::new(&options, &config.global);
    let path = names.pid_file("keepalived", options.pid_file.as_ref());
    names::make_run_directory(&path)?;
    let mut pid_file = match PidFile::lock(&path) {
        Ok(file) => file,
        Err(PidFileError::Running) => {
            eprintln!("daemon is already running");
            return Ok(exit::OK);
        }
        Err(error) => return Err(error.into()),
    };
    for role in Role::ALL.into_iter().filter(|role| role.is_allowed(&options)) {
        let path = role.pid_file(&options, &names);
        names::make_run_directory(&path)?;
        PidFile::check(&path)?;
    }
    if !options.dont_fork {
        // Before the first thread. The lock stays with the child; this process ends inside the call.
        // The working directory stays: relative paths of the command line are read again by children and reloads.
        nix::unistd::daemon(true, false)?;
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
    // Before the first thread.
    let given_up = capabilities::keep_only(needed_capabilities(&options, &config.global));
    let (log_options, complaint) = log_options(&options, names.ident("Keepalived"));
    let writer = log::start(log_options)?;
    let log = writer.log();
    log.write(Level::Notice, format_args!("Starting {}", cli::version_text()));
    if let Some(complaint) = complaint {
        log.warning(complaint);
    }
    treatment::tell_capabilities(given_up, CapabilitySet::empty(), &log);
    if options.no_bfd && !config.bfd.is_empty() {
        log.warning("-B, --no_bfd: BFD sessions stay down, and so does whatever tracks them");
    }
    for remark in options.without_effect() {
        log.warning(remark);
    }
    tell(&loaded.diagnostics, &log);
    let faults = loaded.diagnostics.faults().len();
    if faults > 0 {
        let noun = if faults == 1 { "fault" } else { "faults" };
        log.error(format_args!(
            "The configuration has {faults} {noun} and is used without what is wrong; --strict-config would refuse it"
        ));
    }
    if options.dump_conf {
        log.info(&loaded.shown);
    }
    // One that was killed may have left what this file has no word of.
    let left = |role: Role| {
        role.is_allowed(&options) && !(role.kind().left)(&role.pid_file(&options, &names), &log).is_empty()
    };
    let roles: Vec<Role> =
        Role::ALL.into_iter().filter(|role| role.is_wanted(&options, &config) || left(*role)).collect();
    if roles.is_empty() {
        log.warning("Nothing to do: the configuration has nothing for the processes that are to run");
    }
    let plan = Plan {
        arguments,
        options,
        snapshot,
        shown: loaded.shown,
        child_wait: config.global.child_wait_time,
        roles,
        names,
        fixed: Fixed::new(&config.global),
        faults: loaded.diagnostics.faults(),
    };
    let status = Parent::new(plan, log.clone(), signals)?.watch();
    match status {
        Ok(exit::OK) | Err(_) => log.write(Level::Notice, format_args!("Stopped {}", cli::version_text())),
        Ok(status) => {
            log.write(Level::Notice, format_args!("Stopped {}, exit status {status}", cli::version_text()));
        }
    }
    writer.finish(LOG_LIMIT);
    Ok(status?)
}

/// Those of the parent. What root executes has all again; of another user's, the children have these.
fn needed_capabilities(options: &Options, global: &config::model::Global) -> CapabilitySet {
    let mut needed = capabilities::PARENT;
    if names::namespace(options, global).is_some() {
        needed |= capabilities::NAMESPACES;
    }
    if !rustix::process::geteuid().is_root() {
        Role::ALL.into_iter().for_each(|role| needed |= role.kind().capabilities);
    }
    needed
}
