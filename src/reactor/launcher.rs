//! Starts programs through a launcher: keepalived itself, executed with [`ROLE`], which resets the process state first.
//!
//! A child would inherit the blocked signals, the real-time policy, the niceness and the limits of the daemon. The
//! launcher resets them and then executes the program with the same process ID. Errors are reported through a pipe that
//! closes when the program is executed.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{
    Gid, Uid, User, dup2_stdout, getegid, geteuid, getgid, getgrouplist, getgroups, getuid, setgid, setgroups, setuid,
};

use super::origin::Origin;
use crate::config::model::ScriptUser;

/// First argument of the launcher. The second has the process settings ([`Origin`]) and the user of the program, then
/// follow the file to execute, the program's name (`argv[0]`) and its arguments.
pub const ROLE: &str = "--launch";
/// Mark after the user of a program that is to have the user's supplementary groups.
const GROUPS: &str = "+";
/// Exit status of the launcher when the program could not be executed.
const NOT_STARTED: u8 = 127;
/// Environment variables that could change the behaviour of a privileged program.
const REMOVED: [&str; 3] = ["IFS", "LD_PRELOAD", "LD_LIBRARY_PATH"];
/// Longest error report, in octets.
const REPORT: u64 = 1024;

/// The launcher program, if it is not this one.
static LAUNCHER: OnceLock<PathBuf> = OnceLock::new();

/// Sets the path of the keepalived that launches programs, for other programs that use this library. Has no effect after
/// the first call.
pub fn set_launcher(program: PathBuf) {
    let _ = LAUNCHER.set(program);
}

