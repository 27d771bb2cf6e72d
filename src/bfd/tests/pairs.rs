//! Tests of two machines on a link.

use std::time::Duration;

use super::link::{End, Link, address, config, ms, session};
use crate::bfd::{Bfd, Cause, Change, Checkpoint, Event, Indices, Tables};
use crate::config::model::BfdInstance;
use crate::state::{fixtures, from_sections, to_sections};
use crate::wire::bfd::{Diagnostic, State};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A link between two default sessions that are up.
fn up() -> Link {
    let mut link = Link::new([session(), session()]);
    link.run(secs(3));
    assert_eq!(link.states(), [State::Up; 2]);
    link.forget();
    link
}

#[test]
fn sessions_come_up_and_agree_on_the_intervals() {
    let a = BfdInstance { min_rx: ms(300), min_tx: ms(200), multiplier: 4, ..session() };
    let b = BfdInstance { min_rx: ms(150), min_tx: ms(250), multiplier: 5, ..session() };
    let mut link = Link::new([a, b]);
    link.run(ms(300));
    assert_eq!(link.states(), [State::Up; 2], "changes do not wait for the next second");
    link.run(secs(5));
    let [a, b] = &link.ends;
    assert_eq!((a.row().tx_interval(), b.row().tx_interval()), (ms(200), ms(300)));
    assert_eq!((a.row().detection_time, b.row().detection_time), (ms(1500), ms(800)));
    assert_eq!((a.row().remote_detection_time(), b.row().remote_detection_time()), (ms(800), ms(1500)));
    assert!(!a.row().poll && !b.row().poll, "the polls were answered");
    assert!(link.ends.iter().all(|end| end.states().last() == Some(&State::Up)));
}

#[test]
fn a_cut_link_takes_both_ends_down_within_the_detection_time_and_they_come_back() {
    let mut link = up();
    link.mute = [true; 2];
    link.run(ms(199));
    assert_eq!(link.states(), [State::Up; 2]);
    link.run(ms(102));
    assert_eq!(link.states(), [State::Down; 2]);
    for end in &link.ends {
        assert!(matches!(end.changes[0], Change::State { cause: Cause::Silence { .. }, .. }), "{:?}", end.changes);
    }
    link.mute = [false; 2];
    link.run(ms(2100));
    assert_eq!(link.states(), [State::Up; 2]);
}

#[test]
fn a_link_that_works_one_way_is_down_at_both_ends() {
    let mut link = up();
    link.mute = [true, false];
    link.run(ms(500));
    // The end that receives nothing signals it to the other.
    assert!(link.states().iter().all(|state| *state != State::Up));
    assert_eq!(link.ends[1].row().diagnostic, Diagnostic::EXPIRED);
    let first = link.ends[0].changes.iter().find(|change| matches!(change, Change::State { .. }));
    assert!(matches!(first, Some(Change::State { cause: Cause::Remote(State::Down), .. })), "{first:?}");
    link.forget();
    link.run(secs(30));
    assert!(link.ends.iter().all(|end| !end.states().contains(&State::Up)));
    link.mute = [false; 2];
    link.run(secs(3));
    assert_eq!(link.states(), [State::Up; 2]);
}

#[test]
fn two_passive_ends_stay_silent_and_one_active_end_is_enough() {
    let passive = BfdInstance { passive: true, ..session() };
    let mut link = Link::new([passive.clone(), passive.clone()]);
    link.run(secs(60));
    assert!(link.log.is_empty() && link.states() == [State::Down; 2]);
    let mut link = Link::new([passive, session()]);
    link.run(secs(1));
    assert_eq!(link.states(), [State::Up; 2]);
}

#[test]
fn multihop_at_one_end_only_stays_down() {
    let far = BfdInstance { multihop: true, ..session() };
    let mut link = Link::new([far.clone(), session()]);
    link.run(secs(10));
    assert_eq!(link.states(), [State::Down; 2]);
    let mut link = Link::new([far.clone(), far]);
    link.run(secs(1));
    assert_eq!(link.states(), [State::Up; 2]);
}

#[test]
fn multiplier_1_stays_up_on_a_link_that_loses_nothing() {
    let hasty = BfdInstance { multiplier: 1, ..session() };
    let mut link = Link::new([hasty.clone(), hasty]);
    link.run(secs(3));
    link.forget();
    link.run(secs(60));
    assert_eq!(link.states(), [State::Up; 2]);
    assert!(link.ends.iter().all(|end| end.states().is_empty()));
}

