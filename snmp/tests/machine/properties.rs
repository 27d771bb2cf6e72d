//! Properties that hold for any input: octets split anywhere, values of every type, rows that come and go.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use snmp::pdu::{Body, decode, encode, frame};
use snmp::{Oid, Value, VarBind};

use crate::mock::*;

fn any_oid() -> impl Strategy<Value = Oid> {
    let plain = vec(prop_oneof![0..6u32, any::<u32>()], 0..20);
    let internet = vec(any::<u32>(), 0..12).prop_map(|tail| [vec![1, 3, 6, 1, 4, 1], tail].concat());
    let long = vec(any::<u32>(), 120..=128);
    prop_oneof![plain, internet, long].prop_map(Oid::from)
}

fn any_value() -> impl Strategy<Value = Value> {
    let octets = || vec(any::<u8>(), 0..300);
    prop_oneof![
        any::<i32>().prop_map(Value::Integer),
        octets().prop_map(Value::OctetString),
        Just(Value::Null),
        any_oid().prop_map(Value::ObjectId),
        any::<[u8; 4]>().prop_map(Value::IpAddress),
        any::<u32>().prop_map(Value::Counter32),
        any::<u32>().prop_map(Value::Gauge32),
        any::<u32>().prop_map(Value::TimeTicks),
        octets().prop_map(Value::Opaque),
        any::<u64>().prop_map(Value::Counter64),
        Just(Value::NoSuchObject),
        Just(Value::NoSuchInstance),
        Just(Value::EndOfMibView),
    ]
}

/// A PDU of a master, valid or almost valid.
fn any_pdu() -> impl Strategy<Value = Vec<u8>> {
    let name = || {
        let tail = vec(0..12u32, 0..5);
        tail.prop_map(|tail| [&ROOT[..], &tail].concat())
    };
    let ranges = vec((name(), any::<bool>(), name()), 0..6)
        .prop_map(|ranges| ranges.iter().flat_map(|(start, include, end)| range(start, *include, end)).collect());
    let binds =
        vec((name(), any::<i32>()), 0..6).prop_map(|binds| binds.iter().flat_map(|(n, v)| integer(n, *v)).collect());
    let payload = prop_oneof![ranges, binds, vec(any::<u8>(), 0..8).prop_map(|octets| octets.repeat(4))];
    (0..20u8, 76..79u32, 0..4u32, any::<u32>(), payload).prop_map(
        |(kind, session, transaction, packet, payload): (_, _, _, _, Vec<u8>)| {
            pdu(kind, session, transaction, packet % 64, &payload)
        },
    )
}

/// A stream of PDUs with some octets changed.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (vec(any_pdu(), 1..20), changes).prop_map(|(pdus, changes)| {
        let mut stream = pdus.concat();
        for (at, octet) in changes {
            let at = at.index(stream.len());
            stream[at] = octet;
        }
        stream
    })
}

