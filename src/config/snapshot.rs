//! The configuration that the parent sends to its children: typed and checked, without the text.
//!
//! The virtual servers follow the rest of the configuration one by one, so that neither side has to hold ten thousand real
//! servers in memory, and processes that do not need them can skip them.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::lvs::VirtualServer;
use super::model::Config;

/// A serialised configuration for processes of the same program; cheap to clone. It has passwords, so `Debug` shows only
/// its size.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    head: Arc<Vec<u8>>,
    servers: Arc<Vec<u8>>,
}

/// Octets that are not a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a usable configuration snapshot: {0}")]
pub struct SnapshotError(String);

/// Collects virtual servers for a snapshot.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    servers: Vec<u8>,
    count: usize,
    failed: Option<SnapshotError>,
}

impl Recorder {
    /// Adds the next virtual server.
    pub(super) fn add(&mut self, server: &VirtualServer) {
        match record(server, std::mem::take(&mut self.servers)) {
            Ok(servers) => (self.servers, self.count) = (servers, self.count.saturating_add(1)),
            Err(error) => self.failed = Some(error),
        }
    }

    /// Adds the rest of the configuration.
    ///
    /// # Errors
    /// None are known: every value of a configuration can be recorded.
    pub(super) fn finish(self, config: &Config) -> Result<Snapshot, SnapshotError> {
        let head = record(&(config, self.count), Vec::new())?;
        self.failed.map_or(Ok(()), Err)?;
        Ok(Snapshot { head: Arc::new(head), servers: Arc::new(self.servers) })
    }
}

impl Snapshot {
    /// The octets, in two pieces.
    pub fn pieces(&self) -> [Arc<Vec<u8>>; 2] {
        [Arc::clone(&self.head), Arc::clone(&self.servers)]
    }

    /// The configuration without its virtual servers, and the virtual servers.
    ///
    /// # Errors
    /// When the octets are not a snapshot of this release.
    pub fn open(self) -> Result<(Config, VirtualServers), SnapshotError> {
        let mut at = 0;
        let (config, left) = take(&self.head, &mut at)?;
        Ok((config, VirtualServers { octets: self.head, at, then: Some(self.servers), left }))
    }

    /// The configuration that was recorded.
    ///
    /// # Errors
    /// When the octets are not a complete snapshot of this release.
    pub fn parse(self) -> Result<Config, SnapshotError> {
        let (mut config, servers) = self.open()?;
        config.lvs.virtual_servers = servers.collect::<Result<_, _>>()?;
        Ok(config)
    }
}

/// Octets from another process; [`Snapshot::open`] checks them.
impl From<Vec<u8>> for Snapshot {
    fn from(octets: Vec<u8>) -> Snapshot {
        Snapshot { head: Arc::new(octets), servers: Arc::default() }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({} octets)", self.head.len().saturating_add(self.servers.len()))
    }
}

/// The virtual servers of a snapshot, in the order of the file. An error ends the series.
pub struct VirtualServers {
    octets: Arc<Vec<u8>>,
    at: usize,
    then: Option<Arc<Vec<u8>>>,
    /// Number of virtual servers that follow.
    left: usize,
}

impl Iterator for VirtualServers {
    type Item = Result<VirtualServer, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at >= self.octets.len() && self.then.is_some() {
            (self.octets, self.at) = (self.then.take().unwrap_or_default(), 0);
        }
        let rest = self.octets.len().saturating_sub(self.at);
        let next = match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                take(&self.octets, &mut self.at)
            }
            None if rest == 0 => return None,
            None => Err(SnapshotError("there are octets after its end".into())),
        };
        if next.is_err() {
            (self.at, self.then, self.left) = (self.octets.len(), None, 0);
        }
        Some(next)
    }
}

fn record<T: Serialize>(value: &T, onto: Vec<u8>) -> Result<Vec<u8>, SnapshotError> {
    postcard::to_extend(value, onto).map_err(|error| SnapshotError(error.to_string()))
}

/// Reads the value at `at`, and moves `at` after it.
fn take<T: DeserializeOwned>(octets: &[u8], at: &mut usize) -> Result<T, SnapshotError> {
    let taken = postcard::take_from_bytes(octets.get(*at..).unwrap_or_default());
    let (value, rest) = taken.map_err(|error| SnapshotError(error.to_string()))?;
    *at = octets.len().saturating_sub(rest.len());
    Ok(value)
}
