//! The rows: what is known of each virtual server, real server and checker, wanted and real.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::LazyLock;
use std::time::Duration;

use snmp::Key;

use super::conversation::Conversation;
use super::http::Pattern;
use crate::config::lvs::{self, CheckerKind, GroupEntry, Method};
use crate::config::model::Family;
use crate::state::{NextIndex, fingerprint};

/// Index of a row of virtualServerGroupTable, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// Index of a row of virtualServerTable, from 1. Stays the same for a service across reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualServerId(pub u32);

/// Index of a row of realServerTable: virtual server and position from 1. A sorry server is first, unless a reload has
/// brought it. Stays the same for a server across reloads.
pub type RealServerId = (VirtualServerId, u32);

/// A checker: its real server and its position there, from 1.
pub type CheckerId = (RealServerId, u32);

macro_rules! one_number_key {
    ($($id:ident),+) => {$(
        impl Key for $id {
            const LEN: usize = 1;
            fn push(&self, out: &mut Vec<u32>) {
                out.push(self.0);
            }
            fn from_sub_ids(sub_ids: &[u32]) -> Option<$id> {
                u32::from_sub_ids(sub_ids).map($id)
            }
        }
    )+};
}

one_number_key!(GroupId, VirtualServerId);

/// A row of virtualServerGroupTable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What the file says.
    pub config: lvs::VirtualServerGroup,
}

/// A row of virtualServerGroupMemberTable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Mark, address or range.
    pub entry: GroupEntry,
}

/// A row of virtualServerTable: a service as configured and as it is.
#[derive(Clone, Debug)]
pub struct VirtualServer {
    /// What the file says; its `real_servers` are rows of their own, the list here is empty.
    pub config: lvs::VirtualServer,
    /// Family of the service.
    pub family: Family,
    /// The row of the group it is reached by.
    pub group: Option<GroupId>,
    /// Real servers, without the sorry server.
    pub total: u32,
    /// Real servers that are alive.
    pub up: u32,
    /// Sum of the effective weights of those.
    pub weight_sum: u64,
    /// Whether the quorum is met, hysteresis counted in.
    pub quorum_met: bool,
    /// The views were told of that, perhaps by a process that this one replaces.
    pub(super) told: bool,
    /// Position of its next new real server.
    pub(super) next_server: NextIndex,
    /// Its checkers rest: `ha_suspend`, and none of its addresses is on this host.
    pub suspended: bool,
    /// As last read from the kernel.
    pub statistics: Counters,
}

impl VirtualServer {
    /// A row before anything is known of its servers, and those.
    pub(super) fn new(
        mut config: lvs::VirtualServer,
        groups: &[lvs::VirtualServerGroup],
        group: Option<GroupId>,
    ) -> (VirtualServer, Vec<Server>) {
        let family = config.family(groups);
        let regular = std::mem::take(&mut config.real_servers);
        let total = u32::try_from(regular.len()).unwrap_or(u32::MAX);
        let sorry = config.sorry_server.clone().map(|sorry| Server::Sorry(Box::new(sorry)));
        let regular = regular.into_iter().map(|server| Server::Regular(Box::new(server)));
        let servers = sorry.into_iter().chain(regular).collect();
        let row = VirtualServer {
            family,
            group,
            total,
            up: 0,
            weight_sum: 0,
            // Whatever alpha says, it is to be gained first.
            quorum_met: false,
            told: false,
            next_server: NextIndex::default(),
            suspended: false,
            statistics: Counters::default(),
            config,
        };
        (row, servers)
    }

    /// Whether the live servers weigh enough for a quorum that was not met.
    pub(super) fn gains_quorum(&self) -> bool {
        let least = u64::from(self.config.quorum) + u64::from(self.config.hysteresis);
        self.weight_sum > 0 && self.weight_sum >= least
    }

    /// Whether they weigh enough for one that was met.
    pub(super) fn keeps_quorum(&self) -> bool {
        self.weight_sum > 0 && self.weight_sum + u64::from(self.config.hysteresis) >= u64::from(self.config.quorum)
    }

    /// Whether the sorry server takes the connections.
    pub fn sorry_in_use(&self) -> bool {
        self.config.sorry_server.is_some() && !self.quorum_met
    }
}

/// What a row of realServerTable is configured as.
#[derive(Clone, Debug, PartialEq)]
pub enum Server {
    /// A `real_server`; its `checkers` are rows of their own, the list here is empty.
    Regular(Box<lvs::RealServer>),
    /// The `sorry_server` of the service.
    Sorry(Box<lvs::SorryServer>),
}

impl Server {
    /// Its checkers, which are rows of their own.
    pub(super) fn take_checkers(&mut self) -> Vec<lvs::Checker> {
        match self {
            Server::Regular(server) => std::mem::take(&mut server.checkers),
            Server::Sorry(_) => Vec::new(),
        }
    }

    /// Address and port.
    pub fn address(&self) -> SocketAddr {
        match self {
            Server::Regular(server) => server.address,
            Server::Sorry(server) => server.address,
        }
    }
}

/// A row of realServerTable: a real server or the sorry server, as it should be in IPVS and as it is.
#[derive(Clone, Debug)]
pub struct RealServer {
    /// What the file says.
    pub config: Server,
    /// `weight`, or what SET made of it; at most 2^31 - 1. 1 for a sorry server.
    pub base_weight: u32,
    /// `base_weight` and what the checkers contribute, within 0..=2^31 - 1.
    pub weight: u32,
    /// No checker has failed. Of no meaning for a sorry server.
    pub alive: bool,
    /// The views were told of that, perhaps by a process that this one replaces.
    pub(super) told: bool,
    /// Checkers that are down.
    pub failed_checkers: u32,
    /// Checkers that have not come to a result yet.
    pub not_run: u32,
    /// Weight it should have in the kernel's table; `None`: it should not be there.
    pub wanted: Option<u32>,
    /// When `alive` last changed.
    pub since: Duration,
    /// As last read from the kernel.
    pub statistics: Counters,
}