#[test]
fn a_stopping_end_sends_admin_down_and_the_other_goes_down_at_once() {
    let mut link = up();
    link.handle(0, Event::Stop);
    link.run(ms(2));
    assert_eq!(link.states(), [State::AdminDown, State::Down]);
    let down = link.ends[1].changes.iter().find(|change| matches!(change, Change::State { to: State::Down, .. }));
    let Some(Change::State { cause, diagnostic, remote_diagnostic, .. }) = down else { panic!("{down:?}") };
    assert_eq!(*cause, Cause::Remote(State::AdminDown));
    assert_eq!((*diagnostic, *remote_diagnostic), (Diagnostic::NEIGHBOR_DOWN, Diagnostic::ADMIN_DOWN));
    assert!(!link.ends[0].bfd.is_stopped());
    link.run(secs(1));
    assert!(link.ends[0].bfd.is_stopped());
    // AdminDown is sent three times, since packets may get lost, and nothing after that.
    let states: Vec<State> = link.packets(0).iter().map(|sent| sent.packet.state).collect();
    assert_eq!(states, [State::AdminDown; 3]);
    link.run(secs(60));
    assert_eq!(link.packets(0).len(), 3);
    assert!(link.ends[0].timers.is_empty());
}

#[test]
fn a_stop_takes_no_time_when_no_packet_was_ever_exchanged() {
    let mut end = End::started(BfdInstance { passive: true, ..session() });
    end.handle(Event::Stop, ms(5));
    assert!(end.bfd.is_stopped() && end.sent.is_empty());
    let mut slow = End::started(session());
    slow.handle(Event::Stop, ms(5));
    let last = slow.sent.last().unwrap();
    assert_eq!((last.packet.state, last.packet.diagnostic), (State::AdminDown, Diagnostic::ADMIN_DOWN));
    assert!(slow.bfd.is_stopped() && slow.sent.len() == 2, "a session that sends once a second sends AdminDown once");
    slow.hear(slow.packet(State::Down), ms(6));
    assert_eq!((slow.state(), slow.sent.len()), (State::AdminDown, 2));
}

/// Replaces an end that was killed by a new machine, which may resume from the encoded checkpoint.
fn replace(link: &mut Link, end: usize, resume: bool) {
    let checkpoint = to_sections(&link.ends[end].bfd.checkpoint()).unwrap();
    let indices = link.ends[end].bfd.tables().indices();
    let session = link.ends[end].row().config.clone();
    let mut bfd = Bfd::new(Tables::numbered(config(&[session]), "test".into(), indices), 99);
    if resume {
        bfd.resume(&from_sections(&checkpoint).unwrap().record);
    }
    link.ends[end] = End::of(bfd);
}

#[test]
fn a_replacement_resumes_without_the_other_end_noticing() {
    let mut link = up();
    let discriminators = [0, 1].map(|end: usize| link.ends[end].row().discriminator);
    link.run(ms(40));
    replace(&mut link, 0, true);
    // Half the detection time passes before the replacement starts.
    link.run(ms(150));
    link.handle(0, Event::Start);
    link.run(secs(10));
    assert_eq!(link.states(), [State::Up; 2]);
    assert!(link.ends.iter().all(|end| end.states().is_empty()), "{:?}", link.ends[1].changes);
    assert_eq!([0, 1].map(|end: usize| link.ends[end].row().discriminator), discriminators);
    // It detects a failure as fast as its predecessor would have.
    link.mute = [true; 2];
    link.run(ms(301));
    assert_eq!(link.states(), [State::Down; 2]);
}

/// Counters go on if the process has handed over in order.
#[test]
fn a_replacement_shows_the_past_of_its_predecessor() {
    for in_order in [true, false] {
        let mut link = up();
        link.run(secs(2));
        let (indices, before) = (link.ends[0].bfd.tables().indices(), link.ends[0].row().clone());
        assert!(before.counters.received > 5 && !before.since.is_zero(), "{before:?}");
        let old = &link.ends[0].bfd;
        let octets = to_sections(&if in_order { old.last_checkpoint() } else { old.checkpoint() }).unwrap();
        let tables = Tables::numbered(config(std::slice::from_ref(&before.config)), "test".into(), indices);
        let mut bfd = Bfd::new(tables, 99);
        bfd.resume(&from_sections(&octets).unwrap().record);
        let row = bfd.tables().sessions.values().next().unwrap();
        assert_eq!((row.state, row.since), (before.state, before.since));
        let expected = if in_order { (before.counters, before.last_heard) } else { Default::default() };
        assert_eq!((row.counters, row.last_heard), expected);
    }
}

