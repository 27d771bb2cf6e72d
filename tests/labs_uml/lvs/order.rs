//! The order of real servers in IPVS, on which the schedulers `sh`, `dh` and `mh` depend: that of C keepalived, so that two
//! directors send a client to the same server.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use lab::Daemon;
use lab::ipvs::ipvsadm;
use lab::netns::Netns;
use lab::uml::inside;
use nix::sys::signal::Signal;

use super::support::{LIMIT, Running, director, listen};

/// Hosts 127.0.0.x of the real servers, in the order of the file; not sorted.
const HOSTS: [u8; 6] = [5, 2, 9, 3, 8, 4];
/// The table is complete when the order has not changed for this time.
const SETTLED: Duration = Duration::from_millis(2500);

/// Three services with the same real servers: plain, with `inhibit_on_failure`, and with a quorum of all servers.
fn conf(hosts: &[(u8, u8)]) -> String {
    let mut conf = String::new();
    for (service, settings) in [(1, ""), (2, "inhibit_on_failure"), (3, "quorum 6\n sorry_server 127.0.0.99 80")] {
        write!(conf, "virtual_server 10.0.0.{service} 80 {{\n lb_algo sh\n lb_kind NAT\n protocol TCP\n").unwrap();
        let inner = if service == 2 { settings } else { "" };
        let outer = if service == 3 { settings } else { "" };
        writeln!(conf, " delay_loop 1\n {outer}").unwrap();
        for (host, weight) in hosts {
            writeln!(
                conf,
                " real_server 127.0.0.{host} 80 {{\n weight {weight}\n {inner}\n TCP_CHECK {{\n connect_timeout 1\n retry 0\n \
                 warmup 0\n }}\n }}"
            )
            .unwrap();
        }
        conf += "}\n";
    }
    conf
}

/// The real servers of each service in the kernel's order, with weights.
fn order(netns: &Netns) -> String {
    let listing = ipvsadm(netns, "-ln --nosort");
    let mut services: Vec<String> = Vec::new();
    for line in listing.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words.as_slice() {
            ["TCP", service, ..] => services.push(service.to_owned()),
            ["->", server, _, weight, ..] if server.starts_with("127") => {
                write!(services.last_mut().unwrap(), " {server}*{weight}").unwrap();
            }
            _ => {}
        }
    }
    services.sort();
    services.join("\n").replace("127.0.0.", "").replace(":80", "")
}

/// The order once it has not changed for some time, or is as expected.
fn settled(netns: &Netns, expected: Option<&String>) -> String {
    let deadline = Instant::now() + LIMIT;
    let mut last = (order(netns), Instant::now());
    // Ours fails if the order is another one for four times as long.
    let limit = SETTLED * if expected.is_some() { 4 } else { 1 };
    while Instant::now() < deadline && Some(&last.0) != expected && last.1.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(50));
        let now = order(netns);
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
    last.0
}

/// The order after each step in the life of a daemon.
fn life(daemon: Daemon, expected: &[String]) -> Vec<String> {
    let netns = director();
    let mut listeners: Vec<_> = HOSTS.iter().map(|host| Some(listen(&netns, &format!("127.0.0.{host}:80")))).collect();
    let _new = listen(&netns, "127.0.0.7:80");
    let weights: Vec<(u8, u8)> = HOSTS.map(|host| (host, 1)).into();
    let running = Running::start(daemon, &netns, &conf(&weights), &["-C"]);
    let mut orders = Vec::new();
    let mut note = |netns: &Netns| {
        let order = settled(netns, expected.get(orders.len()));
        println!("{}: {order}\n", daemon.name());
        orders.push(order);
    };
    note(&netns);
    // A server leaves, and returns.
    listeners[2] = None;
    note(&netns);
    listeners[2] = Some(listen(&netns, "127.0.0.9:80"));
    note(&netns);
    // A reload with a new server in the middle, one fewer, and another weight.
    let mut weights = weights;
    weights[3].1 = 2;
    weights.remove(4);
    weights.insert(1, (7, 1));
    fs::write(running.file("keepalived.conf"), conf(&weights)).unwrap();
    running.signal(Signal::SIGHUP);
    note(&netns);
    // One leaves and returns again, so that the third service loses all and gets them back at once.
    listeners[3] = None;
    note(&netns);
    listeners[3] = Some(listen(&netns, "127.0.0.3:80"));
    note(&netns);
    running.stop();
    orders
}

#[test]
fn the_order_is_that_of_c() {
    inside(|| {
        let theirs = life(Daemon::C, &[]);
        let ours = life(Daemon::Ours, &theirs);
        assert_eq!(ours, theirs);
    });
}
