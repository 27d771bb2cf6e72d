//! Replacement of children that have given up capabilities which a reload needs.

use std::time::Duration;

use super::running::Task;
use super::{Key, Parent};
use crate::process::privileges::Needed;
use crate::process::role::Role;
use crate::reactor::clock;

/// Time from the end of a reload to the replacement of a child, for the log lines and scripts of the reload.
const SETTLE: Duration = Duration::from_millis(200);

impl Parent {
    /// Marks the children that a new configuration needs more capabilities in. They are replaced when they run with it, so that
    /// they have taken leave of what it no longer has.
    pub(super) fn outgrow(&mut self, needed: Needed) {
        for child in self.children.iter_mut().filter(|child| child.task == Task::Work) {
            let missing = needed.by(child.role) - child.kept;
            if missing.is_empty() {
                continue;
            }
            child.outgrown = true;
            let names: Vec<String> = missing.iter_names().map(|(name, _)| format!("CAP_{name}")).collect();
            self.log.info(format_args!(
                "Replacing the {} process after the reload: the configuration needs {}, which it has given up",
                child.role.name(),
                names.join(" and ")
            ));
        }
        self.plan.needed = needed;
    }

    /// Has a child replaced soon if it is outgrown and runs with the last configuration.
    pub(super) fn replace_if_outgrown(&mut self, role: Role) {
        if self.child(role).is_some_and(|child| child.outgrown && child.unconfirmed == 0) {
            self.timers.set(Key::Replace(role), clock::now() + SETTLE);
        }
    }
}
