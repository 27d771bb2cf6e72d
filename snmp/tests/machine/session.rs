//! The session state machine against a mock master, in virtual time.

use std::io::ErrorKind;
use std::time::Duration;

use snmp::{Config, Event, Lost, Notification, Oid, Refused, Registration, Value, VarBind};

use crate::mock::*;

const SECOND: Duration = Duration::from_secs(1);

fn trap(number: u32) -> Notification {
    Notification { trap: Oid::new(&ROOT).join(&[0, number]), binds: vec![VarBind::new(ROOT, Value::Gauge32(number))] }
}

/// The number of the [`trap`] in a Notify PDU, and its sysUpTime.
fn trap_in(received: &Received) -> (u32, Option<Value>) {
    let binds = received.binds();
    let Some(Value::Gauge32(number)) = binds.last().map(|bind| bind.value.clone()) else {
        panic!("{binds:?}");
    };
    let up_time = binds.iter().find(|bind| bind.name.to_string() == ".1.3.6.1.2.1.1.3.0");
    (number, up_time.map(|bind| bind.value.clone()))
}

#[test]
fn a_session_opens_adds_capabilities_and_registers_each_subtree() {
    let mut bench = Bench::new(Config {
        description: "test".to_owned(),
        capabilities: vec![(Oid::new(&ROOT), "all of it".to_owned())],
        registrations: [1, 2].map(|n| Registration { subtree: Oid::new(&ROOT).child(n), priority: 100 }).to_vec(),
        ..Config::default()
    });
    assert!(bench.session.poll_connect(bench.now));
    assert!(!bench.session.poll_connect(bench.now), "one attempt at a time");
    bench.session.connected(bench.now);
    assert_eq!(kinds(&bench.answer_all(0)), [OPEN]);
    let asked = bench.answer_all(0);
    assert_eq!(kinds(&asked), [ADD_AGENT_CAPS, REGISTER, REGISTER]);
    assert!(asked.iter().all(|asked| asked.head.session == SESSION && asked.head.flags == 0x10));
    assert_eq!(asked[1].payload[..4], [0, 100, 0, 0]);
    assert_eq!(bench.session.poll_event(), Some(Event::Up { registered: 2 }));
    assert!(bench.session.is_up());
}

#[test]
fn a_refused_registration_is_reported_once_and_tried_again() {
    let registrations = vec![Registration { subtree: Oid::new(&ROOT), priority: 127 }];
    let mut bench = Bench::new(Config { registrations, ..Config::default() });
    bench.session.poll_connect(bench.now);
    bench.session.connected(bench.now);
    bench.answer_all(0);
    bench.answer_all(263);
    let what = Refused::Registration(Oid::new(&ROOT));
    assert_eq!(bench.session.poll_event(), Some(Event::Refused { what, error: 263 }));
    assert_eq!(bench.session.poll_event(), Some(Event::Up { registered: 0 }));
    assert_eq!(bench.session.deadline(), Some(bench.now + Duration::from_millis(250)));
    for error in [263, 263, 0] {
        bench.now = bench.session.deadline().unwrap();
        bench.serve();
        assert_eq!(kinds(&bench.answer_all(error)), [REGISTER]);
    }
    assert_eq!(bench.session.poll_event(), None);
    bench.pass(10 * SECOND);
    assert_eq!(kinds(&bench.take_output()), []);
}

