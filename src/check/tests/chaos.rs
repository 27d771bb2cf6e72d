//! Property test: with any events in any order there is no panic, one attempt at a time, and the rows are consistent.

use std::time::Duration;

use proptest::prelude::*;

use super::site::{checker, lvs, misc, rs, server, service, sorry, target, wanted};
use crate::check::{Action, AttemptId, Check, Event, ScriptEnd, Setter, Tables, TimerKey, VirtualServerId};
use crate::config::lvs::{CheckerKind, DnsCheck, HttpCheck, HttpVersion, RegexCheck, SmtpCheck, UdpCheck, UrlCheck};

const KINDS: u32 = 8;

fn kinds() -> Vec<CheckerKind> {
    let to = || target("10.1.0.1:80");
    let url = |path: &str| UrlCheck {
        path: path.into(),
        host: "h".into(),
        digest: None,
        status: vec![(200, 299)],
        regex: Some(RegexCheck {
            pattern: b"a+$".to_vec(),
            no_match: false,
            options: Vec::new(),
            min_offset: 1,
            max_offset: None,
        }),
        close_notify: false,
    };
    vec![
        CheckerKind::Tcp(to()),
        CheckerKind::Http(Box::new(HttpCheck {
            target: to(),
            tls: false,
            version: HttpVersion::V11,
            sni: None,
            fast_recovery: true,
            close_notify: false,
            urls: vec![url("/a"), url("/b")],
        })),
        CheckerKind::Smtp(Box::new(SmtpCheck { targets: vec![to(), to()], helo_name: "me".into() })),
        CheckerKind::Dns(Box::new(DnsCheck { target: to(), query_type: 6, name: "a.b".into() })),
        CheckerKind::Udp(Box::new(UdpCheck {
            target: to(),
            payload: Vec::new(),
            reply: Some(vec![(1, 3)]),
            min_reply: 0,
            max_reply: 9,
        })),
        CheckerKind::Ping(to()),
        CheckerKind::File { track_file: "f".into(), weight: 1, reverse: false },
        misc("m", true).kind,
    ]
}

fn pool() -> Check {
    let mut row = server("10.1.0.1:80");
    row.weight = 10;
    row.checkers = kinds().into_iter().map(checker).collect();
    assert_eq!(row.checkers.len(), KINDS as usize);
    let mut other = server("10.1.0.2:80");
    other.inhibit = true;
    other.checkers = kinds().into_iter().map(checker).collect();
    let mut service = service(vec![row, other]);
    service.ha_suspend = true;
    service.quorum = 11;
    service.sorry_server = Some(sorry("10.1.0.9:80"));
    Check::new(Tables::of(lvs(vec![service])), 7)
}

/// A step: kind of event, server, checker, how many attempts before the present one, octets, and time before the step.
type Step = (u8, u32, u32, u32, Vec<u8>, u64);

fn step() -> impl Strategy<Value = Step> {
    let octets = prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 0..40),
        3 => prop::sample::select(vec![
            "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\naaa", "aaa", "220 hi\r\n", "250 ok\r\n",
        ]).prop_map(|text| text.as_bytes().to_vec()),
    ];
    (0u8..13, 2u32..4, 1..=KINDS, 0u32..2, octets, 0u64..3000)
}

fn apply(check: &mut Check, (kind, server, position, ago, octets, later): Step, now: &mut Duration) {
    let id = (rs(server), position);
    let number = check.tables.checkers.get(&id).unwrap().attempt.wrapping_sub(ago);
    let attempt = AttemptId { checker: id, number };
    let number = octets.first().map_or(0, |octet| i64::from(*octet) - 100);
    *now += Duration::from_millis(later);
    let event = match kind {
        0 => Event::Connected(attempt),
        1 | 2 => Event::Received(attempt, &octets),
        3 => Event::Closed(attempt),
        4 => Event::Failed(attempt, "refused".into()),
        5 => Event::PingReply(attempt),
        6 => Event::ScriptEnded(attempt, ScriptEnd::Exited(i32::from(octets.len() as u8) * 9)),
        7 => Event::FileValue { name: "f", value: number.saturating_mul(1 << later.min(62)) },
        8 => Event::AddressGone("10.0.0.1".parse().unwrap()),
        9 => Event::AddressPresent("10.0.0.1".parse().unwrap()),
        10 => Event::SetWeight(id.0, u32::try_from(later).unwrap(), Setter::Snmp),
        _ => Event::Timer(TimerKey::Checker(id)),
    };
    check.handle(event, *now);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_order_of_events_keeps_the_rows_consistent(steps in prop::collection::vec(step(), 0..200)) {
        let mut check = pool();
        let mut now = Duration::ZERO;
        check.handle(Event::AddressPresent("10.0.0.1".parse().unwrap()), now);
        check.handle(Event::Start, now);
        let mut open = std::collections::BTreeSet::new();
        for step in steps {
            apply(&mut check, step, &mut now);
            for action in check.take_output().actions {
                match action {
                    Action::Connect { attempt, .. } | Action::RunScript { attempt, .. } => {
                        let same = open.iter().any(|other: &AttemptId| other.checker == attempt.checker);
                        let is_script = matches!(
                            check.tables.checkers.get(&attempt.checker).unwrap().config.kind, CheckerKind::Misc(_)
                        );
                        prop_assert!(!same || is_script, "two connections of {attempt:?}");
                        open.insert(attempt);
                    }
                    Action::Close(attempt) | Action::KillScript(attempt) => drop(open.remove(&attempt)),
                    Action::Send(attempt, octets) => {
                        prop_assert!(open.contains(&attempt) && !octets.is_empty());
                    }
                    _ => {}
                }
            }
            let tables = &check.tables;
            let row = tables.virtual_servers.get(&VirtualServerId(1)).unwrap();
            let (mut up, mut sum) = (0, 0);
            for id in tables.real_server_ids(VirtualServerId(1)) {
                let server = tables.real_servers.get(&id).unwrap();
                let failed = tables.checkers.of(&id).filter(|(_, checker)| !checker.up).count();
                prop_assert_eq!(usize::try_from(server.failed_checkers).unwrap(), failed);
                prop_assert_eq!(server.alive, failed == 0);
                up += u32::from(server.alive);
                sum += if server.alive { u64::from(server.weight) } else { 0 };
            }
            prop_assert_eq!((row.up, row.weight_sum), (up, sum));
            let sorry = wanted(tables, VirtualServerId(1)).iter().any(|(address, _)| address.to_string() == "10.1.0.9:80");
            prop_assert_eq!(sorry, !row.quorum_met);
        }
    }
}
