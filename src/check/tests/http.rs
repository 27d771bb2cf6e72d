//! Urls and hosts in turn.

use super::site::{Behaviour, Site, checker, lvs, ms, rs, secs, server, service, target};
use crate::check::{Action, AttemptId, Change, Check, Event, Tables, Transport};
use crate::config::lvs::{CheckerKind, HttpCheck, HttpVersion, SmtpCheck, UrlCheck};

const A: &str = "10.1.0.1:80";

fn url(path: &str) -> UrlCheck {
    UrlCheck {
        path: path.into(),
        host: "10.1.0.1:80".into(),
        digest: None,
        status: vec![(200, 299)],
        regex: None,
        close_notify: path == "/notify",
    }
}

fn http(paths: &[&str], edit: impl FnOnce(&mut HttpCheck)) -> CheckerKind {
    let mut check = HttpCheck {
        target: target(A),
        tls: false,
        version: HttpVersion::V10,
        sni: None,
        fast_recovery: false,
        close_notify: false,
        urls: paths.iter().map(|path| url(path)).collect(),
    };
    edit(&mut check);
    CheckerKind::Http(Box::new(check))
}

fn lvs_with(kind: CheckerKind) -> crate::config::lvs::Lvs {
    let mut row = server(A);
    row.checkers = vec![checker(kind)];
    row.checkers[0].delay_before_retry = secs(3);
    lvs(vec![service(vec![row])])
}

fn ok() -> Behaviour {
    Behaviour::Serves(b"HTTP/1.0 200 OK\r\n\r\n".to_vec())
}

fn bad() -> Behaviour {
    Behaviour::Serves(b"HTTP/1.0 500 Oops\r\n\r\n".to_vec())
}

#[test]
fn urls_are_tested_in_turn_one_per_period() {
    let mut site = Site::new(lvs_with(http(&["/a", "/b", "/c"], |_| {})));
    site.behave(A, ok());
    site.start();
    site.run(secs(45));
    assert_eq!(site.attempt_times(), [1000, 11_002, 21_004, 31_006, 41_008]);
    assert_eq!(site.requests(), ["/a", "/b", "/c", "/a", "/b"]);
    assert_eq!(site.news(), []);
}

#[test]
fn a_failing_url_is_tried_first_and_all_must_pass_to_recover() {
    let mut site = Site::new(lvs_with(http(&["/a", "/b", "/c"], |_| {})));
    site.behave(A, ok());
    site.start();
    site.run(secs(40));
    assert_eq!(site.requests(), ["/a", "/b", "/c", "/a"]);
    site.behave(A, bad());
    site.run(secs(6));
    assert_eq!(site.requests(), ["/b", "/b"], "with one retry");
    assert!(!site.alive(rs(1)));
    site.run(secs(10));
    assert_eq!(site.requests(), ["/b"]);
    site.behave(A, ok());
    site.run(secs(20));
    assert_eq!(site.requests(), ["/b", "/c"]);
    assert!(!site.alive(rs(1)), "/a is still to pass");
    site.run(secs(10));
    assert_eq!(site.requests(), ["/a"]);
    assert!(site.alive(rs(1)));
}

#[test]
fn with_fast_recovery_all_urls_follow_at_once() {
    let mut site = Site::new(lvs_with(http(&["/a", "/b", "/c"], |check| check.fast_recovery = true)));
    site.behave(A, ok());
    site.start();
    site.run(secs(2));
    assert_eq!(site.requests(), ["/a", "/b", "/c"], "while starting");
    site.run(secs(20));
    assert_eq!(site.requests(), ["/a", "/b"], "one per period then");
    site.behave(A, bad());
    site.run(secs(15));
    assert!(!site.alive(rs(1)));
    site.requests();
    site.behave(A, ok());
    site.run(secs(10));
    assert_eq!(site.requests(), ["/c", "/a", "/b"], "while recovering");
    assert!(site.alive(rs(1)));
}

