//! The rows of policy rules.

use std::net::IpAddr;

use crate::config::model::{self, network};
use crate::state::{Managed, Object};

/// A row of vrrpRuleTable: desired and present state of a policy rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The line of the configuration.
    pub config: model::Rule,
    /// Its state in the kernel.
    pub state: Managed,
}

/// Identifies a rule in the kernel: all its selectors, its action and its protocol, in one form of writing them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RuleKey(model::Rule);

impl RuleKey {
    /// The key of a rule, of the configuration or of the kernel.
    pub fn of(rule: &model::Rule) -> RuleKey {
        let any = |(_, length): &(IpAddr, u8)| *length != 0;
        RuleKey(model::Rule {
            from: rule.from.filter(any).map(network),
            to: rule.to.filter(any).map(network),
            mark: rule.mark.map(|(mark, mask)| (mark, Some(mask.unwrap_or(u32::MAX)))),
            realms: rule.realms.filter(|realms| *realms != 0),
            no_track: false,
            track_group: None,
            ..rule.clone()
        })
    }

    /// The program that has set the rule (`RTPROT_*`).
    pub fn protocol(&self) -> u8 {
        self.0.protocol
    }
}

impl Object for Rule {
    type Key = RuleKey;
    type Line = model::Rule;

    fn line(&self) -> &model::Rule {
        &self.config
    }

    fn key(&self) -> Option<RuleKey> {
        Some(RuleKey::of(&self.config))
    }

    fn state(&self) -> &Managed {
        &self.state
    }

    fn state_mut(&mut self) -> &mut Managed {
        &mut self.state
    }

    fn is_untracked(&self) -> bool {
        self.config.no_track
    }
}

impl Rule {
    /// Creates a row whose state in the kernel is unknown.
    pub fn new(config: model::Rule) -> Rule {
        Rule { config, state: Managed::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{Family, RuleAction};

    #[test]
    fn a_rule_has_one_key_however_it_is_written() {
        let plain = model::Rule::plain(Family::V4, 100, RuleAction::Table(300));
        let from = |ip: &str, length| Some((ip.parse().unwrap(), length));
        let written =
            model::Rule { from: from("10.1.2.3", 24), to: from("0.0.0.0", 0), mark: Some((5, None)), ..plain };
        let kernels =
            model::Rule { from: from("10.1.2.0", 24), to: None, mark: Some((5, Some(u32::MAX))), ..written.clone() };
        assert_eq!(RuleKey::of(&written), RuleKey::of(&kernels));
        let other = model::Rule { preference: 101, ..kernels };
        assert_ne!(RuleKey::of(&written), RuleKey::of(&other));
    }
}
