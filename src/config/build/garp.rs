//! Gratuitous ARP and neighbor advertisement settings, and `garp_group`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use super::super::model::{Garp, GarpGroup, Instance};
use super::super::node::Node;
use super::context::{Ctx, at_least_one, extra_announcements};
use super::global::Defaults;

/// The settings of an instance, with the defaults merged.
pub(super) fn of(node: &Node<'_>, defaults: &Defaults, strict: bool, ctx: &mut Ctx<'_, '_>) -> Garp {
    let d = &defaults.garp;
    let own = |name: &str| node.last(name).and_then(|n| n.u32(0));
    let mut counted = |name: &str| node.last(name).and_then(|n| at_least_one(n, ctx));
    let repeat = counted("garp_master_repeat").or(d.repeat);
    let refresh_repeat = counted("garp_master_refresh_repeat").or(d.refresh_repeat);
    let delay = own("garp_master_delay").or(d.delay);
    let refresh = own("garp_master_refresh").or(d.refresh);
    // vrrp_min_garp: one message, unless the other keywords say otherwise.
    let repeat = repeat.unwrap_or(if d.min { 1 } else { 5 });
    let delay = delay.unwrap_or(if d.min { 0 } else { 5 });
    let mut lower_delay = own("garp_lower_prio_delay").or(d.lower_delay).unwrap_or(delay);
    let mut lower_repeat = own("garp_lower_prio_repeat").or(d.lower_repeat).unwrap_or(repeat);
    if strict {
        for name in ["garp_lower_prio_repeat", "garp_lower_prio_delay"] {
            if let Some(n) = node.last(name).filter(|n| n.u32(0) != Some(0)) {
                ctx.adjusted(n.at(), format!("strict mode: {name} is 0"));
            }
        }
        (lower_delay, lower_repeat) = (0, 0);
    }
    let (extra, extra_all) = node.last("garp_extra_if").map_or(d.extra, extra_announcements);
    let secs = |s: u32| Duration::from_secs(s.into());
    Garp {
        delay: secs(delay),
        repeat,
        refresh: secs(refresh.unwrap_or(0)),
        refresh_repeat: refresh_repeat.unwrap_or(1),
        lower_prio_delay: secs(lower_delay),
        lower_prio_repeat: lower_repeat,
        extra: secs(extra),
        extra_all,
        garp_interval: d.interval,
        gna_interval: d.gna_interval,
    }
}

/// Applies `garp_group` blocks to the instances on their interfaces, and returns the blocks that have an effect.
pub(super) fn groups<'i>(
    tree: &[Node<'_>],
    instances: impl Iterator<Item = &'i mut Instance>,
    dynamic: bool,
    ctx: &mut Ctx<'_, '_>,
) -> Vec<GarpGroup> {
    let mut groups = Vec::new();
    let mut spacing: HashMap<&str, [Option<Duration>; 2]> = HashMap::new();
    for group in tree.iter().filter(|n| n.keyword.name == "garp_group") {
        let micros = |name: &str| group.last(name).and_then(|n| n.uint(0)).map(Duration::from_micros);
        let wanted = ["garp_interval", "gna_interval"].map(micros);
        let members = group.all("interface").chain(group.all("interfaces").flat_map(|n| n.children.iter()));
        let mut any = false;
        let mut interfaces = Vec::new();
        for member in members {
            let Some(name) = member.text(0) else { continue };
            any = true;
            ctx.interface(name, member.at_arg(0), dynamic);
            match spacing.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(wanted);
                    interfaces.push(name.to_owned());
                }
                Entry::Occupied(_) => {
                    let text = format!("'{name}' is in two garp_groups: the first counts, this one is ignored");
                    ctx.mistake(member.at_arg(0), text, "remove it from one of them");
                }
            }
        }
        if !any || wanted == [None, None] {
            let help = "add interfaces, and garp_interval or gna_interval";
            ctx.mistake(group.at(), "this garp_group has no effect: it is ignored", help);
        } else {
            let [garp_interval, gna_interval] = wanted;
            groups.push(GarpGroup { garp_interval, gna_interval, interfaces });
        }
    }
    for instance in instances {
        if let Some([garp, gna]) = spacing.get(instance.interface.as_str()) {
            let settings = &mut instance.garp;
            settings.garp_interval = garp.unwrap_or(settings.garp_interval);
            settings.gna_interval = gna.unwrap_or(settings.gna_interval);
        }
    }
    groups
}