#[test]
fn the_subtrees_can_be_changed_without_a_new_session() {
    let subtree = |n: u32| Registration { subtree: Oid::new(&ROOT).child(n), priority: 127 };
    let mut bench = Bench::up();
    let root = Registration { subtree: Oid::new(&ROOT), priority: 127 };
    bench.session.set_registrations(bench.now, vec![root.clone(), subtree(1), subtree(2)]);
    assert_eq!(kinds(&bench.answer_all(0)), [REGISTER, REGISTER]);
    bench.session.set_registrations(bench.now, vec![root.clone(), subtree(2), subtree(3)]);
    assert_eq!(kinds(&bench.answer_all(0)), [UNREGISTER, REGISTER]);
    // Two changes while answers are outstanding: no subtree is registered twice.
    bench.session.set_registrations(bench.now, vec![subtree(4), root.clone(), subtree(2), subtree(3)]);
    bench.session.set_registrations(bench.now, vec![root, subtree(4), subtree(2)]);
    assert_eq!(kinds(&bench.answer_all(0)), [REGISTER, UNREGISTER]);
    bench.pass(SECOND);
    assert_eq!((bench.take_output(), bench.session.stats().bad_pdus), (vec![], 0));
    bench.session.disconnected(bench.now);
    bench.now += SECOND;
    assert!(bench.session.poll_connect(bench.now));
    bench.session.connected(bench.now);
    bench.answer_all(0);
    assert_eq!(kinds(&bench.answer_all(0)), [REGISTER, REGISTER, REGISTER]);
}

#[test]
fn capabilities_may_change_while_the_session_is_open() {
    let capability = |n: u32| (Oid::new(&ROOT).child(n), format!("part {n}"));
    let mut bench = Bench::new(Config { capabilities: vec![capability(1), capability(2)], ..Config::default() });
    // Before there is a session only the list changes.
    bench.session.set_capabilities(bench.now, vec![capability(2), capability(3)]);
    bench.session.poll_connect(bench.now);
    bench.session.connected(bench.now);
    bench.answer_all(0);
    assert_eq!(kinds(&bench.answer_all(0)), [ADD_AGENT_CAPS, ADD_AGENT_CAPS]);
    while bench.session.poll_event().is_some() {}
    bench.session.set_capabilities(bench.now, vec![capability(4), capability(2)]);
    // The answer comes after another change, and is for the same capability.
    bench.session.set_capabilities(bench.now, vec![capability(2), capability(4)]);
    assert_eq!(kinds(&bench.answer_all(1)), [REMOVE_AGENT_CAPS, ADD_AGENT_CAPS]);
    let what = Refused::Capability(capability(4).0);
    assert_eq!(bench.session.poll_event(), Some(Event::Refused { what, error: 1 }));
    assert_eq!((bench.session.poll_event(), bench.session.stats().bad_pdus), (None, 0));
}

#[test]
fn a_time_stamp_is_the_sys_up_time_of_the_master_then() {
    let mut bench = Bench::up();
    let name = cell(5, 1);
    let shown = |bench: &mut Bench, kind, start: &[u32]| {
        let head = if kind == GET_BULK { vec![0, 0, 0, 1] } else { Vec::new() };
        let binds = bench.ask(kind, &[head, range(start, false, &[])].concat()).binds();
        (binds[0].name.clone(), binds[0].value.clone())
    };
    // The master's sysUpTime was 4000 when the session began.
    for (earlier, ticks) in [(10, 3000), (40, 0), (41, 0)] {
        bench.data.since = bench.now - earlier * SECOND;
        let expected = (name.clone(), Value::TimeTicks(ticks));
        assert_eq!(shown(&mut bench, GET, name.as_slice()), expected);
        assert_eq!(shown(&mut bench, GET_NEXT, cell(5, 0).as_slice()), expected);
        assert_eq!(shown(&mut bench, GET_BULK, cell(5, 0).as_slice()), expected);
    }
    let mut stamped = trap(1);
    stamped.binds.insert(0, VarBind::new(name.clone(), Value::TimeStamp(bench.now - SECOND)));
    bench.session.notify(bench.now, stamped);
    let sent = bench.take_output();
    assert!(sent[0].binds().contains(&VarBind::new(name, Value::TimeTicks(3900))));
}

