//! VRRP-MIB (RFC 2787).

use std::net::IpAddr;

use snmp::{Column, Key, MibBuilder, Oid, ScalarView, Syntax, TableView, Value, VarBind};

use super::super::forms::Form::Counter32;
use super::super::forms::low;
use super::super::module::{Module, PRIORITY};
use super::super::traps::{Trap, traps_enabled};
use super::super::values::{ENABLED, enabled};
use super::counters::*;
use super::routers::{Addresses, STATE, V2Routers, active, address_count, in_v2, mac, or_unspecified, state, sub_ids};
use crate::config::model::{Address, Authentication};
use crate::vrrp::{Change, Complaint, Instance, State, Vrrp};

/// Root of VRRP-MIB.
const ROOT: &[u32] = &[1, 3, 6, 1, 2, 1, 68];

macro_rules! oid {
    ($($sub_id:expr),+) => {
        &[1, 3, 6, 1, 2, 1, 68, $($sub_id),+]
    };
}

/// The module.
pub(in crate::mib) const MODULE: Module<Vrrp, Change> = Module {
    root: ROOT,
    capability: "The MIB module for VRRP",
    subtrees: &[(ROOT, PRIORITY)],
    enabled: |global| global.snmp_rfcv2,
    views,
    trap,
};

fn views(builder: MibBuilder<Vrrp>) -> MibBuilder<Vrrp> {
    builder.scalars(SCALARS).rows(ROUTERS).rows(ADDRESSES).rows(STATISTICS)
}

const SCALARS: [ScalarView<Vrrp>; 5] = [
    ScalarView::new(oid![1, 1], "vrrpNodeVersion", Syntax::INTEGER32, |_| Some(Value::Integer(2))),
    ScalarView::new(oid![1, 2], "vrrpNotificationCntl", ENABLED, |data| enabled(traps_enabled(data))),
    ScalarView::new(oid![2, 1], "vrrpRouterChecksumErrors", Syntax::Counter32, |data| {
        Some(Value::Counter32(low(data.tables().router_counters.v2.checksum)))
    }),
    ScalarView::new(oid![2, 2], "vrrpRouterVersionErrors", Syntax::Counter32, |data| {
        Some(Value::Counter32(low(data.tables().router_counters.v2.version)))
    }),
    ScalarView::new(oid![2, 3], "vrrpRouterVrIdErrors", Syntax::Counter32, |data| {
        Some(Value::Counter32(low(data.tables().router_counters.v2.unknown_vrid)))
    }),
];

const OCTET: Syntax = Syntax::Integer32 { min: 0, max: 255 };
const MASTER_ADDRESS: u32 = 7;

/// vrrpOperTable.
const ROUTERS: TableView<Vrrp, (u32, u32), Instance, V2Routers> = TableView {
    name: "vrrpOperTable",
    entry: oid![1, 3, 1],
    table: V2Routers,
    columns: &[
        Column::new(2, "vrrpOperVirtualMacAddr", Syntax::MAC_ADDRESS, |data, _, row| mac(data, row)),
        Column::new(3, "vrrpOperState", STATE, |_, _, row| Some(state(row))),
        Column::new(4, "vrrpOperAdminState", Syntax::Enum(&[("up", 1), ("down", 2)]), |_, _, _| {
            Some(Value::truth(true))
        }),
        Column::new(5, "vrrpOperPriority", OCTET, |_, _, row| Some(Value::Integer(row.base_priority.into()))),
        Column::new(6, "vrrpOperIpAddrCount", OCTET, |_, _, row| address_count(row)),
        // For a master that has never heard another C keepalived shows 0.0.0.0, but sends its own address in the notification.
        Column::new(MASTER_ADDRESS, "vrrpOperMasterIpAddr", Syntax::IpAddress, |_, _, row| {
            Some(ip_address(or_unspecified(row.master_address(), row)))
        }),
        // C keepalived shows the first address of the interface, also when adverts come from another.
        Column::new(8, "vrrpOperPrimaryIpAddr", Syntax::IpAddress, |_, _, row| {
            Some(ip_address(or_unspecified(row.source, row)))
        }),
        Column::new(
            9,
            "vrrpOperAuthType",
            Syntax::Enum(&[("noAuthentication", 1), ("simpleTextPassword", 2), ("ipAuthenticationHeader", 3)]),
            |_, _, row| {
                Some(Value::Integer(match row.config.authentication {
                    None => 1,
                    Some(Authentication::Pass(_)) => 2,
                    Some(Authentication::Ah(_)) => 3,
                }))
            },
        ),
        Column::new(10, "vrrpOperAuthKey", Syntax::OctetString { min: 0, max: 16 }, |_, _, _| Some(Value::text(""))),
        Column::new(11, "vrrpOperAdvertisementInterval", Syntax::Integer32 { min: 1, max: 255 }, |_, _, row| {
            Some(Value::Integer(i32::try_from(row.config.advert_interval.as_secs()).unwrap_or(i32::MAX)))
        }),
        Column::new(12, "vrrpOperPreemptMode", Syntax::TRUTH_VALUE, |_, _, row| Some(Value::truth(!row.nopreempt))),
        Column::new(13, "vrrpOperVirtualRouterUpTime", Syntax::TimeTicks, |_, _, row| {
            Some(row.up_since.map_or(Value::TimeTicks(0), Value::TimeStamp))
        }),
        Column::new(
            14,
            "vrrpOperProtocol",
            Syntax::Enum(&[("ip", 1), ("bridge", 2), ("decnet", 3), ("other", 4)]),
            |_, _, _| Some(Value::Integer(1)),
        ),
        Column::new(15, "vrrpOperRowStatus", Syntax::ROW_STATUS, |_, _, _| active()),
    ],
};

