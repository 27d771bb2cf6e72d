//! Connections to servers on this host: listening, refused, slow, sending garbage, half-closed.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use crate::net_support::{Bed, key, target};
use keepalived::config::lvs::{Source, TlsMaterial};
use keepalived::net::{NetEventKind, Tls, Transport};
use openssl::ssl::{NameType, SniError, SslAcceptor, SslFiletype, SslMethod};

/// Longest turn of the loop, on a busy machine.
const LONGEST_TURN: Duration = Duration::from_secs(2);

fn tls(sni: Option<&str>) -> Transport {
    Transport::Tls { sni: sni.map(str::to_owned), close_notify: false }
}

/// A server that handles one connection.
fn serve(treat: impl FnOnce(std::net::TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        if let Ok((stream, _)) = listener.accept() {
            treat(stream);
        }
    });
    address
}

#[test]
fn a_listening_server_answers() {
    let address = serve(|mut stream| {
        let mut request = [0; 5];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(b"hello ").unwrap();
        stream.write_all(&request).unwrap();
    });
    let mut bed = Bed::new();
    bed.open(key(1), &target(address), &Transport::Tcp);
    assert_eq!(bed.next(key(1)), NetEventKind::Connected);
    bed.send(key(1), b"world");
    assert_eq!(bed.until_over(key(1)), (b"hello world".to_vec(), NetEventKind::Closed));
    assert!(bed.connections.is_empty());
}

#[test]
fn data_sent_before_the_connection_is_established_arrives() {
    let address = serve(|mut stream| {
        let mut request = [0; 5];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(&request).unwrap();
    });
    let mut bed = Bed::new();
    bed.open(key(1), &target(address), &Transport::Tcp);
    bed.send(key(1), b"early");
    assert_eq!(bed.next(key(1)), NetEventKind::Connected);
    assert_eq!(bed.until_over(key(1)).0, b"early");
}

#[test]
fn a_port_without_a_server_is_refused() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut bed = Bed::new();
    for transport in [Transport::Tcp, tls(None)] {
        bed.open(key(1), &target(free), &transport);
        assert_eq!(bed.next(key(1)), NetEventKind::Failed("Connection refused".into()));
    }
}

#[test]
fn an_address_without_a_route_is_unreachable() {
    // A thread in a new network namespace, where no interface is up.
    let reasons = thread::spawn(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        let mut bed = Bed::new();
        [Transport::Tcp, tls(None), Transport::Udp, Transport::Ping].map(|transport| {
            bed.open(key(1), &target("192.0.2.1:80".parse().unwrap()), &transport);
            bed.next(key(1))
        })
    });
    for what in reasons.join().unwrap() {
        assert_eq!(what, NetEventKind::Failed("Network is unreachable".into()));
    }
}

#[test]
fn source_address_and_interface_of_the_target_are_used() {
    let address = serve(|mut stream| {
        let peer = stream.peer_addr().unwrap();
        write!(stream, "{peer}").unwrap();
    });
    let mut bed = Bed::new();
    let mut from = target(address);
    let source = |interface: &str| {
        let bind = Some("127.0.0.9:0".parse().unwrap());
        Some(Box::new(Source { bind, interface: Some(interface.into()), fwmark: 0 }))
    };
    from.source = source("lo");
    bed.open(key(1), &from, &Transport::Tcp);
    assert_eq!(bed.next(key(1)), NetEventKind::Connected);
    let (received, _) = bed.until_over(key(1));
    assert!(String::from_utf8(received).unwrap().starts_with("127.0.0.9:"));
    from.source = source("no-such-if0");
    bed.open(key(2), &from, &Transport::Tcp);
    assert_eq!(bed.next(key(2)), NetEventKind::Failed("No such device".into()));
}

#[test]
fn closing_resets_the_connection() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let address = serve(move |mut stream| {
        let end = stream.read(&mut [0; 16]).map_err(|e| e.kind());
        sender.send(end).unwrap();
    });
    let mut bed = Bed::new();
    bed.open(key(1), &target(address), &Transport::Tcp);
    assert_eq!(bed.next(key(1)), NetEventKind::Connected);
    bed.close(key(1));
    assert_eq!(receiver.recv().unwrap(), Err(std::io::ErrorKind::ConnectionReset));
    bed.quiet(Duration::from_millis(20));
}

