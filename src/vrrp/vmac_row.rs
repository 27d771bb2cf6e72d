//! The state of an instance's VMAC (`use_vmac`), a macvlan interface.

use std::net::Ipv6Addr;
use std::time::Duration;

use super::op::VmacOp;

/// State of the VMAC of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vmac {
    /// Name of the interface; empty until it is chosen, when the base interface is known.
    pub name: String,
    /// It should exist.
    pub wanted: bool,
    /// Kernel index, after the kernel has confirmed its creation or adoption.
    pub ifindex: Option<u32>,
    /// IPv6: the link-local address that was copied to it.
    pub link_local: Option<Ipv6Addr>,
    /// It was created with IPv6 enabled.
    pub ipv6: bool,
    /// A request that the kernel has not answered yet.
    pub pending: Option<VmacOp>,
    /// The kernel refused a request: no further request until the timer.
    pub refused: bool,
    /// The last refusal that was reported. Only a different one is reported again.
    pub(super) refusal: Option<String>,
    /// It was up since its creation. If it then goes down, it is created again, once.
    pub(super) was_up: bool,
    /// End of the grace period, during which a missing VMAC is no fault.
    pub(super) grace_until: Option<Duration>,
}

impl Vmac {
    /// Creates the state of a VMAC that does not exist yet.
    pub fn new() -> Vmac {
        Vmac {
            name: String::new(),
            wanted: true,
            ifindex: None,
            link_local: None,
            ipv6: false,
            pending: None,
            refused: false,
            refusal: None,
            was_up: false,
            grace_until: None,
        }
    }

    /// Whether the kernel has answered all requests after the stop.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_none() && (self.wanted || self.refused || self.ifindex.is_none())
    }
}

impl Default for Vmac {
    fn default() -> Vmac {
        Vmac::new()
    }
}
