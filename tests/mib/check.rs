//! Branch `check` of KEEPALIVED-MIB and its notifications: the values for a configuration.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::convert::Infallible;
use std::time::Duration;

use crate::config_support;
use keepalived::check::{Action, Change, Check, Event, RealServerId, Statistics, Tables, VirtualServerId};
use keepalived::config::Compared;
use keepalived::mib;
use proptest::prelude::*;
use snmp::{Mib, Oid, SetError, Value};

const TEXT: &str = "
global_defs {
    router_id director
    enable_traps
    lvs_sync_daemon eth0 id 7 port 8848 ttl 3 maxlen 1400 group 224.0.0.81
    lvs_timeouts tcp 900 udp 300
}
virtual_server_group web {
    10.0.0.1 80
    fwmark 5
    10.0.0.10-20 81
}
virtual_server 192.168.200.255 80 {
    delay_loop 6
    lb_algo sh
    sh-port
    lb_kind NAT
    protocol TCP
    persistence_timeout 50
    persistence_granularity 255.255.255.0
    quorum 2
    sorry_server 192.168.200.9 80
    real_server 192.168.200.2 80 {
        weight 10
        uthreshold 100
        notify_up \"/bin/true up\"
        TCP_CHECK {
        }
    }
    real_server 192.168.200.3 80 {
        weight 20
        inhibit_on_failure
    }
}
virtual_server fwmark 7 {
    lb_algo mh
    lb_kind TUN
    real_server 192.168.200.4 {
        lvs_method TUN type gue port 6080 csum
    }
}
virtual_server group web {
    lb_algo wlc
    lb_kind DR
    protocol UDP
    real_server 192.168.200.5 {
    }
}
virtual_server fe80::1 443 {
    lb_algo rr
    lb_kind NAT
    protocol SCTP
    real_server fe80::2 443 {
    }
}
";

fn tables(text: &str) -> Tables {
    let loaded = config_support::load_text(text);
    let mut config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    let servers = std::mem::take(&mut config.lvs.virtual_servers).into_iter().map(Ok::<_, Infallible>);
    Tables::new(config, servers, "v".into()).unwrap()
}

fn check() -> Check {
    let mut check = Check::new(tables(TEXT), 1);
    check.handle(Event::Start, Duration::ZERO);
    check.take_output();
    check
}

/// A virtual server: kind (address, mark, group), IPv6, number of real servers, sorry server.
type Choice = (u32, bool, u32, bool);

