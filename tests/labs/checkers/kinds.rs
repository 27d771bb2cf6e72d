//! Checks of SMTP, TCP, DNS, UDP, programs, files and by ping.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lab::process::output_of;
use lab::real::{self, DNS, HTTP, SMTP};
use lab::servers::Datagrams;
use lab::{Director, holds_for, machine, wait_until};
use nix::sys::signal::Signal;

use super::LIMIT;

#[test]
fn smtp_check_and_tcp_check() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let mut server = real::smtp(director.router());
    let _web = real::nginx(director.router());
    director.check("SMTP", SMTP, "SMTP_CHECK { }");
    director.check("named", SMTP, "SMTP_CHECK {\n helo_name director.lab.test\n }");
    director.check("SMTP to HTTP", HTTP, "SMTP_CHECK { }");
    director.check("TCP", SMTP, "TCP_CHECK { }");
    director.check("TCP elsewhere", HTTP, &format!("TCP_CHECK {{\n connect_ip 127.0.0.1\n connect_port {SMTP}\n }}"));
    director.check("both", SMTP, "TCP_CHECK { }\n SMTP_CHECK { }");
    director.check("nobody there", 1, "TCP_CHECK { }");
    director.start();
    let states = |up| {
        let all = ["SMTP", "named", "TCP", "TCP elsewhere", "both"].map(|name| (name, up));
        [all.as_slice(), &[("SMTP to HTTP", false), ("nobody there", false)]].concat()
    };
    director.await_states(&states(true));
    server.kill_group();
    director.await_states(&states(false));
    let server = real::smtp(director.router());
    director.await_states(&states(true));
    server.signal(Signal::SIGSTOP);
    // The kernel still accepts connections, which is enough for TCP_CHECK.
    director.await_states(&[("SMTP", false), ("TCP", true), ("both", false)]);
    assert_eq!(director.real_servers(13).get(&("both".to_owned(), 1)).map(String::as_str), Some("1"), "failed checks");
    server.signal(Signal::SIGCONT);
    director.await_states(&states(true));
}

#[test]
fn dns_check_and_udp_check() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let mut server = real::dns(director.router());
    let echo: lab::servers::Answer = |datagram| Some(datagram.to_vec());
    let udp = Datagrams::start(director.netns(), 7007, echo);
    let dns = Datagrams::start(director.netns(), 7053, no_error);
    for query in ["A", "AAAA", "MX"] {
        let name = if query == "MX" { "lab.test" } else { "www.lab.test" };
        director.check(
            query,
            DNS,
            &format!("DNS_CHECK {{\n connect_timeout 1\n retry 0\n type {query}\n name {name}\n }}"),
        );
    }
    director.check("no such name", DNS, "DNS_CHECK {\n retry 0\n type A\n name nobody.lab.test\n }");
    director.check("odd DNS", 7053, "DNS_CHECK {\n connect_timeout 1\n retry 0\n }");
    director.check("UDP", 7007, "UDP_CHECK {\n connect_timeout 1\n }");
    director.check("UDP reply", 7007, "UDP_CHECK {\n connect_timeout 1\n payload 0102ff\n require_reply 0102xf\n }");
    director.check(
        "UDP long",
        7007,
        "UDP_CHECK {\n connect_timeout 1\n payload 01\n require_reply\n min_reply_length 200\n }",
    );
    director.check("UDP nobody", 7008, "UDP_CHECK {\n connect_timeout 1\n }");
    director.start();
    let dns_states = |up| [("A", up), ("AAAA", up), ("MX", up), ("no such name", false)];
    director.await_states(&dns_states(true));
    director.await_states(&[
        ("odd DNS", true),
        ("UDP", true),
        ("UDP reply", true),
        ("UDP long", false),
        ("UDP nobody", false),
    ]);

    server.kill_group();
    director.await_states(&dns_states(false));
    let server = real::dns(director.router());
    director.await_states(&dns_states(true));
    server.signal(Signal::SIGSTOP);
    director.await_states(&dns_states(false));
    server.signal(Signal::SIGCONT);
    director.await_states(&dns_states(true));

    // Unrelated datagrams before those of the server must not cause a verdict.
    let garbage: [&'static [lab::servers::Answer]; 3] =
        [&[|_| Some(Vec::new())], &[|_| Some(vec![0xff; 11])], &[|_| Some(vec![0; 40])]];
    for garbage in garbage {
        dns.precede(garbage, 1);
        udp.precede(garbage, 1);
        holds_for(Duration::from_secs(1), "the answers count", || {
            let states = director.real_servers(6);
            let is_up = |name: &str| states.get(&(name.to_owned(), 1)).is_some_and(|state| state == "1");
            is_up("odd DNS") && is_up("UDP reply")
        });
    }
    dns.precede(&[], 0);
    udp.precede(&[], 0);

    let odd: [lab::servers::Answer; 6] = [
        |_| None,
        |_| Some(Vec::new()),
        |_| Some(vec![0xff; 1500]),
        |query| Some(query.to_vec()),
        |query| no_error(query).map(|reply| reply[..11].to_vec()),
        |query| {
            let mut reply = no_error(query)?;
            *reply.get_mut(1)? ^= 1;
            Some(reply)
        },
    ];
    for answer in odd {
        dns.be(answer);
        director.await_states(&[("odd DNS", false)]);
        dns.be(no_error);
        director.await_states(&[("odd DNS", true)]);
    }
    udp.be(|_| None);
    director.await_states(&[("UDP", true), ("UDP reply", false)]);
    udp.be(|_| Some(b"\x01\x03\x0f".to_vec()));
    director.await_states(&[("UDP", true), ("UDP reply", false)]);
    udp.be(|datagram| Some(datagram.to_vec()));
    director.await_states(&[("UDP reply", true)]);
    drop(udp);
    director.await_states(&[("UDP", false), ("UDP reply", false)]);
}

