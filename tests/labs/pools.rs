//! Pools of real servers: retries, alpha, weights, quorum, sorry server, scripts, traps, SET and the stop.
#![allow(clippy::expect_used, reason = "a test")]

use std::fs::{self, File};
use std::time::Duration;

use lab::snmp::ROOT;
use lab::{Director, holds_for, machine, wait_until};

const LIMIT: Duration = Duration::from_secs(30);
const REAL_SERVER_TRAP: &str = "3.5.0.1";
const QUORUM_TRAP: &str = "3.5.0.2";

/// A real server that is up while a file with its name exists, and whose scripts write to the notes.
fn server(director: &mut Director, name: &str, port: u16, weight: u32, lines: &str) -> String {
    let (file, note) = (director.file(name), note(director));
    format!(
        "real_server 127.0.0.1 {port} {{\n    weight {weight}\n    notify_up \"{note} {name} up\"\n    \
         notify_down \"{note} {name} down\"\n    {lines}\n    \
         MISC_CHECK {{\n      misc_path \"/usr/bin/test -e {}\"\n      retry 0\n    }}\n  }}\n",
        file.display()
    )
}

/// A script that writes its arguments to the notes.
fn note(director: &mut Director) -> String {
    let notes = director.file("notes");
    director.script("note.sh", &format!("echo \"$@\" >> {}\n", notes.display())).display().to_string()
}

fn notes(director: &mut Director) -> Vec<String> {
    let text = fs::read_to_string(director.file("notes")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Waits until these notes are written, in any order, since scripts run at the same time.
fn await_notes(director: &mut Director, wanted: &[&str]) {
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    let now = |director: &mut Director| {
        let mut notes = notes(director);
        notes.sort_unstable();
        notes
    };
    wait_until(LIMIT, &format!("the notes are {wanted:?}"), || now(director).len() >= wanted.len());
    assert_eq!(now(director), wanted);
    let _ = fs::remove_file(director.file("notes"));
}

fn raise(director: &mut Director, name: &str) {
    File::create(director.file(name)).expect("our own directory");
}

fn fell(director: &mut Director, name: &str) {
    fs::remove_file(director.file(name)).expect("a raised server");
}

/// The notifications of a kind so far: objects below the root and their values, without up-time and identity.
fn traps(director: &mut Director, kind: &str) -> Vec<Vec<(String, String)>> {
    let identity = format!("{ROOT}.{kind}");
    let all = director.snmp().traps();
    let binds = all.iter().map(|trap| trap.split('\t').filter_map(|bind| bind.split_once(" = ")).collect::<Vec<_>>());
    let ours = binds.filter(|binds| binds.iter().any(|(_, value)| *value == identity));
    ours.map(|binds| {
        let objects = binds.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(ROOT)?.trim_start_matches('.');
            Some((name.to_owned(), value.trim_matches('"').trim().to_owned()))
        });
        objects.collect()
    })
    .collect()
}

fn await_traps(director: &mut Director, kind: &str, count: usize) -> Vec<Vec<(String, String)>> {
    wait_until(LIMIT, &format!("{count} notifications {kind}"), || traps(director, kind).len() >= count);
    let traps = traps(director, kind);
    assert_eq!(traps.len(), count, "{traps:?}");
    traps
}

fn await_quorum(director: &mut Director, service: &str, status: &str) {
    wait_until(LIMIT, &format!("the quorum status of {service} is {status}"), || {
        director.virtual_server(23, service).as_deref() == Some(status)
    });
}

