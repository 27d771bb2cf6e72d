//! Networks: addresses with a prefix length.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network without host bits.
pub(super) fn masked((ip, prefix): (IpAddr, u8)) -> (IpAddr, u8) {
    let ip = match ip {
        IpAddr::V4(ip) => {
            let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
            Ipv4Addr::from(u32::from(ip) & !host).into()
        }
        IpAddr::V6(ip) => {
            let host = u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
            Ipv6Addr::from(u128::from(ip) & !host).into()
        }
    };
    (ip, prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_bits_are_cleared() {
        let of = |ip: &str, prefix| masked((ip.parse().unwrap(), prefix)).0.to_string();
        assert_eq!([of("10.1.2.3", 24), of("10.1.2.3", 32), of("10.1.2.3", 0)], ["10.1.2.0", "10.1.2.3", "0.0.0.0"]);
        assert_eq!([of("fd00::1:2", 112), of("fd00::1", 128), of("fd00::1", 0)], ["fd00::1:0", "fd00::1", "::"]);
        assert_eq!([of("10.1.2.3", 255), of("fd00::1", 255)], ["10.1.2.3", "fd00::1"]);
    }
}
