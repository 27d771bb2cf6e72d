//! The samples in conf/ for directors work as described, and as with C keepalived.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;

use lab::Daemon::Ours;
use lab::daemon::workspace;
use lab::ipvs::ipvsadm;
use lab::netns::Netns;
use lab::process::output_of;
use lab::uml::inside;
use lab::wait_until;
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};
use tempfile::TempDir;

use super::support::{LIMIT, Running, compare_in, director};

/// A sample whose checks start at once and run often.
pub fn sample(name: &str) -> String {
    let text = fs::read_to_string(workspace().join("conf").join(name)).unwrap();
    let quick = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or("");
        match word {
            "delay_loop" => "delay_loop 1\n warmup 0".to_owned(),
            "delay_before_retry" => "delay_before_retry 1".to_owned(),
            _ => line.to_owned(),
        }
    };
    text.lines().map(quick).collect::<Vec<_>>().join("\n")
}

/// A namespace with the interfaces of the samples and all addresses of real servers.
fn with_servers() -> Netns {
    let netns = director();
    for (interface, address) in [("eth0", "192.0.2.1"), ("eth1", "198.51.100.1")] {
        netns.ip(&format!("link add {interface} type veth peer name {interface}peer"));
        netns.ip(&format!("link set {interface}peer up"));
        netns.ip(&format!("address add {address}/24 dev {interface}"));
        netns.ip(&format!("link set {interface} up"));
    }
    for host in [11, 12, 21, 22, 31, 32, 99] {
        netns.ip(&format!("address add 198.51.100.{host}/32 dev lo"));
    }
    netns
}

/// Answers every request at an address (of 198.51.100.0/24), over TLS if there is an acceptor, until the end of the
/// test.
fn answer(netns: &Netns, address: &str, reply: &'static str, tls: Option<Arc<SslAcceptor>>) {
    let listener = netns.enter(|| TcpListener::bind(format!("198.51.100.{address}")).unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let tls = tls.clone();
            std::thread::spawn(move || match tls {
                Some(tls) => tls.accept(stream).map(|stream| reply_on(stream, reply)).unwrap_or_default(),
                None => reply_on(stream, reply),
            });
        }
    });
}

fn reply_on(mut stream: impl Read + Write, reply: &str) {
    let mut request = [0; 2000];
    let _ = stream.read(&mut request);
    let _ = stream.write_all(reply.as_bytes());
}

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes";
const BAD: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
const SHOP: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<h1>Welcome to the shop</h1>";
const OTHER: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<h1>It works!</h1>";
const AWAY: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const MOVED: &str = "HTTP/1.1 301 Moved\r\nLocation: https://x/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

