//! Start of the parent: command line, configuration, pid file, background, log.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::Mode;
use rustix::process::umask;
use rustix::thread::CapabilitySet;

use super::adopt;
use super::child;
use super::cli::{self, Options, Outcome};
use super::configuration::{Recorded, load, log_diagnostics};
use super::control_socket;
use super::core_files::CorePattern;
use super::exit;
use super::files;
use super::handover::{self, Handover};
use super::logging::log_options;
use super::names::{self, Names};
use super::order_command;
use super::parent::{Fixed, OpenFifo, Parent, Plan, Scripts, serving};
use super::pidfile::PidFile;
use super::privileges::{self, Needed};
use super::refusal::{LOG_LIMIT, Refusal};
use super::reload_command;
use super::role::Role;
use super::status_command;
use super::tuning;
use super::upgrade_command;
use crate::config::{self, Snapshot};
use crate::kernel::capabilities;
use crate::notify::dump::effective;
use crate::notify::log::{self, Level};
use crate::reactor::{Origin, Signal, Signals};
use crate::terminal;
use crate::text::reason;

/// Runs the program; the result is its exit status.
pub fn run(arguments: Vec<OsString>) -> u8 {
    let options = match Options::read(arguments) {
        Ok(options) => options,
        Err(Outcome::Text(text)) => {
            terminal::message(text);
            return exit::OK;
        }
        Err(Outcome::Error(text)) => return Refusal::new(exit::FATAL, text).report(None),
    };
    if let Some(name) = &options.signum {
        return print_signal_number(name);
    }
    match prepare(&options) {
        Ok(status) => status,
        Err(refusal) => refusal.report(Some(&options)),
    }
}

/// Checks everything that does not need the pid file, and starts the process that the options name.
fn prepare(options: &Options) -> Result<u8, Refusal> {
    // Blocked until the loop reads them: a reload right after the start must not kill the daemon.
    let mut early = vec![Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];
    if std::process::id() == 1 {
        // The kernel drops unhandled signals to process 1 of a container: a stop would be lost.
        early.extend([Signal::SIGTERM, Signal::SIGINT]);
    }
    let blocked = Signals::hold(&early);
    blocked.and_then(|_| Signals::heed_ignored()).map_err(|error| Refusal::because("set up signals", &error))?;
    // Before the daemon changes its settings.
    let origin = options.child_role.is_none().then(Origin::of_this_process);
    tuning::guard_memory(options.dumps_core())
        .map_err(|error| Refusal::because("keep the memory of this process out of core files", &error))?;
    if let Some(word) = &options.child_role {
        return Ok(Role::from_word(word).map_or(exit::FATAL, |role| child::run(role, options)));
    }
    if options.upgrade_trial {
        return Ok(adopt::trial(options));
    }
    if handover::is_successor() {
        return continue_daemon(options);
    }
    for warning in options.facility().err().into_iter().chain(options.stray()) {
        terminal::message(warning);
    }
    if let Some(name) = &options.namespace
        && let Some(problem) = config::file_name_problem(name)
    {
        return Err(Refusal::new(
            exit::FATAL,
            format!("-s, --namespace: '{name}' {problem}; the option takes the name of a namespace in /run/netns"),
        ));
    }
    if options.reload {
        return Ok(reload_command::run(options));
    }
    if let Some(program) = &options.upgrade {
        return Ok(upgrade_command::run(options, program));
    }
    if let Some(command) = order_command::of(options) {
        return Ok(order_command::run(options, command));
    }
    if let Some(format) = options.status {
        return Ok(status_command::run(options, format));
    }
    let directory = if options.dont_fork || options.config_test.is_some() {
        None
    } else {
        // A working directory that was removed contains no files: any other will do.
        Some(std::env::current_dir().unwrap_or_else(|_| "/".into()))
    };
    let mut loaded = load(options, directory.as_deref()).map_err(|error| Refusal::new(exit::FATAL, error))?;
    if let Some(file) = &options.config_test {
        report_test(&loaded.diagnostics, file, &options.config_file)?;
        let starts = options.allow_faults && loaded.config.is_some();
        let code = if starts { exit::OK } else { loaded.diagnostics.exit_code() };
        // The process ends: to free a large configuration piece by piece would take as long as to read it.
        std::mem::forget(loaded);
        return Ok(code);
    }
    let Some((config, snapshot)) = loaded.config.take() else {
        return Err(Refusal::of_configuration(loaded.diagnostics));
    };
    // Children inherit the mask; scripts get it from the settings, which are sent to the children.
    if let Some(origin) = origin {
        match options.umask.or(config.global.umask) {
            Some(mask) => {
                umask(Mode::from_bits_truncate(mask));
                origin.with_umask(mask).set();
            }
            None => origin.set(),
        }
    }
    if !rustix::process::geteuid().is_root() && !has_capabilities() {
        let text = "keepalived needs root, or the capabilities CAP_NET_ADMIN and CAP_NET_RAW";
        return Err(Refusal::new(exit::PRIVILEGE, text));
    }
    let names = Names::new(options, &config.global);
    start(options, directory, names.clone(), config, snapshot, loaded).map_err(|refusal| refusal.with_names(names))
}

