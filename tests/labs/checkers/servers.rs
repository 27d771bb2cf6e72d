//! Servers that misbehave.

use std::time::{Duration, Instant};

use lab::real::{self, HTTP, HTTPS, SMTP};
use lab::servers::{Manner, Relay};
use lab::{Director, holds_for, machine};

/// The body is read until the time-out and not stored.
#[test]
fn two_gigabytes_cost_no_memory() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let _server = real::nginx(director.router());
    for (name, port, kind) in [("HTTP", HTTP, "HTTP_GET"), ("HTTPS", HTTPS, "SSL_GET")] {
        for what in ["digest 0123456789abcdef0123456789abcdef", "regex \"x{5}\""] {
            let checker = format!("{kind} {{ url {{\n path /huge\n {what}\n }} }}");
            director.check(&format!("{name} {what}"), port, &checker);
        }
    }
    director.check("other", HTTP, "HTTP_GET { url {\n path /page\n } }");
    director.start();
    let before = director.memory();
    let services = ["HTTP", "HTTPS"]
        .map(|name| ["digest 0123456789abcdef0123456789abcdef", "regex \"x{5}\""].map(|what| format!("{name} {what}")));
    let mut states: Vec<(&str, bool)> = services.iter().flatten().map(|name| (name.as_str(), false)).collect();
    states.push(("other", true));
    director.await_states(&states);
    holds_for(Duration::from_secs(3), "memory is flat and the other server is up", || {
        director.memory() < before + 8 * 1024
    });
    director.await_states(&states);
}

/// Misbehaviour that no real server shows, each time followed by a recovery.
#[test]
fn servers_that_misbehave() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let _servers = (real::nginx(director.router()), real::smtp(director.router()));
    let urls = "url {\n path /page\n }";
    let kinds = [
        ("HTTP", HTTP, format!("HTTP_GET {{\n connect_timeout 0.5\n {urls} }}")),
        ("HTTPS", HTTPS, format!("SSL_GET {{\n connect_timeout 0.5\n {urls} }}")),
        ("SMTP", SMTP, "SMTP_CHECK {\n connect_timeout 0.5\n }".to_owned()),
    ];
    let mut relays = Vec::new();
    for (number, (name, real, checker)) in (9001..).zip(&kinds) {
        relays.push(Relay::start(director.netns(), number, *real));
        director.check(name, number, checker);
    }
    let tcp = Relay::start(director.netns(), 9000, HTTP);
    director.check("TCP", 9000, "TCP_CHECK { }");
    director.start();
    let all = |up| [("HTTP", up), ("HTTPS", up), ("SMTP", up), ("TCP", true)];
    director.await_states(&all(true));
    let before = director.memory();
    let manners = [
        Manner::Silent,
        Manner::Resets,
        Manner::HalfCloses(b""),
        Manner::HalfCloses(b"220"),
        Manner::Says(b"\0\x01\xff\xfe\r\n\r\n%n%s\n"),
        Manner::HalfCloses(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"),
        Manner::Says(b"HTTP/1.1 99999999999999999999 OK\r\nContent-Length: -1\r\n\r\n"),
        Manner::Says(b"220-hello\r\n220 you\r\n5"),
        // Refusals, followed by replies that would be right.
        Manner::Says(b"554 no\r\n250 ok\r\n221 bye\r\n"),
        Manner::Says(b"220 hello\r\n550 no\r\n221 bye\r\n"),
        Manner::Endless(b"", b"220-more\r\n"),
        Manner::Endless(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n"),
        Manner::Endless(b"HTTP/1.0 200 OK\r\n\r\n", b"0123456789abcdef"),
        Manner::Endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n"),
        // A TLS record without end.
        Manner::Endless(b"\x16\x03\x03\x40\x00", b"\0"),
        Manner::HelloRequests,
        Manner::Tickets,
    ];
    for manner in manners {
        for relay in relays.iter().chain([&tcp]) {
            relay.be(manner);
        }
        director.await_states(&all(false));
        let memory = director.memory();
        assert!(memory < before + 8 * 1024, "{manner:?}: memory grew from {before} to {memory} KiB");
        for relay in relays.iter().chain([&tcp]) {
            relay.be(Manner::Honest);
        }
        director.await_states(&all(true));
    }
}

/// A server that sends without end fails its own check and delays no other.
#[test]
fn endless_servers_delay_no_other_check() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let kinds = [
        ("HelloRequests", Manner::HelloRequests, "SSL_GET"),
        ("tickets", Manner::Tickets, "SSL_GET"),
        ("regex", Manner::Endless(b"HTTP/1.0 200 OK\r\n\r\n", b"a"), "HTTP_GET"),
        ("interim replies", Manner::Endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "HTTP_GET"),
        (
            "chunk extension",
            Manner::Endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
            "HTTP_GET",
        ),
    ];
    let mut relays = Vec::new();
    for (port, (name, manner, kind)) in (9001..).zip(kinds) {
        let relay = Relay::start(director.netns(), port, HTTP);
        relay.be(manner);
        relays.push(relay);
        let regex = if name == "regex" { r#"regex "(?>a*)(?>a*)\d""# } else { "" };
        director.check(name, port, &format!("{kind} {{\n url {{\n path /\n {regex}\n }} }}"));
    }
    let healthy = director.netns().enter(|| std::net::TcpListener::bind("127.0.0.1:9000").expect("a free port"));
    director.check("healthy", 9000, "TCP_CHECK { }");
    director.start();
    director.await_states(&[
        ("HelloRequests", false),
        ("tickets", false),
        ("regex", false),
        ("interim replies", false),
        ("chunk extension", false),
        ("healthy", true),
    ]);
    let (end, mut last) = (Instant::now() + Duration::from_secs(4), None::<Instant>);
    while Instant::now() < end {
        let _ = healthy.accept().expect("a check");
        if let Some(before) = last.replace(Instant::now()) {
            assert!(before.elapsed() < Duration::from_secs(3), "{:?} between checks every 0.2 s", before.elapsed());
        }
    }
    let log = director.log();
    for reason in [
        "protocol messages without end",
        "HTTP_GET of [127.0.0.1]:tcp:9003 failed: regex: ",
        "endless interim replies",
        "endless chunk header",
    ] {
        assert!(log.contains(reason), "{reason}: {log}");
    }
    let healthy_failed = log.lines().any(|line| line.contains(":9000 failed"));
    assert!(!healthy_failed, "{log}");
}