#[test]
fn a_view_may_show_the_numbers_of_the_session() {
    let mut bench = Bench::up();
    let numbers = |bench: &mut Bench| {
        let names = (1..=6).map(|number| Oid::new(&ROOT).join(&[9, number, 0]));
        let payload: Vec<u8> = names.flat_map(|name| range(name.as_slice(), false, &[])).collect();
        let values = bench.ask(GET, &payload).binds().into_iter().map(|bind| match bind.value {
            Value::Counter32(number) => number,
            Value::Gauge32(waiting) => waiting + 100,
            other => panic!("{other:?}"),
        });
        values.collect::<Vec<_>>()
    };
    bench.mib = session_mib();
    // Lost, queued, acknowledged, refused, dropped; and 100 more than are waiting.
    assert_eq!(numbers(&mut bench), [0, 0, 0, 0, 0, 100]);
    (1..=3).for_each(|number| bench.session.notify(bench.now, trap(number)));
    let sent = bench.take_output();
    assert_eq!(numbers(&mut bench), [0, 3, 0, 0, 0, 103]);
    bench.send(&response(sent[0].head.packet, 4000, 0));
    bench.send(&response(sent[1].head.packet, 4000, 268));
    assert_eq!(numbers(&mut bench), [0, 3, 1, 1, 0, 101]);
    bench.session.disconnected(bench.now);
    for number in 0..20_000 {
        bench.session.notify(bench.now, trap(number));
    }
    bench.now += SECOND;
    bench.reconnect();
    bench.take_output();
    let [lost, queued, acknowledged, refused, dropped, waiting] = numbers(&mut bench)[..] else { panic!() };
    assert_eq!((lost, queued, refused, dropped), (1, 20_003, 1, 20_001 - 16_384));
    assert_eq!(acknowledged + refused + dropped + waiting - 100, queued);
}

#[test]
fn get_distinguishes_a_missing_object_from_a_missing_instance() {
    let mut bench = Bench::up();
    let names = [cell(2, 3), cell(2, 99), cell(3, 2), cell(4, 1), Oid::new(&ROOT).join(&[1, 0]), Oid::new(&ROOT)];
    let payload: Vec<u8> = names.iter().flat_map(|name| range(name.as_slice(), false, &[])).collect();
    let answer = bench.ask(GET, &payload);
    let values: Vec<Value> = answer.binds().into_iter().map(|bind| bind.value).collect();
    assert_eq!(
        values,
        [
            Value::Integer(30),
            Value::NoSuchInstance,
            Value::NoSuchInstance,
            Value::NoSuchObject,
            Value::Gauge32(9),
            Value::NoSuchObject
        ]
    );
}

#[test]
fn get_next_honours_include_and_the_end_of_the_range() {
    let mut bench = Bench::up();
    let (root, next) = (cell(2, 3), cell(2, 4));
    let after_end = [range(root.as_slice(), false, next.as_slice()), range(root.as_slice(), true, next.as_slice())];
    let answer = bench.ask(GET_NEXT, &[after_end.concat(), range(&ROOT, true, &[])].concat());
    assert_eq!(
        answer.binds(),
        [
            VarBind::new(root.clone(), Value::EndOfMibView),
            VarBind::new(root, Value::Integer(30)),
            VarBind::new(Oid::new(&ROOT).join(&[1, 0]), Value::Gauge32(9)),
        ]
    );
}

#[test]
fn get_bulk_repeats_row_by_row_until_nothing_follows() {
    let mut bench = Bench::up();
    let scalar = Oid::new(&ROOT).child(1);
    let (a, b) = (Oid::new(&ROOT).join(&[2, 1, 2, 7]), Oid::new(&ROOT).join(&[2, 1, 7, 7]));
    let ranges = [&scalar, &a, &b].map(|start| range(start.as_slice(), false, &[])).concat();
    let answer = bench.ask(GET_BULK, &[&[0, 1, 0, 3][..], &ranges].concat());
    let names: Vec<String> = answer.binds().iter().map(|bind| bind.name.to_string()).collect();
    let expected = [scalar.child(0), cell(2, 8), cell(7, 8), cell(2, 9), cell(7, 9), cell(3, 1), cell(7, 9)];
    assert_eq!(names, expected.map(|name| name.to_string()));
    assert_eq!(answer.binds()[6].value, Value::EndOfMibView);

    let all = bench.ask(GET_BULK, &[&[0, 0, 0xff, 0xff][..], &range(&ROOT, false, &[])].concat());
    assert_eq!(all.binds().len(), 1 + 9 + 5 + 9 + 1, "and the end of the view once");
}

