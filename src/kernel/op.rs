//! Operations on entries of the kernel, and their success.

/// Operation on an entry of the kernel: an address, a route, a VMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Add it; success if it exists already.
    Add,
    /// Remove it; success if it does not exist.
    Remove,
}

/// Success of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The kernel's tables have changed.
    Changed,
    /// There was nothing to change: the object to add existed, or the object to remove did not.
    AlreadySo,
}
