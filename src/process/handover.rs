//! Upgrade: what the parent hands over to its successor, another program in the same process.
//!
//! The process stays, with its pid, its children and its locks; execve(2) replaces its program. State and descriptors go through
//! a socket that becomes standard input, so that the successor owns each descriptor it gets.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use rustix::stdio::dup2_stdin;
use serde::{Deserialize, Serialize};

use super::context::Context;

/// Environment variable of a successor: the pid of the process, so that programs which inherit it are none.
pub(super) const VARIABLE: &str = "KEEPALIVED_SUCCESSOR";
/// Version of the form. Later releases may add fields, which earlier ones ignore.
const VERSION: u32 = 1;
/// Descriptors besides those of the children: the state, the configuration, the former program and the pid file.
const FIXED: usize = 4;
/// Most descriptors.
const MOST: usize = 16;

/// The state of the parent, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Handover {
    /// Version of the form.
    pub(super) version: u32,
    /// Product and version of the former program.
    pub(super) from: String,
    /// Directory of relative paths in the configuration, if it is not the working directory.
    pub(super) directory: Option<PathBuf>,
    /// The [`Origin`](crate::reactor::Origin) of the daemon, as text.
    pub(super) origin: String,
    /// Path and content of the pid file.
    pub(super) pid_file: (PathBuf, Option<String>),
    /// The children, in the order of their descriptors.
    pub(super) children: Vec<Child>,
    /// What replacements continue from, by the word of the role.
    pub(super) saved: BTreeMap<String, Saved>,
    /// Words of roles whose last process was killed.
    pub(super) killed: Vec<String>,
    /// How often each child was started.
    pub(super) starts: BTreeMap<String, u32>,
    /// When each child was last started again.
    pub(super) restarts: BTreeMap<String, Duration>,
    /// When the daemon was started, as a time of the event loop.
    pub(super) started: Duration,
    /// Start of the daemon for SNMPv3 (boots, milliseconds of the clock).
    pub(super) engine: Option<(u32, u64)>,
    /// Time and refusal of the last reload.
    pub(super) last_reload: Option<(Duration, Option<String>)>,
    /// FIFOs with the programs that read them.
    pub(super) fifos: Vec<HeldFifo>,
    /// Pattern of core files before and of the daemon.
    pub(super) core_pattern: Option<(String, String)>,
    /// Settings that cannot be changed without a restart, as text by keyword.
    pub(super) fixed: BTreeMap<String, String>,
    /// Number of the last records of its log that the former program could not write.
    pub(super) unlogged: usize,
    /// Why the successor has given back, if it has.
    pub(super) failed: Option<String>,
}

/// A child.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Child {
    /// The word of its role.
    pub(super) role: String,
    /// Its pid.
    pub(super) pid: u32,
    /// Since when it runs.
    pub(super) since: Duration,
    /// Whether it hands over to its replacement in order.
    pub(super) hands_over: bool,
    /// Whether it continues on order after it has handed over.
    pub(super) resumes: bool,
    /// Octets of a message of it that has arrived in part.
    pub(super) incoming: Vec<u8>,
}

/// The state of a child.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Saved {
    /// Record of the indices.
    pub(super) indices: Option<Vec<u8>>,
    /// Record of the states.
    pub(super) checkpoint: Option<Vec<u8>>,
}

/// A FIFO that the daemon keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct HeldFifo {
    /// Its path.
    pub(super) path: String,
    /// Device and inode, if the daemon has made it.
    pub(super) made: Option<(u64, u64)>,
    /// Pid of the program that reads it.
    pub(super) reader: Option<i32>,
}

/// The descriptors that come with the state.
#[derive(Debug)]
pub(super) struct Descriptors {
    /// The configuration in force, in the form of the former program.
    pub(super) snapshot: File,
    /// The former program.
    pub(super) former: File,
    /// The locked pid file.
    pub(super) pid_file: File,
    /// The channels of the children, in their order.
    pub(super) channels: Vec<OwnedFd>,
    /// The FIFOs, in their order.
    pub(super) fifos: Vec<File>,
}

impl Handover {
    /// The state in a file in memory, from its start.
    pub(super) fn to_file(&self) -> io::Result<File> {
        let text = serde_json::to_vec(&Handover { version: VERSION, ..self.clone() }).map_err(io::Error::other)?;
        file_of(&[&text])
    }

    /// Reads the state from a file.
    pub(super) fn read(mut file: impl Read) -> io::Result<Handover> {
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let handover: Handover = serde_json::from_slice(&text).map_err(io::Error::other)?;
        if handover.version != VERSION {
            let found = handover.version;
            return Err(io::Error::other(format!("the state has version {found}, not {VERSION}: restart keepalived")));
        }
        Ok(handover)
    }
}

