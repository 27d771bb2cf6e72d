//! Blocks of tracked objects and the lists that refer to them.

use super::keyword::*;

/// `vrrp_script`.
#[rustfmt::skip]
pub(super) static SCRIPT: &[Keyword] = &[
    kw("script", Acted, &[Term::Script], "SCRIPT", "", "", "1.1.13", "command to run; required; see SCRIPTS").lenient(Lenience::Line),
    kw("interval", Acted, &[One(Decimal(0, 4_294_967, 3))], "SECS", "0.001..4294.967; resolution 1 ms; 0 is taken as 1", "1", "1.1.13", "time from one run to the next"),
    kw("timeout", Acted, &[One(Decimal(0, 4_294_967, 3))], "SECS", "0.001..4294.967; resolution 1 ms; 0 is taken as 1", "interval", "1.2.6", "time after which a run has failed and is ended"),
    kw("weight", Acted, &[One(Int(-254, 254)), Opt(OneOf(&["reverse"]))], "N [reverse]", "-253..253; -254 and 254 are taken as -253 and 253", "0", "1.1.13", "added to the priority while up (positive) or down (negative); 0 = FAULT while down"),
    kw("rise", Acted, &[One(Uint(1, 2_147_483_647))], "N", "1..2147483647", "1", "1.1.18", "successes in a row until it is up"),
    kw("fall", Acted, &[One(Uint(1, 2147483647))], "N", "1..2147483647", "1", "1.1.18", "failures in a row until it is down"),
    kw("user", Acted, &[One(Text), Opt(Text), Opt(Text)], "USER [GROUP]", "", "script_user", "1.3.0", "user and group of the script"),
    kw("init_fail", Acted, FLAG, "", "", "off", "1.3.2", "counts as down until the first result, where it has a weight"),
];

/// `vrrp_track_process`.
#[rustfmt::skip]
pub(super) static PROCESS: &[Keyword] = &[
    kw("process", Acted, &[One(Text), Many(Text)], "COMMAND [PARAMETER ...]", "a path or a name", "", "2.0.11", "command of the processes, with its first parameters; required"),
    kw("param_match", Acted, &[Opt(OneOf(&["initial", "partial"]))], "[initial|partial]", "without a word exact; turns full_command on", "exact if parameters are given, else none", "2.0.16", "how the parameters are compared: partial = further ones may follow; initial = the last may be longer, too"),
    kw("weight", Acted, &[One(Int(-254, 254)), Opt(OneOf(&["reverse"]))], "N [reverse]", "-254..254", "0", "2.0.11", "added to the priority while up (positive) or down (negative); 0 = FAULT while down").lenient(Lenience::Line),
    kw("quorum", Acted, &[One(Uint(1, 65535))], "N", "1..65535", "1", "2.0.11", "lowest number of processes that is up"),
    kw("quorum_max", Acted, &[One(Uint(0, 65535))], "N", "0..65535; 0 = no such process may run", "no limit", "2.0.16", "highest number of processes that is up"),
    kw("delay", Acted, &[One(Decimal(1, 3600000000, 6))], "SECS", "0.000001..3600", "0", "2.0.11", "fork_delay and terminate_delay"),
    kw("fork_delay", Acted, &[One(Decimal(1, 3600000000, 6))], "SECS", "0.000001..3600", "0", "2.0.16", "time until a gain of the quorum counts"),
    kw("terminate_delay", Acted, &[One(Decimal(1, 3600000000, 6))], "SECS", "0.000001..3600", "0", "2.0.16", "time until a loss of the quorum counts"),
    kw("full_command", Acted, FLAG, "", "", "off", "2.0.11", "compare the command line, not the short name of the process"),
];

/// `track_file`.
#[rustfmt::skip]
pub(super) static FILE: &[Keyword] = &[
    kw("file", Acted, &[One(Text)], "PATH", "", "", "2.1.0", "path of the file; required").lenient(Lenience::Line),
    kw("weight", Acted, &[One(Int(-254, 254)), Opt(OneOf(&["reverse"]))], "N [reverse]", "-254..254", "1", "2.1.0", "factor for the number; 0 = FAULT while the number is not 0").lenient(Lenience::Line),
    kw("init_file", Acted, &[Opt(Text), Opt(OneOf(&["overwrite"]))], "[VALUE] [overwrite]", "32 bits; outside -254..254 with a warning", "not created; VALUE 0", "2.1.0", "create the file at the start; overwrite = also if it exists"),
];

/// `vrrp_track_file`.
#[rustfmt::skip]
pub(super) static OLD_FILE: &[Keyword] = &[
    kw("file", Acted, &[One(Text)], "PATH", "", "", "2.0.0", "path of the file; required").lenient(Lenience::Line),
    kw("weight", Acted, &[One(Int(-254, 254)), Opt(OneOf(&["reverse"]))], "N [reverse]", "-254..254", "1", "2.0.0", "factor for the number; 0 = FAULT while the number is not 0").lenient(Lenience::Line),
    kw("init_file", Acted, &[Opt(Text), Opt(OneOf(&["overwrite"]))], "[VALUE] [overwrite]", "32 bits; outside -254..254 with a warning", "not created; VALUE 0", "2.0.0", "create the file at the start; overwrite = also if it exists"),
];

