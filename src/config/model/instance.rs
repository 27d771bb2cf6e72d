//! Virtual routers.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::{Address, Family};
use super::auth_hmac::AuthHmac;
use super::buffer::AdvertBuffer;
use super::own_link::{AddressLink, OwnLink};
use super::route::Route;
use super::rule::Rule;
use super::script::Scripts;
use super::track::Track;

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
