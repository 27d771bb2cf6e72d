//! Policy rules of the host, as the kernel reports them.

use crate::config::model::{Family, Rule, RuleAction};

/// A rule of this host, comparable as a whole: Linux has no two equal rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostRule(Rule);

impl HostRule {
    /// A configured rule as the kernel reports it: without words that have no effect.
    pub fn of(rule: &Rule) -> HostRule {
        let ports = |ports: Option<(u16, u16)>| ports.filter(|ports| *ports != (0, 0));
        HostRule(Rule {
            from: rule.from.filter(|(_, prefix)| *prefix > 0),
            to: rule.to.filter(|(_, prefix)| *prefix > 0),
            mark: rule.mark.and_then(|(mark, mask)| {
                let mask = mask.unwrap_or(if mark == 0 { 0 } else { u32::MAX });
                (mark != 0 || mask != 0).then_some((mark, Some(mask)))
            }),
            realms: rule.realms.filter(|realms| *realms != 0 && rule.family == Family::V4),
            tunnel_id: rule.tunnel_id.filter(|id| *id != 0),
            ip_protocol: rule.ip_protocol.filter(|protocol| *protocol != 0),
            source_ports: ports(rule.source_ports),
            destination_ports: ports(rule.destination_ports),
            no_track: false,
            track_group: None,
            ..rule.clone()
        })
    }

    /// Family of the addresses.
    pub fn family(&self) -> Family {
        self.0.family
    }

    /// `preference`.
    pub fn preference(&self) -> u32 {
        self.0.preference
    }

    /// The action.
    pub fn action(&self) -> RuleAction {
        self.0.action
    }

    /// Protocol; 0 before Linux 4.17.
    pub fn protocol(&self) -> u8 {
        self.0.protocol
    }
}
