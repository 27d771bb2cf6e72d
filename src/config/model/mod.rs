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

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::iproute;

pub use address::{Address, Family, network};
pub use auth_hmac::{AntiReplay, AuthHmac, HmacKey, HmacMode};
pub use bfd::BfdInstance;
pub use buffer::{AdvertBuffer, NetlinkBuffers, ReceiveBuffer};
pub use dbus::Dbus;
pub use defaults::{Defaults, GarpDefaults, GarpGroup, LvsDefaults};
pub use dumps::Dumps;
pub use fifo::{Fifo, Fifos};
pub use firewall::{Firewall, IpvsMarks};
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

/// `smtp_server` with its port (25 by default).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailServer {
    /// By address.
    Address(SocketAddr),
    /// By host name, which is resolved for each connection.
    Name {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
}

impl MailServer {
    /// The port.
    pub fn port(&self) -> u16 {
        match self {
            MailServer::Address(address) => address.port(),
            MailServer::Name { port, .. } => *port,
        }
    }
}

impl std::fmt::Display for MailServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MailServer::Address(address) => address.fmt(f),
            MailServer::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// Settings of the whole daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Global {
    /// `router_id`; default the host name. The removed keyword `lvs_id` sets it too.
    pub router_id: String,
    /// `notification_email`, as written.
    pub notification_email: Vec<String>,
    /// `notification_email_from`; default `USER@HOST` when recipients are configured.
    pub notification_email_from: Option<String>,
    /// `smtp_server`.
    pub smtp_server: Option<MailServer>,
    /// `smtp_helo_name`; default the host name.
    pub smtp_helo_name: String,
    /// `smtp_connect_timeout`, also `smtp_connection_timeout`; default 30 s.
    pub smtp_connect_timeout: Duration,
    /// `smtp_alert`; `None` when the keyword is absent.
    pub smtp_alert: Option<bool>,
    /// `smtp_alert_vrrp`; `None` when the keyword is absent.
    pub smtp_alert_vrrp: Option<bool>,
    /// `smtp_alert_checker`; `None` when the keyword is absent.
    pub smtp_alert_checker: Option<bool>,
    /// `no_email_faults`.
    pub no_email_faults: bool,
    /// `enable_traps`.
    pub enable_traps: bool,
    /// `enable_snmp_vrrp` (also `enable_snmp_keepalived`).
    pub snmp_vrrp: bool,
    /// `enable_snmp_checker`.
    pub snmp_checker: bool,
    /// `enable_snmp_rfcv2` or `enable_snmp_rfc`.
    pub snmp_rfcv2: bool,
    /// `enable_snmp_rfcv3` or `enable_snmp_rfc`.
    pub snmp_rfcv3: bool,
    /// `snmp_socket`, as written.
    pub snmp_socket: Option<String>,
    /// `snmp_context`; at most 32 octets.
    pub snmp_context: Option<String>,
    /// `snmp_engine_id`, 5..=32 octets; by default it is made from `router_id`.
    pub engine_id: Vec<u8>,
    /// `snmp_trap_target` blocks, in configured order; hosts with ports are unique.
    pub trap_targets: Vec<TrapTarget>,
    /// `dynamic_interfaces`.
    pub dynamic_interfaces: bool,
    /// `linkbeat_use_polling`.
    pub linkbeat_use_polling: bool,
    /// `lvs_flush`.
    pub lvs_flush: bool,
    /// `lvs_flush_on_stop`.
    pub lvs_flush_on_stop: FlushOnStop,
    /// `net_namespace`.
    pub net_namespace: Option<String>,
    /// `net_namespace_ipvs`.
    pub net_namespace_ipvs: Option<IpvsNamespace>,
    /// `nftables_ipvs`.
    pub ipvs_marks: Option<IpvsMarks>,
    /// `instance`.
    pub instance: Option<String>,
    /// `use_pid_dir`.
    pub use_pid_dir: bool,
    /// `control_socket`.
    pub control_socket: ControlSocket,
    /// Group id of `control_group`.
    pub control_group: Option<u32>,
    /// `startup_script` with `startup_script_timeout`, 10 s by default.
    pub startup_script: Option<TimedScript>,
    /// `shutdown_script` with `shutdown_script_timeout`, 10 s by default.
    pub shutdown_script: Option<TimedScript>,
    /// `notify_fifo` and the like.
    pub fifos: Fifos,
    /// `state_dump_file` and related keywords.
    pub dumps: Dumps,
    /// `reload_time_file` and related keywords.
    pub reloads: Reloads,
    /// `enable_dbus`, with its names.
    pub dbus: Option<Dbus>,
    /// `v3_checksum_as_v2`.
    pub v3_checksum_as_v2: bool,
    /// `default_interface`; default `eth0`.
    pub default_interface: String,
    /// `iproute_usr_dir`: the distribution's files of routing names; default `/usr/share/iproute2`.
    pub iproute_usr_dir: String,
    /// `iproute_etc_dir`: local files of routing names; default `/etc/iproute2`.
    pub iproute_etc_dir: String,
    /// `script_user`.
    pub script_user: Option<ScriptUser>,
    /// `enable_script_security`.
    pub script_security: bool,
    /// `set_supplementary_groups`.
    pub supplementary_groups: bool,
    /// `use_symlink_paths`.
    pub symlink_paths: bool,
    /// `child_wait_time`; default 5 s.
    pub child_wait_time: Duration,
    /// The longer of `vrrp_startup_delay` and the rest of `vrrp_delay_after_boot`.
    pub vrrp_startup_delay: Duration,
    /// `log_unknown_vrids`.
    pub log_unknown_vrids: bool,
    /// `log_format`; `None` = the form of C keepalived.
    pub log_format: Option<LogFormat>,
    /// `nftables` and related keywords.
    pub firewall: Firewall,
    /// `process_name`, of the parent; at most 15 octets.
    pub process_name: Option<String>,
    /// `vrrp_priority`, `vrrp_process_name` and the like.
    pub vrrp_process: ProcessSettings,
    /// `bfd_priority`, `bfd_process_name` and the like.
    pub bfd_process: ProcessSettings,
    /// `umask`: file creation mask.
    pub umask: Option<u32>,
    /// `process_monitor_rcv_bufs`: receive buffer of process events.
    pub process_monitor_buffer: ReceiveBuffer,
    /// `vrrp_netlink_cmd_rcv_bufs` and the like.
    pub vrrp_netlink: NetlinkBuffers,
    /// `lvs_netlink_cmd_rcv_bufs` and the like.
    pub lvs_netlink: NetlinkBuffers,
    /// Settings that are merged into other blocks, as configured.
    pub defaults: Box<Defaults>,
}

