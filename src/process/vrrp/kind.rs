//! The properties of the VRRP process.

use std::time::Duration;

use super::checkpoint::Checkpoint;
use super::start::run;
use crate::kernel::capabilities;
use crate::process::harness::{Kind, usable};
use crate::process::{held, needs};
use crate::vrrp::{self, Held};

/// Properties of the VRRP process.
pub(in crate::process) const KIND: Kind = Kind {
    word: "vrrp",
    name: "VRRP",
    ident: "Keepalived_vrrp",
    process_name: c"keepalived_vrrp",
    network: capabilities::VRRP,
    capabilities: |options, config| {
        let snmp = config.global.snmp_vrrp || options.snmp;
        needs::common(options, &config.global.vrrp_process, config.vrrp_needs(), snmp)
    },
    pid_file: "vrrp",
    log_file: "vrrp",
    given_pid_file: |options| options.vrrp_pid_file.as_ref(),
    configured: |config| {
        let has_routing = !config.static_routes.is_empty() || !config.static_rules.is_empty();
        !config.instances.is_empty() || !config.static_addresses.is_empty() || has_routing
    },
    allowed: |options| options.vrrp_only || !options.check_only,
    // Less than a Master_Down_Interval of the usual intervals of adverts.
    begins_within: Duration::from_millis(250),
    leftovers: held::leftovers::<Held>,
    usable: usable::<vrrp::Indices, Checkpoint>,
    run,
};

impl held::InKernel for Held {
    fn list(&self) -> Vec<String> {
        Held::list(self)
    }
}
