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
    kw("track_interface", Acted, FLAG, "{ }", "", "", "2.0.0", "tracked interfaces of all members").with(Entries(TRACK_INTERFACE)),
    kw("track_script", Acted, FLAG, "{ }", "", "", "2.0.0", "tracked scripts of all members").with(Entries(TRACK_SCRIPT)),
    kw("track_file", Acted, FLAG, "{ }", "", "", "2.0.0", "tracked files of all members").with(Entries(TRACK_FILE)),
    kw("track_process", Acted, FLAG, "{ }", "", "", "2.0.11", "tracked processes of all members").with(Entries(TRACK_PROCESS)),
    kw("track_bfd", Acted, FLAG, "{ }", "", "", "2.0.0", "tracked BFD sessions of all members").with(Entries(TRACK_BFD)),
    kw("notify_master", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "0.6.4", "run on becoming master"),
    kw("notify_backup", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "0.6.4", "run on becoming backup"),
    kw("notify_fault", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "0.6.4", "run on entering fault"),
    kw("notify_stop", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "2.0.0", "run at stop"),
    kw("notify", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "1.1.2", "run on each change with type, name, state, priority appended"),
    kw("smtp_alert", Acted, BOOL, "[BOOL]", "bare = true", "smtp_alert_vrrp/smtp_alert else false", "1.0.0", "mail on state changes"),
    kw("global_tracking", Deprecated("sync_group_tracking_weight"), FLAG, "", "deprecated, no effect except a warning", "", "1.2.3", "old form of group tracking"),
    kw("sync_group_tracking_weight", Acted, FLAG, "", "", "off", "2.0.0", "keep weighted trackers of members effective (all members then need equal priority and trackers)"),
    kw("notify_priority_changes", NotYet, BOOL, "[BOOL]", "bare = true", "vrrp_notify_priority_changes", "2.2.0", "write priority changes of the group to the FIFOs"),
];

/// `track_group`.
#[rustfmt::skip]
pub(super) static TRACK_GROUP: &[Keyword] = &[
    kw("group", Acted, FLAG, "{ INSTANCE ... }", "names of vrrp instances", "", "2.0.3", "members").with(Words(&MEMBER)),
];

/// `garp_group`.
#[rustfmt::skip]
pub(super) static GARP_GROUP: &[Keyword] = &[
    kw("garp_interval", Acted, &[One(Decimal(0, 4_294_967_295, 6))], "SECS", "resolution 1 us", "vrrp_garp_interval", "1.2.21", "spacing of GARPs over the whole set"),
    kw("gna_interval", Acted, &[One(Decimal(0, 4_294_967_295, 6))], "SECS", "resolution 1 us", "vrrp_gna_interval", "1.2.21", "spacing of NAs over the whole set"),
    kw("interface", Acted, &[One(Interface)], "IFNAME", "adds one member; not with interfaces", "", "1.2.21", "member"),
    kw("interfaces", Acted, FLAG, "{ IFNAME ... }", "", "", "1.2.21", "members").with(Words(&GARP_MEMBER)),
];

