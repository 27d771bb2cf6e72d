//! The subagent as a manager sees it through snmpd: walks, SETs, and snmpd killed, restarted and stopped.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use snmp::{Event, Refused};

use crate::agent::{Agent, ROWS};
use crate::field::{Field, wait_for};

const BASE: &str = ".1.3.6.1.4.1.8072.9999.78";
const SECOND: Duration = Duration::from_secs(1);

fn field() -> (Field, Agent) {
    let field = Field::new();
    let agent = Agent::start(field.unix(), 127);
    wait_for("the agent's objects", 10 * SECOND, || readable(&field));
    (field, agent)
}

fn readable(field: &Field) -> bool {
    field.ask("snmpget", &[&format!("{BASE}.1.0")]).contains(&format!("Gauge32: {ROWS}"))
}

/// The numbers without repetitions, in order of first arrival.
fn first_seen(mut traps: Vec<u32>) -> Vec<u32> {
    let mut seen = std::collections::HashSet::new();
    traps.retain(|number| seen.insert(*number));
    traps
}

#[test]
fn snmpwalk_and_snmpbulkwalk_show_every_instance_once_and_in_order() {
    let (field, _agent) = field();
    let walk = field.ask("snmpwalk", &[BASE]);
    let names: Vec<&str> = walk.lines().filter_map(|line| line.split(" = ").next()).collect();
    assert_eq!(names.len() as u32, 1 + ROWS + ROWS + ROWS / 7, "{walk}");
    assert_eq!(names[1], format!("{BASE}.2.1.2.0.1"));
    assert!(walk.contains(&format!("{BASE}.2.1.3.3.30 = Hex-STRING: C0 A8 C8 FF")));
    assert!(walk.contains(&format!("{BASE}.2.1.4.0.7 = Counter64: 18446744073709551615")));
    assert_eq!(field.ask("snmpbulkwalk", &["-Cr50", BASE]), walk);
    let missing = field.ask("snmpget", &[&format!("{BASE}.2.1.2.0.99"), &format!("{BASE}.2.1.9.0.1")]);
    assert!(missing.contains("No Such Instance") && missing.contains("No Such Object"), "{missing}");
}

#[test]
fn a_set_changes_all_its_bindings_or_none() {
    let (field, _agent) = field();
    let [a, b] = [1, 2].map(|row| format!("{BASE}.2.1.2.0.{row}"));
    field.ask("snmpset", &[&a, "i", "55", &b, "i", "66"]);
    let both = |first: i32, second: i32| {
        let values = field.ask("snmpget", &[&a, &b]);
        assert_eq!(values, format!("{a} = INTEGER: {first}\n{b} = INTEGER: {second}\n"));
    };
    both(55, 66);
    for (value, kind, reason) in
        [("1001", "i", "wrongValue"), ("x", "s", "wrongType"), ("999", "i", "commitFailed"), ("5", "u", "wrongType")]
    {
        let output = field.ask("snmpset", &[&a, "i", "77", &b, kind, value]);
        assert!(output.contains(reason), "{reason}: {output}");
        both(55, 66);
    }
    let output = field.ask("snmpset", &[&format!("{BASE}.2.1.3.0.1"), "x", "00"]);
    assert!(output.contains("notWritable"), "{output}");
}

/// keepalived issue 2726: after a reconnect the new socket had the old one's number, was mistaken for it,
/// and was never watched.
#[test]
fn issue_2726_a_reconnect_with_the_same_descriptor_loses_no_trap() {
    let (mut field, agent) = field();
    let mut sent = 0;
    let mut send = |count: u32| {
        for _ in 0..count {
            agent.trap(sent);
            sent += 1;
        }
    };
    for round in 0..12 {
        send(3);
        field.end_snmpd(if round % 2 == 0 { Signal::SIGKILL } else { Signal::SIGTERM });
        send(3);
        field.start_snmpd();
        wait_for("snmpd", 10 * SECOND, || field.snmpd_answers());
        wait_for("the objects after snmpd's return", SECOND, || readable(&field));
    }
    wait_for("every trap", 10 * SECOND, || first_seen(field.traps()).len() as u32 == sent);
    assert_eq!(first_seen(field.traps()), (0..sent).collect::<Vec<_>>(), "in order");
    let report = agent.report();
    assert_eq!((report.waiting, report.stats.notifications_dropped), (0, 0));
    let numbers: Vec<i32> = report.sockets.iter().map(|(fd, _)| *fd).collect();
    assert!(report.sockets.len() >= 13, "{:?}", report.sockets);
    assert!(numbers.windows(2).any(|pair| pair[0] == pair[1]), "no descriptor was reused: {numbers:?}");
}

