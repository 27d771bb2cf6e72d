//! `snmp_trap_target`.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A receiver of SNMP notifications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrapTarget {
    /// The receiver and its port.
    pub host: TrapHost,
    /// `inform`.
    pub inform: bool,
    /// `retries`; default 3.
    pub retries: u32,
    /// `timeout`; default 2 s.
    pub timeout: Duration,
    /// `version` and what belongs to it.
    pub security: TrapSecurity,
}

/// The host of a receiver with its port (162 by default).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrapHost {
    /// By address.
    Address(SocketAddr),
    /// By host name, which is looked up again while notifications are sent.
    Name {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
}

impl fmt::Display for TrapHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrapHost::Address(address) => address.fmt(f),
            TrapHost::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// The version of SNMP, and the sender's credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrapSecurity {
    /// SNMPv2c with `community`.
    Community(Secret),
    /// SNMPv3 with `user`.
    User(TrapUser),
}

/// A user of SNMPv3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrapUser {
    /// `user`.
    pub name: String,
    /// `auth_protocol` and `auth_password`, which has at least 8 octets.
    pub auth: Option<(TrapAuth, Secret)>,
    /// `priv_password` of AES-128, at least 8 octets; never without `auth`.
    pub privacy: Option<Secret>,
}

/// `auth_protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrapAuth {
    /// HMAC-SHA-96.
    Sha1,
    /// HMAC-SHA-224.
    Sha224,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-384.
    Sha384,
    /// HMAC-SHA-512.
    Sha512,
}

/// A secret text. `Debug` never shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(pub Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_community() {
        let shown = format!("{:?}", TrapSecurity::Community(Secret(b"hush".to_vec())));
        assert_eq!(shown, "Community(Secret(..))");
    }
}
