//! vrrpInstanceTable.

use snmp::{Column, SetError, Setter, Syntax, TableView, Value};

use super::values::{ENABLED, STATE, TRUTH, address_type, enabled, octets, script, seconds, state};
use crate::config::model::{Authentication, StartState, Version};
use crate::vrrp::{Event, Instance, InstanceId, State, Vrrp};

const STRING: Syntax = Syntax::DISPLAY_STRING;

/// vrrpInstanceTable.
pub(super) const INSTANCES: TableView<Vrrp, InstanceId, Instance> = TableView {
    name: "vrrpInstanceTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2, 3, 1],
    table: |data| &data.tables().instances,
    columns: &[
        Column::new(2, "vrrpInstanceName", STRING, |_, _, row| Some(Value::text(&row.config.name))),
        Column::new(3, "vrrpInstanceVirtualRouterId", Syntax::UNSIGNED32, |_, _, row| {
            Some(Value::Gauge32(row.config.vrid.into()))
        }),
        Column::new(4, "vrrpInstanceState", STATE, |_, _, row| Some(state(row.state))),
        Column::new(5, "vrrpInstanceInitialState", STATE, |_, _, row| Some(initial_state(row))),
        Column::new(6, "vrrpInstanceWantedState", STATE, |_, _, row| Some(state(row.wanted))),
        Column::writable(
            7,
            "vrrpInstanceBasePriority",
            Syntax::INTEGER32,
            |_, _, row: &Instance| Some(Value::Integer(row.base_priority.into())),
            SET_BASE_PRIORITY,
        ),
        Column::new(8, "vrrpInstanceEffectivePriority", Syntax::INTEGER32, |_, _, row| {
            Some(Value::Integer(row.priority.into()))
        }),
        Column::new(9, "vrrpInstanceVipsStatus", Syntax::Enum(&[("allSet", 1), ("notAllSet", 2)]), |data, id, _| {
            let mut rows = data.tables().addresses.of(&id.0);
            Some(Value::truth(rows.all(|(_, row)| row.state.installed)))
        }),
        Column::new(10, "vrrpInstancePrimaryInterface", STRING, |_, _, row| {
            Some(row.interface_name()).filter(|name| !name.is_empty()).map(Value::text)
        }),
        Column::new(
            11,
            "vrrpInstanceTrackPrimaryIf",
            Syntax::Enum(&[("tracked", 1), ("notTracked", 2)]),
            // As the MIB defines it; C keepalived shows whether there is a track_interface list.
            |_, _, row| Some(Value::truth(!row.config.dont_track_primary)),
        ),
        Column::new(12, "vrrpInstanceAdvertisementsInt", Syntax::UNSIGNED32, |_, _, row| {
            Some(match row.config.version {
                Version::V2 => seconds(row.config.advert_interval),
                Version::V3 => {
                    let centiseconds = row.config.advert_interval.as_millis() / 10;
                    Value::Gauge32(u32::try_from(centiseconds).unwrap_or(u32::MAX))
                }
            })
        }),
        Column::writable(
            13,
            "vrrpInstancePreempt",
            Syntax::Enum(&[("preempt", 1), ("noPreempt", 2)]),
            |_, _, row: &Instance| Some(Value::truth(!row.nopreempt)),
            SET_PREEMPT,
        ),
        Column::new(14, "vrrpInstancePreemptDelay", Syntax::UNSIGNED32, |_, _, row| {
            Some(seconds(row.config.preempt_delay))
        }),
        Column::new(
            15,
            "vrrpInstanceAuthType",
            Syntax::Enum(&[("none", 0), ("password", 1), ("ah", 2)]),
            |_, _, row| {
                Some(Value::Integer(match row.config.authentication {
                    None => 0,
                    Some(Authentication::Pass(_)) => 1,
                    Some(Authentication::Ah(_)) => 2,
                }))
            },
        ),
        Column::new(16, "vrrpInstanceLvsSyncDaemon", ENABLED, |data, _, row| {
            enabled(sync_interface(data, row).is_some())
        }),
        Column::new(17, "vrrpInstanceLvsSyncInterface", STRING, |data, _, row| {
            sync_interface(data, row).map(Value::text)
        }),
        Column::new(18, "vrrpInstanceSyncGroup", STRING, |data, _, row| {
            data.tables().group_name(row.group?).map(Value::text)
        }),
        Column::new(19, "vrrpInstanceGarpDelay", Syntax::UNSIGNED32, |_, _, row| Some(seconds(row.config.garp.delay))),
        Column::new(20, "vrrpInstanceSmtpAlert", ENABLED, |_, _, row| enabled(row.config.smtp_alert)),
        Column::new(21, "vrrpInstanceNotifyExec", ENABLED, |_, _, row| {
            enabled(row.config.scripts != Default::default())
        }),
        Column::new(22, "vrrpInstanceScriptMaster", STRING, |_, _, row| script(row.config.scripts.master.as_ref())),
        Column::new(23, "vrrpInstanceScriptBackup", STRING, |_, _, row| script(row.config.scripts.backup.as_ref())),
        Column::new(24, "vrrpInstanceScriptFault", STRING, |_, _, row| script(row.config.scripts.fault.as_ref())),
        Column::new(25, "vrrpInstanceScriptStop", STRING, |_, _, row| script(row.config.scripts.stop.as_ref())),
        Column::new(26, "vrrpInstanceScript", STRING, |_, _, row| script(row.config.scripts.any.as_ref())),
        // For VRRPv2 C keepalived shows 0, which is not a value of the SYNTAX.
        Column::writable(
            27,
            "vrrpInstanceAccept",
            TRUTH,
            |_, _, row: &Instance| Some(Value::truth(row.config.accept)),
            SET_ACCEPT,
        ),
        Column::writable(
            28,
            "vrrpInstancePromoteSecondaries",
            TRUTH,
            |_, _, row: &Instance| Some(Value::truth(row.config.promote_secondaries)),
            SET_PROMOTE_SECONDARIES,
        ),
        Column::writable(
            29,
            "vrrpInstanceUseLinkbeat",
            TRUTH,
            |_, _, row: &Instance| Some(Value::truth(row.config.linkbeat)),
            SET_USE_LINKBEAT,
        ),
        Column::new(30, "vrrpInstanceVrrpVersion", Syntax::Enum(&[("vrrpv2", 2), ("vrrpv3", 3)]), |_, _, row| {
            Some(Value::Integer(match row.config.version {
                Version::V2 => 2,
                Version::V3 => 3,
            }))
        }),
        Column::new(31, "vrrpInstanceScriptMstrRxLowerPri", STRING, |_, _, row| {
            script(row.config.scripts.master_rx_lower_pri.as_ref())
        }),
        Column::new(32, "vrrpInstanceScriptDeleted", STRING, |_, _, row| script(row.config.scripts.deleted.as_ref())),
        Column::writable(
            33,
            "vrrpInstanceNotifyDeleted",
            TRUTH,
            |_, _, row: &Instance| Some(Value::truth(row.config.notify_deleted)),
            SET_NOTIFY_DELETED,
        ),
        Column::new(34, "vrrpInstanceMulticastAddressType", Syntax::INET_ADDRESS_TYPE, |_, _, row| {
            multicasts(row).then(|| address_type(row.config.group))
        }),
        Column::new(35, "vrrpInstanceMulticastAddress", Syntax::INET_ADDRESS, |_, _, row| {
            multicasts(row).then(|| octets(row.config.group))
        }),
        Column::new(36, "vrrpInstanceV3ChecksumAsV2", TRUTH, |_, _, row| {
            Some(Value::truth(row.config.v3_checksum_as_v2))
        }),
    ],
};

