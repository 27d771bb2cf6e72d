//! Tells systemd how far the parent is (`Type=notify`).

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::notify::log::Log;

/// The variable that names systemd's socket.
const SOCKET: &str = "NOTIFY_SOCKET";
/// What systemd says to the parent alone.
pub(super) const VARIABLES: [&str; 3] = [SOCKET, "WATCHDOG_USEC", "WATCHDOG_PID"];

/// How far the parent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The children run, with the configuration in force.
    Ready,
    /// A new configuration is being read.
    Reloading,
    /// The children are told to stop.
    Stopping,
    /// The parent's loop turns.
    Alive,
}

/// Sends from a thread of its own: the socket's reader may be slow.
#[derive(Debug)]
pub(super) struct Systemd {
    /// `None` when systemd has not started us.
    queue: Option<SyncSender<Stage>>,
    /// `WatchdogSec`.
    watchdog: Option<Duration>,
}

/// Messages that may wait; further ones are lost.
const QUEUE: usize = 64;

impl Systemd {
    /// Starts the thread if there is somebody to tell.
    pub(super) fn start(log: Log) -> io::Result<Systemd> {
        if std::env::var_os(SOCKET).is_none() {
            return Ok(Systemd { queue: None, watchdog: None });
        }
        let (queue, stages) = sync_channel(QUEUE);
        std::thread::Builder::new().name("sd-notify".into()).spawn(move || {
            while let Ok(stage) = stages.recv() {
                if let Err(error) = tell(stage) {
                    log.warning(format_args!("Cannot tell systemd: {error}"));
                }
            }
        })?;
        Ok(Systemd { queue: Some(queue), watchdog: sd_notify::watchdog_enabled() })
    }

    /// How long systemd waits for [`Stage::Alive`], if it does, before it ends the daemon.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells how far we are. Never blocks.
    pub(super) fn tell(&self, stage: Stage) {
        if let Some(queue) = &self.queue {
            // A systemd that takes nothing will find out by itself.
            let _ = queue.try_send(stage);
        }
    }
}

fn tell(stage: Stage) -> io::Result<()> {
    match stage {
        // In the background we are another process than the one that was started.
        Stage::Ready => sd_notify::notify(&[NotifyState::Ready, NotifyState::MainPid(std::process::id())]),
        Stage::Reloading => sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?]),
        Stage::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
        Stage::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
    }
}
