//! The mib module.