/// `vrrp_instance`.
#[rustfmt::skip]
pub(super) static INSTANCE: &[Keyword] = &[
    kw("use_vmac", Acted, &[Many(Text)], "[[name] IFNAME] [MAC] [netlink_notify_msg] [group GROUP]", "MAC of 6 octets, or 5 with the VRID as sixth; IFNAME at most 15 characters", "off; name PREFIX.VRID, MAC 00:00:5e:00:01:VRID (IPv4) or 00:00:5e:00:02:VRID (IPv6)", "1.2.3", "run the instance on a macvlan with the virtual MAC"),
    kw("use_vmac_addr", NotYet, FLAG, "", "", "off", "2.2.0", "put VIPs on other interfaces on VMACs as well"),
    kw("vmac_xmit_base", Acted, FLAG, "", "not in strict mode", "off", "1.2.10", "send adverts from the base interface rather than the VMAC"),
    kw("use_ipvlan", NotYet, &[Many(Text)], "[[name] IFNAME] [ADDR[/LEN]] [bridge|private|vepa] [group GROUP]", "excludes use_vmac; IPv4 needs an address", "off", "2.0.17", "run the instance on an ipvlan (L2)"),
    kw("interface", Acted, &[One(Interface)], "IFNAME", "required unless unicast/IPv6-global rules allow none", "", "<=0.5.3", "interface of the instance"),
    kw("vrf", NotYet, &[One(Interface)], "NAME", "unicast without interface", "none", "2.2.5", "VRF the unicast sockets belong to"),
    kw("unicast_peer", Acted, FLAG, "{ ADDR [min_ttl N] [max_ttl N] ... }", "TTL 0..255", "", "1.2.8", "send adverts to these addresses instead of multicast").with(Entries(PEERS)),
    kw("unicast_fault_no_peer", Acted, FLAG, "", "", "off (empty peer list = multicast)", "2.2.5", "FAULT instead of multicast when the peer list is empty"),
    kw("check_unicast_src", Acted, BOOL, "[BOOL]", "bare = true", "vrrp_check_unicast_src; on when a peer has TTL limits", "2.1.0", "accept only adverts from listed peers"),
    kw("old_unicast_checksum", Acted, &[Opt(OneOf(&["never"]))], "[never]", "IPv4 VRRPv3 unicast; counts as a unicast keyword", "automatic switch when such an advert is received", "1.3.7", "pseudo header uses the multicast group (old releases); never = no switch"),
    kw("unicast_src_ip", Acted, ADDRESS, "ADDR", "", "primary address of the interface", "1.2.10", "source of unicast adverts"),
    kw("unicast_ttl", Acted, &[One(Uint(0, 255))], "N", "0..255", "255", "2.1.0", "TTL of sent unicast adverts"),
    kw("mcast_src_ip", Acted, ADDRESS, "ADDR", "", "primary address of the interface", "0.6.1", "source of multicast adverts"),
    kw("mcast_dst_ip", Acted, &[One(Multicast)], "ADDR", "", "vrrp_mcast_group4/6", "2.2.5", "destination of adverts"),
    kw("track_src_ip", Acted, FLAG, "", "needs an explicit source", "always on", "2.0.0", "FAULT while unicast_src_ip or mcast_src_ip is on no interface of the host; without the keyword too"),
    kw("native_ipv6", Acted, FLAG, "", "VRRPv3", "from VIPs", "1.2.1", "force IPv6 when all VIPs are excluded ones"),
    kw("version", Acted, &[One(Uint(2, 3))], "N", "2..3", "vrrp_version (3 for IPv6)", "1.2.17", "protocol version"),
    kw("state", Acted, &[One(OneOf(&["MASTER", "BACKUP"]))], "MASTER|BACKUP", "other words reported, BACKUP taken; BACKUP after MASTER ignored with an error", "BACKUP (MASTER when priority 255)", "<=0.5.3", "initial state"),
    kw("virtual_router_id", Acted, &[One(Uint(1, 255))], "N", "1..255, required, unique per interface, family", "none", "<=0.5.3", "VRID"),
    kw("priority", Acted, &[One(Uint(1, 255))], "N", "1..255", "100 (255 when state MASTER is set and priority is not)", "<=0.5.3", "base priority; 255 = address owner"),
    kw("advert_int", Acted, &[One(Decimal(10_000, 255_000_000, 6))], "SECS", "0.01..255; v2 whole seconds 1..255; v3 0.01..40.95 in 10 ms steps", "1", "<=0.5.3", "advert interval"),
    kw("virtual_ipaddress", Acted, FLAG, "{ ADDRESS-LINE ... }", "all one family; at most 255 and what the MTU allows, the rest becomes excluded", "", "<=0.5.3", "addresses carried in adverts").with(Entries(VIRTUAL_ADDRESS)),
    kw("virtual_ipaddress_excluded", Acted, FLAG, "{ ADDRESS-LINE ... }", "any family", "", "0.5.9", "addresses set but not advertised").with(Entries(VIRTUAL_ADDRESS)),
    kw("no_virtual_ipaddress", Acted, FLAG, "", "v2 or non-strict", "off", "2.2.8", "allow an instance without VIPs silently"),
    kw("promote_secondaries", Acted, FLAG, "", "", "off", "1.3.0", "set promote_secondaries on the interface while running"),
    kw("virtual_routes", NotYet, FLAG, "{ ROUTE-LINE ... }", "", "", "1.0.1", "routes held while master").with(Entries(VIRTUAL_ROUTE)),
    kw("virtual_rules", NotYet, FLAG, "{ RULE-LINE ... }", "", "", "1.2.20", "policy rules held while master").with(Entries(VIRTUAL_RULE)),
    kw("linkbeat_use_polling", Acted, FLAG, "", "deprecated, see linkbeat_interfaces", "off", "2.0.0", "poll link state of the instance interface"),
    kw("v3_checksum_as_v2", Acted, BOOL, "[BOOL]", "bare = true", "global v3_checksum_as_v2", "2.2.8", "no pseudo header in the IPv4 VRRPv3 checksum"),
    kw("accept", Acted, FLAG, "", "v3 (v2 only non-strict)", "on; strict: on for owners only", "1.2.17", "accept traffic to VIPs while not owner"),
    kw("no_accept", NotYet, FLAG, "", "needs firewall support", "off", "1.3.0", "drop traffic to VIPs"),
    kw("skip_check_adv_addr", Acted, BOOL, "[BOOL]", "bare = true", "vrrp_skip_check_adv_addr", "1.2.20", "compare addresses only when the sender changes"),
    kw("strict_mode", Acted, BOOL, "[BOOL]", "bare = true", "vrrp_strict", "1.2.20", "protocol strictness"),
    kw("preempt", Acted, FLAG, "", "", "on", "<=0.5.3", "legacy opposite of nopreempt"),
    kw("nopreempt", Acted, FLAG, "", "ignored with priority 255 or state MASTER", "off", "1.1.8", "do not take over from a lower-priority master"),
    kw("preempt_delay", Acted, &[One(Decimal(0, 1_000_000_000, 6))], "SECS", "0..1000, resolution 1 us; cleared when strict, nopreempt or state MASTER", "0", "1.1.8", "wait this long before preempting"),
    kw("debug", NoEffect, &[One(Uint(0, 4))], "N", "0..4", "0", "<=0.5.3", "debug level (no effect in normal builds)"),
    kw("timer_expired_backup", NotYet, &[Opt(Uint(1, 254))], "[N]", "1..254; needs nopreempt", "off; bare 254", "2.2.8", "a master whose advert timer ran late steps back to backup, waiting long enough for an instance of priority N to take over"),
    kw("thread_timer_expired", Alias("timer_expired_backup"), &[Opt(Uint(1, 254))], "[N]", "alias of timer_expired_backup", "", "2.3.2", "see timer_expired_backup"),
    kw("down_timer_adverts", Acted, &[One(Uint(1, 100))], "N", "1..100; not in strict mode", "vrrp_down_timer_adverts (3)", "2.2.3", "advert intervals in the master down timer"),
    kw("dont_track_primary", Acted, FLAG, "", "not together with tracking of the same interface", "off", "1.1.8", "ignore the state of the instance interface (VMAC base included)"),
    kw("track_interface", Acted, FLAG, "{ IFNAME [weight N [reverse|noreverse]] ... }", "", "", "1.0.1", "interfaces that influence the instance").with(Entries(TRACK_INTERFACE)),
    kw("track_script", Acted, FLAG, "{ NAME [weight N [reverse|noreverse]] ... }", "", "", "1.1.13", "scripts that influence the instance").with(Entries(TRACK_SCRIPT)),
    kw("track_file", Acted, FLAG, "{ NAME [weight N [reverse|noreverse]] ... }", "", "", "2.0.0", "files that influence the instance").with(Entries(TRACK_FILE)),
    kw("track_process", Acted, FLAG, "{ NAME [weight N [reverse|noreverse]] ... }", "", "", "2.0.11", "processes that influence the instance").with(Entries(TRACK_PROCESS)),
    kw("track_bfd", Acted, FLAG, "{ NAME [weight N [reverse|noreverse]] ... }", "", "", "2.0.0", "BFD sessions that influence the instance").with(Entries(TRACK_BFD)),
    kw("garp_master_delay", Acted, SECS, "SECS", "", "vrrp_garp_master_delay (5)", "0.7.1", "delay of the second burst"),
    kw("garp_master_repeat", Acted, COUNT, "N", "0 taken as 1", "vrrp_garp_master_repeat (5)", "1.2.14", "messages per burst"),
    kw("garp_master_refresh", Acted, SECS, "SECS", "", "vrrp_garp_master_refresh (0)", "1.2.10", "refresh period"),
    kw("garp_master_refresh_repeat", Acted, COUNT, "N", "0 taken as 1", "vrrp_garp_master_refresh_repeat (1)", "1.2.14", "messages per refresh"),
    kw("garp_lower_prio_delay", Acted, SECS, "SECS", "", "vrrp_garp_lower_prio_delay", "1.2.20", "second burst delay after a lower-priority advert"),
    kw("garp_lower_prio_repeat", Acted, COUNT, "N", "", "vrrp_garp_lower_prio_repeat", "1.2.20", "burst size after a lower-priority advert"),
    kw("garp_extra_if", NotYet, &[Opt(OneOf(&["all"])), One(Uint(0, 86400))], "[all] SECS", "0..86400 (0 = off)", "vrrp_garp_extra_if", "2.2.3", "periodic GARP/NA on the other interfaces with VIPs"),
    kw("vmac_garp_intvl", Deprecated("garp_extra_if"), &[Opt(OneOf(&["all"])), One(Uint(0, 86400))], "[all] SECS", "deprecated alias of garp_extra_if", "", "2.2.0", "see garp_extra_if"),
    kw("lower_prio_no_advert", Acted, BOOL, "[BOOL]", "bare = true", "vrrp_lower_prio_no_advert", "1.2.20", "stay silent on a lower-priority advert"),
    kw("higher_prio_send_advert", Acted, BOOL, "[BOOL]", "bare = true", "vrrp_higher_prio_send_advert", "1.3.5", "one last advert before yielding"),
    kw("owner_ignore_adverts", Acted, BOOL, "[BOOL]", "bare = true", "vrrp_owner_ignore_adverts", "2.3.3", "address owner drops received adverts"),
    kw("kernel_rx_buf_size", NotYet, COUNT, "BYTES", "", "global policy", "2.0.3", "receive buffer of the advert socket"),
    kw("lvs_sync_daemon_interface", Deprecated("lvs_sync_daemon"), &[One(Interface)], "IFNAME", "deprecated, see global lvs_sync_daemon", "none", "0.5.5", "sync daemon bound to this instance"),
    kw("notify_master", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "0.5.9", "run on becoming master"),
    kw("notify_backup", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "0.5.9", "run on becoming backup"),
    kw("notify_fault", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "0.5.9", "run on entering fault"),
    kw("notify_stop", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "1.1.13", "run when the daemon stops the instance"),
    kw("notify_deleted", Acted, &[Term::OptScript], "[SCRIPT [USER [GROUP]]]", "bare = send DELETED instead of FAULT", "FAULT notifications are used", "2.1.0", "run when a reload removes the instance"),
    kw("notify", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "<=0.5.3", "run on each change with type, name, state, priority appended"),
    kw("notify_master_rx_lower_pri", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "2.0.6", "run when a master hears a lower-priority advert"),
    kw("notify_priority_changes", NotYet, BOOL, "[BOOL]", "bare = true", "vrrp_notify_priority_changes", "2.0.16", "write priority changes to the FIFOs"),
    kw("smtp_alert", Acted, BOOL, "[BOOL]", "bare = true", "smtp_alert_vrrp/smtp_alert else false", "0.5.7", "mail on state changes"),
    kw("authentication", Acted, FLAG, "{ }", "VRRPv2 only, not in strict mode", "none", "<=0.5.3", "RFC 2338 style authentication").with(Block(&[AUTHENTICATION])),
    kw("auth_hmac", NotYet, FLAG, "{ }", "not with authentication", "none", "2.4.0", "HMAC-SHA256 trailer").with(Block(&[HMAC])),
];

