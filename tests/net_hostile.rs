//! TLS servers that send without end, and no data: control comes back each turn, and the attempt fails.
#![allow(clippy::unwrap_used, reason = "a test")]

mod net_support;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use keepalived::net::{Transport, What};
use net_support::{Bed, key, target};

fn serve(treat: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || treat(listener.accept().unwrap().0));
    address
}

/// Longest turn of the loop, on a machine that does other things too.
const LONGEST_TURN: Duration = Duration::from_millis(300);

#[test]
fn tls_without_data_comes_back_each_turn_and_fails() {
    let tls = Transport::Tls { sni: None, close_notify: false };
    for (name, treat) in
        [("HelloRequests", lab::hostile::hello_requests as fn(TcpStream)), ("session tickets", lab::hostile::tickets)]
    {
        let hostile = serve(treat);
        let mut bed = Bed::new();
        bed.open(key(1), &target(hostile), &tls);
        let (begin, mut turns, mut longest) = (Instant::now(), 0, Duration::ZERO);
        let end = loop {
            let turn = Instant::now();
            let events = bed.turn();
            (turns, longest) = (turns + 1, longest.max(turn.elapsed()));
            assert!(begin.elapsed() < Duration::from_secs(20), "{name}: no end in {turns} turns");
            if let Some(event) = events.into_iter().find(|event| event.what != What::Connected) {
                break event.what;
            }
        };
        let words = "TLS: the server sends protocol messages without end, and no data";
        assert_eq!(end, What::Failed(words.into()), "{name}");
        assert!(turns >= 5, "{name}: {turns} turns only");
        assert!(longest < LONGEST_TURN, "{name}: a turn took {longest:?}");
    }
}
