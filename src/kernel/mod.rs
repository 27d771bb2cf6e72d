//! The Linux kernel: the only user of netlink, raw sockets and `/proc/sys/net`.
//!
//! | part | purpose |
//! |---|---|
//! | [`Monitor`] | events of links, addresses and, if asked for, routes and rules, with recovery from lost messages |
//! | [`Watcher`] | the monitor on a thread of its own |
//! | [`EntryWriter`] | adds and removes addresses, routes and rules on a thread of its own, results as events |
//! | [`Writer`] | the same for addresses only |
//! | [`OwnLinkWriter`] | creates and removes the links of `use_vmac` and `use_ipvlan` on a thread of its own |
//! | [`AdvertSocket`], [`Opener`] | VRRP packets of one interface and family; the opener's thread opens and closes the sockets |
//! | [`BfdSockets`] | BFD control packets |
//! | [`ArpSocket`], [`NdSocket`] | gratuitous ARP and unsolicited neighbour advertisements |
//! | [`count_processes`] | counts the processes of `vrrp_track_process` blocks on a thread of its own |
//! | [`poll_links`] | polls the link state of interfaces once a second (`linkbeat_interfaces`) |
//! | [`capabilities`] | the capabilities of this process |
//! | [`ipvs`] | the load balancer: services and real servers |
//! | [`nft`] | the packet filter: tables of rules, and changes of them by other programs |
//! | [`sysctl`] | interface settings, restored at the end |
//!
//! All public types are this module's own; netlink types stay inside. Sockets act in the network namespace of the thread
//! that opened them.

mod address;
mod address_encode;
mod advert;
mod arp;
mod attributes;
mod bfd;
mod bfd_sockets;
pub mod capabilities;
mod decode;
mod encap_encode;
mod entry;
mod event;
mod generic;
pub mod ipvs;
mod latest_routes;
mod link_request;
mod linkbeat;
mod monitor;
mod namespace;
mod ndisc;
mod netlink;
pub mod nft;
mod opener;
mod own_links;
mod phrases;
mod processes;
mod receive_buffer;
mod request_socket;
mod resync;
mod route;
mod route_decode;
mod route_encode;
mod route_filter;
mod rtnetlink;
mod rule;
mod rule_decode;
mod rule_encode;
mod secondaries;
mod silent;
mod sources;
pub mod sysctl;
mod tables;
mod watched;
mod watcher;
mod worker;
mod writer;

pub use address::{AddressRequest, Secondaries};
pub use advert::{ADVERT_BUFFER, AdvertSocket, RawPacket};
pub use arp::ArpSocket;
pub use bfd::{BfdDatagram, BfdListener, BfdSender};
pub use bfd_sockets::BfdSockets;
pub use entry::{EntryKind, EntryRequest, EntryResult};
pub use event::{KernelEvent, Snapshot};
pub use linkbeat::{BeatEvent, poll_links};
pub use monitor::Monitor;
pub use namespace::Namespace;
pub use ndisc::NdSocket;
pub use netlink::Refusal;
pub use opener::{Opener, SocketRequest, SocketResult, WantedSocket};
pub use own_links::{OwnLinkRequest, OwnLinkResult, OwnLinkWriter, is_foreign};
pub use processes::{ProcessEvent, ProcessWay, count_processes, poll_processes};
pub use receive_buffer::{limited_size, set_request_buffer};
pub use route::RouteRequest;
pub use rule::RuleRequest;
pub use tables::{Addr, AddrKey, Link, PROTOCOL_KEEPALIVED};

pub use watched::WatchedTables;
pub use watcher::Watcher;
pub use worker::{QueueFull, Worker};
pub use writer::Writer;

use std::io;

/// The names of all interfaces, for checking a configuration. Blocks until the kernel has answered.
pub fn interface_names() -> io::Result<Vec<String>> {
    let interfaces = nix::net::if_::if_nameindex()?;
    Ok(interfaces.iter().map(|interface| interface.name().to_string_lossy().into_owned()).collect())
}
