//! `snmp_trap_target`.

use std::time::Duration;

use snmp::target::Destination;

use super::super::diag::At;
use super::super::model::{Secret, TrapHost, TrapSecurity, TrapTarget};
use super::super::node::Node;
use super::context::Ctx;

/// Longest address of a target, in bytes: it is part of an object identifier.
const LONGEST_HOST: usize = 100;
/// Longest community, in bytes.
const LONGEST_COMMUNITY: usize = 255;

/// The usable targets; of several with the same host and port, the first counts.
pub(super) fn targets<'n>(nodes: impl Iterator<Item = &'n Node<'n>>, ctx: &mut Ctx<'_, '_>) -> Vec<TrapTarget> {
    let mut targets: Vec<(TrapTarget, At)> = Vec::new();
    for node in nodes {
        let Some(host) = host(node, ctx) else { continue };
        let at = node.at_arg(0);
        if let Some((_, first)) = targets.iter().find(|(target, _)| target.host == host) {
            let text = format!("snmp_trap_target {host} is defined already: this one is ignored");
            let draft = ctx.report.fault(super::super::diag::Class::General, at, text);
            draft.also(*first, "first defined here").help("remove one of them");
            continue;
        }
        let Some(security) = security(node, ctx) else { continue };
        let number = |name: &str| node.last(name).and_then(|line| line.uint(0));
        let target = TrapTarget {
            host,
            inform: node.flag("inform").unwrap_or(false),
            retries: number("retries").and_then(|number| u32::try_from(number).ok()).unwrap_or(3),
            timeout: number("timeout").map_or(Duration::from_secs(2), Duration::from_micros),
            security,
        };
        if !target.inform {
            for line in ["retries", "timeout"].iter().filter_map(|name| node.last(name)) {
                let text =
                    format!("{} is for informs, and this target gets traps: it has no effect", line.keyword.name);
                ctx.adjusted(line.at(), text).help("add inform, or remove the line");
            }
        }
        targets.push((target, at));
    }
    targets.into_iter().map(|(target, _)| target).collect()
}

fn host(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<TrapHost> {
    let text = node.text(0)?;
    let problem = match text.parse::<Destination>() {
        Ok(_) if text.len() > LONGEST_HOST => format!("is longer than {LONGEST_HOST} bytes"),
        Ok(Destination::Address(address)) => return Some(TrapHost::Address(address)),
        Ok(Destination::Name { host, port }) => return Some(TrapHost::Name { host, port }),
        Err(error) => format!("is not usable, as {error}"),
    };
    ctx.mistake(
        node.at_arg(0),
        format!("'{text}' {problem}: the target gets no notifications"),
        "write ADDRESS, HOSTNAME, ADDRESS:PORT, HOSTNAME:PORT or [IPV6-ADDRESS]:PORT",
    );
    None
}

fn security(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<TrapSecurity> {
    let Some(line) = node.last("community") else {
        let text = "snmp_trap_target has no community: the target gets no notifications";
        ctx.mistake(node.at(), text, "add community NAME, with the name that the receiver accepts");
        return None;
    };
    let community = line.text(0).unwrap_or_default();
    if community.len() > LONGEST_COMMUNITY {
        let text = format!("the community is longer than {LONGEST_COMMUNITY} bytes: the target gets no notifications");
        ctx.mistake(line.at_arg(0), text, "write a shorter one");
        return None;
    }
    Some(TrapSecurity::Community(Secret(community.as_bytes().to_vec())))
}