#[test]
fn a_failure_that_does_not_count_does_not_begin_a_recovery() {
    let mut site = Site::new(lvs_with(http(&["/a", "/b", "/c"], |check| check.fast_recovery = true)));
    site.behave(A, ok());
    site.start();
    site.run(secs(5));
    site.requests();
    site.behave(A, bad());
    site.run(secs(7));
    assert_eq!(site.requests(), ["/a"]);
    site.behave(A, ok());
    site.run(secs(5));
    assert_eq!(site.requests(), ["/a"], "the retry alone");
    assert_eq!(site.check.tables.checkers.get(&(rs(1), 1)).unwrap().failures, 0);
    assert_eq!(site.news(), []);
}

#[test]
fn a_dead_one_waits_for_the_longer_of_both_delays() {
    let mut lvs = lvs_with(http(&["/"], |_| {}));
    lvs.virtual_servers[0].real_servers[0].checkers[0].delay_before_retry = secs(25);
    let mut site = Site::new(lvs);
    site.behave(A, bad());
    site.start();
    site.run(secs(60));
    assert_eq!(site.attempt_times(), [1000, 26_002, 51_004]);
}

#[test]
fn tls_is_the_transport_of_ssl_get() {
    let kind = http(&["/notify"], |check| {
        check.tls = true;
        check.sni = Some("www.example.org".into());
    });
    let mut check = Check::new(Tables::of(lvs_with(kind)), 1);
    check.handle(Event::Start, ms(0));
    check.take_output();
    let id = (rs(1), 1);
    check.handle(Event::Timer(crate::check::TimerKey::Checker(id)), secs(1));
    let transport = check.take_output().actions.into_iter().find_map(|action| match action {
        Action::Connect { transport, .. } => Some(transport),
        _ => None,
    });
    assert_eq!(transport, Some(Transport::Tls { sni: Some("www.example.org".into()), close_notify: true }));
    check.handle(Event::Connected(AttemptId { checker: id, number: 1 }), secs(1));
    assert!(
        matches!(&check.take_output().actions[..], [Action::Send(_, request)] if request.starts_with(b"GET /notify "))
    );
}

#[test]
fn every_host_of_an_smtp_check_must_answer() {
    let hosts = vec![target("10.1.0.1:25"), target("10.1.0.2:25")];
    let kind = CheckerKind::Smtp(Box::new(SmtpCheck { targets: hosts, helo_name: "me".into() }));
    let mut check = Check::new(Tables::of(lvs_with(kind)), 1);
    check.handle(Event::Start, ms(0));
    let id = (rs(1), 1);
    check.handle(Event::Timer(crate::check::TimerKey::Checker(id)), secs(1));
    for number in 1..=2 {
        let attempt = AttemptId { checker: id, number };
        assert!(!check.tables.checkers.get(&id).unwrap().has_run);
        check.handle(Event::Connected(attempt), secs(1));
        check.handle(Event::Received(attempt, b"220 hi\r\n"), secs(1));
        check.handle(Event::Received(attempt, b"250 ok\r\n"), secs(1));
        check.handle(Event::Closed(attempt), secs(1));
    }
    let output = check.take_output();
    let connects = output.actions.iter().filter_map(|action| match action {
        Action::Connect { target, .. } => Some(target.address.to_string()),
        _ => None,
    });
    assert_eq!(connects.collect::<Vec<_>>(), ["10.1.0.1:25", "10.1.0.2:25"]);
    assert!(check.tables.checkers.get(&id).unwrap().has_run);
    check.handle(Event::Timer(crate::check::TimerKey::Checker(id)), secs(11));
    check.handle(Event::Failed(AttemptId { checker: id, number: 3 }, "refused".into()), secs(11));
    assert!(
        !check.take_output().changes.iter().any(|change| matches!(change, Change::Checker { .. })),
        "a retry is left"
    );
}
