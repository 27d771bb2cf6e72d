//! The firewall keywords of `global_defs`.

use super::super::model::{Firewall, IpvsMarks};
use super::super::node::Node;
use super::context::Ctx;

/// Longest name of a table (`NFT_NAME_MAXLEN` without the NUL).
const NAME_MAX: usize = 255;

/// Builds the settings; `last` finds the last valid line with a keyword.
pub(super) fn settings<'t>(last: impl Fn(&str) -> Option<&'t Node<'t>>, ctx: &mut Ctx<'_, '_>) -> Firewall {
    let default = Firewall::default();
    let old = ["vrrp_iptables", "vrrp_ipsets"].map(|keyword| last(keyword).map(|node| (keyword, node)));
    let nftables = last("nftables");
    for (keyword, node) in old.iter().flatten() {
        let (text, remedy) = if nftables.is_some() {
            ("the line is ignored, since nftables is configured", "remove it")
        } else {
            ("the line is ignored, and nftables does the same in tables of its own", "write nftables")
        };
        ctx.mistake(node.at(), format!("{keyword}: iptables is not supported; {text}"), remedy);
    }
    Firewall {
        table: nftables.and_then(|node| name(node, ctx)).unwrap_or(default.table),
        priority: last("nftables_priority")
            .and_then(|node| node.int(0))
            .and_then(|number| i32::try_from(number).ok())
            .unwrap_or(default.priority),
        by_index: last("nftables_ifindex").is_some(),
        counters: last("nftables_counters").is_some(),
        configured: nftables.is_some() || old.iter().any(Option::is_some),
        disable_local_igmp: last("disable_local_igmp").is_some(),
    }
}

/// Builds the settings of `nftables_ipvs`, whose tables must not be those of `nftables`.
pub(super) fn ipvs_marks<'t>(
    last: impl Fn(&str) -> Option<&'t Node<'t>>,
    firewall: &Firewall,
    ctx: &mut Ctx<'_, '_>,
) -> Option<IpvsMarks> {
    let node = last("nftables_ipvs")?;
    let given = name(node, ctx).filter(|name| {
        let taken = *name == firewall.table;
        if taken {
            let text = format!("nftables has the table '{name}' already: the default is used");
            ctx.mistake(node.at_arg(0), text, "write another name");
        }
        !taken
    });
    let number = |keyword| last(keyword).and_then(|node: &Node<'_>| node.uint(0));
    Some(IpvsMarks {
        table: given.unwrap_or_else(|| "keepalived_ipvs".to_owned()),
        priority: last("nftables_ipvs_priority")
            .and_then(|node| node.int(0))
            .and_then(|number| i32::try_from(number).ok())
            .unwrap_or(-1),
        first: number("nftables_ipvs_start_fwmark").and_then(|mark| u32::try_from(mark).ok()).unwrap_or(1000),
        counters: firewall.counters,
    })
}

/// The name of the tables; `None` without one, and for names that the kernel refuses.
fn name(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<String> {
    let name = node.text(0)?;
    if name.is_empty() || name.len() > NAME_MAX {
        let text = format!("the name of a table has 1 to {NAME_MAX} octets: the default is used");
        ctx.mistake(node.at_arg(0), text, "write another name");
        return None;
    }
    Some(name.to_owned())
}
