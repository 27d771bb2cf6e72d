//! A script or other program to execute.

use std::io;
use std::path::PathBuf;
use std::process::Child;

use serde::{Deserialize, Serialize};

use super::launcher;
use crate::config::model::{Global, Script, ScriptUser};
use crate::config::{program_path, secure_program};

/// A program to execute, with its arguments and its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// User and group; `None`: those of this process.
    pub user: Option<ScriptUser>,
    /// `enable_script_security`: not executed as root if a user other than root can change it.
    pub guarded: bool,
    /// `set_supplementary_groups`: it has the supplementary groups of its user.
    pub groups: bool,
    /// Symbolic links in its path are resolved before it is executed, so that a script finds files beside it (without
    /// `use_symlink_paths`).
    pub resolved: bool,
}

impl Program {
    /// The program of a script, with the user of the script, else `script_user`.
    pub fn new(script: &Script, global: Option<&Global>) -> Program {
        let default_user = global.and_then(|global| global.script_user.as_ref());
        Program {
            argv: script.argv.clone(),
            user: script.user.as_ref().or(default_user).cloned(),
            guarded: global.is_some_and(|global| global.script_security),
            groups: global.is_some_and(|global| global.supplementary_groups),
            resolved: !global.is_some_and(|global| global.symlink_paths),
        }
    }

    /// Starts the program through the [`launcher`]. Blocks until it is executed, which a file system may delay without
    /// limit: do not call it from the thread of an event loop.
    ///
    /// # Errors
    /// When the program does not exist or cannot be executed, its user cannot be set, or it is not secure: permissions
    /// may have changed since the configuration was read.
    pub fn start(&self) -> io::Result<Child> {
        let program = self.argv.first().ok_or(io::ErrorKind::InvalidInput)?;
        launcher::start(&self.path(program)?, &self.argv, self.user.as_ref(), self.groups)
    }

    /// Starts the program directly, from a process after [`become_clean`](launcher::become_clean).
    ///
    /// # Errors
    /// As [`start`](Program::start).
    pub fn start_as_this_process(&self) -> io::Result<Child> {
        let program = self.argv.first().ok_or(io::ErrorKind::InvalidInput)?;
        if self.groups && self.user.is_some() {
            // Only the launcher can set them.
            return self.start();
        }
        launcher::start_directly(&self.path(program)?, &self.argv, self.user.as_ref())
    }

    /// The file to execute. With `enable_script_security`, root executes the same file that was checked.
    fn path(&self, program: &str) -> io::Result<PathBuf> {
        let root = self.user.as_ref().map_or_else(|| nix::unistd::geteuid().is_root(), |user| user.uid == 0);
        if self.guarded && root {
            program_path(program).ok_or(nix::errno::Errno::ENOENT)?;
            let refused = |why| io::Error::other(format!("it is not run as root: {why}"));
            return secure_program(program).map_err(refused);
        }
        let path = if program.contains('/') {
            program.into()
        } else {
            program_path(program).ok_or(nix::errno::Errno::ENOENT)?
        };
        if self.resolved { path.canonicalize() } else { Ok(path) }
    }
}
