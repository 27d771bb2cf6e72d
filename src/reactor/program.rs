//! A script or other program to be started.

use std::io;
use std::path::PathBuf;
use std::process::Child;

use serde::{Deserialize, Serialize};

use super::launcher;
use crate::config::model::{Global, Script, ScriptUser};
use crate::config::{program_path, secure_program};

/// A program to be started, with its arguments and identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// Starts it as a clean process: see [`launcher`]. It blocks until the program is loaded, which a file system may delay for as long as it likes: not for
    /// the thread of an event loop.
    ///
    /// # Errors
    /// When there is no program, it cannot be executed, the identity cannot be taken, or it is not secure: since the
    /// configuration was read, permissions may have changed.
    pub fn start(&self) -> io::Result<Child> {
        let program = self.argv.first().ok_or(io::ErrorKind::InvalidInput)?;
        launcher::start(&self.path(program)?, &self.argv, self.user.as_ref())
    }

    /// Starts it from a process that is clean already.
    ///
    /// # Errors
    /// As [`start`](Program::start).
    pub fn start_as_this_process(&self) -> io::Result<Child> {
        let program = self.argv.first().ok_or(io::ErrorKind::InvalidInput)?;
        launcher::start_directly(&self.path(program)?, &self.argv, self.user.as_ref())
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