/// Whether this process has the capabilities without which the daemon cannot work.
fn has_capabilities() -> bool {
    capabilities::missing(capabilities::TO_WORK).is_ok_and(|missing| missing.is_empty())
}

fn print_signal_number(name: &str) -> u8 {
    let printed = match cli::signal_number(name) {
        Ok(number) => terminal::answer(number).map_err(|error| format!("Cannot write the number: {}", reason(&error))),
        Err(text) => Err(text),
    };
    match printed {
        Ok(()) => exit::OK,
        Err(text) => {
            terminal::message(text);
            exit::FATAL
        }
    }
}

/// `-t`: writes the diagnostics to standard error, or to the file of `-tFILE`.
fn report_test(diagnostics: &config::Diagnostics, file: &OsStr, tested: &Path) -> Result<(), Refusal> {
    let text = diagnostics.to_string();
    if file.is_empty() {
        terminal::message(text);
        return Ok(());
    }
    let cannot = |error: &dyn std::fmt::Display| {
        Refusal::of_test(format!("Cannot write the result of the test to {}: {error}", Path::new(file).display()))
    };
    let opened = OpenOptions::new().append(true).create(true).open(file);
    let mut opened = opened.map_err(|error| cannot(&reason(&error)))?;
    if tested.canonicalize().is_ok_and(|tested| files::is_same(&tested, &opened)) {
        return Err(cannot(
            &"it is the tested configuration; use '-t' without an attached FILE to see the result here",
        ));
    }
    opened.write_all(text.as_bytes()).map_err(|error| cannot(&reason(&error)))
}

/// Puts the daemon into the background, with the working directory `/`. Relative paths of the options are made absolute
/// first.
fn daemonize(options: &Options, directory: &Path) -> Result<Options, Refusal> {
    let options = options.from_directory(directory).map_err(|outcome| match outcome {
        Outcome::Text(text) | Outcome::Error(text) => Refusal::new(exit::FATAL, text),
    })?;
    // Before the first thread. The child keeps the locks; this process exits inside the call.
    nix::unistd::daemon(false, false).map_err(|error| Refusal::because("go to the background", &error.into()))?;
    Ok(options)
}

fn start(
    options: &Options,
    directory: Option<PathBuf>,
    names: Names,
    config: config::model::Config,
    snapshot: Snapshot,
    loaded: Recorded,
) -> Result<u8, Refusal> {
    let path = names.pid_file("keepalived", options.pid_file.as_ref());
    let path = std::path::absolute(&path).unwrap_or(path);
    let fatal = |error: io::Error| Refusal::new(exit::FATAL, error);
    names::make_run_directory(&path).map_err(fatal)?;
    let mut pid_file = PidFile::lock(&path)?;
    for role in Role::ALL.into_iter().filter(|role| role.is_allowed(options)) {
        let path = role.pid_file(options, &names);
        names::make_run_directory(&path).map_err(fatal)?;
        PidFile::check(&path)?;
    }
    let options = match &directory {
        Some(directory) => daemonize(options, directory)?,
        None => options.clone(),
    };
    // Before others learn the pid: a stop must not kill the process before it can remove its files.
    let signals = signals()?;
    pid_file.write(std::process::id())?;
    let core_pattern = options.core_dump_pattern.as_deref().map(CorePattern::set);
    let begun = Begun {
        options,
        directory,
        names,
        config,
        snapshot,
        loaded,
        pid_file,
        signals,
        core_pattern,
        former: None,
        fifos: Vec::new(),
    };
    run_parent(begun)
}

/// Continues a daemon as the new program of its parent process, after an upgrade.
fn continue_daemon(options: &Options) -> Result<u8, Refusal> {
    let lost = |why| Refusal::new(exit::FATAL, format!("Cannot continue the daemon after an upgrade: {why}"));
    let (adoptable, mut state, descriptors) = adopt::receive(options).map_err(lost)?;
    let adopt::Adoptable { config, snapshot, loaded, .. } = adoptable;
    let signals = signals()?;
    let pid_file = std::mem::take(&mut state.pid_file);
    let begun = Begun {
        names: Names::new(options, &config.global),
        options: options.clone(),
        directory: state.directory.clone(),
        config,
        snapshot,
        loaded,
        pid_file: PidFile::inherited(pid_file, descriptors.pid_file),
        signals,
        core_pattern: state.core_pattern.take().map(|parts| Ok(CorePattern::inherited(parts))),
        fifos: std::mem::take(&mut state.fifos).into_iter().zip(descriptors.fifos.into_iter().map(Arc::new)).collect(),
        former: Some((state, descriptors.channels)),
    };
    run_parent(begun)
}

