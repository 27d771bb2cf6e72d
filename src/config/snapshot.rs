//! The configuration that the parent sends to its children: typed and checked, without the text.
//!
//! The virtual servers follow the rest of the configuration one by one, so that neither side has to hold ten thousand real
//! servers in memory, and processes that do not need them can skip them. Each is preceded by its length, so that those that
//! have not changed since the last snapshot are found without being decoded.

use std::collections::HashMap;
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
    /// The last virtual server.
    one: Vec<u8>,
    count: usize,
    failed: Option<SnapshotError>,
}

impl Recorder {
    /// Adds the next virtual server.
    pub(super) fn add(&mut self, server: &VirtualServer) {
        self.one.clear();
        let added = record(server, std::mem::take(&mut self.one)).and_then(|one| {
            self.servers = record(&one.len(), std::mem::take(&mut self.servers))?;
            self.servers.extend_from_slice(&one);
            self.one = one;
            Ok(())
        });
        match added {
            Ok(()) => self.count = self.count.saturating_add(1),
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

/// The virtual servers of a snapshot, in the order of the file; cheap to clone. An error ends the series.
#[derive(Clone)]
pub struct VirtualServers {
    octets: Arc<Vec<u8>>,
    at: usize,
    then: Option<Arc<Vec<u8>>>,
    /// Number of virtual servers that follow.
    left: usize,
}

/// A virtual server, compared with those of an earlier snapshot.
#[derive(Clone, Debug, PartialEq)]
pub enum Compared {
    /// Equal to the virtual server at this place of the earlier snapshot, counted from 0 in the order of the file.
    Same(usize),
    /// Any other.
    Other(Box<VirtualServer>),
}

impl VirtualServers {
    /// The virtual servers, each compared with those of an earlier snapshot.
    ///
    /// # Errors
    /// When the octets are not a complete snapshot of this release.
    pub fn compared_with(&self, earlier: &VirtualServers) -> Result<Vec<Compared>, SnapshotError> {
        let earlier = earlier.records()?;
        let places: HashMap<&[u8], usize> = earlier.iter().enumerate().map(|(place, one)| (*one, place)).collect();
        let compare = |one: &[u8]| match places.get(one) {
            Some(place) => Ok(Compared::Same(*place)),
            None => decode(one).map(|server| Compared::Other(Box::new(server))),
        };
        self.records()?.into_iter().map(compare).collect()
    }

    /// The octets of each virtual server.
    fn records(&self) -> Result<Vec<&[u8]>, SnapshotError> {
        let (mut octets, mut then, mut at) = (&self.octets, self.then.as_ref(), self.at);
        let mut records = Vec::new();
        for _ in 0..self.left {
            while at >= octets.len()
                && let Some(next) = then.take()
            {
                (octets, at) = (next, 0);
            }
            records.push(next_record(octets, &mut at)?);
        }
        Ok(records)
    }
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
                next_record(&self.octets, &mut self.at).and_then(decode)
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

/// The octets of the virtual server at `at`; moves `at` after it.
fn next_record<'o>(octets: &'o [u8], at: &mut usize) -> Result<&'o [u8], SnapshotError> {
    let length: usize = take(octets, at)?;
    let end = at.saturating_add(length);
    let record = octets.get(*at..end).ok_or_else(|| SnapshotError("a virtual server is cut off".into()))?;
    *at = end;
    Ok(record)
}

/// Decodes a virtual server.
fn decode(record: &[u8]) -> Result<VirtualServer, SnapshotError> {
    let mut at = 0;
    let server = take(record, &mut at)?;
    if at == record.len() { Ok(server) } else { Err(SnapshotError("there are octets after a virtual server".into())) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Options, Outside, load_recorded};

    fn servers(services: &[(u8, u32)]) -> (VirtualServers, Snapshot) {
        let text: String = services
            .iter()
            .map(|(octet, weight)| {
                format!(
                    "virtual_server 10.0.0.{octet} 80 {{\n protocol TCP\n real_server 10.1.0.1 80 {{\n weight {weight}\n }}\n}}\n"
                )
            })
            .collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let options = Options {
            path: file.path().into(),
            config_id: String::new(),
            directory: None,
            all_config: false,
            strict: false,
            outside: Outside::fixed(),
        };
        let (_, snapshot) = load_recorded(&options).unwrap().config.unwrap();
        (snapshot.clone().open().unwrap().1, snapshot)
    }

    #[test]
    fn unchanged_virtual_servers_are_found_wherever_they_are() {
        let (first, _) = servers(&[(1, 1), (2, 1), (3, 1)]);
        let (second, snapshot) = servers(&[(4, 1), (3, 1), (2, 7), (1, 1)]);
        let weights = |compared: Vec<Compared>| -> Vec<Result<u32, usize>> {
            let weight = |one| match one {
                Compared::Same(place) => Err(place),
                Compared::Other(server) => Ok(server.real_servers[0].weight),
            };
            compared.into_iter().map(weight).collect()
        };
        assert_eq!(weights(second.compared_with(&first).unwrap()), [Ok(1), Err(2), Ok(7), Err(0)]);
        // As the other process gets it: in one piece.
        let octets = snapshot.pieces().map(|piece| piece.to_vec()).concat();
        let (_, received) = Snapshot::from(octets.clone()).open().unwrap();
        assert_eq!(received.compared_with(&second).unwrap(), [0, 1, 2, 3].map(Compared::Same));
        let cut = Snapshot::from(octets[..octets.len() - 1].to_vec()).open().unwrap().1;
        assert_eq!(cut.compared_with(&second).unwrap_err().0, "a virtual server is cut off");
    }
}
