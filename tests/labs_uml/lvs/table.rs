//! IPVS tables as of C keepalived: the same file in the same kernel gives the same table.

use std::fmt::Write as _;

use super::support::compare;
use lab::ipvs::compare_with_c;
use lab::uml::inside;

/// Forwarding methods in the configuration.
const METHODS: [&str; 8] = [
    "NAT",
    "DR",
    "TUN",
    "TUN type gue port 6080 nocsum",
    "TUN type gue port 6081 csum",
    "TUN type gue port 6082 remcsum",
    "TUN type gre nocsum",
    "TUN type gre csum",
];

/// The schedulers of this kernel (all except twos), with the names of their flags.
const SCHEDULERS: [(&str, [&str; 2]); 13] = [
    ("rr", ["flag-1", "flag-2"]),
    ("wrr", ["flag-1", "flag-2"]),
    ("lc", ["flag-1", "flag-2"]),
    ("wlc", ["flag-1", "flag-2"]),
    ("lblc", ["flag-1", "flag-2"]),
    ("lblcr", ["flag-1", "flag-2"]),
    ("dh", ["flag-1", "flag-2"]),
    ("sh", ["sh-fallback", "sh-port"]),
    ("sed", ["flag-1", "flag-2"]),
    ("nq", ["flag-1", "flag-2"]),
    ("fo", ["flag-1", "flag-2"]),
    ("ovf", ["flag-1", "flag-2"]),
    ("mh", ["mh-fallback", "mh-port"]),
];

/// Every scheduler with flags and protocols, each with a real server of every kind. Services are 10.S.F.1 or
/// fd0a:S:F::1, servers 192.168.S.N or fd0b:S::N.
fn generated(v6: bool) -> String {
    let mut conf = String::new();
    for (number, (scheduler, [first, second])) in SCHEDULERS.into_iter().enumerate() {
        for (at, protocol) in ["TCP", "UDP", "SCTP"].into_iter().enumerate() {
            for (chosen, flags) in ["", first, second, "flag-3"].into_iter().enumerate() {
                let service = if v6 { format!("fd0a:{number}:{chosen}::1") } else { format!("10.{number}.{chosen}.1") };
                let kind = METHODS[(number + at + chosen) % METHODS.len()];
                let ops = if protocol == "UDP" && chosen == 1 { "ops" } else { "" };
                write!(
                    conf,
                    "virtual_server {service} 80 {{\n lb_algo {scheduler}\n {flags}\n lb_kind {kind}\n protocol {protocol}\n {ops}\n"
                )
                .unwrap();
                for (method, words) in METHODS.into_iter().enumerate() {
                    let host = method + 1;
                    let server = if v6 { format!("fd0b:{number}::{host}") } else { format!("192.168.{number}.{host}") };
                    // One uses the method of the service.
                    let own = if words == kind { String::new() } else { format!("lvs_method {words}\n ") };
                    let port = if words == "NAT" { 8080 } else { 80 };
                    write!(conf, " real_server {server} {port} {{\n {own} weight {host}\n }}\n").unwrap();
                }
                conf += "}\n";
            }
        }
    }
    conf
}

#[test]
fn every_scheduler_kind_and_protocol() {
    inside(|| compare_with_c(&generated(false)));
}

#[test]
fn every_scheduler_kind_and_protocol_of_ipv6() {
    inside(|| compare_with_c(&generated(true)));
}

#[test]
fn firewall_marks() {
    inside(|| {
        compare_with_c(
            "virtual_server fwmark 1 {\n lb_algo rr\n lb_kind NAT\n real_server 192.168.0.1 8080 { weight 2 }\n \
             real_server 192.168.0.2 { }\n}\n\
             virtual_server fwmark 2 {\n lb_algo wrr\n lb_kind DR\n persistence_timeout 100\n \
             real_server 192.168.0.1 { }\n real_server 192.168.0.2 80 { }\n}\n\
             virtual_server fwmark 3 {\n lb_algo sh\n lb_kind TUN\n ip_family inet6\n real_server fd00::1 { }\n}\n\
             virtual_server fwmark 4 {\n lb_algo rr\n lb_kind DR\n real_server fd00::1 { }\n sorry_server fd00::9\n}\n\
             virtual_server fwmark 4294967295 {\n lb_algo rr\n lb_kind DR\n real_server 10.0.0.1 { }\n}\n",
        );
    });
}