#[test]
fn the_session_survives_a_stopped_master() {
    let (field, agent) = field();
    // snmpd counts a request that was open when it stopped as unanswered by us.
    field.signal_snmpd(Signal::SIGSTOP);
    for number in 0..100 {
        agent.trap(number);
    }
    assert!(!readable(&field), "snmpd is stopped");
    let stopped = Instant::now();
    wait_for("the agent to notice", 10 * SECOND, || {
        agent.report().events.iter().any(|event| matches!(event, Event::Unresponsive(_)))
    });
    assert!(stopped.elapsed() > 3 * SECOND);
    field.signal_snmpd(Signal::SIGCONT);
    wait_for("the objects after snmpd continues", SECOND, || readable(&field));
    wait_for("every trap", 5 * SECOND, || first_seen(field.traps()).len() == 100);
    assert_eq!(first_seen(field.traps()), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_burst_of_notifications_does_not_delay_a_walk() {
    let (field, agent) = field();
    for number in 0..5000 {
        agent.trap(number);
    }
    let walk = field.ask("snmpwalk", &[&format!("{BASE}.2")]);
    assert_eq!(walk.lines().count() as u32, ROWS + ROWS + ROWS / 7, "{walk}");
    wait_for("every acknowledgement", 20 * SECOND, || agent.report().stats.notifications_acknowledged == 5000);
    assert_eq!(agent.report().stats.opened, 1);
}

#[test]
fn the_subagent_works_and_reconnects_over_tcp() {
    let mut field = Field::new();
    let _agent = Agent::start(field.tcp(), 127);
    wait_for("the agent's objects", 10 * SECOND, || readable(&field));
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        field.end_snmpd(signal);
        field.start_snmpd();
        wait_for("snmpd", 10 * SECOND, || field.snmpd_answers());
        wait_for("the objects after snmpd's return", SECOND, || readable(&field));
    }
}

#[test]
fn the_agent_with_the_lower_priority_value_answers_and_the_other_takes_over() {
    let field = Field::new();
    let set = |field: &Field| {
        let name = format!("{BASE}.2.1.2.0.1");
        field.ask("snmpset", &[&name, "i", "500"]);
        field.ask("snmpget", &[&name])
    };
    let second = Agent::start(field.unix(), 128);
    wait_for("the agent with priority 128", 10 * SECOND, || second.report().stats.opened == 1 && readable(&field));
    let first = Agent::start(field.unix(), 100);
    wait_for("the agent with priority 100", 10 * SECOND, || {
        first.report().events.contains(&Event::Up { registered: 1 })
    });
    assert!(set(&field).contains("INTEGER: 500"));
    let asked = |agent: &Agent| agent.report().stats.requests;
    let before = asked(&second);
    assert!(readable(&field));
    assert_eq!(asked(&second), before, "the request goes to the agent with priority 100");
    drop(first);
    wait_for("the remaining agent", SECOND, || readable(&field));
    assert!(asked(&second) > before);

    let third = Agent::start(field.unix(), 128);
    let duplicate = |event: &Event| matches!(event, Event::Refused { what: Refused::Registration(_), error: 263 });
    wait_for("the refusal", 10 * SECOND, || third.report().events.iter().any(duplicate));
    drop(second);
    wait_for("the third agent's second registration", 10 * SECOND, || readable(&field));
}
