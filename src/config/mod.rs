//! `keepalived.conf` text to a typed [`model::Config`], with `file:line:col` diagnostics.

pub mod model;
