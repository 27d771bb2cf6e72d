//! The rows of virtual servers, real servers and checkers: their configuration and present state.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::LazyLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use snmp::Key;

use super::conversation::Conversation;
use super::http::Pattern;
use crate::config::lvs::{self, CheckerKind, GroupEntry, Method};
use crate::config::model::Family;
use crate::state::{NextIndex, fingerprint};

/// Index of a row of virtualServerGroupTable, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// Index of a row of virtualServerTable, from 1. A service keeps its index across reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualServerId(pub u32);

/// Index of a row of realServerTable: virtual server, and position from 1. The sorry server comes first, unless a reload
/// has added it. A server keeps its index across reloads.
pub type RealServerId = (VirtualServerId, u32);

/// Identifies a checker: its real server, and a position from 1.
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
    /// The `virtual_server_group` block.
    pub config: lvs::VirtualServerGroup,
}

/// A row of virtualServerGroupMemberTable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Mark, address or range.
    pub entry: GroupEntry,
}

/// A row of virtualServerTable: configuration and state of a service.
#[derive(Clone, Debug)]
pub struct VirtualServer {
    /// The `virtual_server` block. Its `real_servers` are moved to rows of their own; the list here is empty.
    pub config: lvs::VirtualServer,
    /// Address family of the service.
    pub family: Family,
    /// The row of its `virtual_server_group`.
    pub group: Option<GroupId>,
    /// Number of real servers, without the sorry server.
    pub total: u32,
    /// Number of real servers that are alive.
    pub up: u32,
    /// Sum of the effective weights of real servers that are alive.
    pub weight_sum: u64,
    /// Whether the quorum is met, taking hysteresis into account.
    pub quorum_met: bool,
    /// Whether `quorum_met` was reported to the views, by this process or its predecessor.
    pub(super) reported: bool,
    /// Position of its next new real server.
    pub(super) next_server: NextIndex,
    /// Number of its generated mark, counted from 1, with `nftables_ipvs` and addresses in its group.
    pub(super) mark_index: Option<u32>,
    /// Its checkers are suspended: `ha_suspend` is set, and none of its addresses is on this host.
    pub suspended: bool,
    /// Statistics last read from the kernel.
    pub statistics: Counters,
}

impl VirtualServer {
    /// Creates a row without state, and returns the servers of the service.
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
            // The quorum must be gained first, regardless of `alpha`.
            quorum_met: false,
            reported: false,
            next_server: NextIndex::default(),
            mark_index: None,
            suspended: false,
            statistics: Counters::default(),
            config,
        };
        (row, servers)
    }

    /// Whether the weight of the live servers is sufficient to gain the quorum.
    pub(super) fn gains_quorum(&self) -> bool {
        let least = u64::from(self.config.quorum) + u64::from(self.config.hysteresis);
        self.weight_sum > 0 && self.weight_sum >= least
    }

    /// Whether the weight of the live servers is sufficient to keep the quorum.
    pub(super) fn keeps_quorum(&self) -> bool {
        self.weight_sum > 0 && self.weight_sum + u64::from(self.config.hysteresis) >= u64::from(self.config.quorum)
    }

    /// Whether the sorry server is in use.
    pub fn sorry_in_use(&self) -> bool {
        self.config.sorry_server.is_some() && !self.quorum_met
    }
}

/// Configuration of a row of realServerTable.
#[derive(Clone, Debug, PartialEq)]
pub enum Server {
    /// A `real_server` block. Its `checkers` are moved to rows of their own; the list here is empty.
    Regular(Box<lvs::RealServer>),
    /// The `sorry_server` of the service.
    Sorry(Box<lvs::SorryServer>),
}

impl Server {
    fn weight(&self) -> u32 {
        match self {
            Server::Regular(server) => server.weight.min(MAX_WEIGHT),
            Server::Sorry(_) => 1,
        }
    }

    /// Takes its checkers out, which become rows of their own.
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

/// A row of realServerTable: configuration and state of a real server or sorry server.
#[derive(Clone, Debug)]
pub struct RealServer {
    /// The configuration block.
    pub config: Server,
    /// Its place in the configuration of its service, from 0; a reload changes it, unlike the index.
    pub place: u32,
    /// `weight`, or the value set by SNMP, at most 2^31 - 1; 1 for a sorry server.
    pub base_weight: u32,
    /// Effective weight: `base_weight` plus the contributions of checkers, 0..=2^31 - 1.
    pub weight: u32,
    /// Whether no checker is down. Not used for a sorry server.
    pub alive: bool,
    /// Whether `alive` was reported to the views, by this process or its predecessor.
    pub(super) reported: bool,
    /// Number of checkers that are down.
    pub failed_checkers: u32,
    /// Number of checkers without a result yet.
    pub not_run: u32,
    /// Desired weight in the kernel's table; `None`: it should not be in the table.
    pub wanted: Option<u32>,
    /// Time at which `alive` last changed.
    pub since: Duration,
    /// Statistics last read from the kernel.
    pub statistics: Counters,
}

impl RealServer {
    /// Creates a row without checkers.
    pub fn new(config: Server) -> RealServer {
        let base_weight = config.weight();
        RealServer {
            config,
            place: 0,
            base_weight,
            weight: base_weight,
            alive: true,
            reported: false,
            failed_checkers: 0,
            not_run: 0,
            wanted: None,
            since: Duration::ZERO,
            statistics: Counters::default(),
        }
    }

