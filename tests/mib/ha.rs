//! KEEPALIVED-HA-MIB: the changes of instances, groups, trackers and real servers, with their causes and times.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use crate::config_support;
use keepalived::check::{self, Check};
use keepalived::mib;
use keepalived::system::{Daemon, Lateness, News, Process, Reload};
use keepalived::track::ScriptEnd;
use keepalived::vrrp::{Event, Interface, InterfaceAddress, Tables, TimerKey, Vrrp};
use snmp::{Mib, Oid, SessionNumber, Value};

const ROOT: &[u32] = &[1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 112];

const TEXT: &str = "
vrrp_script probe {
    script /bin/true
    interval 1
}
vrrp_script other {
    script /bin/true
    interval 1
    weight 1
}
track_file number {
    file /run/number
}
vrrp_sync_group G {
    group {
        A
    }
}
vrrp_instance A {
    interface eth0
    virtual_router_id 1
    priority 100
    track_script {
        probe
    }
    track_file {
        number weight 2
    }
    virtual_ipaddress {
        10.0.0.9
    }
}
vrrp_instance B {
    interface eth0
    virtual_router_id 2
    priority 100
    track_script {
        other
    }
    virtual_ipaddress {
        10.0.0.10
    }
}
";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn link(up: bool) -> Interface {
    let ip = "10.0.0.1".parse().unwrap();
    let addresses = [InterfaceAddress { ip, prefix: 24, usable: true, marked: false }].into_iter().collect();
    Interface { index: 2, name: "eth0".into(), up, mtu: 1500, addresses, ..Interface::default() }
}

