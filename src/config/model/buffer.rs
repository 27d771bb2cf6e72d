//! Receive buffers of sockets.

use serde::{Deserialize, Serialize};

/// A receive buffer: `vrrp_netlink_cmd_rcv_bufs` and the like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiveBuffer {
    /// Size in octets; `None`: the default of the socket.
    pub octets: Option<u32>,
    /// The keyword with `_force`: the size may exceed the system's limit, `net.core.rmem_max`.
    pub force: bool,
}

/// The receive buffers of the netlink sockets of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetlinkBuffers {
    /// `vrrp_netlink_cmd_rcv_bufs`, `lvs_netlink_cmd_rcv_bufs`: sockets of requests.
    pub requests: ReceiveBuffer,
    /// `vrrp_netlink_monitor_rcv_bufs`, `lvs_netlink_monitor_rcv_bufs`: the socket of notifications.
    pub monitor: ReceiveBuffer,
}

/// Size of the receive buffer for the adverts of an instance, with the defaults merged. The sizes of the instances that
/// share a socket are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdvertBuffer {
    /// Without keywords: the daemon's default for a socket.
    #[default]
    Default,
    /// `kernel_rx_buf_size`, or a number for `vrrp_rx_bufs_policy`: octets.
    Octets(u32),
    /// `vrrp_rx_bufs_policy MTU`: the MTU of the interface times `vrrp_rx_bufs_multiplier`.
    Mtu(u32),
    /// `vrrp_rx_bufs_policy ADVERT`: the length of an advert times `vrrp_rx_bufs_multiplier`.
    Advert(u32),
}
