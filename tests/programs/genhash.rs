//! `genhash` against servers of this host: digests, what it asks, what it shows, how it fails.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use openssl::ssl::{NameType, SniError, SslAcceptor, SslFiletype, SslMethod};

/// The MD5 of `hello world`.
const HELLO: &str = "5eb63bbbe01eeed093cb22bb8f5acdc3\n";
const REPLY: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 11\r\n\r\nhello world and what does not count";

/// Reads up to the empty line.
fn request(stream: &mut impl Read) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        text.extend(octet);
    }
    String::from_utf8(text).unwrap()
}

/// Serves one request; what was asked comes over the channel.
fn serve(reply: &'static [u8]) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        tell.send(request(&mut stream)).unwrap();
        let _ = stream.write_all(reply);
    });
    (address, told)
}

fn genhash(address: SocketAddr, more: &[&str]) -> Output {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    Command::new(env!("CARGO_BIN_EXE_genhash"))
        .args(["-s", &ip, "-p", &port, "-u", "/a b"])
        .args(more)
        .output()
        .unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[test]
fn the_digest_is_that_of_the_body_up_to_its_length() {
    let chunked: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n";
    let short: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\nhello world";
    for reply in [REPLY, chunked, short, b"HTTP/1.0 404 No\r\n\r\nhello world"] {
        let done = genhash(serve(reply).0, &[]);
        assert_eq!((text(&done.stdout).as_str(), done.status.code()), (HELLO, Some(0)), "{}", text(&done.stderr));
    }
}

#[test]
fn other_digests() {
    for (name, digest) in [
        ("md5", HELLO),
        ("sha1", "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed\n"),
        ("sha256", "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9\n"),
    ] {
        assert_eq!(text(&genhash(serve(REPLY).0, &["-H", name]).stdout), digest);
    }
}

#[test]
fn it_asks_as_a_checker_does() {
    for (more, number, connection, host) in [
        (&[][..], "1.0", "", None),
        (&["-P", "1.0c", "-V", "www.example.com"], "1.0", "Connection: close\r\n", Some("www.example.com")),
        (&["--protocol", "1.1", "--use-virtualhost=x"], "1.1", "Connection: close\r\n", Some("x")),
    ] {
        let (address, asked) = serve(REPLY);
        assert!(genhash(address, more).status.success());
        let host = host.map_or_else(|| address.to_string(), str::to_owned);
        let wanted =
            format!("GET /a b HTTP/{number}\r\nUser-Agent: KeepAliveClient\r\n{connection}Host: {host}\r\n\r\n");
        assert_eq!(asked.recv().unwrap(), wanted);
    }
}

#[test]
fn verbose_shows_header_and_body() {
    let shown = text(&genhash(serve(REPLY).0, &["-v"]).stdout);
    for part in
        ["HTTP/1.0 200 OK\nContent-Length: 11\n", "48 54 54 50 2f 31 2e 30", "68 65 6c 6c 6f 20", " hello world\n"]
    {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(shown.ends_with(&format!("\n{HELLO}")) && !shown.contains("does not count"), "{shown}");
}

#[test]
fn tls_with_and_without_a_name() {
    let directory = tempfile::tempdir().unwrap();
    let [certificate, key] = ["cert", "key"].map(|name| directory.path().join(name));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test", "-keyout"])
        .args([key.as_os_str(), "-out".as_ref(), certificate.as_os_str()])
        .output()
        .unwrap();
    assert!(made.status.success());
    for (more, name) in [(&["-S"][..], None), (&["-S", "-I", "-V", "www.example.com"], Some("www.example.com"))] {
        let mut acceptor = SslAcceptor::mozilla_intermediate(SslMethod::tls()).unwrap();
        acceptor.set_certificate_chain_file(&certificate).unwrap();
        acceptor.set_private_key_file(&key, SslFiletype::PEM).unwrap();
        acceptor.set_servername_callback(|_, _| Ok::<(), SniError>(()));
        let acceptor = acceptor.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut stream = acceptor.accept(listener.accept().unwrap().0).unwrap();
            request(&mut stream);
            stream.write_all(REPLY).unwrap();
            stream.ssl().servername(NameType::HOST_NAME).map(str::to_owned)
        });
        let done = genhash(address, more);
        assert_eq!(text(&done.stdout), HELLO, "{}", text(&done.stderr));
        assert_eq!(server.join().unwrap().as_deref(), name);
    }
}

#[test]
fn failures_are_told_and_exit_1() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for (address, more, reason) in [
        (free, &[][..], "Connection refused"),
        (silent.local_addr().unwrap(), &["-t", "1"], "no reply in 1 s"),
        (serve(b"").0, &[], "empty reply"),
        (serve(b"garbage that is no HTTP\n\n").0, &[], "genhash: "),
        (free, &["-P", "2"], "1.0c"),
        (free, &["--nonsense"], "--nonsense"),
    ] {
        let done = genhash(address, more);
        assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(1), ""), "{more:?}");
        assert!(text(&done.stderr).contains(reason), "{}", text(&done.stderr));
    }
}

#[test]
fn usage_and_release() {
    let run = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_genhash")).args(arguments).output().unwrap();
    for arguments in [&[][..], &["-h"], &["-s", "127.0.0.1", "-p", "80"]] {
        let done = run(arguments);
        assert_eq!(done.status.code(), Some(1), "{arguments:?}");
        assert!(text(&done.stderr).contains("--use-virtualhost"));
    }
    let done = run(&["-r"]);
    assert_eq!(text(&done.stdout), format!("genhash {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_tls_server_that_sends_without_end_does_not_hold_it() {
    for treat in [lab::hostile::hello_requests as fn(std::net::TcpStream), lab::hostile::tickets] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || treat(listener.accept().unwrap().0));
        let done = genhash(address, &["-S"]);
        let said = text(&done.stderr);
        assert!(said.contains("TLS: the server sends protocol messages without end"), "{said}");
        assert_eq!(done.status.code(), Some(1));
    }
}
