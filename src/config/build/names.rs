//! References to instances by their names.

use std::collections::BTreeMap;

use super::super::diag::Class;
use super::super::place::At;
use super::super::suggest::nearest;
use super::context::Ctx;
use super::instance::Built;

/// The instances by name, for references to them.
pub(super) struct Names<'i> {
    priorities: BTreeMap<&'i str, u8>,
}

impl<'i> Names<'i> {
    pub(super) fn of(instances: &'i [Built]) -> Names<'i> {
        Names { priorities: instances.iter().map(|b| (b.instance.name.as_str(), b.instance.priority)).collect() }
    }

    /// Whether an instance has priority 255.
    pub(super) fn is_owner(&self, name: &str) -> bool {
        self.priorities.get(name) == Some(&255)
    }

    /// Whether the instance exists; reported at `at` when not. `others` = words that may have been misspelt.
    pub(super) fn check(&self, name: &str, at: At, others: &[&'static str], ctx: &mut Ctx<'_, '_>) -> bool {
        if self.priorities.contains_key(name) {
            return true;
        }
        let known = self.priorities.keys().copied().chain(others.iter().copied());
        let near = if ctx.report.is_full() { None } else { nearest(name, known) };
        let help = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => "define it, or remove it here".to_owned(),
        };
        ctx.report
            .fault(Class::General, at, format!("there is no vrrp_instance '{name}': the entry is ignored"))
            .help(help);
        false
    }
}
