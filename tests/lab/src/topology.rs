//! The lab itself: routers and a client on a bridge, and the packet capture.

use std::path::Path;

use tempfile::TempDir;

use crate::capture::Capture;
use crate::netns::{Netns, next_lab, sweep};
use crate::process::adopt_orphans;
use crate::router::Router;

/// Number of the client in place of a router's.
pub const CLIENT: usize = 0;
/// Last octet of the client's address.
const CLIENT_HOST: usize = 100;

/// Routers and a client on a bridge. Dropping it removes everything.
///
/// Fields are dropped in this order: daemons before their namespaces.
#[derive(Debug)]
pub struct Lab {
    /// The routers, from 1.
    routers: Vec<Router>,
    /// The capture of the frames on the bridge.
    pub wire: Capture,
    /// The namespace of the client, with interface eth0.
    pub client: Netns,
    bridge: Netns,
    dir: TempDir,
}

impl Lab {
    /// Creates a lab with `routers` routers without daemons.
    pub fn new(routers: usize) -> Self {
        sweep();
        adopt_orphans();
        let number = next_lab();
        let dir = TempDir::with_prefix("lab").expect("a temporary directory");
        let bridge = Netns::new(number, "br");
        bridge.sysctl("net/ipv6/conf/default/disable_ipv6", "1");
        bridge.ip("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0");
        bridge.ip("link set br0 up");

        let wire = Capture::start(&bridge);
        let client = Netns::new(number, "client");
        wire.watch(plug(&bridge, &client, CLIENT), CLIENT);
        let routers = (1..=routers).map(|router| {
            let netns = Netns::new(number, &format!("r{router}"));
            wire.watch(plug(&bridge, &netns, router), router);
            Router::new(router, netns, dir.path())
        });
        let routers = routers.collect();
        Self { routers, wire, client, bridge, dir }
    }

    /// Router `number`, from 1.
    pub fn router(&mut self, number: usize) -> &mut Router {
        &mut self.routers[number - 1]
    }

    /// Numbers of the routers that have `address` on an interface.
    pub fn holders(&self, address: std::net::IpAddr) -> Vec<usize> {
        let holders = self.routers.iter().filter(|router| router.holds(address));
        holders.map(Router::number).collect()
    }

    /// Unplugs the cable of a router, so that it loses its carrier, or plugs it in again.
    pub fn cable(&self, router: usize, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        self.bridge.ip(&format!("link set port{router} {state}"));
    }

    /// Removes a router's port from the bridge, or adds it again: the router keeps its carrier but is isolated.
    pub fn join(&self, router: usize, joined: bool) {
        let master = if joined { "master br0" } else { "nomaster" };
        self.bridge.ip(&format!("link set port{router} {master}"));
    }

    /// Creates a router's eth0 again after it was deleted.
    pub fn replug(&self, router: usize) {
        let port = plug(&self.bridge, self.routers[router - 1].netns(), router);
        self.wire.watch(port, router);
    }

    /// A directory for files of this lab.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for router in &self.routers {
                router.show_logs();
            }
        }
    }
}

/// Connects `netns` to the bridge as eth0 with addresses by its number; returns the port's index.
fn plug(bridge: &Netns, netns: &Netns, number: usize) -> usize {
    let host = if number == CLIENT { CLIENT_HOST } else { number };
    let inside = netns.name();
    bridge.ip(&format!(
        "link add port{number} type veth peer name eth0 address 02:00:00:00:00:{number:02x} \
         netns {inside}"
    ));
    bridge.ip(&format!("link set port{number} master br0 up"));
    netns.ip("link set eth0 addrgenmode none");
    netns.ip(&format!("address add 10.9.0.{host}/24 dev eth0"));
    netns.ip(&format!("address add fd09::{host}/64 dev eth0 nodad"));
    netns.ip(&format!("address add fe80::{host}/64 dev eth0 nodad"));
    netns.ip("link set eth0 up");
    let shown = bridge.ip(&format!("-o link show port{number}"));
    shown.split(':').next().and_then(|index| index.parse().ok()).expect("an interface index")
}
