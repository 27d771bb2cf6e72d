//! The checkpoint of the VRRP process, which the parent keeps for a replacement.

use serde::{Deserialize, Serialize};

use crate::kernel::sysctl::Changes;
use crate::state::Record;
use crate::vrrp;

/// The states of the machines, and kernel settings to be restored at the stop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// States of the machines.
    pub(super) states: vrrp::Checkpoint,
    /// Changes for `promote_secondaries` and `disable_local_igmp`.
    pub(super) settings: Changes,
    /// Changes of settings for VMACs.
    #[serde(rename = "vmac_settings")]
    pub(super) link_settings: Changes,
}

impl Record for Checkpoint {
    const NAME: &'static str = "a checkpoint of the VRRP process";
    const VERSION: u32 = 2;
}
