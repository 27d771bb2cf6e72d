//! What the parent keeps for a replacement of the VRRP process.

use serde::{Deserialize, Serialize};

use crate::kernel::sysctl::Changes;
use crate::state::Record;
use crate::vrrp;

/// The states of the machines, and settings of the kernel that are to be put back at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Those of the machines.
    pub(super) states: vrrp::Checkpoint,
    /// `promote_secondaries`.
    pub(super) settings: Changes,
    /// What VMACs need.
    pub(super) vmac_settings: Changes,
}

impl Record for Checkpoint {
    const NAME: &'static str = "a checkpoint of the VRRP process";
    const VERSION: u32 = 1;
}
