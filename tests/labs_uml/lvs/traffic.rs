//! Connections through the director survive the death of servers and checker processes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use lab::Daemon::Ours;
use lab::ipvs::ipvsadm;
use lab::netns::{Netns, next_lab};
use lab::uml::inside;
use lab::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::support::{LIMIT, Running};

/// The virtual address and port of all labs here.
pub const VIP: &str = "10.5.0.100";
/// Port of the virtual server and, except by NAT, of the real servers.
const PORT: u16 = 80;
/// Port of real servers by NAT.
const NAT_PORT: u16 = 8080;
/// Real servers.
pub const SERVERS: usize = 3;

/// A client, a director and real servers, each of which first sends its number on a connection and then echoes.
pub struct Farm {
    pub client: Netns,
    pub director: Netns,
    servers: Vec<Netns>,
    direct: bool,
    /// The namespace of the bridge.
    _switch: Netns,
}

impl Farm {
    /// By NAT the servers are in 10.6.0.0/24 behind the director; by direct routing they are in its network, and have
    /// the virtual address without ARP.
    pub fn new(direct: bool) -> Farm {
        let number = next_lab();
        let switch = Netns::new(number, "switch");
        let plug = |netns: &Netns, port: &str, bridge: &str, address: &str| {
            switch.ip(&format!("link add {port} type veth peer name {bridge}0 netns {}", netns.name()));
            switch.ip(&format!("link set {port} up master {bridge}"));
            netns.ip(&format!("address add {address}/24 dev {bridge}0"));
            netns.ip(&format!("link set {bridge}0 up"));
        };
        for bridge in ["out", "in"] {
            switch.ip(&format!("link add {bridge} type bridge stp_state 0 forward_delay 0"));
            switch.ip(&format!("link set {bridge} up"));
        }
        let (client, director) = (Netns::new(number, "client"), Netns::new(number, "director"));
        plug(&client, "client", "out", "10.5.0.9");
        plug(&director, "outside", "out", "10.5.0.1");
        director.ip(&format!("address add {VIP}/32 dev out0"));
        director.sysctl("net/ipv4/ip_forward", "1");
        if !direct {
            plug(&director, "inside", "in", "10.6.0.1");
        }
        let servers: Vec<Netns> = (1..=SERVERS).map(|server| Netns::new(number, &format!("real{server}"))).collect();
        for (netns, server) in servers.iter().zip(1..) {
            let port = format!("real{server}");
            if direct {
                for conf in ["all", "lo"] {
                    netns.sysctl(&format!("net/ipv4/conf/{conf}/arp_ignore"), "1");
                    netns.sysctl(&format!("net/ipv4/conf/{conf}/arp_announce"), "2");
                }
                netns.ip(&format!("address add {VIP}/32 dev lo"));
                plug(netns, &port, "out", &format!("10.5.0.1{server}"));
            } else {
                plug(netns, &port, "in", &format!("10.6.0.1{server}"));
                netns.ip("route add default via 10.6.0.1");
            }
            let listens = format!("0.0.0.0:{}", if direct { PORT } else { NAT_PORT });
            let listener = netns.enter(|| TcpListener::bind(listens).unwrap());
            std::thread::spawn(move || echo(&listener, server));
        }
        Farm { client, director, servers, direct, _switch: switch }
    }

    fn conf(&self) -> String {
        let (kind, net, port) = if self.direct { ("DR", "10.5", PORT) } else { ("NAT", "10.6", NAT_PORT) };
        let server = |number: usize| {
            format!(
                " real_server {net}.0.1{number} {port} {{\n TCP_CHECK {{\n connect_timeout 1\n retry 0\n warmup 0\n \
                 }}\n }}\n"
            )
        };
        let servers: String = (1..=SERVERS).map(server).collect();
        format!(
            "virtual_server {VIP} {PORT} {{\n delay_loop 1\n lb_algo rr\n lb_kind {kind}\n protocol TCP\n{servers}}}\n"
        )
    }

    pub fn is_in(&self, server: usize) -> bool {
        let host = format!(".0.1{server}:");
        ipvsadm(&self.director, "-S -n").lines().any(|line| line.starts_with("-a ") && line.contains(&host))
    }

    /// Unplugs a server's cable, or plugs it in again.
    fn cable(&self, server: usize, plugged: bool) {
        let (bridge, state) = (if self.direct { "out0" } else { "in0" }, if plugged { "up" } else { "down" });
        self.servers[server - 1].ip(&format!("link set {bridge} {state}"));
        if plugged && !self.direct {
            self.servers[server - 1].ip("route replace default via 10.6.0.1");
        }
    }

