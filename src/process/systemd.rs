//! State notifications of the parent to systemd (sd_notify(3), `Type=notify`).

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::notify::log::Log;

/// The variable that names systemd's socket.
const SOCKET: &str = "NOTIFY_SOCKET";
/// Environment variables from systemd that are meant for the parent, not for its children.
pub(super) const VARIABLES: [&str; 3] = [SOCKET, "WATCHDOG_USEC", "WATCHDOG_PID"];

/// A state of the parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The children run with the configuration in force; with a line for `systemctl status`.
    Ready(String),
    /// A new configuration is being read.
    Reloading,
    /// The children are stopping.
    Stopping,
    /// Watchdog keep-alive: the parent's event loop runs.
    Alive,
}

/// Sends notifications from a separate thread, since systemd may read the socket late.
#[derive(Debug)]
pub(super) struct Systemd {
    /// `None` if systemd has not started the daemon.
    queue: Option<SyncSender<Stage>>,
    /// `WatchdogSec`.
    watchdog: Option<Duration>,
}

/// Notifications that may wait; further ones are dropped.
const QUEUE: usize = 64;

impl Systemd {
    /// Starts the thread if systemd expects notifications.
    pub(super) fn start(log: Log) -> io::Result<Systemd> {
        if std::env::var_os(SOCKET).is_none() {
            return Ok(Systemd { queue: None, watchdog: None });
        }
        let (queue, stages) = sync_channel(QUEUE);
        std::thread::Builder::new().name("sd-notify".into()).spawn(move || {
            while let Ok(stage) = stages.recv() {
                if let Err(error) = send(stage) {
                    log.warning(format_args!("Cannot notify systemd: {error}"));
                }
            }
        })?;
        Ok(Systemd { queue: Some(queue), watchdog: sd_notify::watchdog_enabled() })
    }

    /// `WatchdogSec`: time within which systemd expects [`Stage::Alive`], else it kills the daemon; `None` without it.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Queues a notification. Never blocks.
    pub(super) fn notify(&self, stage: Stage) {
        if let Some(queue) = &self.queue {
            // If the queue is full, systemd's own time-outs take effect.
            let _ = queue.try_send(stage);
        }
    }
}

fn send(stage: Stage) -> io::Result<()> {
    match stage {
        // In the background the main process is not the one that systemd has started.
        Stage::Ready(text) => sd_notify::notify(&[
            NotifyState::Ready,
            NotifyState::MainPid(std::process::id()),
            NotifyState::Status(&text),
        ]),
        Stage::Reloading => sd_notify::notify(&[
            NotifyState::Reloading,
            NotifyState::monotonic_usec_now()?,
            NotifyState::Status("Reading the configuration"),
        ]),
        Stage::Stopping => sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status("Stopping")]),
        Stage::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
    }
}
