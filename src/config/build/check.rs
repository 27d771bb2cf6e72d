//! Checks of the instances against each other.

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::diag::{At, Class};
use super::super::model::Family;
use super::Ctx;
use super::instance::Built;

/// A virtual router is one VRID on one interface, family and multicast group.
pub(super) fn instances(instances: &[Built], ctx: &mut Ctx<'_, '_>) {
    let mut seen: HashMap<(&str, Family, u8, IpAddr), (&str, At)> = HashMap::new();
    let usable = instances.iter().filter(|b| b.complete && !b.unicast);
    for built in usable {
        let i = &built.instance;
        let key = (i.interface.as_str(), i.family, i.vrid, i.group);
        if let Some((other, at)) = seen.get(&key) {
            let text = format!("virtual_router_id {} is already used on {} by '{other}'", i.vrid, i.interface);
            ctx.report
                .error(Class::General, built.vrid_at, text)
                .also(*at, "first used here")
                .help("give each virtual router on an interface an id of its own");
        } else {
            seen.insert(key, (&i.name, built.vrid_at));
        }
    }
}
