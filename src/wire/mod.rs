//! Packet formats: parsing and writing of packets, without I/O.
//!
//! Parsers accept any bytes. They check lengths before use, and return `None` or an error for impossible fields; they
//! never panic.

pub mod ah;
pub mod arp;
pub mod auth_hmac;
pub mod bfd;
pub mod checksum;
pub mod ipv4;
pub mod ndisc;
pub mod vrrp;