fn services(services: &[Choice], groups: u32) -> String {
    let group = |number: u32| {
        let entries = (0..=number)
            .map(|n| format!("10.{number}.{n}.1 80\n10.{number}.{n}.9-12 80\nfwmark {}\n", 100 * number + n + 1));
        format!("virtual_server_group g{number} {{\n{}}}\n", entries.collect::<String>())
    };
    let service = |(number, (kind, v6, servers, sorry)): (usize, &Choice)| {
        let (net, kind) = (if *v6 { "fd00::1:" } else { "10.100.0." }, if groups == 0 { kind % 2 } else { *kind });
        let name = match kind {
            0 => format!("{net}{} 80", number + 1),
            1 => format!("fwmark {}", 1000 + number),
            _ => format!("group g{}", u32::try_from(number).unwrap() % groups),
        };
        let v4 = if kind == 2 { "10.101.0." } else { net };
        let sorry = if *sorry { format!(" sorry_server {v4}99 80\n") } else { String::new() };
        let servers = (0..*servers).map(|n| format!(" real_server {v4}{} 80 {{\n TCP_CHECK {{\n }}\n }}\n", n + 1));
        format!("virtual_server {name} {{\n protocol TCP\n{sorry}{}}}\n", servers.collect::<String>())
    };
    (0..groups).map(group).collect::<String>() + &services.iter().enumerate().map(service).collect::<String>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_walk_is_the_sorted_list_of_all_gets_while_rows_come_and_go(
        steps in proptest::collection::vec(
            (proptest::collection::vec((0..3u32, any::<bool>(), 0..4u32, any::<bool>()), 0..6), 0..3u32),
            1..5,
        ),
        starts in proptest::collection::vec(proptest::collection::vec(0..6u32, 0..7), 0..20),
    ) {
        let mib = mib::check_mib().unwrap();
        let mut check = Check::new(tables(""), 1);
        check.handle(Event::Start, Duration::ZERO);
        let roots = [&mib::BASE[..], &[1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 112]];
        for (now, (configured, groups)) in (1..).zip(steps) {
            let mut config = config_support::load_text(services(&configured, groups)).config.unwrap();
            let servers = std::mem::take(&mut config.lvs.virtual_servers);
            let real: usize = servers.iter().map(|one| one.real_servers.len() + usize::from(one.sorry_server.is_some())).sum();
            let expected = (servers.len(), real, config.lvs.groups.len());
            let servers = servers.into_iter().map(|server| Compared::Other(Box::new(server))).collect();
            check.handle(Event::Configure { config: Box::new(config), servers }, Duration::from_secs(now));
            check.take_output();
            for root in roots {
                let mut names: Vec<Oid> = Vec::new();
                let mut at = Oid::new(root);
                let end = Oid::new(root).successor().unwrap();
                loop {
                    let next = mib.next(&check, &at, false, &end);
                    if next.value.is_exception() {
                        break;
                    }
                    prop_assert!(next.name > at);
                    prop_assert_eq!(mib.get(&check, &next.name), next.value);
                    names.push(next.name.clone());
                    at = next.name;
                }
                for start in &starts {
                    let from = Oid::from([root, start].concat());
                    let next = mib.next(&check, &from, false, &end);
                    let found = Some(&next.name).filter(|_| !next.value.is_exception());
                    prop_assert_eq!(found, names.iter().find(|name| **name > from));
                }
                if root == mib::BASE {
                    let rows = |table: u32, column: u32| {
                        let entry = Oid::from([root, &[3, table, 1, column]].concat());
                        names.iter().filter(|name| name.as_slice().starts_with(entry.as_slice())).count()
                    };
                    prop_assert_eq!((rows(3, 2), rows(4, 3), rows(1, 2)), expected);
                }
            }
        }
    }
}

struct View {
    check: Check,
    mib: Mib<Check>,
}

impl View {
    fn new() -> View {
        View { check: check(), mib: mib::check_mib().unwrap() }
    }

    fn get(&self, table: u32, column: u32, index: &[u32]) -> Value {
        let name = [&mib::BASE[..], &[3, table, 1, column], index].concat();
        self.mib.get(&self.check, &Oid::from(name))
    }

    fn virtual_server(&self, column: u32, index: u32) -> Value {
        self.get(3, column, &[index])
    }

    fn real_server(&self, column: u32, server: u32, position: u32) -> Value {
        self.get(4, column, &[server, position])
    }
}

const ABSENT: Value = Value::NoSuchInstance;

fn octets(octets: &[u8]) -> Value {
    Value::OctetString(octets.to_vec())
}

#[test]
fn groups_and_their_members() {
    let view = View::new();
    assert_eq!(view.get(1, 2, &[1]), Value::text("web"));
    let row = |position| (2..=8).map(|column| view.get(2, column, &[1, position])).collect::<Vec<_>>();
    let (one, port) = (Value::Integer(1), |port| Value::Gauge32(port));
    assert_eq!(row(1), [one.clone(), port(5), ABSENT, ABSENT, ABSENT, ABSENT, ABSENT], "firewall marks come first");
    let address = [Value::Integer(2), ABSENT, one.clone(), octets(&[10, 0, 0, 1]), ABSENT, ABSENT, port(80)];
    assert_eq!(row(2), address);
    let (first, last) = (octets(&[10, 0, 0, 10]), octets(&[10, 0, 0, 20]));
    assert_eq!(row(3), [Value::Integer(3), ABSENT, one, ABSENT, first, last, port(81)]);
}

