//! Settings that a reload cannot change.

use std::collections::BTreeMap;

use crate::config::model::{ControlSocket, Global, IpvsNamespace, LogFormat};

/// The values of these settings at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::process) struct Fixed {
    net_namespace: Option<String>,
    net_namespace_ipvs: Option<IpvsNamespace>,
    instance: Option<String>,
    /// Table and first mark of `nftables_ipvs`.
    ipvs_marks: Option<(String, u32)>,
    control_socket: ControlSocket,
    disable_local_igmp: bool,
    umask: Option<u32>,
    log_format: Option<LogFormat>,
}

impl Fixed {
    pub(in crate::process) fn new(global: &Global) -> Fixed {
        Fixed {
            net_namespace: global.net_namespace.clone(),
            net_namespace_ipvs: global.net_namespace_ipvs.clone(),
            instance: global.instance.clone(),
            ipvs_marks: global.ipvs_marks.as_ref().map(|marks| (marks.table.clone(), marks.first)),
            control_socket: global.control_socket.clone(),
            disable_local_igmp: global.firewall.disable_local_igmp,
            umask: global.umask,
            log_format: global.log_format,
        }
    }

    /// The values as text, by keyword, for the new program of an upgrade.
    pub(super) fn texts(&self) -> BTreeMap<String, String> {
        let text = |value: serde_json::Result<String>| value.unwrap_or_default();
        let texts = [
            ("net_namespace", text(serde_json::to_string(&self.net_namespace))),
            ("net_namespace_ipvs", text(serde_json::to_string(&self.net_namespace_ipvs))),
            ("instance", text(serde_json::to_string(&self.instance))),
            ("nftables_ipvs", text(serde_json::to_string(&self.ipvs_marks))),
            ("control_socket", text(serde_json::to_string(&self.control_socket))),
            ("disable_local_igmp", text(serde_json::to_string(&self.disable_local_igmp))),
            ("umask", text(serde_json::to_string(&self.umask))),
            ("log_format", text(serde_json::to_string(&self.log_format))),
        ];
        texts.map(|(keyword, text)| (keyword.to_owned(), text)).into()
    }

    /// The keyword of a setting that differs from its value in another program; that may not know all of them.
    pub(in crate::process) fn changed_from(&self, former: &BTreeMap<String, String>) -> Option<String> {
        let mut texts = self.texts().into_iter();
        texts
            .find(|(keyword, text)| former.get(keyword).is_some_and(|former| former != text))
            .map(|(keyword, _)| keyword)
    }

    /// The keyword of a setting without which a new configuration cannot be applied, and which differs from its value at
    /// the start.
    pub(super) fn changed(&self, global: &Global) -> Option<&'static str> {
        let new = Fixed::new(global);
        let differs = [
            (self.net_namespace != new.net_namespace, "net_namespace"),
            (self.net_namespace_ipvs != new.net_namespace_ipvs, "net_namespace_ipvs"),
            (self.instance != new.instance, "instance"),
            (self.ipvs_marks != new.ipvs_marks, "nftables_ipvs"),
            (self.disable_local_igmp != new.disable_local_igmp, "disable_local_igmp"),
        ];
        differs.into_iter().find(|(differs, _)| *differs).map(|(_, keyword)| keyword)
    }

    /// The keywords of settings that differ from their values at the start and can wait for the next one.
    pub(super) fn deferred(&self, global: &Global) -> impl Iterator<Item = &'static str> {
        let new = Fixed::new(global);
        let differs = [
            (self.control_socket != new.control_socket, "control_socket"),
            (self.umask != new.umask, "umask"),
            (self.log_format != new.log_format, "log_format"),
        ];
        differs.into_iter().filter(|(differs, _)| *differs).map(|(_, keyword)| keyword)
    }
}