/// The signals of the parent.
fn signals() -> Result<Signals, Refusal> {
    let all = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGCHLD];
    Signals::new(&all).map_err(|error| Refusal::because("set up signals", &error))
}

/// A parent process that has begun.
struct Begun {
    options: Options,
    directory: Option<PathBuf>,
    names: Names,
    config: config::model::Config,
    snapshot: Snapshot,
    loaded: Recorded,
    pid_file: PidFile,
    signals: Signals,
    core_pattern: Option<Result<CorePattern, String>>,
    /// State and channels of the former program.
    former: Option<(Handover, Vec<OwnedFd>)>,
    /// FIFOs of the former program.
    fifos: Vec<OpenFifo>,
}

fn run_parent(begun: Begun) -> Result<u8, Refusal> {
    let Begun { options, directory, names, config, snapshot, loaded, pid_file, signals, core_pattern, former, fifos } =
        begun;
    // Before the first thread.
    let given_up = capabilities::keep_only(privileges::of_parent(&options, &config.global));
    let (log_options, facility_warning) = log_options(&options, config.global.log_format, &names, "Keepalived", None);
    let writer = log::start(log_options).map_err(|error| Refusal::because("start the log", &error))?;
    let log = writer.log();
    if former.is_none() {
        log.write(Level::Notice, format_args!("Starting {}", cli::version_text()));
    }
    if let Some(name) = &config.global.process_name {
        tuning::name_process(name, &log);
    }
    for warning in facility_warning.into_iter().chain(options.stray()) {
        log.warning(warning);
    }
    if let Some(Err(error)) = &core_pattern {
        log.error(error);
    }
    tuning::log_capabilities(given_up, CapabilitySet::empty(), &log);
    if options.no_bfd && !config.bfd.is_empty() {
        log.warning("-B, --no_bfd: BFD sessions stay down, and so do the instances and checks that track them");
    }
    for remark in options.without_effect() {
        log.warning(remark);
    }
    let is_seen = options.log_console || options.log_file.is_some();
    if !is_seen && options.log_format.or(config.global.log_format).is_some() {
        log.warning("log_format has no effect without -l or -g: the form of syslog lines is that of syslog");
    }
    log_diagnostics(&loaded.diagnostics, &log);
    let faults = loaded.diagnostics.faults().len();
    if faults > 0 {
        let noun = if faults == 1 { "fault" } else { "faults" };
        log.error(format_args!(
            "The configuration has {faults} {noun}: the faulty parts are ignored; --strict-config refuses such a configuration"
        ));
    }
    if options.dump_conf {
        log.info(&loaded.shown);
        log.info(effective::text(&snapshot));
    }
    // A killed process may have left entries in the kernel that this configuration does not contain.
    let left = |role: Role| {
        role.is_allowed(&options) && !(role.kind().leftovers)(&role.pid_file(&options, &names), &log).is_empty()
    };
    let roles: Vec<Role> =
        Role::ALL.into_iter().filter(|role| role.is_wanted(&options, &config) || left(*role)).collect();
    if roles.is_empty() {
        log.warning("Nothing to do: the configuration has no blocks for the processes that may run");
    }
    let control = control_socket::start(&options, &names, &config.global, &log);
    let needed = Needed::new(&options, &config);
    let serving = serving(&options, &config.global);
    let reload_file = names.reload_file(&config.global.reloads, options.pid_file.as_ref());
    let plan = Plan {
        options,
        directory,
        snapshot,
        shown: loaded.shown,
        dumps: config.global.dumps.clone(),
        reload_file,
        child_wait: config.global.child_wait_time,
        roles,
        names,
        fixed: Fixed::new(&config.global),
        faults: loaded.diagnostics.faults(),
        needed,
        scripts: Scripts::new(&config.global),
        instances: config.instances.len(),
        pid_file: pid_file.locked(),
        core_pattern: core_pattern.as_ref().and_then(|set| set.as_ref().ok()).map(CorePattern::parts),
        serving,
    };
    let status = Parent::new(plan, &config.global, log.clone(), signals, control, fifos)
        .and_then(|parent| parent.watch(former))
        .unwrap_or_else(|error| {
            log.error(format_args!("The parent process cannot continue: {}", reason(&error)));
            exit::FATAL
        });
    if let Some(Ok(pattern)) = core_pattern {
        pattern.restore();
    }
    let suffix = if status == exit::OK { String::new() } else { format!(", exit status {status}") };
    log.write(Level::Notice, format_args!("Stopped {}{suffix}", cli::version_text()));
    writer.finish(LOG_LIMIT);
    Ok(status)
}