/// Executes `path` with `argv`, as `user` if given, in a process group of its own and without standard streams. Blocks
/// until the program is executed.
///
/// # Errors
/// When the program cannot be executed or its user cannot be set. Errors of the system have their `errno`.
pub(super) fn start(path: &Path, argv: &[String], user: Option<&ScriptUser>, groups: bool) -> io::Result<Child> {
    if argv.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (mut report, theirs) = io::pipe()?;
    let mut how = Origin::of_the_daemon().to_string();
    if let Some(ScriptUser { uid, gid }) = user {
        how += &format!(";{uid}:{gid}{}", if groups { GROUPS } else { "" });
    }
    let mut command = this_program(ROLE);
    command.arg(how).arg(path).args(argv);
    command.stdin(Stdio::null()).stdout(theirs).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        // The caller recognizes these shortages by their errno.
        Some(Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE) => error,
        _ => io::Error::other(format!("cannot execute {}: {error}", command.get_program().display())),
    })?;
    // `command` holds the other end of the pipe.
    drop(command);
    let mut text = Vec::new();
    let read = (&mut report).take(REPORT).read_to_end(&mut text);
    match read.and_then(|_| failure(&text)) {
        Ok(()) => Ok(child),
        Err(error) => {
            // Kill the launcher if it has not exited by itself, and leave no zombie.
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

/// A command for this program in another role, in a process group of its own. It is the same program even if its file
/// was replaced in the meantime.
fn this_program(role: &str) -> Command {
    let program = LAUNCHER.get().map_or_else(|| OsStr::new("/proc/self/exe"), |program| program.as_os_str());
    let mut command = Command::new(program);
    command.arg0("keepalived").arg(role).process_group(0);
    for name in REMOVED {
        command.env_remove(name);
    }
    command
}

/// Starts this program in a role that runs programs for this process. Its arguments are the role, the process settings
/// for [`become_clean`], and `argument`; its standard input is `input`.
///
/// # Errors
/// When the system has no processes or memory left.
pub fn start_role(role: &str, argument: &str, input: OwnedFd) -> io::Result<Child> {
    let mut command = this_program(role);
    command.arg(Origin::of_the_daemon().to_string()).arg(argument);
    command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Resets this process to the settings of the daemon's start (`how`), so that it can start programs directly. It ignores
/// the signals that are sent to all processes of the daemon, as it exits at the end of its input; programs start with the
/// default dispositions.
///
/// # Errors
/// When `how` was written by another release, or signal handlers cannot be installed.
pub fn become_clean(how: &OsStr) -> io::Result<()> {
    how.to_string_lossy().parse::<Origin>().map_err(io::Error::other)?.restore();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2] {
        signal_hook::flag::register(signal as i32, Arc::default())?;
    }
    SigSet::empty().thread_set_mask()?;
    Ok(())
}

/// As [`start`], but without the launcher, from a process after [`become_clean`].
pub(super) fn start_directly(path: &Path, argv: &[String], user: Option<&ScriptUser>) -> io::Result<Child> {
    let Some((name, arguments)) = argv.split_first() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let start = |mut command: Command| {
        command.args(arguments).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(ScriptUser { uid, gid }) = user.filter(|user| !is_this_user(user)) {
            // As root this drops all supplementary groups.
            command.uid(*uid).gid(*gid);
        }
        command.spawn()
    };
    let mut command = Command::new(path);
    command.arg0(name);
    match start(command) {
        // A script without a first line that names an interpreter.
        Err(error) if error.raw_os_error() == Some(Errno::ENOEXEC as i32) => {
            let mut shell = Command::new("/bin/sh");
            shell.arg(path);
            start(shell)
        }
        Err(error) if user.is_some() && error.raw_os_error() == Some(Errno::EPERM as i32) => {
            Err(io::Error::new(error.kind(), format!("cannot switch to its user: {}", Errno::EPERM.desc())))
        }
        result => result,
    }
}

/// Whether this process runs as that user already, without supplementary groups: starting a program without a change of
/// user is cheaper.
fn is_this_user(user: &ScriptUser) -> bool {
    let is = (getuid(), geteuid(), getgid(), getegid());
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    is == (uid, uid, gid, gid) && getgroups().is_ok_and(|groups| groups.iter().all(|group| *group == gid))
}

/// Decodes an error report; an empty report is success.
fn failure(report: &[u8]) -> io::Result<()> {
    let Some((number, text)) = report.split_first_chunk::<4>() else { return Ok(()) };
    let number = i32::from_be_bytes(*number);
    let error = io::Error::from_raw_os_error(number);
    if text.is_empty() {
        return Err(error);
    }
    Err(io::Error::new(error.kind(), format!("{}: {error}", String::from_utf8_lossy(text))))
}

/// The launcher: executes the program in `arguments`, which follow [`ROLE`]. Returns an exit status if that fails.
pub fn run(arguments: &[OsString]) -> u8 {
    let Ok(mut report) = take_report() else { return NOT_STARTED };
    let (error, doing) = match arguments {
        [how, path, name, arguments @ ..] => become_program(how, path, name, arguments),
        _ => (io::ErrorKind::InvalidInput.into(), "the launcher needs a program to execute"),
    };
    let number = error.raw_os_error().unwrap_or(Errno::EINVAL as i32);
    // If the starting process is gone, there is no one to report to.
    let _ = report.write_all(&[&number.to_be_bytes(), doing.as_bytes()].concat());
    NOT_STARTED
}

/// Takes the report pipe from standard output, which then refers to standard error. The pipe closes on exec.
fn take_report() -> io::Result<File> {
    let report = io::stdout().as_fd().try_clone_to_owned()?;
    dup2_stdout(io::stderr())?;
    Ok(File::from(report))
}

/// Executes the program. Returns only on failure: the error, and the step that failed unless it was the exec itself.
fn become_program(how: &OsStr, path: &OsStr, name: &OsStr, arguments: &[OsString]) -> (io::Error, &'static str) {
    let how = String::from_utf8_lossy(how.as_bytes());
    let (origin, user) = match how.split_once(';') {
        Some((origin, user)) => (origin, Some(user)),
        None => (&*how, None),
    };
    match origin.parse::<Origin>() {
        Ok(origin) => origin.restore(),
        Err(error) => return (io::Error::other(error), "the launcher was called with invalid arguments"),
    }
    if let Some(user) = user
        && let Err(error) = become_user(user)
    {
        return (error, "cannot switch to its user");
    }
    if let Err(errno) = SigSet::empty().thread_set_mask() {
        return (errno.into(), "cannot unblock signals");
    }
    (Command::new(path).arg0(name).args(arguments).exec(), "")
}

/// The groups of a user in the user database, and `gid`; none for an unknown user.
fn groups_of(uid: Uid, gid: Gid) -> io::Result<Vec<Gid>> {
    let Some(user) = User::from_uid(uid)? else { return Ok(Vec::new()) };
    let name = CString::new(user.name)?;
    Ok(getgrouplist(&name, gid)?)
}

fn become_user(ids: &str) -> io::Result<()> {
    let (ids, with_groups) = ids.strip_suffix(GROUPS).map_or((ids, false), |ids| (ids, true));
    let (uid, gid) = ids.split_once(':').ok_or(io::ErrorKind::InvalidInput)?;
    let number = |text: &str| text.parse::<u32>().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
    let (uid, gid) = (number(uid)?, number(gid)?);
    if !with_groups && is_this_user(&ScriptUser { uid, gid }) {
        // Without the capability to change users, the groups of the daemon stay too.
        let _ = setgroups(&[]);
        return Ok(());
    }
    if Uid::effective().is_root() {
        let groups = if with_groups { groups_of(Uid::from_raw(uid), Gid::from_raw(gid))? } else { Vec::new() };
        setgroups(&groups)?;
    }
    setgid(Gid::from_raw(gid))?;
    setuid(Uid::from_raw(uid))?;
    Ok(())
}
