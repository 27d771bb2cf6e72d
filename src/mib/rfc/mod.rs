//! VRRP-MIB (RFC 2787) and VRRPV3-MIB (RFC 6527): the rows of instances under the interface and VRID.
//!
//! The texts are in `mibs/`. Rows cannot be created, and all objects are read-only, as in C keepalived.

mod counters;
mod routers;
mod v2;
mod v3;

pub(super) use v2::MODULE as V2;
pub(super) use v3::MODULE as V3;
