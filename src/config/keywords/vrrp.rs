//! Keywords of VRRP instances and their groups.

use super::keyword::*;

use super::address::VIRTUAL_ADDRESS;
use super::route::VIRTUAL_ROUTE;
use super::rule::VIRTUAL_RULE;
use super::track::{TRACK_BFD, TRACK_FILE, TRACK_INTERFACE, TRACK_PROCESS, TRACK_SCRIPT};

/// `vrrp_sync_group`.
#[rustfmt::skip]
pub(super) static SYNC_GROUP: &[Keyword] = &[
    kw("group", Acted, FLAG, "{ INSTANCE ... }", "", "", "0.6.4", "members").with(Words(&MEMBER)),
    kw("track_interface", Acted, FLAG, "{ }", "", "", "2.0.0", "interfaces whose loss changes the priority of all members, or with weight 0 leads to FAULT").with(Entries(TRACK_INTERFACE)),
    kw("track_script", Acted, FLAG, "{ }", "", "", "2.0.0", "vrrp_scripts whose loss changes the priority of all members, or with weight 0 leads to FAULT").with(Entries(TRACK_SCRIPT)),
    kw("track_file", Acted, FLAG, "{ }", "", "", "2.0.0", "files whose loss changes the priority of all members, or with weight 0 leads to FAULT").with(Entries(TRACK_FILE)),
    kw("track_process", Acted, FLAG, "{ }", "", "", "2.0.11", "processes whose loss changes the priority of all members, or with weight 0 leads to FAULT").with(Entries(TRACK_PROCESS)),
    kw("track_bfd", Acted, FLAG, "{ }", "", "", "2.0.0", "BFD sessions whose loss changes the priority of all members, or with weight 0 leads to FAULT").with(Entries(TRACK_BFD)),
    kw("notify_master", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "0.6.4", "run when the group becomes master; see SCRIPTS"),
    kw("notify_backup", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "0.6.4", "run when the group becomes backup; see SCRIPTS"),
    kw("notify_fault", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "0.6.4", "run when the group enters the fault state; see SCRIPTS"),
    kw("notify_stop", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "2.0.0", "run when the daemon stops; see SCRIPTS"),
    kw("notify", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "1.1.2", "run at each change of state, with type, name, state and priority added; see SCRIPTS"),
    kw("smtp_alert", Acted, BOOL, "[BOOL]", "", "smtp_alert_vrrp, else smtp_alert, else false", "1.0.0", "mail at changes of state"),
    kw("global_tracking", Deprecated("sync_group_tracking_weight"), FLAG, "", "", "", "1.2.3", "old form of sync_group_tracking_weight"),
    kw("sync_group_tracking_weight", Acted, FLAG, "", "", "off", "2.0.0", "trackers with a weight change the priority of members too; all members then need equal priorities and trackers"),
    kw("notify_priority_changes", Acted, BOOL, "[BOOL]", "", "vrrp_notify_priority_changes", "2.2.0", "write changes of priority to the FIFOs"),
];

/// `track_group`.
#[rustfmt::skip]
pub(super) static TRACK_GROUP: &[Keyword] = &[
    kw("group", Acted, FLAG, "{ INSTANCE ... }", "names of vrrp_instances", "", "2.0.3", "members").with(Words(&MEMBER)),
];

/// `garp_group`.
#[rustfmt::skip]
pub(super) static GARP_GROUP: &[Keyword] = &[
    kw("garp_interval", Acted, &[One(Decimal(0, 4_294_967_295, 6))], "SECS", "0..4294.967295; resolution 1 us", "vrrp_garp_interval", "1.2.21", "time between two gratuitous ARP messages on these interfaces"),
    kw("gna_interval", Acted, &[One(Decimal(0, 4_294_967_295, 6))], "SECS", "0..4294.967295; resolution 1 us", "vrrp_gna_interval", "1.2.21", "time between two unsolicited neighbor advertisements on these interfaces"),
    kw("interface", Acted, &[One(Interface)], "IFNAME", "may be repeated; not with interfaces", "", "1.2.21", "one of the interfaces"),
    kw("interfaces", Acted, FLAG, "{ IFNAME ... }", "", "", "1.2.21", "the interfaces").with(Words(&GARP_MEMBER)),
];

