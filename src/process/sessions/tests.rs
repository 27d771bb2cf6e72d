//! Both ends of a pair, in virtual time.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{Hearer, Listener, Teller, pair};
use crate::bfd::{Bfd, Event, Received, Tables};
use crate::config::model::Config;
use crate::config::{Options, Outside, load};
use crate::notify::log::{self, Log};
use crate::reactor::{Reactor, Token};
use crate::wire::bfd::{Control, Diagnostic, State};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Both ends, with so many sessions; the detection time of a session that is up is 300 ms.
struct Ends {
    bfd: Bfd,
    teller: Teller,
    hearer: Hearer,
    reactor: Reactor,
    log: Log,
    _lines: log::Kept,
}

fn neighbor(number: usize) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(number).unwrap()).into()
}

/// Every second session is told to the checkers too.
fn configuration(sessions: usize) -> Config {
    let block = |number: usize| {
        let listeners = if number.is_multiple_of(2) { "" } else { "vrrp" };
        let to = neighbor(number);
        format!("bfd_instance s{number} {{\n neighbor_ip {to}\n min_rx 100\n min_tx 100\n {listeners}\n}}\n")
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), (1..=sessions).map(block).collect::<String>()).unwrap();
    let (path, config_id) = (file.path().to_owned(), String::new());
    load(&Options { path, config_id, all_config: false, strict: false, outside: Outside::fixed() }).config.unwrap()
}

impl Ends {
    fn new(sessions: usize) -> Ends {
        let (log, lines) = log::keep();
        let mut ends = Ends {
            bfd: machine(sessions),
            teller: Teller::new(Token(1)),
            hearer: Hearer::new(Token(2)),
            reactor: Reactor::new().unwrap(),
            log,
            _lines: lines,
        };
        ends.connect(Listener::Vrrp, ms(0));
        ends
    }

    fn connect(&mut self, listener: Listener, now: Duration) {
        let (telling, listening) = pair().unwrap();
        self.teller.connect(listener, telling, self.bfd.tables(), &self.reactor).unwrap();
        self.hearer.connect(listening, &self.reactor, now).unwrap();
    }

    fn hear(&mut self, now: Duration) -> Vec<(String, bool)> {
        self.teller.flush(self.bfd.tables(), &self.log);
        self.hearer.news(now, &self.log)
    }

    /// The BFD process is killed, and another one is in its place.
    fn replace_bfd(&mut self) {
        self.teller = Teller::new(Token(1));
    }

    /// Has a session go up by what its neighbour says.
    fn up(&mut self, number: usize) {
        let source = neighbor(number);
        let id = *self.bfd.tables().sessions.iter().find(|(_, row)| row.config.neighbor == source).unwrap().0;
        for state in [State::Down, State::Up] {
            let row = self.bfd.tables().sessions.get(&id).unwrap();
            let yours = if state == State::Down { 0 } else { row.discriminator };
            let packet = Control {
                diagnostic: Diagnostic::NONE,
                state,
                poll: false,
                is_final: false,
                control_plane_independent: false,
                demand: false,
                multiplier: 3,
                my_discriminator: 7,
                your_discriminator: yours,
                desired_min_tx: ms(100),
                required_min_rx: ms(100),
                required_min_echo_rx: ms(0),
            };
            let octets = packet.to_octets();
            let received = Received { multihop: false, source, ttl: 255, payload: &octets };
            self.bfd.handle(Event::Packet(received), ms(0));
        }
        assert!(self.bfd.tables().sessions.get(&id).unwrap().is_up());
        self.teller.mark(id);
    }
}

fn machine(sessions: usize) -> Bfd {
    let mut bfd = Bfd::new(Tables::new(configuration(sessions), String::new()), 1);
    bfd.handle(Event::Start, ms(0));
    bfd
}

fn told(name: &str, up: bool) -> Vec<(String, bool)> {
    vec![(name.to_owned(), up)]
}

