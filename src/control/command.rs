//! Commands that a child process carries out.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A command for a child process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Set the weight of a real server in all virtual servers that have it.
    Weight(Weight),
}

/// A new weight of a real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// Address and port of the server.
    pub server: SocketAddr,
    /// The weight; `None`: that of the configuration.
    pub weight: Option<u32>,
}

/// `ADDRESS:PORT=WEIGHT`, or `ADDRESS:PORT` for the weight of the configuration.
impl FromStr for Weight {
    type Err = String;

    fn from_str(text: &str) -> Result<Weight, String> {
        let (server, weight) = text.split_once('=').map_or((text, None), |(server, weight)| (server, Some(weight)));
        let server = server.parse().map_err(|_| "ADDRESS:PORT of a real server, an IPv6 address in brackets")?;
        let weight = weight.map(str::parse).transpose().map_err(|_| "a weight from 0 to 2147483647 after =")?;
        if weight.is_some_and(|weight: u32| weight > i32::MAX.cast_unsigned()) {
            return Err("a weight from 0 to 2147483647 after =".to_owned());
        }
        Ok(Weight { server, weight })
    }
}

/// For the log.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Weight(Weight { server, weight: Some(weight) }) => write!(f, "weight {weight} for {server}"),
            Command::Weight(Weight { server, weight: None }) => write!(f, "configured weight for {server}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_parsed() {
        let weight = |server: &str, weight| Ok(Weight { server: server.parse().unwrap(), weight });
        assert_eq!("10.0.0.1:80=5".parse(), weight("10.0.0.1:80", Some(5)));
        assert_eq!("[2001:db8::1]:443=0".parse(), weight("[2001:db8::1]:443", Some(0)));
        assert_eq!("10.0.0.1:80".parse(), weight("10.0.0.1:80", None));
        for wrong in ["", "10.0.0.1", "10.0.0.1:80=", "10.0.0.1:80=-1", "10.0.0.1:80=2147483648", "web:80=1", "=1"] {
            assert!(wrong.parse::<Weight>().is_err(), "{wrong}");
        }
    }
}
