//! More checks than the CPU or the descriptors allow: they are late, but do not fail.

use std::fmt::Write as _;
use std::fs;
use std::net::{Shutdown, TcpListener};
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::ipvs::shown;
use lab::process::output_of;
use lab::uml::inside;
use lab::{holds_for, wait_until};
use socket2::SockRef;

use super::support::{LIMIT, Running, director, listen};

/// Virtual servers, each with ten real servers.
const SERVICES: usize = 100;

/// All real servers are loopback addresses; 10,000 checks a second are configured.
fn conf() -> String {
    let mut conf = String::new();
    for service in 1..=SERVICES {
        write!(
            conf,
            "virtual_server 10.0.0.{service} 80 {{\n delay_loop 0.1\n lb_algo wrr\n lb_kind NAT\n protocol TCP\n"
        )
        .unwrap();
        for server in 1..=10 {
            let check = "TCP_CHECK {\n connect_timeout 2\n retry 0\n }";
            write!(conf, " real_server 127.1.{service}.{server} 7000 {{\n {check}\n }}\n").unwrap();
        }
        conf += "}\n";
    }
    conf
}

/// Accepts connections and closes them until the listener is shut down; the result is their number.
fn serve(socket: &TcpListener) -> JoinHandle<usize> {
    let taker = socket.try_clone().unwrap();
    std::thread::spawn(move || taker.incoming().map_while(Result::ok).count())
}

/// Stops accepting connections; returns their number.
fn close(socket: &TcpListener, taker: JoinHandle<usize>) -> usize {
    SockRef::from(socket).shutdown(Shutdown::Both).unwrap();
    taker.join().unwrap()
}

#[test]
fn too_many_checks_are_late_but_do_not_fail() {
    inside(|| {
        let netns = director();
        let socket = listen(&netns, "0.0.0.0:7000");
        let taker = serve(&socket);
        let running = Running::start(Ours, &netns, &conf(), &["-C"]);
        let all = |text: &str| text.matches("\n-a ").count() == 10 * SERVICES;
        wait_until(LIMIT, "the table is complete", || all(&shown(&netns)));
        holds_for(Duration::from_secs(5), "no real server is lost", || all(&shown(&netns)));
        assert!(!running.log().contains("failed"), "{}", running.log());
        let limits = fs::read_to_string(format!("/proc/{}/limits", running.pid("checkers.pid"))).unwrap();
        let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let files: usize = files.split_whitespace().next().unwrap().parse().unwrap();
        assert!(files > 10 * SERVICES, "{limits}");
        running.stop();
        let taken = close(&socket, taker);
        assert!(taken > 10 * SERVICES, "{taken} checks");
    });
}

/// Servers with hanging connections use up all descriptors of the process: other servers must not go down.
#[test]
fn without_descriptors_checks_are_postponed() {
    inside(|| {
        let netns = director();
        let socket = listen(&netns, "0.0.0.0:7000");
        let taker = serve(&socket);
        // Its connections are not accepted: once its queue is full they hang.
        let _hanging = listen(&netns, "0.0.0.0:7001");
        let check = "TCP_CHECK {\n connect_timeout 4\n retry 0\n }";
        let servers = |address: &str, port: u16, count: u8| {
            (1..=count).map(|n| format!(" real_server {address}.{n} {port} {{\n {check}\n }}\n")).collect::<String>()
        };
        let service = |number: u8, servers: &str| {
            let settings = "delay_loop 1\n lb_algo wrr\n lb_kind NAT\n protocol TCP";
            format!("virtual_server 10.0.0.{number} 80 {{\n {settings}\n{servers}}}\n")
        };
        let hanging: String = (2..=5).map(|n| service(n, &servers(&format!("127.9.{n}"), 7001, 200))).collect();
        let conf = hanging + &service(1, &servers("127.1.1", 7000, 10));
        let running = Running::start(Ours, &netns, &conf, &["-C"]);
        let good = |text: &str| text.matches("-r 127.1.1.").count();
        wait_until(LIMIT, "the table is complete", || shown(&netns).matches("\n-a ").count() == 810);

        let pid = running.pid("checkers.pid").to_string();
        output_of(Command::new("prlimit").args(["--nofile=60:60", "--pid", &pid]));
        wait_until(LIMIT, "descriptors run out", || {
            running.log().contains("Checks are postponed: Too many open files")
        });
        holds_for(Duration::from_secs(8), "no good real server is lost", || good(&shown(&netns)) == 10);
        assert!(shown(&netns).matches("\n-a ").count() < 810, "hanging servers are down");
        running.stop();
        close(&socket, taker);
    });
}