#[test]
fn a_stale_key_does_nothing() {
    let address = serve(|mut stream| {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        stream.write_all(&byte).unwrap();
    });
    let mut bed = Bed::new();
    bed.open(key(1), &target(address), &Transport::Tcp);
    assert_eq!(bed.next(key(1)), NetEventKind::Connected);
    let old = keepalived::net::Key { id: 1, generation: 0 };
    bed.close(old);
    bed.send(old, b"old");
    bed.send(key(1), b"n");
    assert_eq!(bed.until_over(key(1)).0, b"n");
}

#[test]
fn a_second_attempt_replaces_the_first() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bed = Bed::new();
    let first = keepalived::net::Key { id: 1, generation: 7 };
    bed.open(first, &target(silent.local_addr().unwrap()), &Transport::Tcp);
    bed.open(key(1), &target(silent.local_addr().unwrap()), &Transport::Tcp);
    assert_eq!(bed.connections.len(), 1);
    assert_eq!(bed.next(key(1)), NetEventKind::Connected);
}

#[test]
fn a_server_that_does_not_read_fails_the_attempt_and_costs_little() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bed = Bed::new();
    bed.open(key(1), &target(listener.local_addr().unwrap()), &Transport::Tcp);
    assert_eq!(bed.next(key(1)), NetEventKind::Connected);
    for _ in 0..4096 {
        bed.send(key(1), &[b'x'; 16384]);
    }
    assert_eq!(bed.next(key(1)), NetEventKind::Failed("the server does not read the request".into()));
}

#[test]
fn udp_sends_datagrams_and_reports_port_unreachable() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut bed = Bed::new();
    bed.open(key(1), &target(server.local_addr().unwrap()), &Transport::Udp);
    assert_eq!(bed.next(key(1)), NetEventKind::Connected);
    bed.send(key(1), b"ask");
    let mut buffer = [0; 16];
    let (length, from) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"ask");
    for answer in [b"one".as_slice(), b"", &[7; 3000]] {
        server.send_to(answer, from).unwrap();
        assert_eq!(bed.next(key(1)), NetEventKind::Received(answer.to_vec()));
    }
    // A datagram that is not from the target is not received.
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"forged", from).unwrap();
    bed.quiet(Duration::from_millis(20));
    drop(server);
    // The kernel limits the rate of ICMP messages, which other tests cause too.
    let refused = (0..20).find_map(|_| {
        bed.send(key(1), b"ask");
        bed.next_within(key(1), Duration::from_secs(1))
    });
    assert_eq!(refused, Some(NetEventKind::Failed("Connection refused".into())));
}

#[test]
fn a_host_that_is_up_answers_pings() {
    let mut bed = Bed::new();
    for (n, address) in ["127.0.0.1", "::1"].into_iter().enumerate() {
        let to = SocketAddr::new(address.parse().unwrap(), 80);
        bed.open(key(n as u64), &target(to), &Transport::Ping);
        assert_eq!(bed.next(key(n as u64)), NetEventKind::Connected, "{address}");
    }
    assert!(bed.connections.is_empty());
}

#[test]
fn simultaneous_pings_each_get_their_own_reply() {
    let mut bed = Bed::new();
    for n in 0..50 {
        let to = "127.0.0.1:0".parse().unwrap();
        bed.open(key(n), &target(to), &Transport::Ping);
    }
    for n in 0..50 {
        assert_eq!(bed.next(key(n)), NetEventKind::Connected);
    }
}

/// Creates a certificate and its key, as PEM files.
fn certificate(directory: &std::path::Path) -> (String, String) {
    let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (certificate.to_str().unwrap().into(), key.to_str().unwrap().into())
}

