//! Addresses and their family.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Address family of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(ip: IpAddr) -> Family {
        if ip.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// `IPv4` or `IPv6`.
    pub fn name(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }
}

/// The network of an address: the address with cleared host bits, and the prefix length.
pub fn network((ip, prefix): (IpAddr, u8)) -> (IpAddr, u8) {
    let cleared = |bits: u32| bits.saturating_sub(prefix.into());
    let ip = match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(cleared(32)).unwrap_or(0);
            IpAddr::V4((u32::from(ip) & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(cleared(128)).unwrap_or(0);
            IpAddr::V6((u128::from(ip) & mask).into())
        }
    };
    (ip, prefix)
}

/// One line of `virtual_ipaddress`, `virtual_ipaddress_excluded` or `static_ipaddress`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Prefix length; default 32 or 128.
    pub prefix: u8,
    /// `dev`, else the instance's interface (static: `default_interface`).
    pub device: String,
    /// `scope` as the kernel's number: global 0, site 200, link 253, host 254, nowhere 255.
    pub scope: u8,
    /// `broadcast` / `brd`, with `+` and `-` computed.
    pub broadcast: Option<IpAddr>,
    /// `label`.
    pub label: Option<String>,
    /// `peer ADDR[/LEN]`.
    pub peer: Option<(IpAddr, u8)>,
    /// IPv6 no-DAD flag: true by default, false with `-nodad`.
    pub nodad: bool,
    /// `home`.
    pub home: bool,
    /// `mngtmpaddr`.
    pub mngtmpaddr: bool,
    /// `noprefixroute`.
    pub noprefixroute: bool,
    /// `autojoin`.
    pub autojoin: bool,
    /// `no_track`.
    pub no_track: bool,
    /// `use_vmac`, or `use_vmac_addr` of the instance: it is on a VMAC for addresses ([`AddressLink`](super::AddressLink)).
    pub own_vmac: bool,
    /// `preferred_lft`; `None` = the default: forever, but 0 for IPv6 /128 VIPs. `Some(u32::MAX)` = `forever`.
    pub preferred_lft: Option<u32>,
    /// `track_group` (static addresses only).
    pub track_group: Option<String>,
}

impl Address {
    /// An address with defaults for all else.
    pub fn plain(ip: IpAddr, prefix: u8, device: &str) -> Address {
        Address {
            ip,
            prefix,
            device: device.to_owned(),
            scope: 0,
            broadcast: None,
            label: None,
            peer: None,
            nodad: true,
            home: false,
            mngtmpaddr: false,
            noprefixroute: false,
            autojoin: false,
            no_track: false,
            own_vmac: false,
            preferred_lft: None,
            track_group: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_bits_are_cleared() {
        let of = |ip: &str, prefix| network((ip.parse().unwrap(), prefix)).0.to_string();
        assert_eq!([of("10.1.2.3", 24), of("10.1.2.3", 32), of("10.1.2.3", 0)], ["10.1.2.0", "10.1.2.3", "0.0.0.0"]);
        assert_eq!([of("fd00::1:2", 112), of("fd00::1", 128), of("fd00::1", 0)], ["fd00::1:0", "fd00::1", "::"]);
        assert_eq!([of("10.1.2.3", 255), of("fd00::1", 255)], ["10.1.2.3", "fd00::1"]);
    }
}
