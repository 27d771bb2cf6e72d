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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::super::rule::RuleRequest;
    use super::super::rule_encode::encode;
    use super::*;
    use crate::state::Op;

    /// The payload of a request, which has the form of the kernel's notifications.
    fn encoded(rule: &Rule) -> Vec<u8> {
        encode(&RuleRequest { token: 0, op: Op::Add, rule: rule.clone() }).payload.octets().to_vec()
    }

    fn rules() -> Vec<Rule> {
        let plain = |action| Rule::plain(Family::V4, 100, action);
        let all = Rule {
            invert: true,
            from: Some((IpAddr::from([10, 0, 0, 0]), 8)),
            to: Some((IpAddr::from([11, 0, 0, 0]), 8)),
            iif: Some("eth0".into()),
            oif: Some("eth1".into()),
            tos: 16,
            mark: Some((5, Some(0xff))),
            realms: Some(3 << 16 | 4),
            suppress_prefix: Some(0),
            suppress_group: Some(2),
            tunnel_id: Some(1 << 40),
            users: Some((1, 2)),
            ip_protocol: Some(6),
            source_ports: Some((1, 2)),
            destination_ports: Some((3, 4)),
            ..plain(RuleAction::Table(1000))
        };
        let mut rules = vec![all.clone()];
        let actions = [
            RuleAction::Table(254),
            RuleAction::L3Mdev,
            RuleAction::Goto(200),
            RuleAction::Nop,
            RuleAction::Blackhole,
            RuleAction::Unreachable,
            RuleAction::Prohibit,
        ];
        rules.extend(actions.map(plain));
        rules.push(Rule { family: Family::V6, ..plain(RuleAction::Nop) });
        // One word less each.
        rules.extend([
            Rule { invert: false, ..all.clone() },
            Rule { from: None, ..all.clone() },
            Rule { to: None, ..all.clone() },
            Rule { iif: None, ..all.clone() },
            Rule { oif: None, ..all.clone() },
            Rule { tos: 0, ..all.clone() },
            Rule { mark: Some((5, Some(0xfe))), ..all.clone() },
            Rule { realms: None, ..all.clone() },
            Rule { suppress_prefix: None, ..all.clone() },
            Rule { suppress_group: None, ..all.clone() },
            Rule { tunnel_id: None, ..all.clone() },
            Rule { users: None, ..all.clone() },
            Rule { ip_protocol: None, ..all.clone() },
            Rule { source_ports: None, ..all.clone() },
            Rule { destination_ports: None, ..all.clone() },
            Rule { protocol: 4, ..all },
        ]);
        rules
    }

    #[test]
    fn a_request_is_decoded_as_the_configured_rule() {
        for (at, rule) in rules().iter().enumerate() {
            let decoded = decode(&encoded(rule)).unwrap();
            for (other, rule) in rules().iter().enumerate() {
                assert_eq!(decoded == HostRule::of(rule), at == other, "{rule:?}");
            }
        }
    }

    #[test]
    fn words_without_effect_make_no_difference() {
        let plain = Rule::plain(Family::V4, 100, RuleAction::Table(300));
        let same = Rule {
            from: Some((IpAddr::from([0; 4]), 0)),
            mark: Some((0, None)),
            realms: Some(0),
            tunnel_id: Some(0),
            no_track: true,
            track_group: Some("G".into()),
            ..plain.clone()
        };
        assert_eq!(HostRule::of(&same), HostRule::of(&plain));
        // The kernel's default mask has all bits.
        let marked = |mask| HostRule::of(&Rule { mark: Some((5, mask)), ..plain.clone() });
        assert_eq!(marked(None), marked(Some(u32::MAX)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = decode(&bytes);
        }

        /// Real messages with some octets changed, which reach deeper parts of the decoder.
        #[test]
        fn damaged_messages_are_read(
            rule in any::<prop::sample::Index>(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let rules = rules();
            let mut bytes = encoded(&rules[rule.index(rules.len())]);
            for (at, value) in damage {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = decode(&bytes);
        }
    }
}