/// `vrrp_instance`.
#[rustfmt::skip]
pub(super) static INSTANCE: &[Keyword] = &[
    kw("use_vmac", Acted, &[Many(Text)], "[[name] IFNAME] [MAC] [netlink_notify_msg] [group GROUP]", "MAC of 6 octets, or 5 with the VRID as sixth; IFNAME at most 15 characters", "off; name PREFIX.VRID, MAC 00:00:5e:00:01:VRID (IPv4) or 00:00:5e:00:02:VRID (IPv6)", "1.2.3", "run the instance on a macvlan interface with the virtual MAC"),
    kw("use_vmac_addr", Acted, FLAG, "", "", "off", "2.2.0", "put virtual addresses on other interfaces, or of the other family, on VMACs too, as with use_vmac on each"),
    kw("vmac_xmit_base", Acted, FLAG, "", "not in strict mode", "off", "1.2.10", "send adverts from the lower interface, not from the VMAC"),
    kw("use_ipvlan", Acted, &[Many(Text)], "[[name] IFNAME] [ADDR[/LEN]] [bridge|private|vepa] [group GROUP]", "excludes use_vmac; IPv4 needs an address", "off", "2.0.17", "run the instance on an ipvlan interface of layer 2"),
    kw("interface", Acted, &[One(Interface)], "IFNAME", "may be left out with unicast_peer and unicast_src_ip", "", "<=0.5.3", "interface of the instance"),
    kw("vrf", Acted, &[One(Interface)], "NAME", "unicast without interface", "none", "2.2.5", "VRF device that the sockets are bound to"),
    kw("unicast_peer", Acted, FLAG, "{ ADDR [min_ttl N] [max_ttl N] ... }", "N 0..255", "", "1.2.8", "addresses to which adverts are sent, instead of multicast").with(Entries(PEERS)),
    kw("unicast_fault_no_peer", Acted, FLAG, "", "", "off; multicast is used", "2.2.5", "an empty unicast_peer leads to FAULT"),
    kw("check_unicast_src", Acted, BOOL, "[BOOL]", "", "vrrp_check_unicast_src; on when a peer has TTL limits", "2.1.0", "accept adverts of the listed peers only"),
    kw("old_unicast_checksum", Acted, &[Opt(OneOf(&["never"]))], "[never]", "VRRPv3 over IPv4 with unicast_peer; never = do not adopt it from received adverts", "adopted when such an advert is received", "1.3.7", "the multicast group in the pseudo header of the checksum, as old releases have it"),
    kw("unicast_src_ip", Acted, ADDRESS, "ADDR", "", "primary address of the interface", "1.2.10", "source of unicast adverts"),
    kw("unicast_ttl", Acted, &[One(Uint(0, 255))], "N", "0..255", "255", "2.1.0", "TTL of sent unicast adverts"),
    kw("mcast_src_ip", Acted, ADDRESS, "ADDR", "", "primary address of the interface", "0.6.1", "source of multicast adverts"),
    kw("mcast_dst_ip", Acted, &[One(Multicast)], "ADDR", "", "vrrp_mcast_group4/6", "2.2.5", "destination of adverts"),
    kw("track_src_ip", Acted, FLAG, "", "", "", "2.0.0", "no effect of its own: a missing source address always leads to FAULT"),
    kw("native_ipv6", Acted, FLAG, "", "VRRPv3", "that of the first address in the block", "1.2.1", "the instance is IPv6; needed when all its addresses are excluded ones"),
    kw("version", Acted, &[One(Uint(2, 3))], "N", "2..3", "vrrp_version; for IPv6 3", "1.2.17", "protocol version"),
    kw("state", Acted, &[One(OneOf(&["MASTER", "BACKUP"]))], "MASTER|BACKUP", "another word is a fault; BACKUP is used", "BACKUP; with priority 255 MASTER", "<=0.5.3", "state at the start; only priority 255 is master at once"),
    kw("virtual_router_id", Acted, &[One(Uint(1, 255))], "N", "1..255; unique for the interface and the family", "", "<=0.5.3", "VRID; required"),
    kw("priority", Acted, &[One(Uint(1, 255))], "N", "1..255", "100; with state MASTER 255", "<=0.5.3", "priority without trackers; 255 = address owner"),
    kw("advert_int", Acted, &[One(Decimal(10_000, 255_000_000, 6))], "SECS", "0.01..255; version 2: 1..255 in whole seconds; version 3: 0.01..40.95 in steps of 10 ms", "1", "<=0.5.3", "time from one advert to the next"),
    kw("virtual_ipaddress", Acted, FLAG, "{ ADDRESS-LINE ... }", "all of one family; at most 255, and as many as the MTU allows; the rest is excluded", "", "<=0.5.3", "addresses of the master, sent in adverts; see ADDRESS-LINE").with(Entries(VIRTUAL_ADDRESS)),
    kw("virtual_ipaddress_excluded", Acted, FLAG, "{ ADDRESS-LINE ... }", "any family", "", "0.5.9", "addresses of the master that are not sent in adverts; see ADDRESS-LINE").with(Entries(VIRTUAL_ADDRESS)),
    kw("no_virtual_ipaddress", Acted, FLAG, "", "not in strict mode with version 3", "off", "2.2.8", "the instance may have no addresses"),
    kw("promote_secondaries", Acted, FLAG, "", "", "off", "1.3.0", "set the sysctl promote_secondaries of the interface while the daemon runs"),
    kw("virtual_routes", Acted, FLAG, "{ ROUTE-LINE ... }", "", "", "1.0.1", "routes of the master; see ROUTE-LINE").with(Entries(VIRTUAL_ROUTE)),
    kw("virtual_rules", Acted, FLAG, "{ RULE-LINE ... }", "", "", "1.2.20", "policy rules of the master; see RULE-LINE").with(Entries(VIRTUAL_RULE)),
    kw("linkbeat_use_polling", Acted, FLAG, "", "deprecated, use linkbeat_interfaces", "off", "2.0.0", "ask the driver of the interface for its link state"),
    kw("v3_checksum_as_v2", Acted, BOOL, "[BOOL]", "", "v3_checksum_as_v2 of global_defs", "2.2.8", "no pseudo header in the checksum of VRRPv3 over IPv4"),
    kw("accept", Acted, FLAG, "", "in strict mode version 3 only", "on; in strict mode for address owners only", "1.2.17", "a master that does not own the addresses takes packets to them"),
    kw("no_accept", Acted, FLAG, "", "", "off", "1.3.0", "a master that does not own the addresses drops packets to them"),
    kw("skip_check_adv_addr", Acted, BOOL, "[BOOL]", "", "vrrp_skip_check_adv_addr", "1.2.20", "like vrrp_skip_check_adv_addr, for this instance"),
    kw("strict_mode", Acted, BOOL, "[BOOL]", "", "vrrp_strict", "1.2.20", "follow the RFC strictly, and refuse extensions"),
    kw("preempt", Acted, FLAG, "", "", "", "<=0.5.3", "cancels nopreempt; the default"),
    kw("nopreempt", Acted, FLAG, "", "no effect with priority 255 or state MASTER", "off", "1.1.8", "do not take over from a master of lower priority"),
    kw("preempt_delay", Acted, &[One(Decimal(0, 1_000_000_000, 6))], "SECS", "0..1000; resolution 1 us; no effect in strict mode, with nopreempt and with state MASTER", "0", "1.1.8", "time to wait before taking over from a master of lower priority"),
    kw("debug", NoEffect, &[One(Uint(0, 4))], "N", "0..4", "0", "<=0.5.3", "debug level"),
    kw("timer_expired_backup", Acted, &[Opt(Uint(1, 254))], "[N]", "1..254; needs nopreempt", "off; without N 254", "2.2.8", "a master whose advert timer ran late becomes backup, and waits long enough for an instance of priority N to take over"),
    kw("thread_timer_expired", Alias("timer_expired_backup"), &[Opt(Uint(1, 254))], "[N]", "", "", "2.3.2", "see timer_expired_backup"),
    kw("down_timer_adverts", Acted, &[One(Uint(1, 100))], "N", "1..100; not in strict mode", "vrrp_down_timer_adverts", "2.2.3", "advert intervals without an advert after which the master counts as gone"),
    kw("dont_track_primary", Acted, FLAG, "", "not together with track_interface of the same interface", "off", "1.1.8", "a loss of the instance's own interface is no fault"),
    kw("track_interface", Acted, FLAG, "{ IFNAME [weight N [reverse|noreverse]] ... }", "", "", "1.0.1", "interfaces whose loss changes the priority, or with weight 0 leads to FAULT").with(Entries(TRACK_INTERFACE)),
    kw("track_script", Acted, FLAG, "{ NAME [weight N [reverse|noreverse]] ... }", "", "", "1.1.13", "vrrp_scripts whose loss changes the priority, or with weight 0 leads to FAULT").with(Entries(TRACK_SCRIPT)),
    kw("track_file", Acted, FLAG, "{ NAME [weight N [reverse|noreverse]] ... }", "", "", "2.0.0", "files whose loss changes the priority, or with weight 0 leads to FAULT").with(Entries(TRACK_FILE)),
    kw("track_process", Acted, FLAG, "{ NAME [weight N [reverse|noreverse]] ... }", "", "", "2.0.11", "processes whose loss changes the priority, or with weight 0 leads to FAULT").with(Entries(TRACK_PROCESS)),
    kw("track_bfd", Acted, FLAG, "{ NAME [weight N [reverse|noreverse]] ... }", "", "", "2.0.0", "BFD sessions whose loss changes the priority, or with weight 0 leads to FAULT").with(Entries(TRACK_BFD)),
    kw("garp_master_delay", Acted, SECS, "SECS", "0..4294967295; 0 = no second burst", "vrrp_garp_master_delay", "0.7.1", "like vrrp_garp_master_delay, for this instance"),
    kw("garp_master_repeat", Acted, COUNT, "N", "0..4294967295; 0 is taken as 1", "vrrp_garp_master_repeat", "1.2.14", "like vrrp_garp_master_repeat, for this instance"),
    kw("garp_master_refresh", Acted, SECS, "SECS", "0..4294967295", "vrrp_garp_master_refresh", "1.2.10", "like vrrp_garp_master_refresh, for this instance"),
    kw("garp_master_refresh_repeat", Acted, COUNT, "N", "0..4294967295; 0 is taken as 1", "vrrp_garp_master_refresh_repeat", "1.2.14", "like vrrp_garp_master_refresh_repeat, for this instance"),
    kw("garp_lower_prio_delay", Acted, SECS, "SECS", "0..4294967295; 0 = no second burst", "vrrp_garp_lower_prio_delay", "1.2.20", "like vrrp_garp_lower_prio_delay, for this instance"),
    kw("garp_lower_prio_repeat", Acted, COUNT, "N", "0..4294967295; 0 = no burst", "vrrp_garp_lower_prio_repeat", "1.2.20", "like vrrp_garp_lower_prio_repeat, for this instance"),
    kw("garp_extra_if", Acted, &[Opt(OneOf(&["all"])), One(Uint(0, 86400))], "[all] SECS", "0..86400; 0 = off", "vrrp_garp_extra_if", "2.2.3", "like vrrp_garp_extra_if, for this instance").lenient(Lenience::Line),
    kw("vmac_garp_intvl", Deprecated("garp_extra_if"), &[Opt(OneOf(&["all"])), One(Uint(0, 86400))], "[all] SECS", "", "", "2.2.0", "see garp_extra_if").lenient(Lenience::Line),
    kw("lower_prio_no_advert", Acted, BOOL, "[BOOL]", "", "vrrp_lower_prio_no_advert", "1.2.20", "like vrrp_lower_prio_no_advert, for this instance"),
    kw("higher_prio_send_advert", Acted, BOOL, "[BOOL]", "", "vrrp_higher_prio_send_advert", "1.3.5", "like vrrp_higher_prio_send_advert, for this instance"),
    kw("owner_ignore_adverts", Acted, BOOL, "[BOOL]", "", "vrrp_owner_ignore_adverts", "2.3.3", "like vrrp_owner_ignore_adverts, for this instance"),
    kw("kernel_rx_buf_size", Acted, COUNT, "BYTES", "0..4294967295; 0 = the default", "vrrp_rx_bufs_policy", "2.0.3", "receive buffer for adverts; instances that share a socket add theirs").lenient(Lenience::Line),
    kw("lvs_sync_daemon_interface", Deprecated("lvs_sync_daemon"), &[One(Interface)], "IFNAME", "deprecated, use lvs_sync_daemon in global_defs", "none", "0.5.5", "run the IPVS synchronization daemon with this instance"),
    kw("notify_master", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "0.5.9", "run when the instance becomes master; see SCRIPTS"),
    kw("notify_backup", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "0.5.9", "run when the instance becomes backup; see SCRIPTS"),
    kw("notify_fault", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "0.5.9", "run when the instance enters the fault state; see SCRIPTS"),
    kw("notify_stop", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "1.1.13", "run when the daemon stops; see SCRIPTS"),
    kw("notify_deleted", Acted, &[Term::OptScript], "[SCRIPT [USER [GROUP]]]", "without SCRIPT the others are run with DELETED instead of FAULT", "the removal counts as FAULT", "2.1.0", "run when a reload removes the instance; see SCRIPTS"),
    kw("notify", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "<=0.5.3", "run at each change of state, with type, name, state and priority added; see SCRIPTS"),
    kw("notify_master_rx_lower_pri", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "2.0.6", "run when a master receives an advert of lower priority; see SCRIPTS"),
    kw("notify_priority_changes", Acted, BOOL, "[BOOL]", "", "vrrp_notify_priority_changes", "2.0.16", "write changes of priority to the FIFOs"),
    kw("smtp_alert", Acted, BOOL, "[BOOL]", "", "smtp_alert_vrrp, else smtp_alert, else false", "0.5.7", "mail at changes of state"),
    kw("authentication", Acted, FLAG, "{ }", "VRRPv2 only, not in strict mode", "none", "<=0.5.3", "authentication of RFC 2338").with(Block(&[AUTHENTICATION])),
    kw("auth_hmac", Acted, FLAG, "{ }", "not with authentication", "none", "2.4.0", "HMAC-SHA256 after the advert").with(Block(&[HMAC])),
];

