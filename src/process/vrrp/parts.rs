//! The VRRP process: its machines, sources and timers, and what it needs of the host for a configuration.

use std::collections::BTreeMap;

use super::announcer::Announcer;
use super::firewall::Firewall;
use super::sockets::Sockets;
use super::trackers::TrackerSources;
use crate::config::model::NetlinkBuffers;
use crate::kernel::{self, EntryRequest, OwnLinkWriter, Writer, sysctl};
use crate::notify::dbus::Dbus;
use crate::process::buffers::Buffers;
use crate::process::harness::{Shell, Watch, token};
use crate::process::record_file::RecordFile;
use crate::process::sessions::Subscription;
use crate::process::sync_daemon::SyncDaemon;
use crate::reactor::Token;
use crate::vrrp::{self, InstanceId, Sequences, TimerKey, Vrrp};

pub(super) const MONITOR: Token = token(0);
pub(super) const WRITER: Token = token(1);
pub(super) const ADVERTS: Token = token(2);
pub(super) const SYNC: Token = token(3);
pub(super) const OWN_LINKS: Token = token(4);
pub(super) const SOCKETS: Token = token(5);
pub(super) const LOOK_UPS: Token = token(6);
pub(super) const SCRIPTS: Token = token(7);
pub(super) const FILES: Token = token(8);
pub(super) const PROCESSES: Token = token(9);
pub(super) const SESSIONS: Token = token(10);
pub(super) const BEATS: Token = token(11);
pub(super) const NFTABLES: Token = token(12);
pub(super) const DBUS: Token = token(13);

/// The timers of the machines, and of the process itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Machine(TimerKey),
    RetrySockets,
    /// A BFD session goes down because the BFD process is gone.
    Sessions,
}

/// Its part of the loop.
pub(super) type Loop = Shell<VrrpProcess>;

/// The VRRP process.
pub(super) struct VrrpProcess {
    pub(super) vrrp: Vrrp,
    pub(super) buffers: Buffers,
    pub(super) watch: Watch,
    pub(super) writer: Writer,
    pub(super) own_links: OwnLinkWriter,
    pub(super) firewall: Firewall,
    pub(super) sockets: Sockets,
    /// The sockets for adverts may have more packets than were read.
    pub(super) unread: bool,
    pub(super) announcer: Announcer,
    pub(super) tracker_sources: TrackerSources,
    /// Reports of the BFD process.
    pub(super) sessions: Subscription,
    /// Changes for `promote_secondaries` and `disable_local_igmp`, to be restored at the stop.
    pub(super) sysctls: sysctl::Changes,
    /// Changes of settings for VMACs, for a replacement of this process.
    pub(super) link_settings: sysctl::Changes,
    /// `lvs_sync_daemon` that follows an instance.
    pub(super) sync_daemon: SyncDaemon,
    /// `-V`.
    pub(super) keep_addresses: bool,
    /// Sequence numbers for the next start.
    pub(super) sequences: RecordFile<Sequences>,
    /// States of the predecessor.
    pub(super) states: vrrp::Checkpoint,
    /// Requests to be submitted.
    pub(super) requests: Vec<EntryRequest>,
    /// Interfaces of instances have changed.
    pub(super) links_changed: bool,
    /// Sockets may be open that no instance needs.
    pub(super) prune_due: bool,
    /// The last error of each instance whose adverts cannot be sent.
    pub(super) send_errors: BTreeMap<InstanceId, String>,
    /// A cleanup process, which sends no adverts.
    pub(super) silent: bool,
    /// Requests of callers on D-Bus.
    pub(super) dbus: Dbus,
}

/// Descriptors that the instances may need: a socket for each, if each has its own interface, and another while it is
/// replaced.
pub(super) fn descriptors(instances: usize) -> usize {
    instances.saturating_mul(2)
}

/// The BFD sessions that this process follows.
pub(super) fn followed(vrrp: &Vrrp) -> impl Iterator<Item = &str> {
    vrrp.tables().trackers.sessions.values().map(|tracker| tracker.row.config.name.as_str())
}

/// The tables of the kernel that this process follows.
pub(super) fn watched(vrrp: &Vrrp) -> kernel::WatchedTables {
    let (routes, rules) = (vrrp.route_protocols(), vrrp.rule_protocols());
    let buffer = netlink_buffers(vrrp).monitor;
    kernel::WatchedTables { routes: !routes.is_empty(), rules: !rules.is_empty(), protocols: &routes | &rules, buffer }
}

/// `vrrp_netlink_cmd_rcv_bufs` and the like.
pub(super) fn netlink_buffers(vrrp: &Vrrp) -> NetlinkBuffers {
    vrrp.tables().system.global.as_ref().map(|global| global.vrrp_netlink).unwrap_or_default()
}
