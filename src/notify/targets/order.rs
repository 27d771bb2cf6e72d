//! Orders to the thread that sends notifications, and the settings of targets as it needs them.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use snmp::message::Notice;
use snmp::target::{Destination, Security, Settings};

use crate::config::model::{TrapHost, TrapSecurity, TrapTarget};
use crate::reactor::Waker;
use crate::system::Target;

/// State shared with the thread.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) waker: Waker,
    /// Number of notifications that the thread has not taken yet.
    pub(super) pending: AtomicUsize,
}

/// An order to the thread.
#[derive(Debug)]
pub(super) enum Order {
    Send(Notice),
    Targets(Vec<Target>),
    /// Send what waits, and end at the latest at this time.
    Close(Duration),
}

/// The address of a target for the sender.
pub(super) fn destination(host: &TrapHost) -> Destination {
    match host.clone() {
        TrapHost::Address(address) => Destination::Address(address),
        TrapHost::Name { host, port } => Destination::Name { host, port },
    }
}

/// The settings of a target for the sender.
pub(super) fn settings(target: &TrapTarget) -> Settings {
    let security = match &target.security {
        TrapSecurity::Community(community) => Security::Community(community.0.clone()),
    };
    Settings { inform: target.inform, retries: target.retries, timeout: target.timeout, security }
}