#[test]
fn virtual_servers_of_each_kind() {
    let view = View::new();
    let column = |number| (1..=4).map(|index| view.virtual_server(number, index)).collect::<Vec<_>>();
    let numbers = |numbers: [i32; 4]| numbers.map(Value::Integer);
    assert_eq!(column(2), numbers([2, 1, 3, 2]), "type");
    assert_eq!(column(3), [ABSENT, ABSENT, Value::text("web"), ABSENT], "group");
    assert_eq!(column(4), [ABSENT, Value::Gauge32(7), ABSENT, ABSENT], "mark");
    let ipv6 = octets(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(column(5), numbers([1, 1, 1, 2]), "address type");
    assert_eq!(column(11), numbers([1, 1, 1, 1]), "status");
    assert_eq!(column(6), [octets(&[192, 168, 200, 255]), ABSENT, ABSENT, ipv6], "address");
    assert_eq!(column(7), [Value::Gauge32(80), ABSENT, ABSENT, Value::Gauge32(443)], "port");
    assert_eq!(column(8), [Value::Integer(1), ABSENT, Value::Integer(2), Value::Integer(3)], "protocol");
    assert_eq!(column(9), numbers([8, 13, 4, 1]), "scheduler");
    assert_eq!(column(10), numbers([1, 3, 2, 1]), "kind");
    assert_eq!(column(13)[0], Value::Integer(1), "persistence");
    assert_eq!(column(14)[0], Value::Gauge32(50));
    let full = octets(&[255; 4]);
    assert_eq!(column(15), [octets(&[255, 255, 255, 0]), full.clone(), full, ABSENT], "granularity");
    assert_eq!(column(51), [ABSENT, ABSENT, ABSENT, Value::Gauge32(128)]);
    assert_eq!((column(16)[0].clone(), column(64)[0].clone()), (Value::Gauge32(6), Value::Gauge32(6_000_000)));
    assert_eq!((column(20)[0].clone(), column(21)[0].clone()), (Value::Gauge32(2), Value::Gauge32(2)), "total, up");
    assert_eq!((column(22)[0].clone(), column(23)[0].clone()), (Value::Gauge32(2), Value::Integer(1)), "quorum");
    assert_eq!((column(53)[0].clone(), column(54)[0].clone()), (Value::Integer(2), Value::Integer(1)), "sh flags");
    assert_eq!(column(63), numbers([2, 2, 2, 2]), "mh flags");
}

#[test]
fn real_servers_and_the_sorry_server() {
    let view = View::new();
    let column = |number| (1..=3).map(|position| view.real_server(number, 1, position)).collect::<Vec<_>>();
    assert_eq!(column(2), [2, 1, 1].map(Value::Integer), "the sorry server comes first");
    assert_eq!(column(4)[0], octets(&[192, 168, 200, 9]));
    assert_eq!(column(6), [ABSENT, Value::Integer(1), Value::Integer(1)], "status");
    assert_eq!(column(7), [ABSENT, Value::Integer(10), Value::Integer(20)], "weight");
    assert_eq!(column(8), [ABSENT, Value::Gauge32(100), ABSENT], "limit");
    assert_eq!(column(10), [ABSENT, Value::Integer(1), Value::Integer(2)], "action");
    assert_eq!(column(11), [ABSENT, Value::text("'/bin/true' 'up'"), ABSENT]);
    assert_eq!(column(56), [ABSENT, Value::text("/bin/true"), ABSENT]);
    assert_eq!(column(13), [ABSENT, Value::Gauge32(0), Value::Gauge32(0)], "failed checkers");
    assert_eq!(column(63), [0, 1, 0].map(Value::Gauge32), "checkers not run");
    assert_eq!(column(40), [1, 1, 1].map(Value::Integer), "method");
    let tunnel = (52..=54).map(|column| view.real_server(column, 2, 1)).collect::<Vec<_>>();
    assert_eq!(tunnel, [Value::Integer(2), Value::Gauge32(6080), Value::Integer(2)]);
    assert_eq!(view.real_server(2, 1, 4), ABSENT);
}

#[test]
fn statistics_in_32_and_64_bits() {
    let mut view = View::new();
    let big = 0x1_0000_0007_u64;
    let statistics = Statistics {
        connections: big,
        in_packets: big + 1,
        out_bytes: big + 2,
        in_byte_rate: big + 3,
        active: 4,
        ..Statistics::default()
    };
    let (vs, rs) = (VirtualServerId(1), (VirtualServerId(1), 2));
    view.check.handle(Event::VirtualServerStatistics(vs, statistics), Duration::ZERO);
    view.check.handle(Event::RealServerStatistics(rs, statistics), Duration::ZERO);
    assert_eq!(view.virtual_server(27, 1), Value::Gauge32(u32::MAX), "a gauge stays at its maximum");
    assert_eq!(view.virtual_server(28, 1), Value::Counter32(8), "a counter wraps");
    assert_eq!(view.virtual_server(31, 1), Value::Counter64(big + 2));
    assert_eq!(view.virtual_server(38, 1), Value::Counter64(big));
    assert_eq!((view.virtual_server(47, 1), view.virtual_server(48, 1)), (Value::Gauge32(10), Value::Gauge32(1)));
    assert_eq!(view.virtual_server(77, 1), Value::Counter64(big + 3));
    assert_eq!(view.real_server(15, 1, 2), Value::Gauge32(4));
    assert_eq!(view.real_server(61, 1, 2), Value::Counter64(big + 3));
}

#[test]
fn sync_daemon_and_timeouts() {
    let view = View::new();
    let scalar = |branch: u32, number: u32| {
        let name = [&mib::BASE[..], &[3, branch, number, 0]].concat();
        view.mib.get(&view.check, &Oid::from(name))
    };
    assert_eq!((scalar(6, 1), scalar(6, 2)), (Value::Integer(1), Value::text("eth0")));
    assert_eq!([scalar(6, 4), scalar(6, 5), scalar(6, 6), scalar(6, 7)], [7, 1400, 8848, 3].map(Value::Integer));
    assert_eq!((scalar(6, 3), scalar(6, 9)), (ABSENT, octets(&[224, 0, 0, 81])));
    assert_eq!([scalar(7, 1), scalar(7, 2), scalar(7, 3)], [Value::Integer(900), ABSENT, Value::Integer(300)]);
    let router_id = view.mib.get(&view.check, &Oid::from([&mib::BASE[..], &[1, 2, 0]].concat()));
    assert_eq!(router_id, Value::text("director"), "branch global");
}

#[test]
fn a_weight_can_be_set() {
    let mut view = View::new();
    let name = |position| Oid::from([&mib::BASE[..], &[3, 4, 1, 7, 1, position]].concat());
    let (value, weight) = (Value::Integer(300), name(2));
    assert_eq!(view.mib.test(&view.check, &weight, &value), Ok(()));
    assert_eq!(view.mib.test(&view.check, &weight, &Value::Integer(-1)), Err(SetError::WrongValue));
    assert_eq!(view.mib.test(&view.check, &weight, &Value::Gauge32(1)), Err(SetError::WrongType));
    assert!(view.mib.test(&view.check, &name(1), &value).is_err(), "a sorry server has no weight");
    assert_eq!(view.mib.commit(&mut view.check, &weight, &value), Ok(()));
    assert_eq!(view.real_server(7, 1, 2), value);
    let output = view.check.take_output();
    assert_eq!(output.actions, [Action::Reconcile(VirtualServerId(1))]);
}

/// Column (or scalar) and value of each object of the notification for the first change that has one.
fn trap(check: &mut Check) -> (Oid, Vec<(Vec<u32>, Value)>) {
    let changes = check.take_output().changes;
    let trap = changes.iter().find_map(|change| mib::check_trap(change, check)).expect("a notification");
    let object = |object: &snmp::VarBind| (object.name.as_slice()[mib::BASE.len()..].to_vec(), object.value.clone());
    (trap.oid, trap.objects.iter().map(object).collect())
}

#[test]
fn notifications_of_a_real_server_and_of_the_quorum() {
    let mut check = check();
    let id: RealServerId = (VirtualServerId(1), 2);
    let timer = keepalived::check::TimerKey::Checker((id, 1));
    check.handle(Event::Timer(timer), Duration::from_secs(100));
    let Some(Action::Connect { attempt, .. }) = check.take_output().actions.first().cloned() else { panic!() };
    check.handle(Event::Failed(attempt, "refused".into()), Duration::from_secs(100));
    let (oid, objects) = trap(&mut check);
    assert_eq!(oid, Oid::from([&mib::BASE[..], &[3, 5, 0, 1]].concat()));
    let expected = [
        (vec![3, 4, 1, 3], Value::Integer(1)),
        (vec![3, 4, 1, 4], octets(&[192, 168, 200, 2])),
        (vec![3, 4, 1, 5], Value::Gauge32(80)),
        (vec![3, 4, 1, 6], Value::Integer(2)),
        (vec![3, 3, 1, 2], Value::Integer(2)),
        (vec![3, 3, 1, 5], Value::Integer(1)),
        (vec![3, 3, 1, 6], octets(&[192, 168, 200, 255])),
        (vec![3, 3, 1, 7], Value::Gauge32(80)),
        (vec![3, 3, 1, 8], Value::Integer(1)),
        (vec![3, 3, 1, 21], Value::Gauge32(1)),
        (vec![3, 3, 1, 20], Value::Gauge32(2)),
        (vec![1, 2, 0], Value::text("director")),
    ];
    assert_eq!(objects, expected);

    check.handle(
        Event::SetWeight((VirtualServerId(1), 3), 1, keepalived::check::Setter::Snmp),
        Duration::from_secs(101),
    );
    let (oid, objects) = trap(&mut check);
    assert_eq!(oid, Oid::from([&mib::BASE[..], &[3, 5, 0, 2]].concat()));
    let tail = [
        (vec![3, 3, 1, 23], Value::Integer(2)),
        (vec![3, 3, 1, 22], Value::Gauge32(2)),
        (vec![3, 3, 1, 21], Value::Gauge32(1)),
        (vec![3, 3, 1, 20], Value::Gauge32(2)),
        (vec![1, 2, 0], Value::text("director")),
    ];
    assert_eq!(objects[5..], tail);
}

#[test]
fn quorum_notifications_at_stop_identify_services_by_mark_or_group() {
    let mut check = check();
    check.handle(Event::Stop, Duration::from_secs(1));
    let changes = check.take_output().changes;
    let quorum_of = |wanted: u32| {
        let mut changes = changes.iter();
        let change = changes.find(|change| matches!(change, Change::Quorum { id, .. } if id.0 == wanted)).unwrap();
        let objects = mib::check_trap(change, &check).unwrap().objects;
        objects.iter().map(|object| (object.name.as_slice()[12], object.value.clone())).take(4).collect::<Vec<_>>()
    };
    let mark = [(2, Value::Integer(1)), (4, Value::Gauge32(7)), (8, Value::Integer(2)), (23, Value::Integer(3))];
    assert_eq!(quorum_of(2), mark);
    let group = [(2, Value::Integer(3)), (3, Value::text("web")), (8, Value::Integer(2)), (23, Value::Integer(3))];
    assert_eq!(quorum_of(3), group);
}
