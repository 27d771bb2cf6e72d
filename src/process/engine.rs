//! The SNMP engine of the daemon, which all its processes share.

use std::time::Duration;

use crate::reactor::clock;

/// snmpEngineBoots of the last engine that can start (RFC 3414 section 2.2.2): later it counts as out of order.
const LAST: u64 = 2_147_483_646;

/// The start of the daemon, for SNMPv3 and for sysUpTime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineStart {
    /// snmpEngineBoots: the seconds since 1970 at the start of the daemon. So it grows from start to start without a file that
    /// must not get lost.
    pub boots: u32,
    /// Start of the daemon by the clock of all its processes, in milliseconds.
    pub at: u64,
}

impl EngineStart {
    /// A daemon that starts now.
    pub(super) fn now() -> EngineStart {
        let boots = u32::try_from(clock::utc().as_secs().min(LAST)).unwrap_or(1);
        EngineStart { boots, at: u64::try_from(clock::now().as_millis()).unwrap_or(0) }
    }

    /// Start of the daemon.
    pub(super) fn time(self) -> Duration {
        Duration::from_millis(self.at)
    }

    /// The octets of a message.
    pub(super) fn octets(self) -> [u8; 12] {
        let mut octets = [0; 12];
        octets[..4].copy_from_slice(&self.boots.to_be_bytes());
        octets[4..].copy_from_slice(&self.at.to_be_bytes());
        octets
    }

    /// Reads the octets of a message.
    pub(super) fn from_octets(octets: &[u8]) -> Option<EngineStart> {
        let (boots, at) = octets.split_first_chunk()?;
        Some(EngineStart { boots: u32::from_be_bytes(*boots), at: u64::from_be_bytes(at.try_into().ok()?) })
    }
}
