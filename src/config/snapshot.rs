//! The configuration as the parent hands it to the children: typed, checked, without the text it came from.

use std::fmt;
use std::sync::Arc;

use super::model::Config;

/// A configuration for processes of the same program; cheap to clone. It holds passwords: `Debug` shows its size only.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot(Arc<Vec<u8>>);

/// Octets that are more than enough for most real servers with their checkers.
const SERVER: usize = 256;

/// Octets that are no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a usable configuration snapshot: {0}")]
pub struct SnapshotError(String);

impl Snapshot {
    /// Records a configuration.
    ///
    /// # Errors
    /// None that is known of: every value of a configuration can be recorded.
    pub fn record(config: &Config) -> Result<Snapshot, SnapshotError> {
        let servers: usize = config.lvs.virtual_servers.iter().map(|service| service.real_servers.len()).sum();
        let octets = Vec::with_capacity(servers.saturating_mul(SERVER).saturating_add(SERVER));
        postcard::to_extend(config, octets).map(Snapshot::from).map_err(|error| SnapshotError(error.to_string()))
    }

    /// The octets to hand over.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The configuration that was recorded.
    ///
    /// # Errors
    /// When the octets are no snapshot of this release, or not the whole of it.
    pub fn parse(octets: &[u8]) -> Result<Config, SnapshotError> {
        match postcard::take_from_bytes(octets) {
            Ok((config, [])) => Ok(config),
            Ok(_) => Err(SnapshotError("something follows it".into())),
            Err(error) => Err(SnapshotError(error.to_string())),
        }
    }
}

/// Octets that came from another process; they are looked at by [`Snapshot::parse`].
impl From<Vec<u8>> for Snapshot {
    fn from(octets: Vec<u8>) -> Snapshot {
        Snapshot(Arc::new(octets))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({} octets)", self.0.len())
    }
}
