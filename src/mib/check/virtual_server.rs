//! virtualServerTable.

use snmp::{Column, Syntax, TableView, Value};

use super::super::forms::Form::{Counter32, Counter64, Gauge32, High, Low};
use super::super::values::{ENABLED, TRUTH, enabled, micros, octets, program, script, seconds};
use super::statistics::{
    ConnectionRate, Connections, InByteRate, InBytes, InPacketRate, InPackets, OutByteRate, OutBytes, OutPacketRate,
    OutPackets,
};
use super::values::{
    METHOD, STATUS, TUNNEL, TUNNEL_CHECKSUM, U32, action_when_down, method, tunnel_checksum, tunnel_port, tunnel_type,
    weight,
};
use crate::check::{Check, QuorumStatus, VirtualServer, VirtualServerId};
use crate::config::lvs::{Endpoint, Protocol, Scheduler};
use crate::config::model::Family;

const STRING: Syntax = Syntax::DISPLAY_STRING;

/// virtualServerTable.
pub(super) const VIRTUAL_SERVERS: TableView<Check, VirtualServerId, VirtualServer> = TableView {
    name: "virtualServerTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 3, 3, 1],
    table: |data| &data.tables().virtual_servers,
    columns: &[
        Column::new(2, "virtualServerType", Syntax::Enum(&[("fwmark", 1), ("ip", 2), ("group", 3)]), |_, _, row| {
            Some(kind(row))
        }),
        Column::new(3, "virtualServerNameOfGroup", STRING, |_, _, row| group_name(row)),
        Column::new(4, "virtualServerFwMark", U32, |_, _, row| mark(row)),
        Column::new(5, "virtualServerAddrType", Syntax::INET_ADDRESS_TYPE, |_, _, row| {
            Some(Value::Integer(match row.family {
                Family::V4 => 1,
                Family::V6 => 2,
            }))
        }),
        Column::new(6, "virtualServerAddress", Syntax::INET_ADDRESS, |_, _, row| Some(octets(address(row)?.ip()))),
        Column::new(7, "virtualServerPort", Syntax::INET_PORT, |_, _, row| {
            Some(Value::Gauge32(address(row)?.port().into()))
        }),
        Column::new(
            8,
            "virtualServerProtocol",
            Syntax::Enum(&[("tcp", 1), ("udp", 2), ("sctp", 3), ("none", 4)]),
            |_, _, row| (mark(row).is_none()).then(|| protocol(row)),
        ),
        Column::new(9, "virtualServerLoadBalancingAlgo", SCHEDULER, |_, _, row| {
            Some(Value::Integer(scheduler(row.config.scheduler)))
        }),
        Column::new(10, "virtualServerLoadBalancingKind", METHOD, |_, _, row| method(row.config.method)),
        // A service whose checkers are suspended is alive, too.
        Column::new(11, "virtualServerStatus", STATUS, |_, _, _| Some(Value::truth(true))),
        Column::new(12, "virtualServerVirtualHost", STRING, |_, _, row| {
            row.config.virtual_host.as_ref().map(Value::text)
        }),
        Column::new(13, "virtualServerPersist", ENABLED, |_, _, row| enabled(row.config.persistence.is_some())),
        Column::new(14, "virtualServerPersistTimeout", U32, |_, _, row| {
            row.config.persistence.filter(|seconds| *seconds > 0).map(Value::Gauge32)
        }),
        Column::new(15, "virtualServerPersistGranularity", Syntax::INET_ADDRESS, |_, _, row| mask(row)),
        Column::new(16, "virtualServerDelayLoop", U32, |_, _, row| Some(seconds(row.config.timing.delay_loop))),
        Column::new(17, "virtualServerHaSuspend", TRUTH, |_, _, row| Some(Value::truth(row.config.ha_suspend))),
        Column::new(18, "virtualServerAlpha", ENABLED, |_, _, row| enabled(row.config.alpha)),
        Column::new(19, "virtualServerOmega", ENABLED, |_, _, row| enabled(row.config.omega)),
        Column::new(20, "virtualServerRealServersTotal", U32, |_, _, row| Some(count(row.total))),
        Column::new(21, "virtualServerRealServersUp", U32, |_, _, row| Some(count(row.up))),
        Column::new(22, "virtualServerQuorum", U32, |_, _, row| Some(count(row.config.quorum))),
        Column::new(
            23,
            "virtualServerQuorumStatus",
            Syntax::Enum(&[("met", 1), ("notMet", 2), ("shutdown", 3)]),
            |_, _, row| Some(quorum_status(if row.quorum_met { QuorumStatus::Met } else { QuorumStatus::NotMet })),
        ),
        Column::new(24, "virtualServerQuorumUp", STRING, |_, _, row| script(row.config.quorum_up.as_ref())),
        Column::new(25, "virtualServerQuorumDown", STRING, |_, _, row| script(row.config.quorum_down.as_ref())),
        Column::new(26, "virtualServerHysteresis", U32, |_, _, row| Some(Value::Gauge32(row.config.hysteresis))),
        Gauge32.column(27, "virtualServerStatsConns", Connections),
        Counter32.column(28, "virtualServerStatsInPkts", InPackets),
        Counter32.column(29, "virtualServerStatsOutPkts", OutPackets),
        Counter64.column(30, "virtualServerStatsInBytes", InBytes),
        Counter64.column(31, "virtualServerStatsOutBytes", OutBytes),
        Gauge32.column(32, "virtualServerRateCps", ConnectionRate),
        Gauge32.column(33, "virtualServerRateInPPS", InPacketRate),
        Gauge32.column(34, "virtualServerRateOutPPS", OutPacketRate),
        Gauge32.column(35, "virtualServerRateInBPS", InByteRate),
        Gauge32.column(36, "virtualServerRateOutBPS", OutByteRate),
        Column::new(37, "virtualServerOPS", TRUTH, |_, _, row| Some(Value::truth(row.config.one_packet))),
        Counter64.column(38, "virtualServerStatsConns64", Connections),
        Counter64.column(39, "virtualServerStatsInPkts64", InPackets),
        Counter64.column(40, "virtualServerStatsOutPkts64", OutPackets),
        Low.column(41, "virtualServerRateCpsLow", ConnectionRate),
        High.column(42, "virtualServerRateCpsHigh", ConnectionRate),
        Low.column(43, "virtualServerRateInPPSLow", InPacketRate),
        High.column(44, "virtualServerRateInPPSHigh", InPacketRate),
        Low.column(45, "virtualServerRateOutPPSLow", OutPacketRate),
        High.column(46, "virtualServerRateOutPPSHigh", OutPacketRate),
        Low.column(47, "virtualServerRateInBPSLow", InByteRate),
        High.column(48, "virtualServerRateInBPSHigh", InByteRate),
        Low.column(49, "virtualServerRateOutBPSLow", OutByteRate),
        High.column(50, "virtualServerRateOutBPSHigh", OutByteRate),
        Column::new(51, "virtualServerPersistGranularity6", U32, |_, _, row| {
            (row.family == Family::V6).then(|| Value::Gauge32(row.config.granularity.unwrap_or(128).into()))
        }),
        Column::new(52, "virtualServerHashed", TRUTH, |_, _, row| Some(Value::truth(row.config.hashed))),
        Column::new(53, "virtualServerSHFallback", TRUTH, |_, _, row| flag(row, Some(Scheduler::Sh), 0)),
        Column::new(54, "virtualServerSHPort", TRUTH, |_, _, row| flag(row, Some(Scheduler::Sh), 1)),
        Column::new(55, "virtualServerSched3", TRUTH, |_, _, row| flag(row, None, 2)),
        Column::new(56, "virtualServerActionWhenDown", Syntax::Enum(&[("remove", 1), ("inhibit", 2)]), |_, _, row| {
            Some(action_when_down(row.config.inhibit))
        }),
        Column::new(57, "virtualServerRetry", U32, |_, _, row| {
            Some(Value::Gauge32(row.config.timing.retry.unwrap_or(0)))
        }),
        Column::new(58, "virtualServerDelayBeforeRetry", U32, |_, _, row| {
            Some(seconds(row.config.timing.delay_before_retry.unwrap_or_default()))
        }),
        Column::new(59, "virtualServerWarmup", U32, |_, _, row| {
            Some(seconds(row.config.timing.warmup.unwrap_or_default()))
        }),
        Column::new(60, "virtualServerWeight", Syntax::INTEGER32, |_, _, row| Some(weight(row.config.weight))),
        Column::new(61, "virtualServerSmtpAlert", ENABLED, |_, _, row| enabled(row.config.smtp_alert)),
        Column::new(62, "virtualServerMHFallback", TRUTH, |_, _, row| flag(row, Some(Scheduler::Mh), 0)),
        Column::new(63, "virtualServerMHPort", TRUTH, |_, _, row| flag(row, Some(Scheduler::Mh), 1)),
        Column::new(64, "virtualServerDelayLoopUsec", U32, |_, _, row| micros(row.config.timing.delay_loop)),
        Column::new(65, "virtualServerDelayBeforeRetrUsec", U32, |_, _, row| {
            micros(row.config.timing.delay_before_retry.unwrap_or_default())
        }),
        Column::new(66, "virtualServerWarmupUsec", U32, |_, _, row| {
            micros(row.config.timing.warmup.unwrap_or_default())
        }),
        Column::new(67, "virtualServerConnTimeoutUsec", U32, |_, _, row| micros(row.config.timing.connect_timeout)),
        Column::new(68, "virtualServerTunnelType", TUNNEL, |_, _, row| tunnel_type(row.config.method)),
        Column::new(69, "virtualServerTunnelPort", Syntax::INET_PORT, |_, _, row| tunnel_port(row.config.method)),
        Column::new(70, "virtualServerTunnelCsum", TUNNEL_CHECKSUM, |_, _, row| tunnel_checksum(row.config.method)),
        Column::new(71, "virtualServerName", STRING, |_, _, row| row.config.snmp_name.as_ref().map(Value::text)),
        Column::new(72, "virtualServerQuorumUpPath", STRING, |_, _, row| program(row.config.quorum_up.as_ref())),
        Column::new(73, "virtualServerQuorumDownPath", STRING, |_, _, row| program(row.config.quorum_down.as_ref())),
        Counter64.column(74, "virtualServerRateCps64", ConnectionRate),
        Counter64.column(75, "virtualServerRateInPPS64", InPacketRate),
        Counter64.column(76, "virtualServerRateOutPPS64", OutPacketRate),
        Counter64.column(77, "virtualServerRateInBPS64", InByteRate),
        Counter64.column(78, "virtualServerRateOutBPS64", OutByteRate),
    ],
};