/// A TLS server that answers with the server name of the ClientHello and 100 000 dots.
fn tls_server(directory: &std::path::Path) -> SocketAddr {
    let (certificate, key) = certificate(directory);
    let mut acceptor = SslAcceptor::mozilla_intermediate(SslMethod::tls()).unwrap();
    acceptor.set_certificate_chain_file(certificate).unwrap();
    acceptor.set_private_key_file(key, SslFiletype::PEM).unwrap();
    acceptor.set_servername_callback(|_, _| Ok::<(), SniError>(()));
    let acceptor = acceptor.build();
    serve(move |stream| {
        let mut stream = acceptor.accept(stream).unwrap();
        let mut request = [0; 3];
        stream.read_exact(&mut request).unwrap();
        let name = stream.ssl().servername(NameType::HOST_NAME).unwrap_or("none").to_owned();
        stream.write_all(name.as_bytes()).unwrap();
        // More than one record, so that some is still buffered when the socket is empty.
        stream.write_all(&[b'.'; 100_000]).unwrap();
        let _ = stream.read(&mut [0; 1]);
    })
}

#[test]
fn tls_connects_with_and_without_a_server_name() {
    for (sni, wanted) in [(Some("www.example.com"), "www.example.com"), (None, "none"), (Some("127.0.0.1"), "none")] {
        let directory = tempfile::tempdir().unwrap();
        let address = tls_server(directory.path());
        let mut bed = Bed::new();
        bed.open(key(1), &target(address), &tls(sni));
        assert_eq!(bed.next(key(1)), NetEventKind::Connected);
        bed.send(key(1), b"GET");
        let mut received = Vec::new();
        while received.len() < wanted.len() + 100_000 {
            match bed.next(key(1)) {
                NetEventKind::Received(bytes) => received.extend(bytes),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(String::from_utf8_lossy(&received[..wanted.len() + 1]), format!("{wanted}."));
        bed.close(key(1));
    }
}

#[test]
fn close_notify_is_sent_if_requested() {
    for close_notify in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, private) = certificate(directory.path());
        let mut acceptor = SslAcceptor::mozilla_intermediate(SslMethod::tls()).unwrap();
        acceptor.set_certificate_chain_file(certificate).unwrap();
        acceptor.set_private_key_file(private, SslFiletype::PEM).unwrap();
        let acceptor = acceptor.build();
        let (sender, receiver) = std::sync::mpsc::channel();
        let address = serve(move |stream| {
            let mut stream = acceptor.accept(stream).unwrap();
            sender.send(stream.ssl_read(&mut [0; 1]).map_err(|e| e.code())).unwrap();
        });
        let mut bed = Bed::new();
        bed.open(key(1), &target(address), &Transport::Tls { sni: None, close_notify });
        assert_eq!(bed.next(key(1)), NetEventKind::Connected);
        bed.close(key(1));
        let end = receiver.recv().unwrap();
        assert_eq!(end == Err(openssl::ssl::ErrorCode::ZERO_RETURN), close_notify, "{end:?}");
    }
}

#[test]
fn garbage_instead_of_tls_fails_and_silence_lasts_until_the_caller_closes() {
    let mut bed = Bed::new();
    for garbage in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0; 5000],
        vec![0xff; 5000],
        b"\x16\x03\x03\xff\xff".repeat(9000),
    ] {
        let address = serve(move |mut stream| {
            let _ = stream.write_all(&garbage);
            let _ = stream.read(&mut [0; 4096]);
        });
        bed.open(key(1), &target(address), &tls(None));
        let NetEventKind::Failed(reason) = bed.next(key(1)) else { panic!("connected") };
        assert!(reason.starts_with("TLS: ") || reason == "Connection reset by peer", "{reason}");
    }
    let half = serve(|stream| stream.shutdown(std::net::Shutdown::Write).unwrap());
    bed.open(key(1), &target(half), &tls(None));
    assert!(matches!(bed.next(key(1)), NetEventKind::Failed(_)));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    bed.open(key(2), &target(silent.local_addr().unwrap()), &tls(None));
    bed.quiet(Duration::from_millis(30));
    bed.close(key(2));
    assert!(bed.connections.is_empty());
}

