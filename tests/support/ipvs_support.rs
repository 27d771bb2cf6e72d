//! A director for labs of IPVS, its wanted tables, and traffic through it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use keepalived::check::ipvs::{self, Change, Installed, Service, ServiceKey, Table, Wanted, difference, service_keys};
use keepalived::check::{Tables, VirtualServerId};
use keepalived::config::lvs::{Endpoint, Lvs, Method, Protocol, Scheduler, Timing, VirtualServer, VirtualServerGroup};
use keepalived::kernel::ipvs::{Answer, Error, Request, Writer};
use keepalived::state::Done;
use lab::ipvs::{assert_same, restore, shown};
use lab::netns::{Netns, next_lab};
use lab::wait_for;

/// Time limit for answers of the writer.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A namespace and a writer in it.
pub struct Director {
    /// The writer.
    pub writer: Writer,
    /// The namespace.
    pub netns: Netns,
}

impl Director {
    /// A director with an empty table.
    pub fn new() -> Director {
        let netns = Netns::new(next_lab(), "director");
        Director { writer: netns.enter(|| Writer::start(10_000).unwrap()), netns }
    }

    /// Submits requests and waits for all answers.
    pub fn answers(&self, requests: Vec<Request>) -> Vec<Answer> {
        let count = requests.len();
        self.writer.submit(requests).unwrap();
        let mut answers = Vec::new();
        wait_for(LIMIT, "the writer has answered", || {
            self.writer.results(&mut answers);
            (answers.len() == count).then_some(())
        });
        answers
    }

    /// Submits changes; the outcomes are in the same order.
    pub fn outcomes(&self, changes: Vec<Change>) -> Vec<Result<Done, Error>> {
        let requests = changes.into_iter().zip(0..).map(|(change, token)| Request::Change(token, change));
        let answers = self.answers(requests.collect());
        let outcome = |(answer, at): (Answer, u64)| match answer {
            Answer::Changed { token, outcome } if token == at => outcome,
            other => panic!("{other:?} in place {at}"),
        };
        answers.into_iter().zip(0..).map(outcome).collect()
    }

    /// Submits changes, and asserts that each has changed the table.
    pub fn apply(&self, changes: Vec<Change>) {
        for (outcome, change) in self.outcomes(changes.clone()).into_iter().zip(changes) {
            assert_eq!(outcome, Ok(Done::Changed), "{change:?}");
        }
    }

