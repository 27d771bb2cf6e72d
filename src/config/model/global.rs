//! Settings of the whole daemon.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::iproute;
use super::buffer::{NetlinkBuffers, ReceiveBuffer};
use super::dbus::Dbus;
use super::defaults::Defaults;
use super::dumps::Dumps;
use super::fifo::Fifos;
use super::firewall::{Firewall, IpvsMarks};
use super::log_format::LogFormat;
use super::process::ProcessSettings;
use super::reloads::Reloads;
use super::script::{ScriptUser, TimedScript};
use super::trap_target::TrapTarget;

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

/// `net_namespace_ipvs`: the network namespace of the IPVS tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpvsNamespace {
    /// Without a name: that of the system (process 1).
    Default,
    /// A namespace of `ip netns`.
    Named(String),
}
