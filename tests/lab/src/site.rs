//! The site of the case studies: directors between two networks with a client, hosts and a mail relay.
//!
//! ```text
//!   client           router 1            router 2
//!   [out0] .9        [eth0] .1 [eth1]    [eth0] .2 [eth1]
//!     |                |         |         |         |
//!   --+-- 192.0.2.0/24 +---      |      ---+         |
//!                              --+- 198.51.100.0/24 -+--+-------------+---
//!                                                       |             |
//!                                                    [in0] .5      [in0] .N
//!                                                    mail relay    hosts
//! ```

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::SockRef;
use tempfile::TempDir;

use crate::mail::Relay;
use crate::netns::{Netns, next_lab, sweep};
use crate::process::adopt_orphans;
use crate::router::Router;

/// Address of the mail relay.
const RELAY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(198, 51, 100, 5)), 25);
/// How long a client waits for a connection, and then for an answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// The networks and everything in them. Dropping it removes all: first the programs, then their namespaces.
#[derive(Debug)]
pub struct Site {
    directors: Vec<Router>,
    relay: Relay,
    mail: Netns,
    client: Netns,
    servers: BTreeMap<&'static str, Server>,
    /// The servers at port 7 of the directors.
    _numbers: Vec<Server>,
    hosts: Vec<(u8, Netns)>,
    switch: Netns,
    number: u32,
    dir: TempDir,
}

impl Site {
    /// Creates the networks with a client, a running mail relay, and `directors` directors with snmpd, snmptrapd and a
    /// server at port 7 that sends the director's number.
    pub fn new(directors: usize) -> Self {
        sweep();
        adopt_orphans();
        let (number, dir) = (next_lab(), TempDir::with_prefix("site").expect("a temporary directory"));
        let switch = Netns::new(number, "switch");
        for bridge in ["out", "in"] {
            switch.ip(&format!("link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"));
            switch.ip(&format!("link set {bridge} up"));
        }
        let client = Netns::new(number, "client");
        plug(&switch, &client, "out0", "out", "192.0.2.9");
        let mail = Netns::new(number, "mail");
        plug(&switch, &mail, "in0", "in", "198.51.100.5");
        let mut numbers = Vec::new();
        let directors = (1..=directors).map(|director| {
            let netns = Netns::new(number, &format!("r{director}"));
            plug(&switch, &netns, "eth0", "out", &format!("192.0.2.{director}"));
            plug(&switch, &netns, "eth1", "in", &format!("198.51.100.{director}"));
            netns.sysctl("net/ipv4/ip_forward", "1");
            numbers.push(Server::start(&netns, 7, director.to_string()));
            let mut router = Router::new(director, netns, dir.path());
            router.start_snmp();
            router
        });
        let directors = directors.collect();
        let relay = Relay::start(&mail, RELAY, dir.path());
        Self {
            directors,
            relay,
            mail,
            client,
            servers: BTreeMap::new(),
            _numbers: numbers,
            hosts: Vec::new(),
            switch,
            number,
            dir,
        }
    }

    /// Adds a host at 198.51.100.HOST with the default gateway `gateway`.
    pub fn add_host(&mut self, host: u8, gateway: &str) -> &Netns {
        let netns = Netns::new(self.number, &format!("host{host}"));
        plug(&self.switch, &netns, "in0", "in", &format!("198.51.100.{host}"));
        netns.ip(&format!("route add default via {gateway}"));
        self.hosts.push((host, netns));
        self.host(host)
    }

    /// A host by its number.
    pub fn host(&self, host: u8) -> &Netns {
        let found = self.hosts.iter().find(|(number, _)| *number == host);
        &found.expect("add_host was called").1
    }

    /// Starts the program of a real server at 198.51.100.HOST:PORT, or stops it. It answers with its own address and port,
    /// on port 8080 by HTTP.
    pub fn serve(&mut self, server: &'static str, serves: bool) {
        if !serves {
            self.servers.remove(server);
            return;
        }
        let (address, port) = server.split_once(':').expect("ADDRESS:PORT");
        let host = address.rsplit('.').next().and_then(|host| host.parse().ok()).expect("an address");
        let header = if port == "8080" { "HTTP/1.0 200 OK\r\n\r\n" } else { "" };
        let port = port.parse().expect("a port");
        self.servers.insert(server, Server::start(self.host(host), port, format!("{header}{server}")));
    }

    /// The client outside.
    pub fn client(&self) -> &Netns {
        &self.client
    }

    /// A director, from 1.
    pub fn director(&mut self, number: usize) -> &mut Router {
        &mut self.directors[number - 1]
    }

    /// The mail relay.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Kills the relay, or starts it again with its earlier mails.
    pub fn run_relay(&mut self, runs: bool) {
        if runs {
            self.relay = Relay::start(&self.mail, RELAY, self.dir.path());
        } else {
            self.relay.stop();
        }
    }

    /// Unplugs the cable of an address, or plugs it in again.
    pub fn cable(&self, address: &str, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        self.switch.ip(&format!("link set {} {state}", port_of(address)));
    }

    /// The answer to a client in `netns` that connects to `address` and sends `request`.
    pub fn ask(netns: &Netns, address: &str, request: &str) -> Option<String> {
        let address: SocketAddr = address.parse().expect("an address and a port");
        netns.enter(|| {
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).ok()?;
            stream.write_all(request.as_bytes()).ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            Some(answer)
        })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for director in &self.directors {
                director.show_logs();
            }
        }
    }
}

/// A TCP server that sends a text on every connection to a port of a namespace, until it is dropped.
#[derive(Debug)]
struct Server(TcpListener);

impl Server {
    fn start(netns: &Netns, port: u16, text: String) -> Self {
        let listener = netns.enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).expect("a free port"));
        let taker = listener.try_clone().expect("a descriptor");
        std::thread::spawn(move || {
            for mut stream in taker.incoming().map_while(Result::ok) {
                let text = text.clone();
                // A client may close the connection at any time.
                std::thread::spawn(move || {
                    let _ = stream.write_all(text.as_bytes());
                    let _ = stream.shutdown(Shutdown::Write);
                    let _ = std::io::copy(&mut stream, &mut std::io::sink());
                });
            }
        });
        Self(listener)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ends the thread that accepts connections.
        let _ = SockRef::from(&self.0).shutdown(Shutdown::Both);
    }
}

fn plug(switch: &Netns, netns: &Netns, interface: &str, bridge: &str, address: &str) {
    let port = port_of(address);
    switch.ip(&format!("link add {port} type veth peer name {interface} netns {}", netns.name()));
    switch.ip(&format!("link set {port} up master {bridge}"));
    netns.ip(&format!("address add {address}/24 dev {interface}"));
    netns.ip(&format!("link set {interface} up"));
}

/// The name of the switch's port for an address.
fn port_of(address: &str) -> String {
    format!("p{}", address.replace('.', ""))
}
