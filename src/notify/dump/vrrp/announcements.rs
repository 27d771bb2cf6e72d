//! The pace of gratuitous ARP and neighbor advertisements: `garp_group`, `vrrp_garp_interval`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::super::text::{Moment, Seconds, Text};
use super::wiring::Wiring;
use crate::config::model::Global;
use crate::status::Clock;
use crate::vrrp::Tables;

/// The intervals of gratuitous ARP and of neighbor advertisements.
type Pace = (Duration, Duration);

pub(super) fn delays(out: &mut Text, tables: &Tables, global: &Global, clock: Clock, wiring: &Wiring) {
    let garp = &global.defaults.garp;
    let default = (garp.garp_interval, garp.gna_interval);
    let groups = &global.defaults.garp_groups;
    let alone = others(tables, global).into_iter().filter(|_| default != Pace::default());
    let alone: Vec<Vec<&str>> = alone.map(|name| vec![name]).collect();
    if groups.is_empty() && alone.is_empty() {
        return;
    }
    out.section("Gratuitous ARP delays");
    for group in groups {
        let pace = (group.garp_interval.unwrap_or(default.0), group.gna_interval.unwrap_or(default.1));
        let names: Vec<&str> = group.interfaces.iter().map(String::as_str).collect();
        self::group(out, pace, &names, tables, clock, wiring);
    }
    alone.iter().for_each(|names| group(out, default, names, tables, clock, wiring));
}

/// The interfaces of instances that are in no group, each once.
fn others<'t>(tables: &'t Tables, global: &'t Global) -> Vec<&'t str> {
    let grouped = global.defaults.garp_groups.iter().flat_map(|group| &group.interfaces);
    let mut known: HashSet<&str> = grouped.map(String::as_str).collect();
    let names = tables.instances.values().map(|row| row.config.interface.as_str());
    names.filter(|name| !name.is_empty() && known.insert(name)).collect()
}

fn group(out: &mut Text, (garp, gna): Pace, names: &[&str], tables: &Tables, clock: Clock, wiring: &Wiring) {
    // The next announcement on any of them; 0 when none waits.
    let next = |ipv6: bool| {
        let indices = names.iter().filter_map(|name| tables.interfaces.named(name)).map(|link| link.index);
        let at = indices.filter_map(|index| wiring.paces.get(&(index, ipv6))).max();
        Moment::WithoutYear(at.map_or(Duration::ZERO, |at| clock.utc.saturating_add(at.saturating_sub(clock.now))))
    };
    out.section("GARP delay group");
    for (kind, interval, ipv6) in [("GARP", garp, false), ("GNA", gna, true)] {
        if !interval.is_zero() {
            out.line(format_args!(" {kind} interval = {}", Seconds(interval)));
            out.line(format_args!(" {kind} next time {}", next(ipv6)));
        }
    }
    out.line(" Interfaces");
    names.iter().for_each(|name| out.line(format_args!("  {name}")));
}

/// The intervals of each interface that has any.
pub(super) fn paces<'t>(tables: &'t Tables, global: &'t Global) -> HashMap<&'t str, Pace> {
    let groups = global.defaults.garp_groups.iter().flat_map(|group| {
        let pace = (group.garp_interval.unwrap_or_default(), group.gna_interval.unwrap_or_default());
        group.interfaces.iter().map(move |name| (name.as_str(), pace))
    });
    let instances = tables.instances.values().map(|row| {
        let garp = &row.config.garp;
        (row.config.interface.as_str(), (garp.garp_interval, garp.gna_interval))
    });
    groups.chain(instances).collect()
}
