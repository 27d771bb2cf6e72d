//! The vrrp module.
