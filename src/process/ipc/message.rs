//! The messages over the pair.

use crate::config::Snapshot;
use crate::notify::dump::Dump;
use crate::process::engine::EngineStart;
use crate::process::sessions::Listener;
use crate::system::Lateness;

/// A message over the pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Watchdog: the parent sends a number, and the child answers with the same.
    Hello(u32),
    /// From the parent: run this configuration.
    Config(Snapshot),
    /// From the child: the indices of its rows. From the parent, before the checkpoint: the indices of its predecessor.
    Indices(Vec<u8>),
    /// From the child: the state from which a replacement should continue. From the parent, before the configuration:
    /// the state from which to continue.
    Checkpoint(Vec<u8>),
    /// From the parent: write a dump file.
    Dump(Dump),
    /// From the child: it runs with the configuration of a [`Message::Config`]; one for each, in the same order.
    Ready,
    /// From the parent, before the configuration: the [`Origin`](crate::reactor::Origin) of the daemon, as text.
    Origin(String),
    /// From the parent, before the configuration: the start of the daemon.
    Engine(EngineStart),
    /// From the parent, at any time, with a descriptor: the receiver's end of a socket pair over which the BFD process
    /// reports its sessions. See [`Channel::take_descriptor`](super::Channel::take_descriptor).
    Link(Listener),
    /// From the parent: send the part of the status, with this number.
    StatusWanted(u32),
    /// From the child: its part of the status as JSON, with the number of the request.
    Status(u32, Vec<u8>),
    /// From the parent: carry out a command of a client, as JSON, with its number.
    Command(u32, Vec<u8>),
    /// From the child: the result of a command as JSON, with its number.
    Result(u32, Vec<u8>),
    /// From the parent, before the configuration: prepare to replace another process, and wait for [`Message::Go`].
    StandBy,
    /// From the child: it is prepared.
    Prepared,
    /// From the parent, after indices and checkpoint: begin.
    Go,
    /// From the parent: a replacement is prepared; send the last checkpoint, and keep still until the end, or until
    /// [`Message::Resume`], at most for this time in milliseconds. A parent without a time does not know how to resume.
    HandOver(Option<u32>),
    /// From the child, after its last checkpoint: it keeps still.
    HandedOver,
    /// From the parent, after [`Message::HandedOver`]: the replacement has ended; continue.
    Resume,
    /// From the child, after [`Message::HandedOver`]: it has waited long enough, and continues.
    Resumed,
    /// From the child: a caller on D-Bus wants the configuration to be read again.
    ReloadWanted,
    /// From the child, with each hello: how late its event loop was in the last minute.
    Late(Lateness),
    /// From the parent: what it knows of the daemon, with news for notifications, as JSON.
    Daemon(Vec<u8>),
    /// From the child: it has taken the news of a [`Message::Daemon`] that had some; one for each, in the same order.
    Learnt,
    /// From the parent, before the configuration: remove the entries that a predecessor has left in the kernel, then
    /// exit.
    CleanUp,
}
