//! Static addresses, routes and rules, and the groups that they track.

use std::collections::BTreeMap;

use super::super::lines;
use super::super::text::Text;
use crate::vrrp::Tables;

/// Owner of the static rows.
const STATIC: u32 = 0;

pub(super) fn sections(out: &mut Text, tables: &Tables) {
    let addresses = tables.addresses.of(&STATIC).map(|(id, row)| lines::address(*id, row, tables));
    section(out, "Static Addresses", addresses);
    section(out, "Static Routes", tables.routes.of(&STATIC).map(|(_, row)| lines::route(row, tables)));
    section(out, "Static Rules", tables.rules.of(&STATIC).map(|(_, row)| lines::rule(&row.config)));
    track_groups(out, tables);
}

fn section(out: &mut Text, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        out.section(title);
    }
    lines.for_each(|line| out.line(format_args!("     {line}")));
}

fn track_groups(out: &mut Text, tables: &Tables) {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in tables.instances.values() {
        for group in &row.config.track_groups {
            groups.entry(group).or_default().push(&row.config.name);
        }
    }
    if !groups.is_empty() {
        out.section("Static Track groups");
    }
    for (name, members) in groups {
        out.line(format_args!(" Static Track Group = {name}"));
        out.list("VRRP member instances", members);
    }
}
