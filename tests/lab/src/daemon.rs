//! The daemon that a router runs, and its program.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::netns::Netns;

/// The daemon of a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// The daemon of this workspace. The environment variable LAB_OURS=c replaces it by C keepalived,
    /// which shows whether a failing lab is itself at fault.
    Ours,
    /// Debian's C keepalived, unpacked by tests/peer/fetch.sh.
    C,
    /// That of Debian 13, unpacked by tests/peer/fetch-trixie.sh.
    C23,
}

impl Daemon {
    /// A short name for tables and logs.
    pub fn name(self) -> &'static str {
        match self.seated() {
            Self::Ours => "ours",
            Self::C => "C",
            Self::C23 => "C 2.3",
        }
    }

    /// The daemon that is run, depending on LAB_OURS.
    pub fn seated(self) -> Self {
        let replaced = self == Self::Ours && std::env::var_os("LAB_OURS").is_some_and(|value| value == "c");
        if replaced { Self::C } else { self }
    }

    /// The program itself, to be started from a thread in the namespace ([`Netns::enter`]) when its start is timed.
    pub fn program(self) -> Command {
        match self.seated() {
            Self::Ours => Command::new(ours()),
            Self::C => {
                let mut command = Command::new(peer());
                command.env("LD_LIBRARY_PATH", peer_libraries());
                command
            }
            Self::C23 => trixie("keepalived"),
        }
    }

    /// A command that starts the program in `netns`, without arguments.
    pub fn command(self, netns: &Netns) -> Command {
        let program = self.program();
        // LD_LIBRARY_PATH must not affect `ip`, so `env` sets it.
        let mut command = netns.command("env");
        for (name, value) in program.get_envs() {
            let mut setting = name.to_owned();
            setting.push("=");
            setting.push(value.unwrap_or_default());
            command.arg(setting);
        }
        command.arg(program.get_program()).args(program.get_args());
        command
    }
}

/// A daemon of Debian 13, started by the loader of that Debian.
pub fn trixie(program: &str) -> Command {
    let root = workspace().join(".test/trixie/usr");
    let libraries = std::fs::read_dir(root.join("lib")).into_iter().flatten().flatten().map(|entry| entry.path());
    let loaders = libraries.flat_map(|directory| std::fs::read_dir(directory).into_iter().flatten().flatten());
    let is_loader =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"));
    let loader = loaders.map(|entry| entry.path()).find(is_loader);
    let loader = loader.expect("Debian 13's daemons are missing: run tests/peer/fetch-trixie.sh (make soak does)");
    let mut command = Command::new(&loader);
    command.arg("--library-path").arg(loader.parent().expect("a directory")).arg(root.join("sbin").join(program));
    command
}

/// The keepalived that cargo built beside the running test or benchmark.
pub fn ours() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let built = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST").join("keepalived");
    assert!(built.exists(), "{} is not built", built.display());
    built
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn peer() -> PathBuf {
    let peer = workspace().join(".test/peer/usr/sbin/keepalived");
    assert!(peer.exists(), "C keepalived is missing: run tests/peer/fetch.sh (make setup does)");
    peer
}

fn peer_libraries() -> String {
    let lib = workspace().join(".test/peer/usr/lib");
    let entries = std::fs::read_dir(lib).into_iter().flatten().flatten();
    let paths: Vec<String> = entries.map(|entry| entry.path().display().to_string()).collect();
    paths.join(":")
}
