//! The new program of an upgrade: its trial beside the daemon, and its start in the process of the daemon.

use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::channel;

use super::cli::{self, Options};
use super::configuration::{self, Recorded};
use super::context::Context;
use super::exit;
use super::handover::{self, Descriptors, Handover};
use super::ipc::SavedState;
use super::parent::Fixed;
use super::role::Role;
use crate::config::model::Config;
use crate::config::{Loaded, Snapshot};
use crate::reactor::Origin;
use crate::terminal;
use crate::text::reason;

/// A state that this program can continue, with the configuration to continue with.
pub(super) struct Adoptable {
    pub(super) config: Config,
    pub(super) snapshot: Snapshot,
    pub(super) loaded: Recorded,
    /// Parts of the state that this program does not continue, as sentences.
    pub(super) lost: Vec<String>,
}

/// The trial: checks the state on standard input, and the configuration. The result is the exit status; why it fails is on
/// standard error.
pub(super) fn trial(options: &Options) -> u8 {
    match Handover::read(io::stdin())
        .step("read the state of the daemon")
        .map_err(|error| reason(&error))
        .and_then(|state| prepare(options, &state))
    {
        Ok(adoptable) => {
            adoptable.lost.iter().for_each(terminal::message);
            exit::OK
        }
        Err(why) => {
            terminal::message(why);
            exit::FATAL
        }
    }
}

/// Receives the state from the former program of this process, and prepares to continue it. If that fails, the former program
/// gets it back, and this function does not return.
///
/// # Errors
/// If nothing can be continued: what was received is unusable, or the former program cannot be executed.
pub(super) fn receive(options: &Options) -> Result<(Adoptable, Handover, Descriptors), String> {
    let (state, descriptors) = handover::receive().map_err(|error| reason(&error))?;
    if let Ok(origin) = state.origin.parse::<Origin>() {
        origin.set();
    }
    if state.failed.is_some() {
        return resume(&descriptors).map(|adoptable| (adoptable, state, descriptors));
    }
    match prepare(options, &state) {
        Ok(adoptable) => Ok((adoptable, state, descriptors)),
        Err(why) => Err(give_back(options, state, &descriptors, why)),
    }
}

/// Continues with the configuration in force, which this program has read: it has got the state back.
fn resume(descriptors: &Descriptors) -> Result<Adoptable, String> {
    let mut octets = Vec::new();
    (&descriptors.snapshot)
        .read_to_end(&mut octets)
        .step("read the configuration in force")
        .map_err(|error| reason(&error))?;
    let mut loaded = Loaded::of_snapshot(octets).map_err(|error| error.to_string())?;
    let (config, snapshot) = loaded.config.take().ok_or("there is no configuration")?;
    Ok(Adoptable { config, snapshot, loaded, lost: Vec::new() })
}

fn give_back(options: &Options, state: Handover, descriptors: &Descriptors, why: String) -> String {
    use std::os::fd::{AsFd, AsRawFd};

    let program = format!("/proc/self/fd/{}", descriptors.former.as_raw_fd());
    let channels = descriptors.channels.iter().map(AsFd::as_fd);
    let others: Vec<_> = channels.chain(descriptors.fifos.iter().map(AsFd::as_fd)).collect();
    let state = Handover { failed: Some(why), ..state };
    let error = handover::replace_program(
        Path::new(&program),
        &options.line.words(),
        &state,
        descriptors.snapshot.as_fd(),
        descriptors.former.as_fd(),
        descriptors.pid_file.as_fd(),
        &others,
    );
    format!("{}; and cannot give back: {}", state.failed.unwrap_or_default(), reason(&error))
}

/// Checks that this program can continue the state, and reads the configuration.
fn prepare(options: &Options, state: &Handover) -> Result<Adoptable, String> {
    let mut lost = Vec::new();
    for (word, saved) in &state.saved {
        let role = Role::from_word(word).ok_or_else(|| format!("{} has no {word} process", cli::version_text()))?;
        let saved = SavedState { indices: saved.indices.clone(), checkpoint: saved.checkpoint.clone() };
        let name = role.name();
        let parts = (role.kind().usable)(&saved)
            .map_err(|error| format!("the {name} process has left {error}; restart keepalived instead"))?;
        if !parts.is_empty() {
            let (version, parts) = (cli::version_text(), parts.join(", "));
            lost.push(format!("{version} does not continue these parts of the state of the {name} process: {parts}"));
        }
    }
    let mut loaded = load(options, state.directory.as_deref()).map_err(|error| reason(&error))?;
    if let Some(why) = &loaded.unsteady {
        return Err(why.clone());
    }
    let Some((config, snapshot)) = loaded.config.take() else {
        return Err(format!("the configuration has errors: {}", loaded.diagnostics));
    };
    if let Some(keyword) = Fixed::new(&config.global).changed_from(&state.fixed) {
        return Err(format!("{keyword} cannot be changed by an upgrade; restart keepalived to change it"));
    }
    Ok(Adoptable { config, snapshot, loaded, lost })
}

/// Reads the configuration in a thread, which has the working directory to itself.
fn load(options: &Options, directory: Option<&Path>) -> io::Result<Recorded> {
    let (sender, outcome) = channel();
    let (options, directory) = (options.clone(), directory.map(Path::to_owned));
    std::thread::Builder::new()
        .name("reload".into())
        .spawn(move || {
            let entered = directory.as_deref().map_or(Ok(()), configuration::enter);
            let _ = sender.send(entered.and_then(|()| configuration::load(&options, directory.as_deref())));
        })
        .step("start a thread")?;
    outcome.recv().unwrap_or_else(|_| Err(io::Error::other("the thread that reads the configuration has failed")))
}
