//! Decodes `RTM_NEWRULE` and `RTM_DELRULE`.

use super::attributes::{attributes, ip, text, u16_at, u32_at};
use super::rtnetlink::{
    AF_INET, AF_INET6, FIB_RULE_HDR, FIB_RULE_INVERT, FRA_DPORT_RANGE, FRA_DST, FRA_FLOW, FRA_FWMARK, FRA_FWMASK,
    FRA_GOTO, FRA_IIFNAME, FRA_IP_PROTO, FRA_L3MDEV, FRA_OIFNAME, FRA_PRIORITY, FRA_PROTOCOL, FRA_SPORT_RANGE, FRA_SRC,
    FRA_SUPPRESS_IFGROUP, FRA_SUPPRESS_PREFIXLEN, FRA_TABLE, FRA_TUN_ID, FRA_UID_RANGE,
};
use crate::config::model::{Family, Rule, RuleAction};
use crate::vrrp::HostRule;

/// Decodes a rule. `None`: another family, or an action that no word of the configuration has.
pub(super) fn decode(payload: &[u8]) -> Option<HostRule> {
    // struct fib_rule_hdr.
    let [number, to, from, tos, table, _, _, action] = *payload.first_chunk()?;
    let family = match number {
        AF_INET => Family::V4,
        AF_INET6 => Family::V6,
        _ => return None,
    };
    let mut rule = Rule {
        tos,
        invert: u32_at(payload, 8)? & FIB_RULE_INVERT != 0,
        protocol: 0,
        ..Rule::plain(family, 0, RuleAction::Nop)
    };
    let (mut table, mut target, mut l3mdev) = (u32::from(table), 0, false);
    let (mut mark, mut mask) = (0, 0);
    // The kernel reports -1 for an option that is not set.
    let option = |value| u32_at(value, 0).filter(|number| *number != u32::MAX);
    for (kind, value) in attributes(payload.get(FIB_RULE_HDR..)?) {
        match kind {
            FRA_SRC => rule.from = Some((ip(number, value)?, from)),
            FRA_DST => rule.to = Some((ip(number, value)?, to)),
            FRA_IIFNAME => rule.iif = Some(text(value)),
            FRA_OIFNAME => rule.oif = Some(text(value)),
            FRA_GOTO => target = u32_at(value, 0)?,
            FRA_PRIORITY => rule.preference = u32_at(value, 0)?,
            FRA_FWMARK => mark = u32_at(value, 0)?,
            FRA_FWMASK => mask = u32_at(value, 0)?,
            FRA_FLOW => rule.realms = Some(u32_at(value, 0)?),
            FRA_TUN_ID => rule.tunnel_id = Some(u64::from_be_bytes(*value.first_chunk()?)),
            FRA_SUPPRESS_IFGROUP => rule.suppress_group = option(value),
            FRA_SUPPRESS_PREFIXLEN => rule.suppress_prefix = option(value).and_then(|length| length.try_into().ok()),
            FRA_TABLE => table = u32_at(value, 0)?,
            FRA_L3MDEV => l3mdev = *value.first()? != 0,
            FRA_UID_RANGE => rule.users = Some((u32_at(value, 0)?, u32_at(value, 4)?)),
            FRA_PROTOCOL => rule.protocol = *value.first()?,
            FRA_IP_PROTO => rule.ip_protocol = Some(*value.first()?),
            FRA_SPORT_RANGE => rule.source_ports = Some((u16_at(value, 0)?, u16_at(value, 2)?)),
            FRA_DPORT_RANGE => rule.destination_ports = Some((u16_at(value, 0)?, u16_at(value, 2)?)),
            _ => {}
        }
    }
    rule.mark = Some((mark, Some(mask)));
    let actions = [
        if l3mdev { RuleAction::L3Mdev } else { RuleAction::Table(table) },
        RuleAction::Goto(target),
        RuleAction::Nop,
        RuleAction::Blackhole,
        RuleAction::Unreachable,
        RuleAction::Prohibit,
    ];
    rule.action = actions.into_iter().find(|known| known.number() == action)?;
    Some(HostRule::of(&rule))
}