/// `authentication`.
#[rustfmt::skip]
static AUTHENTICATION: &[Keyword] = &[
    kw("auth_type", Acted, &[One(OneOf(&["PASS", "AH"]))], "PASS|AH", "another word is a fault; there is no authentication", "none", "<=0.5.3", "password, or IP authentication header"),
    kw("auth_pass", Acted, &[One(Secret)], "STRING", "the first 8 characters count", "", "<=0.5.3", "password; required"),
];

/// `auth_hmac`.
#[rustfmt::skip]
static HMAC: &[Keyword] = &[
    kw("key", Acted, &[One(Uint(1, 255)), One(Secret)], "ID hex:DIGITS | ID TEXT | ID file:PATH", "ID 1..255, each once; 32..64 octets; a file must not be readable for others", "", "2.4.0", "shared key; required").lenient(Lenience::Line),
    kw("active_key", Acted, &[One(Uint(1, 255))], "ID", "ID of a key", "", "2.4.0", "key for sending; required"),
    kw("time_window", Acted, &[One(Uint(1, 300))], "SECS", "1..300", "3 advert intervals in whole seconds, from 5 to 300", "2.4.0", "largest difference of the clocks"),
    kw("anti_replay", Acted, &[One(OneOf(&["time", "monotonic"]))], "time|monotonic", "", "time", "2.4.0", "protection against replay: by the clock with a time window, or by an increasing number alone"),
    kw("mode", Acted, &[One(OneOf(&["enforce", "permissive", "receive-only"]))], "enforce|permissive|receive-only", "strict mode needs enforce", "enforce", "2.4.0", "unauthenticated adverts are dropped, or accepted; receive-only = check what is received, and send without HMAC"),
];

/// Entries of `unicast_peer`.
#[rustfmt::skip]
static PEERS: &[Keyword] = &[
    kw("ADDR", Acted, &[One(Address), Named(&[PEER_WORDS])], "ADDR [min_ttl N] [max_ttl N]", "N 0..255", "no limits", "", "one peer, with limits for the TTL of its adverts").lenient(Lenience::Line),
];

/// Words of a `unicast_peer` entry.
#[rustfmt::skip]
static PEER_WORDS: &[Keyword] = &[
    kw("min_ttl", Acted, &[One(Uint(0, 255))], "N", "0..255", "", "2.2.8", "lowest TTL to accept").lenient(Lenience::Option),
    kw("max_ttl", Acted, &[One(Uint(0, 255))], "N", "0..255", "", "2.2.8", "highest TTL to accept").lenient(Lenience::Option),
];

/// A member of a group of instances.
pub static MEMBER: Keyword =
    kw("INSTANCE", Acted, NAME, "INSTANCE", "name of a vrrp_instance", "", "0.6.1", "one member");

/// A member of `garp_group`.
static GARP_MEMBER: Keyword = kw("IFNAME", Acted, &[One(Interface)], "IFNAME", "", "", "1.2.21", "one interface");
