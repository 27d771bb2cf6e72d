//! A server that sends without end does not delay other attempts or use more and more memory. This is a test program of
//! its own, because it measures its memory.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use crate::net_support::{Bed, key, target};
use keepalived::net::{NetEventKind, Transport};

fn serve(treat: impl FnOnce(std::net::TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || treat(listener.accept().unwrap().0));
    address
}

/// Resident memory of this process in octets.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn a_server_that_sends_without_end_does_not_block_the_loop() {
    let endless = serve(|mut stream| while stream.write_all(&[b'x'; 65536]).is_ok() {});
    let polite = serve(|mut stream| {
        let mut asked = [0; 3];
        stream.read_exact(&mut asked).unwrap();
        stream.write_all(b"done").unwrap();
    });
    let mut bed = Bed::new();
    bed.open(key(1), &target(endless), &Transport::Tcp);
    assert_eq!(bed.next(key(1)), NetEventKind::Connected);
    let mut received = 0usize;
    let mut turns = 0usize;
    let start = resident();
    while received < 64 << 20 {
        let events = bed.turn();
        turns += 1;
        let octets: usize =
            events.iter().map(|e| if let NetEventKind::Received(b) = &e.kind { b.len() } else { 0 }).sum();
        assert!(octets <= 8 * 4096, "{octets} in one turn");
        received += octets;
    }
    assert!(turns >= 2000, "{turns}");
    assert!(resident() < start + (16 << 20), "memory grows");
    bed.open(key(2), &target(polite), &Transport::Tcp);
    assert_eq!(bed.next(key(2)), NetEventKind::Connected);
    bed.send(key(2), b"ask");
    assert_eq!(bed.until_over(key(2)).0, b"done");
    bed.close(key(1));
    bed.quiet(Duration::from_millis(10));
}

#[test]
fn a_paused_attempt_is_not_read_until_it_is_resumed() {
    let endless = serve(|mut stream| while stream.write_all(&[b'x'; 65536]).is_ok() {});
    let mut bed = Bed::new();
    bed.open(key(1), &target(endless), &Transport::Tcp);
    assert_eq!(bed.next(key(1)), NetEventKind::Connected);
    for _ in 0..3 {
        assert!(matches!(bed.next(key(1)), NetEventKind::Received(_)));
        bed.pause(key(1));
        bed.quiet(Duration::from_millis(50));
        bed.resume(key(1));
    }
    bed.close(key(1));
}