/// `authentication`.
#[rustfmt::skip]
static AUTHENTICATION: &[Keyword] = &[
    kw("auth_type", Acted, &[One(OneOf(&["PASS", "AH"]))], "PASS|AH", "other words = none", "none", "<=0.5.3", "simple password or IP authentication header"),
    kw("auth_pass", Acted, &[One(Secret)], "STRING", "first 8 characters used", "required", "<=0.5.3", "shared secret"),
];

/// `auth_hmac`.
#[rustfmt::skip]
static HMAC: &[Keyword] = &[
    kw("key", NotYet, &[One(Uint(1, 255)), One(Secret)], "ID hex:DIGITS | ID TEXT | ID file:PATH", "ID 1..255, each once; 32..64 bytes; a file readable by group/others is a security error; hex: also allowed inside the file", "required", "2.4.0", "shared key"),
    kw("active_key", NotYet, &[One(Uint(1, 255))], "ID", "ID of a defined key", "required (an undefined id disables the extension with an error)", "2.4.0", "key used for sending"),
    kw("time_window", NotYet, &[One(Uint(1, 300))], "SECS", "1..300", "3 x whole seconds of advert_int, at least 5, at most 300", "2.4.0", "largest clock difference accepted"),
    kw("anti_replay", NotYet, &[One(OneOf(&["time", "monotonic"]))], "time|monotonic", "", "time", "2.4.0", "time = counter from the clock plus freshness window; monotonic = increasing counter only"),
    kw("mode", NotYet, &[One(OneOf(&["enforce", "permissive", "receive-only"]))], "enforce|permissive|receive-only", "strict mode needs enforce", "enforce", "2.4.0", "whether unauthenticated adverts are dropped, accepted, or only checked without sending the trailer"),
];

/// Entries of `unicast_peer`.
#[rustfmt::skip]
static PEERS: &[Keyword] = &[
    kw("ADDR", Acted, &[One(Address), Named(&[PEER_WORDS])], "ADDR [min_ttl N] [max_ttl N]", "0..255 each", "no TTL limits", "", "one peer"),
];

/// Words of a `unicast_peer` entry.
#[rustfmt::skip]
static PEER_WORDS: &[Keyword] = &[
    kw("min_ttl", Acted, &[One(Uint(0, 255))], "N", "0..255", "", "2.2.8", "least TTL accepted"),
    kw("max_ttl", Acted, &[One(Uint(0, 255))], "N", "0..255", "", "2.2.8", "largest TTL accepted"),
];

/// A member of a group of instances.
pub static MEMBER: Keyword =
    kw("INSTANCE", Acted, NAME, "INSTANCE", "name of a vrrp_instance", "", "0.6.1", "one member");

/// A member of `garp_group`.
static GARP_MEMBER: Keyword = kw("IFNAME", Acted, &[One(Interface)], "IFNAME", "", "", "1.2.21", "one interface");
