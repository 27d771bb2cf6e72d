//! Requests to the kernel and its notifications, in network namespaces.

#[path = "../support/routes_support.rs"]
mod routes_support;

mod netlink;
mod nft;
mod processes;
mod route_words;
mod routes;
mod sockets;
