use super::*;
use crate::message::Stamp;
use crate::oid::Oid;
use crate::session::Notification;
use crate::value::VarBind;

const SEED: i32 = 1000;

fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn settings(inform: bool) -> Settings {
    let security = Security::Community(b"public".to_vec());
    Settings { inform, retries: 2, timeout: ms(1000), security }
}

fn notice(number: i32) -> Notice {
    let binds = vec![VarBind::new([1, 3, 6, 1, 9], number)];
    let notification = Notification { trap: Oid::new(&[1, 3, 6, 1]), binds };
    Notice::new(&notification, Duration::ZERO, &Stamp::new(Duration::ZERO)).unwrap()
}

fn target(inform: bool, notices: i32) -> Target {
    let mut target = Target::with_capacity(settings(inform), Arc::default(), SEED as u64, 100);
    (0..notices).for_each(|number| target.push(notice(number)));
    target
}

/// The datagrams that are sent at `now`: the number in the notification, and the `request-id`.
fn send(target: &mut Target, now: Duration) -> Vec<(u8, i32)> {
    let mut sent = Vec::new();
    target.tick(now);
    while let Some(datagram) = target.datagram(now) {
        let datagram = datagram.unwrap();
        // SEQUENCE, version, community, PDU: the request-id is the first item in it.
        let request = i32::from_be_bytes([0, 0, datagram[17], datagram[18]]);
        sent.push((*datagram.last().unwrap(), request));
        target.sent(now);
    }
    sent
}

fn acknowledge(target: &mut Target, request: i32, error: u8, now: Duration) {
    let [_, _, high, low] = request.to_be_bytes();
    target.receive(&[0x30, 20, 2, 1, 1, 4, 1, b'x', 0xa2, 12, 2, 2, high, low, 2, 1, error, 2, 1, 0, 0x30, 0], now);
}

fn events(target: &mut Target) -> Vec<Event> {
    std::iter::from_fn(|| target.poll_event()).collect()
}

fn counts(target: &Target) -> [u64; 5] {
    let of = |counts| target.counters.get(counts);
    [of(Counts::Queued), of(Counts::Sent), of(Counts::Acknowledged), of(Counts::Dropped), target.counters.waiting()]
}

#[test]
fn each_inform_waits_for_the_acknowledgement_of_the_one_before() {
    let mut target = target(true, 3);
    assert_eq!(send(&mut target, ms(0)), [(0, SEED)]);
    acknowledge(&mut target, SEED + 1, 0, ms(10));
    assert_eq!(send(&mut target, ms(10)), [], "that was another one");
    acknowledge(&mut target, SEED, 0, ms(10));
    assert_eq!(send(&mut target, ms(10)), [(1, SEED + 1)]);
    acknowledge(&mut target, SEED + 1, 0, ms(20));
    acknowledge(&mut target, SEED + 1, 0, ms(20));
    assert_eq!(send(&mut target, ms(20)), [(2, SEED + 2)]);
    assert_eq!(target.deadline(), Some(ms(1020)));
    acknowledge(&mut target, SEED + 2, 0, ms(30));
    assert_eq!((target.deadline(), target.waiting()), (None, 0));
    assert_eq!(counts(&target), [3, 3, 3, 0, 0]);
    assert_eq!(events(&mut target), []);
}

#[test]
fn a_silent_target_gets_all_informs_in_order_when_it_is_back() {
    let mut target = target(true, 50);
    let mut times = Vec::new();
    let (mut now, back) = (ms(0), Duration::from_secs(600));
    while now < back {
        assert!(send(&mut target, now).iter().all(|sent| *sent == (0, SEED)));
        times.push(now.as_millis());
        now = target.deadline().unwrap();
    }
    assert_eq!(times.get(..9), Some(&[0, 1000, 2000, 3000, 5000, 9000, 17_000, 33_000, 63_000][..]));
    assert_eq!(events(&mut target), [Event::Silent]);
    assert_eq!(counts(&target), [50, 1, 0, 0, 50]);
    assert!(target.is_silent());
    let mut got = Vec::new();
    for request in SEED.. {
        let sent = send(&mut target, now);
        if sent.is_empty() {
            break;
        }
        got.extend(sent);
        acknowledge(&mut target, request, 0, now);
    }
    assert_eq!(got, (0..50).map(|number| (number as u8, SEED + number)).collect::<Vec<_>>());
    assert_eq!(events(&mut target), [Event::Answers(49)]);
    assert_eq!(counts(&target), [50, 50, 50, 0, 0]);
}