/// vrrpAssoIpAddrTable.
const ADDRESSES: TableView<Vrrp, Oid, Address, Addresses> = TableView {
    name: "vrrpAssoIpAddrTable",
    entry: oid![1, 4, 1],
    table: Addresses {
        shown: in_v2,
        index: |(index, vrid, _), ip| [vec![index, vrid], sub_ids(ip)].concat(),
        owner: |sub_ids| match sub_ids {
            [] => (0, 0, 1),
            [index] => (*index, 0, 1),
            [index, vrid, ..] => (*index, *vrid, 1),
        },
    },
    columns: &[Column::new(2, "vrrpAssoIpAddrRowStatus", Syntax::ROW_STATUS, |_, _, _| active())],
};

/// vrrpRouterStatsTable.
const STATISTICS: TableView<Vrrp, (u32, u32), Instance, V2Routers> = TableView {
    name: "vrrpRouterStatsTable",
    entry: oid![2, 4, 1],
    table: V2Routers,
    columns: &[
        Counter32.column(1, "vrrpStatsBecomeMaster", BecomeMaster),
        Counter32.column(2, "vrrpStatsAdvertiseRcvd", AdvertsReceived),
        Counter32.column(3, "vrrpStatsAdvertiseIntervalErrors", OtherIntervals),
        Counter32.column(4, "vrrpStatsAuthFailures", AuthFailures),
        Counter32.column(5, "vrrpStatsIpTtlErrors", TtlErrors),
        Counter32.column(6, "vrrpStatsPriorityZeroPktsRcvd", PriorityZeroReceived),
        Counter32.column(7, "vrrpStatsPriorityZeroPktsSent", PriorityZeroSent),
        Counter32.column(8, "vrrpStatsInvalidTypePktsRcvd", TypeErrors),
        Counter32.column(9, "vrrpStatsAddressListErrors", AddressListErrors),
        Counter32.column(10, "vrrpStatsInvalidAuthType", AuthTypeInvalid),
        Counter32.column(11, "vrrpStatsAuthTypeMismatch", AuthTypeMismatch),
        Counter32.column(12, "vrrpStatsPacketLengthErrors", LengthErrors),
    ],
};

fn ip_address(ip: IpAddr) -> Value {
    Value::IpAddress(match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => [0; 4],
    })
}

/// vrrpTrapNewMaster and vrrpTrapAuthFailure.
fn trap(change: &Change, data: &Vrrp) -> Option<Trap> {
    let row = |id| data.tables().instances.get(id).filter(|row| in_v2(row));
    // vrrpTrapPacketSrc and vrrpTrapAuthErrorType, too, have the index of the row, as in C keepalived.
    let object = |object: &[u32], row: &Instance, value| {
        let (index, vrid, _) = row.router_key()?;
        let mut name = object.to_vec();
        (index, vrid).push(&mut name);
        Some(VarBind { name: name.into(), value })
    };
    let (number, objects) = match change {
        Change::Instance { id, to: State::Master, .. } => {
            let row = row(id)?;
            let address = ip_address(or_unspecified(row.source, row));
            (1, vec![object(oid![1, 3, 1, MASTER_ADDRESS], row, address)?])
        }
        Change::Complaint { id, source, complaint, .. } => {
            let error = match complaint {
                Complaint::AuthType => 1,
                Complaint::AuthMismatch => 2,
                Complaint::AuthFailure | Complaint::Replay => 3,
                _ => return None,
            };
            let row = row(id)?;
            let source = object(oid![1, 5], row, ip_address(*source))?;
            (2, vec![source, object(oid![1, 6], row, Value::Integer(error))?])
        }
        _ => return None,
    };
    Some(Trap { oid: Oid::new(oid![0, number]), objects })
}
