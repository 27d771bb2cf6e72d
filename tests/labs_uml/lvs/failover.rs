//! Two directors with the same services: one is killed, and the other takes over services and connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use lab::Daemon::Ours;
use lab::ipvs::ipvsadm;
use lab::netns::{Netns, next_lab};
use lab::uml::inside;
use lab::wait_until;

use super::support::{LIMIT, Running};
use super::traffic::echo;

const VIP: &str = "10.5.0.100";
/// Default gateway of the real servers.
const GATEWAY: &str = "10.6.0.100";
const SERVERS: u8 = 2;
/// Time limit for new connections through the virtual address after a failover.
const OUTAGE: Duration = Duration::from_secs(1);
/// The addresses that only the master has.
const ADDRESSES: [(&str, &str); 2] = [(VIP, "out0"), (GATEWAY, "in0")];

/// A client outside (10.5.0.0/24), real servers inside (10.6.0.0/24), and two directors between them, by NAT.
struct Farm {
    client: Netns,
    directors: [Netns; 2],
    _servers: Vec<Netns>,
    /// The namespace of the bridge.
    _switch: Netns,
}

impl Farm {
    fn new() -> Farm {
        let number = next_lab();
        let switch = Netns::new(number, "switch");
        for bridge in ["out", "in"] {
            switch.ip(&format!("link add {bridge} type bridge stp_state 0 forward_delay 0"));
            switch.ip(&format!("link set {bridge} up"));
        }
        let plug = |netns: &Netns, bridge: &str, address: &str| {
            let port = format!("{bridge}{}", address.replace('.', ""));
            switch.ip(&format!("link add {port} type veth peer name {bridge}0 netns {}", netns.name()));
            switch.ip(&format!("link set {port} up master {bridge}"));
            netns.ip(&format!("address add {address}/24 dev {bridge}0"));
            netns.ip(&format!("link set {bridge}0 up"));
        };
        let client = Netns::new(number, "client");
        plug(&client, "out", "10.5.0.9");
        let directors = [1, 2].map(|host| {
            let netns = Netns::new(number, &format!("director{host}"));
            plug(&netns, "out", &format!("10.5.0.{host}"));
            plug(&netns, "in", &format!("10.6.0.{host}"));
            netns.sysctl("net/ipv4/ip_forward", "1");
            netns
        });
        let server = |server| {
            let netns = Netns::new(number, &format!("real{server}"));
            plug(&netns, "in", &format!("10.6.0.1{server}"));
            netns.ip(&format!("route add default via {GATEWAY}"));
            let listener = netns.enter(|| TcpListener::bind("0.0.0.0:8080").unwrap());
            std::thread::spawn(move || echo(&listener, server));
            netns
        };
        let servers = (1..=SERVERS).map(server).collect();
        Farm { client, directors, _servers: servers, _switch: switch }
    }

    /// Starts the daemon of director 1 or 2; the first has the higher priority.
    fn start(&self, director: usize) -> Running {
        let priority = [150, 100][director - 1];
        let instance = |(address, interface): (&str, &str)| {
            format!(
                "vrrp_instance {interface} {{\n interface {interface}\n virtual_router_id 51\n priority {priority}\n \
                 advert_int 0.1\n virtual_ipaddress {{\n {address}/24\n }}\n}}\n"
            )
        };
        let instances = ADDRESSES.map(instance).concat();
        let check = "TCP_CHECK {\n connect_timeout 1\n retry 0\n warmup 0\n }\n";
        let server = |server| format!(" real_server 10.6.0.1{server} 8080 {{\n {check} }}\n");
        let servers: String = (1..=SERVERS).map(server).collect();
        let conf = format!(
            "global_defs {{\n vrrp_version 3\n lvs_sync_daemon out0 inst out0 id 51\n}}\n\
             vrrp_sync_group both {{\n group {{\n out0\n in0\n }}\n}}\n{instances}\
             virtual_server {VIP} 80 {{\n delay_loop 1\n lb_algo rr\n lb_kind NAT\n protocol TCP\n{servers}}}\n"
        );
        Running::start(Ours, &self.directors[director - 1], &conf, &[])
    }

    /// Whether a director has all of the addresses (`all`) or none.
    fn has_addresses(&self, director: usize, all: bool) -> bool {
        ADDRESSES.into_iter().all(|(address, interface)| {
            let shown = self.directors[director - 1].ip(&format!("-o -4 address show dev {interface}"));
            shown.contains(&format!(" {address}/24 ")) == all
        })
    }

    /// The services of a director, as commands.
    fn services(&self, director: usize) -> Vec<String> {
        let mut lines: Vec<String> =
            ipvsadm(&self.directors[director - 1], "-S -n").lines().map(|line| line.trim().to_owned()).collect();
        lines.sort();
        lines
    }

