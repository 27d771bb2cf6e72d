//! Keywords of `snmp_trap_target`.

use super::keyword::*;

/// `snmp_trap_target`.
#[rustfmt::skip]
pub(super) static TRAP_TARGET: &[Keyword] = &[
    kw("version", Acted, &[One(OneOf(&["2c", "3"]))], "2c|3", "", "3 with user, else 2c", "keepalived-rs only", "version of SNMP"),
    kw("community", Acted, &[One(Secret)], "NAME", "at most 255 octets", "", "keepalived-rs only", "community of version 2c; required").lenient(Lenience::Line),
    kw("user", Acted, &[One(Text)], "NAME", "at most 32 octets", "", "keepalived-rs only", "user of version 3; required").lenient(Lenience::Line),
    kw("auth_protocol", Acted, &[One(OneOf(&["SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"]))], "SHA|SHA-224|SHA-256|SHA-384|SHA-512", "", "SHA-256", "keepalived-rs only", "hash of the authentication of version 3"),
    kw("auth_password", Acted, &[One(Secret)], "TEXT | file:PATH", "at least 8 octets; a file must not be readable for others", "none; messages are not authenticated", "keepalived-rs only", "password of the authentication of version 3").lenient(Lenience::Line),
    kw("priv_protocol", Acted, &[One(OneOf(&["AES"]))], "AES", "AES-128", "AES", "keepalived-rs only", "cipher of version 3"),
    kw("priv_password", Acted, &[One(Secret)], "TEXT | file:PATH", "at least 8 octets; only with auth_password", "none; messages are not encrypted", "keepalived-rs only", "password of the encryption of version 3").lenient(Lenience::Line),
    kw("inform", Acted, BOOL, "[BOOL]", "", "false", "keepalived-rs only", "send informs, which the receiver acknowledges, instead of traps"),
    kw("retries", Acted, &[One(Uint(0, 100))], "N", "0..100", "3", "keepalived-rs only", "how often an inform is sent again after timeout; then it is sent again at a slower pace"),
    kw("timeout", Acted, &[One(Decimal(100_000, 60_000_000, 6))], "SECS", "0.1..60", "2", "keepalived-rs only", "time to wait for the acknowledgement of an inform"),
];
