//! The scalars of lvsSyncDaemon and lvsTimeouts.

use snmp::{ScalarView, Syntax, Value};

use super::super::values::{ENABLED, address_type, enabled, octets};
use crate::check::Check;
use crate::config::lvs::SyncDaemon;

macro_rules! oid {
    ($($sub_id:expr),+) => {
        &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 3, $($sub_id),+]
    };
}

/// SYNTAX of time-outs in seconds: the range that the kernel accepts.
const TIMEOUT: Syntax = Syntax::Integer32 { min: 1, max: 2_678_400 };

/// All scalars, by ascending identifier.
pub(super) const SCALARS: [ScalarView<Check>; 12] = [
    ScalarView::new(oid![6, 1], "lvsSyncDaemonEnabled", ENABLED, |data| enabled(daemon(data).is_some())),
    ScalarView::new(oid![6, 2], "lvsSyncDaemonInterface", Syntax::DISPLAY_STRING, |data| {
        Some(Value::text(&daemon(data)?.interface))
    }),
    ScalarView::new(oid![6, 3], "lvsSyncDaemonVrrpInstance", Syntax::DISPLAY_STRING, |data| {
        daemon(data)?.instance.as_ref().map(Value::text)
    }),
    ScalarView::new(oid![6, 4], "lvsSyncDaemonSyncId", Syntax::Integer32 { min: 0, max: 255 }, |data| {
        Some(Value::Integer(daemon(data)?.id.into()))
    }),
    ScalarView::new(oid![6, 5], "lvsSyncDaemonMaxLen", Syntax::Integer32 { min: 0, max: 65517 }, |data| {
        Some(or_default(daemon(data)?.max_len))
    }),
    ScalarView::new(oid![6, 6], "lvsSyncDaemonPort", Syntax::Integer32 { min: 0, max: 65535 }, |data| {
        Some(or_default(daemon(data)?.port))
    }),
    ScalarView::new(oid![6, 7], "lvsSyncDaemonTTL", Syntax::Integer32 { min: 0, max: 255 }, |data| {
        Some(or_default(daemon(data)?.ttl))
    }),
    ScalarView::new(oid![6, 8], "lvsSyncDaemonMcastGroupAddrType", Syntax::INET_ADDRESS_TYPE, |data| {
        daemon(data)?.group.map(address_type)
    }),
    ScalarView::new(oid![6, 9], "lvsSyncDaemonMcastGroupAddrValue", Syntax::INET_ADDRESS, |data| {
        daemon(data)?.group.map(octets)
    }),
    ScalarView::new(oid![7, 1], "lvsTimeoutTcp", TIMEOUT, |data| timeout(data.tables().lvs.settings.timeouts[0])),
    ScalarView::new(oid![7, 2], "lvsTimeoutTcpFin", TIMEOUT, |data| timeout(data.tables().lvs.settings.timeouts[1])),
    ScalarView::new(oid![7, 3], "lvsTimeoutUdp", TIMEOUT, |data| timeout(data.tables().lvs.settings.timeouts[2])),
];

fn daemon(data: &Check) -> Option<&SyncDaemon> {
    data.tables().lvs.settings.sync_daemon.as_ref()
}

/// A setting; 0 stands for the kernel's default.
fn or_default(setting: Option<impl Into<i32>>) -> Value {
    Value::Integer(setting.map_or(0, Into::into))
}

/// A time-out; absent if it is not configured and the kernel's own is used.
fn timeout(seconds: u32) -> Option<Value> {
    i32::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Value::Integer)
}
