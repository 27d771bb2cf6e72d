//! The objects about a process itself, which each process serves under its own branch: its configuration and its AgentX
//! session.

/// The scalars of a process. Arguments: the branch, and the prefix of the descriptors.
macro_rules! process {
    ($branch:literal, $prefix:literal) => {
        [
            counter(oid![1, $branch, 1], concat!($prefix, "SessionsLost"), |_| of(SessionNumber::Lost)),
            counter(oid![1, $branch, 2], concat!($prefix, "NotifsQueued"), |_| of(SessionNumber::Queued)),
            counter(oid![1, $branch, 3], concat!($prefix, "NotifsSent"), |_| of(SessionNumber::Acknowledged)),
            counter(oid![1, $branch, 4], concat!($prefix, "NotifsRefused"), |_| of(SessionNumber::Refused)),
            counter(oid![1, $branch, 5], concat!($prefix, "NotifsDropped"), |_| of(SessionNumber::Dropped)),
            ScalarView::new(oid![1, $branch, 6], concat!($prefix, "NotifsWaiting"), Syntax::Gauge32, |_| {
                of(SessionNumber::Waiting)
            }),
            ScalarView::new(oid![1, $branch, 7], concat!($prefix, "Configured"), Syntax::DATE_AND_TIME, |data| {
                time_of(data.system().configured)
            }),
        ]
    };
}

use snmp::{ScalarView, SessionNumber, Syntax, Value};

use super::time_of;
use crate::check::Check;
use crate::system::HasSystem;
use crate::vrrp::Vrrp;

/// Branch `haVrrpProcess`.
pub(super) const VRRP: [ScalarView<Vrrp>; 7] = process!(4, "haVrrp");

/// Branch `haCheckProcess`.
pub(super) const CHECK: [ScalarView<Check>; 7] = process!(5, "haCheck");

const fn counter<T>(oid: &'static [u32], name: &'static str, get: fn(&T) -> Option<Value>) -> ScalarView<T> {
    ScalarView::new(oid, name, Syntax::Counter32, get)
}

fn of(number: SessionNumber) -> Option<Value> {
    Some(Value::OfSession(number))
}
