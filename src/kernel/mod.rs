//! The Linux kernel: the only user of netlink, raw sockets and `/proc/sys/net`.
//!
//! | part | for |
//! |---|---|
//! | [`Monitor`] | links and addresses as the kernel tells of them, with recovery from lost messages |
//! | [`Watcher`] | the same on a thread of its own |
//! | [`Writer`] | adding and removing addresses, on a thread of its own, results as events |
//! | [`VmacWriter`] | making and removing the macvlans of `use_vmac`, on another thread |
//! | [`AdvertSocket`], [`Opener`] | VRRP packets of one interface and family; opened and closed on a thread of its own |
//! | [`BfdSockets`] | BFD control packets |
//! | [`ArpSocket`], [`NdSocket`] | gratuitous ARP and unsolicited neighbour advertisements |
//! | [`count_processes`] | how many processes of a kind run, by the process connector or by `/proc`, on a thread of its own |
//! | [`poll_links`] | whether interfaces have a link, asked of their drivers once a second |
//! | [`capabilities`] | what this process may do |
//! | [`ipvs`] | the load balancer: services and real servers |
//! | [`sysctl`] | interface settings, put back at the end |
//!
//! All types are this module's own; no netlink type leaves it. Everything acts in the network namespace of the
//! thread that opened it.

mod address;
mod advert;
mod arp;
mod attributes;
mod bfd;
mod bfd_sockets;
pub mod capabilities;
mod event;
pub mod ipvs;
mod linkbeat;
mod monitor;
mod ndisc;
mod netlink;
mod opener;
mod processes;
mod request;
mod resync;
mod secondaries;
pub mod sysctl;
mod tables;
mod vmac;
mod watcher;
mod worker;
mod writer;

pub use address::{AddressRequest, AddressResult, Done, Op, Secondaries, WantedAddr};
pub use advert::{AdvertSocket, Received};
pub use arp::ArpSocket;
pub use bfd::{BfdDatagram, BfdListener, BfdSender};
pub use bfd_sockets::BfdSockets;
pub use event::{KernelEvent, Snapshot};
pub use linkbeat::{BeatEvent, poll_links};
pub use monitor::Monitor;
pub use ndisc::NdSocket;
pub use netlink::Refusal;
pub use opener::{Opener, SocketRequest, SocketResult, WantedSocket};
pub use processes::{ProcessEvent, ProcessWay, ReceiveBuffer, count_processes, poll_processes};
pub use tables::{Addr, AddrKey, Link, PROTOCOL_KEEPALIVED, primary_ipv4, primary_ipv6};

pub use vmac::{VmacRequest, VmacResult, VmacWriter};
pub use watcher::Watcher;
pub use worker::{QueueFull, Stopped, Worker};
pub use writer::Writer;

use std::io;

/// The names of all interfaces, for checking a configuration. Asks the kernel and waits for its answer.
pub fn interface_names() -> io::Result<Vec<String>> {
    let interfaces = nix::net::if_::if_nameindex()?;
    Ok(interfaces.iter().map(|interface| interface.name().to_string_lossy().into_owned()).collect())
}
