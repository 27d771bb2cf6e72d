//! The typed configuration, with valid values only.
//!
//! The parent builds it from the files; children get it by a [`Snapshot`](super::Snapshot). The state machines take their
//! rows from it. The doc comment of a field names its keyword. Defaults of `global_defs` are merged into the instances.

mod address;
mod auth_hmac;
mod bfd;
mod buffer;
mod dbus;
mod defaults;
mod dumps;
mod entry;
mod fifo;
mod firewall;
mod global;
mod group;
mod instance;
mod log_format;
pub mod lvs;
mod needs;
mod own_link;
mod process;
mod reloads;
mod route;
mod rule;
mod script;
mod track;
mod trap_target;

use serde::{Deserialize, Serialize};

pub use address::{Address, Family, network};
pub use auth_hmac::{AntiReplay, AuthHmac, HmacKey, HmacMode};
pub use bfd::BfdInstance;
pub use buffer::{AdvertBuffer, NetlinkBuffers, ReceiveBuffer};
pub use dbus::Dbus;
pub use defaults::{Defaults, GarpDefaults, GarpGroup};
pub use dumps::Dumps;
pub use fifo::{Fifo, Fifos};
pub use firewall::{Firewall, IpvsMarks};
pub use global::{ControlSocket, FlushOnStop, Global, IpvsNamespace, LONGEST_SOCKET, MailServer};
pub use group::SyncGroup;
pub use instance::{Authentication, Garp, Instance, OldChecksum, StartState, Unicast, UnicastPeer, Version};
pub use log_format::LogFormat;
pub use needs::Needs;
pub use own_link::{AddressLink, IpvlanMode, OwnLink, OwnLinkKind, virtual_mac};
pub use process::ProcessSettings;
pub use reloads::Reloads;
pub use route::{
    CongestionControl, Encap, MetricKind, NextHop, PROTOCOL_KEEPALIVED, Placing, Route, RouteKind, RouteMetric,
    RoutePreference, TABLE_MAIN, Tunnel,
};
pub use rule::{Rule, RuleAction};
pub use script::{Script, ScriptUser, Scripts, TimedScript};
pub use track::{
    InitFile, ParameterMatch, Track, TrackFile, TrackInterface, TrackProcess, TrackScript, TrackSession, TrackerKind,
    Trackers,
};
pub use trap_target::{Secret, TrapAuth, TrapHost, TrapSecurity, TrapTarget, TrapUser};

/// A whole configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// `global_defs` and the keywords of the file's top level.
    pub global: Global,
    /// `static_ipaddress`, in configured order.
    pub static_addresses: Vec<Address>,
    /// `static_routes`, in configured order.
    pub static_routes: Vec<Route>,
    /// `static_rules`, in configured order.
    pub static_rules: Vec<Rule>,
    /// `vrrp_instance` blocks, in configured order; names and (VRID, family, interface) are unique.
    pub instances: Vec<Instance>,
    /// `vrrp_sync_group` blocks, in configured order; each member names an instance, in one group only.
    pub sync_groups: Vec<SyncGroup>,
    /// Whether any `virtual_server` is configured (the checker process is needed).
    pub has_virtual_servers: bool,
    /// Virtual servers and related settings.
    pub lvs: lvs::Lvs,
    /// `vrrp_script`, `track_file` and `vrrp_track_process` blocks that are used.
    pub trackers: Trackers,
    /// `bfd_instance` blocks, in configured order; names and neighbors are unique.
    pub bfd: Vec<BfdInstance>,
}
