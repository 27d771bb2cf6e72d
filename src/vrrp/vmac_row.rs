//! The state of an instance's VMAC (`use_vmac`), a macvlan interface.

use std::net::Ipv6Addr;
use std::time::Duration;

use crate::state::Managed;

/// State of the VMAC of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vmac {
    /// Name of the interface; empty until it is chosen, when the base interface is known.
    pub name: String,
    /// Kernel index, after the kernel has confirmed its creation or adoption.
    pub ifindex: Option<u32>,
    /// IPv6: the link-local address that was copied to it.
    pub link_local: Option<Ipv6Addr>,
    /// It was created with IPv6 enabled.
    pub ipv6: bool,
    /// Its state in the kernel. It is installed when its index is known.
    pub state: Managed,
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
            ifindex: None,
            link_local: None,
            ipv6: false,
            state: Managed::wanted(),
            was_up: false,
            grace_until: None,
        }
    }

    /// Whether the kernel has answered all requests after the stop.
    pub(super) fn is_settled(&self) -> bool {
        self.state.pending.is_none() && (self.state.wanted || self.state.refused || self.ifindex.is_none())
    }
}

impl Default for Vmac {
    fn default() -> Vmac {
        Vmac::new()
    }
}
