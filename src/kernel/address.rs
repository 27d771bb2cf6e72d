//! Requests to add and remove addresses, and their results.

use std::net::IpAddr;

use super::tables::PROTOCOL_KEEPALIVED;
use crate::config::model::Address;
use crate::state::Op;

/// A request to add or remove an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRequest {
    /// Returned with the result.
    pub token: u64,
    /// The operation.
    pub op: Op,
    /// Index of the interface.
    pub ifindex: u32,
    /// The address. Its preferred lifetime may be limited; the valid lifetime is unlimited.
    pub address: Address,
    /// Origin of the address (`IFA_PROTO`); `None`: unspecified.
    pub protocol: Option<u8>,
    /// For a removal: the secondary addresses of other programs, which must be kept.
    pub secondaries: Option<Secondaries>,
}

impl AddressRequest {
    /// A request for an address of this daemon.
    pub fn new(token: u64, op: Op, ifindex: u32, address: Address) -> AddressRequest {
        AddressRequest { token, op, ifindex, address, protocol: Some(PROTOCOL_KEEPALIVED), secondaries: None }
    }
}

/// Secondary addresses: the kernel would remove them together with the IPv4 address that is their primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secondaries {
    /// Name of the interface.
    pub interface: String,
    /// The addresses with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
}
