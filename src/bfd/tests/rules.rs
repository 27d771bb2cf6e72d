//! Tests of the rules for received packets (RFC 5880 section 6.8.6, RFC 5881, RFC 5883): packets that keep and break each
//! rule.

use std::time::Duration;

use super::link::{End, ID, Sent, address, config, ms, session};
use crate::bfd::{Cause, Change, Event, Received, Refusal, SessionId};
use crate::config::model::BfdInstance;
use crate::wire::bfd::{Control, Diagnostic, MULTIHOP_PORT, Malformed, PORT, State};

use State::{AdminDown, Down, Init, Up};

/// An end whose session was brought into a state by packets.
fn in_state(state: State) -> End {
    let mut end = End::started(session());
    match state {
        Down => {}
        Init => end.hear(end.packet(Down), ms(1)),
        _ => end.up(ms(1)),
    }
    assert_eq!(end.state(), state);
    end.sent.clear();
    end.changes.clear();
    end
}

#[test]
fn states_follow_the_state_of_the_other_end() {
    for (local, remote, expected) in [
        (Down, AdminDown, Down),
        (Down, Down, Init),
        (Down, Init, Up),
        (Down, Up, Down),
        (Init, AdminDown, Down),
        (Init, Down, Init),
        (Init, Init, Up),
        (Init, Up, Up),
        (Up, AdminDown, Down),
        (Up, Down, Down),
        (Up, Init, Up),
        (Up, Up, Up),
    ] {
        let mut end = in_state(local);
        end.hear(end.packet(remote), ms(500));
        assert_eq!(end.state(), expected, "{local:?}, received {remote:?}");
        let expected_changes: &[State] = if expected == local { &[] } else { &[expected] };
        assert_eq!(end.states(), expected_changes, "{local:?}, received {remote:?}");
        let left_up = expected == Down && local != Down;
        let diagnostic = if left_up { Diagnostic::NEIGHBOR_DOWN } else { Diagnostic::NONE };
        assert_eq!(end.row().diagnostic, diagnostic, "{local:?}, received {remote:?}");
        if let Some(Change::State { cause, .. }) =
            end.changes.iter().find(|change| matches!(change, Change::State { .. }))
        {
            assert_eq!(*cause, Cause::Remote(remote));
        }
    }
}

#[test]
fn a_session_that_goes_down_gets_another_discriminator() {
    for remote in [Down, AdminDown] {
        let mut end = in_state(Up);
        let (before, late) = (end.row().discriminator, end.packet(Up));
        end.hear(end.packet(remote), ms(500));
        assert_ne!(end.row().discriminator, before);
        // Packets still under way to the previous discriminator do not count.
        let heard = end.row().last_heard;
        end.hear(late, ms(501));
        assert_eq!((end.state(), end.row().last_heard), (Down, heard));
        assert_eq!(end.row().counters.refused, 1);
    }
    let mut end = in_state(Init);
    let before = end.row().discriminator;
    end.hear(end.packet(Up), ms(500));
    assert_eq!(end.row().discriminator, before, "a session that comes up keeps its discriminator");
}

#[test]
fn refused_packets_change_nothing() {
    let up = in_state(Up);
    let good = up.packet(Up).to_octets();
    let with = |at: usize, octet: u8| {
        let mut octets = good;
        octets[at] = octet;
        octets.to_vec()
    };
    let malformed = |why| Some(Refusal::Malformed(why));
    let (unknown, nameless) =
        (Control { your_discriminator: 1, ..up.packet(Up) }, { Control { your_discriminator: 0, ..up.packet(Down) } });
    let ttl = Some(Refusal::Ttl { ttl: 254, least: 255 });
    for (source, ttl_of, octets, expected) in [
        (1, 255, with(0, 0x40), malformed(Malformed::Version(2))),
        (1, 255, with(2, 0), malformed(Malformed::Multiplier)),
        (1, 255, good[..20].to_vec(), malformed(Malformed::Short(20))),
        (1, 255, Vec::new(), malformed(Malformed::Short(0))),
        (1, 254, good.to_vec(), ttl),
        (1, 254, nameless.to_octets().to_vec(), ttl),
        // A known sender with an unknown discriminator: usual after a session has gone down, and not reported.
        (1, 255, unknown.to_octets().to_vec(), None),
        (7, 255, unknown.to_octets().to_vec(), Some(Refusal::Discriminator(1))),
        (7, 255, nameless.to_octets().to_vec(), Some(Refusal::Neighbor { port: PORT })),
    ] {
        let mut end = in_state(Up);
        end.hear_from(address(source), ttl_of, &octets, ms(500));
        let id = (source == 1).then_some(ID);
        let report = expected.map(|refusal| Change::Refused { id, source: address(source), refusal, more: 0 });
        assert_eq!(end.changes, report.into_iter().collect::<Vec<_>>(), "{octets:02x?}");
        assert_eq!((end.state(), end.row().last_heard, end.sent.len()), (Up, Some(ms(1)), 0), "{octets:02x?}");
        let counted = (end.row().counters.refused, end.bfd.tables().strangers);
        assert_eq!(counted, if source == 1 { (1, 0) } else { (0, 1) });
    }
}

