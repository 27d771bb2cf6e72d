//! The typed configuration of LVS, with valid values only: virtual servers, real servers and their checkers.
//!
//! Inherited settings (checker, real server, virtual server, default) are merged.

mod checker;
mod secret;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ProcessSettings;
use super::address::Family;
use super::needs::Needs;
use super::script::Script;
use super::track::TrackFile;

pub use checker::{
    Checker, CheckerKind, DnsCheck, HttpCheck, HttpVersion, MiscCheck, RegexCheck, SmtpCheck, Source, Target, Timing,
    UdpCheck, UrlCheck,
};
pub use secret::Secret;

/// Configuration of the checker process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lvs {
    /// `virtual_server_group` blocks, in configured order.
    pub groups: Vec<VirtualServerGroup>,
    /// `virtual_server` blocks, in configured order; each is unique and has a real or a sorry server.
    pub virtual_servers: Vec<VirtualServer>,
    /// Demands of the virtual servers on the privileges of the checker process.
    pub needs: Needs,
    /// `track_file` blocks that a FILE_CHECK uses.
    pub track_files: Vec<TrackFile>,
    /// `SSL`.
    pub tls: TlsMaterial,
    /// Settings of `global_defs`.
    pub settings: LvsSettings,
}

/// Settings of the checker process in `global_defs`, which the dumps of all processes show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LvsSettings {
    /// `lvs_timeouts`: tcp, tcpfin, udp in seconds, 0 = leave the kernel's.
    pub timeouts: [u32; 3],
    /// `lvs_sync_daemon`.
    pub sync_daemon: Option<SyncDaemon>,
    /// `snmp_vs_stats_update_interval`; default 5 s.
    pub vs_stats_interval: Duration,
    /// `snmp_rs_stats_update_interval`; default 5 s.
    pub rs_stats_interval: Duration,
    /// `rs_init_notifies`.
    pub init_notifies: bool,
    /// `no_checker_emails`.
    pub no_checker_emails: bool,
    /// `checker_priority`, `checker_process_name` and the like.
    pub process: ProcessSettings,
}

/// `SSL { }`: client certificate material, paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsMaterial {
    /// `ca`.
    pub ca: Option<String>,
    /// `certificate`.
    pub certificate: Option<String>,
    /// `key`.
    pub key: Option<String>,
    /// `password` of the key.
    pub password: Option<Secret>,
}

/// `lvs_sync_daemon` with its options; `None` = the default of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncDaemon {
    /// Interface of the synchronization traffic.
    pub interface: String,
    /// Instance whose state decides the role; `None` runs both roles.
    pub instance: Option<String>,
    /// `id`; default the instance's VRID, else 0.
    pub id: u8,
    /// `maxlen`.
    pub max_len: Option<u16>,
    /// `port`.
    pub port: Option<u16>,
    /// `ttl`.
    pub ttl: Option<u8>,
    /// `group`.
    pub group: Option<IpAddr>,
}

/// `virtual_server_group NAME { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualServerGroup {
    /// Name of the block.
    pub name: String,
    /// Entries, in configured order.
    pub entries: Vec<GroupEntry>,
}

/// One entry of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupEntry {
    /// One address; port 0 = any.
    Address(SocketAddr),
    /// Addresses from first to last, both included; port 0 = any.
    Range(IpAddr, IpAddr, u16),
    /// A firewall mark, with its family if configured.
    FwMark(u32, Option<Family>),
}

/// Address, firewall mark or group of a virtual server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Endpoint {
    /// Address and port; port 0 = any (persistent).
    Address(SocketAddr),
    /// `fwmark N`.
    FwMark(u32, Family),
    /// `group NAME`.
    Group(String),
}

/// `protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// `lb_kind` / `lvs_method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// Masquerading.
    Nat,
    /// Direct routing.
    Dr,
    /// Tunnelling.
    Tun(Tunnel),
}

/// Kind of tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tunnel {
    /// IP in IP.
    Ipip,
    /// Generic UDP encapsulation to a port.
    Gue(u16, TunnelChecksum),
    /// Generic routing encapsulation (never with remote checksum).
    Gre(TunnelChecksum),
}

/// `nocsum`, `csum`, `remcsum`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TunnelChecksum {
    /// None.
    None,
    /// Outer checksum.
    Checksum,
    /// Remote checksum offload (GUE).
    Remote,
}

/// `lb_algo` / `lvs_sched`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum Scheduler {
    Rr,
    Wrr,
    Lc,
    Wlc,
    Lblc,
    Lblcr,
    Dh,
    Sh,
    Sed,
    Nq,
    Fo,
    Ovf,
    Mh,
    Twos,
}