    /// `weight`, at most 2^31 - 1; 1 for a sorry server.
    pub(super) fn configured_weight(&self) -> u32 {
        self.config.weight()
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

    /// Forwarding method.
    pub fn method(&self) -> Method {
        match &self.config {
            Server::Regular(server) => server.method,
            Server::Sorry(server) => server.method,
        }
    }

    /// Whether it remains in the kernel's table with weight 0 when it is not in use.
    pub fn inhibit(&self) -> bool {
        match &self.config {
            Server::Regular(server) => server.inhibit,
            Server::Sorry(server) => server.inhibit,
        }
    }
}

/// Greatest weight that IPVS accepts.
pub const MAX_WEIGHT: u32 = i32::MAX as u32;

/// Configuration and state of a checker.
#[derive(Debug)]
pub struct Checker {
    /// The checker's block.
    pub config: lvs::Checker,
    /// The present verdict; before the first result, false with `alpha`.
    pub up: bool,
    /// Whether it has a result.
    pub has_run: bool,
    /// Failed attempts since the last success. Initially `retry`, so that the very first failure takes the checker down.
    pub failures: u32,
    /// Number of the last attempt; events of earlier attempts are ignored.
    pub attempt: u32,
    /// Contribution to the weight of its server (`misc_dynamic`, FILE_CHECK).
    pub contribution: i64,
    /// Hash of `config`, which identifies the checker in a checkpoint.
    pub(super) fingerprint: u64,
    /// Reason of the last failure; empty after a success.
    pub reason: String,
    /// Exit status of the last run of a script (MISC_CHECK).
    pub last_status: Option<i32>,
    /// The last attempt that has ended.
    pub last: Option<LastAttempt>,
    /// Start of the next attempt, or timeout of the running attempt.
    pub deadline: Option<Duration>,
    /// State of the running attempt, and progress of checks with several attempts.
    pub(super) work: Work,
}

/// An attempt that has ended. Checkpoints contain it: its form stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastAttempt {
    /// When it ended.
    pub at: Duration,
    /// How long it took; `None` for checkers that are driven by events (FILE_CHECK, BFD_CHECK).
    pub took: Option<Duration>,
    /// Whether it was successful. Otherwise [`Checker::reason`] says why not.
    pub passed: bool,
}

/// State of a checker's running attempt, and progress of checks with several attempts.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Whether an attempt is running.
    pub running: bool,
    /// Start of the attempt.
    pub started: Duration,
    /// Start of the running search in a part of the body, if any.
    pub looking: Option<Duration>,
    /// Time taken by the searches of this attempt, at most the timeout.
    pub searched: Duration,
    /// Protocol of the connection; `None` for scripts.
    pub conversation: Option<Box<dyn Conversation>>,
    /// Position of the current url or host.
    pub step: u32,
    /// The compiled regex of each url.
    pub patterns: Box<[Option<Pattern>]>,
    /// Number of urls that have passed since the start or the last failure.
    pub passed: u32,
    /// `contribution` has changed, and the weight of the server is not updated yet.
    pub weight_changed: bool,
    /// Whether every url has passed since the start or the last failure.
    pub settled: bool,
}

impl Checker {
    /// Whether an attempt is running.
    pub fn is_running(&self) -> bool {
        self.work.running
    }

    /// The result of the last attempt that has ended, in words.
    pub fn result(&self) -> Option<(LastAttempt, String)> {
        let last = self.last?;
        let text = if last.passed { "success" } else { &self.reason };
        Some((last, format!("{}: {text}", self.config.kind.word())))
    }

    /// Creates a checker before its first attempt.
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
            last_status: None,
            last: None,
            deadline: None,
            work: Work { patterns, ..Work::default() },
            config,
        }
    }

    /// Start of the last attempt; `None` before the first.
    pub fn started(&self) -> Option<Duration> {
        (self.attempt > 0).then_some(self.work.started)
    }

    /// The path of the url that is tested now, or that has failed last (HTTP_GET, SSL_GET).
    pub fn failed_url(&self) -> Option<&str> {
        let CheckerKind::Http(check) = &self.config.kind else { return None };
        let step = usize::try_from(self.work.step).ok()?;
        check.urls.get(step).map(|url| url.path.as_str())
    }
}

/// [`Statistics`] that use no memory while all are 0, as in most rows of a large table.
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

/// The kernel's statistics of a service or destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub in_packets: u64,
    /// Packets to clients.
    pub out_packets: u64,
    /// Octets from clients.
    pub in_bytes: u64,
    /// Octets to clients.
    pub out_bytes: u64,
    /// New connections per second.
    pub connection_rate: u64,
    /// Packets from clients per second.
    pub in_packet_rate: u64,
    /// Packets to clients per second.
    pub out_packet_rate: u64,
    /// Octets from clients per second.
    pub in_byte_rate: u64,
    /// Octets to clients per second.
    pub out_byte_rate: u64,
    /// Destinations only: established connections.
    pub active: u32,
    /// Destinations only: connections that are not established.
    pub inactive: u32,
    /// Destinations only: persistence templates.
    pub persistent: u32,
}
