//! `bfd_instance` blocks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::super::diag::Class;
use super::super::model::BfdInstance;
use super::super::node::Node;
use super::super::place::At;
use super::context::{Ctx, blocks};

/// Longest name of a session.
const LONGEST_NAME: usize = 31;
/// `max_hops` without a check, like -1.
const ANY_HOPS: i64 = 255;

/// The valid sessions, in configured order.
pub(super) fn build(tree: &[Node<'_>], ctx: &mut Ctx<'_, '_>) -> Vec<BfdInstance> {
    let mut neighbors: HashMap<IpAddr, At> = HashMap::new();
    let mut sessions = Vec::new();
    for (name, block) in blocks(tree, "bfd_instance", ctx) {
        let Some(session) = session(name, block, ctx) else { continue };
        let at = block.last("neighbor_ip").map_or_else(|| block.at(), |node| node.at_arg(0));
        if let Some(first) = neighbors.get(&session.neighbor) {
            let text = format!("another session has the neighbor {}: '{name}' is left out", session.neighbor);
            let help = "a neighbor has one session: use its name in all track_bfd lists";
            ctx.report.fault(Class::General, at, text).also(*first, "first used here").help(help);
            continue;
        }
        neighbors.insert(session.neighbor, at);
        sessions.push(session);
    }
    sessions
}

fn session(name: &str, block: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<BfdInstance> {
    if name.chars().count() > LONGEST_NAME {
        let text = format!("the name has more than {LONGEST_NAME} characters: the session is left out");
        ctx.mistake(block.at_arg(0), text, "shorten it here and where the session is tracked");
        return None;
    }
    // A missing neighbor_ip is reported by `check`.
    let neighbor = block.last("neighbor_ip")?.ip(0)?;
    let source = block.last("source_ip").and_then(|node| Some((node, node.ip(0)?)));
    if let Some((node, source)) = source
        && source.is_ipv4() != neighbor.is_ipv4()
    {
        let text = format!("{source} is not of the family of the neighbor {neighbor}: '{name}' is left out");
        ctx.mistake(node.at_arg(0), text, "write an address of this host by which it reaches the neighbor");
        return None;
    }
    let ttl = number(block, "ttl").unwrap_or(if neighbor.is_ipv4() { 255 } else { 64 });
    let interval = |keyword: &str, default| {
        Duration::from_micros(block.last(keyword).and_then(|node| node.uint(0)).unwrap_or(default))
    };
    let weight = block.last("weight");
    let [to_vrrp, to_checker] = ["vrrp", "checker"].map(|keyword| block.has(keyword));
    let all = !to_vrrp && !to_checker;
    Some(BfdInstance {
        name: name.to_owned(),
        neighbor,
        source: source.map(|(_, source)| source),
        min_rx: interval("min_rx", 10_000),
        min_tx: interval("min_tx", 10_000),
        idle_tx: interval("idle_tx", 1_000_000),
        multiplier: number(block, "multiplier").unwrap_or(5),
        passive: block.has("passive"),
        ttl,
        max_hops: max_hops(block, ttl, ctx),
        multihop: block.flag("multihop").unwrap_or(false),
        weight: weight.and_then(|node| node.int(0)).and_then(|n| i16::try_from(n).ok()).unwrap_or(0),
        reverse: weight.is_some_and(|node| node.text(1).is_some()),
        to_vrrp: to_vrrp || all,
        to_checker: to_checker || all,
    })
}

fn number(block: &Node<'_>, keyword: &str) -> Option<u8> {
    block.last(keyword).and_then(|node| node.uint(0)).and_then(|n| u8::try_from(n).ok())
}

fn max_hops(block: &Node<'_>, ttl: u8, ctx: &mut Ctx<'_, '_>) -> Option<u8> {
    let Some(node) = block.last("max_hops") else { return Some(0) };
    let written = node.int(0)?;
    if written == ANY_HOPS {
        return None;
    }
    // -1 = no check.
    let hops = u8::try_from(written).ok()?;
    if hops > ttl {
        let text = format!("max_hops {hops} is more than the TTL {ttl}: {ttl} is used, which accepts all packets");
        ctx.adjusted(node.at_arg(0), text).help("write the number of routers between both ends, or -1 for no check");
    }
    Some(hops.min(ttl))
}
