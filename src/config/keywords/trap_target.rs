//! Keywords of `snmp_trap_target`.

use super::keyword::*;

/// `snmp_trap_target`.
#[rustfmt::skip]
pub(super) static TRAP_TARGET: &[Keyword] = &[
    kw("version", Acted, &[One(OneOf(&["2c"]))], "2c", "", "2c", "keepalived-rs only", "version of SNMP"),
    kw("community", Acted, &[One(Secret)], "NAME", "at most 255 octets", "", "keepalived-rs only", "community of version 2c; required").lenient(Lenience::Line),
    kw("inform", Acted, BOOL, "[BOOL]", "", "false", "keepalived-rs only", "send informs, which the receiver acknowledges, instead of traps"),
    kw("retries", Acted, &[One(Uint(0, 100))], "N", "0..100", "3", "keepalived-rs only", "how often an inform is sent again after timeout; then it is sent again at a slower pace"),
    kw("timeout", Acted, &[One(Decimal(100_000, 60_000_000, 6))], "SECS", "0.1..60", "2", "keepalived-rs only", "time to wait for the acknowledgement of an inform"),
];
