//! Tests of both ends of a pair, in virtual time.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{Listener, Publisher, Report, Status, Subscription, pair};
use crate::bfd::{Bfd, Event, Received, Tables};
use crate::config::model::Config;
use crate::config::{Options, Outside, load};
use crate::notify::log::{self, Log};
use crate::reactor::{Reactor, Token};
use crate::state::{fixtures, to_sections};
use crate::wire::bfd::{Control, Diagnostic, State};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn reports_of_releases_in_use_are_read() {
    let report = Report { sessions: vec![Status { name: "s1".into(), up: true, detection: ms(300) }] };
    fixtures::check::<Report>("bfd-reports", &to_sections(&report).unwrap(), &["sessions"]);
}

/// Both ends of a pair. The detection time of a session that is up is 300 ms.
struct Ends {
    bfd: Bfd,
    publisher: Publisher,
    subscription: Subscription,
    reactor: Reactor,
    log: Log,
    _lines: log::Kept,
}

fn neighbor(number: usize) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(number).unwrap()).into()
}

/// Sessions with even numbers are reported to the checkers too.
fn configuration(sessions: usize) -> Config {
    let block = |number: usize| {
        let listeners = if number.is_multiple_of(2) { "" } else { "vrrp" };
        let to = neighbor(number);
        format!("bfd_instance s{number} {{\n neighbor_ip {to}\n min_rx 100\n min_tx 100\n {listeners}\n}}\n")
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), (1..=sessions).map(block).collect::<String>()).unwrap();
    let (path, config_id) = (file.path().to_owned(), String::new());
    load(&Options { path, config_id, directory: None, all_config: false, strict: false, outside: Outside::fixed() })
        .config
        .unwrap()
}

impl Ends {
    fn new(sessions: usize) -> Ends {
        let (log, lines) = log::keep();
        let mut ends = Ends {
            bfd: machine(sessions),
            publisher: Publisher::new(Token(1)),
            subscription: Subscription::new(Token(2)),
            reactor: Reactor::new().unwrap(),
            log,
            _lines: lines,
        };
        ends.connect(Listener::Vrrp, ms(0));
        ends
    }

    fn connect(&mut self, listener: Listener, now: Duration) {
        let (publishing, listening) = pair().unwrap();
        self.publisher.connect(listener, publishing, self.bfd.tables(), &self.reactor).unwrap();
        self.subscription.connect(listening, &self.reactor, now).unwrap();
    }

    fn changes(&mut self, now: Duration) -> Vec<(String, bool)> {
        self.publisher.flush(self.bfd.tables(), &self.log);
        self.subscription.news(now, &self.log)
    }

    /// Replaces the BFD process by one without listeners, as after a kill.
    fn replace_bfd(&mut self) {
        self.publisher = Publisher::new(Token(1));
    }

    /// Brings a session up by packets of its neighbor.
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
        self.publisher.mark(id);
    }
}

fn machine(sessions: usize) -> Bfd {
    let mut bfd = Bfd::new(Tables::new(configuration(sessions), String::new()), 1);
    bfd.handle(Event::Start, ms(0));
    bfd
}

fn one_change(name: &str, up: bool) -> Vec<(String, bool)> {
    vec![(name.to_owned(), up)]
}

#[test]
fn a_new_listener_is_sent_all_states_and_then_the_changes() {
    let mut ends = Ends::new(200);
    let first = ends.changes(ms(0));
    assert_eq!(first.len(), 200);
    assert!(first.iter().all(|(_, up)| !up));
    ends.up(77);
    assert_eq!(ends.changes(ms(1)), one_change("s77", true));
    assert_eq!(ends.changes(ms(2)), []);
    // A replacement of the listener, which knows no states.
    ends.subscription = Subscription::new(Token(2));
    ends.connect(Listener::Vrrp, ms(3));
    let again = ends.changes(ms(3));
    assert_eq!(again.iter().filter(|(_, up)| *up).count(), 1);
    assert_eq!(again.len(), 200);
}