#[test]
fn whoever_is_connected_is_told_everything_and_then_the_changes() {
    let mut ends = Ends::new(200);
    let first = ends.hear(ms(0));
    assert_eq!(first.len(), 200);
    assert!(first.iter().all(|(_, up)| !up));
    ends.up(77);
    assert_eq!(ends.hear(ms(1)), told("s77", true));
    assert_eq!(ends.hear(ms(2)), []);
    // Another listener in the place of the former, which knows nothing.
    ends.hearer = Hearer::new(Token(2));
    ends.connect(Listener::Vrrp, ms(3));
    let again = ends.hear(ms(3));
    assert_eq!(again.iter().filter(|(_, up)| *up).count(), 1);
    assert_eq!(again.len(), 200);
}

#[test]
fn a_listener_is_told_of_its_sessions_only() {
    let mut ends = Ends::new(3);
    ends.hearer = Hearer::new(Token(2));
    ends.connect(Listener::Checkers, ms(0));
    assert_eq!(ends.hear(ms(0)), told("s2", false));
}

#[test]
fn a_listener_that_does_not_read_is_told_later_how_things_stand_then() {
    let mut ends = Ends::new(64);
    let mut rounds = 0;
    // Until the socket is full.
    loop {
        ends.teller.mark_all(ends.bfd.tables());
        ends.teller.flush(ends.bfd.tables(), &ends.log);
        rounds += 1;
        assert!(rounds < 10_000, "the socket is never full");
        if ends.teller.links.values().any(|link| !link.untold.is_empty()) {
            break;
        }
    }
    ends.up(64);
    ends.teller.flush(ends.bfd.tables(), &ends.log);
    let mut heard = Vec::new();
    for _ in 0..10_000 {
        heard.extend(ends.hear(ms(1)));
    }
    assert_eq!(heard.last(), Some(&("s64".to_owned(), true)));
    assert_eq!(heard.len(), 65);
}

#[test]
fn a_replacement_that_is_there_in_time_is_no_news() {
    let mut ends = Ends::new(2);
    ends.up(1);
    assert_eq!(ends.hear(ms(0)).len(), 2);
    ends.replace_bfd();
    assert_eq!(ends.hear(ms(1000)), []);
    assert_eq!(ends.hearer.deadline(), Some(ms(1300)));
    assert_eq!(ends.hear(ms(1299)), []);
    ends.connect(Listener::Vrrp, ms(1299));
    assert_eq!(ends.hear(ms(1299)), []);
    assert_eq!(ends.hearer.deadline(), None);
    assert_eq!(ends.hear(ms(5000)), []);
}

#[test]
fn without_the_process_a_session_is_down_after_its_detection_time() {
    let mut ends = Ends::new(2);
    ends.up(1);
    ends.hear(ms(0));
    ends.replace_bfd();
    assert_eq!(ends.hear(ms(1000)), []);
    // One that starts and says nothing gives no more time.
    let (telling, listening) = pair().unwrap();
    ends.hearer.connect(listening, &ends.reactor, ms(1200)).unwrap();
    assert_eq!(ends.hear(ms(1299)), []);
    assert_eq!(ends.hear(ms(1300)), told("s1", false));
    assert_eq!(ends.hear(ms(1400)), []);
    assert_eq!(ends.hearer.deadline(), None);
    drop(telling);
    ends.connect(Listener::Vrrp, ms(2000));
    assert_eq!(ends.hear(ms(2000)), told("s1", true));
}

#[test]
fn a_session_that_is_not_configured_any_more_is_forgotten() {
    let mut ends = Ends::new(2);
    ends.up(2);
    ends.hear(ms(0));
    ends.hearer.retain(&configuration(1).bfd);
    ends.replace_bfd();
    assert_eq!(ends.hear(ms(1)), []);
    assert_eq!(ends.hearer.deadline(), None);
}
