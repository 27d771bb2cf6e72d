//! What the parent, and a file, keep for a successor of the checker process.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::services;
use crate::check;
use crate::kernel::ipvs::{ServiceKey, Timeouts};
use crate::process::held::InKernel;
use crate::state::Record;

/// The verdicts of the machines, and what is to be put back in the kernel at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Those of the machines.
    pub(super) verdicts: check::Checkpoint,
    /// IPVS time-outs as the first process of this daemon found them.
    pub(super) timeouts: Option<Timeouts>,
}

impl Record for Checkpoint {
    const NAME: &'static str = "a checkpoint of the checker process";
    const VERSION: u32 = 1;
}

/// The IPVS services that a process has set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) services: BTreeSet<ServiceKey>,
}

impl Record for Held {
    const NAME: &'static str = "IPVS services held";
    const VERSION: u32 = 1;
}

impl InKernel for Held {
    fn list(&self) -> Vec<String> {
        self.services.iter().map(|key| format!("IPVS service {}", services::name(key))).collect()
    }
}
