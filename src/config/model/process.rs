//! System settings of a process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Keywords that the VRRP, checker and BFD processes have in common: `vrrp_priority` and the like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSettings {
    /// `*_process_name`, or the name by `process_names`: at most 15 octets, without NUL.
    pub name: Option<String>,
    /// `*_priority`: nice value.
    pub nice: Option<i8>,
    /// `*_rt_priority`: priority of `SCHED_RR`, 1..=99.
    pub rt_priority: Option<u8>,
    /// `max_auto_priority`, greater than 0, and `min_auto_priority_delay`.
    pub auto_priority: Option<(u8, Duration)>,
    /// `*_no_swap`.
    pub no_swap: bool,
    /// `*_cpu_affinity`: numbers of the CPUs it may run on; empty = all.
    pub cpus: Vec<u16>,
    /// `*_rlimit_rttime`: CPU time in microseconds between two blocking calls while it is real-time. The kernel sends SIGXCPU
    /// at half of it, and kills the process at the limit.
    pub rttime: Option<u32>,
}