#[test]
fn retries_have_their_delay() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let (status, runs) = (director.file("status"), director.file("runs"));
    fs::write(&status, "0").expect("our own directory");
    let lines = format!("s=$(cat {})\necho $(date +%s.%N) $s >> {}\nexit $s\n", status.display(), runs.display());
    let script = director.script("check.sh", &lines);
    let checker = format!(
        "MISC_CHECK {{\n misc_path {}\n retry 3\n delay_before_retry 0.5\n delay_loop 0.2\n log_all_failures\n }}",
        script.display()
    );
    director.check("one", 80, &checker);
    director.start();
    director.await_states(&[("one", true)]);
    wait_until(LIMIT, "some runs", || fs::read_to_string(&runs).is_ok_and(|runs| runs.lines().count() > 3));
    fs::write(&status, "7").expect("our own directory");
    director.await_states(&[("one", false)]);
    wait_until(LIMIT, "runs continue", || fs::read_to_string(&runs).is_ok_and(|runs| runs.matches(" 7").count() > 8));
    let runs = fs::read_to_string(&runs).expect("runs");
    let failed: Vec<f64> =
        runs.lines().filter_map(|run| run.strip_suffix(" 7")).map(|time| time.parse().expect("a time")).collect();
    let gaps: Vec<f64> = failed.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[..3].iter().all(|gap| *gap > 0.45), "delay_before_retry while up: {gaps:?}");
    // The period counts from the start of a run; on a busy machine time stamps are late.
    assert!(gaps[3..].iter().any(|gap| *gap < 0.4), "delay_loop when down: {gaps:?}");
    let log = director.log();
    let attempts = log.matches("attempt failed: script exited with status 7").count();
    assert_eq!(attempts, 3, "{log}");
    assert!(log.contains("MISC_CHECK of [127.0.0.1]:tcp:80 failed: script exited with status 7"), "{log}");

    // It is up again after the first success.
    fs::write(&status, "0").expect("our own directory");
    director.await_states(&[("one", true)]);
}

/// The first check decides at once, regardless of `retry`.
#[test]
fn first_checks_and_alpha() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let missing = "MISC_CHECK {\n misc_path /bin/false\n retry 100\n delay_before_retry 30\n }";
    director.check("first", 80, missing);
    // The first result is late; until then the initial state stays.
    let slow = "MISC_CHECK {\n misc_path \"/bin/sleep 3\"\n misc_timeout 30\n }";
    director.check("slow", 80, slow);
    let note = note(&mut director);
    let scripts = format!("quorum_up \"{note} quorum up\"\n  quorum_down \"{note} quorum down\"");
    director.service("slow alpha", &format!("alpha\n  {scripts}\n  real_server 127.0.0.1 80 {{\n    {slow}\n  }}"));
    director.service("slow server alpha", &format!("real_server 127.0.0.1 80 {{\n    alpha\n    {slow}\n  }}"));
    director.start();
    director.await_states(&[("slow", true), ("slow alpha", false), ("slow server alpha", false)]);
    assert_eq!(director.virtual_server(23, "slow alpha").as_deref(), Some("2"));
    assert_eq!(director.real_servers(63).get(&("slow".to_owned(), 1)).map(String::as_str), Some("1"), "not run yet");
    // The script of the initial quorum runs too.
    await_notes(&mut director, &["quorum down"]);
    director.await_states(&[("first", false), ("slow", true), ("slow alpha", true), ("slow server alpha", true)]);
    await_quorum(&mut director, "slow alpha", "1");
    await_notes(&mut director, &["quorum up"]);
    wait_until(LIMIT, "all have run", || {
        director.real_servers(63).get(&("slow".to_owned(), 1)).is_some_and(|count| count == "0")
    });
    // Initial states of servers are not reported: one went down, two came up. The initial quorum is.
    let log = director.log();
    assert!(log.contains("Gained quorum 1+0=1 <= 1 for VS [10.1.0.2]:tcp:80"), "{log}");
    assert!(log.contains("Starting with quorum down 1+0=1 > 0 for VS [10.1.0.3]:tcp:80"), "{log}");
    let traps = await_traps(&mut director, REAL_SERVER_TRAP, 3);
    let states: Vec<&str> = traps.iter().map(|objects| objects[3].1.as_str()).collect();
    assert_eq!(states.iter().filter(|state| **state == "1").count(), 2, "{traps:?}");
}

