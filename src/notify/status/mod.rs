//! The parts of `keepalived --status`, from the rows.

mod bfd;
mod check;
mod targets;
mod vrrp;

pub use bfd::bfd;
pub use check::check;
pub use vrrp::vrrp;
