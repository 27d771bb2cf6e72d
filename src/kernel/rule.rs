//! Requests to add and remove policy rules.

use crate::config::model::Rule;
use crate::state::Op;

/// A request to add or remove a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRequest {
    /// Returned with the result.
    pub token: u64,
    /// The operation.
    pub op: Op,
    /// The rule.
    pub rule: Rule,
}
