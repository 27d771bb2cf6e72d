//! The reactor module.