#[test]
fn endless_tls_messages_without_data_fail_and_do_not_block_the_loop() {
    for (name, treat) in [
        ("HelloRequests", lab::hostile::hello_requests as fn(std::net::TcpStream)),
        ("session tickets", lab::hostile::tickets),
    ] {
        let hostile = serve(treat);
        let mut bed = Bed::new();
        bed.open(key(1), &target(hostile), &tls(None));
        let (begin, mut turns, mut longest) = (Instant::now(), 0, Duration::ZERO);
        let end = loop {
            let turn = Instant::now();
            let events = bed.turn();
            (turns, longest) = (turns + 1, longest.max(turn.elapsed()));
            assert!(begin.elapsed() < Duration::from_secs(20), "{name}: no end in {turns} turns");
            if let Some(event) = events.into_iter().find(|event| event.kind != NetEventKind::Connected) {
                break event.kind;
            }
        };
        let reason = "TLS: the server sends protocol messages without end and without data";
        assert_eq!(end, NetEventKind::Failed(reason.into()), "{name}");
        assert!(turns >= 5, "{name}: {turns} turns only");
        assert!(longest < LONGEST_TURN, "{name}: a turn took {longest:?}");
    }
}

#[test]
fn a_tls_1_0_server_is_supported() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, private) = certificate(directory.path());
    let mut context = openssl::ssl::SslContext::builder(SslMethod::tls_server()).unwrap();
    context.set_cipher_list("AES128-SHA:@SECLEVEL=0").unwrap();
    context.set_max_proto_version(Some(openssl::ssl::SslVersion::TLS1)).unwrap();
    context.set_min_proto_version(Some(openssl::ssl::SslVersion::TLS1)).unwrap();
    context.set_certificate_chain_file(certificate).unwrap();
    context.set_private_key_file(private, SslFiletype::PEM).unwrap();
    let context = context.build();
    let address = serve(move |stream| {
        let mut stream = openssl::ssl::Ssl::new(&context).unwrap().accept(stream).unwrap();
        stream.write_all(b"old").unwrap();
        stream.shutdown().unwrap();
    });
    let mut bed = Bed::new();
    bed.open(key(1), &target(address), &tls(None));
    assert_eq!(bed.next(key(1)), NetEventKind::Connected);
    assert_eq!(bed.until_over(key(1)), (b"old".to_vec(), NetEventKind::Closed));
}

#[test]
fn an_unusable_file_is_named_in_the_error_without_the_pass_phrase() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, private) = certificate(directory.path());
    let good = TlsMaterial { certificate: Some(certificate.clone()), key: Some(private.clone()), ..Default::default() };
    assert!(Tls::new(&good).is_ok());
    let der = directory.path().join("cert.der");
    let octets = openssl::x509::X509::from_pem(&std::fs::read(&certificate).unwrap()).unwrap().to_der().unwrap();
    std::fs::write(&der, octets).unwrap();
    assert!(Tls::new(&TlsMaterial { certificate: Some(der.to_str().unwrap().into()), ..good.clone() }).is_ok());
    // A FIFO without a writer.
    let fifo = directory.path().join("fifo").to_str().unwrap().to_owned();
    nix::unistd::mkfifo(fifo.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let not_regular = |keyword: &str| format!("SSL {keyword} {fifo}: it is not a regular file");
    for (material, text) in [
        (TlsMaterial { ca: Some(fifo.clone()), ..good.clone() }, not_regular("ca")),
        (TlsMaterial { certificate: Some(fifo.clone()), ..good.clone() }, not_regular("certificate")),
        (TlsMaterial { key: Some(fifo.clone()), ..good.clone() }, not_regular("key")),
    ] {
        assert_eq!(Tls::new(&material).unwrap_err().to_string(), text);
    }
    for (material, text) in [
        (TlsMaterial { ca: Some("/nowhere/ca".into()), ..good.clone() }, "SSL ca /nowhere/ca"),
        (TlsMaterial { ca: Some(private.clone()), ..good.clone() }, "SSL ca "),
        (TlsMaterial { certificate: Some(private.clone()), ..good.clone() }, "SSL certificate "),
        (TlsMaterial { key: Some(certificate), ..good.clone() }, "SSL key "),
        (TlsMaterial { key: Some("/nowhere/key".into()), ..good.clone() }, "SSL key /nowhere/key: No such file"),
    ] {
        let error = Tls::new(&material).unwrap_err().to_string();
        assert!(error.starts_with(text), "{error}");
    }
}