/// The initial state of an instance.
fn initial_state(row: &Instance) -> Value {
    state(match row.config.start_state {
        StartState::Master => State::Master,
        StartState::Backup => State::Backup,
    })
}

/// Whether an instance uses multicast: without it the objects of the multicast group are absent.
fn multicasts(row: &Instance) -> bool {
    row.config.unicast.is_none()
}

/// Interface of the IPVS sync daemon, if the daemon follows this instance.
fn sync_interface<'a>(data: &'a Vrrp, row: &'a Instance) -> Option<&'a str> {
    let daemon = data.tables().sync_daemon.as_ref();
    let followed = daemon.filter(|daemon| daemon.instance.as_ref() == Some(&row.config.name));
    followed.map(|daemon| daemon.interface.as_str()).or(row.config.lvs_sync_interface.as_deref())
}

const SET_BASE_PRIORITY: Setter<Vrrp, InstanceId> = Setter {
    test: |_, _, value| priority(value).map(|_| ()),
    commit: |data, id, value| {
        data.handle(Event::SetBasePriority(*id, priority(value)?), data.now());
        Ok(())
    },
};

fn priority(value: &Value) -> Result<u8, SetError> {
    match value {
        Value::Integer(number @ 1..=255) => u8::try_from(*number).map_err(|_| SetError::WrongValue),
        Value::Integer(_) => Err(SetError::WrongValue),
        _ => Err(SetError::WrongType),
    }
}

const SET_PREEMPT: Setter<Vrrp, InstanceId> = Setter {
    test: |_, _, _| Ok(()),
    commit: |data, id, value| {
        data.handle(Event::SetPreempt(*id, *value == Value::Integer(1)), data.now());
        Ok(())
    },
};

const SET_NOTIFY_DELETED: Setter<Vrrp, InstanceId> = Setter {
    test: |_, _, _| Ok(()),
    commit: |data, id, value| {
        data.handle(Event::SetNotifyDeleted(*id, *value == Value::Integer(1)), data.now());
        Ok(())
    },
};

/// Tests a SET of a setting that cannot change at run time: only the current value is accepted.
fn test_unchanged(current: bool, value: &Value) -> Result<(), SetError> {
    if *value == Value::truth(current) { Ok(()) } else { Err(SetError::InconsistentValue) }
}

const SET_ACCEPT: Setter<Vrrp, InstanceId> = Setter {
    test: |data, id, value| test_unchanged(data.tables().instances.get(id).is_some_and(|row| row.config.accept), value),
    commit: |_, _, _| Ok(()),
};

const SET_PROMOTE_SECONDARIES: Setter<Vrrp, InstanceId> = Setter {
    test: |data, id, value| {
        test_unchanged(data.tables().instances.get(id).is_some_and(|row| row.config.promote_secondaries), value)
    },
    commit: |_, _, _| Ok(()),
};

const SET_USE_LINKBEAT: Setter<Vrrp, InstanceId> = Setter {
    test: |data, id, value| {
        test_unchanged(data.tables().instances.get(id).is_some_and(|row| row.config.linkbeat), value)
    },
    commit: |_, _, _| Ok(()),
};
