//! Dump of the VRRP process, in the layout of C keepalived.

mod announcements;
mod groups;
mod instance;
mod interfaces;
mod sockets;
mod statics;
mod statistics;
mod trackers;
mod wiring;

use super::global::{self, Setting, Writing};
use super::text::Text;
use crate::status::Clock;
use crate::vrrp::Tables;

pub use statistics::statistics;
pub use wiring::Wiring;

/// All rows.
pub fn data(tables: &Tables, clock: Clock, setting: &Setting, wiring: &Wiring) -> String {
    let mut out = Text::default();
    if let Some(global) = &tables.system.global {
        let writing = Writing::Vrrp { firewall: tables.firewall.wanted().next().is_some() };
        global::definitions(&mut out, global, setting, writing);
        announcements::delays(&mut out, tables, global, clock, wiring);
    }
    statics::sections(&mut out, tables);
    if tables.instances.values().next().is_some() {
        out.section("VRRP Topology");
        for (id, row) in tables.instances.iter() {
            instance::instance(&mut out, *id, row, tables, clock, wiring);
        }
        sockets::pool(&mut out, tables, wiring);
    }
    groups::section(&mut out, tables);
    trackers::sections(&mut out, tables, clock.now);
    interfaces::section(&mut out, tables, wiring);
    counters(&mut out, tables);
    out.finish()
}

/// Counters of the router as a whole, which C keepalived does not have.
fn counters(out: &mut Text, tables: &Tables) {
    let unknown = tables.router_counters.unknown_vrids();
    if unknown > 0 {
        out.section("Counters");
        out.line(format_args!(" Packets of unknown virtual routers = {unknown}"));
    }
}