    /// Opens a connection; returns it with the number of the server.
    pub fn connect(&self) -> (TcpStream, usize) {
        let mut stream = self.client.enter(|| TcpStream::connect((VIP, PORT)).unwrap());
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut number = [0];
        stream.read_exact(&mut number).unwrap();
        (stream, number[0].into())
    }
}

/// Serves connections: a server's number first, then an echo.
pub fn echo(listener: &TcpListener, number: u8) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        std::thread::spawn(move || {
            stream.write_all(&[number])?;
            std::io::copy(&mut stream.try_clone()?, &mut stream)
        });
    }
}

/// Asserts that every connection still carries data both ways.
pub fn alive(streams: &mut [(TcpStream, usize)], when: &str) {
    for (stream, server) in streams {
        let mut back = [0; 5];
        stream.write_all(b"hello").and_then(|()| stream.read_exact(&mut back)).unwrap_or_else(|error| {
            panic!("a connection to server {server} broke {when}: {error}");
        });
        assert_eq!(&back, b"hello");
    }
}

fn connections_survive(direct: bool) {
    let farm = Farm::new(direct);
    let mut running = Running::start(Ours, &farm.director, &farm.conf(), &["-C", "-I"]);
    wait_until(LIMIT, "all servers are in use", || (1..=SERVERS).all(|server| farm.is_in(server)));
    let all: Vec<_> = (0..12).map(|_| farm.connect()).collect();
    for server in 1..=SERVERS {
        assert_eq!(all.iter().filter(|(_, number)| *number == server).count(), 4, "server {server}");
    }
    let (_lost, mut streams): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, number)| *number == 3);
    alive(&mut streams, "at first");

    farm.cable(3, false);
    wait_until(LIMIT, "the dead server is removed", || !farm.is_in(3));
    assert!(farm.is_in(1) && farm.is_in(2));
    alive(&mut streams, "when another server died");
    assert!((0..4).all(|_| farm.connect().1 != 3), "new connections go to the other servers");

    let first = running.pid("checkers.pid");
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    alive(&mut streams, "when the checker process was killed");
    wait_until(LIMIT, "another checker process has started", || running.pid("checkers.pid") != first);
    farm.cable(3, true);
    wait_until(LIMIT, "the server is added again", || farm.is_in(3) && farm.connect().1 == 3);
    alive(&mut streams, "after the checker process was replaced");

    for upgrade in 1..=2 {
        let before = (running.pid("keepalived.pid"), running.pid("checkers.pid"));
        let log = running.log().len();
        running.upgrade(&farm.director, &["-C", "-I"]);
        alive(&mut streams, "after an upgrade");
        let after = (running.pid("keepalived.pid"), running.pid("checkers.pid"));
        assert!(after.0 == before.0 && after.1 != before.1, "upgrade {upgrade}: {before:?}, {after:?}");
        assert!((1..=SERVERS).all(|server| farm.is_in(server)), "upgrade {upgrade}");
        let since = running.log()[log..].to_owned();
        assert!(!since.contains("Adding service") && !since.contains("Removing service"), "{since}");
    }
    assert!(running.is_running());

    running.stop();
    alive(&mut streams, "when the daemon was stopped with -I");
    let mut running = Running::start(Ours, &farm.director, &farm.conf(), &["-C"]);
    running.pid("checkers.pid");
    farm.cable(3, false);
    wait_until(LIMIT, "the new daemon has removed the dead server", || !farm.is_in(3));
    alive(&mut streams, "after the daemon was started again");
    let listed = ipvsadm(&farm.director, "-lnc");
    assert!(listed.lines().filter(|line| line.contains("ESTABLISHED")).count() >= streams.len(), "{listed}");
    assert!(running.is_running());
    running.stop();
}

#[test]
fn masqueraded_connections_survive() {
    inside(|| connections_survive(false));
}

#[test]
fn directly_routed_connections_survive() {
    inside(|| connections_survive(true));
}

/// The replacement of a killed checker process checks servers at once.
#[test]
fn a_killed_checker_process_is_replaced_at_once() {
    inside(|| {
        let farm = Farm::new(false);
        let running = Running::start(Ours, &farm.director, &farm.conf(), &["-C"]);
        wait_until(LIMIT, "all servers are in use", || (1..=SERVERS).all(|server| farm.is_in(server)));
        let first = running.pid("checkers.pid");
        kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
        farm.cable(2, false);
        // 1 s until the first check, 1 s until it fails, and the start.
        wait_until(Duration::from_secs(10), "the dead server is removed", || !farm.is_in(2));
        assert!(farm.is_in(1) && farm.is_in(3));
        running.stop();
    });
}
