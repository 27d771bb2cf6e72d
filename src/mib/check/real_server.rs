//! realServerTable.

use std::time::Duration;

use snmp::{Column, SetError, Setter, Syntax, TableView, Value};

use super::super::forms::Form::{Counter32, Counter64, Gauge32, High, Low};
use super::super::values::{ENABLED, address_type, enabled, micros, octets, program, script, seconds};
use super::statistics::{
    Active, ConnectionRate, Connections, InByteRate, InBytes, InPacketRate, InPackets, Inactive, OutByteRate, OutBytes,
    OutPacketRate, OutPackets, Persistent,
};
use super::values::{
    METHOD, STATUS, TUNNEL, TUNNEL_CHECKSUM, U32, action_when_down, method, tunnel_checksum, tunnel_port, tunnel_type,
    weight,
};
use crate::check::{self, Check, Event, RealServer, RealServerId};
use crate::config::lvs::Timing;

const STRING: Syntax = Syntax::DISPLAY_STRING;

/// realServerTable; the sorry server, if any, comes first.
pub(super) const REAL_SERVERS: TableView<Check, RealServerId, RealServer> = TableView {
    name: "realServerTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 3, 4, 1],
    table: |data| &data.tables().real_servers,
    columns: &[
        Column::new(2, "realServerType", Syntax::Enum(&[("regular", 1), ("sorry", 2)]), |_, _, row| {
            Some(Value::truth(row.regular().is_some()))
        }),
        Column::new(3, "realServerAddrType", Syntax::INET_ADDRESS_TYPE, |_, _, row| {
            Some(address_type(row.address().ip()))
        }),
        Column::new(4, "realServerAddress", Syntax::INET_ADDRESS, |_, _, row| Some(octets(row.address().ip()))),
        Column::new(5, "realServerPort", Syntax::INET_PORT, |_, _, row| {
            Some(Value::Gauge32(row.address().port().into()))
        }),
        Column::new(6, "realServerStatus", STATUS, |_, _, row| row.regular().map(|_| status(row.alive))),
        Column::writable(
            7,
            "realServerWeight",
            Syntax::INTEGER32,
            |_, _, row: &RealServer| row.regular().map(|_| weight(row.weight)),
            SET_WEIGHT,
        ),
        Column::new(8, "realServerUpperConnectionLimit", U32, |_, _, row| limit(row.regular()?.upper_threshold)),
        Column::new(9, "realServerLowerConnectionLimit", U32, |_, _, row| limit(row.regular()?.lower_threshold)),
        Column::new(10, "realServerActionWhenDown", Syntax::Enum(&[("remove", 1), ("inhibit", 2)]), |_, _, row| {
            Some(action_when_down(row.regular()?.inhibit))
        }),
        Column::new(11, "realServerNotifyUp", STRING, |_, _, row| script(row.regular()?.notify_up.as_deref())),
        Column::new(12, "realServerNotifyDown", STRING, |_, _, row| script(row.regular()?.notify_down.as_deref())),
        Column::new(13, "realServerFailedChecks", U32, |_, _, row| {
            row.regular().map(|_| Value::Gauge32(row.failed_checkers))
        }),
        Gauge32.column(14, "realServerStatsConns", Connections),
        Gauge32.column(15, "realServerStatsActiveConns", Active),
        Gauge32.column(16, "realServerStatsInactiveConns", Inactive),
        Gauge32.column(17, "realServerStatsPersistentConns", Persistent),
        Counter32.column(18, "realServerStatsInPkts", InPackets),
        Counter32.column(19, "realServerStatsOutPkts", OutPackets),
        Counter64.column(20, "realServerStatsInBytes", InBytes),
        Counter64.column(21, "realServerStatsOutBytes", OutBytes),
        Gauge32.column(22, "realServerRateCps", ConnectionRate),
        Gauge32.column(23, "realServerRateInPPS", InPacketRate),
        Gauge32.column(24, "realServerRateOutPPS", OutPacketRate),
        Gauge32.column(25, "realServerRateInBPS", InByteRate),
        Gauge32.column(26, "realServerRateOutBPS", OutByteRate),
        Counter64.column(27, "realServerStatsConns64", Connections),
        Counter64.column(28, "realServerStatsInPkts64", InPackets),
        Counter64.column(29, "realServerStatsOutPkts64", OutPackets),
        Low.column(30, "realServerRateCpsLow", ConnectionRate),
        High.column(31, "realServerRateCpsHigh", ConnectionRate),
        Low.column(32, "realServerRateInPPSLow", InPacketRate),
        High.column(33, "realServerRateInPPSHigh", InPacketRate),
        Low.column(34, "realServerRateOutPPSLow", OutPacketRate),
        High.column(35, "realServerRateOutPPSHigh", OutPacketRate),
        Low.column(36, "realServerRateInBPSLow", InByteRate),
        High.column(37, "realServerRateInBPSHigh", InByteRate),
        Low.column(38, "realServerRateOutBPSLow", OutByteRate),
        High.column(39, "realServerRateOutBPSHigh", OutByteRate),
        Column::new(40, "realServerForwardingMethod", METHOD, |_, _, row| method(row.method())),
        Column::new(41, "realServerVirtualHost", STRING, |_, _, row| {
            row.regular()?.virtual_host.as_ref().map(Value::text)
        }),
        Column::new(42, "realServerAlpha", ENABLED, |_, _, row| {
            enabled(row.regular().is_some_and(|server| server.alpha))
        }),
        Column::new(43, "realServerRetry", U32, |data, id, row| {
            Some(Value::Gauge32(timing(data, id, row).and_then(|timing| timing.retry).unwrap_or(0)))
        }),
        Column::new(44, "realServerDelayBeforeRetry", U32, |data, id, row| {
            Some(seconds(delay_before_retry(data, id, row)))
        }),
        Column::new(45, "realServerWarmup", U32, |data, id, row| Some(seconds(warmup(data, id, row)))),
        Column::new(46, "realServerDelayLoop", U32, |data, id, row| Some(seconds(delay_loop(data, id, row)))),
        Column::new(47, "realServerSmtpAlert", ENABLED, |_, _, row| {
            enabled(row.regular().is_some_and(|server| server.smtp_alert))
        }),
        Column::new(48, "realServerDelayBeforeRetryUsec", U32, |data, id, row| {
            micros(delay_before_retry(data, id, row))
        }),
        Column::new(49, "realServerWarmupUsec", U32, |data, id, row| micros(warmup(data, id, row))),
        Column::new(50, "realServerDelayLoopUsec", U32, |data, id, row| micros(delay_loop(data, id, row))),
        Column::new(51, "realServerConnTimeoutUsec", U32, |data, id, row| {
            micros(timing(data, id, row).map_or(Duration::ZERO, |timing| timing.connect_timeout))
        }),
        Column::new(52, "realServerTunnelType", TUNNEL, |_, _, row| tunnel_type(row.method())),
        Column::new(53, "realServerTunnelPort", Syntax::INET_PORT, |_, _, row| tunnel_port(row.method())),
        Column::new(54, "realServerTunnelCsum", TUNNEL_CHECKSUM, |_, _, row| tunnel_checksum(row.method())),
        Column::new(55, "realServerName", STRING, |_, _, row| row.regular()?.snmp_name.as_ref().map(Value::text)),
        Column::new(56, "realServerNotifyUpPath", STRING, |_, _, row| program(row.regular()?.notify_up.as_deref())),
        Column::new(57, "realServerNotifyDownPath", STRING, |_, _, row| program(row.regular()?.notify_down.as_deref())),
        Counter64.column(58, "realServerRateCps64", ConnectionRate),
        Counter64.column(59, "realServerRateInPPS64", InPacketRate),
        Counter64.column(60, "realServerRateOutPPS64", OutPacketRate),
        Counter64.column(61, "realServerRateInBPS64", InByteRate),
        Counter64.column(62, "realServerRateOutBPS64", OutByteRate),
        Column::new(63, "realServerNotRunCheckers", U32, |_, _, row| Some(Value::Gauge32(row.not_run))),
    ],
};