#[test]
fn quorum_with_hysteresis_weights_and_a_sorry_server() {
    let _turn = machine::shared();
    let mut director = Director::new();
    for name in ["a", "b", "c"] {
        raise(&mut director, name);
    }
    let note = note(&mut director);
    let mut lines = format!(
        "quorum 4\n  hysteresis 1\n  quorum_up \"{note} quorum up\"\n  quorum_down \"{note} quorum down\"\n  \
         sorry_server 127.0.0.1 8099\n  inhibit_on_failure\n  "
    );
    for (name, port, weight) in [("a", 8001, 1), ("b", 8002, 2), ("c", 8003, 3)] {
        lines += &server(&mut director, name, port, weight, "");
    }
    director.service("web", &lines);
    director.start();
    let row = |server: u32| ("web".to_owned(), server);
    let column = |director: &mut Director, column: u32| {
        director.real_servers(column).into_iter().map(|((_, server), value)| (server, value)).collect::<Vec<_>>()
    };
    // The sorry server is the first row, without status, weight and action.
    let texts = |values: &[(u32, &str)]| values.iter().map(|(n, v)| (*n, (*v).to_owned())).collect::<Vec<_>>();
    assert_eq!(column(&mut director, 2), texts(&[(1, "2"), (2, "1"), (3, "1"), (4, "1")]));
    assert_eq!(column(&mut director, 7), texts(&[(2, "1"), (3, "2"), (4, "3")]));
    assert_eq!(column(&mut director, 10), texts(&[(2, "2"), (3, "2"), (4, "2")]));
    await_quorum(&mut director, "web", "1");
    wait_until(LIMIT, "all have run", || column(&mut director, 63).iter().all(|(_, left)| left == "0"));
    await_notes(&mut director, &["quorum up"]);

    let fall = |director: &mut Director, name: &str, server: u32, up: &str| {
        if up == "1" {
            raise(director, name)
        } else {
            fell(director, name)
        }
        wait_until(LIMIT, name, || director.real_servers(6).get(&row(server)).is_some_and(|state| state == up));
    };
    // 6 -> 3 = quorum - hysteresis: still met. -> 2: lost.
    fall(&mut director, "c", 4, "2");
    await_notes(&mut director, &["c down"]);
    assert_eq!(director.virtual_server(23, "web").as_deref(), Some("1"));
    fall(&mut director, "a", 2, "2");
    await_notes(&mut director, &["a down", "quorum down"]);
    await_quorum(&mut director, "web", "2");
    assert_eq!(director.virtual_server(21, "web").as_deref(), Some("1"));
    assert!(director.log().contains("Lost quorum 4-1=3 > 2 for VS [10.1.0.1]:tcp:80"), "{}", director.log());
    assert!(director.log().contains("Adding sorry server"), "{}", director.log());
    // -> 3: not enough to gain it.
    fall(&mut director, "a", 2, "1");
    await_notes(&mut director, &["a up"]);
    assert_eq!(director.virtual_server(23, "web").as_deref(), Some("2"));
    // -> 4, the quorum itself: not enough to gain it.
    assert!(director.set(&format!("{ROOT}.3.4.1.7.1.3"), 3).0);
    assert_eq!(director.virtual_server(23, "web").as_deref(), Some("2"));
    fall(&mut director, "c", 4, "1");
    await_notes(&mut director, &["c up", "quorum up"]);
    await_quorum(&mut director, "web", "1");
    assert!(director.log().contains("Gained quorum 4+1=5 <= 7 for VS [10.1.0.1]:tcp:80"), "{}", director.log());

    let server_traps = await_traps(&mut director, REAL_SERVER_TRAP, 4);
    let objects =
        |trap: &[(&str, &str)]| trap.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    let service = [("3.3.1.2", "2"), ("3.3.1.5", "1"), ("3.3.1.6", "0A 01 00 01"), ("3.3.1.7", "80"), ("3.3.1.8", "1")];
    let first = [("3.4.1.3", "1"), ("3.4.1.4", "7F 00 00 01"), ("3.4.1.5", "8003"), ("3.4.1.6", "2")];
    let figures = [("3.3.1.21", "2"), ("3.3.1.20", "3"), ("1.2.0", "director")];
    assert_eq!(server_traps[0], objects(&[&first[..], &service, &figures].concat()));
    let quorum_traps = await_traps(&mut director, QUORUM_TRAP, 3);
    let figures = [("3.3.1.23", "2"), ("3.3.1.22", "4"), ("3.3.1.21", "1"), ("3.3.1.20", "3"), ("1.2.0", "director")];
    assert_eq!(quorum_traps[1], objects(&[&service[..], &figures].concat()));
    for (place, trap) in [("at the start", &quorum_traps[0]), ("at the end", &quorum_traps[2])] {
        assert_eq!(trap[5], ("3.3.1.23".to_owned(), "1".to_owned()), "{place}");
    }
}