#[test]
fn a_late_acknowledgement_counts() {
    let mut target = target(true, 2);
    send(&mut target, ms(0));
    target.tick(ms(1000));
    acknowledge(&mut target, SEED, 0, ms(1001));
    assert_eq!(send(&mut target, ms(1002)), [(1, SEED + 1)]);
}

#[test]
fn a_refused_inform_is_not_sent_again() {
    let mut target = target(true, 2);
    send(&mut target, ms(0));
    acknowledge(&mut target, SEED, 16, ms(1));
    assert_eq!(events(&mut target), [Event::Refused(16)]);
    assert_eq!(send(&mut target, ms(1)), [(1, SEED + 1)]);
    assert_eq!(counts(&target), [2, 2, 0, 1, 1]);
}

#[test]
fn a_full_queue_drops_the_oldest_unsent_notification() {
    let mut target = target(true, 100);
    send(&mut target, ms(0));
    (100..103).for_each(|number| target.push(notice(number)));
    assert_eq!(events(&mut target), [Event::Dropped(1)]);
    assert_eq!(counts(&target), [103, 1, 0, 3, 100]);
    assert_eq!(send(&mut target, ms(1000)), [(0, SEED)]);
    acknowledge(&mut target, SEED, 0, ms(1001));
    assert_eq!(events(&mut target), [Event::Dropped(2)]);
    assert_eq!(send(&mut target, ms(1001)), [(4, SEED + 1)], "the one that was sent stayed, and 1 to 3 were dropped");
}

#[test]
fn traps_are_sent_in_a_burst_and_then_one_a_millisecond() {
    let mut target = target(false, 90);
    let first = send(&mut target, ms(5000));
    assert_eq!(first.len(), BURST as usize + 1);
    assert_eq!(first[..2], [(0, SEED), (1, SEED + 1)]);
    assert_eq!(target.deadline(), Some(ms(5001)));
    assert_eq!(send(&mut target, ms(5001)).len(), 1);
    assert_eq!(send(&mut target, ms(5011)).len(), 10);
    assert_eq!(send(&mut target, ms(9000)).len(), BURST as usize + 1);
    assert_eq!(counts(&target), [90, 77, 0, 0, 13]);
}

#[test]
fn a_notification_that_the_system_refuses_to_send_is_kept() {
    for inform in [true, false] {
        let mut target = target(inform, 2);
        for (now, next) in [(0, 500), (500, 1500), (1500, 3500)] {
            assert!(target.datagram(ms(now)).is_some());
            target.refused(ms(now), std::io::ErrorKind::NetworkUnreachable);
            assert_eq!((target.datagram(ms(now)), target.deadline()), (None, Some(ms(next))));
        }
        assert_eq!(events(&mut target), [Event::CannotSend(std::io::ErrorKind::NetworkUnreachable)]);
        assert!(target.is_silent());
        assert_eq!(send(&mut target, ms(3500)).first(), Some(&(0, SEED)));
        assert!(!target.is_silent());
    }
}

#[test]
fn a_new_configuration_keeps_the_queue() {
    let mut target = target(true, 2);
    send(&mut target, ms(0));
    target.configure(Settings { security: Security::Community(b"other".to_vec()), ..settings(true) });
    let datagram = target.datagram(ms(1)).unwrap().unwrap();
    assert!(datagram.windows(5).any(|part| part == b"other"), "{datagram:?}");
    assert_eq!(datagram.last(), Some(&0));
    target.configure(settings(false));
    assert_eq!(send(&mut target, ms(2)), [(0, SEED), (1, SEED + 1)]);
}

#[test]
fn targets_are_addresses_or_names_with_a_port() {
    for (text, expected) in [
        ("192.0.2.1", "192.0.2.1:162"),
        ("192.0.2.1:10162", "192.0.2.1:10162"),
        ("2001:db8::1", "[2001:db8::1]:162"),
        ("[2001:db8::1]", "[2001:db8::1]:162"),
        ("[2001:db8::1]:99", "[2001:db8::1]:99"),
        ("nms.example.org", "nms.example.org:162"),
        ("nms:1162", "nms:1162"),
    ] {
        assert_eq!(text.parse::<Destination>().map(|to| to.to_string()), Ok(expected.to_owned()), "{text}");
    }
    for (text, error) in [
        ("nms:0", DestinationError::Port),
        ("nms:x", DestinationError::Port),
        ("[::1]x", DestinationError::Port),
        ("[::1", DestinationError::Brackets),
        ("[nms]", DestinationError::Brackets),
        ("", DestinationError::Host),
        ("n ms", DestinationError::Host),
        (":162", DestinationError::Host),
    ] {
        assert_eq!(text.parse::<Destination>(), Err(error), "{text}");
    }
}
