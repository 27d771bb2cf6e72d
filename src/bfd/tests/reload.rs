//! Tests of reloads.

use std::time::Duration;

use super::link::{End, ID, Link, address, config, ms, session};
use crate::bfd::{Cause, Change, Event, SessionId};
use crate::config::model::BfdInstance;
use crate::wire::bfd::State;

fn up(sessions: [BfdInstance; 2]) -> Link {
    let mut link = Link::new(sessions);
    link.run(Duration::from_secs(6));
    assert_eq!(link.states(), [State::Up; 2]);
    link.forget();
    link
}

/// Reloads an end with a changed configuration of its session.
fn reload(link: &mut Link, end: usize, with: impl Fn(BfdInstance) -> BfdInstance) {
    let before = link.ends[end].row().config.clone();
    link.handle(end, Event::Configure(Box::new(config(&[with(before)]))));
}

#[test]
fn an_unchanged_session_continues_without_an_extra_packet() {
    let mut link = up([session(), session()]);
    let before = link.ends[0].row().discriminator;
    reload(&mut link, 0, |session| session);
    assert!(link.log.is_empty(), "the reload causes no packet");
    link.run(Duration::from_secs(5));
    assert_eq!(link.ends[0].row().discriminator, before);
    assert!(link.ends.iter().all(|end| end.changes.is_empty()));
    assert!(link.log.iter().all(|(_, sent)| !sent.packet.poll && sent.packet.state == State::Up));
}

#[test]
fn a_poll_negotiates_new_intervals_and_the_session_stays_up() {
    let mut link = up([session(), session()]);
    reload(&mut link, 0, |session| BfdInstance { min_rx: ms(40), min_tx: ms(400), multiplier: 6, ..session });
    // Advertised at once, in force when the other end has answered.
    let first = &link.packets(0)[0].packet;
    assert!(first.poll && first.desired_min_tx == ms(400) && first.required_min_rx == ms(40) && first.multiplier == 6);
    assert_eq!((link.ends[0].row().tx_interval(), link.ends[0].row().remote_tx_interval()), (ms(100), ms(100)));
    link.run(ms(3));
    assert_eq!(link.ends[0].row().tx_interval(), ms(400));
    // The detection time follows the slower of the two intervals.
    assert_eq!((link.ends[0].row().detection_time, link.ends[1].row().detection_time), (ms(300), ms(2400)));
    link.run(Duration::from_secs(20));
    assert_eq!(link.states(), [State::Up; 2]);
    assert!(link.ends.iter().all(|end| end.states().is_empty()));
    assert!(link.ends[0].changes.contains(&Change::Poll(ID)));
}

#[test]
fn new_intervals_are_negotiated_on_a_link_that_loses_packets() {
    let patient = BfdInstance { multiplier: 20, ..session() };
    let mut link = up([patient.clone(), patient]);
    link.loss = 300;
    for (min_rx, min_tx) in [(40, 400), (400, 40), (100, 100)] {
        reload(&mut link, 0, |session| BfdInstance { min_rx: ms(min_rx), min_tx: ms(min_tx), ..session });
        link.run(Duration::from_secs(30));
        assert!(!link.ends[0].row().poll, "the poll was answered");
        assert_eq!(link.ends[0].row().in_force, link.ends[0].row().advertised());
    }
    assert!(link.ends.iter().all(|end| end.states().is_empty()));
}

#[test]
fn a_removed_session_sends_admin_down() {
    let mut link = up([session(), session()]);
    link.handle(0, Event::Configure(Box::new(config(&[]))));
    link.run(ms(2));
    assert_eq!(link.ends[1].state(), State::Down);
    assert_eq!((link.ends[0].closed.as_slice(), link.ends[0].bfd.tables().sessions.len()), (&[ID][..], 0));
    assert!(link.ends[0].timers.is_empty());
    link.run(Duration::from_secs(10));
    assert_eq!(link.packets(0).len(), 1);
}

#[test]
fn a_session_with_another_neighbor_restarts_under_its_name() {
    let mut link = up([session(), session()]);
    let before = link.ends[0].row().discriminator;
    reload(&mut link, 0, |session| BfdInstance { neighbor: address(5), ..session });
    let changes = &link.ends[0].changes;
    let [Change::State { from, to, cause, .. }] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((*from, *to, *cause), (State::Up, State::Down, Cause::Reconfigured));
    assert_ne!(link.ends[0].row().discriminator, before);
    assert_eq!(link.ends[0].closed, [ID]);
    let sent: Vec<_> = link.packets(0).iter().map(|sent| (sent.destination, sent.packet.state)).collect();
    assert_eq!(sent, [(address(1), State::AdminDown), (address(5), State::Down)]);
    // The former neighbour is an unknown sender now.
    link.run(ms(2));
    assert_eq!(link.ends[1].state(), State::Down);
    link.run(Duration::from_secs(3));
    assert!(link.ends[0].bfd.tables().strangers > 0 && link.states() == [State::Down; 2]);
}

#[test]
fn sessions_keep_their_indices_when_they_swap_neighbors() {
    let [a, b, c] = ["a", "b", "c"].map(|name| BfdInstance { name: name.into(), ..session() });
    let at = |session: &BfdInstance, end| BfdInstance { neighbor: address(end), ..session.clone() };
    let mut end = End::new(config(&[at(&a, 1), at(&b, 2)]), 1);
    end.handle(Event::Start, ms(0));
    end.handle(Event::Configure(Box::new(config(&[at(&b, 1), at(&c, 3)]))), ms(10));
    end.handle(Event::Configure(Box::new(config(&[at(&a, 2), at(&b, 1)]))), ms(20));
    let tables = end.bfd.tables();
    let rows: Vec<_> =
        tables.sessions.iter().map(|(id, row)| (id.0, row.config.name.as_str(), row.config.neighbor)).collect();
    assert_eq!(rows, [(2, "b", address(1)), (4, "a", address(2))]);
    for (id, from) in [(2, 1), (4, 2)] {
        let packet = end.packet_of(SessionId(id));
        end.hear_from(address(from), 255, &packet, ms(30));
        assert_eq!(end.bfd.tables().sessions.get(&SessionId(id)).unwrap().state, State::Init, "{id}");
    }
}

impl End {
    /// A first packet of the other end, which does not know the discriminator yet.
    fn packet_of(&self, id: SessionId) -> Vec<u8> {
        let row = self.bfd.tables().sessions.get(&id).unwrap();
        let mut packet = row.control(false);
        (packet.my_discriminator, packet.your_discriminator) = (77 + id.0, 0);
        packet.to_octets().to_vec()
    }
}

#[test]
fn a_configuration_before_the_start_sends_nothing() {
    let mut end = End::new(config(&[session()]), 1);
    let faster = BfdInstance { min_tx: ms(20), ..session() };
    end.handle(Event::Configure(Box::new(config(&[faster]))), ms(1));
    assert!(end.sent.is_empty() && end.timers.is_empty());
    end.handle(Event::Start, ms(2));
    assert_eq!(end.sent.len(), 1);
}
