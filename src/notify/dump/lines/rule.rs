//! Lines of rules.

use super::{Line, network};
use crate::config::model::{Rule, RuleAction};

/// A rule: `from 10.64.0.0/24 priority 610 tos 0x0 protocol 18 lookup 61`.
pub(in crate::notify::dump) fn rule(rule: &Rule) -> String {
    let mut line = Line::default();
    line.flags(&[(rule.invert, "not")]);
    line.word(format_args!("from {}", rule.from.map_or_else(|| "all".to_owned(), network)));
    line.value("to", rule.to.map(network));
    line.word(format_args!("priority {} tos {:#x}", rule.preference, rule.tos));
    line.value(
        "fwmark",
        rule.mark.map(|(mark, mask)| match mask {
            Some(mask) => format!("{mark:#x}/{mask:#x}"),
            None => format!("{mark:#x}"),
        }),
    );
    line.value("iif", rule.iif.as_ref());
    line.value("oif", rule.oif.as_ref());
    line.value("suppress_prefixlen", rule.suppress_prefix);
    line.value("suppress_ifgroup", rule.suppress_group);
    line.value("tunnel-id", rule.tunnel_id);
    line.value("uidrange", rule.users.map(range));
    line.flags(&[(rule.action == RuleAction::L3Mdev, "l3mdev")]);
    line.value("protocol", Some(rule.protocol).filter(|_| !rule.no_track));
    line.value("ipproto", rule.ip_protocol);
    line.value("sport", rule.source_ports.map(range));
    line.value("dport", rule.destination_ports.map(range));
    line.value("realms", rule.realms.map(|realms| format!("{}/{}", realms >> 16, realms & 0xffff)));
    match rule.action {
        RuleAction::Table(table) => line.word(format_args!("lookup {table}")),
        RuleAction::L3Mdev => line.word("lookup 0"),
        RuleAction::Goto(preference) => line.word(format_args!("goto {preference}")),
        RuleAction::Nop => line.word("nop"),
        RuleAction::Blackhole => line.word("type blackhole"),
        RuleAction::Unreachable => line.word("type unreachable"),
        RuleAction::Prohibit => line.word("type prohibit"),
    }
    line.flags(&[(rule.no_track, "no_track")]);
    line.0
}

fn range<T: std::fmt::Display>((first, last): (T, T)) -> String {
    format!("{first}-{last}")
}
