//! Test fixtures: configurations, and addresses of the host.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::config::model::{
    Address, AdvertBuffer, Config, Family, Garp, Global, Instance, Scripts, StartState, SyncGroup, Version,
};
use crate::vrrp::KernelAddress;

pub const IFINDEX: u32 = 2;
/// Index of an interface that a test may report by an event.
pub const OTHER: u32 = 900;
/// Time since 1970 at the start of a LAN, in seconds.
pub const EPOCH: u64 = 1_796_034_000;

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A version 3 instance with priority 100, an interval of 100 ms and one address.
pub fn instance(name: &str, vrid: u8) -> Instance {
    Instance {
        name: name.into(),
        interface: "eth0".into(),
        vrf: None,
        link: None,
        address_links: Vec::new(),
        family: Family::V4,
        vrid,
        version: Version::V3,
        priority: 100,
        start_state: StartState::Backup,
        advert_interval: ms(100),
        source: None,
        group: Ipv4Addr::new(224, 0, 0, 18).into(),
        unicast: None,
        nopreempt: false,
        timer_expired_backup: None,
        preempt_delay: Duration::ZERO,
        authentication: None,
        auth_hmac: None,
        addresses: vec![address(&format!("10.0.1.{vrid}"))],
        excluded: Vec::new(),
        routes: Vec::new(),
        rules: Vec::new(),
        v3_checksum_as_v2: false,
        accept: true,
        strict: false,
        skip_check_adv_addr: false,
        promote_secondaries: false,
        track_groups: Vec::new(),
        linkbeat: false,
        down_timer_adverts: 3,
        dont_track_primary: false,
        trackers: Vec::new(),
        garp: Garp {
            delay: ms(5000),
            repeat: 5,
            refresh: Duration::ZERO,
            refresh_repeat: 1,
            lower_prio_delay: ms(5000),
            lower_prio_repeat: 5,
            extra: Duration::ZERO,
            extra_all: false,
            garp_interval: Duration::ZERO,
            gna_interval: Duration::ZERO,
        },
        buffer: AdvertBuffer::Default,
        lower_prio_no_advert: false,
        higher_prio_send_advert: false,
        owner_ignore_adverts: false,
        smtp_alert: false,
        scripts: Scripts::default(),
        notify_deleted: false,
        notify_priority_changes: false,
        lvs_sync_interface: None,
    }
}

pub fn address(ip: &str) -> Address {
    Address::plain(ip.parse().unwrap(), 32, "eth0")
}

pub fn group(name: &str, members: &[&str]) -> SyncGroup {
    SyncGroup {
        name: name.into(),
        members: members.iter().map(|member| (*member).into()).collect(),
        scripts: Scripts::default(),
        smtp_alert: false,
        trackers: Vec::new(),
        tracking_weight: false,
        notify_priority_changes: false,
    }
}

pub fn config(instances: Vec<Instance>, sync_groups: Vec<SyncGroup>) -> Config {
    let global = Global { router_id: "r".into(), enable_traps: true, snmp_vrrp: true, ..Global::default() };
    Config {
        global,
        static_addresses: Vec::new(),
        static_routes: Vec::new(),
        static_rules: Vec::new(),
        instances,
        sync_groups,
        has_virtual_servers: false,
        lvs: Default::default(),
        trackers: Default::default(),
        bfd: Vec::new(),
    }
}

/// An address of the host on eth0.
pub fn kernel_address(ip: IpAddr, prefix: u8) -> KernelAddress {
    KernelAddress { ifindex: IFINDEX, ip, prefix, usable: true, marked: false }
}