/// C 2.2.7 misreads a range of two whole addresses (10.0.2.254-10.0.3.1).
#[test]
fn groups() {
    inside(|| {
        compare_with_c(
            "virtual_server_group four {\n 10.0.0.1 80\n 10.0.0.2 8080\n 10.0.1.1-5 443\n 10.0.2.250-255 25\n \
             fwmark 7\n fwmark 8\n}\n\
             virtual_server_group same {\n 10.0.4.1 80\n 10.0.4.2-9 80\n}\n\
             virtual_server_group six {\n fd00:1::1 80\n fd00:1::10-1f 80\n}\n\
             virtual_server_group marks {\n fwmark 21\n fwmark 22\n}\n\
             virtual_server group four {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 192.168.0.1 8080 { }\n}\n\
             virtual_server group same {\n lb_algo wlc\n lb_kind DR\n protocol TCP\n real_server 192.168.0.1 80 { }\n \
             real_server 192.168.0.2 80 { weight 7 }\n}\n\
             virtual_server group same {\n lb_algo wlc\n lb_kind NAT\n protocol UDP\n ops\n \
             real_server 192.168.0.1 53 { }\n}\n\
             virtual_server group six {\n lb_algo mh\n mh-port\n lb_kind TUN\n protocol TCP\n \
             persistence_timeout 50\n real_server fd00:2::1 80 { }\n}\n\
             virtual_server group marks {\n lb_algo rr\n lb_kind DR\n real_server 192.168.0.3 { }\n}\n",
        );
    });
}

/// A sorry server without a port is not compared: C 2.2.7 programs port 0 by NAT, and the kernel sends to it.
#[test]
fn persistence_thresholds_and_weights() {
    inside(|| {
        compare_with_c(
            "virtual_server 10.0.0.1 80 {\n lb_algo wlc\n lb_kind NAT\n protocol TCP\n persistence_timeout\n \
             real_server 192.168.0.1 8080 {\n weight 65535\n uthreshold 100\n lthreshold 50\n }\n \
             real_server 192.168.0.2 8080 { weight 0 }\n}\n\
             virtual_server 10.0.0.2 80 {\n lb_algo wlc\n lb_kind DR\n protocol TCP\n persistence_timeout 7200\n \
             persistence_granularity 255.255.255.0\n real_server 192.168.0.1 80 { weight 2147483647 }\n}\n\
             virtual_server 10.0.0.3 0 {\n lb_algo wrr\n lb_kind DR\n protocol TCP\n persistence_timeout 30\n \
             real_server 192.168.0.1 0 { }\n}\n\
             virtual_server 10.0.0.6 80 {\n lb_algo wrr\n lb_kind NAT\n protocol TCP\n \
             real_server 192.168.0.1 0 { }\n}\n\
             virtual_server 10.0.0.7 80 {\n lb_algo wrr\n lb_kind DR\n protocol TCP\n \
             real_server 192.168.0.1 0 { }\n}\n\
             virtual_server 10.0.0.4 5060 {\n lb_algo rr\n lb_kind NAT\n protocol UDP\n persistence_timeout 300\n \
             persistence_engine sip\n real_server 192.168.0.1 5060 { }\n}\n\
             virtual_server 10.0.0.5 53 {\n lb_algo rr\n lb_kind NAT\n protocol UDP\n ops\n \
             real_server 192.168.0.1 53 { uthreshold 9 }\n}\n\
             virtual_server fd00::1 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n persistence_timeout 50\n \
             persistence_granularity 64\n real_server fd00:1::1 80 { }\n}\n",
        );
    });
}

