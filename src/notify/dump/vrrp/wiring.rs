//! What the dump shows besides the rows.

use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::config::model::Family;

/// What the process has besides the rows.
#[derive(Clone, Debug, Default)]
pub struct Wiring {
    /// The descriptor of each open socket, by interface index (0: all), family and IP protocol.
    pub sockets: BTreeMap<(u32, Family, u8), RawFd>,
    /// When the next announcement may be sent, where one was, by interface index and whether it is a neighbor advertisement.
    pub paces: BTreeMap<(u32, bool), Duration>,
    /// The settings of interfaces that were changed, with their values before, by interface and setting.
    pub settings: BTreeMap<(String, String), String>,
}
