//! `make bench`: takeover time, crashes, advert jitter, track scripts, link storms and the cost of SNMP, for ours and C
//! keepalived.
//!
//! Prints Markdown. The daemons run alternately (A B A B), with the same daemon on both routers. BENCH_N sets the
//! repetitions of a takeover (20), BENCH_ONLY=takeover|crowd|routes|crash|upgrade|bfd|jitter|scripts|storm|walk|managers|rows|lvs selects one table; the
//! tables of [`lvs`] have settings of their own.

#![allow(clippy::expect_used, reason = "a benchmark")]

mod bfd;
mod crash;
mod farm;
mod host_cpu;
mod jitter;
mod lvs;
mod report;
mod rows;
mod scripts;
mod storm;
mod takeover;
mod walk;

use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::{Daemon, Lab, Stamp, machine, now, uml, wait_until};

const DAEMONS: [Daemon; 2] = [Ours, C];
const LIMIT: Duration = Duration::from_secs(60);
/// Priority of router 2, the backup.
const LOW: u8 = 100;

fn main() {
    if uml::is_inside() {
        return lvs::inside();
    }
    let _turn = machine::alone();
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let tables: [(&str, fn()); 13] = [
        ("takeover", takeover::takeover),
        ("crowd", takeover::crowd),
        ("routes", takeover::routes),
        ("crash", crash::crash),
        ("upgrade", crash::upgrade),
        ("bfd", bfd::bfd),
        ("jitter", jitter::jitter),
        ("scripts", scripts::scripts),
        ("storm", storm::storm),
        ("walk", walk::walk),
        ("managers", walk::managers),
        ("rows", rows::rows),
        ("lvs", lvs::lvs),
    ];
    for (name, table) in tables {
        if only.is_empty() || only == name {
            table();
        }
    }
}

/// Repetitions of a takeover.
fn repetitions() -> usize {
    std::env::var("BENCH_N").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

/// Waits until `router` has advertised all its instances since `since`.
fn await_all(lab: &Lab, router: usize, instances: u8, since: Stamp) {
    wait_until(LIMIT, &format!("router {router} is master for all instances"), || {
        lab.wire.schedule(router, since, now()).len() == usize::from(instances)
    });
}
