//! Starting a script: its own process group, nothing of our standard streams, a cleaned environment.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::descriptors;
use crate::config::model::{Global, Script, ScriptUser};
use crate::config::{program_path, secure_program};

/// Environment that could change what a privileged script does.
const REMOVED: [&str; 3] = ["IFS", "LD_PRELOAD", "LD_LIBRARY_PATH"];

/// A program to be started, with its arguments and identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// `None`: as this process.
    pub user: Option<ScriptUser>,
    /// `enable_script_security`: as root it is not started if others than root can change it.
    pub guarded: bool,
}

impl Program {
    /// A script as its own user, else as `script_user`.
    pub fn new(script: &Script, global: Option<&Global>) -> Program {
        let default_user = global.and_then(|global| global.script_user.as_ref());
        Program {
            argv: script.argv.clone(),
            user: script.user.as_ref().or(default_user).cloned(),
            guarded: global.is_some_and(|global| global.script_security),
        }
    }

    /// Starts it. It blocks until the program is loaded, which a file system may delay for as long as it likes: not for
    /// the thread of an event loop.
    ///
    /// # Errors
    /// When there is no program, it cannot be executed, the identity cannot be taken, or it is not secure: since the
    /// configuration was read, permissions may have changed.
    pub fn start(&self) -> io::Result<Child> {
        let (program, arguments) = self.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(self.path(program)?);
        // Some programs are several in one, and go by the name they are called by.
        command.arg0(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        for name in REMOVED {
            command.env_remove(name);
        }
        if let Some(user) = &self.user {
            command.gid(user.gid).uid(user.uid);
        }
        let child = command.spawn()?;
        // For a moment it has ours. One that has ended by now has no use for its own, and one of another user can only
        // be given it with CAP_SYS_RESOURCE: the more is no harm to most.
        let _ = descriptors::as_found(child.id());
        Ok(child)
    }

    /// The file to be executed. With `enable_script_security`, what root runs is the very file that was checked.
    fn path(&self, program: &str) -> io::Result<PathBuf> {
        let root = self.user.as_ref().map_or_else(|| nix::unistd::geteuid().is_root(), |user| user.uid == 0);
        if self.guarded && root {
            let refused = |why| io::Error::other(format!("it is not run as root: {why}"));
            return secure_program(program).map_err(refused);
        }
        if program.contains('/') {
            return Ok(program.into());
        }
        program_path(program).ok_or_else(|| nix::errno::Errno::ENOENT.into())
    }
}
