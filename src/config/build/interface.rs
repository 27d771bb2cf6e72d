//! `interface_up_down_delays`, `linkbeat_interfaces` and `linkbeat_use_polling`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::diag::Class;
use super::super::model::{Instance, TrackInterface, TrackerKind};
use super::super::node::Node;
use super::context::Ctx;
use super::instance::Built;

/// Delays stay below the longest time by the advertisement interval divided by this.
const MARGIN: u32 = 256;

/// The interfaces whose state is delayed or polled.
pub(super) fn build(
    tree: &[Node<'_>],
    instances: &[Built],
    dynamic: bool,
    ctx: &mut Ctx<'_, '_>,
) -> Vec<TrackInterface> {
    let instances: Vec<&Instance> = instances.iter().map(|built| &built.instance).collect();
    let used = used(&instances);
    let mut all: BTreeMap<String, TrackInterface> = BTreeMap::new();
    for entry in entries(tree, "interface_up_down_delays") {
        let Some(name) = entry.text(0) else { continue };
        ctx.interface(name, entry.at_arg(0), dynamic);
        let micros = |place: usize| entry.uint(place).map(Duration::from_micros);
        let mut row =
            TrackInterface { down: micros(1).unwrap_or_default(), up: micros(2).unwrap_or_default(), ..row(name) };
        limit(entry, &mut row, &instances, ctx);
        if !used.contains(name) {
            let text = format!("the delays of '{name}' have no effect: no instance uses it");
            ctx.report.warn(Class::General, entry.at_arg(0), text).help("remove the line");
        }
        all.insert(name.to_owned(), row);
    }
    let mut polled: BTreeSet<String> = BTreeSet::new();
    for entry in entries(tree, "linkbeat_interfaces") {
        let Some(name) = entry.text(0) else { continue };
        ctx.interface(name, entry.at_arg(0), dynamic);
        if let Some(method @ ("MII" | "IOCTL")) = entry.text(1) {
            let text = format!("{method}: the link state of '{name}' is read by ethtool instead");
            ctx.adjusted(entry.at_arg(1), text).help("write ETHTOOL, or no method");
        }
        if used.contains(name) {
            polled.insert(name.to_owned());
        } else {
            let text = format!("the link state of '{name}' is not polled: no instance uses it");
            ctx.report.warn(Class::General, entry.at_arg(0), text).help("remove the line");
        }
    }
    if tree.iter().any(|node| node.keyword.name == "linkbeat_use_polling" && !node.bad) {
        polled.extend(used);
    }
    polled.extend(instances.iter().filter(|row| row.linkbeat && !row.is_unbound()).map(|row| row.interface.clone()));
    for name in polled {
        all.entry(name).or_insert_with_key(|name| row(name)).polled = true;
    }
    all.into_values().collect()
}

fn row(name: &str) -> TrackInterface {
    TrackInterface { name: name.to_owned(), down: Duration::ZERO, up: Duration::ZERO, polled: false }
}

fn entries<'t, 'i>(tree: &'t [Node<'i>], block: &'static str) -> impl Iterator<Item = &'t Node<'i>> {
    let blocks = tree.iter().filter(move |node| node.keyword.name == block);
    blocks.flat_map(|node| node.children.iter()).filter(|entry| !entry.bad)
}

/// Interfaces on which instances send adverts or have addresses, that they track, or that their routes lead to.
fn used(instances: &[&Instance]) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for row in instances {
        used.extend(row.device().map(str::to_owned));
        used.extend(row.addresses.iter().chain(&row.excluded).map(|address| address.device.clone()));
        let tracked = row.trackers.iter().filter(|entry| entry.kind == TrackerKind::Interface);
        used.extend(tracked.map(|entry| entry.name.clone()));
        used.extend(row.route_devices().map(str::to_owned));
    }
    used
}

/// Limits delays to less than the time that backups wait, so that a master with a lost link is in fault before another
/// router takes over.
fn limit(entry: &Node<'_>, row: &mut TrackInterface, instances: &[&Instance], ctx: &mut Ctx<'_, '_>) {
    for instance in instances.iter().filter(|instance| instance.interface == row.name) {
        let interval = instance.advert_interval;
        let adverts = u32::from(instance.down_timer_adverts).saturating_sub(1);
        let most = interval.saturating_mul(adverts);
        if row.down < most && row.up < most || row.delays() == (Duration::ZERO, Duration::ZERO) {
            continue;
        }
        let most = most.saturating_sub(interval.checked_div(MARGIN).unwrap_or_default());
        (row.down, row.up) = (row.down.min(most), row.up.min(most));
        let name = &instance.name;
        if adverts == 0 {
            let text = format!("'{name}' has down_timer_adverts 1: the delays of '{}' are ignored", row.name);
            ctx.mistake(entry.at(), text, "raise down_timer_adverts, or remove the line");
        } else {
            let text = format!(
                "the delays of '{}' are taken as {:?} down and {:?} up: they must be less than {adverts} times the advert_int of \
                 '{name}'",
                row.name, row.down, row.up
            );
            ctx.adjusted(entry.at(), text).help("shorten them");
        }
    }
}