/// Without failing checks the sorry server is not in use; with `sorry_server_inhibit` it has weight 0.
#[test]
fn servers_that_are_not_in_use() {
    inside(|| {
        compare_with_c(
            "virtual_server 10.0.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n sorry_server 192.168.0.9 80\n \
             real_server 192.168.0.1 8080 { }\n}\n\
             virtual_server 10.0.0.2 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n sorry_server 192.168.0.9 80\n \
             sorry_server_inhibit\n real_server 192.168.0.1 8080 { }\n}\n\
             virtual_server 10.0.0.3 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n sorry_server 192.168.0.9 80\n \
             sorry_server_lvs_method TUN\n alpha\n delay_loop 60\n warmup 60\n \
             real_server 192.168.0.1 8080 {\n TCP_CHECK { connect_timeout 1 }\n }\n}\n\
             virtual_server 10.0.0.4 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n alpha\n delay_loop 60\n \
             inhibit_on_failure\n real_server 192.168.0.1 8080 {\n TCP_CHECK { connect_timeout 1 }\n }\n}\n",
        );
    });
}

/// 127.0.0.N:7001 listens, 127.0.0.N:7009 does not.
fn checked(server: &str, extra: &str) -> String {
    let (address, port) = server.rsplit_once(':').unwrap();
    format!(
        " real_server {address} {port} {{\n {extra}\n TCP_CHECK {{\n connect_timeout 1\n retry 0\n warmup 0\n \
         delay_before_retry 1\n }}\n }}\n"
    )
}

fn service(number: u8, settings: &str, servers: &[(&str, &str)]) -> String {
    let servers: String = servers.iter().map(|(server, extra)| checked(server, extra)).collect();
    format!(
        "virtual_server 10.0.0.{number} 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n delay_loop 1\n {settings}\n\
         {servers}}}\n"
    )
}

const UP: (&str, &str) = ("127.0.0.2:7001", "");
const HEAVY: (&str, &str) = ("127.0.0.3:7001", "weight 10");
const DOWN: (&str, &str) = ("127.0.0.4:7009", "");
const GONE: (&str, &str) = ("127.0.0.5:7009", "weight 10");
const SORRY: &str = "sorry_server 127.0.0.9 7001";
const LISTENING: [&str; 2] = ["127.0.0.2:7001", "127.0.0.3:7001"];

/// Failed servers, quorum and sorry servers. The table is complete when `marker`, the last service of the file, has
/// lost its only server and nothing changes any more.
#[test]
fn failed_servers() {
    inside(|| {
        let kept = ("127.0.0.6:7009", "inhibit_on_failure\n weight 5");
        let conf: String = [
            service(1, "", &[UP, DOWN]),
            service(2, "inhibit_on_failure", &[UP, DOWN]),
            service(3, "", &[UP, kept]),
            service(4, SORRY, &[DOWN, GONE]),
            service(5, SORRY, &[UP, GONE]),
            // Below quorum: only the sorry server, although a real server is up; without a sorry server those that are
            // up stay.
            service(6, &format!("{SORRY}\n quorum 5"), &[UP, GONE]),
            service(7, "quorum 5", &[UP, GONE]),
            service(8, &format!("{SORRY}\n quorum 5\n inhibit_on_failure"), &[UP, GONE]),
            service(9, &format!("{SORRY}\n quorum 10\n hysteresis 1"), &[HEAVY, DOWN]),
            service(10, &format!("{SORRY}\n sorry_server_inhibit"), &[DOWN]),
            service(11, &format!("{SORRY}\n inhibit_on_failure\n sorry_server_inhibit"), &[UP, DOWN]),
            service(12, "alpha", &[UP, DOWN, HEAVY]),
            service(13, &format!("alpha\n {SORRY}"), &[UP, DOWN]),
            service(14, &format!("alpha\n {SORRY}\n inhibit_on_failure"), &[DOWN, GONE]),
            service(15, "", &[DOWN]),
        ]
        .concat();
        let settled = |shown: &str| {
            !shown.contains("-a -t 10.0.0.15:80")
                && shown.contains("-a -t 10.0.0.12:80 -r 127.0.0.3:7001")
                && shown.contains("-a -t 10.0.0.13:80 -r 127.0.0.2:7001")
                && shown.contains("-a -t 10.0.0.4:80 -r 127.0.0.9:7001")
        };
        compare(&conf, &LISTENING, settled);
    });
}
