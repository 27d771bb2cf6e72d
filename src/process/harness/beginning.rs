//! What a child begins with.

use std::io;
use std::path::PathBuf;

use snmp::MibError;

use super::agent::{Agent, Service, Subagent};
use super::shell::Process;
use crate::config::VirtualServers;
use crate::config::model::Config;
use crate::notify::log::Log;
use crate::notify::view::Reporter;
use crate::process::cli::Options;
use crate::process::ipc::{Channel, Told};
use crate::reactor::Signals;

/// What every child is given, once it has said hello to its parent.
pub(in crate::process) struct Beginning<'c> {
    /// The command line.
    pub(in crate::process) options: &'c Options,
    /// Without its virtual servers.
    pub(in crate::process) config: Config,
    pub(in crate::process) servers: VirtualServers,
    /// What a predecessor has told the parent.
    pub(in crate::process) told: Told,
    /// Only to remove what that has left.
    pub(in crate::process) clean_up: bool,
    pub(in crate::process) pid_file: PathBuf,
    pub(in crate::process) channel: Channel,
    pub(in crate::process) signals: Signals,
    pub(in crate::process) log: Log,
}

impl Beginning<'_> {
    /// The rows of a predecessor and their states; without one, or if they cannot be used, the start is a fresh one.
    pub(in crate::process) fn predecessor<P: Process>(&self) -> (P::Indices, P::Checkpoint)
    where
        P::Indices: Default,
        P::Checkpoint: Default,
    {
        self.told.open().unwrap_or_else(|error| {
            self.log.error(format_args!("Starting afresh: the predecessor of this process has left {error}"));
            Default::default()
        })
    }

    /// The agent of a process, if `enabled` or `-x` asks for one. `-A` beats `snmp_socket`; without either it is the
    /// usual socket.
    pub(in crate::process) fn agent<M: Reporter + 'static>(
        &self,
        enabled: bool,
        service: impl FnOnce() -> Result<Service<M>, MibError>,
    ) -> io::Result<Option<Box<dyn Subagent<M>>>> {
        let options = self.options;
        if (!options.snmp && !enabled) || self.clean_up {
            return Ok(None);
        }
        let given = options.snmp_socket.as_ref().or(self.config.global.snmp_socket.as_ref());
        let text = given.map_or(snmp::transport::DEFAULT_SOCKET, String::as_str);
        match text.parse() {
            Ok(address) => {
                let service = service().map_err(io::Error::other)?;
                Ok(Some(Box::new(Agent::new((address, text.into()), service))))
            }
            Err(error) => {
                let error: <snmp::MasterAddress as std::str::FromStr>::Err = error;
                self.log.error(format_args!("No SNMP: the AgentX master address '{text}' cannot be used: {error}"));
                Ok(None)
            }
        }
    }
}
