//! The status of the daemon as a document: `keepalived --status`.
//!
//! The processes make their parts from their rows; the parent puts them together. Times are seconds since 1970 with
//! milliseconds, durations are seconds. Fields are added by later releases, but not renamed or removed.

mod bfd;
mod checker;
mod clock;
mod daemon;
pub mod metrics;
mod target;
pub mod text;
mod vrrp;

use serde::{Deserialize, Serialize};

pub use bfd::{Bfd, BfdSession};
pub use checker::{Check, Checker, Checks, LastCheck, RealServer, VirtualServer};
pub use clock::Clock;
pub use daemon::{Configuration, Process, Reload, Snmp, Upgrade};
pub use target::Target;
pub use vrrp::{
    Address, Counters, Effect, Group, Instance, Master, Objects, Share, Tracker, Transition, Vrrp, Yielded,
};

/// The status of the daemon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Product and version.
    pub version: String,
    /// When the status was taken.
    pub time: f64,
    /// The processes, the parent first.
    pub processes: Vec<Process>,
    /// The configuration in force.
    pub configuration: Configuration,
    /// From the VRRP process; none if it does not run or has not answered in time, likewise the next two.
    pub vrrp: Option<Vrrp>,
    /// From the checker process.
    pub checker: Option<Checker>,
    /// From the BFD process.
    pub bfd: Option<Bfd>,
}

/// The part of a child process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// From the VRRP process.
    Vrrp(Vrrp),
    /// From the checker process.
    Checker(Checker),
    /// From the BFD process.
    Bfd(Bfd),
}

impl Status {
    /// The receivers of notifications, with the processes that send them.
    pub fn targets(&self) -> impl Iterator<Item = (&'static str, &Target)> {
        let vrrp = self.vrrp.iter().flat_map(|part| &part.targets).map(|target| ("VRRP", target));
        let checker = self.checker.iter().flat_map(|part| &part.targets).map(|target| ("checker", target));
        vrrp.chain(checker)
    }

    /// Adds a part.
    pub fn add(&mut self, part: Part) {
        match part {
            Part::Vrrp(part) => self.vrrp = Some(part),
            Part::Checker(part) => self.checker = Some(part),
            Part::Bfd(part) => self.bfd = Some(part),
        }
    }
}
