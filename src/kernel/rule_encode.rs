//! Encodes requests to add and remove rules: `RTM_NEWRULE` and `RTM_DELRULE`.

use nix::errno::Errno;

use super::attributes::Attributes;
use super::netlink::{NLM_F_CREATE, NLM_F_EXCL};
use super::request_socket::Request;
use super::rtnetlink::{
    AF_INET, AF_INET6, FIB_RULE_INVERT, FRA_DPORT_RANGE, FRA_DST, FRA_FLOW, FRA_FWMARK, FRA_FWMASK, FRA_GOTO,
    FRA_IIFNAME, FRA_IP_PROTO, FRA_L3MDEV, FRA_OIFNAME, FRA_PRIORITY, FRA_PROTOCOL, FRA_SPORT_RANGE, FRA_SRC,
    FRA_SUPPRESS_IFGROUP, FRA_SUPPRESS_PREFIXLEN, FRA_TABLE, FRA_TUN_ID, FRA_UID_RANGE, RTM_DELRULE, RTM_NEWRULE,
};
use super::rule::RuleRequest;
use crate::config::model::{Family, Rule, RuleAction};
use crate::state::Op;

/// The errors that mean that there is nothing to change.
pub(super) fn nothing_to_change(op: Op) -> &'static [Errno] {
    match op {
        Op::Add => &[Errno::EEXIST],
        Op::Remove => &[Errno::ENOENT, Errno::ESRCH],
    }
}

/// Encodes a request.
pub(super) fn encode(request: &RuleRequest) -> Request {
    let rule = &request.rule;
    let (from, to) = (rule.from.filter(|(_, prefix)| *prefix > 0), rule.to.filter(|(_, prefix)| *prefix > 0));
    let [a, b, c, d] = if rule.invert { FIB_RULE_INVERT } else { 0 }.to_ne_bytes();
    let table = match rule.action {
        RuleAction::Table(table) => u8::try_from(table).unwrap_or(0),
        _ => 0,
    };
    // struct fib_rule_hdr; a table with a greater number is an attribute.
    let header = [
        if rule.family == Family::V4 { AF_INET } else { AF_INET6 },
        to.map_or(0, |(_, prefix)| prefix),
        from.map_or(0, |(_, prefix)| prefix),
        rule.tos,
        table,
        0,
        0,
        rule.action.number(),
        a,
        b,
        c,
        d,
    ];
    let mut out = Attributes::after(&header);
    if rule.tos > 0 {
        // In the header.
        out.word("tos");
    }
    if let Some((ip, _)) = from {
        out.word("from");
        out.put_ip(FRA_SRC, ip);
    }
    if let Some((ip, _)) = to {
        out.word("to");
        out.put_ip(FRA_DST, ip);
    }
    out.word("preference");
    out.put(FRA_PRIORITY, rule.preference.to_ne_bytes());
    out.word("protocol");
    out.put(FRA_PROTOCOL, [rule.protocol]);
    put_action(&mut out, rule);
    put_selectors(&mut out, rule);
    match request.op {
        Op::Add => Request { kind: RTM_NEWRULE, flags: NLM_F_CREATE | NLM_F_EXCL, payload: out },
        Op::Remove => Request { kind: RTM_DELRULE, flags: 0, payload: out },
    }
}

fn put_action(out: &mut Attributes, rule: &Rule) {
    match rule.action {
        RuleAction::Table(table) => {
            out.word("table");
            out.put(FRA_TABLE, table.to_ne_bytes());
        }
        RuleAction::L3Mdev => {
            out.word("l3mdev");
            out.put(FRA_L3MDEV, [1]);
        }
        RuleAction::Goto(preference) => {
            out.word("goto");
            out.put(FRA_GOTO, preference.to_ne_bytes());
        }
        RuleAction::Nop | RuleAction::Blackhole | RuleAction::Unreachable | RuleAction::Prohibit => {}
    }
    let mut number = |word, kind, number: Option<u32>| {
        if let Some(number) = number {
            out.word(word);
            out.put(kind, number.to_ne_bytes());
        }
    };
    number("realms", FRA_FLOW, rule.realms);
    number("suppress_prefixlength", FRA_SUPPRESS_PREFIXLEN, rule.suppress_prefix.map(u32::from));
    number("suppress_ifgroup", FRA_SUPPRESS_IFGROUP, rule.suppress_group);
}

fn put_selectors(out: &mut Attributes, rule: &Rule) {
    for (word, kind, name) in [("iif", FRA_IIFNAME, &rule.iif), ("oif", FRA_OIFNAME, &rule.oif)] {
        if let Some(name) = name {
            out.word(word);
            out.put_text(kind, name);
        }
    }
    if let Some((mark, mask)) = rule.mark {
        out.word("fwmark");
        out.put(FRA_FWMARK, mark.to_ne_bytes());
        if let Some(mask) = mask {
            out.put(FRA_FWMASK, mask.to_ne_bytes());
        }
    }
    if let Some(id) = rule.tunnel_id {
        out.word("tunnel-id");
        out.put(FRA_TUN_ID, id.to_be_bytes());
    }
    if let Some((first, last)) = rule.users {
        out.word("uidrange");
        out.put_words(FRA_UID_RANGE, [first, last]);
    }
    if let Some(protocol) = rule.ip_protocol {
        out.word("ipproto");
        out.put(FRA_IP_PROTO, [protocol]);
    }
    let ranges = [("sport", FRA_SPORT_RANGE, rule.source_ports), ("dport", FRA_DPORT_RANGE, rule.destination_ports)];
    for (word, kind, ports) in ranges {
        if let Some((first, last)) = ports {
            let ([a, b], [c, d]) = (first.to_ne_bytes(), last.to_ne_bytes());
            out.word(word);
            out.put(kind, [a, b, c, d]);
        }
    }
}