#[test]
fn weights_are_set_by_snmp() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let servers: String = [("a", 8001), ("b", 8002)]
        .map(|(name, port)| {
            raise(&mut director, name);
            server(&mut director, name, port, 2, "")
        })
        .concat();
    director.service("web", &format!("quorum 4\n  sorry_server 127.0.0.1 8099\n  {servers}"));
    director.start();
    await_quorum(&mut director, "web", "1");
    let weight = |server: u32| format!("{ROOT}.3.4.1.7.1.{server}");
    let (accepted, said) = director.set(&weight(2), 1);
    assert!(accepted, "{said}");
    assert_eq!(director.snmp().get(&weight(2)).as_deref(), Some("1"));
    await_quorum(&mut director, "web", "2");
    let set = "SNMP has set the weight of [127.0.0.1]:tcp:8001 in VS [10.1.0.1]:tcp:80 from 2 to 1";
    assert!(director.log().contains(set), "{}", director.log());
    assert!(director.log().contains("changes from 2 to 1"), "{}", director.log());
    assert!(director.set(&weight(3), 3).0);
    await_quorum(&mut director, "web", "1");
    await_traps(&mut director, QUORUM_TRAP, 3);
    // A server with weight 0 is alive, but does not count.
    assert!(director.set(&weight(3), 0).0);
    await_quorum(&mut director, "web", "2");
    director.await_states(&[]);
    assert_eq!(director.real_servers(6).get(&("web".to_owned(), 3)).map(String::as_str), Some("1"));
    for (server, value) in [(1, 5), (2, -1), (9, 1)] {
        let (accepted, said) = director.set(&weight(server), value);
        assert!(!accepted, "server {server} took {value}: {said}");
    }
    // A server that is down keeps the new weight.
    fell(&mut director, "a");
    wait_until(LIMIT, "a is down", || director.snmp().get(&format!("{ROOT}.3.4.1.6.1.2")).as_deref() == Some("2"));
    assert!(director.set(&weight(2), 9).0);
    raise(&mut director, "a");
    await_quorum(&mut director, "web", "1");
    assert_eq!(director.snmp().get(&weight(2)).as_deref(), Some("9"));
}

/// At the stop scripts run only with `omega`; traps are always sent.
#[test]
fn the_stop() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let note = note(&mut director);
    for (service, omega) in [("omega", "omega"), ("plain", "")] {
        let (alive, dead) = (format!("{service}-alive"), format!("{service}-dead"));
        raise(&mut director, &alive);
        let servers = [server(&mut director, &alive, 8001, 1, ""), server(&mut director, &dead, 8002, 1, "")].concat();
        let lines = format!(
            "{omega}\n  quorum_up \"{note} {service} quorum up\"\n  quorum_down \"{note} {service} quorum down\"\n  {servers}"
        );
        director.service(service, &lines);
    }
    director.start();
    await_notes(&mut director, &["omega quorum up", "plain quorum up", "omega-dead down", "plain-dead down"]);
    await_traps(&mut director, REAL_SERVER_TRAP, 2);
    director.stop();
    await_notes(&mut director, &["omega-alive down", "omega quorum down"]);
    let traps = await_traps(&mut director, REAL_SERVER_TRAP, 4);
    assert!(traps[2..].iter().all(|trap| trap[2].1 == "8001" && trap[3].1 == "2"), "{traps:?}");
    let traps = await_traps(&mut director, QUORUM_TRAP, 4);
    assert!(traps[2..].iter().all(|trap| trap[5] == ("3.3.1.23".to_owned(), "3".to_owned())), "{traps:?}");
    holds_for(Duration::from_millis(200), "no further script runs", || notes(&mut director).is_empty());
}

