//! Keywords of the file's top level, and the small blocks that belong to no subsystem.

use super::keyword::*;

use super::address::STATIC_ADDRESS;
use super::check::{SERVER_GROUP, VIRTUAL_SERVER};
use super::global::GLOBAL;
use super::route::STATIC_ROUTE;
use super::rule::STATIC_RULE;
use super::track::{BFD, FILE, OLD_FILE, PROCESS, SCRIPT};
use super::vrrp::{GARP_GROUP, INSTANCE, MEMBER, SYNC_GROUP, TRACK_GROUP};

/// The keyword sets of the top level.
pub static ROOT: &[&[Keyword]] = &[TOP];

/// The top level.
#[rustfmt::skip]
static TOP: &[Keyword] = &[
    kw("linkbeat_use_polling", Acted, FLAG, "", "", "off (netlink link state)", "1.1.18", "use polled link detection on every interface"),
    kw("nat_mask", NoEffect, NAME, "MASK", "removed", "", "<=0.5.3", "historic NAT mask"),
    kw("net_namespace", Acted, &[One(FileName)], "NAME", "first definition wins; cannot change at reload", "none", "1.2.24", "network namespace the whole daemon moves into; turns use_pid_dir on and adds _NAME to log idents"),
    kw("net_namespace_ipvs", NotYet, &[Opt(FileName)], "[NAME]", "cannot change at reload", "same namespace as the daemon", "2.1.0", "namespace in which the IPVS tables are programmed; no name = the default namespace"),
    kw("namespace_with_ipsets", NotYet, FLAG, "", "", "off", "1.3.0", "allow ipsets together with a namespace on kernels older than 3.13"),
    kw("use_pid_dir", Acted, FLAG, "", "", "off", "1.2.24", "put the pid files in the keepalived run directory instead of the run root"),
    kw("instance", Acted, &[One(FileName)], "NAME", "first definition wins; cannot change at reload", "none", "1.2.24", "instance name added to pid file names and log idents; turns use_pid_dir on"),
    kw("child_wait_time", Acted, &[One(Uint(0, U32))], "SECS", "0..4294967295", "5", "2.0.0", "how long the parent waits for children on termination before it kills them"),
    kw("global_defs", Acted, FLAG, "{ }", "", "", "<=0.5.3", "global settings").with(Block(&[GLOBAL])),
    kw("linkbeat_interfaces", Acted, FLAG, "{ IFNAME [MII|ETHTOOL|IOCTL] ... }", "", "empty; method tried in the order MII, ETHTOOL, IOCTL", "2.0.13", "interfaces whose link state is polled").with(Entries(LINKBEAT)),
    kw("track_group", Acted, NAME, "NAME { }", "", "", "2.0.3", "names a set of vrrp instances that static addresses/routes/rules can follow").with(Block(&[TRACK_GROUP])),
    kw("static_ipaddress", Acted, FLAG, "{ ADDRESS-LINE ... }", "", "", "1.1.0", "addresses set at start and removed at stop; grammar = virtual_ipaddress plus track_group").with(Entries(STATIC_ADDRESS)),
    kw("static_routes", NotYet, FLAG, "{ ROUTE-LINE ... }", "", "", "1.0.1", "routes set at start and removed at stop").with(Entries(STATIC_ROUTE)),
    kw("static_rules", NotYet, FLAG, "{ RULE-LINE ... }", "", "", "1.2.20", "policy rules set at start and removed at stop").with(Entries(STATIC_RULE)),
    kw("vrrp_sync_group", Acted, NAME, "NAME { }", "", "", "0.6.1", "instances that change state together").with(Body::Loose(&[SYNC_GROUP], &MEMBER)),
    kw("garp_group", Acted, FLAG, "{ }", "", "", "1.2.21", "pacing of gratuitous ARP/NA for a set of interfaces").with(Block(&[GARP_GROUP])),
    kw("vrrp_instance", Acted, NAME, "NAME { }", "unique name", "", "<=0.5.3", "one virtual router").with(Block(&[INSTANCE])),
    kw("vrrp_script", Acted, NAME, "NAME { }", "unique name", "", "1.1.13", "periodically run test usable in track_script").with(Block(&[SCRIPT])),
    kw("vrrp_track_process", Acted, NAME, "NAME { }", "unique name", "", "2.0.11", "process-presence test usable in track_process").with(Block(&[PROCESS])),
    kw("track_file", Acted, NAME, "NAME { }", "unique name", "", "2.1.0", "file whose number is used by track_file lists and FILE_CHECK").with(Block(&[FILE])),
    kw("vrrp_track_file", Deprecated("track_file"), NAME, "NAME { }", "alias (old name) of track_file", "", "2.0.0", "see track_file").with(Block(&[OLD_FILE])),
    kw("interface_up_down_delays", Acted, FLAG, "{ IFNAME DOWN_DELAY [UP_DELAY] ... }", "each 0..255", "none; UP_DELAY omitted: 0 in keepalived (man page: equal to DOWN_DELAY)", "2.2.3", "debounce of link changes per interface").with(Entries(DELAYS)),
    kw("bfd_instance", Acted, NAME, "NAME { }", "name at most 31 characters", "", "2.0.0", "one BFD session").with(Block(&[BFD])),
    kw("SSL", Acted, FLAG, "{ }", "", "", "<=0.5.3", "client certificate material for SSL_GET").with(Block(&[SSL])),
    kw("virtual_server_group", Acted, NAME, "NAME { ENTRY ... }", "ENTRY = ADDR[-END][/MASK] [PORT[-END]] or fwmark N [inet|inet6]", "", "1.0.2", "reusable set of virtual addresses/fwmarks").with(Entries(SERVER_GROUP)),
    kw("virtual_server", Acted, &[One(Service), Opt(Text)], "ADDR [PORT] | fwmark N | group NAME { }", "PORT 1..65535 (0/none = any port)", "", "<=0.5.3", "one IPVS service").with(Block(&[VIRTUAL_SERVER])),
];

/// Entries of `linkbeat_interfaces`.
#[rustfmt::skip]
static LINKBEAT: &[Keyword] = &[
    kw("IFNAME", Acted, &[One(Interface), Opt(OneOf(&["MII", "ETHTOOL", "IOCTL"]))], "IFNAME [MII|ETHTOOL|IOCTL]", "", "first supported of MII, ETHTOOL, IOCTL", "", "one polled interface per line"),
];

/// Entries of `interface_up_down_delays`.
#[rustfmt::skip]
static DELAYS: &[Keyword] = &[
    kw("IFNAME", Acted, &[One(Interface), One(Decimal(0, 255_000_000, 6)), Opt(Decimal(0, 255_000_000, 6))], "IFNAME DOWN [UP]", "0..255", "UP: 0 in keepalived; the man page says equal to DOWN", "", "one interface per line"),
];

/// `SSL`.
#[rustfmt::skip]
static SSL: &[Keyword] = &[
    kw("password", Acted, &[One(Secret)], "STRING", "", "", "<=0.5.3", "pass phrase of the key"),
    kw("ca", Acted, &[One(Text)], "PATH", "", "", "<=0.5.3", "CA file"),
    kw("certificate", Acted, &[One(Text)], "PATH", "", "", "<=0.5.3", "client certificate"),
    kw("key", Acted, &[One(Text)], "PATH", "", "", "<=0.5.3", "client key"),
];