#[test]
fn the_answer_to_get_bulk_is_bounded() {
    let mut bench = Bench::up();
    bench.data.rows = (1..=50_000).map(|id| (id, 1)).collect();
    let ranges = range(&ROOT, false, &[]).repeat(40);
    let answer = bench.ask(GET_BULK, &[&[0, 0, 0xff, 0xff][..], &ranges].concat());
    assert!(answer.payload.len() <= 64 * 1024 && answer.binds().len().is_multiple_of(40));
    assert!(answer.binds().len() > 900);
}

#[test]
fn a_set_goes_through_its_four_phases() {
    let mut bench = Bench::up();
    let name = cell(2, 4);
    let set = |number| integer(name.as_slice(), number);
    assert_eq!(bench.ask(TEST_SET, &set(7)).error(), (0, 0));
    assert_eq!(bench.data.rows.get(&4), Some(&40), "a test changes nothing");
    assert_eq!(bench.ask(COMMIT_SET, &[]).error(), (0, 0));
    assert_eq!(bench.data.rows.get(&4), Some(&7));
    assert_eq!(bench.ask(UNDO_SET, &[]).error(), (0, 0));
    assert_eq!(bench.data.rows.get(&4), Some(&40));
    assert_eq!(bench.ask(COMMIT_SET, &[]).error(), (14, 0), "the transaction is over");

    assert_eq!(bench.ask(TEST_SET, &set(8)).error(), (0, 0));
    assert_eq!(bench.ask(COMMIT_SET, &[]).error(), (0, 0));
    bench.send(&pdu(CLEANUP_SET, SESSION, 5, 6, &[]));
    assert_eq!(bench.take_output(), [], "CleanupSet has no answer");
    assert_eq!(bench.data.rows.get(&4), Some(&8));
}

#[test]
fn an_invalid_set_is_refused_with_the_right_error() {
    let mut bench = Bench::up();
    let good = integer(cell(2, 1).as_slice(), 5);
    for (bad, error) in [
        (integer(cell(2, 2).as_slice(), 13), 12),
        (octets(cell(2, 2).as_slice(), b"x"), 7),
        (integer(cell(2, 77).as_slice(), 1), 11),
        (integer(cell(3, 1).as_slice(), 1), 17),
        (integer(&[1, 3, 6], 1), 17),
    ] {
        let answer = bench.ask(TEST_SET, &[good.clone(), bad].concat());
        assert_eq!(answer.error(), (error, 2));
        assert_eq!(answer.payload.len(), 8, "an error has no bindings");
    }
    let fails = integer(cell(2, 2).as_slice(), 99);
    assert_eq!(bench.ask(TEST_SET, &[good, fails].concat()).error(), (0, 0));
    assert_eq!(bench.ask(COMMIT_SET, &[]).error(), (14, 2));
    assert_eq!(bench.data.rows.get(&1), Some(&10), "all or nothing");
    assert_eq!(bench.ask(UNDO_SET, &[]).error(), (0, 0));
}

#[test]
fn an_invalid_pdu_is_answered_with_an_error_and_the_session_stays_open() {
    let mut bench = Bench::up();
    let context = [&[0, 0, 0, 1, b'x', 0, 0, 0][..], &range(&ROOT, false, &[])].concat();
    let mut in_context = pdu(GET, SESSION, 5, 6, &context);
    in_context[2] |= 8;
    let mut in_default_context = pdu(GET, SESSION, 5, 6, &[&[0, 0, 0, 0][..], &range(&ROOT, false, &[])].concat());
    in_default_context[2] |= 8;
    for (bytes, error) in [
        (pdu(99, SESSION, 5, 6, &[]), 266),
        (pdu(GET, SESSION, 5, 6, &[200, 0, 0, 0]), 266),
        (pdu(OPEN, SESSION, 5, 6, &[]), 266),
        (pdu(GET, SESSION + 1, 5, 6, &range(&ROOT, false, &[])), 257),
        (pdu(GET, SESSION, 5, 6, &range(&ROOT, false, &[]).repeat(3000)), 1),
        (in_context, 262),
        (in_default_context, 0),
    ] {
        bench.send(&bytes);
        let received = bench.take_output();
        assert_eq!(received.len(), 1, "one answer to {:?}", &bytes[..20]);
        assert_eq!(received[0].error().0, error);
    }
    assert!(bench.session.is_up());
    bench.send(&[9, 9, 9, 9]);
    assert!(!bench.session.wants_connection(), "the stream cannot be split any more");
    assert!(matches!(bench.session.poll_event(), Some(Event::Lost(Lost::Framing(_)))));
    assert!(bench.session.poll_connect(bench.now), "it reconnects at once");
}