/// Unchanged servers keep their states over a reload and over the replacement of the checker process.
#[test]
fn verdicts_survive_a_reload_and_a_killed_process() {
    let _turn = machine::shared();
    let mut director = Director::new();
    raise(&mut director, "a");
    let servers = [("a", 8001, 5), ("b", 8002, 7)]
        .map(|(name, port, weight)| server(&mut director, name, port, weight, ""))
        .concat();
    director.service("web", &servers);
    director.start();
    let states = |director: &mut Director, column| director.real_servers(column).into_values().collect::<Vec<_>>();
    wait_until(LIMIT, "a is up and b is down", || states(&mut director, 6) == ["1", "2"]);
    await_notes(&mut director, &["b down"]);
    await_traps(&mut director, REAL_SERVER_TRAP, 1);

    director.reload("weight 5", "weight 6");
    wait_until(LIMIT, "the new weight is shown", || states(&mut director, 7) == ["6", "7"]);
    assert_eq!(states(&mut director, 6), ["1", "2"]);
    director.reload("weight 6", "weight 8\n  no_such_keyword {");
    wait_until(LIMIT, "the fault is reported", || director.log().contains("no_such_keyword"));
    holds_for(Duration::from_secs(1), "nothing changes", || states(&mut director, 7) == ["6", "7"]);
    director.reload("weight 8\n  no_such_keyword {", "weight 6");

    director.replace_process();
    wait_until(LIMIT, "the rows are served again", || states(&mut director, 7) == ["6", "7"]);
    holds_for(Duration::from_secs(2), "b is still down", || states(&mut director, 6) == ["1", "2"]);
    assert_eq!(notes(&mut director), Vec::<String>::new());
    await_traps(&mut director, REAL_SERVER_TRAP, 1);
    await_traps(&mut director, QUORUM_TRAP, 1);
    assert_eq!(director.log().matches("Gained quorum").count(), 1, "{}", director.log());
    raise(&mut director, "b");
    wait_until(LIMIT, "b is up", || states(&mut director, 6) == ["1", "1"]);
    await_notes(&mut director, &["b up"]);
}

/// `ha_suspend`: no checks while the address of the service is not on this host.
#[test]
fn checks_are_suspended_without_the_address() {
    let _turn = machine::shared();
    let mut director = Director::new();
    raise(&mut director, "a");
    let lines = server(&mut director, "a", 8001, 1, "");
    director.service("web", &format!("ha_suspend\n  {lines}"));
    director.start();
    let row = ("web".to_owned(), 1);
    let not_run = |director: &mut Director| director.real_servers(63).get(&row).cloned();
    holds_for(Duration::from_secs(2), "the checker does not run", || not_run(&mut director).as_deref() == Some("1"));
    director.netns().ip("address add 10.1.0.1/32 dev eth0");
    wait_until(LIMIT, "the checker has run", || not_run(&mut director).as_deref() == Some("0"));
    director.netns().ip("address del 10.1.0.1/32 dev eth0");
    wait_until(LIMIT, "the checkers are suspended", || {
        director.log().contains("Checkers of VS [10.1.0.1]:tcp:80 are suspended")
    });
    assert_eq!(
        director.virtual_server(11, "web").as_deref(),
        Some("1"),
        "virtualServerStatus: it is alive all the same"
    );
    fell(&mut director, "a");
    holds_for(Duration::from_secs(1), "the server keeps its state", || {
        director.real_servers(6).get(&row).is_some_and(|state| state == "1")
    });
    director.netns().ip("address add 10.1.0.1/32 dev eth0");
    director.await_states(&[("web", false)]);
}
