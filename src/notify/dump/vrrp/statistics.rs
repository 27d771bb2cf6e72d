//! The counters of the instances.

use super::super::text::Text;
use crate::vrrp::{Instance, Tables};

/// A line of the statistics: its label, and the counter unless it is a heading.
type Line = (&'static str, Option<u64>);

/// Counters of each instance, in the layout of C keepalived, which monitoring parses.
pub fn statistics(tables: &Tables) -> String {
    let mut out = Text::default();
    for row in tables.instances.values() {
        out.line(format_args!("VRRP Instance: {}", row.config.name));
        for (label, counter) in lines(row) {
            match counter {
                Some(counter) => out.line(format_args!("  {label}: {counter}")),
                None => out.line(format_args!("  {label}:")),
            }
        }
    }
    out.finish()
}

fn lines(row: &Instance) -> [Line; 25] {
    let counters = row.statistics();
    [
        ("Advertisements", None),
        ("  Received", Some(counters.adverts_received)),
        ("  Sent", Some(counters.adverts_sent)),
        ("Became master", Some(counters.become_master)),
        ("Released master", Some(counters.release_master)),
        ("Packet Errors", None),
        ("  Length", Some(counters.length_errors)),
        ("  TTL", Some(counters.ttl_errors)),
        ("  Invalid Type", Some(counters.type_errors)),
        ("  Advertisement Interval", Some(counters.interval_errors)),
        ("  Address List", Some(counters.address_list_errors)),
        ("Authentication Errors", None),
        ("  Invalid Type", Some(counters.auth_type_invalid)),
        ("  Type Mismatch", Some(counters.auth_type_mismatch)),
        ("  Failure", Some(counters.auth_failures)),
        ("Authentication Extension Errors", None),
        ("  Missing", Some(counters.hmac_missing)),
        ("  Malformed", Some(counters.hmac_malformed)),
        ("  Unknown Key", Some(counters.hmac_unknown_key)),
        ("  Invalid HMAC", Some(counters.hmac_invalid)),
        ("  Stale", Some(counters.hmac_stale)),
        ("  Replay", Some(counters.hmac_replay)),
        ("Priority Zero", None),
        ("  Received", Some(counters.priority_zero_received)),
        ("  Sent", Some(counters.priority_zero_sent)),
    ]
}