fn acceptor() -> Arc<SslAcceptor> {
    let dir = TempDir::new().unwrap();
    let (key, certificate) = (dir.path().join("key"), dir.path().join("certificate"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shop.example.org"]);
    output_of(command.arg("-keyout").arg(&key).arg("-out").arg(&certificate));
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key_file(key, SslFiletype::PEM).unwrap();
    acceptor.set_certificate_chain_file(certificate).unwrap();
    Arc::new(acceptor.build())
}

/// The lines of a table that program real servers of a service, without the service.
fn servers(shown: &str, service: &str) -> Vec<String> {
    let start = format!("-a -t {service} -r 198.51.100.");
    let mut lines: Vec<String> =
        shown.lines().filter_map(|line| line.strip_prefix(&start)).map(|line| line.replace(" -m", "")).collect();
    lines.sort();
    lines
}

#[test]
fn three_services_by_nat_with_one_server_of_each_failing() {
    inside(|| {
        let prepare = || {
            let netns = with_servers();
            answer(&netns, "11:8080", GOOD, None);
            answer(&netns, "12:8080", BAD, None);
            answer(&netns, "21:25", "", None);
            answer(&netns, "31:5432", "", None);
            (netns, ())
        };
        compare_in(prepare, &sample("keepalived.conf.lvs-nat"), &["-C"], |shown| {
            servers(shown, "192.0.2.10:80") == ["11:8080 -w 2"]
                && servers(shown, "192.0.2.10:25") == ["21:25 -w 1"]
                && servers(shown, "192.0.2.11:5432") == ["31:5432 -w 1", "32:5432 -w 0"]
        });
    });
}

#[test]
fn three_services_by_nat_with_all_servers_failing() {
    inside(|| {
        compare_in(
            || (with_servers(), ()),
            &sample("keepalived.conf.lvs-nat"),
            &["-C"],
            |shown| {
                servers(shown, "192.0.2.10:80") == ["99:8080 -w 1"]
                    && servers(shown, "192.0.2.10:25").is_empty()
                    && servers(shown, "192.0.2.11:5432") == ["31:5432 -w 0", "32:5432 -w 0"]
            },
        );
    });
}

#[test]
fn three_services_checked_by_tls() {
    inside(|| {
        let tls = acceptor();
        let prepare = || {
            let netns = with_servers();
            answer(&netns, "11:8443", SHOP, Some(tls.clone()));
            answer(&netns, "12:8443", OTHER, Some(tls.clone()));
            answer(&netns, "21:8443", AWAY, Some(tls.clone()));
            answer(&netns, "22:8443", BAD, Some(tls.clone()));
            answer(&netns, "11:8080", MOVED, None);
            (netns, ())
        };
        compare_in(prepare, &sample("keepalived.conf.lvs-ssl"), &["-C"], |shown| {
            servers(shown, "192.0.2.10:443") == ["11:8443 -w 1"]
                && servers(shown, "192.0.2.11:443") == ["21:8443 -w 1"]
                && servers(shown, "192.0.2.10:80") == ["11:8080 -w 1"]
        });
    });
}

#[test]
fn failover_and_checks_in_one_file() {
    inside(|| {
        let prepare = || {
            let netns = with_servers();
            answer(&netns, "11:8080", GOOD, None);
            answer(&netns, "22:25", "", None);
            (netns, ())
        };
        let settled = |shown: &str| {
            servers(shown, "192.0.2.10:80") == ["11:8080 -w 1"] && servers(shown, "192.0.2.20:25") == ["22:25 -w 1"]
        };
        let conf = sample("keepalived.conf.lvs-failover");
        compare_in(prepare, &conf, &["-i", "router1"], settled);

        // The only director has all addresses.
        let (netns, ()) = prepare();
        let mut running = Running::start(Ours, &netns, &conf, &["-i", "router1"]);
        for vip in ["192.0.2.10", "192.0.2.20", "198.51.100.10", "198.51.100.20"] {
            let vip: IpAddr = vip.parse().unwrap();
            wait_until(LIMIT, &format!("{vip} is set"), || netns.ip("-o address show").contains(&format!(" {vip}/")));
        }
        wait_until(LIMIT, "the table is complete", || settled(&ipvsadm(&netns, "-S -n")));
        assert!(running.is_running());
        running.stop();
        assert_eq!(ipvsadm(&netns, "-S -n"), "");
        assert!(!netns.ip("-o address show").contains("192.0.2.10/"));
    });
}

/// Prevents the kernel from loading modules until it is dropped.
struct NoLoader(String);

impl NoLoader {
    const FILE: &str = "/proc/sys/kernel/modprobe";

    fn new() -> NoLoader {
        let loader = fs::read_to_string(Self::FILE).unwrap();
        fs::write(Self::FILE, "/bin/false").unwrap();
        NoLoader(loader.trim().to_owned())
    }
}

impl Drop for NoLoader {
    fn drop(&mut self) {
        fs::write(Self::FILE, &self.0).unwrap();
    }
}

/// A kernel without IPVS: one log line with a remedy, and VRRP works; IPVS is used once it can be loaded.
#[test]
fn a_kernel_without_ipvs() {
    inside(|| {
        // Loads the modules of its interfaces first.
        let netns = with_servers();
        let loader = NoLoader::new();
        let modules = || -> Vec<String> {
            let modules = fs::read_to_string("/proc/modules").unwrap();
            let names = modules.lines().filter_map(|line| line.split(' ').next());
            names.filter(|name| name.starts_with("ip_vs")).map(str::to_owned).collect()
        };
        // Modules are unloaded after those that depend on them.
        wait_until(LIMIT, "the modules are unloaded", || {
            Command::new("rmmod").args(modules()).output().unwrap();
            modules().is_empty()
        });
        let conf = sample("keepalived.conf.lvs-failover");
        let mut running = Running::start(Ours, &netns, &conf, &["-i", "router1"]);
        let is_master = || netns.ip("-o address show").contains("192.0.2.10/");
        wait_until(LIMIT, "it is master", is_master);
        let said = "the kernel has no IPVS: its module ip_vs is not loaded (modprobe ip_vs)";
        wait_until(LIMIT, "the reason is logged", || running.log().contains(said));
        let all = ["11", "12"].map(|host| host.to_owned() + ":8080 -w 1");
        // Checks continue, and failures are logged, with or without IPVS.
        wait_until(LIMIT, "checks continue", || running.log().contains("198.51.100.12"));
        assert_eq!(running.log().matches(said).count(), 1, "{}", running.log());
        assert!(is_master() && running.is_running() && modules().is_empty());

        drop(loader);
        wait_until(LIMIT, "IPVS is used", || {
            let shown = ipvsadm(&netns, "-S -n");
            let web = servers(&shown, "192.0.2.10:80");
            web == ["99:8080 -w 1"] || web == all
        });
        assert!(is_master());
        running.stop();
    });
}