/// Names and values of bindings.
fn named(binds: &[VarBind]) -> impl Iterator<Item = (&[u32], Value)> {
    binds.iter().map(|bind| (bind.name.as_slice(), bind.value.clone()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_in_any_pieces_leave_the_session_usable(
        streams in vec((prop_oneof![any_stream(), vec(any::<u8>(), 0..600)], 1..700usize), 1..6),
    ) {
        let mut bench = Bench::up();
        for (stream, piece) in streams {
            for piece in stream.chunks(piece) {
                bench.session.receive(piece);
                bench.pass(Duration::from_millis(20));
                prop_assert!(bench.session.output().len() < 256 * 1024);
                bench.take_output();
            }
            if !bench.session.wants_connection() {
                bench.now = bench.session.deadline().unwrap();
                bench.reconnect();
            }
        }
        // A new connection works in any case.
        bench.session.disconnected(bench.now);
        bench.now += Duration::from_secs(10);
        bench.reconnect();
        prop_assert!(bench.session.is_up());
    }

    #[test]
    fn the_answers_do_not_depend_on_how_the_octets_are_split(stream in any_stream(), piece in 1..50usize) {
        let mut whole = Bench::up();
        whole.session.receive(&stream);
        whole.serve();
        let mut cut = Bench::up();
        for piece in stream.chunks(piece) {
            cut.session.receive(piece);
            cut.serve();
        }
        prop_assert_eq!(whole.take_output(), cut.take_output());
        prop_assert_eq!(whole.session.wants_connection(), cut.session.wants_connection());
    }

    #[test]
    fn encoded_bindings_are_decoded_unchanged(binds in vec((any_oid(), any_value()), 0..12)) {
        let binds: Vec<VarBind> = binds.into_iter().map(|(name, value)| VarBind { name, value }).collect();
        let mut bytes = b"before".to_vec();
        encode::notify(&mut bytes, 3, 4, named(&binds)).unwrap();
        let mut frame = frame::next(&bytes[6..]).unwrap().unwrap();
        prop_assert_eq!(frame.length(), bytes.len() - 6);
        frame.head.kind = TEST_SET;
        prop_assert_eq!(decode::body(&frame), Ok(Body::TestSet(binds)));
    }

    #[test]
    fn a_pdu_that_cannot_be_encoded_leaves_the_output_unchanged(extra in 1..200usize) {
        let mut bytes = b"before".to_vec();
        let long = VarBind::new(Oid::from(vec![1; 128 + extra]), Value::Null);
        prop_assert!(encode::notify(&mut bytes, 3, 4, named(&[VarBind::new([1, 3], Value::Null), long])).is_err());
        prop_assert_eq!(bytes, b"before");
    }

    #[test]
    fn a_walk_is_the_sorted_list_of_all_gets_while_rows_come_and_go(
        rows in vec(0..40u32, 0..40),
        changes in vec((0..40u32, any::<bool>()), 0..200),
        starts in vec(vec(0..10u32, 0..5), 0..20),
    ) {
        let mut data = Data { rows: rows.into_iter().map(|id| (id, 1)).collect(), since: Duration::ZERO };
        let mib = mib();
        let every_name = |data: &Data| {
            let scalar = [Oid::new(&ROOT).join(&[1, 0])].into_iter();
            let cells = [2, 3, 7].into_iter().flat_map(|c| data.rows.keys().map(move |row| cell(c, *row)));
            let mut names: Vec<Oid> = scalar.chain(cells).collect();
            names.retain(|name| !mib.get(data, name).is_exception());
            names.sort();
            names
        };
        let mut changes = changes.into_iter();
        let mut at = Oid::default();
        loop {
            let found = mib.next(&data, &at, false, &Oid::default());
            let expected = every_name(&data).into_iter().find(|name| *name > at);
            prop_assert_eq!(expected.as_ref(), Some(&found.name).filter(|_| found.value != Value::EndOfMibView));
            let Some(expected) = expected else { break };
            prop_assert_eq!(mib.get(&data, &expected), found.value);
            at = expected;
            match changes.next() {
                Some((row, true)) => drop(data.rows.insert(row, 2)),
                Some((row, false)) => drop(data.rows.remove(&row)),
                None => {}
            }
        }
        for start in starts {
            let start = Oid::new(&ROOT).join(&start);
            for include in [false, true] {
                let found = mib.next(&data, &start, include, &cell(3, 20));
                let mut names = every_name(&data).into_iter();
                let expected = names.find(|name| if include { *name >= start } else { *name > start });
                let expected = expected.filter(|name| *name < cell(3, 20));
                prop_assert_eq!(expected.as_ref(), Some(&found.name).filter(|_| found.value != Value::EndOfMibView));
            }
        }
    }
}

#[test]
fn a_little_endian_request_is_answered() {
    let mut bench = Bench::up();
    let mut bytes = vec![1, GET, 0, 0];
    let name = cell(2, 3);
    let payload = name.as_slice().len() * 4 + 8;
    for number in [SESSION, 5, 6, payload as u32] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend([name.as_slice().len() as u8, 0, 0, 0]);
    bytes.extend(name.as_slice().iter().flat_map(|id| id.to_le_bytes()));
    bytes.extend([0; 4]);
    bench.send(&bytes);
    assert_eq!(bench.take_output()[0].binds(), [VarBind::new(name, Value::Integer(30))]);
}