#[test]
fn packets_to_the_port_of_the_other_kind_of_session_are_refused() {
    for (multihop, yours) in [(false, true), (false, false), (true, true), (true, false)] {
        let mut end = End::started(BfdInstance { multihop, ..session() });
        assert_eq!(end.sent[0].port, if multihop { MULTIHOP_PORT } else { PORT });
        let good = end.packet(Down);
        let your_discriminator = if yours { good.your_discriminator } else { 0 };
        let octets = Control { your_discriminator, ..good }.to_octets();
        let (source, ttl, payload) = (address(1), 255, octets.as_slice());
        end.handle(Event::Packet(Received { multihop: !multihop, source, ttl, payload }), ms(1));
        assert_eq!(end.state(), Down, "multihop {multihop}, discriminator {yours}");
        end.handle(Event::Packet(Received { multihop, source, ttl, payload }), ms(2));
        assert_eq!(end.state(), Init, "multihop {multihop}, discriminator {yours}");
    }
}

#[test]
fn max_hops_limits_the_ttl() {
    for (ttl, max_hops, least) in [(255, Some(0), 255), (255, Some(3), 252), (64, Some(3), 61), (64, Some(64), 0)] {
        let taken = |ttl_of: u8| {
            let mut end = End::started(BfdInstance { ttl, max_hops, ..session() });
            assert_eq!(end.sent[0].ttl, ttl);
            end.hear_from(address(1), ttl_of, &end.packet(Down).to_octets(), ms(1));
            end.state() == Init
        };
        assert!(taken(least), "{ttl} {max_hops:?}");
        assert!(least == 0 || !taken(least - 1), "{ttl} {max_hops:?}");
    }
    let mut end = End::started(BfdInstance { max_hops: None, ..session() });
    end.hear_from(address(1), 1, &end.packet(Down).to_octets(), ms(1));
    assert_eq!(end.state(), Init);
}

#[test]
fn a_known_discriminator_takes_precedence_over_the_address() {
    // RFC 5880 section 6.3.
    let mut end = in_state(Up);
    end.hear_from(address(9), 255, &end.packet(Up).to_octets(), ms(300));
    assert_eq!(end.row().last_heard, Some(ms(300)));
}

#[test]
fn refusals_are_reported_once_a_minute_with_a_count() {
    let mut end = in_state(Up);
    let reports = |end: &mut End| {
        let refused = |change: &Change| match change {
            Change::Refused { id, more, .. } => Some((*id, *more)),
            _ => None,
        };
        std::mem::take(&mut end.changes).iter().filter_map(refused).collect::<Vec<_>>()
    };
    for n in 0..1000 {
        end.hear_from(address(1), 255, &[], ms(1000 + n));
        end.hear_from(address(usize::try_from(n % 200 + 2).unwrap()), 255, &[], ms(1000 + n));
    }
    assert_eq!(reports(&mut end), [(Some(ID), 0), (None, 0)]);
    end.hear_from(address(1), 255, &[], ms(61_000));
    end.hear_from(address(8), 255, &[], ms(61_000));
    assert_eq!(reports(&mut end), [(Some(ID), 999), (None, 999)]);
    assert_eq!((end.row().counters.refused, end.bfd.tables().strangers), (1001, 1001));
}

#[test]
fn only_a_poll_is_answered_at_once() {
    for state in [Down, Init, Up] {
        let mut end = in_state(Up);
        end.hear(end.packet(state), ms(200));
        assert!(end.sent.iter().all(|sent| !sent.packet.is_final), "{state:?}");
        let mut end = in_state(Up);
        end.hear(Control { poll: true, ..end.packet(state) }, ms(200));
        let [Sent { at, packet, .. }] = end.sent.as_slice() else { panic!("{:?}", end.sent) };
        assert_eq!((*at, packet.is_final, packet.poll), (ms(200), true, false));
        assert_eq!((packet.state, packet.your_discriminator), (end.state(), 0xb0b));
    }
}

