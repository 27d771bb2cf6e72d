//! Trackers and the entries that refer to them: what influences the priority and the fault of an instance or a group.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::script::Script;

/// What a tracker looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TrackerKind {
    /// `track_interface`: an interface is up and running.
    Interface,
    /// `track_script`: the exit status of a `vrrp_script`.
    Script,
    /// `track_file`: the number in a file.
    File,
    /// `track_process`: how many processes of a kind run.
    Process,
    /// `track_bfd`: a BFD session is up.
    Bfd,
}

/// Entry of a track list, weights of the tracker's own block already merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// The list it stands in.
    pub kind: TrackerKind,
    /// Name of the interface or of the tracker's block.
    pub name: String,
    /// `weight`, -254..=254; 0 = the tracker decides between FAULT and not. For a file: the multiplier of its number.
    pub weight: i16,
    /// `reverse`.
    pub reverse: bool,
}

/// The trackers that a file defines, each kind in configured order, names unique within a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trackers {
    /// `vrrp_script` blocks.
    pub scripts: Vec<TrackScript>,
    /// `track_file` and `vrrp_track_file` blocks.
    pub files: Vec<TrackFile>,
    /// `vrrp_track_process` blocks.
    pub processes: Vec<TrackProcess>,
    /// Interfaces of `interface_up_down_delays`, and those whose link is polled.
    pub interfaces: Vec<TrackInterface>,
    /// `bfd_instance` blocks: name, `weight` and its `reverse`.
    pub sessions: Vec<(String, i16, bool)>,
}

/// How the state of an interface reaches those that track it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackInterface {
    /// Its name.
    pub name: String,
    /// `interface_up_down_delays`: how long it has to be down.
    pub down: Duration,
    /// How long it has to be up; 0 when it is not written.
    pub up: Duration,
    /// `linkbeat_interfaces`, `linkbeat_use_polling`.
    pub polled: bool,
}

impl TrackInterface {
    /// Down and up.
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
    /// `weight`; the multiplier of entries without a weight.
    pub weight: i32,
    /// `reverse` of the weight.
    pub reverse: bool,
    /// `init_file`.
    pub init: Option<InitFile>,
}

/// `init_file [VALUE] [overwrite]`: the file is made at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitFile {
    /// The number written into it.
    pub value: i32,
    /// Also if it exists.
    pub overwrite: bool,
}

/// `vrrp_track_process NAME { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackProcess {
    /// Name of the block.
    pub name: String,
    /// `process`: a path or a bare name.
    pub command: String,
    /// Its parameters; `None` when they are not compared.
    pub parameters: Option<Vec<String>>,
    /// `param_match`.
    pub matching: ParameterMatch,
    /// `full_command`: the command line is compared, not the process's short name.
    pub full_command: bool,
    /// `weight`, -254..=254.
    pub weight: i16,
    /// `reverse` of the weight.
    pub reverse: bool,
    /// `quorum`: the least number of processes that is up.
    pub quorum: u32,
    /// `quorum_max`: the largest number of processes that is up.
    pub quorum_max: Option<u32>,
    /// `fork_delay` or `delay`.
    pub fork_delay: Duration,
    /// `terminate_delay` or `delay`.
    pub terminate_delay: Duration,
}

/// `param_match`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterMatch {
    /// All parameters, and no others.
    #[default]
    Exact,
    /// Those written come first.
    Initial,
    /// Those written come first; the last may be the beginning of the process's parameter.
    Partial,
}
