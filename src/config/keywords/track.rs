//! Blocks of tracked objects and the lists that refer to them.

use super::keyword::*;

/// `vrrp_script`.
#[rustfmt::skip]
pub(super) static SCRIPT: &[Keyword] = &[
    kw("script", Acted, &[Term::Script], "SCRIPT", "required", "", "1.1.13", "command to run"),
    kw("interval", Acted, &[One(Decimal(0, 4_294_967, 3))], "SECS", "0.001..4294.967 (0 reported and taken as 1); resolution 1 ms", "1", "1.1.13", "period"),
    kw("timeout", Acted, &[One(Decimal(0, 4_294_967, 3))], "SECS", "0.001..4294.967 (0 reported and taken as 1); resolution 1 ms", "interval", "1.2.6", "run time after which the attempt counts as failed and the script is killed"),
    kw("weight", Acted, &[One(Int(-254, 254)), Opt(OneOf(&["reverse"]))], "N [reverse]", "-253..253 (±254 taken as ±253)", "0", "1.1.13", "default priority change for trackers"),
    kw("rise", Acted, &[One(Uint(1, 2_147_483_647))], "N", "1..2147483647", "1", "1.1.18", "successes needed to be up"),
    kw("fall", Acted, &[One(Uint(1, 2147483647))], "N", "1..2147483647", "1", "1.1.18", "failures needed to be down"),
    kw("user", Acted, &[One(Text), Opt(Text), Opt(Text)], "USER [GROUP]", "", "script_user", "1.3.0", "identity of the script"),
    kw("init_fail", Acted, FLAG, "", "", "off", "1.3.2", "assume failure until the first result"),
];

/// `vrrp_track_process`.
#[rustfmt::skip]
pub(super) static PROCESS: &[Keyword] = &[
    kw("process", Acted, &[One(Text), Many(Text)], "COMMAND [PARAMETER ...]", "required; a path or a bare name", "", "2.0.11", "what to look for"),
    kw("param_match", Acted, &[Opt(OneOf(&["initial", "partial"]))], "[initial|partial]", "bare = exact; also turns full_command on", "none unless parameters are given (then exact)", "2.0.16", "how parameters are compared"),
    kw("weight", Acted, &[One(Int(-254, 254)), Opt(OneOf(&["reverse"]))], "N [reverse]", "-254..254", "0", "2.0.11", "default priority change for trackers"),
    kw("quorum", Acted, &[One(Uint(1, 65535))], "N", "1..65535", "1", "2.0.11", "least number of matching processes"),
    kw("quorum_max", Acted, &[One(Uint(0, 65535))], "N", "0..65535; 0 means none may exist (quorum 0)", "no limit", "2.0.16", "largest number of matching processes"),
    kw("delay", Acted, &[One(Decimal(1, 3600000000, 6))], "SECS", "0.000001..3600", "0", "2.0.11", "sets both delays"),
    kw("fork_delay", Acted, &[One(Decimal(1, 3600000000, 6))], "SECS", "0.000001..3600", "0", "2.0.16", "wait after a gain before it counts"),
    kw("terminate_delay", Acted, &[One(Decimal(1, 3600000000, 6))], "SECS", "0.000001..3600", "0", "2.0.16", "wait after a loss before it counts"),
    kw("full_command", Acted, FLAG, "", "", "off (comm name)", "2.0.11", "match the full command line rather than the short process name"),
];

/// `track_file`.
#[rustfmt::skip]
pub(super) static FILE: &[Keyword] = &[
    kw("file", Acted, &[One(Text)], "PATH", "required", "", "2.1.0", "file holding a number"),
    kw("weight", Acted, &[One(Int(-254, 254)), Opt(OneOf(&["reverse"]))], "N [reverse]", "-254..254 in keepalived (the man page states the 32-bit range)", "1", "2.1.0", "default multiplier for trackers"),
    kw("init_file", Acted, &[Opt(Text), Opt(OneOf(&["overwrite"]))], "[VALUE] [overwrite]", "32-bit; outside -254..254 reported but used", "not created; VALUE 0", "2.1.0", "create the file (overwrite = even if it exists)"),
];

/// `vrrp_track_file`.
#[rustfmt::skip]
pub(super) static OLD_FILE: &[Keyword] = &[
    kw("file", Acted, &[One(Text)], "PATH", "required", "", "2.0.0", "file holding a number"),
    kw("weight", Acted, &[One(Int(-254, 254)), Opt(OneOf(&["reverse"]))], "N [reverse]", "-254..254 in keepalived (the man page states the 32-bit range)", "1", "2.0.0", "default multiplier for trackers"),
    kw("init_file", Acted, &[Opt(Text), Opt(OneOf(&["overwrite"]))], "[VALUE] [overwrite]", "32-bit; outside -254..254 reported but used", "not created; VALUE 0", "2.0.0", "create the file (overwrite = even if it exists)"),
];