#[test]
fn while_the_master_is_away_attempts_are_400_ms_apart_and_one_event_is_reported() {
    let mut bench = Bench::up();
    bench.now += 60 * SECOND;
    bench.session.disconnected(bench.now);
    assert_eq!(bench.session.poll_event(), Some(Event::Lost(Lost::Transport)));
    let mut attempts = Vec::new();
    let start = bench.now;
    while bench.now < start + 10 * SECOND {
        assert!(bench.session.poll_connect(bench.now));
        attempts.push(bench.now);
        bench.session.connect_failed(bench.now, ErrorKind::ConnectionRefused);
        bench.now = bench.session.deadline().unwrap();
    }
    let longest = attempts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest <= Duration::from_millis(400), "{longest:?}");
    assert!(attempts.len() < 40, "{}", attempts.len());
    assert_eq!(attempts[0], start);
    assert_eq!(bench.session.poll_event(), Some(Event::ConnectFailed(ErrorKind::ConnectionRefused)));
    assert_eq!(bench.session.poll_event(), None);
    bench.reconnect();
    assert_eq!(bench.session.poll_event(), Some(Event::Up { registered: 1 }));
}

#[test]
fn the_connection_to_a_hung_master_is_kept() {
    let mut bench = Bench::up();
    bench.pass(15 * SECOND);
    assert_eq!(kinds(&bench.take_output()), [PING]);
    for second in 0..40 {
        bench.session.notify(bench.now, trap(second));
        bench.pass(SECOND);
    }
    let sent = bench.take_output();
    assert!(sent.len() <= snmp::session::WINDOW, "{}", sent.len());
    assert!(matches!(bench.session.poll_event(), Some(Event::Unresponsive(_))));
    assert_eq!(bench.session.poll_event(), None);
    assert!(bench.session.wants_connection());
    for asked in sent {
        bench.send(&response(asked.head.packet, bench.up_time, 0));
    }
    assert_eq!(bench.session.poll_event(), Some(Event::Responsive));
    while bench.session.notifications_waiting() > 0 {
        assert!(!bench.answer_all(0).is_empty(), "the rest follows");
    }
    assert_eq!(bench.session.stats().notifications_acknowledged, 40);
}

#[test]
fn after_close_or_not_open_a_new_session_is_opened_at_once() {
    for goodbye in 0..2 {
        let mut bench = Bench::up();
        bench.pass(15 * SECOND);
        let ping = bench.take_output().remove(0);
        let lost = if goodbye == 0 {
            bench.send(&pdu(CLOSE, SESSION, 0, 1, &[5, 0, 0, 0]));
            Lost::ClosedByMaster(5)
        } else {
            bench.send(&response(ping.head.packet, 0, 257));
            Lost::Forgotten
        };
        assert_eq!(bench.session.poll_event(), Some(Event::Lost(lost)));
        assert!(!bench.session.wants_connection());
        bench.reconnect();
        assert!(bench.session.is_up());
    }
}

