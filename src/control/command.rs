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
    /// Have an instance, or those of a sync group, give up mastership and stay out.
    Yield(Absence),
    /// Have an instance, or those of a sync group, take part again.
    Resume(String),
}

/// How long instances stay out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// Name of an instance or a sync group.
    pub name: String,
    /// For so many seconds; `None`: until they are resumed.
    pub seconds: Option<u32>,
}

/// `NAME` or `NAME=SECONDS`.
impl FromStr for Absence {
    type Err = String;

    fn from_str(text: &str) -> Result<Absence, String> {
        let (name, seconds) = text.rsplit_once('=').map_or((text, None), |(name, seconds)| (name, Some(seconds)));
        let seconds = seconds.map(|seconds| seconds.parse().ok().filter(|seconds| *seconds > 0));
        match seconds {
            Some(None) => Err("a whole number of seconds from 1 after =".to_owned()),
            _ if name.is_empty() => Err("the name of a vrrp_instance or vrrp_sync_group".to_owned()),
            seconds => Ok(Absence { name: name.to_owned(), seconds: seconds.flatten() }),
        }
    }
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
            Command::Yield(Absence { name, seconds: Some(seconds) }) => write!(f, "yielding of {name} for {seconds} s"),
            Command::Yield(Absence { name, seconds: None }) => write!(f, "yielding of {name}"),
            Command::Resume(name) => write!(f, "end of the yielding of {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absences_are_parsed() {
        let absence = |name: &str, seconds| Ok(Absence { name: name.to_owned(), seconds });
        assert_eq!("VI_1".parse(), absence("VI_1", None));
        assert_eq!("VI_1=90".parse(), absence("VI_1", Some(90)));
        assert_eq!("a=b=90".parse(), absence("a=b", Some(90)));
        for wrong in ["", "=90", "VI_1=", "VI_1=0", "VI_1=-1", "VI_1=1.5", "VI_1=4294967296"] {
            assert!(wrong.parse::<Absence>().is_err(), "{wrong}");
        }
    }

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
