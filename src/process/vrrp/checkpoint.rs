//! The checkpoint of the VRRP process, which the parent keeps for a replacement.

use crate::kernel::sysctl::Changes;
use crate::state::{Lasting, Reader, Unusable, Writer};
use crate::vrrp;

/// The states of the machines, and kernel settings to be restored at the stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// States of the machines.
    pub(super) states: vrrp::Checkpoint,
    /// Changes for `promote_secondaries` and `disable_local_igmp`.
    pub(super) settings: Changes,
    /// Changes of settings for VMACs.
    pub(super) link_settings: Changes,
}

impl Lasting for Checkpoint {
    const NAME: &'static str = "a checkpoint of the VRRP process";
    /// Until version 2 there were no sections.
    const VERSION: u32 = 3;

    fn write(&self, sections: &mut Writer) {
        self.states.write(sections);
        sections.put("settings", &self.settings);
        sections.put("settings of links", &self.link_settings);
    }

    fn read(sections: &mut Reader<'_>) -> Result<Checkpoint, Unusable> {
        Ok(Checkpoint {
            states: Lasting::read(sections)?,
            settings: sections.take_if_readable("settings"),
            link_settings: sections.take_if_readable("settings of links"),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::state::{fixtures, from_sections, to_sections};

    #[test]
    fn checkpoints_of_releases_in_use_are_read() {
        let states = fixtures::records("vrrp-states").pop().unwrap();
        let changes = |name: &str| {
            let before = BTreeMap::from([((0_u8, "eth0", name), "0")]);
            postcard::from_bytes(&postcard::to_stdvec(&before).unwrap()).unwrap()
        };
        let checkpoint = Checkpoint {
            states: from_sections(&states).unwrap().record,
            settings: changes("promote_secondaries"),
            link_settings: changes("arp_filter"),
        };
        let vital = ["instances", "scripts", "files", "processes", "sessions"];
        fixtures::check::<Checkpoint>("vrrp-process", &to_sections(&checkpoint).unwrap(), &vital);
    }

    /// The form of earlier releases, which has no sections: version, states, and settings.
    #[test]
    fn a_checkpoint_without_sections_is_refused_with_a_message() {
        let master = [2, 1, 1, 2, 100, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for octets in [&master[..], &[2, 0, 0, 0, 0, 0, 0, 0], &[2]] {
            let error = from_sections::<Checkpoint>(octets).unwrap_err().to_string();
            assert_eq!(error, "a checkpoint of the VRRP process of version 2, not 3: another release wrote it");
        }
    }
}
