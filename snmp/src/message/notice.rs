//! The variable bindings of a notification.

use std::sync::Arc;
use std::time::Duration;

use super::{Malformed, ber};
use crate::session::{Clocks, Notification, SNMP_TRAP_OID, SYS_UP_TIME};
use crate::value::Value;

/// Longest encoding of the bindings, in octets: with the rest of a message they fit into a datagram.
const LONGEST: usize = 60_000;

/// The clocks of a sender without a master agent.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    clocks: Clocks,
}

impl Stamp {
    /// `started`: the zero of sysUpTime, by the owner's clock.
    pub fn new(started: Duration) -> Self {
        let mut clocks = Clocks::default();
        clocks.answered(0, started);
        Stamp { clocks }
    }

    /// To be called before each notification with the present time since 1970, as for
    /// [`Session::set_clock`](crate::Session::set_clock).
    pub fn set_clock(&mut self, now: Duration, utc: Duration) {
        self.clocks.read(now, utc);
    }
}

/// The bindings of a notification, encoded: sysUpTime.0 of the event, snmpTrapOID.0, and the objects. Clones share them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice(Arc<[u8]>);

impl Notice {
    /// Encodes the notification of an event at `at`.
    ///
    /// # Errors
    /// It is longer than a datagram, or has an invalid identifier.
    pub fn new(notification: &Notification, at: Duration, stamp: &Stamp) -> Result<Self, Malformed> {
        let mut out = Vec::new();
        let mut bind = |name: &[u32], value: &Value| {
            let mut one = Vec::new();
            ber::object_id(&mut one, name)?;
            ber::value(&mut one, &stamp.clocks.on_wire(value))?;
            ber::sequence(&mut out, &one)
        };
        bind(&SYS_UP_TIME, &Value::TimeStamp(at))?;
        bind(&SNMP_TRAP_OID, &Value::ObjectId(notification.trap.clone()))?;
        for object in &notification.binds {
            bind(object.name.as_slice(), &object.value)?;
        }
        if out.len() > LONGEST { Err(Malformed) } else { Ok(Notice(out.into())) }
    }

    /// The encoded items of the VarBindList.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}