#[test]
fn a_listener_is_sent_its_own_sessions_only() {
    let mut ends = Ends::new(3);
    ends.subscription = Subscription::new(Token(2));
    ends.connect(Listener::Checkers, ms(0));
    assert_eq!(ends.changes(ms(0)), one_change("s2", false));
}

#[test]
fn a_listener_that_does_not_read_is_sent_the_latest_states_later() {
    let mut ends = Ends::new(64);
    let mut rounds = 0;
    // Until the socket is full.
    loop {
        ends.publisher.mark_all(ends.bfd.tables());
        ends.publisher.flush(ends.bfd.tables(), &ends.log);
        rounds += 1;
        assert!(rounds < 10_000, "the socket is never full");
        if ends.publisher.links.values().any(|link| !link.unsent.is_empty()) {
            break;
        }
    }
    ends.up(64);
    ends.publisher.flush(ends.bfd.tables(), &ends.log);
    let mut changes = Vec::new();
    for _ in 0..10_000 {
        changes.extend(ends.changes(ms(1)));
    }
    assert_eq!(changes.last(), Some(&("s64".to_owned(), true)));
    assert_eq!(changes.len(), 65);
}

#[test]
fn a_replacement_of_the_bfd_process_within_the_detection_time_causes_no_change() {
    let mut ends = Ends::new(2);
    ends.up(1);
    assert_eq!(ends.changes(ms(0)).len(), 2);
    ends.replace_bfd();
    assert_eq!(ends.changes(ms(1000)), []);
    assert_eq!(ends.subscription.deadline(), Some(ms(1300)));
    assert_eq!(ends.changes(ms(1299)), []);
    ends.connect(Listener::Vrrp, ms(1299));
    assert_eq!(ends.changes(ms(1299)), []);
    assert_eq!(ends.subscription.deadline(), None);
    assert_eq!(ends.changes(ms(5000)), []);
}

#[test]
fn without_the_bfd_process_a_session_is_down_after_its_detection_time() {
    let mut ends = Ends::new(2);
    ends.up(1);
    ends.changes(ms(0));
    ends.replace_bfd();
    assert_eq!(ends.changes(ms(1000)), []);
    // A replacement that sends nothing does not extend the time.
    let (publishing, listening) = pair().unwrap();
    ends.subscription.connect(listening, &ends.reactor, ms(1200)).unwrap();
    assert_eq!(ends.changes(ms(1299)), []);
    assert_eq!(ends.changes(ms(1300)), one_change("s1", false));
    assert_eq!(ends.changes(ms(1400)), []);
    assert_eq!(ends.subscription.deadline(), None);
    drop(publishing);
    ends.connect(Listener::Vrrp, ms(2000));
    assert_eq!(ends.changes(ms(2000)), one_change("s1", true));
}

#[test]
fn a_session_that_is_removed_from_the_configuration_is_dropped() {
    let mut ends = Ends::new(2);
    ends.up(2);
    ends.changes(ms(0));
    ends.subscription.retain(&configuration(1).bfd);
    ends.replace_bfd();
    assert_eq!(ends.changes(ms(1)), []);
    assert_eq!(ends.subscription.deadline(), None);
}

#[test]
fn a_session_that_is_not_reported_is_down_after_a_second() {
    let mut ends = Ends::new(2);
    ends.up(1);
    ends.subscription.expect(["s1", "s2"].into_iter(), ms(100));
    assert!(ends.subscription.is_awake(), "the deadline was set");
    ends.connect(Listener::Vrrp, ms(200));
    assert_eq!(ends.changes(ms(200)), [one_change("s1", true), one_change("s2", false)].concat());
    assert_eq!(ends.subscription.statuses().collect::<Vec<_>>(), [("s1", true), ("s2", false)]);
    // Sessions that were reported before have no new deadline.
    ends.subscription.expect(["s1", "s2", "s3"].into_iter(), ms(1000));
    assert_eq!(ends.changes(ms(1999)), []);
    assert_eq!(ends.changes(ms(2000)), one_change("s3", false));
    assert_eq!(ends.subscription.deadline(), None);
}