impl RealServer {
    /// A row before anything is known of its checkers.
    pub fn new(config: Server) -> RealServer {
        let base_weight = match &config {
            Server::Regular(server) => server.weight.min(MAX_WEIGHT),
            Server::Sorry(_) => 1,
        };
        RealServer {
            config,
            base_weight,
            weight: base_weight,
            alive: true,
            told: false,
            failed_checkers: 0,
            not_run: 0,
            wanted: None,
            since: Duration::ZERO,
            statistics: Counters::default(),
        }
    }

    /// The `real_server` block, unless it is a sorry server.
    pub fn regular(&self) -> Option<&lvs::RealServer> {
        match &self.config {
            Server::Regular(server) => Some(server),
            Server::Sorry(_) => None,
        }
    }

    /// Address and port.
    pub fn address(&self) -> SocketAddr {
        self.config.address()
    }

    /// How packets reach it.
    pub fn method(&self) -> Method {
        match &self.config {
            Server::Regular(server) => server.method,
            Server::Sorry(server) => server.method,
        }
    }

    /// Whether it stays in the kernel's table with weight 0 when it is not used.
    pub fn inhibit(&self) -> bool {
        match &self.config {
            Server::Regular(server) => server.inhibit,
            Server::Sorry(server) => server.inhibit,
        }
    }
}

/// Greatest weight IPVS takes.
pub const MAX_WEIGHT: u32 = i32::MAX as u32;

/// A checker as configured and as it stands.
#[derive(Debug)]
pub struct Checker {
    /// What the file says.
    pub config: lvs::Checker,
    /// Its verdict; before the first result what `alpha` says.
    pub up: bool,
    /// It has come to a result.
    pub has_run: bool,
    /// Failed attempts since the last success; preset to `retry`, so that the very first failure counts.
    pub failures: u32,
    /// Number of the last attempt; events of earlier ones are ignored.
    pub attempt: u32,
    /// What it adds to the weight of its server (`misc_dynamic`, FILE_CHECK).
    pub contribution: i64,
    /// Stands for `config` in a checkpoint.
    pub(super) fingerprint: u64,
    /// Why the last attempt failed; empty after a success.
    pub reason: String,
    /// When the next attempt starts, or the present one is given up.
    pub deadline: Option<Duration>,
    /// The attempt under way, and how far rounds of several attempts are.
    pub(super) work: Work,
}

/// Where the work of a checker stands.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// An attempt is under way.
    pub running: bool,
    /// When it began.
    pub started: Duration,
    /// Since when a look at a part of a body is under way elsewhere.
    pub looking: Option<Duration>,
    /// Time that the looks of this attempt took, as far as it counts.
    pub searched: Duration,
    /// What is said on its connection; none for scripts.
    pub conversation: Option<Box<dyn Conversation>>,
    /// The url or host in turn.
    pub step: u32,
    /// The compiled regex of each url.
    pub patterns: Box<[Option<Pattern>]>,
    /// Urls passed since the start or the last failure.
    pub passed: u32,
    /// `contribution` is another than the pool knows of.
    pub weight_changed: bool,
    /// Every url has passed since the start or the last failure.
    pub settled: bool,
}

impl Checker {
    /// A checker before its first attempt.
    pub fn new(config: lvs::Checker) -> Checker {
        let patterns = match &config.kind {
            CheckerKind::Http(check) => check.urls.iter().map(|url| url.regex.as_ref().map(Pattern::new)).collect(),
            _ => Box::default(),
        };
        Checker {
            up: !config.alpha,
            has_run: false,
            failures: config.retry,
            attempt: 0,
            contribution: 0,
            fingerprint: fingerprint(&config),
            reason: String::new(),
            deadline: None,
            work: Work { patterns, ..Work::default() },
            config,
        }
    }
}

/// [`Statistics`] that take no room while nothing was counted: most rows of a large table are such.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(Option<Box<Statistics>>);

impl From<Statistics> for Counters {
    fn from(statistics: Statistics) -> Counters {
        Counters((statistics != Statistics::default()).then(|| Box::new(statistics)))
    }
}

impl Deref for Counters {
    type Target = Statistics;

    fn deref(&self) -> &Statistics {
        static NOTHING: LazyLock<Statistics> = LazyLock::new(Statistics::default);
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

/// What the kernel counts for a service or a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Connections scheduled so far.
    pub connections: u64,
    /// Packets from clients so far.
    pub in_packets: u64,
    /// Packets to clients so far.
    pub out_packets: u64,
    /// Octets from clients so far.
    pub in_bytes: u64,
    /// Octets to clients so far.
    pub out_bytes: u64,
    /// New connections in a second.
    pub connection_rate: u64,
    /// Packets from clients in a second.
    pub in_packet_rate: u64,
    /// Packets to clients in a second.
    pub out_packet_rate: u64,
    /// Octets from clients in a second.
    pub in_byte_rate: u64,
    /// Octets to clients in a second.
    pub out_byte_rate: u64,
    /// Destinations only: connections established now.
    pub active: u32,
    /// Destinations only: connections known now that are not established.
    pub inactive: u32,
    /// Destinations only: persistence templates.
    pub persistent: u32,
}