#[test]
fn a_poll_sequence_lasts_until_its_answer() {
    let mut end = End::started(session());
    end.hear(end.packet(Down), ms(1));
    end.hear(end.packet(Init), ms(2));
    end.hear(end.packet(Up), ms(3));
    assert!(end.changes.contains(&Change::Poll(ID)));
    end.sent.clear();
    end.run_until(ms(280));
    assert!(end.sent.len() >= 2 && end.sent.iter().all(|sent| sent.packet.poll), "{:?}", end.sent);
    // The answer to a poll of the other end has no poll bit, and the poll sequence continues after it.
    end.sent.clear();
    end.hear(Control { poll: true, ..end.packet(Up) }, ms(281));
    end.run_until(ms(400));
    let bits: Vec<_> = end.sent.iter().map(|sent| (sent.packet.poll, sent.packet.is_final)).collect();
    assert_eq!(bits[..2], [(false, true), (true, false)]);
    end.hear(Control { is_final: true, ..end.packet(Up) }, ms(401));
    end.sent.clear();
    end.run_until(ms(600));
    assert!(!end.sent.is_empty() && end.sent.iter().all(|sent| !sent.packet.poll));
}

#[test]
fn an_unrequested_final_bit_changes_nothing() {
    let mut end = in_state(Up);
    end.hear(Control { is_final: true, ..end.packet(Up) }, ms(200));
    assert_eq!((end.state(), end.row().poll, end.changes.len(), end.sent.len()), (Up, false, 0, 0));
}

#[test]
fn a_passive_session_sends_only_while_the_other_end_is_heard() {
    let mut end = End::started(BfdInstance { passive: true, ..session() });
    assert!(end.sent.is_empty() && end.timers.is_empty());
    end.hear(Control { your_discriminator: 0, ..end.packet(Down) }, ms(5000));
    assert_eq!((end.sent.len(), end.state()), (1, Init));
    // Silent again when the detection time of 3 x 1 s has expired.
    end.run_until(ms(8000));
    assert_eq!((end.state(), end.row().remote), (Down, None));
    end.sent.clear();
    end.run_until(ms(60_000));
    assert!(end.sent.is_empty(), "{:?}", end.sent);
}

#[test]
fn an_end_that_wants_no_periodic_packets_gets_none() {
    let mut end = in_state(Up);
    end.hear(Control { required_min_rx: Duration::ZERO, ..end.packet(Up) }, ms(50));
    keep_up(&mut end, |packet| Control { required_min_rx: Duration::ZERO, ..packet });
    assert!(end.sent.is_empty(), "{:?}", end.sent);
    end.hear(end.packet(Up), ms(1100));
    end.run_until(ms(1300));
    assert!(!end.sent.is_empty());
}

#[test]
fn demand_mode_of_the_other_end_stops_periodic_packets_while_both_are_up() {
    let mut end = in_state(Up);
    end.hear(Control { demand: true, ..end.packet(Up) }, ms(50));
    keep_up(&mut end, |packet| Control { demand: true, ..packet });
    assert!(end.sent.is_empty(), "{:?}", end.sent);
    // A poll is still answered, and periodic packets resume when the other end leaves demand mode.
    end.hear(Control { demand: true, poll: true, ..end.packet(Up) }, ms(1050));
    assert_eq!(end.sent.len(), 1);
    end.hear(end.packet(Up), ms(1100));
    end.run_until(ms(1300));
    assert!(end.sent.len() > 1);
}

/// Handles a packet of the other end every 100 ms from 100 ms to 1000 ms.
fn keep_up(end: &mut End, with: impl Fn(Control) -> Control) {
    for at in (1..=10).map(|n| ms(n * 100)) {
        end.run_until(at);
        end.hear(with(end.packet(Up)), at);
    }
    assert_eq!(end.state(), Up);
}

#[test]
fn discriminators_are_unique() {
    let many: Vec<BfdInstance> =
        (1..200).map(|n| BfdInstance { name: format!("s{n}"), neighbor: address(n), ..session() }).collect();
    let end = End::new(config(&many), 1);
    let mut numbers: Vec<u32> = end.bfd.tables().sessions.values().map(|row| row.discriminator).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), many.len());
    assert!(!numbers.contains(&0));
    let other = End::new(config(&many), 2);
    let first = SessionId(1);
    let of = |end: &End| end.bfd.tables().sessions.get(&first).unwrap().discriminator;
    assert_ne!(of(&end), of(&other), "another seed gives other discriminators");
}