/// The query as a reply without an error.
fn no_error(query: &[u8]) -> Option<Vec<u8>> {
    let mut reply = query.to_vec();
    *reply.get_mut(2)? |= 0x80;
    Some(reply)
}

#[test]
fn misc_check_and_file_check() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let [status, number, who] = ["status", "number", "who"].map(|name| director.file(name));
    let exits = director.script("exits.sh", &format!("exit $(cat {})\n", status.display())).display().to_string();
    let sleeps = director.script("sleeps.sh", "exec sleep 60\n").display().to_string();
    let stays = "trap '' TERM\nwhile :; do sleep 0.1; done\n";
    let stays = director.script("stays.sh", stays).display().to_string();
    let names = director.script("names.sh", &format!("id -un > {}\n", who.display())).display().to_string();
    fs::write(&status, "0").expect("our own file");
    fs::write(&number, "0").expect("our own file");
    fs::write(&who, "").expect("our own file");
    output_of(Command::new("chmod").arg("777").arg(&who).arg(who.parent().expect("a directory")));
    output_of(Command::new("chmod").arg("755").arg(who.parent().and_then(Path::parent).expect("a directory")));
    director.configure(&format!("track_file number {{\n  file {}\n  weight 1\n}}\n", number.display()));
    let servers = [
        ("fixed", format!("MISC_CHECK {{\n misc_path \"{exits}\"\n }}")),
        ("dynamic", format!("MISC_CHECK {{\n misc_path \"{exits}\"\n misc_dynamic\n }}")),
        ("sleeps", format!("MISC_CHECK {{\n misc_path \"{sleeps}\"\n misc_timeout 1\n }}")),
        // It ignores TERM, so it is killed two seconds later.
        ("stays", format!("MISC_CHECK {{\n misc_path \"{stays}\"\n misc_timeout 1\n }}")),
        ("absent", "MISC_CHECK {\n misc_path /no/such/script\n }".to_owned()),
        ("user", format!("MISC_CHECK {{\n misc_path \"{names}\"\n user nobody\n }}")),
        ("file", "FILE_CHECK {\n track_file number\n weight 0\n }".to_owned()),
        ("reverse", "FILE_CHECK {\n track_file number\n weight 0 reverse\n }".to_owned()),
        ("weighs", "FILE_CHECK {\n track_file number\n weight 2\n }".to_owned()),
    ];
    for (name, checker) in &servers {
        director.service(name, &format!("real_server 127.0.0.1 80 {{\n    weight 10\n    {checker}\n  }}"));
    }
    director.start();
    director.await_states(&[
        ("fixed", true),
        ("dynamic", true),
        ("sleeps", false),
        ("stays", false),
        ("absent", false),
        ("user", true),
    ]);
    director.await_states(&[("file", true), ("weighs", true)]);
    wait_until(LIMIT, "the script of nobody has run", || fs::read_to_string(&who).is_ok_and(|name| name == "nobody\n"));

    for (exit, fixed, dynamic, weight) in [
        ("1", false, false, "10"),
        ("42", false, true, "40"),
        ("2", false, true, "0"),
        ("255", false, true, "253"),
        ("0", true, true, "10"),
    ] {
        fs::write(&status, exit).expect("our own file");
        director.await_states(&[("fixed", fixed), ("dynamic", dynamic)]);
        await_weight(&mut director, "dynamic", weight);
    }
    for (value, file, weight) in [("3", false, "16"), ("-4", false, "2"), ("-100", false, "0"), ("0", true, "10")] {
        fs::write(&number, value).expect("our own file");
        director.await_states(&[("file", file), ("weighs", true)]);
        await_weight(&mut director, "weighs", weight);
    }
    fs::write(&number, "-2000000000").expect("our own file");
    director.await_states(&[("weighs", false)]);
    fs::write(&number, "0").expect("our own file");
    director.await_states(&[("weighs", true)]);
}

fn await_weight(director: &mut Director, service: &str, weight: &str) {
    let row = (service.to_owned(), 1);
    wait_until(LIMIT, &format!("the weight of {service} is {weight}"), || {
        director.real_servers(7).get(&row).is_some_and(|now| now == weight)
    });
}

/// A host behind a cable that is unplugged, so that nothing answers.
#[test]
fn ping_check_and_a_cable() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let listener = director.client().enter(|| std::net::TcpListener::bind("[::]:80").expect("a free port"));
    for (name, address) in [("4", "10.9.0.100"), ("6", "fd09::100")] {
        for kind in ["PING", "TCP"] {
            let (service, other) = if name == "4" { ("10.1.9.1", "80") } else { ("fd01::1", "80") };
            let lines = format!("real_server {address} 80 {{\n {kind}_CHECK {{\n connect_timeout 0.5\n }}\n  }}");
            let port = if kind == "PING" { other } else { "81" };
            director.service_at(&format!("{kind}{name}"), &format!("{service} {port}"), &lines);
        }
    }
    director.start();
    let all = |up| ["PING4", "TCP4", "PING6", "TCP6"].map(|name| (name, up));
    director.await_states(&all(true));
    director.cable(false);
    director.await_states(&all(false));
    director.cable(true);
    director.await_states(&all(true));
    drop(listener);
    director.await_states(&[("PING4", true), ("TCP4", false), ("PING6", true), ("TCP6", false)]);
}
