//! Implements [`Reporter`] for VRRP, the checkers and BFD.

use super::log::{Level, Object};
use super::mail::{self, Alert};
use super::scripts::{self, Origin};
use super::view::Reporter;
use super::{bfd_messages, check_messages, check_scripts, fifo_lines, messages, objects};
use crate::bfd::{self, Bfd};
use crate::check::{self, Check};
use crate::reactor::Program;
use crate::vrrp::{self, Cause, Occasion, Vrrp};

impl Reporter for Vrrp {
    type Change = vrrp::Change;

    fn is_news(change: &vrrp::Change) -> bool {
        !matches!(change, vrrp::Change::Instance { cause: Cause::Resumed, .. })
    }

    fn is_counted(change: &vrrp::Change) -> bool {
        matches!(change, vrrp::Change::Priority { occasion: Occasion::Tracker { counted: true, .. }, .. })
    }

    fn line(&self, change: &vrrp::Change) -> (Level, String) {
        messages::line(change, self.tables())
    }

    fn object(&self, change: &vrrp::Change) -> Option<Object> {
        objects::vrrp(change, self.tables())
    }

    fn scripts(&self, change: &vrrp::Change) -> (Origin, Vec<Program>) {
        (Origin::of(change), scripts::jobs(change, self.tables()))
    }

    fn fifo_line(&self, change: &vrrp::Change) -> Option<String> {
        fifo_lines::vrrp(change, self.tables())
    }

    fn fifo_states(&self) -> Vec<String> {
        fifo_lines::vrrp_states(self.tables(), self.retired())
    }

    fn mail(&self, change: &vrrp::Change) -> Option<Alert> {
        mail::mail(change, self.tables())
    }
}

/// A restarted process takes over verdicts without a change, so every change is news.
impl Reporter for Check {
    type Change = check::Change;

    fn line(&self, change: &check::Change) -> (Level, String) {
        check_messages::line(change, self.tables())
    }

    fn object(&self, change: &check::Change) -> Option<Object> {
        objects::check(change, self.tables())
    }

    fn scripts(&self, change: &check::Change) -> (Origin, Vec<Program>) {
        (Origin::Transitions, check_scripts::jobs(change, self.tables()))
    }

    fn fifo_line(&self, change: &check::Change) -> Option<String> {
        fifo_lines::check(change, self.tables())
    }

    fn mail(&self, change: &check::Change) -> Option<Alert> {
        mail::check_mail(change, self.tables())
    }
}

/// A restarted process takes over states without a change, so every change is news. Scripts and mail are those of the
/// instances and servers that track a session.
impl Reporter for Bfd {
    type Change = bfd::Change;

    fn line(&self, change: &bfd::Change) -> (Level, String) {
        bfd_messages::line(change, self.tables())
    }

    fn object(&self, change: &bfd::Change) -> Option<Object> {
        objects::bfd(change, self.tables())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrp::{GroupId, InstanceId, State};

    #[test]
    fn a_resumed_state_is_no_news() {
        let instance =
            |cause| vrrp::Change::Instance { id: InstanceId(1), from: State::Init, to: State::Master, cause };
        let group = vrrp::Change::Group { id: GroupId(1), from: State::Init, to: State::Master };
        for (change, news) in [
            (instance(Cause::Resumed), false),
            (instance(Cause::Owner), true),
            (instance(Cause::Silence), true),
            (group, true),
        ] {
            assert_eq!(Vrrp::is_news(&change), news, "{change:?}");
        }
    }
}
