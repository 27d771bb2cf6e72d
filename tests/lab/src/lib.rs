//! Test labs: real daemons on a real kernel, in network namespaces of their own, with a packet capture.
//!
//! ```text
//!   router 1      router 2      router 3 ...     client
//!   [eth0]        [eth0]        [eth0]           [eth0]     10.9.0.N/24, fd09::N/64, fe80::N
//!      |             |             |                |
//!   ---+-------------+----- br0 ---+----------------+---    <- the capture runs here, on every port
//! ```
//!
//! A [`Lab`] creates the namespaces and removes everything when dropped, also when a test panics (then
//! it first prints the ends of the daemons' logs). Each lab has its own names and its own directory, so
//! labs run side by side; labs that measure time reserve the machine with [`machine::alone`]. A helper
//! that fails panics, which fails the test.

pub mod agentx;
pub mod capture;
pub mod case;
pub mod conf;
pub mod daemon;
pub mod director;
pub mod forge;
pub mod frame;
pub mod hostile;
pub mod ipvs;
pub mod machine;
pub mod mail;
pub mod names;
pub mod netns;
pub mod process;
pub mod real;
pub mod router;
pub mod servers;
pub mod site;
pub mod snmp;
pub mod standing;
pub mod storm;
pub mod topology;
pub mod uml;
pub mod views;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use capture::{Capture, CapturedFrame};
pub use case::Case;
pub use conf::Protocol;
pub use daemon::Daemon;
pub use director::Director;
pub use forge::{Forged, ForgedHeader};
pub use frame::{Advert, Frame};
pub use netns::Netns;
pub use router::Router;
pub use site::Site;
pub use snmp::Snmp;
pub use topology::Lab;

/// Wall-clock time since 1970, the clock of the kernel's packet time stamps.
pub type Stamp = Duration;

/// The current time, comparable with the time stamps of captured frames.
pub fn now() -> Stamp {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970")
}

/// Polls `condition` until it returns a value; panics with `what` after `limit`.
pub fn wait_for<T>(limit: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Polls `condition` until it is true; panics with `what` after `limit`.
pub fn wait_until(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(limit, what, || condition().then_some(()));
}

/// Asserts that `condition` is true throughout `period`, to show that nothing happens.
pub fn holds_for(period: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + period;
    while Instant::now() < end {
        assert!(condition(), "no longer true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
