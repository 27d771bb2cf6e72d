//! Settings that a reload cannot change.

use crate::config::model::Global;

/// Settings that hold from start to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::process) struct Fixed {
    net_namespace: Option<String>,
    instance: Option<String>,
    snmp: (bool, bool, Option<String>),
}

impl Fixed {
    pub(in crate::process) fn new(global: &Global) -> Fixed {
        Fixed {
            net_namespace: global.net_namespace.clone(),
            instance: global.instance.clone(),
            snmp: (global.snmp_vrrp, global.snmp_checker, global.snmp_socket.clone()),
        }
    }

    /// The keyword of a setting that differs.
    pub(super) fn changed(&self, global: &Global) -> Option<&'static str> {
        let new = Fixed::new(global);
        let differs = [
            (self.net_namespace != new.net_namespace, "net_namespace"),
            (self.instance != new.instance, "instance"),
            (self.snmp.0 != new.snmp.0, "enable_snmp_vrrp"),
            (self.snmp.1 != new.snmp.1, "enable_snmp_checker"),
            (self.snmp.2 != new.snmp.2, "snmp_socket"),
        ];
        differs.into_iter().find(|(differs, _)| *differs).map(|(_, keyword)| keyword)
    }
}
