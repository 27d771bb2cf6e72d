//! The notify module.
