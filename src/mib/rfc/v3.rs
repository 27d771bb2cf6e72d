//! VRRPV3-MIB (RFC 6527). Instances of version 2 have rows as well.

use snmp::{Column, Key, MibBuilder, Oid, ScalarView, Syntax, TableView, Value, VarBind};

use super::super::forms::Form::{Counter32, Counter64};
use super::super::module::{Module, PRIORITY};
use super::super::traps::Trap;
use super::super::values::octets;
use super::counters::*;
use super::routers::{Addresses, STATE, V3Routers, active, address_count, in_v3, mac, or_unspecified, state, sub_ids};
use crate::config::model::Address;
use crate::vrrp::{Cause, Change, Complaint, Instance, RouterErrors, RouterKey, State, Vrrp};

/// Root of VRRPV3-MIB.
const ROOT: &[u32] = &[1, 3, 6, 1, 2, 1, 207];

macro_rules! oid {
    ($($sub_id:expr),+) => {
        &[1, 3, 6, 1, 2, 1, 207, $($sub_id),+]
    };
}

/// The module.
pub(in crate::mib) const MODULE: Module<Vrrp, Change> = Module {
    root: ROOT,
    capability: "The MIB module for VRRPV3",
    subtrees: &[(ROOT, PRIORITY)],
    enabled: |global| global.snmp_rfcv3,
    views,
    trap,
};

fn views(builder: MibBuilder<Vrrp>) -> MibBuilder<Vrrp> {
    builder.scalars(SCALARS).rows(ROUTERS).rows(ADDRESSES).rows(STATISTICS)
}

const SCALARS: [ScalarView<Vrrp>; 4] = [
    ScalarView::new(oid![1, 2, 1], "vrrpv3RouterChecksumErrors", Syntax::Counter64, |data| {
        total(data, |errors| errors.checksum)
    }),
    ScalarView::new(oid![1, 2, 2], "vrrpv3RouterVersionErrors", Syntax::Counter64, |data| {
        total(data, |errors| errors.version)
    }),
    ScalarView::new(oid![1, 2, 3], "vrrpv3RouterVrIdErrors", Syntax::Counter64, |data| {
        total(data, |errors| errors.unknown_vrid)
    }),
    // C keepalived shows 0 for this and for the rows, although its counters start again with the process.
    ScalarView::new(oid![1, 2, 4], "vrrpv3GlobalStatisticsDiscontinuityTime", Syntax::TimeTicks, |data| {
        Some(Value::TimeStamp(data.tables().router_counters.since))
    }),
];

/// A counter of the router, of both versions.
fn total(data: &Vrrp, of: fn(&RouterErrors) -> u64) -> Option<Value> {
    let counters = &data.tables().router_counters;
    Some(Value::Counter64(of(&counters.v2) + of(&counters.v3)))
}

const MASTER_ADDRESS: u32 = 3;
const NEW_MASTER_REASON: u32 = 2;
const ERROR_REASON: u32 = 6;

/// vrrpv3OperationsTable.
const ROUTERS: TableView<Vrrp, RouterKey, Instance, V3Routers> = TableView {
    name: "vrrpv3OperationsTable",
    entry: oid![1, 1, 1, 1],
    table: V3Routers,
    columns: &[
        Column::new(MASTER_ADDRESS, "vrrpv3OperationsMasterIpAddr", Syntax::INET_ADDRESS, |_, _, row| {
            Some(octets(or_unspecified(row.master_address(), row)))
        }),
        // C keepalived shows the first address of the interface, also when adverts come from another.
        Column::new(4, "vrrpv3OperationsPrimaryIpAddr", Syntax::INET_ADDRESS, |_, _, row| {
            Some(octets(or_unspecified(row.source, row)))
        }),
        Column::new(5, "vrrpv3OperationsVirtualMacAddr", Syntax::MAC_ADDRESS, |data, _, row| mac(data, row)),
        Column::new(6, "vrrpv3OperationsStatus", STATE, |_, _, row| Some(state(row))),
        Column::new(7, "vrrpv3OperationsPriority", Syntax::Unsigned32 { min: 0, max: 255 }, |_, _, row| {
            Some(Value::Gauge32(row.base_priority.into()))
        }),
        Column::new(8, "vrrpv3OperationsAddrCount", Syntax::Integer32 { min: 0, max: 255 }, |_, _, row| {
            address_count(row)
        }),
        Column::new(9, "vrrpv3OperationsAdvInterval", Syntax::Integer32 { min: 1, max: 4095 }, |_, _, row| {
            let centiseconds = row.config.advert_interval.as_millis() / 10;
            Some(Value::Integer(i32::try_from(centiseconds).unwrap_or(i32::MAX)))
        }),
        Column::new(10, "vrrpv3OperationsPreemptMode", Syntax::TRUTH_VALUE, |_, _, row| {
            Some(Value::truth(!row.nopreempt))
        }),
        Column::new(11, "vrrpv3OperationsAcceptMode", Syntax::TRUTH_VALUE, |_, _, row| {
            Some(Value::truth(row.config.accept))
        }),
        Column::new(12, "vrrpv3OperationsUpTime", Syntax::TimeTicks, |data, _, row| {
            let time = row.up_since.map_or(0, |since| data.now().saturating_sub(since).as_millis() / 10);
            Some(Value::TimeTicks(u32::try_from(time % (1 << 32)).unwrap_or(0)))
        }),
        Column::new(13, "vrrpv3OperationsRowStatus", Syntax::ROW_STATUS, |_, _, _| active()),
    ],
};