/// `bfd_instance`.
#[rustfmt::skip]
pub(super) static BFD: &[Keyword] = &[
    kw("neighbor_ip", Acted, ADDRESS, "ADDR", "required", "", "2.0.0", "peer"),
    kw("neighbour_ip", Alias("neighbor_ip"), ADDRESS, "ADDR", "alias of neighbor_ip", "", "2.0.0", "see neighbor_ip"),
    kw("source_ip", Acted, ADDRESS, "ADDR", "same family as the peer", "chosen by the kernel", "2.0.0", "local address"),
    kw("min_rx", Acted, MSECS, "MSECS", "1..4294967; resolution 1 us", "10", "2.0.0", "required minimal receive interval"),
    kw("min_tx", Acted, MSECS, "MSECS", "1..4294967; resolution 1 us", "10", "2.0.0", "desired minimal transmit interval"),
    kw("idle_tx", Acted, &[One(Decimal(1_000_000, 4_294_967_000, 3))], "MSECS", "1000..4294967; resolution 1 us", "1000", "2.0.0", "transmit interval while not up"),
    kw("multiplier", Acted, &[One(Uint(1, 255))], "N", "1..255", "5", "2.0.0", "detection multiplier"),
    kw("passive", Acted, FLAG, "", "", "off", "2.0.0", "wait for the peer to start"),
    kw("ttl", Acted, &[One(Uint(1, 255))], "N", "1..255", "255 IPv4, 64 IPv6", "2.0.0", "TTL of sent packets"),
    kw("hoplimit", Alias("ttl"), &[One(Uint(1, 255))], "N", "alias of ttl", "", "2.0.0", "see ttl"),
    kw("max_hops", Acted, &[One(Int(-1, 255))], "N", "-1..255; -1 and 255 = no check; reduced to ttl when above it", "0", "2.0.0", "hops a received packet may have crossed"),
    kw("multihop", Acted, BOOL, "[BOOL]", "bare = true", "false", "2.2.8", "UDP port 4784 instead of 3784"),
    kw("weight", Acted, &[One(Int(-253, 253)), Opt(OneOf(&["reverse"]))], "N [reverse]", "-253..253", "0", "2.0.0", "default priority change for VRRP trackers"),
    kw("vrrp", Acted, FLAG, "", "", "both vrrp and checker unless one is named", "2.0.0", "report events to the VRRP process"),
    kw("checker", Acted, FLAG, "", "", "as above", "2.0.0", "report events to the checker process"),
];

/// Entries of `track_interface`.
#[rustfmt::skip]
pub(super) static TRACK_INTERFACE: &[Keyword] = &[
    kw("IFNAME", Acted, &[One(Interface), Named(&[TRACK_WORDS])], "IFNAME [weight N [reverse|noreverse]]", "N -253..253; ±254 taken as ±253", "0 (down = FAULT)", "", "tracked interface"),
];

/// Entries of `track_script`.
#[rustfmt::skip]
pub(super) static TRACK_SCRIPT: &[Keyword] = &[
    kw("NAME", Acted, &[One(Text), Named(&[TRACK_WORDS])], "NAME [weight N [reverse|noreverse]]", "N -253..253 (±254 taken as ±253)", "weight of the script", "", "tracked script"),
];

/// Entries of `track_file`.
#[rustfmt::skip]
pub(super) static TRACK_FILE: &[Keyword] = &[
    kw("NAME", Acted, &[One(Text), Named(&[TRACK_WORDS])], "NAME [weight N [reverse|noreverse]]", "N -254..254", "weight of the file (1)", "", "tracked file"),
];

/// Entries of `track_process`.
#[rustfmt::skip]
pub(super) static TRACK_PROCESS: &[Keyword] = &[
    kw("NAME", Acted, &[One(Text), Named(&[TRACK_WORDS])], "NAME [weight N [reverse|noreverse]]", "N -254..254", "weight of the process", "", "tracked process"),
];

/// Entries of `track_bfd`.
#[rustfmt::skip]
pub(super) static TRACK_BFD: &[Keyword] = &[
    kw("NAME", Acted, &[One(Text), Named(&[TRACK_WORDS])], "NAME [weight N [reverse|noreverse]]", "N -253..253", "weight of the session", "", "tracked BFD session"),
];

/// Words of a track list's entry.
#[rustfmt::skip]
static TRACK_WORDS: &[Keyword] = &[
    kw("weight", Acted, &[One(Int(-254, 254)), Opt(OneOf(&["reverse", "noreverse"]))], "N [reverse|noreverse]", "-254..254", "", "1.0.1", "priority change instead of FAULT"),
];
