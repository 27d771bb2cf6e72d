//! Starting a script: its own process group, nothing of our standard streams, a cleaned environment.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::config::model::ScriptUser;

/// Environment that could change what a privileged script does.
const REMOVED: [&str; 3] = ["IFS", "LD_PRELOAD", "LD_LIBRARY_PATH"];

/// Starts a program as `user` (`None`: as this process). It blocks until the program is loaded, which a file system
/// may delay for as long as it likes: not for the thread of an event loop.
///
/// # Errors
/// When `argv` is empty, the program cannot be executed, or the identity cannot be taken.
pub fn start_program(argv: &[String], user: Option<&ScriptUser>) -> io::Result<Child> {
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    for name in REMOVED {
        command.env_remove(name);
    }
    if let Some(user) = user {
        command.gid(user.gid).uid(user.uid);
    }
    command.spawn()
}
