//! `use_vmac`: what is known of the macvlan of an instance.

use std::net::Ipv6Addr;
use std::time::Duration;

use super::op::VmacOp;

/// The VMAC of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vmac {
    /// Its name; empty until one is chosen, when the interface below is known.
    pub name: String,
    /// It should be there.
    pub wanted: bool,
    /// Index, once the kernel has confirmed that it is as it should be.
    pub ifindex: Option<u32>,
    /// IPv6: the link-local address that was copied to it.
    pub link_local: Option<Ipv6Addr>,
    /// It was made to carry IPv6 addresses.
    pub ipv6: bool,
    /// A request that the kernel has not yet answered.
    pub pending: Option<VmacOp>,
    /// The kernel refused a request: the row rests until its timer.
    pub refused: bool,
    /// The last refusal that was told; told again only when it differs.
    pub(super) refusal: Option<String>,
    /// It was up since it was last made: when it goes down, it is made again, once.
    pub(super) was_up: bool,
    /// Until then the instance is not in fault for want of it.
    pub(super) patience: Option<Duration>,
}

impl Vmac {
    /// A VMAC of which nothing is known yet.
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
            patience: None,
        }
    }

    /// After the end: the kernel has done what it was asked for, or refused it.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_none() && (self.wanted || self.refused || self.ifindex.is_none())
    }
}

impl Default for Vmac {
    fn default() -> Vmac {
        Vmac::new()
    }
}
