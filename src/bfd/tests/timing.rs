//! Tests of intervals, jitter and detection (RFC 5880 sections 6.8.2 to 6.8.4 and 6.8.7).

use std::time::Duration;

use super::link::{End, ID, ms, session};
use crate::bfd::{Cause, Change, Event, TimerKey};
use crate::config::model::BfdInstance;
use crate::wire::bfd::{Control, Diagnostic, State};

#[test]
fn the_slower_end_determines_the_interval_and_the_sender_the_multiplier() {
    // Own min_rx, min_tx and multiplier; min_tx, min_rx and multiplier of the other end; interval sent, detection time
    // here, detection time at the other end.
    for (min_rx, min_tx, multiplier, theirs, sends, detects, detected) in [
        (300, 200, 4, (250, 150, 5), 200, 1500, 800),
        (300, 200, 3, (200, 300, 3), 300, 900, 900),
        (500, 500, 5, (500, 500, 5), 500, 2500, 2500),
        (300, 200, 4, (400, 150, 6), 200, 2400, 800),
        (10, 10, 255, (1, 1, 1), 10, 10, 2550),
    ] {
        let mut end = End::started(BfdInstance { min_rx: ms(min_rx), min_tx: ms(min_tx), multiplier, ..session() });
        end.up(ms(1));
        let (their_tx, their_rx, their_multiplier) = theirs;
        end.hear(
            Control {
                desired_min_tx: ms(their_tx),
                required_min_rx: ms(their_rx),
                multiplier: their_multiplier,
                ..end.packet(State::Up)
            },
            ms(2),
        );
        let row = end.row();
        assert_eq!(
            (row.tx_interval(), row.detection_time, row.remote_detection_time()),
            (ms(sends), ms(detects), ms(detected))
        );
    }
}

#[test]
fn a_session_goes_down_after_the_detection_time_and_not_before() {
    let mut end = End::started(session());
    end.up(ms(1000));
    let was = end.row().discriminator;
    end.run_until(ms(1299));
    assert_eq!(end.state(), State::Up);
    end.run_until(ms(1300));
    assert_eq!(end.state(), State::Down);
    let down = end.changes.iter().find(|change| matches!(change, Change::State { .. }));
    let expected = Change::State {
        id: ID,
        from: State::Up,
        to: State::Down,
        cause: Cause::Silence { elapsed: ms(300), overdue: Duration::ZERO },
        diagnostic: Diagnostic::EXPIRED,
        remote_diagnostic: Diagnostic::NONE,
    };
    assert_eq!(down, Some(&expected));
    // Down is sent at once, with the diagnostic, a new discriminator and without the other end's discriminator.
    let last = end.sent.last().unwrap();
    assert_eq!((last.at, last.packet.state, last.packet.diagnostic), (ms(1300), State::Down, Diagnostic::EXPIRED));
    assert_eq!(last.packet.your_discriminator, 0);
    assert!(last.packet.my_discriminator != was && last.packet.desired_min_tx == ms(1000));
}

#[test]
fn a_session_in_init_goes_down_too() {
    let mut end = End::started(session());
    end.hear(end.packet(State::Down), ms(10));
    assert_eq!(end.state(), State::Init);
    end.run_until(ms(3009));
    assert_eq!(end.state(), State::Init);
    end.run_until(ms(3010));
    assert_eq!((end.state(), end.row().diagnostic), (State::Down, Diagnostic::EXPIRED));
}

#[test]
fn a_late_timer_takes_no_session_down_when_packets_are_handled_first() {
    // The process did not run for ten seconds, and a packet waited in the socket.
    let mut end = End::started(session());
    end.up(ms(1000));
    let late = ms(11_000);
    end.hear(end.packet(State::Up), late);
    end.handle(Event::Timer(TimerKey::Detection(ID)), late);
    end.handle(Event::Timer(TimerKey::Send(ID)), late);
    assert_eq!((end.state(), end.states()), (State::Up, vec![]));
    // From then on the full detection time applies again.
    end.run_until(ms(11_299));
    assert_eq!(end.state(), State::Up);
    end.run_until(ms(11_300));
    assert_eq!(end.state(), State::Down);
}

#[test]
fn a_late_detection_reports_how_late_it_is() {
    let mut end = End::started(session());
    end.up(ms(1000));
    end.handle(Event::Timer(TimerKey::Detection(ID)), ms(1342));
    let silence = Cause::Silence { elapsed: ms(342), overdue: ms(42) };
    assert!(end.changes.iter().any(|change| matches!(change, Change::State { cause, .. } if *cause == silence)));
}

