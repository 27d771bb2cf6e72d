//! The receive buffers of the netlink sockets of a process: `vrrp_netlink_cmd_rcv_bufs` and the like.

use crate::config::model::{NetlinkBuffers, ReceiveBuffer};
use crate::kernel;
use crate::notify::log::Log;

/// The buffers of a process, as last applied.
pub(super) struct Buffers {
    prefix: &'static str,
    applied: NetlinkBuffers,
}

impl Buffers {
    /// The kernel's defaults, to be changed by keywords with a prefix (`vrrp`, `lvs`).
    pub(super) fn new(prefix: &'static str) -> Buffers {
        Buffers { prefix, applied: NetlinkBuffers::default() }
    }

    /// Applies the configured sizes: those of requests to all sockets of this process, that of the monitor when it is
    /// opened. Sizes that the system reduces are logged once.
    pub(super) fn apply(&mut self, wanted: NetlinkBuffers, log: &Log) {
        let before = std::mem::replace(&mut self.applied, wanted);
        kernel::set_request_buffer(wanted.requests);
        let prefix = self.prefix;
        for (name, buffer, before) in
            [("cmd", wanted.requests, before.requests), ("monitor", wanted.monitor, before.monitor)]
        {
            if buffer != before {
                check(&format!("{prefix}_netlink_{name}_rcv_bufs"), buffer, log);
            }
        }
    }
}

/// Logs that the system reduces a receive buffer.
pub(super) fn check(keyword: &str, buffer: ReceiveBuffer, log: &Log) {
    let (Ok(Some(size)), Some(wanted)) = (kernel::limited_size(buffer), buffer.octets) else { return };
    let remedy = match buffer.force {
        true => "raise net.core.rmem_max, as this process may not exceed it".to_owned(),
        false => format!("write {keyword}_force, or raise net.core.rmem_max"),
    };
    log.warning(format_args!("{keyword} {wanted}: the system's limit is {size} octets; {remedy}"));
}
