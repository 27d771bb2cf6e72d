//! Packet formats: bytes to structs and back, nothing else.
//!
//! Readers take any bytes: a length is checked before it is used, and a field that cannot be right
//! gives `None`, never a panic.

pub mod ah;
pub mod arp;
pub mod bfd;
pub mod checksum;
pub mod ipv4;
pub mod ndisc;
pub mod vrrp;
