//! The rows of policy rules.

use super::host_rule::HostRule;
use crate::config::model;
use crate::state::{Managed, Object};

/// A row of vrrpRuleTable: desired and present state of a policy rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The line of the configuration.
    pub config: model::Rule,
    /// Its state in the kernel.
    pub state: Managed,
}

impl Object for Rule {
    type Key = HostRule;
    type Line = model::Rule;

    fn line(&self) -> &model::Rule {
        &self.config
    }

    fn key(&self) -> Option<HostRule> {
        Some(HostRule::of(&self.config))
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