/// `bfd_instance`.
#[rustfmt::skip]
pub(super) static BFD: &[Keyword] = &[
    kw("neighbor_ip", Acted, ADDRESS, "ADDR", "", "", "2.0.0", "address of the neighbor; required"),
    kw("neighbour_ip", Alias("neighbor_ip"), ADDRESS, "ADDR", "", "", "2.0.0", "see neighbor_ip"),
    kw("source_ip", Acted, ADDRESS, "ADDR", "of the family of the neighbor", "chosen by the kernel", "2.0.0", "local address"),
    kw("min_rx", Acted, MSECS, "MSECS", "1..4294967; resolution 1 us", "10", "2.0.0", "shortest interval we accept, ms"),
    kw("min_tx", Acted, MSECS, "MSECS", "1..4294967; resolution 1 us", "10", "2.0.0", "shortest interval we want to send at, ms"),
    kw("idle_tx", Acted, &[One(Decimal(1_000_000, 4_294_967_000, 3))], "MSECS", "1000..4294967; resolution 1 us", "1000", "2.0.0", "interval of our packets while the session is not up, ms"),
    kw("multiplier", Acted, &[One(Uint(1, 255))], "N", "1..255", "5", "2.0.0", "missing packets before the session is down"),
    kw("passive", Acted, FLAG, "", "", "off", "2.0.0", "wait for the neighbor's first packet"),
    kw("ttl", Acted, &[One(Uint(1, 255))], "N", "1..255", "255; for IPv6 64", "2.0.0", "TTL or hop limit of our packets"),
    kw("hoplimit", Alias("ttl"), &[One(Uint(1, 255))], "N", "", "", "2.0.0", "see ttl"),
    kw("max_hops", Acted, &[One(Int(-1, 255))], "N", "-1..255; -1 and 255 = no check; at most ttl", "0", "2.0.0", "routers that a received packet may have crossed"),
    kw("multihop", Acted, BOOL, "[BOOL]", "", "false", "2.2.8", "use UDP port 4784 instead of 3784"),
    kw("weight", Acted, &[One(Int(-253, 253)), Opt(OneOf(&["reverse"]))], "N [reverse]", "-253..253", "0", "2.0.0", "added to the priority while up (positive) or down (negative); 0 = FAULT while down"),
    kw("vrrp", Acted, FLAG, "", "", "both vrrp and checker unless one is named", "2.0.0", "report the state to the VRRP process"),
    kw("checker", Acted, FLAG, "", "", "both vrrp and checker unless one is named", "2.0.0", "report the state to the checker process"),
];

/// Entries of `track_interface`.
#[rustfmt::skip]
pub(super) static TRACK_INTERFACE: &[Keyword] = &[
    kw("IFNAME", Acted, &[One(Interface), Named(&[TRACK_WORDS])], "IFNAME [weight N [reverse|noreverse]]", "N -253..253; -254 and 254 are taken as -253 and 253", "0; FAULT while down", "", "one interface a line").lenient(Lenience::Line),
];

/// Entries of `track_script`.
#[rustfmt::skip]
pub(super) static TRACK_SCRIPT: &[Keyword] = &[
    kw("NAME", Acted, &[One(Text), Named(&[TRACK_WORDS])], "NAME [weight N [reverse|noreverse]]", "N -253..253; -254 and 254 are taken as -253 and 253", "weight of the vrrp_script", "", "one vrrp_script a line").lenient(Lenience::Line),
];

/// Entries of `track_file`.
#[rustfmt::skip]
pub(super) static TRACK_FILE: &[Keyword] = &[
    kw("NAME", Acted, &[One(Text), Named(&[TRACK_WORDS])], "NAME [weight N [reverse|noreverse]]", "N -254..254", "weight of the track_file", "", "one track_file a line").lenient(Lenience::Line),
];

/// Entries of `track_process`.
#[rustfmt::skip]
pub(super) static TRACK_PROCESS: &[Keyword] = &[
    kw("NAME", Acted, &[One(Text), Named(&[TRACK_WORDS])], "NAME [weight N [reverse|noreverse]]", "N -254..254", "weight of the vrrp_track_process", "", "one vrrp_track_process a line").lenient(Lenience::Line),
];

/// Entries of `track_bfd`.
#[rustfmt::skip]
pub(super) static TRACK_BFD: &[Keyword] = &[
    kw("NAME", Acted, &[One(Text), Named(&[TRACK_WORDS])], "NAME [weight N [reverse|noreverse]]", "N -253..253", "weight of the bfd_instance", "", "one bfd_instance a line").lenient(Lenience::Line),
];

/// Words of a track list's entry.
#[rustfmt::skip]
static TRACK_WORDS: &[Keyword] = &[
    kw("weight", Acted, &[One(Int(-254, 254)), Opt(OneOf(&["reverse", "noreverse"]))], "N [reverse|noreverse]", "-254..254", "", "1.0.1", "added to the priority while up (positive) or down (negative); 0 = FAULT while down; of a track_file the factor for its number").lenient(Lenience::WrongOption),
];