/// Sets the weight at once; the quorum is evaluated again.
const SET_WEIGHT: Setter<Check, RealServerId> = Setter {
    test: |_, _, value| new_weight(value).map(|_| ()),
    commit: |data, id, value| {
        data.handle(Event::SetWeight(*id, new_weight(value)?, check::Setter::Snmp), data.now());
        Ok(())
    },
};

fn new_weight(value: &Value) -> Result<u32, SetError> {
    match value {
        Value::Integer(number) => u32::try_from(*number).map_err(|_| SetError::WrongValue),
        _ => Err(SetError::WrongType),
    }
}

pub(super) fn status(alive: bool) -> Value {
    Value::truth(alive)
}

fn limit(limit: u32) -> Option<Value> {
    (limit > 0).then_some(Value::Gauge32(limit))
}

/// Timing of the checks of a real server; `None` for a sorry server, which is not checked. Absent times are shown as 0.
fn timing(data: &Check, id: &RealServerId, row: &RealServer) -> Option<Timing> {
    match &row.regular()?.timing {
        Some(own) => Some(**own),
        None => data.tables().virtual_servers.get(&id.0).map(|service| service.config.timing),
    }
}

fn delay_before_retry(data: &Check, id: &RealServerId, row: &RealServer) -> Duration {
    timing(data, id, row).and_then(|timing| timing.delay_before_retry).unwrap_or_default()
}

fn warmup(data: &Check, id: &RealServerId, row: &RealServer) -> Duration {
    timing(data, id, row).and_then(|timing| timing.warmup).unwrap_or_default()
}

fn delay_loop(data: &Check, id: &RealServerId, row: &RealServer) -> Duration {
    timing(data, id, row).map_or(Duration::ZERO, |timing| timing.delay_loop)
}
