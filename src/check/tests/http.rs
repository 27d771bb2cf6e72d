//! Tests of checks with several urls or hosts, and of searches.

use super::site::{Behaviour, Site, checker, lvs, ms, rs, secs, server, service, target};
use crate::check::http::Look;
use crate::check::{Action, AttemptId, Change, Check, Event, Tables, TimerKey, Transport};
use crate::config::lvs::{CheckerKind, HttpCheck, HttpVersion, RegexCheck, SmtpCheck, UrlCheck};

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
fn one_url_is_checked_per_interval() {
    let mut site = Site::new(lvs_with(http(&["/a", "/b", "/c"], |_| {})));
    site.behave(A, ok());
    site.start();
    site.run(secs(45));
    assert_eq!(site.attempt_times(), [1000, 11_002, 21_004, 31_006, 41_008]);
    assert_eq!(site.requests(), ["/a", "/b", "/c", "/a", "/b"]);
    assert_eq!(site.take_changes(), []);
}

#[test]
fn a_failed_url_is_checked_first_and_all_must_pass_to_recover() {
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
    assert!(!site.alive(rs(1)), "/a has not passed yet");
    site.run(secs(10));
    assert_eq!(site.requests(), ["/a"]);
    assert!(site.alive(rs(1)));
}

#[test]
fn with_fast_recovery_all_urls_are_checked_at_once() {
    let mut site = Site::new(lvs_with(http(&["/a", "/b", "/c"], |check| check.fast_recovery = true)));
    site.behave(A, ok());
    site.start();
    site.run(secs(2));
    assert_eq!(site.requests(), ["/a", "/b", "/c"], "at the start");
    site.run(secs(20));
    assert_eq!(site.requests(), ["/a", "/b"], "then one per interval");
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
fn a_failure_with_a_retry_left_starts_no_recovery() {
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
    assert_eq!(site.requests(), ["/a"], "only the retry");
    assert_eq!(site.check.tables.checkers.get(&(rs(1), 1)).unwrap().failures, 0);
    assert_eq!(site.take_changes(), []);
}

#[test]
fn a_dead_server_is_checked_after_the_longer_of_both_delays() {
    let mut lvs = lvs_with(http(&["/"], |_| {}));
    lvs.virtual_servers[0].real_servers[0].checkers[0].delay_before_retry = secs(25);
    let mut site = Site::new(lvs);
    site.behave(A, bad());
    site.start();
    site.run(secs(60));
    assert_eq!(site.attempt_times(), [1000, 26_002, 51_004]);
}

#[test]
fn ssl_get_uses_tls() {
    let kind = http(&["/notify"], |check| {
        check.tls = true;
        check.sni = Some("www.example.org".into());
    });
    let mut check = Check::new(Tables::of(lvs_with(kind)), 1);
    check.handle(Event::Start, ms(0));
    check.take_output();
    let id = (rs(1), 1);
    check.handle(Event::Timer(TimerKey::Checker(id)), secs(1));
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

/// A check of `/` with `regex` that has received this part of a reply, and its actions after that.
fn searching(pattern: &str, reply: &[u8]) -> (Check, AttemptId, Vec<Action>) {
    let kind = http(&["/"], |check| {
        let pattern = pattern.into();
        let regex = RegexCheck { pattern, no_match: false, options: Vec::new(), min_offset: 0, max_offset: None };
        check.urls[0].regex = Some(regex);
    });
    let mut check = Check::new(Tables::of(lvs_with(kind)), 1);
    check.handle(Event::Start, ms(0));
    let attempt = AttemptId { checker: (rs(1), 1), number: 1 };
    check.handle(Event::Timer(TimerKey::Checker(attempt.checker)), secs(1));
    check.handle(Event::Connected(attempt), secs(1));
    check.take_output();
    check.handle(Event::Received(attempt, reply), secs(2));
    let actions = check.take_output().actions;
    (check, attempt, actions)
}

/// The search among actions.
fn look(actions: Vec<Action>) -> Option<Look> {
    actions.into_iter().find_map(|action| if let Action::Look(_, look) = action { Some(*look) } else { None })
}

#[test]
fn the_time_of_a_search_does_not_count_against_the_timeout() {
    let head = b"HTTP/1.0 200 OK\r\n\r\n";
    let window = [&head[..], &[b'a'; 65_536]].concat();
    let key = TimerKey::Checker((rs(1), 1));
    let (mut check, attempt, actions) = searching("needle", &window);
    assert!(actions.contains(&Action::Timer(key, Some(secs(12)))), "10 s for the search: {actions:?}");
    let looked = look(actions).expect("the window is full").run(&mut || Ok(()));
    check.handle(Event::Received(attempt, b"needle"), secs(2));
    assert_eq!(check.take_output().actions, [], "one search at a time");
    // The attempt started at 1 s with a timeout of 2 s, and the search took 1.5 s.
    check.handle(Event::Looked(attempt, looked), ms(3500));
    let expected = [Action::Resume(attempt), Action::Timer(key, Some(ms(4500)))];
    assert_eq!(check.take_output().actions, expected);
    check.handle(Event::Closed(attempt), secs(4));
    let looked = look(check.take_output().actions).expect("the body is complete").run(&mut || Ok(()));
    // A failure of the connection is ignored now.
    check.handle(Event::Failed(attempt, "reset".into()), secs(4));
    check.handle(Event::Looked(attempt, looked), secs(5));
    let row = check.tables.checkers.get(&attempt.checker).unwrap();
    assert!(row.up && row.has_run && row.reason.is_empty(), "{row:?}");
}

#[test]
fn a_search_without_a_result_fails_the_check() {
    let reply = b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na";
    let (mut check, attempt, actions) = searching("needle", reply);
    let late = look(actions).expect("the body is complete");
    check.handle(Event::Timer(TimerKey::Checker(attempt.checker)), secs(12));
    let output = check.take_output();
    assert!(output.actions.contains(&Action::Close(attempt)), "which cancels the search, too");
    let reason = |check: &Check| check.tables.checkers.get(&attempt.checker).unwrap().reason.clone();
    assert_eq!(reason(&check), "regex: no result in time");
    check.handle(Event::Looked(attempt, late.run(&mut || Ok(()))), secs(13));
    assert_eq!(
        (reason(&check).as_str(), check.take_output().actions),
        ("regex: no result in time", vec![]),
        "too late"
    );

    let (mut check, attempt, actions) = searching("needle", reply);
    let refused = look(actions).expect("the body is complete").refuse("the last search is still running");
    check.handle(Event::Looked(attempt, refused), secs(3));
    assert_eq!(check.tables.checkers.get(&attempt.checker).unwrap().reason, "regex: the last search is still running");
}

#[test]
fn every_host_of_an_smtp_check_must_answer() {
    let hosts = vec![target("10.1.0.1:25"), target("10.1.0.2:25")];
    let kind = CheckerKind::Smtp(Box::new(SmtpCheck { targets: hosts, helo_name: "me".into() }));
    let mut check = Check::new(Tables::of(lvs_with(kind)), 1);
    check.handle(Event::Start, ms(0));
    let id = (rs(1), 1);
    check.handle(Event::Timer(TimerKey::Checker(id)), secs(1));
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
    check.handle(Event::Timer(TimerKey::Checker(id)), secs(11));
    check.handle(Event::Failed(AttemptId { checker: id, number: 3 }, "refused".into()), secs(11));
    assert!(
        !check.take_output().changes.iter().any(|change| matches!(change, Change::Checker { .. })),
        "one retry is left"
    );
}