impl Default for Global {
    /// The settings of an empty file, with empty host names.
    fn default() -> Global {
        Global {
            router_id: String::new(),
            notification_email: Vec::new(),
            notification_email_from: None,
            smtp_server: None,
            smtp_helo_name: String::new(),
            smtp_connect_timeout: Duration::from_secs(30),
            smtp_alert: None,
            smtp_alert_vrrp: None,
            smtp_alert_checker: None,
            no_email_faults: false,
            enable_traps: false,
            snmp_vrrp: false,
            snmp_checker: false,
            snmp_rfcv2: false,
            snmp_rfcv3: false,
            snmp_socket: None,
            snmp_context: None,
            engine_id: Vec::new(),
            trap_targets: Vec::new(),
            dynamic_interfaces: false,
            linkbeat_use_polling: false,
            lvs_flush: false,
            lvs_flush_on_stop: FlushOnStop::No,
            net_namespace: None,
            net_namespace_ipvs: None,
            ipvs_marks: None,
            instance: None,
            use_pid_dir: false,
            control_socket: ControlSocket::Beside,
            control_group: None,
            startup_script: None,
            shutdown_script: None,
            fifos: Fifos::default(),
            dumps: Dumps::default(),
            reloads: Reloads::default(),
            dbus: None,
            v3_checksum_as_v2: false,
            default_interface: "eth0".into(),
            iproute_usr_dir: iproute::USR.into(),
            iproute_etc_dir: iproute::ETC.into(),
            script_user: None,
            script_security: false,
            supplementary_groups: false,
            symlink_paths: false,
            child_wait_time: Duration::from_secs(5),
            vrrp_startup_delay: Duration::ZERO,
            log_unknown_vrids: false,
            log_format: None,
            firewall: Firewall::default(),
            process_name: None,
            vrrp_process: ProcessSettings::default(),
            bfd_process: ProcessSettings::default(),
            umask: None,
            process_monitor_buffer: ReceiveBuffer::default(),
            vrrp_netlink: NetlinkBuffers::default(),
            lvs_netlink: NetlinkBuffers::default(),
            defaults: Box::default(),
        }
    }
}

/// `control_socket`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlSocket {
    /// The keyword is absent: the socket is beside the pid file of the parent.
    #[default]
    Beside,
    /// `none`.
    Off,
    /// An absolute path of at most [`LONGEST_SOCKET`] octets.
    At(PathBuf),
}

/// Octets of the longest path for `control_socket`. The limit of the kernel is 107 (unix(7)); the socket is made under a
/// temporary name, which is longer.
pub const LONGEST_SOCKET: usize = 99;

/// `lvs_flush_on_stop`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlushOnStop {
    /// The keyword is absent.
    #[default]
    No,
    /// The whole table is cleared.
    All,
    /// `VS`: only the virtual servers.
    VirtualServers,
}

