//! What the dumps show of `global_defs` besides the settings in [`Global`](super::super::model::Global).

use std::time::Duration;

use super::super::lvs::Lvs;
use super::super::model::{self, AdvertBuffer, GarpGroup, Version};
use super::super::node::Node;
use super::buffers;
use super::global::Defaults;

/// The defaults as configured.
pub(super) fn shown(tree: &[Node<'_>], of: &Defaults, garp_groups: Vec<GarpGroup>, lvs: &Lvs) -> model::Defaults {
    let blocks: Vec<&Node<'_>> = tree.iter().filter(|n| n.keyword.name == "global_defs").collect();
    let last = |name: &str| blocks.iter().rev().find_map(|block| block.last(name));
    let garp = &of.garp;
    let (extra, extra_all) = garp.extra;
    model::Defaults {
        version: if of.version == Some(Version::V3) { 3 } else { 2 },
        group4: of.group4,
        group6: of.group6,
        garp: model::GarpDefaults {
            delay: garp.delay.unwrap_or(if garp.min { 0 } else { 5 }),
            repeat: garp.repeat.unwrap_or(if garp.min { 1 } else { 5 }),
            refresh: garp.refresh.unwrap_or(0),
            refresh_repeat: garp.refresh_repeat.unwrap_or(1),
            lower_prio_delay: garp.lower_delay,
            lower_prio_repeat: garp.lower_repeat,
            extra,
            extra_all,
            garp_interval: garp.interval,
            gna_interval: garp.gna_interval,
        },
        garp_groups,
        advert_buffer: of.advert_buffer,
        advert_buffer_multiplier: match of.advert_buffer {
            AdvertBuffer::Mtu(multiplier) | AdvertBuffer::Advert(multiplier) => multiplier,
            AdvertBuffer::Default | AdvertBuffer::Octets(_) => buffers::MULTIPLIER,
        },
        down_timer_adverts: of.down_timer_adverts,
        lower_prio_no_advert: of.lower_prio_no_advert.unwrap_or(of.strict),
        higher_prio_send_advert: of.higher_prio_send_advert,
        notify_priority_changes: of.notify_priority_changes,
        check_unicast_src: of.check_unicast_src,
        skip_check_adv_addr: of.skip_check_adv_addr,
        strict: of.strict,
        max_auto_priority: last("max_auto_priority").map(|node| match node.args.is_empty() {
            true => 99,
            false => node.int(0).and_then(|n| i8::try_from(n).ok()).unwrap_or(0),
        }),
        min_auto_priority_delay: last("min_auto_priority_delay")
            .and_then(|node| node.uint(0))
            .map_or(Duration::from_secs(1), Duration::from_micros),
        log_all_failures: blocks.iter().rev().find_map(|b| b.flag("checker_log_all_failures")).unwrap_or(false),
        check_log: last("reload_check_config").map(|node| node.text(0).unwrap_or_default().to_owned()),
        allow_if_changes: last("dynamic_interfaces").is_some_and(|node| node.text(0).is_some()),
        lvs: lvs.settings.clone(),
    }
}
