//! Sizes of adverts.

use super::rows::Instance;
use crate::config::model::{Authentication, Family, Version};
use crate::wire::{ah, auth_hmac, ipv4, vrrp};

/// Length of an IPv6 header, in octets.
const IPV6_HEADER: usize = 40;

impl Instance {
    /// Octets of an advert without addresses, with the IP header, and octets of each address.
    pub(super) fn octets(&self) -> (usize, usize) {
        let (header, address) = match self.config.family {
            Family::V6 => (IPV6_HEADER, 16),
            Family::V4 => {
                let is_ah = matches!(self.config.authentication, Some(Authentication::Ah(_)));
                (ipv4::HEADER_LEN + if is_ah { ah::HEADER_LEN } else { 0 }, 4)
            }
        };
        let behind = if self.config.version == Version::V2 { vrrp::AUTH_DATA_LEN } else { 0 };
        let trailer = self.config.auth_hmac.as_ref().map_or(0, |_| auth_hmac::TRAILER_LEN);
        (header + vrrp::HEADER_LEN + behind + trailer, address)
    }

    /// Octets of its adverts, with the IP header.
    pub fn advert_octets(&self) -> usize {
        let (without, address) = self.octets();
        without + self.carried().len() * address
    }
}