/// Protocol version of an instance (`version`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Version {
    /// RFC 3768.
    V2,
    /// RFC 9568.
    V3,
}

/// `state`: configured initial state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartState {
    /// `MASTER`, or priority 255.
    Master,
    /// `BACKUP`, the default.
    Backup,
}

/// `authentication` of a VRRPv2 instance. `Debug` never shows the password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authentication {
    /// `auth_type PASS`: the first 8 characters, zero padded.
    Pass([u8; 8]),
    /// `auth_type AH`: the key, zero padded.
    Ah([u8; 8]),
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Authentication::Pass(_) => "Pass(..)",
            Authentication::Ah(_) => "Ah(..)",
        })
    }
}

/// One `vrrp_instance`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Name of the block.
    pub name: String,
    /// `interface`; empty for a unicast instance without one, which sends from `source` over any interface, or those of `vrf`.
    pub interface: String,
    /// `vrf`, without `interface` only: the VRF device that its sockets are bound to.
    pub vrf: Option<String>,
    /// `use_vmac`, `use_ipvlan`: the link that it runs on, over `interface`.
    pub link: Option<OwnLink>,
    /// The VMACs for addresses with [`Address::own_vmac`].
    pub address_links: Vec<AddressLink>,
    /// Family of the addresses (or `native_ipv6`).
    pub family: Family,
    /// `virtual_router_id`, 1..=255.
    pub vrid: u8,
    /// `version`; IPv6 takes 3.
    pub version: Version,
    /// `priority`, 1..=255; 255 is the address owner.
    pub priority: u8,
    /// `state`.
    pub start_state: StartState,
    /// `advert_int`: v2 whole seconds, v3 10 ms..=40.95 s in steps of 10 ms.
    pub advert_interval: Duration,
    /// `unicast_src_ip` or `mcast_src_ip`, of the instance's family.
    pub source: Option<IpAddr>,
    /// `mcast_dst_ip`, else `vrrp_mcast_group4`/`6`.
    pub group: IpAddr,
    /// `unicast_peer`: adverts are sent to these routers, not to the group.
    pub unicast: Option<Unicast>,
    /// `nopreempt`, already cleared for owners and `state MASTER`.
    pub nopreempt: bool,
    /// `timer_expired_backup`, with `nopreempt` only: a master whose Adver_Timer ran so late that a router of this priority,
    /// 1..=254, may have become master goes back to backup.
    pub timer_expired_backup: Option<u8>,
    /// `preempt_delay`, already cleared where it has no effect.
    pub preempt_delay: Duration,
    /// `authentication`, VRRPv2 only.
    pub authentication: Option<Authentication>,
    /// `auth_hmac`; excludes `authentication`.
    pub auth_hmac: Option<AuthHmac>,
    /// `virtual_ipaddress`: all of `family`, at most 255.
    pub addresses: Vec<Address>,
    /// `virtual_ipaddress_excluded` (and VIPs beyond 255).
    pub excluded: Vec<Address>,
    /// `virtual_routes`.
    pub routes: Vec<Route>,
    /// `virtual_rules`.
    pub rules: Vec<Rule>,
    /// `v3_checksum_as_v2`: sent IPv4 VRRPv3 checksum has no pseudo header.
    pub v3_checksum_as_v2: bool,
    /// `accept` (true) / `no_accept`; default true unless strict.
    pub accept: bool,
    /// `strict_mode` / `vrrp_strict`.
    pub strict: bool,
    /// `skip_check_adv_addr`.
    pub skip_check_adv_addr: bool,
    /// `promote_secondaries`.
    pub promote_secondaries: bool,
    /// Names of the `track_group` blocks that list it. It follows the static addresses of these groups.
    pub track_groups: Vec<String>,
    /// `linkbeat_use_polling` of the instance.
    pub linkbeat: bool,
    /// `down_timer_adverts`, 1..=100; default 3.
    pub down_timer_adverts: u8,
    /// `dont_track_primary`.
    pub dont_track_primary: bool,
    /// `track_interface`, `track_script`, `track_file`, `track_process` and `track_bfd` entries, in this order.
    pub trackers: Vec<Track>,
    /// Gratuitous ARP and NA settings.
    pub garp: Garp,
    /// `kernel_rx_buf_size`, else `vrrp_rx_bufs_policy`.
    pub buffer: AdvertBuffer,
    /// `lower_prio_no_advert`.
    pub lower_prio_no_advert: bool,
    /// `higher_prio_send_advert`.
    pub higher_prio_send_advert: bool,
    /// `owner_ignore_adverts`.
    pub owner_ignore_adverts: bool,
    /// `smtp_alert`, with the global defaults merged in; default false.
    pub smtp_alert: bool,
    /// Notify scripts.
    pub scripts: Scripts,
    /// Whether `notify_deleted` is set, with or without a script.
    pub notify_deleted: bool,
    /// `notify_priority_changes`, else `vrrp_notify_priority_changes`: changes of the priority go to the FIFOs.
    pub notify_priority_changes: bool,
    /// `lvs_sync_daemon_interface` (deprecated).
    pub lvs_sync_interface: Option<String>,
}