const SCHEDULER: Syntax = Syntax::Enum(&[
    ("rr", 1),
    ("wrr", 2),
    ("lc", 3),
    ("wlc", 4),
    ("lblc", 5),
    ("lblcr", 6),
    ("dh", 7),
    ("sh", 8),
    ("sed", 9),
    ("nq", 10),
    ("fo", 11),
    ("ovf", 12),
    ("mh", 13),
    ("twos", 14),
    ("unknown", 99),
]);

fn scheduler(scheduler: Scheduler) -> i32 {
    match scheduler {
        Scheduler::Rr => 1,
        Scheduler::Wrr => 2,
        Scheduler::Lc => 3,
        Scheduler::Wlc => 4,
        Scheduler::Lblc => 5,
        Scheduler::Lblcr => 6,
        Scheduler::Dh => 7,
        Scheduler::Sh => 8,
        Scheduler::Sed => 9,
        Scheduler::Nq => 10,
        Scheduler::Fo => 11,
        Scheduler::Ovf => 12,
        Scheduler::Mh => 13,
        Scheduler::Twos => 14,
    }
}

pub(super) fn count(number: u32) -> Value {
    Value::Gauge32(number)
}

pub(super) fn quorum_status(status: QuorumStatus) -> Value {
    Value::Integer(status as i32)
}

