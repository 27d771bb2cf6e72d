//! Branch 1, `global`: scalars and emailTable.

use snmp::{Column, MibBuilder, ScalarView, Syntax, TableView, Value};

use super::values::{ENABLED, enabled, octets, seconds};
use crate::config::model::{FlushOnStop, Global, MailServer};
use crate::system::{Email, HasSystem};

/// The branch.
pub(super) const BRANCH: &[u32] = &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 1];

/// Adds its scalars and its table.
pub(super) fn views<T: HasSystem + 'static>(builder: MibBuilder<T>) -> MibBuilder<T> {
    builder.scalars(scalars()).table(emails())
}

/// SYNTAX of settings that are on, off, or unset when the keyword is absent.
const ON_OFF_UNSET: Syntax = Syntax::Enum(&[("on", 1), ("off", 2), ("unset", 3)]);

fn global<T: HasSystem>(data: &T) -> Option<&Global> {
    data.system().global.as_ref()
}

fn on_off_unset(setting: Option<bool>) -> Option<Value> {
    Some(Value::Integer(match setting {
        Some(true) => 1,
        Some(false) => 2,
        None => 3,
    }))
}

/// Identifier of a scalar.
macro_rules! oid {
    ($($sub_id:expr),+) => {
        &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 1, $($sub_id),+]
    };
}

/// All scalars, by ascending identifier.
pub(super) fn scalars<T: HasSystem>() -> [ScalarView<T>; 20] {
    [
        ScalarView::new(oid![1], "version", Syntax::DISPLAY_STRING, |data| Some(Value::text(&data.system().version))),
        ScalarView::new(oid![2], "routerId", Syntax::DISPLAY_STRING, |data| {
            Some(Value::text(&global(data)?.router_id))
        }),
        ScalarView::new(oid![3, 1], "smtpServerAddressType", Syntax::INET_ADDRESS_TYPE, |data| {
            Some(Value::Integer(match &global(data)?.smtp_server {
                Some(MailServer::Name { .. }) => 16,
                Some(MailServer::Address(address)) if address.is_ipv6() => 2,
                // Without a server the type is ipv4, as the address is four zero octets.
                Some(MailServer::Address(_)) | None => 1,
            }))
        }),
        ScalarView::new(oid![3, 2], "smtpServerAddress", Syntax::INET_ADDRESS, |data| {
            Some(match &global(data)?.smtp_server {
                Some(MailServer::Name { host, .. }) => Value::OctetString(host.bytes().take(255).collect()),
                Some(MailServer::Address(address)) => octets(address.ip()),
                None => Value::OctetString(vec![0; 4]),
            })
        }),
        ScalarView::new(oid![3, 3], "smtpServerTimeout", Syntax::UNSIGNED32, |data| {
            let global = global(data)?;
            Some(global.smtp_server.as_ref().map_or(Value::Gauge32(0), |_| seconds(global.smtp_connect_timeout)))
        }),
        ScalarView::new(oid![3, 4], "emailFrom", Syntax::DISPLAY_STRING, |data| {
            global(data)?.notification_email_from.as_ref().map(Value::text)
        }),
        ScalarView::new(oid![3, 6], "smtpServerPort", Syntax::INET_PORT, |data| {
            Some(Value::Gauge32(global(data)?.smtp_server.as_ref().map_or(0, |server| server.port().into())))
        }),
        ScalarView::new(oid![3, 7], "smtpEmailFaults", ENABLED, |data| enabled(!global(data)?.no_email_faults)),
        ScalarView::new(oid![3, 8], "smtpEmailSmtpAlert", ON_OFF_UNSET, |data| on_off_unset(global(data)?.smtp_alert)),
        ScalarView::new(oid![3, 9], "smtpEmailSmtpAlertVrrp", ON_OFF_UNSET, |data| {
            on_off_unset(global(data)?.smtp_alert_vrrp)
        }),
        ScalarView::new(oid![3, 10], "smtpEmailSmtpAlertChecker", ON_OFF_UNSET, |data| {
            on_off_unset(global(data)?.smtp_alert_checker)
        }),
        ScalarView::new(oid![4], "trapEnable", ENABLED, |data| enabled(global(data)?.enable_traps)),
        ScalarView::new(oid![5], "linkBeat", Syntax::Enum(&[("netlink", 1), ("polling", 2)]), |data| {
            Some(Value::Integer(if global(data)?.linkbeat_use_polling { 2 } else { 1 }))
        }),
        ScalarView::new(oid![6], "lvsFlush", ENABLED, |data| enabled(global(data)?.lvs_flush)),
        ScalarView::new(oid![7], "ipvs64BitStats", Syntax::TRUTH_VALUE, |_| Some(Value::truth(true))),
        ScalarView::new(oid![8], "netNamespace", Syntax::DISPLAY_STRING, |data| {
            Some(Value::text(global(data)?.net_namespace.as_deref().unwrap_or("")))
        }),
        ScalarView::new(oid![9], "dbus", Syntax::TRUTH_VALUE, |data| Some(Value::truth(global(data)?.dbus.is_some()))),
        ScalarView::new(oid![10], "dynamicInterfaces", Syntax::TRUTH_VALUE, |data| {
            Some(Value::truth(global(data)?.dynamic_interfaces))
        }),
        ScalarView::new(
            oid![11],
            "lvsFlushOnStop",
            Syntax::Enum(&[("enabled", 1), ("disabled", 2), ("flushVS", 3)]),
            |data| {
                Some(Value::Integer(match global(data)?.lvs_flush_on_stop {
                    FlushOnStop::All => 1,
                    FlushOnStop::No => 2,
                    FlushOnStop::VirtualServers => 3,
                }))
            },
        ),
        ScalarView::new(oid![12], "v3ChecksumAsV2", Syntax::TRUTH_VALUE, |data| {
            Some(Value::truth(global(data)?.v3_checksum_as_v2))
        }),
    ]
}

/// emailTable.
pub(super) fn emails<T: HasSystem>() -> TableView<T, u32, Email> {
    TableView {
        name: "emailTable",
        entry: oid![3, 5, 1],
        table: |data| &data.system().emails,
        columns: const {
            &[Column::new(2, "emailAddress", Syntax::DISPLAY_STRING, |_, _, row| Some(Value::text(&row.address)))]
        },
    }
}