/// `net_namespace_ipvs`: the network namespace of the IPVS tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpvsNamespace {
    /// Without a name: that of the system (process 1).
    Default,
    /// A namespace of `ip netns`.
    Named(String),
}

impl Instance {
    /// Whether it has no interface of its own: its adverts leave and arrive over any interface, or those of its VRF.
    pub fn is_unbound(&self) -> bool {
        self.interface.is_empty()
    }

    /// The device that its sockets are bound to, unless it runs on a link of its own: `interface`, or the VRF.
    pub fn device(&self) -> Option<&str> {
        Some(self.interface.as_str()).filter(|name| !name.is_empty()).or(self.vrf.as_deref())
    }

    /// Interfaces of the virtual routes without `no_track`, each as often as it is used. They have to be up, as those of the
    /// addresses.
    pub fn route_devices(&self) -> impl Iterator<Item = &str> {
        self.routes.iter().filter(|route| !route.no_track).flat_map(Route::devices)
    }

    /// Gateways of the virtual routes without `dev` and `no_track`, each as often as it is used. The interfaces to them have to
    /// be up too.
    pub fn gateways(&self) -> impl Iterator<Item = IpAddr> {
        self.routes.iter().filter(|route| !route.no_track).flat_map(Route::gateways)
    }
}

/// `unicast_peer` and related keywords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unicast {
    /// `unicast_peer` entries, of the instance's family, each once. Empty with `unicast_fault_no_peer` only.
    pub peers: Vec<UnicastPeer>,
    /// `check_unicast_src`: only adverts of the peers are accepted.
    pub check_source: bool,
    /// `unicast_ttl`: TTL or hop limit of sent adverts; default 255.
    pub ttl: u8,
    /// `old_unicast_checksum`.
    pub old_checksum: OldChecksum,
}

/// `unicast_peer` entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnicastPeer {
    /// Its address.
    pub ip: IpAddr,
    /// `min_ttl`: lowest accepted TTL or hop limit; default 0.
    pub min_ttl: u8,
    /// `max_ttl`: highest accepted TTL or hop limit; default 255.
    pub max_ttl: u8,
}

/// `old_unicast_checksum`: whether the pseudo header of a unicast version 3 advert over IPv4 has the multicast group as
/// destination, as in C keepalived before 1.3.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OldChecksum {
    /// Without the keyword: after such an advert was received.
    WhenHeard,
    /// `never`: not sent, and not accepted.
    Never,
    /// The keyword without a value: always.
    Always,
}

/// Gratuitous ARP / unsolicited NA settings of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Garp {
    /// `garp_master_delay`: time from the first burst to the second, 0 = no second burst; default 5 s.
    pub delay: Duration,
    /// `garp_master_repeat`: messages per burst and address, at least 1; default 5.
    pub repeat: u32,
    /// `garp_master_refresh`: time from one refresh to the next, 0 = none.
    pub refresh: Duration,
    /// `garp_master_refresh_repeat`, at least 1.
    pub refresh_repeat: u32,
    /// `garp_lower_prio_delay`; default `delay`.
    pub lower_prio_delay: Duration,
    /// `garp_lower_prio_repeat`; default `repeat`, 0 = none.
    pub lower_prio_repeat: u32,
    /// `garp_extra_if`: time from one announcement to the next on interfaces other than that of the instance, 0 = none.
    pub extra: Duration,
    /// `garp_extra_if all`: on every other interface, not only on macvlans.
    pub extra_all: bool,
    /// `vrrp_garp_interval` or `garp_group`: time between two gratuitous ARP messages on an interface.
    pub garp_interval: Duration,
    /// `vrrp_gna_interval` or `garp_group`: time between two unsolicited NAs on an interface.
    pub gna_interval: Duration,
}

/// One `vrrp_sync_group`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncGroup {
    /// Name of the block.
    pub name: String,
    /// Names of the member instances, in configured order, never empty.
    pub members: Vec<String>,
    /// Notify scripts.
    pub scripts: Scripts,
    /// `smtp_alert`, with the global defaults merged in; default false.
    pub smtp_alert: bool,
    /// `track_interface` entries of the group.
    pub trackers: Vec<Track>,
    /// `sync_group_tracking_weight`.
    pub tracking_weight: bool,
    /// `notify_priority_changes` of its members.
    pub notify_priority_changes: bool,
}
