//! Orders to the thread that sends notifications, and the settings of targets as it needs them.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use snmp::message::Notice;
use snmp::message::usm::Auth;
use snmp::target::{Destination, Engine, Security, Settings, User};

use crate::config::model::{TrapAuth, TrapHost, TrapSecurity, TrapTarget};
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
    Targets(Vec<Target>, Engine),
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
pub(super) fn settings(target: &TrapTarget, engine: &Engine) -> Settings {
    let security = match &target.security {
        TrapSecurity::Community(community) => Security::Community(community.0.clone()),
        TrapSecurity::User(user) => Security::User(User {
            name: user.name.clone().into_bytes(),
            auth: user.auth.as_ref().map(|(auth, password)| (protocol(*auth), password.0.clone())),
            privacy: user.privacy.as_ref().map(|password| password.0.clone()),
            engine: engine.clone(),
        }),
    };
    Settings { inform: target.inform, retries: target.retries, timeout: target.timeout, security }
}

fn protocol(auth: TrapAuth) -> Auth {
    match auth {
        TrapAuth::Sha1 => Auth::Sha1,
        TrapAuth::Sha224 => Auth::Sha224,
        TrapAuth::Sha256 => Auth::Sha256,
        TrapAuth::Sha384 => Auth::Sha384,
        TrapAuth::Sha512 => Auth::Sha512,
    }
}