impl Scheduler {
    /// The kernel's name.
    pub fn name(self) -> &'static str {
        match self {
            Scheduler::Rr => "rr",
            Scheduler::Wrr => "wrr",
            Scheduler::Lc => "lc",
            Scheduler::Wlc => "wlc",
            Scheduler::Lblc => "lblc",
            Scheduler::Lblcr => "lblcr",
            Scheduler::Dh => "dh",
            Scheduler::Sh => "sh",
            Scheduler::Sed => "sed",
            Scheduler::Nq => "nq",
            Scheduler::Fo => "fo",
            Scheduler::Ovf => "ovf",
            Scheduler::Mh => "mh",
            Scheduler::Twos => "twos",
        }
    }
}

/// One `virtual_server`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualServer {
    /// Its address, firewall mark or group.
    pub endpoint: Endpoint,
    /// `protocol`; `None` for firewall marks.
    pub protocol: Option<Protocol>,
    /// `lb_algo`.
    pub scheduler: Scheduler,
    /// `flag-1`/`sh-fallback`/`mh-fallback`, `flag-2`/`sh-port`/`mh-port`, `flag-3`.
    pub scheduler_flags: [bool; 3],
    /// `hashed`.
    pub hashed: bool,
    /// `ops`.
    pub one_packet: bool,
    /// `lb_kind`, default of its real servers.
    pub method: Method,
    /// `persistence_timeout` in seconds; `None` = off.
    pub persistence: Option<u32>,
    /// `persistence_granularity` as prefix length; `None` = the full address.
    pub granularity: Option<u8>,
    /// `persistence_engine`.
    pub persistence_engine: Option<String>,
    /// `virtualhost`.
    pub virtual_host: Option<String>,
    /// `snmp_name`.
    pub snmp_name: Option<String>,
    /// `delay_loop` (also default of checkers), likewise the next four.
    pub timing: Timing,
    /// `weight`: default of its real servers.
    pub weight: u32,
    /// `alpha`.
    pub alpha: bool,
    /// `omega`.
    pub omega: bool,
    /// `ha_suspend`.
    pub ha_suspend: bool,
    /// `quorum`, at least 1, at most the total weight.
    pub quorum: u32,
    /// `hysteresis`, less than the quorum.
    pub hysteresis: u32,
    /// `quorum_up`.
    pub quorum_up: Option<Script>,
    /// `quorum_down`.
    pub quorum_down: Option<Script>,
    /// `inhibit_on_failure`: default of its real servers.
    pub inhibit: bool,
    /// `smtp_alert`, with global defaults merged in.
    pub smtp_alert: bool,
    /// `sorry_server`.
    pub sorry_server: Option<SorryServer>,
    /// `real_server` blocks, in configured order, unique.
    pub real_servers: Vec<RealServer>,
}

impl VirtualServer {
    /// Family of the service; for a group without addresses, that of its real servers.
    pub fn family(&self, groups: &[VirtualServerGroup]) -> Family {
        match &self.endpoint {
            Endpoint::Address(address) => Family::of(address.ip()),
            Endpoint::FwMark(_, family) => *family,
            Endpoint::Group(name) => {
                let group = groups.iter().find(|group| &group.name == name);
                let first = group.into_iter().flat_map(|group| &group.entries).find_map(|entry| match entry {
                    GroupEntry::Address(address) => Some(Family::of(address.ip())),
                    GroupEntry::Range(first, ..) => Some(Family::of(*first)),
                    GroupEntry::FwMark(_, family) => *family,
                });
                let of_servers = self.real_servers.first().map(|server| Family::of(server.address.ip()));
                first.or(of_servers).unwrap_or(Family::V4)
            }
        }
    }
}

/// `sorry_server` and related keywords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SorryServer {
    /// Address and port.
    pub address: SocketAddr,
    /// `sorry_server_lvs_method`, else that of the service.
    pub method: Method,
    /// `sorry_server_inhibit`.
    pub inhibit: bool,
}

/// One `real_server`. Rare settings are boxed, as there may be ten thousand real servers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RealServer {
    /// Address and port (0 = any).
    pub address: SocketAddr,
    /// `weight`.
    pub weight: u32,
    /// `lvs_method`, else that of the service.
    pub method: Method,
    /// `uthreshold`, 0 = none.
    pub upper_threshold: u32,
    /// `lthreshold`, 0 = none.
    pub lower_threshold: u32,
    /// `inhibit_on_failure`, else that of the service.
    pub inhibit: bool,
    /// `notify_up`.
    pub notify_up: Option<Box<Script>>,
    /// `notify_down`.
    pub notify_down: Option<Box<Script>>,
    /// `alpha`, else that of the service.
    pub alpha: bool,
    /// `smtp_alert`, with defaults merged in.
    pub smtp_alert: bool,
    /// `virtualhost` of the server; its checkers have that of the service merged.
    pub virtual_host: Option<String>,
    /// `snmp_name`.
    pub snmp_name: Option<String>,
    /// Its timing, if it differs from that of the service.
    pub timing: Option<Box<Timing>>,
    /// Its checkers, in configured order.
    pub checkers: Vec<Checker>,
}
