//! Settings of `global_defs` that are merged into other blocks, as configured: the dumps show them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::buffer::AdvertBuffer;
use super::lvs::LvsSettings;

/// Settings of `global_defs` that are merged into other blocks, and those of the checker process. Only the dumps read them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Defaults {
    /// `vrrp_version`: 2 or 3; default 2.
    pub version: u8,
    /// `vrrp_mcast_group4`.
    pub group4: IpAddr,
    /// `vrrp_mcast_group6`.
    pub group6: IpAddr,
    /// `vrrp_garp_master_delay` and the like.
    pub garp: GarpDefaults,
    /// `garp_group` blocks, in configured order.
    pub garp_groups: Vec<GarpGroup>,
    /// `vrrp_rx_bufs_policy`.
    pub advert_buffer: AdvertBuffer,
    /// `vrrp_rx_bufs_multiplier`; default 3.
    pub advert_buffer_multiplier: u32,
    /// `vrrp_down_timer_adverts`; default 3.
    pub down_timer_adverts: u8,
    /// `vrrp_lower_prio_no_advert`.
    pub lower_prio_no_advert: bool,
    /// `vrrp_higher_prio_send_advert`.
    pub higher_prio_send_advert: bool,
    /// `vrrp_notify_priority_changes`.
    pub notify_priority_changes: bool,
    /// `vrrp_check_unicast_src`.
    pub check_unicast_src: bool,
    /// `vrrp_skip_check_adv_addr`.
    pub skip_check_adv_addr: bool,
    /// `vrrp_strict`.
    pub strict: bool,
    /// `max_auto_priority`: -1 = off; `None`: the keyword is absent.
    pub max_auto_priority: Option<i8>,
    /// `min_auto_priority_delay`; default 1 s.
    pub min_auto_priority_delay: Duration,
    /// `checker_log_all_failures`.
    pub log_all_failures: bool,
    /// `reload_check_config`: the file for the messages, empty without one; `None`: the keyword is absent.
    pub check_log: Option<String>,
    /// `dynamic_interfaces allow_if_changes`.
    pub allow_if_changes: bool,
    /// Settings of the checker process.
    pub lvs: LvsSettings,
}

/// Global defaults of gratuitous ARP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GarpDefaults {
    /// `vrrp_garp_master_delay`: seconds; default 5.
    pub delay: u32,
    /// `vrrp_garp_master_repeat`; default 5.
    pub repeat: u32,
    /// `vrrp_garp_master_refresh`: seconds, 0 = none.
    pub refresh: u32,
    /// `vrrp_garp_master_refresh_repeat`; default 1.
    pub refresh_repeat: u32,
    /// `vrrp_garp_lower_prio_delay`: seconds; `None`: as `delay`.
    pub lower_prio_delay: Option<u32>,
    /// `vrrp_garp_lower_prio_repeat`; `None`: as `repeat`.
    pub lower_prio_repeat: Option<u32>,
    /// `vrrp_garp_extra_if`: seconds, 0 = none.
    pub extra: u32,
    /// `vrrp_garp_extra_if all`.
    pub extra_all: bool,
    /// `vrrp_garp_interval`.
    pub garp_interval: Duration,
    /// `vrrp_gna_interval`.
    pub gna_interval: Duration,
}

/// `garp_group { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GarpGroup {
    /// `garp_interval`; `None` = as without the group.
    pub garp_interval: Option<Duration>,
    /// `gna_interval`; `None` = as without the group.
    pub gna_interval: Option<Duration>,
    /// `interface` and `interfaces`.
    pub interfaces: Vec<String>,
}

impl Default for Defaults {
    /// The settings of an empty file.
    fn default() -> Defaults {
        Defaults {
            version: 2,
            group4: Ipv4Addr::new(224, 0, 0, 18).into(),
            group6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12).into(),
            garp: GarpDefaults::default(),
            garp_groups: Vec::new(),
            advert_buffer: AdvertBuffer::Default,
            advert_buffer_multiplier: 3,
            down_timer_adverts: 3,
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            notify_priority_changes: false,
            check_unicast_src: false,
            skip_check_adv_addr: false,
            strict: false,
            max_auto_priority: None,
            min_auto_priority_delay: Duration::from_secs(1),
            log_all_failures: false,
            check_log: None,
            allow_if_changes: false,
            lvs: LvsSettings::default(),
        }
    }
}

impl Default for GarpDefaults {
    fn default() -> GarpDefaults {
        GarpDefaults {
            delay: 5,
            repeat: 5,
            refresh: 0,
            refresh_repeat: 1,
            lower_prio_delay: None,
            lower_prio_repeat: None,
            extra: 0,
            extra_all: false,
            garp_interval: Duration::ZERO,
            gna_interval: Duration::ZERO,
        }
    }
}