    /// The kernel's table.
    pub fn table(&self) -> Table {
        match self.answers(vec![Request::Dump(7)]).pop() {
            Some(Answer::Dumped { token: 7, table }) => table.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Makes the kernel's services those of `wanted`; returns the number of changes.
    pub fn reconcile(&self, wanted: &WantedTable) -> usize {
        let changes = changes(&self.table(), wanted);
        let count = changes.len();
        self.apply(changes);
        count
    }
}

/// The wanted services.
pub type WantedTable = BTreeMap<ServiceKey, Wanted>;

/// The changes from a table to the wanted one, as if all services were ours.
pub fn changes(now: &Table, wanted: &WantedTable) -> Vec<Change> {
    let keys: BTreeSet<&ServiceKey> = now.services.keys().chain(wanted.keys()).collect();
    let changes = |key: &ServiceKey| {
        let now = now.services.get(key).map(Installed::from);
        difference(*key, now.as_ref(), wanted.get(key))
    };
    keys.into_iter().flat_map(changes).collect()
}

/// A virtual server with defaults.
pub fn server(endpoint: Endpoint, protocol: Option<Protocol>) -> VirtualServer {
    VirtualServer {
        endpoint,
        protocol,
        scheduler: Scheduler::Wlc,
        scheduler_flags: [false; 3],
        hashed: false,
        one_packet: false,
        method: Method::Nat,
        persistence: None,
        granularity: None,
        persistence_engine: None,
        virtual_host: None,
        snmp_name: None,
        timing: Timing {
            delay_loop: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            retry: None,
            delay_before_retry: None,
            warmup: None,
        },
        weight: 1,
        alpha: false,
        omega: false,
        ha_suspend: false,
        quorum: 1,
        hysteresis: 0,
        quorum_up: None,
        quorum_down: None,
        inhibit: false,
        smtp_alert: false,
        sorry_server: None,
        real_servers: Vec::new(),
    }
}

/// An address and port as endpoint.
pub fn at(address: &str) -> Endpoint {
    Endpoint::Address(address.parse().unwrap())
}

/// A virtual server of TCP with defaults.
pub fn tcp(address: &str) -> VirtualServer {
    server(at(address), Some(Protocol::Tcp))
}

/// A real server: address, method, weight, upper and lower threshold.
pub type Real = (SocketAddr, Method, u32, u32, u32);

/// The services of a virtual server.
pub fn services(server: &VirtualServer, groups: &[VirtualServerGroup]) -> Vec<Service> {
    let lvs = Lvs { groups: groups.to_vec(), virtual_servers: vec![server.clone()], ..Lvs::default() };
    let tables = Tables::of(lvs);
    let id = VirtualServerId(1);
    let wanted = |key| ipvs::wanted(&tables, key, &[id]).map(|wanted| wanted.service);
    service_keys(&tables, id).into_iter().filter_map(wanted).collect()
}

/// Adds the services of a virtual server with the same real servers for each.
pub fn add(table: &mut WantedTable, server: &VirtualServer, groups: &[VirtualServerGroup], servers: &[Real]) {
    for service in services(server, groups) {
        let row = table.entry(service.key).or_insert(Wanted { service, destinations: Vec::new() });
        for (address, method, weight, upper, lower) in servers {
            let destination = ipvs::destination(&row.service.key, *address, *method, *weight, *upper, *lower);
            row.destinations.retain(|other| other.key != destination.key);
            row.destinations.push(destination);
        }
    }
}

/// A real server without thresholds.
pub fn real(address: &str, method: Method, weight: u32) -> Real {
    (address.parse().unwrap(), method, weight, 0, 0)
}

/// Programs `wanted` with the writer and `lines` with ipvsadm, and compares the output of ipvsadm for both.
pub fn same(wanted: &WantedTable, lines: &str) {
    let ours = Director::new();
    ours.reconcile(wanted);
    let theirs = Netns::new(next_lab(), "theirs");
    restore(&theirs, lines);
    assert_same(&shown(&ours.netns), &shown(&theirs));
    assert_eq!(changes(&ours.table(), wanted), [], "the table read back is the wanted one");
}

/// Sends an octet and reads it back.
pub fn talk(stream: &mut TcpStream) {
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
}

/// A client, a director that masquerades 10.2.0.100:80, and a real server that echoes at 10.3.0.2:8080.
pub fn masquerading() -> (Director, Netns) {
    let director = Director::new();
    let (client, real_server) = (Netns::new(next_lab(), "client"), Netns::new(next_lab(), "real"));
    for (netns, ours, theirs, net) in
        [(&client, "eth0", "clients", "10.2.0"), (&real_server, "eth0", "servers", "10.3.0")]
    {
        director.netns.ip(&format!("link add {theirs} type veth peer name {ours} netns {}", netns.name()));
        director.netns.ip(&format!("address add {net}.1/24 dev {theirs}"));
        director.netns.ip(&format!("link set {theirs} up"));
        netns.ip(&format!("address add {net}.2/24 dev {ours}"));
        netns.ip(&format!("link set {ours} up"));
        netns.ip(&format!("route add default via {net}.1"));
    }
    director.netns.ip("address add 10.2.0.100/32 dev clients");
    director.netns.sysctl("net/ipv4/ip_forward", "1");
    let listener = real_server.enter(|| TcpListener::bind("0.0.0.0:8080").unwrap());
    std::thread::spawn(move || {
        let _in_use = &real_server;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || std::io::copy(&mut stream.try_clone().unwrap(), &mut stream));
        }
    });
    (director, client)
}
