//! The arguments of a child.

use std::path::PathBuf;

use super::agent::{Agents, Configured, Service};
use super::direct::Direct;
use super::shell::Process;
use crate::config::VirtualServers;
use crate::config::model::Config;
use crate::notify::dump::Setting;
use crate::notify::log::Log;
use crate::notify::view::{Reporter, View};
use crate::process::cli::Options;
use crate::process::engine::EngineStart;
use crate::process::ipc::{Channel, SavedState};
use crate::process::ipvs_host::IpvsHost;
use crate::process::pidfile::PidFile;
use crate::reactor::Signals;
use crate::state::Opened;
use crate::system::HasSystem;

/// Arguments of a child process, once it has received its configuration.
pub(in crate::process) struct ChildStart<'c> {
    /// The command line.
    pub(in crate::process) options: &'c Options,
    /// The configuration without virtual servers.
    pub(in crate::process) config: Config,
    pub(in crate::process) servers: VirtualServers,
    /// Where IPVS is.
    pub(in crate::process) ipvs: IpvsHost,
    /// State that a predecessor has sent to the parent.
    pub(in crate::process) saved: SavedState,
    /// The start of the daemon.
    pub(in crate::process) engine: EngineStart,
    /// The child only removes the entries that a predecessor has left in the kernel.
    pub(in crate::process) clean_up: bool,
    pub(in crate::process) pid_file: PathBuf,
    /// The same, with the pid of this process.
    pub(in crate::process) locked: PidFile,
    /// What the dumps depend on besides the rows.
    pub(in crate::process) dumps: Setting,
    pub(in crate::process) channel: Channel,
    pub(in crate::process) signals: Signals,
    pub(in crate::process) log: Log,
}

impl ChildStart<'_> {
    /// Indices and checkpoint of the predecessor; empty without a predecessor, or if they cannot be used, which is
    /// logged.
    pub(in crate::process) fn predecessor<P: Process>(&self) -> (P::Indices, P::Checkpoint) {
        match self.saved.open() {
            Ok(Opened { record, lost }) => {
                if !lost.is_empty() {
                    let lost = lost.join(", ");
                    self.log
                        .warning(format_args!("The previous process has left what this release does not use: {lost}"));
                }
                record
            }
            Err(error) => {
                self.log.error(format_args!("Starting without the state of the previous process: it has left {error}"));
                Default::default()
            }
        }
    }

    /// The source of subagents of a process: its modules are enabled by `-x`, or by the configuration. `-A` takes precedence
    /// over `snmp_socket`; without either it is the default socket. `None` for a cleanup process.
    pub(in crate::process) fn agents<M: Reporter + HasSystem + 'static>(
        &self,
        service: Service<M>,
    ) -> Option<Box<dyn Agents<M>>> {
        let (always, given) = (self.options.snmp, self.options.snmp_socket.clone());
        let agents = Configured { always, given, service, socket: None, made: 0 };
        (!self.clean_up).then(|| Box::new(agents) as _)
    }
}

/// The view of a process for `snmp_trap_target`, which needs no AgentX master.
pub(in crate::process) fn direct_notifications<M: Reporter + HasSystem + 'static>(
    service: &Service<M>,
    machines: &M,
    engine: EngineStart,
    log: Log,
) -> Box<dyn View<M>> {
    Box::new(Direct::new(service.modules, machines, engine, log))
}
