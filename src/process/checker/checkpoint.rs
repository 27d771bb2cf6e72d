//! Records of the checker process for its successor: the checkpoint, kept by the parent, and the held state, in a file.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::check;
use crate::check::ipvs::{ServiceKey, Timeouts};
use crate::config::model::Family;
use crate::process::held::InKernel;
use crate::state::{Lasting, Reader, Record, Unusable, Writer};

/// The verdicts of the machines, and the IPVS time-outs to be restored at the stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Verdicts of the machines.
    pub(super) verdicts: check::Checkpoint,
    /// IPVS time-outs before the start of the daemon.
    pub(super) timeouts: Option<Timeouts>,
}

impl Lasting for Checkpoint {
    const NAME: &'static str = "a checkpoint of the checker process";
    const VERSION: u32 = 2;

    fn write(&self, sections: &mut Writer) {
        self.verdicts.write(sections);
        sections.put("time-outs", &self.timeouts);
    }

    fn read(sections: &mut Reader<'_>) -> Result<Checkpoint, Unusable> {
        Ok(Checkpoint { verdicts: Lasting::read(sections)?, timeouts: sections.take_if_readable("time-outs") })
    }
}

/// Held state: the IPVS services and the tables of nftables that the process has added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) services: BTreeSet<ServiceKey>,
    /// Family and name.
    #[serde(default)]
    pub(super) tables: BTreeSet<(Family, String)>,
}

impl Record for Held {
    const NAME: &'static str = "IPVS services held";
    const VERSION: u32 = 1;
}

impl InKernel for Held {
    fn list(&self) -> Vec<String> {
        let tables = self.tables.iter().map(|(family, name)| match family {
            Family::V4 => format!("nftables table ip {name}"),
            Family::V6 => format!("nftables table ip6 {name}"),
        });
        self.services.iter().map(|key| format!("IPVS service {key}")).chain(tables).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{fixtures, from_sections, to_sections};

    #[test]
    fn checkpoints_of_releases_in_use_are_read() {
        let verdicts = fixtures::records("checker-states").pop().unwrap();
        let timeouts = Some(Timeouts { tcp: 900, tcp_fin: 120, udp: 300 });
        let checkpoint = Checkpoint { verdicts: from_sections(&verdicts).unwrap().record, timeouts };
        let sample = to_sections(&checkpoint).unwrap();
        fixtures::check::<Checkpoint>("checker-process", &sample, &["quorums", "weights", "verdicts"]);
    }
}