#[test]
fn records_of_releases_in_use_are_read() {
    let mut link = up();
    link.run(secs(2));
    let bfd = &link.ends[0].bfd;
    fixtures::check::<Checkpoint>("bfd-states", &to_sections(&bfd.last_checkpoint()).unwrap(), &["sessions"]);
    fixtures::check::<Indices>("bfd-indices", &to_sections(&bfd.tables().indices()).unwrap(), &["sessions"]);
}

#[test]
fn a_replacement_goes_down_when_the_other_end_is_gone() {
    let mut link = up();
    link.mute[1] = true;
    replace(&mut link, 0, true);
    link.handle(0, Event::Start);
    link.run(ms(299));
    assert_eq!(link.states()[0], State::Up);
    link.run(ms(2));
    assert_eq!(link.states()[0], State::Down);
}

#[test]
fn without_a_checkpoint_the_session_starts_from_down() {
    let mut link = up();
    replace(&mut link, 0, false);
    link.handle(0, Event::Start);
    link.run(ms(500));
    assert_eq!(link.states(), [State::Up; 2]);
    assert_eq!(link.ends[1].states().first(), Some(&State::Down), "the other end notices a new session");
}

#[test]
fn a_checkpoint_applies_only_to_a_session_with_the_same_end_points() {
    let link = up();
    let checkpoint = link.ends[0].bfd.checkpoint();
    for (changed, resumes) in [
        (session(), true),
        (BfdInstance { min_rx: ms(70), weight: 5, ..session() }, true),
        (BfdInstance { neighbor: address(5), ..session() }, false),
        (BfdInstance { source: Some(address(0)), ..session() }, false),
        (BfdInstance { multihop: true, ..session() }, false),
    ] {
        let mut bfd = Bfd::new(Tables::new(config(std::slice::from_ref(&changed)), "test".into()), 5);
        bfd.resume(&checkpoint);
        assert_eq!(bfd.tables().sessions.values().next().unwrap().is_up(), resumes, "{changed:?}");
    }
}

#[test]
fn a_replacement_can_send_admin_down_in_place_of_its_predecessor() {
    let mut link = up();
    replace(&mut link, 0, true);
    link.handle(0, Event::Stop);
    link.run(ms(5));
    assert_eq!(link.states()[1], State::Down);
    assert_eq!(link.packets(0)[0].packet.state, State::AdminDown);
}

#[test]
fn a_replacement_continues_an_unanswered_poll() {
    let mut link = up();
    link.mute[0] = true;
    let slower = BfdInstance { min_tx: ms(400), ..link.ends[0].row().config.clone() };
    link.handle(0, Event::Configure(Box::new(config(&[slower]))));
    replace(&mut link, 0, true);
    link.handle(0, Event::Start);
    assert_eq!(link.ends[0].row().tx_interval(), ms(100), "the other end still expects the previous interval");
    link.mute[0] = false;
    link.run(ms(150));
    assert_eq!(link.ends[0].row().tx_interval(), ms(400));
    link.run(secs(5));
    assert!(link.ends.iter().all(|end| end.states().is_empty()));
}

#[test]
fn packets_that_change_no_state_do_not_change_the_checkpoint() {
    let mut link = up();
    let before = link.ends[0].bfd.checkpoint();
    link.run(secs(10));
    assert_eq!(link.ends[0].bfd.checkpoint(), before);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn no_checkpoint_causes_a_panic(at in proptest::prelude::any::<usize>(), octet in proptest::prelude::any::<u8>()) {
        let mut link = up();
        let mut octets = to_sections(&link.ends[0].bfd.last_checkpoint()).unwrap();
        let at = at % octets.len();
        octets[at] = octet;
        for octets in [&octets[..], &octets[..at]] {
            let Ok(opened) = from_sections(octets) else { continue };
            let session = link.ends[0].row().config.clone();
            let mut bfd = Bfd::new(Tables::new(config(&[session]), "test".into()), 99);
            bfd.resume(&opened.record);
            link.ends[0] = End::of(bfd);
            link.handle(0, Event::Start);
            link.run(secs(1));
        }
    }
}
