//! Keywords of the top level, and of small blocks outside of the subsystems.

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
    kw("linkbeat_use_polling", Acted, FLAG, "", "", "off", "1.1.18", "ask the drivers of all interfaces for their link state, instead of waiting for the kernel's messages"),
    kw("nat_mask", NoEffect, NAME, "MASK", "", "", "<=0.5.3", "old NAT mask"),
    kw("net_namespace", Acted, &[One(FileName)], "NAME", "the first definition counts; cannot change at a reload", "none", "1.2.24", "network namespace that the whole daemon enters; turns use_pid_dir on and adds _NAME to the names in the log").lenient(Lenience::Line),
    kw("net_namespace_ipvs", Acted, &[Opt(FileName)], "[NAME]", "cannot change at a reload", "that of the daemon", "2.1.0", "network namespace in which the IPVS tables are programmed; without NAME the default namespace"),
    kw("namespace_with_ipsets", NoEffect, FLAG, "", "", "off", "1.3.0", "allow ipsets together with a namespace on kernels older than 3.13; no ipsets are used"),
    kw("use_pid_dir", Acted, FLAG, "", "", "off", "1.2.24", "put the pid files into the run directory of keepalived"),
    kw("instance", Acted, &[One(FileName)], "NAME", "the first definition counts; cannot change at a reload", "none", "1.2.24", "name added to the names of pid files and to those in the log; turns use_pid_dir on").lenient(Lenience::Line),
    kw("child_wait_time", Acted, &[One(Uint(0, U32))], "SECS", "0..4294967295", "5", "2.0.0", "time that the parent gives its processes at the stop before it kills them"),
    kw("global_defs", Acted, FLAG, "{ }", "", "", "<=0.5.3", "global settings").with(Block(&[GLOBAL])),
    kw("linkbeat_interfaces", Acted, FLAG, "{ IFNAME [MII|ETHTOOL|IOCTL] ... }", "", "none; the first supported of MII, ETHTOOL, IOCTL", "2.0.13", "interfaces whose drivers are asked for their link state").with(Entries(LINKBEAT)),
    kw("track_group", Acted, NAME, "NAME { }", "", "", "2.0.3", "vrrp_instances that follow static addresses, routes and rules").with(Block(&[TRACK_GROUP])).lenient(Lenience::Line),
    kw("static_ipaddress", Acted, FLAG, "{ ADDRESS-LINE ... }", "", "", "1.1.0", "addresses set at the start and removed at the stop; see ADDRESS-LINE").with(Entries(STATIC_ADDRESS)),
    kw("static_routes", Acted, FLAG, "{ ROUTE-LINE ... }", "", "", "1.0.1", "routes set at the start and removed at the stop; see ROUTE-LINE").with(Entries(STATIC_ROUTE)),
    kw("static_rules", Acted, FLAG, "{ RULE-LINE ... }", "", "", "1.2.20", "policy rules set at the start and removed at the stop; see RULE-LINE").with(Entries(STATIC_RULE)),
    kw("vrrp_sync_group", Acted, NAME, "NAME { }", "", "", "0.6.1", "instances that change state together").with(Body::Loose(&[SYNC_GROUP], &MEMBER)).lenient(Lenience::Line),
    kw("garp_group", Acted, FLAG, "{ }", "", "", "1.2.21", "spacing of gratuitous ARP and neighbor advertisements over a set of interfaces").with(Block(&[GARP_GROUP])),
    kw("vrrp_instance", Acted, NAME, "NAME { }", "unique name", "", "<=0.5.3", "one virtual router").with(Block(&[INSTANCE])).lenient(Lenience::Line),
    kw("vrrp_script", Acted, NAME, "NAME { }", "unique name", "", "1.1.13", "script run at intervals, for track_script").with(Block(&[SCRIPT])),
    kw("vrrp_track_process", Acted, NAME, "NAME { }", "unique name", "", "2.0.11", "processes that are to run, for track_process").with(Block(&[PROCESS])),
    kw("track_file", Acted, NAME, "NAME { }", "unique name", "", "2.1.0", "file with a number, for track_file lists and FILE_CHECK").with(Block(&[FILE])),
    kw("vrrp_track_file", Deprecated("track_file"), NAME, "NAME { }", "unique name", "", "2.0.0", "see track_file").with(Block(&[OLD_FILE])),
    kw("interface_up_down_delays", Acted, FLAG, "{ IFNAME DOWN_DELAY [UP_DELAY] ... }", "each 0..255", "none; UP_DELAY 0", "2.2.3", "time from a link change of an interface until it counts, in seconds").with(Entries(DELAYS)),
    kw("bfd_instance", Acted, NAME, "NAME { }", "name at most 31 characters", "", "2.0.0", "one BFD session").with(Block(&[BFD])),
    kw("SSL", Acted, FLAG, "{ }", "", "", "<=0.5.3", "certificate and key of the client, for SSL_GET").with(Block(&[SSL])),
    kw("virtual_server_group", Acted, NAME, "NAME { ENTRY ... }", "ENTRY = ADDR[-END][/MASK] [PORT[-END]] or fwmark N [inet|inet6]", "", "1.0.2", "addresses or firewall marks of a virtual_server").with(Entries(SERVER_GROUP)),
    kw("virtual_server", Acted, &[One(Service), Opt(Text)], "ADDR [PORT] | fwmark N | group NAME { }", "PORT 0..65535; 0 or none = any port", "", "<=0.5.3", "one IPVS service").with(Block(&[VIRTUAL_SERVER])),
];

/// Entries of `linkbeat_interfaces`.
#[rustfmt::skip]
static LINKBEAT: &[Keyword] = &[
    kw("IFNAME", Acted, &[One(Interface), Opt(OneOf(&["MII", "ETHTOOL", "IOCTL"]))], "IFNAME [MII|ETHTOOL|IOCTL]", "", "first supported of MII, ETHTOOL, IOCTL", "", "one interface a line").lenient(Lenience::Line),
];

/// Entries of `interface_up_down_delays`.
#[rustfmt::skip]
static DELAYS: &[Keyword] = &[
    kw("IFNAME", Acted, &[One(Interface), One(Decimal(0, 255_000_000, 6)), Opt(Decimal(0, 255_000_000, 6))], "IFNAME DOWN [UP]", "0..255", "UP 0", "", "one interface a line").lenient(Lenience::Line),
];

/// `SSL`.
#[rustfmt::skip]
static SSL: &[Keyword] = &[
    kw("password", Acted, &[One(Secret)], "STRING", "", "", "<=0.5.3", "pass phrase of the key").lenient(Lenience::Line),
    kw("ca", Acted, &[One(Text)], "PATH", "", "", "<=0.5.3", "file of the certificate authority").lenient(Lenience::Line),
    kw("certificate", Acted, &[One(Text)], "PATH", "", "", "<=0.5.3", "client certificate").lenient(Lenience::Line),
    kw("key", Acted, &[One(Text)], "PATH", "", "", "<=0.5.3", "client key").lenient(Lenience::Line),
];