/// A file in memory with these octets, at its start.
pub(super) fn file_of(pieces: &[&[u8]]) -> io::Result<File> {
    let mut file = File::from(memfd_create("handover", MemfdFlags::CLOEXEC)?);
    pieces.iter().try_for_each(|piece| file.write_all(piece))?;
    file.rewind()?;
    Ok(file)
}

/// Replaces the program of this process; `others` are the channels of the children and the FIFOs. Returns only if that fails, and then everything is as before.
pub(super) fn replace_program(
    program: &Path,
    arguments: &[OsString],
    handover: &Handover,
    snapshot: BorrowedFd<'_>,
    former: BorrowedFd<'_>,
    pid_file: BorrowedFd<'_>,
    others: &[BorrowedFd<'_>],
) -> io::Error {
    let prepare = || -> io::Result<(UnixStream, OwnedFd)> {
        let state = handover.to_file().step("record the state")?;
        let (ours, theirs) = UnixStream::pair().step("make a socket pair")?;
        let descriptors = [&[state.as_fd(), snapshot, former, pid_file], others].concat();
        send(&ours, &descriptors).step("hand over the descriptors")?;
        let before = io::stdin().as_fd().try_clone_to_owned().step("keep the standard input")?;
        dup2_stdin(theirs).map_err(io::Error::from).step("hand over the socket")?;
        Ok((ours, before))
    };
    let (_socket, before) = match prepare() {
        Ok(prepared) => prepared,
        Err(error) => return error,
    };
    let mut command = Command::new(program);
    let mut words = arguments.iter();
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    let error = command.args(words).env(VARIABLE, std::process::id().to_string()).exec();
    // If this fails, standard input is a socket that nobody uses.
    let _ = dup2_stdin(before);
    error
}

/// Whether this process has replaced its program by an upgrade.
pub(super) fn is_successor() -> bool {
    std::env::var(VARIABLE).is_ok_and(|pid| pid == std::process::id().to_string())
}

/// Receives what the former program has handed over. Standard input is `/dev/null` afterwards.
pub(super) fn receive() -> io::Result<(Handover, Descriptors)> {
    let stream = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    let received = stream.and_then(|stream| receive_descriptors(&stream));
    let mut received = received.step("receive the descriptors of the former program")?.into_iter();
    let null = File::open("/dev/null").step("open /dev/null")?;
    dup2_stdin(null).map_err(io::Error::from).step("close the standard input")?;
    let mut next = || received.next().ok_or_else(|| io::Error::other("a descriptor is missing"));
    let (state, snapshot, former, pid_file) = (next()?, next()?, next()?, next()?);
    let handover = Handover::read(File::from(state)).step("read the state of the former program")?;
    let channels: Vec<OwnedFd> = received.by_ref().take(handover.children.len()).collect();
    let fifos: Vec<File> = received.map(File::from).collect();
    if (channels.len(), fifos.len()) != (handover.children.len(), handover.fifos.len()) {
        return Err(io::Error::other("not each child and FIFO has a descriptor"));
    }
    let [snapshot, former, pid_file] = [snapshot, former, pid_file].map(File::from);
    Ok((handover, Descriptors { snapshot, former, pid_file, channels, fifos }))
}

fn send(stream: &UnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors"));
    }
    sendmsg(stream, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn receive_descriptors(stream: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut octet = [0];
    // Never blocks for long: the former program has sent it before.
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    recvmsg(stream, &mut [IoSliceMut::new(&mut octet)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut received = Vec::with_capacity(FIXED);
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            received.extend(descriptors);
        }
    }
    Ok(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_arrive_in_order() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let files: Vec<File> = (0..5)
            .map(|number| Handover { from: number.to_string(), ..Handover::default() }.to_file().unwrap())
            .collect();
        let borrowed: Vec<BorrowedFd<'_>> = files.iter().map(AsFd::as_fd).collect();
        send(&ours, &borrowed).unwrap();
        let received = receive_descriptors(&theirs).unwrap();
        let read: Vec<String> =
            received.into_iter().map(|file| Handover::read(File::from(file)).unwrap().from).collect();
        assert_eq!(read, ["0", "1", "2", "3", "4"]);
    }

    /// A later release may add fields.
    #[test]
    fn unknown_fields_are_ignored_and_missing_ones_are_empty() {
        let read = Handover::read(&br#"{"version":1,"from":"5","more":[1]}"#[..]).unwrap();
        assert_eq!(read, Handover { version: 1, from: "5".into(), ..Handover::default() });
        for text in ["", "{}", r#"{"version":2}"#, r#"{"version":"1"}"#, "[]"] {
            assert!(Handover::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