/// vrrpv3AssociatedIpAddrTable. The index has the number of octets before the address, as SMIv2 requires (RFC 2578 section
/// 7.7); C keepalived leaves it out.
const ADDRESSES: TableView<Vrrp, Oid, Address, Addresses> = TableView {
    name: "vrrpv3AssociatedIpAddrTable",
    entry: oid![1, 1, 2, 1],
    table: Addresses {
        shown: in_v3,
        index: |(index, vrid, address_type), ip| {
            let octets = sub_ids(ip);
            let length = if ip.is_ipv4() { 4 } else { 16 };
            [vec![index, vrid, address_type, length], octets].concat()
        },
        owner: |sub_ids| match sub_ids {
            [] => (0, 0, 0),
            [index] => (*index, 0, 0),
            [index, vrid] => (*index, *vrid, 0),
            [index, vrid, address_type, ..] => (*index, *vrid, *address_type),
        },
    },
    columns: &[Column::new(2, "vrrpv3AssociatedIpAddrRowStatus", Syntax::ROW_STATUS, |_, _, _| active())],
};

/// vrrpv3StatisticsTable.
const STATISTICS: TableView<Vrrp, RouterKey, Instance, V3Routers> = TableView {
    name: "vrrpv3StatisticsTable",
    entry: oid![1, 2, 5, 1],
    table: V3Routers,
    columns: &[
        Counter32.column(1, "vrrpv3StatisticsMasterTransitions", BecomeMaster),
        Column::new(
            NEW_MASTER_REASON,
            "vrrpv3StatisticsNewMasterReason",
            Syntax::Enum(&[("notMaster", 0), ("priority", 1), ("preempted", 2), ("masterNoResponse", 3)]),
            |_, _, row| Some(Value::Integer(row.became_master.as_ref().map_or(0, reason))),
        ),
        Counter64.column(3, "vrrpv3StatisticsRcvdAdvertisements", AdvertsReceived),
        Counter64.column(4, "vrrpv3StatisticsAdvIntervalErrors", OtherIntervals),
        Counter64.column(5, "vrrpv3StatisticsIpTtlErrors", TtlErrors),
        Column::new(
            ERROR_REASON,
            "vrrpv3StatisticsProtoErrReason",
            Syntax::Enum(&[
                ("noError", 0),
                ("ipTtlError", 1),
                ("versionError", 2),
                ("checksumError", 3),
                ("vrIdError", 4),
            ]),
            |_, _, row| Some(Value::Integer(row.last_error.and_then(protocol_error).unwrap_or(0))),
        ),
        Counter64.column(7, "vrrpv3StatisticsRcvdPriZeroPackets", PriorityZeroReceived),
        Counter64.column(8, "vrrpv3StatisticsSentPriZeroPackets", PriorityZeroSent),
        Counter64.column(9, "vrrpv3StatisticsRcvdInvalidTypePackets", TypeErrors),
        Counter64.column(10, "vrrpv3StatisticsAddressListErrors", AddressListErrors),
        Counter64.column(11, "vrrpv3StatisticsPacketLengthErrors", LengthErrors),
        Column::new(12, "vrrpv3StatisticsRowDiscontinuityTime", Syntax::TimeTicks, |_, _, row| {
            Some(Value::TimeStamp(row.counted_since))
        }),
        Column::new(13, "vrrpv3StatisticsRefreshRate", Syntax::UNSIGNED32, |_, _, row| {
            Some(Value::Gauge32(u32::try_from(row.config.advert_interval.as_millis()).unwrap_or(u32::MAX)))
        }),
    ],
};

/// The value of vrrpv3StatisticsNewMasterReason for the cause of a transition to master.
fn reason(cause: &Cause) -> i32 {
    match cause {
        Cause::LowerAdverts(..) => 2,
        Cause::Silence | Cause::Resumed => 3,
        _ => 1,
    }
}

/// The value of vrrpv3StatisticsProtoErrReason for a complaint, if it has one.
fn protocol_error(complaint: Complaint) -> Option<i32> {
    match complaint {
        Complaint::Ttl => Some(1),
        Complaint::Version => Some(2),
        Complaint::Checksum => Some(3),
        _ => None,
    }
}

/// vrrpv3NewMaster and vrrpv3ProtoError.
fn trap(change: &Change, data: &Vrrp) -> Option<Trap> {
    let row = |id| data.tables().instances.get(id).filter(|row| in_v3(row));
    let object = |entry: &[u32], column, row: &Instance, value| {
        let mut name = [entry, &[column]].concat();
        row.router_key()?.push(&mut name);
        Some(VarBind { name: name.into(), value })
    };
    let (number, objects) = match change {
        Change::Instance { id, to: State::Master, .. } => {
            let row = row(id)?;
            let address = octets(or_unspecified(row.source, row));
            let reason = Value::Integer(row.became_master.as_ref().map_or(0, reason));
            let master = object(ROUTERS.entry, MASTER_ADDRESS, row, address)?;
            (1, vec![master, object(STATISTICS.entry, NEW_MASTER_REASON, row, reason)?])
        }
        Change::Complaint { id, complaint, .. } => {
            let error = Value::Integer(protocol_error(*complaint)?);
            (2, vec![object(STATISTICS.entry, ERROR_REASON, row(id)?, error)?])
        }
        _ => return None,
    };
    Some(Trap { oid: Oid::new(oid![0, number]), objects })
}