fn kind(row: &VirtualServer) -> Value {
    Value::Integer(match row.config.endpoint {
        Endpoint::FwMark(..) => 1,
        Endpoint::Address(_) => 2,
        Endpoint::Group(_) => 3,
    })
}

fn group_name(row: &VirtualServer) -> Option<Value> {
    match &row.config.endpoint {
        Endpoint::Group(name) => Some(Value::text(name)),
        _ => None,
    }
}

fn mark(row: &VirtualServer) -> Option<Value> {
    match row.config.endpoint {
        Endpoint::FwMark(mark, _) => Some(Value::Gauge32(mark)),
        _ => None,
    }
}

fn address(row: &VirtualServer) -> Option<std::net::SocketAddr> {
    match row.config.endpoint {
        Endpoint::Address(address) => Some(address),
        _ => None,
    }
}

fn protocol(row: &VirtualServer) -> Value {
    Value::Integer(match row.config.protocol {
        Some(Protocol::Tcp) => 1,
        Some(Protocol::Udp) => 2,
        Some(Protocol::Sctp) => 3,
        None => 4,
    })
}

/// Persistence granularity of an IPv4 service as a network mask; the default is the whole address.
fn mask(row: &VirtualServer) -> Option<Value> {
    let host_bits = 32 - u32::from(row.config.granularity.unwrap_or(32).min(32));
    let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
    (row.family == Family::V4).then(|| octets(std::net::Ipv4Addr::from(mask).into()))
}

/// A scheduler flag; false if the service has another scheduler than `of`.
fn flag(row: &VirtualServer, of: Option<Scheduler>, at: usize) -> Option<Value> {
    let fits = of.is_none_or(|scheduler| scheduler == row.config.scheduler);
    Some(Value::truth(fits && row.config.scheduler_flags.get(at).is_some_and(|flag| *flag)))
}