    /// The roles of a director's synchronisation.
    fn roles(&self, director: usize) -> Vec<String> {
        let shown = ipvsadm(&self.directors[director - 1], "-L --daemon");
        shown.lines().filter(|line| line.contains("(mcast=out0, syncid=51")).map(first_word).collect()
    }

    /// Whether a director has an entry for a connection, by the client's port.
    fn knows(&self, director: usize, stream: &TcpStream) -> bool {
        let port = format!("10.5.0.9:{} ", stream.local_addr().unwrap().port());
        let listed = ipvsadm(&self.directors[director - 1], "-lnc");
        listed.lines().any(|line| line.contains(&port) && line.contains("ESTABLISHED"))
    }

    /// Opens a connection and sends data through it, with a short time-out.
    fn try_connect(&self) -> std::io::Result<TcpStream> {
        let soon = Duration::from_millis(200);
        let service: SocketAddr = format!("{VIP}:80").parse().unwrap();
        let mut stream = self.client.enter(|| TcpStream::connect_timeout(&service, soon))?;
        stream.set_read_timeout(Some(soon))?;
        stream.read_exact(&mut [0])?;
        talk(&mut stream)?;
        Ok(stream)
    }

    /// Opens connections until one goes through a director; they must not fail for longer than a second.
    fn connect_through(&self, director: usize) -> TcpStream {
        let mut last = Instant::now();
        let end = last + OUTAGE;
        loop {
            match self.try_connect() {
                Ok(stream) if self.knows(director, &stream) => return stream,
                Ok(_) => last = Instant::now(),
                Err(error) => assert!(last.elapsed() < OUTAGE, "no connection since {:?}: {error}", last.elapsed()),
            }
            assert!(Instant::now() < end, "no connection through director {director} within {OUTAGE:?}");
        }
    }

    /// Waits until a director is master with all services.
    fn await_master(&self, director: usize) {
        wait_until(LIMIT, &format!("director {director} has the addresses"), || self.has_addresses(director, true));
        wait_until(LIMIT, "all servers are in use", || self.services(director) == expected());
        wait_until(LIMIT, "it synchronises as master", || self.roles(director) == ["master"]);
    }

    /// Waits until a director is backup; it checks the servers too.
    fn await_backup(&self, director: usize) {
        wait_until(LIMIT, &format!("director {director} has no address"), || self.has_addresses(director, false));
        wait_until(LIMIT, "all servers are known", || self.services(director) == expected());
        wait_until(LIMIT, "it synchronises as backup", || self.roles(director) == ["backup"]);
    }
}

fn first_word(line: &str) -> String {
    line.split_whitespace().next().unwrap_or("").to_owned()
}

/// The services of both directors.
fn expected() -> Vec<String> {
    let server = |server| format!("-a -t {VIP}:80 -r 10.6.0.1{server}:8080 -m -w 1");
    let service = format!("-A -t {VIP}:80 -s rr");
    std::iter::once(service).chain((1..=SERVERS).map(server)).collect()
}

/// Sends an octet through a connection and reads it back.
fn talk(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut back = [0; 5];
    stream.write_all(b"hello")?;
    stream.read_exact(&mut back)?;
    assert_eq!(&back, b"hello");
    Ok(())
}

/// Sends data until the other director has an entry for the connection: the kernel synchronises after a few packets.
fn synchronised(farm: &Farm, stream: &mut TcpStream, director: usize) {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    wait_until(LIMIT, "the backup knows the connection", || {
        talk(stream).unwrap();
        farm.knows(director, stream)
    });
}

#[test]
fn a_director_is_killed_and_restarted() {
    inside(|| {
        let farm = Farm::new();
        let mut first = farm.start(1);
        farm.await_master(1);
        let mut second = farm.start(2);
        farm.await_backup(2);
        farm.await_master(1);
        let mut long = farm.connect_through(1);
        synchronised(&farm, &mut long, 2);

        // All processes are dead; their entries stay in the kernel.
        first.kill();
        drop(first);
        drop(farm.connect_through(2));
        assert!(farm.has_addresses(2, true));
        farm.await_master(2);
        talk(&mut long).unwrap();

        let mut first = farm.start(1);
        farm.await_backup(2);
        farm.await_master(1);
        drop(farm.connect_through(1));
        talk(&mut long).unwrap();
        assert!(first.is_running() && second.is_running());

        // A usual stop leaves no entries.
        synchronised(&farm, &mut long, 2);
        first.stop();
        drop(farm.connect_through(2));
        assert!(farm.has_addresses(1, false));
        assert_eq!((farm.services(1), farm.roles(1)), (vec![], vec![]));
        farm.await_master(2);
        talk(&mut long).unwrap();
        second.stop();
        assert!(farm.has_addresses(2, false));
        assert_eq!((farm.services(2), farm.roles(2)), (vec![], vec![]));
    });
}