#[test]
fn jitter_reduces_the_interval_by_up_to_a_quarter() {
    for (multiplier, most) in [(3, 100), (1, 90)] {
        let mut end = End::started(BfdInstance { multiplier, ..session() });
        end.up(ms(1));
        for n in 1..=200 {
            end.hear(end.packet(State::Up), ms(n * 50));
            end.run_until(ms(n * 50));
        }
        let times: Vec<Duration> = end.sent.iter().map(|sent| sent.at).collect();
        let gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (least, longest) = (*gaps.iter().min().unwrap(), *gaps.iter().max().unwrap());
        assert!(gaps.len() > 90 && least >= ms(75) && longest <= ms(most), "{multiplier}: {least:?} {longest:?}");
        assert!(longest - least > ms((most - 75) / 2), "{multiplier}: {least:?} {longest:?} are hardly spread");
    }
}

#[test]
fn a_session_that_is_not_up_sends_once_a_second() {
    let mut end = End::started(session());
    end.run_until(ms(20_000));
    assert!((20..=28).contains(&end.sent.len()), "{}", end.sent.len());
    assert!(end.sent.iter().all(|sent| sent.packet.desired_min_tx == ms(1000)));
    let mut slow = End::started(BfdInstance { idle_tx: ms(5000), ..session() });
    slow.run_until(ms(20_000));
    assert!((5..=6).contains(&slow.sent.len()), "{}", slow.sent.len());
}

#[test]
fn state_changes_are_sent_at_once_but_at_a_limited_rate() {
    let mut end = End::started(session());
    end.run_until(ms(2500));
    end.sent.clear();
    // 1000 state changes in a second.
    for n in 0..500 {
        end.run_until(ms(3000 + n * 2));
        end.hear(end.packet(State::Down), ms(3000 + n * 2));
        end.hear(end.packet(State::AdminDown), ms(3001 + n * 2));
    }
    let sent: Vec<_> = end.sent.iter().filter(|sent| sent.at >= ms(3000)).collect();
    assert_eq!((sent[0].at, sent[0].packet.state), (ms(3000), State::Init), "the first change is sent at once");
    assert!((9..=12).contains(&sent.len()), "{}", sent.len());
}

#[test]
fn packets_sent_ahead_of_time_do_not_delay_the_next_one() {
    // With multiplier 1 the other end waits for one interval of a second; the next packet must come 10 % earlier.
    let mut end = End::started(BfdInstance { multiplier: 1, min_tx: ms(5000), ..session() });
    for n in 1..=200 {
        end.run_until(ms(n * 50));
        end.hear(end.packet(if n % 2 == 0 { State::AdminDown } else { State::Down }), ms(n * 50));
    }
    let times: Vec<Duration> = end.sent.iter().map(|sent| sent.at).collect();
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest <= ms(900), "{longest:?}");
}

#[test]
fn a_longer_interval_waits_for_the_final_bit_and_a_shorter_one_does_not() {
    // min_tx is above idle_tx: the interval becomes longer when the session comes up.
    let mut end = End::started(BfdInstance { min_tx: ms(5000), ..session() });
    end.hear(end.packet(State::Down), ms(1));
    end.hear(end.packet(State::Init), ms(2));
    end.hear(end.packet(State::Up), ms(3));
    assert_eq!((end.row().advertised().min_tx, end.row().tx_interval()), (ms(5000), ms(1000)));
    end.hear(Control { is_final: true, ..end.packet(State::Up) }, ms(4));
    assert_eq!(end.row().tx_interval(), ms(5000));
    let mut end = End::started(session());
    end.hear(end.packet(State::Down), ms(1));
    end.hear(end.packet(State::Init), ms(2));
    assert_eq!((end.row().poll, end.row().tx_interval()), (true, ms(100)));
}

#[test]
fn a_shorter_interval_of_the_other_end_takes_effect_before_the_next_packet() {
    let mut end = End::started(session());
    end.up(ms(1));
    end.hear(Control { required_min_rx: ms(2000), ..end.packet(State::Up) }, ms(150));
    end.sent.clear();
    for n in 2..=6 {
        end.hear(Control { required_min_rx: ms(2000), ..end.packet(State::Up) }, ms(n * 100));
    }
    assert!(end.sent.is_empty());
    end.hear(end.packet(State::Up), ms(650));
    end.run_until(ms(700));
    assert!(!end.sent.is_empty(), "the next packet does not wait for the rest of the two seconds");
}

#[test]
fn a_failed_send_is_reported_once_until_sending_works_again() {
    let mut end = End::started(session());
    for result in [Err("No route"), Err("No route"), Ok(()), Ok(()), Err("Denied")] {
        end.handle(Event::Sent(ID, result.map_err(str::to_owned)), ms(1));
    }
    let failed = |error: &str| Change::SendFailed { id: ID, error: error.into() };
    assert_eq!(end.changes, [failed("No route"), Change::SendWorks(ID), failed("Denied")]);
    assert_eq!(end.row().send_error.as_deref(), Some("Denied"));
}