/// The rows of a table: the index, and the values of the columns.
fn rows<T: 'static>(mib: &Mib<T>, data: &T, entry: &[u32]) -> Vec<String> {
    let root = [ROOT, entry].concat();
    let mut rows: BTreeMap<Vec<u32>, Vec<String>> = BTreeMap::new();
    let mut at = Oid::new(&root);
    loop {
        let next = mib.next(data, &at, false, &Oid::default());
        let Some([column, index @ ..]) =
            next.name.as_slice().strip_prefix(&root[..]).filter(|_| !next.value.is_exception())
        else {
            break;
        };
        assert!(next.name > at);
        assert_eq!(mib.get(data, &next.name), next.value, "GET and GETNEXT of {}", next.name);
        rows.entry(index.to_vec()).or_default().push(format!("{column}={}", shown(&next.value)));
        at = next.name;
    }
    let line = |(index, cells): (Vec<u32>, Vec<String>)| {
        let index: Vec<String> = index.iter().map(u32::to_string).collect();
        format!("{}: {}", index.join("."), cells.join(" "))
    };
    rows.into_iter().map(line).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Counter32(number) => format!("{number}c"),
        Value::Gauge32(number) => format!("{number}g"),
        Value::DateAndTime(at) => format!("@{}", at.as_secs_f64()),
        Value::OctetString(octets) => match <[u8; 4]>::try_from(octets.as_slice()) {
            Ok(octets) if octets[0] == 10 => IpAddr::from(octets).to_string(),
            _ => format!("'{}'", String::from_utf8_lossy(octets)),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn changes_of_vrrp() {
    let loaded = config_support::load_text(TEXT);
    let config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    let mut vrrp = Vrrp::new(Tables::new(config.clone(), "test".into()));
    let mib = mib::vrrp_mib().unwrap();
    vrrp.handle(Event::Interfaces(vec![link(true)]), seconds(10));
    vrrp.handle(Event::Start, seconds(10));
    let scalar = |vrrp: &Vrrp, number| mib.get(vrrp, &Oid::from([ROOT, &[1, 4, number, 0]].concat()));
    assert_eq!(scalar(&vrrp, 7), Value::DateAndTime(seconds(10)), "haVrrpConfigured");
    assert_eq!(scalar(&vrrp, 1), Value::OfSession(SessionNumber::Lost));
    // A waits for the result of its script, not for the file, whose weight does not count in a group.
    let backup = "2: 1=1c 2=0c 3=0c 4=@10 5=@10 6=1 7='init' 10=2";
    assert_eq!(rows(&mib, &vrrp, &[1, 2, 1, 1]), ["1: 1=0c 2=0c 3=0c 4=@10 10=2", backup]);
    assert_eq!(rows(&mib, &vrrp, &[1, 2, 2, 1]), ["1: 1=0c"]);
    let trackers = ["1.1: 3='probe' 4=1", "1.2: 3='other' 4=1", "2.1: 3='number' 4=1"];
    assert_eq!(rows(&mib, &vrrp, &[1, 2, 3, 1]), trackers);

    vrrp.handle(Event::ScriptEnded(1, ScriptEnd::Exited(0)), seconds(11));
    vrrp.handle(Event::FileRead { name: "number".into(), number: 7 }, seconds(12));
    let started = "1: 1=1c 2=0c 3=0c 4=@10 5=@11 6=1 7='init' 10=2";
    assert_eq!(rows(&mib, &vrrp, &[1, 2, 1, 1]), [started, backup]);
    assert_eq!(rows(&mib, &vrrp, &[1, 2, 2, 1]), ["1: 1=1c 2=@11"]);
    let trackers = ["1.1: 3='probe' 4=2 6=@11", "1.2: 3='other' 4=1", "2.1: 3='number' 4=4 5=7 6=@12"];
    assert_eq!(rows(&mib, &vrrp, &[1, 2, 3, 1]), trackers);

    vrrp.handle(Event::Timer(TimerKey::Protocol(keepalived::vrrp::InstanceId(2))), seconds(20));
    let master = "2: 1=2c 2=1c 3=0c 4=@10 5=@20 6=2 7='no advert from a master' 10=2";
    assert_eq!(rows(&mib, &vrrp, &[1, 2, 1, 1]), [started, master]);
    vrrp.handle(Event::Link(link(false)), seconds(21));
    let fault = [
        "1: 1=2c 2=0c 3=0c 4=@10 5=@21 6=8 7='interface eth0 is down' 10=2",
        "2: 1=3c 2=1c 3=1c 4=@10 5=@21 6=8 7='interface eth0 is down' 10=2",
    ];
    assert_eq!(rows(&mib, &vrrp, &[1, 2, 1, 1]), fault);
    assert_eq!(rows(&mib, &vrrp, &[1, 2, 2, 1]), ["1: 1=2c 2=@21"]);
    // A reload and the clearing of the statistics change none of it.
    vrrp.handle(Event::ClearCounters, seconds(22));
    vrrp.handle(Event::Configure(Box::new(config)), seconds(23));
    assert_eq!(scalar(&vrrp, 7), Value::DateAndTime(seconds(23)), "haVrrpConfigured");
    assert_eq!(rows(&mib, &vrrp, &[1, 2, 1, 1]), fault);
    assert_eq!(rows(&mib, &vrrp, &[1, 2, 2, 1]), ["1: 1=2c 2=@21"]);
    // Yielding is no fault, and no change of the state.
    let members = vrrp.tables().yielding_together("B");
    vrrp.handle(Event::Yield(members, Some(seconds(90))), seconds(30));
    let yielded = fault[1].replace(" 10=2", " 10=1 11=@90");
    assert_eq!(rows(&mib, &vrrp, &[1, 2, 1, 1]), [fault[0], &yielded]);
}

#[test]
fn the_time_of_an_event_is_the_last_object_of_a_notification() {
    let time = mib::event_time(seconds(5));
    assert_eq!(time.name, Oid::from([ROOT, &[1, 1, 0]].concat()));
    assert_eq!(time.value, Value::DateAndTime(seconds(5)));
}

#[test]
fn changes_of_real_servers() {
    let text = "virtual_server 10.0.0.1 80 {\n protocol TCP\n real_server 10.1.0.1 80 {\n TCP_CHECK {\n retry 0\n }\n }\n \
                sorry_server 10.1.0.9 80\n}\nvirtual_server fwmark 7 {\n protocol UDP\n real_server 10.1.0.2 53 {\n }\n}\n";
    let loaded = config_support::load_text(text);
    let mut config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    let servers = std::mem::take(&mut config.lvs.virtual_servers).into_iter().map(Ok::<_, Infallible>);
    let mut check = Check::new(check::Tables::new(config, servers, "test".into()).unwrap(), 0);
    let mib = mib::check_mib().unwrap();
    check.handle(check::Event::Start, seconds(10));
    let before = ["1.1: 1='[10.0.0.1]:tcp:80'", "1.2: 1='[10.0.0.1]:tcp:80'", "2.1: 1='FWM 7'"];
    assert_eq!(rows(&mib, &check, &[1, 3, 1, 1]), before);

    let id: check::RealServerId = (check::VirtualServerId(1), 2);
    check.take_output();
    check.handle(check::Event::Timer(check::TimerKey::Checker((id, 1))), seconds(100));
    let actions = check.take_output().actions;
    let Some(check::Action::Connect { attempt, .. }) = actions.first().cloned() else { panic!("{actions:?}") };
    check.handle(check::Event::Failed(attempt, "Connection refused".into()), seconds(101));
    let failed =
        "1.2: 1='[10.0.0.1]:tcp:80' 2=@101 3='Connection refused' 4=@101 5='TCP_CHECK: Connection refused' 6=1000000g";
    assert_eq!(rows(&mib, &check, &[1, 3, 1, 1]), [before[0], failed, before[2]]);

    let activity = |check: &Check| -> Vec<String> {
        let of = |number| mib.get(check, &Oid::from([ROOT, &[1, 11, number, 0]].concat()));
        [1, 2, 3].map(|number| shown(&of(number))).to_vec()
    };
    // The first attempt was due after a second.
    assert_eq!(activity(&check), ["0g", "1c", "0c"]);
    let due = check.tables().checkers.get(&(id, 1)).unwrap().deadline.unwrap();
    check.handle(check::Event::Timer(check::TimerKey::Checker((id, 1))), due + Duration::from_millis(100));
    assert_eq!(activity(&check), ["1g", "1c", "0c"]);
    let actions = check.take_output().actions;
    let of = |action: &check::Action| match action {
        check::Action::Connect { attempt, .. } => Some(*attempt),
        _ => None,
    };
    let attempt = actions.iter().find_map(of).unwrap();
    check.handle(check::Event::Postponed(attempt), due + seconds(1));
    assert_eq!(activity(&check), ["0g", "1c", "1c"]);
    // That is no result.
    assert_eq!(rows(&mib, &check, &[1, 3, 1, 1])[1], failed);
    check.handle(check::Event::Timer(check::TimerKey::Checker((id, 1))), due + seconds(2));
    let attempt = check.take_output().actions.iter().find_map(of).unwrap();
    check.handle(check::Event::Connected(attempt), due + seconds(2) + Duration::from_micros(750));
    let at = (due + seconds(2) + Duration::from_micros(750)).as_secs_f64();
    let passed = format!("1.2: 1='[10.0.0.1]:tcp:80' 2=@{at} 4=@{at} 5='TCP_CHECK: success' 6=750g");
    assert_eq!(rows(&mib, &check, &[1, 3, 1, 1])[1], passed);
    let configured = Oid::from([ROOT, &[1, 5, 7, 0]].concat());
    assert_eq!(mib.get(&check, &configured), Value::DateAndTime(seconds(10)), "haCheckConfigured");
}

/// Both processes serve what the parent knows; only one of them is told the news.
#[test]
fn the_daemon_as_the_parent_knows_it() {
    let text = "global_defs {\n enable_traps\n}\n".to_owned() + TEXT;
    let loaded = config_support::load_text(&text);
    let config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    let mut vrrp = Vrrp::new(Tables::new(config.clone(), "test".into()));
    let none = std::iter::empty::<Result<_, Infallible>>();
    let mut check = Check::new(check::Tables::new(config.clone(), none, "test".into()).unwrap(), 0);
    let (of_vrrp, of_check) = (mib::vrrp_mib().unwrap(), mib::check_mib().unwrap());
    let entry = [1, 10, 1, 1];
    assert_eq!(rows(&of_vrrp, &vrrp, &entry), [""; 0]);

    let late = Lateness { max: Duration::from_millis(7), p99: Duration::from_micros(80) };
    let process = |number, name: &str| Process { number, name: name.into(), ..Process::default() };
    let mut daemon = Daemon {
        processes: vec![
            Process { since: Some(seconds(5)), late, ..process(1, "parent") },
            Process { since: Some(seconds(30)), restarts: 2, last_restart: Some(seconds(30)), ..process(2, "VRRP") },
            process(4, "BFD"),
        ],
        last_reload: None,
    };
    vrrp.handle(Event::Daemon(Box::new(daemon.clone())), seconds(31));
    check.handle(check::Event::Daemon(Box::new(daemon.clone())), seconds(31));
    let expected =
        ["1: 2='parent' 3=@5 4=0c 6=7000g 7=80g", "2: 2='VRRP' 3=@30 4=2c 5=@30 6=0g 7=0g", "4: 2='BFD' 4=0c"];
    assert_eq!(rows(&of_vrrp, &vrrp, &entry), expected);
    assert_eq!(rows(&of_check, &check, &entry), expected);
    let reload = |vrrp: &Vrrp| -> Vec<Value> {
        [2, 3, 4].map(|number| of_vrrp.get(vrrp, &Oid::from([ROOT, &[1, 10, number, 0]].concat()))).to_vec()
    };
    assert_eq!(reload(&vrrp), [const { Value::NoSuchInstance }; 3]);

    daemon.last_reload = Some(Reload { at: seconds(40), refused: Some("it has errors".into()) });
    vrrp.handle(Event::Daemon(Box::new(daemon)), seconds(41));
    assert_eq!(reload(&vrrp), [Value::DateAndTime(seconds(40)), Value::Integer(2), Value::text("it has errors")]);
    let trap = |news, vrrp: &Vrrp| {
        let trap = mib::daemon_trap(news, vrrp)?;
        let objects = trap.objects.iter().map(|object| format!("{}={}", object.name, shown(&object.value)));
        Some((trap.oid, objects.collect::<Vec<_>>()))
    };
    let root = Oid::new(ROOT);
    let restarted = vec![format!("{root}.1.10.1.1.2.2='VRRP'"), format!("{root}.1.10.1.1.4.2=2c")];
    assert_eq!(trap(News::Restarted(2), &vrrp), Some((Oid::from([ROOT, &[0, 1]].concat()), restarted)));
    let refused = vec![format!("{root}.1.10.4.0='it has errors'")];
    assert_eq!(trap(News::ReloadRefused, &vrrp), Some((Oid::from([ROOT, &[0, 2]].concat()), refused)));

    // A reload changes none of it.
    vrrp.handle(Event::Configure(Box::new(config)), seconds(50));
    assert_eq!(rows(&of_vrrp, &vrrp, &entry), expected);
}
