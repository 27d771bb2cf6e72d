//! The Internet checksum (RFC 1071) and the pseudo headers of IPv4 and IPv6.

use std::net::IpAddr;

/// A running one's complement sum. Every added piece except the last must have an even length.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u32);

impl Sum {
    /// Adds bytes as big-endian 16-bit words; an odd last byte is padded with zero.
    pub fn with(mut self, bytes: &[u8]) -> Sum {
        for word in bytes.chunks(2) {
            let value = match word {
                [high, low] => u16::from_be_bytes([*high, *low]),
                [high] => u16::from_be_bytes([*high, 0]),
                _ => 0,
            };
            self.0 = self.0.wrapping_add(u32::from(value));
            self.0 = (self.0 & 0xffff) + (self.0 >> 16);
        }
        self
    }

    /// Adds the pseudo header (RFC 9568 section 5.2.8): source, destination, length, and protocol or next header.
    pub fn pseudo_header(self, protocol: u8, source: IpAddr, destination: IpAddr, length: usize) -> Sum {
        let sum = self.address(source).address(destination);
        // Upper-layer length and next header are 32-bit fields in IPv6 and 16-bit ones in IPv4: the sum is the same.
        sum.with(&(length as u32).to_be_bytes()).with(&[0, protocol])
    }

    fn address(self, ip: IpAddr) -> Sum {
        match ip {
            IpAddr::V4(ip) => self.with(&ip.octets()),
            IpAddr::V6(ip) => self.with(&ip.octets()),
        }
    }

    /// The checksum to write into a packet; 0 when the summed bytes already include a correct checksum.
    pub fn finish(self) -> u16 {
        !(self.0 as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_of_rfc1071() {
        let sum = Sum::default().with(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.finish(), !0xddf2);
    }

    #[test]
    fn odd_length_is_padded() {
        assert_eq!(Sum::default().with(&[1, 2, 3]).finish(), Sum::default().with(&[1, 2, 3, 0]).finish());
    }

    #[test]
    fn many_carries() {
        assert_eq!(Sum::default().with(&[0xff; 4096]).finish(), 0);
    }
}