#[test]
fn notifications_survive_a_restart_of_the_master_in_order_and_with_their_own_time() {
    let mut bench = Bench::up();
    bench.session.notify(bench.now, trap(0));
    let received = bench.take_output();
    assert_eq!(trap_in(&received[0]), (0, Some(Value::TimeTicks(4000))), "the master's up-time");
    assert_eq!(received[0].binds()[1].value, Value::ObjectId(trap(0).trap));
    bench.send(&response(received[0].head.packet, 4000, 0));
    for number in 1..=3 {
        bench.session.notify(bench.now, trap(number));
    }
    let received = bench.take_output();
    bench.send(&response(received[0].head.packet, 4000, 0));
    bench.now += 5 * SECOND;
    bench.session.disconnected(bench.now);
    for number in 4..=20 {
        bench.session.notify(bench.now, trap(number));
    }
    // The master restarts 2 s later; the session is back after another second.
    bench.now += 3 * SECOND;
    bench.up_time = 100;
    assert!(bench.session.poll_connect(bench.now));
    bench.session.connected(bench.now);
    bench.answer_all(0);
    bench.session.notify(bench.now, trap(21));
    let mut seen = Vec::new();
    while bench.session.notifications_waiting() > 0 {
        seen.extend(bench.answer_all(0).iter().filter(|received| received.head.kind == NOTIFY).map(trap_in));
    }
    let numbers: Vec<u32> = seen.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (2..=21).collect::<Vec<_>>(), "acknowledged notifications are not sent again");
    assert_eq!(seen[0].1, Some(Value::TimeTicks(0)), "before this master started");
    assert_eq!(seen.last().unwrap().1, Some(Value::TimeTicks(100)));
    assert_eq!(bench.session.stats().notifications_resent, 2);
}

#[test]
fn a_full_queue_drops_and_counts_notifications() {
    let mut bench = Bench::new(Config { notifications: 100, ..Config::default() });
    for number in 0..250 {
        bench.session.notify(bench.now, trap(number));
    }
    assert_eq!(bench.session.notifications_waiting(), 100);
    assert_eq!(bench.session.stats().notifications_dropped, 150);
    bench.reconnect();
    let mut seen = Vec::new();
    while bench.session.notifications_waiting() > 0 {
        seen.extend(bench.answer_all(0).iter().map(|received| trap_in(received).0));
    }
    assert_eq!(seen.last(), Some(&249), "the latest are kept");
    let events = std::iter::from_fn(|| bench.session.poll_event());
    let reported: Vec<u64> =
        events.filter_map(|event| if let Event::NotificationsDropped(n) = event { Some(n) } else { None }).collect();
    assert_eq!(reported, [1, 149], "at the first drop, and when there is room again");
}

#[test]
fn memory_is_bounded_when_the_peer_does_not_read() {
    let mut bench = Bench::up();
    let request = pdu(GET_NEXT, SESSION, 5, 6, &range(&ROOT, false, &[]).repeat(50));
    let mut taken = 0;
    for _ in 0..10_000 {
        taken += bench.session.receive(&request);
        bench.serve();
    }
    assert!(bench.session.output().len() < 256 * 1024, "{}", bench.session.output().len());
    assert!(taken < 1024 * 1024, "{taken}");
    assert_eq!(bench.session.input_room(), 0);
    // Requests are handled again when the peer reads.
    for _ in 0..1000 {
        let length = bench.session.output().len();
        bench.session.consume(length);
        bench.serve();
    }
    assert!(bench.session.input_room() > 0 && bench.session.output().is_empty());
}

#[test]
fn closing_waits_for_the_notifications_until_the_deadline() {
    let mut bench = Bench::up();
    bench.session.notify(bench.now, trap(1));
    bench.session.close(bench.now, bench.now + 2 * SECOND);
    assert_eq!(kinds(&bench.answer_all(0)), [NOTIFY]);
    assert_eq!(kinds(&bench.take_output()), [CLOSE]);
    assert!(bench.session.is_closed() && !bench.session.wants_connection());

    let mut bench = Bench::up();
    bench.session.notify(bench.now, trap(1));
    bench.session.close(bench.now, bench.now + 2 * SECOND);
    assert_eq!(bench.session.deadline(), Some(bench.now + 2 * SECOND));
    bench.pass(2 * SECOND);
    let unread = bench.session.output().len();
    assert!(unread > 0 && !bench.session.is_closed() && bench.session.wants_connection());
    bench.now = bench.session.deadline().unwrap();
    bench.serve();
    assert!(bench.session.is_closed() && !bench.session.wants_connection());
    assert_eq!(bench.session.deadline(), None);
}
