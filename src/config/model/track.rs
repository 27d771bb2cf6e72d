//! Trackers, which influence the priority and the fault state of instances and groups, and the entries that refer to them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::script::Script;

/// Kind of a tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TrackerKind {
    /// `track_interface`: an interface is up and running.
    Interface,
    /// `track_script`: the exit status of a `vrrp_script`.
    Script,
    /// `track_file`: the number in a file.
    File,
    /// `track_process`: the number of running processes.
    Process,
    /// `track_bfd`: a BFD session is up.
    Bfd,
}

/// Entry of a track list, with the default weight of the tracker merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Kind of its list.
    pub kind: TrackerKind,
    /// Name of the interface or of the tracker block.
    pub name: String,
    /// `weight`, -254..=254; 0 = FAULT while down. For a file: the factor for its number.
    pub weight: i16,
    /// `reverse`.
    pub reverse: bool,
}

/// The trackers of a configuration, each kind in configured order; names are unique within a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trackers {
    /// `vrrp_script` blocks.
    pub scripts: Vec<TrackScript>,
    /// `track_file` and `vrrp_track_file` blocks.
    pub files: Vec<TrackFile>,
    /// `vrrp_track_process` blocks.
    pub processes: Vec<TrackProcess>,
    /// Interfaces of `interface_up_down_delays`, and interfaces whose link state is polled.
    pub interfaces: Vec<TrackInterface>,
    /// `bfd_instance` blocks that report to VRRP, also if no `track_bfd` lists them.
    pub sessions: Vec<TrackSession>,
}

/// A BFD session that reports to VRRP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackSession {
    /// Name of the `bfd_instance`.
    pub name: String,
    /// `weight`, -253..=253: default of entries.
    pub weight: i16,
    /// `reverse` of the weight.
    pub reverse: bool,
}

/// Delays and polling of the state of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackInterface {
    /// Its name.
    pub name: String,
    /// `interface_up_down_delays`: time until a loss of the link counts.
    pub down: Duration,
    /// Time until a gain of the link counts; default 0.
    pub up: Duration,
    /// `linkbeat_interfaces`, `linkbeat_use_polling`.
    pub polled: bool,
}

impl TrackInterface {
    /// The delays: down, up.
    pub fn delays(&self) -> (Duration, Duration) {
        (self.down, self.up)
    }
}

/// `vrrp_script NAME { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackScript {
    /// Name of the block.
    pub name: String,
    /// `script`, and `user`.
    pub script: Script,
    /// `interval`, at least 1 ms.
    pub interval: Duration,
    /// `timeout`; default `interval`.
    pub timeout: Duration,
    /// `weight`, -253..=253.
    pub weight: i16,
    /// `reverse` of the weight.
    pub reverse: bool,
    /// `rise`, from 1.
    pub rise: u32,
    /// `fall`, from 1.
    pub fall: u32,
    /// `init_fail`.
    pub init_fail: bool,
}

/// `track_file NAME { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackFile {
    /// Name of the block.
    pub name: String,
    /// `file`.
    pub path: String,
    /// `weight`: default factor of entries.
    pub weight: i32,
    /// `reverse` of the weight.
    pub reverse: bool,
    /// `init_file`.
    pub init: Option<InitFile>,
}

/// `init_file [VALUE] [overwrite]`: the file is created at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitFile {
    /// The number to write.
    pub value: i32,
    /// Also replace an existing file.
    pub overwrite: bool,
}

/// `vrrp_track_process NAME { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackProcess {
    /// Name of the block.
    pub name: String,
    /// `process`: a path or a name.
    pub command: String,
    /// Its parameters; `None` when they are not compared.
    pub parameters: Option<Vec<String>>,
    /// `param_match`.
    pub matching: ParameterMatch,
    /// `full_command`: the command line is compared, not the short name of the process.
    pub full_command: bool,
    /// `weight`, -254..=254.
    pub weight: i16,
    /// `reverse` of the weight.
    pub reverse: bool,
    /// `quorum`: lowest number of processes that is up.
    pub quorum: u32,
    /// `quorum_max`: highest number of processes that is up.
    pub quorum_max: Option<u32>,
    /// `fork_delay` or `delay`.
    pub fork_delay: Duration,
    /// `terminate_delay` or `delay`.
    pub terminate_delay: Duration,
}

impl TrackProcess {
    /// A block with `process COMMAND` only.
    pub fn new(name: &str, command: &str) -> TrackProcess {
        TrackProcess {
            name: name.to_owned(),
            command: command.to_owned(),
            parameters: None,
            matching: ParameterMatch::Exact,
            full_command: false,
            weight: 0,
            reverse: false,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        }
    }
}

/// `param_match`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterMatch {
    /// All parameters, and no others.
    #[default]
    Exact,
    /// The configured ones come first; the last may be the start of a parameter of the process.
    Initial,
    /// The configured ones come first.
    Partial,
}
