//! Notifications to the targets of `snmp_trap_target`, without snmpd: Debian's snmptrapd receives them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use keepalived::status::{Status, Target};
use lab::Daemon::Ours;
use lab::conf::many;
use lab::process::{Proc, output_of};
use lab::router::Router;
use lab::snmp::{INSTANCE_STATE, INSTANCE_TRAP, agent};
use lab::{Lab, Protocol, machine, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(30);
const HA: &str = ".1.3.6.1.4.1.8072.9999.9999.112.1";
const COMMUNITY: &str = "hush5432";

/// An snmptrapd in the namespace of a router.
struct Sink {
    process: Option<Proc>,
    name: &'static str,
    address: &'static str,
    directory: PathBuf,
    netns: String,
}

impl Sink {
    /// Starts one that accepts [`COMMUNITY`] only.
    fn start(router: &Router, name: &'static str, address: &'static str) -> Sink {
        Sink::start_with(router, name, address, &format!("authCommunity log {COMMUNITY}\n"))
    }

    /// Starts one with a configuration.
    fn start_with(router: &Router, name: &'static str, address: &'static str, conf: &str) -> Sink {
        let (directory, netns) = (router.dir().to_owned(), router.netns().name().to_owned());
        let mut sink = Sink { process: None, name, address, directory, netns };
        fs::write(sink.file("conf"), conf).unwrap();
        sink.resume();
        sink
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.directory.join(format!("{}.{kind}", self.name))
    }

    fn resume(&mut self) {
        let mut command = agent(&self.netns, "snmptrapd");
        command.args(["-f", "-C", "-A", "-On", "-OQ", "-F", "%P|%b|%v\n"]);
        command.arg("-x").arg(format!("unix:{}", self.directory.join("nobody").display()));
        command.arg("-Lf").arg(self.file("traps")).arg("-c").arg(self.file("conf"));
        command.arg("-p").arg(self.file("pid")).args(self.address.split(' '));
        command.env("SNMP_PERSISTENT_DIR", &self.directory).env("MIBS", "");
        let ready = || fs::read_to_string(self.file("traps")).unwrap_or_default().matches("NET-SNMP version").count();
        let before = ready();
        let process = Proc::spawn(command, &self.file("log"));
        wait_until(LIMIT, "snmptrapd listens", || ready() > before);
        self.process = Some(process);
    }

    fn kill(&mut self) {
        self.process.take().unwrap().kill_group();
    }

    /// The notifications received so far: security, transport, and the bindings.
    fn received(&self) -> Vec<Received> {
        let text = fs::read_to_string(self.file("traps")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| {
            let [security, transport, binds] = line.splitn(3, '|').collect::<Vec<_>>().try_into().ok()?;
            let binds = binds.split('\t').filter_map(|bind| bind.split_once(" = "));
            let binds = binds.map(|(name, value)| (name.to_owned(), value.trim_matches('"').trim().to_owned()));
            Some(Received { security: security.to_owned(), transport: transport.to_owned(), binds: binds.collect() })
        });
        lines.collect()
    }

    /// Name and new state of each vrrpInstanceStateChange received so far.
    fn states(&self) -> Vec<(String, String)> {
        self.received().iter().filter_map(Received::state).collect()
    }
}

#[derive(Debug)]
struct Received {
    security: String,
    transport: String,
    binds: Vec<(String, String)>,
}

impl Received {
    fn value(&self, name: &str) -> Option<&str> {
        self.binds.iter().find(|(of, _)| of.starts_with(name)).map(|(_, value)| &**value)
    }

    fn state(&self) -> Option<(String, String)> {
        let is_trap = self.value(".1.3.6.1.6.3.1.1.4.1.0") == Some(INSTANCE_TRAP);
        let name = self.value(".1.3.6.1.4.1.9586.100.5.2.3.1.2")?;
        is_trap.then(|| (name.to_owned(), self.value(INSTANCE_STATE).unwrap().to_owned()))
    }

    /// haEventTime, in tenths of a second, as if all months had 31 days.
    fn time(&self) -> u64 {
        let value = self.value(&format!("{HA}.1.0")).unwrap();
        let octets: Vec<u64> = value.split_whitespace().map(|octet| u64::from_str_radix(octet, 16).unwrap()).collect();
        let [high, low, month, day, hour, minute, second, tenths, ..] = octets[..] else { panic!("{value}") };
        let day = ((high * 256 + low) * 12 + month) * 31 + day;
        (((day * 24 + hour) * 60 + minute) * 60 + second) * 10 + tenths
    }
}

/// The configuration with lines in `global_defs`.
fn with(conf: &str, lines: &str) -> String {
    conf.replacen('{', &format!("{{\n{lines}\n"), 1)
}

fn target(address: &str, lines: &str) -> String {
    format!("  snmp_trap_target {address} {{\n    community {COMMUNITY}\n    {lines}\n  }}\n")
}

/// The rows of the targets in the status.
fn targets(router: &Router) -> BTreeMap<String, Target> {
    let output = output_of(router.command(Ours).arg("--status=json"));
    let status: Status = serde_json::from_str(&output).unwrap();
    status.vrrp.into_iter().flat_map(|part| part.targets).map(|row| (row.target.clone(), row)).collect()
}

#[test]
fn traps_and_informs_arrive_without_snmpd_at_addresses_and_names_of_both_families() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let router = lab.router(1);
    let addresses = "udp:127.0.0.1:162 udp:127.0.0.1:1162 udp6:[::1]:1162 udp:127.0.0.1:2162";
    let sink = Sink::start(router, "sink", addresses);
    let lines = [
        target("127.0.0.1", ""),
        target("[::1]:1162", "inform"),
        target("127.0.0.1:1162", "inform\n    version 2c"),
        // A name that the resolver knows without a server.
        target("127.1:2162", "inform\n    timeout 0.5\n    retries 1"),
    ];
    router.configure(&with(&Protocol::V3.conf(100, ""), &lines.concat()));
    router.start(Ours);
    let transports = ["->[127.0.0.1]:162", "[::1]", "->[127.0.0.1]:1162", "->[127.0.0.1]:2162"];
    let of = |transport: &str| -> Vec<Received> {
        // net-snmp does not show the destination of IPv6.
        let part = if transport.starts_with("[::1]") { "UDP/IPv6: [::1]:" } else { transport };
        sink.received().into_iter().filter(|one| one.transport.contains(part)).collect()
    };
    let states =
        |transport: &str| of(transport).iter().filter_map(|one| one.state().map(|(_, to)| to)).collect::<Vec<_>>();
    for transport in transports {
        wait_until(LIMIT, transport, || states(transport) == ["1", "2"]);
        let first = &of(transport)[0];
        let kind = if transport.ends_with("]:162") { "TRAP2" } else { "INFORM" };
        assert_eq!(first.security, format!("{kind}, SNMP v2c, community {COMMUNITY}"));
        let names: Vec<&str> = first.binds.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names[..2], [".1.3.6.1.2.1.1.3.0", ".1.3.6.1.6.3.1.1.4.1.0"]);
        assert_eq!(names.last().copied(), Some(&*format!("{HA}.1.0")));
    }
    let router = lab.router(1);
    wait_until(LIMIT, "all are acknowledged", || targets(router).values().all(|row| row.waiting == 0));
    for (address, row) in targets(router) {
        let acknowledged = if address == "127.0.0.1:162" { 0 } else { 2 };
        let numbers = (row.queued, row.sent, row.acknowledged, row.dropped);
        assert_eq!((numbers, row.inform), ((2, 2, acknowledged, 0), acknowledged > 0), "{address}");
    }
    let text = output_of(router.command(Ours).arg("--status"));
    assert!(text.contains("Trap target") && text.contains("127.0.0.1:1162  VRRP"), "{text}");
    let metrics = output_of(router.command(Ours).arg("--status=metrics"));
    let line = "keepalived_trap_target_acknowledged_total{process=\"VRRP\",target=\"127.0.0.1:1162\"} 2\n";
    assert!(metrics.contains(line), "{metrics}");
    let log = router.log();
    assert!(!log.contains("snmp_trap_target") && !log.contains(COMMUNITY), "{log}");
}

/// Informs of many events wait for a receiver that is away, and arrive in the order and with the times of the events. With
/// `LAB_SOAK` it is away for ten minutes, and misses 10,200.
#[test]
fn a_receiver_that_was_away_gets_all_informs_in_order_with_their_times() {
    let _turn = machine::shared();
    let soak = machine::soak();
    let (instances, flaps, away) = if soak { (100, 34, Duration::from_secs(600)) } else { (100, 3, Duration::ZERO) };
    let mut lab = Lab::new(1);
    lab.router(1).start_snmp();
    let router = lab.router(1);
    let mut sink = Sink::start(router, "sink", "udp:127.0.0.1:1162");
    let lines = target("127.0.0.1:1162", "inform\n    timeout 0.3\n    retries 2");
    let gone = target("127.0.0.1:1163", "inform\n    timeout 0.1\n    retries 0");
    let conf = many(instances, 1, 100, Duration::from_millis(200)).replacen("enable_traps", "enable_snmp_vrrp", 1);
    router.configure(&with(&conf, &[&*lines, &gone].concat()));
    router.start(Ours);
    let all = usize::from(instances);
    wait_until(LIMIT, "all are master", || sink.states().len() == 2 * all);
    sink.kill();
    let began = std::time::Instant::now();
    let mut expected = 2;
    for flap in 0..flaps {
        for (state, text, count) in [("down", "Entering FAULT STATE", 1), ("up", "Entering MASTER STATE", 2)] {
            router.netns().ip(&format!("link set eth0 {state}"));
            expected += count;
            let seen = || router.log().matches(text).count() >= all * (flap + count);
            wait_until(LIMIT, &format!("{state} {flap}"), seen);
        }
    }
    let address = "127.0.0.1:1162";
    wait_until(LIMIT, "the receiver counts as silent", || {
        router.log().contains(&format!("snmp_trap_target {address} does not acknowledge informs"))
    });
    wait_until(LIMIT, "all are queued", || targets(router)[address].queued == (expected * all) as u64);
    let row = targets(router).remove(address).unwrap();
    assert_eq!((row.acknowledged, row.waiting, row.dropped), (2 * all as u64, ((expected - 2) * all) as u64, 0));
    wait_until(away + LIMIT, "it stays away", || began.elapsed() >= away);

    sink.resume();
    let back = std::time::Instant::now();
    // The pause before the next attempt is at most 30 s; each inform takes a round trip.
    wait_until(LIMIT * 4, "all have arrived", || sink.states().len() >= expected * all);
    wait_until(LIMIT, "all are acknowledged", || targets(router)[address].waiting == 0);
    println!("{} informs arrived within {:?} after {:?}", (expected - 2) * all, back.elapsed(), back - began);
    let received = sink.received();
    // An inform whose acknowledgement was late may have come twice.
    let numbers: Vec<&str> = received.iter().filter_map(|one| one.value(".1.3.6.1.2.1.1.3.0")).collect();
    assert!(numbers.len() >= expected * all, "{}", numbers.len());
    let mut of_each: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut last = 0;
    for one in received.iter().filter(|one| one.value(INSTANCE_STATE).is_some()) {
        assert!(one.time() >= last, "{one:?} is from before {last}");
        last = one.time();
        let (name, state) = one.state().unwrap();
        of_each.entry(name).or_default().push(state);
    }
    assert_eq!(of_each.len(), all);
    let states: Vec<&str> = [&["1", "2"][..], &["3", "1", "2"].repeat(flaps)].concat();
    for (name, mut found) in of_each {
        found.dedup();
        assert_eq!(found, states, "{name}");
    }
    let log = router.log();
    assert!(log.contains(&format!("snmp_trap_target {address} acknowledges informs again")), "{log}");

    // The other receiver has got nothing, and KEEPALIVED-HA-MIB shows the same numbers.
    let gone = targets(router).remove("127.0.0.1:1163").unwrap();
    let total = (expected * all) as u64;
    assert_eq!((gone.queued, gone.sent, gone.acknowledged, gone.waiting), (total, 1, 0, total));
    let shown = |lab: &mut Lab, address: &str| {
        let index: String = address.bytes().map(|octet| format!(".{octet}")).collect();
        let column = |number| format!("{HA}.9.1.1.{number}.{}{index}", address.len());
        [2, 3, 4, 5, 6]
            .map(|number| lab.router(1).snmp().get(&column(number)).and_then(|text| text.parse::<u64>().ok()))
    };
    assert_eq!(shown(&mut lab, address), [total, total, total, 0, 0].map(Some));
    assert_eq!(shown(&mut lab, "127.0.0.1:1163"), [total, 1, 0, 0, total].map(Some));
    assert_eq!(lab.router(1).snmp().walk(&format!("{HA}.9")).len(), 10);
    assert_eq!(lab.router(1).snmp().instance_traps(), [], "without enable_traps snmpd gets none");

    // A reload gives the other receiver's queue to the one that is configured at its address now.
    let mut late = Sink::start(lab.router(1), "late", "udp:127.0.0.1:1163");
    let others = target("127.0.0.1:1163", "timeout 1");
    lab.router(1).configure(&with(&conf, &others));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the traps", || late.states().len() == expected * all);
    assert_eq!(lab.router(1).snmp().walk(&format!("{HA}.9")).len(), 5);
    let row = targets(lab.router(1)).remove("127.0.0.1:1163").unwrap();
    assert_eq!((row.queued, row.sent, row.waiting, row.inform), (total, total, 0, false));
    late.kill();
}

const ENGINE: &str = "0x80002572040102030405";
const PASSWORDS: [&str; 2] = ["maplesyrup1", "sugarcane12"];

/// A target of SNMPv3 with a user, and further lines.
fn user_target(address: &str, user: &str, lines: &str) -> String {
    format!("  snmp_trap_target {address} {{\n    user {user}\n    {lines}\n  }}\n")
}

#[test]
fn traps_and_informs_of_version_3_arrive_with_each_protocol() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let router = lab.router(1);
    let [auth, privacy] = PASSWORDS;
    let protocols = ["SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"];
    let mut conf = String::new();
    let mut lines = format!("  snmp_engine_id {ENGINE}\n");
    fs::write(router.file("password"), format!("{privacy}\n")).unwrap();
    nix::sys::stat::fchmodat(
        nix::fcntl::AT_FDCWD,
        &router.file("password"),
        nix::sys::stat::Mode::S_IRUSR,
        nix::sys::stat::FchmodatFlags::FollowSymlink,
    )
    .unwrap();
    let mut expected = Vec::new();
    for (at, protocol) in protocols.into_iter().enumerate() {
        let secrets = format!(
            "auth_protocol {protocol}\n    auth_password {auth}\n    priv_password file:{}",
            router.file("password").display()
        );
        for (kind, engine, port) in [("inform", "", 1170 + at), ("trap", ENGINE, 1180 + at)] {
            let user = format!("{kind}{at}");
            let of = if engine.is_empty() { String::new() } else { format!("-e {engine} ") };
            conf += &format!("createUser {of}{user} {protocol} {auth} AES {privacy}\nauthUser log {user} priv\n");
            let inform = if kind == "inform" { "inform" } else { "" };
            lines += &user_target(&format!("127.0.0.1:{port}"), &user, &format!("{secrets}\n    {inform}"));
            let pdu = if kind == "inform" { "INFORM" } else { "TRAP2" };
            expected.push((format!("->[127.0.0.1]:{port}"), format!("{pdu}, SNMP v3, user {user}, context ")));
        }
    }
    for (user, secrets, level, port) in [
        ("signed", format!("auth_password {auth}\n    auth_protocol SHA"), "auth", 1190),
        ("open", String::new(), "noauth", 1191),
    ] {
        let of_user = if level == "auth" { format!("SHA {auth}") } else { String::new() };
        conf += &format!("createUser {user} {of_user}\nauthUser log {user} {level}\n");
        lines += &user_target(&format!("127.0.0.1:{port}"), user, &format!("{secrets}\n    inform"));
        expected.push((format!("->[127.0.0.1]:{port}"), format!("INFORM, SNMP v3, user {user}, context ")));
    }
    // These do not arrive, and the log says why.
    let wrong = format!("auth_password {auth}\n    auth_protocol SHA");
    for (user, secrets, port) in [
        ("stranger", wrong.clone(), 1192),
        ("signed", wrong.replace(auth, "another password"), 1193),
        ("inform0", format!("{wrong}\n    priv_password {}", "x".repeat(8)), 1194),
    ] {
        let secrets = secrets.replace("another password", "another-password");
        lines += &user_target(&format!("127.0.0.1:{port}"), user, &format!("{secrets}\n    inform"));
    }
    let addresses: Vec<String> =
        (1170..1175).chain(1180..1185).chain(1190..1195).map(|port| format!("udp:127.0.0.1:{port}")).collect();
    let mut sink = Sink::start_with(router, "sink", addresses.join(" ").leak(), &conf);
    router.configure(&with(&Protocol::V3.conf(100, ""), &lines));
    router.start(Ours);
    for (transport, security) in &expected {
        let of = || -> Vec<String> {
            let received = sink.received().into_iter();
            let of = received.filter(|one| one.transport.ends_with(transport) && one.security.starts_with(security));
            of.filter_map(|one| one.state().map(|(_, to)| to)).collect()
        };
        wait_until(LIMIT, &format!("{security} at {transport}"), || of() == ["1", "2"]);
    }
    for (port, clause) in [
        (1192, "take informs: it does not know the user"),
        (1193, "take informs: its auth_password or auth_protocol for the user is another one"),
        // snmptrapd does not answer then.
        (1194, "acknowledge informs"),
    ] {
        let line = format!("snmp_trap_target 127.0.0.1:{port} does not {clause}");
        wait_until(LIMIT, &line, || router.log().contains(&line));
    }
    let log = router.log();
    assert!(log.contains(&format!("The SNMP engine ID for snmp_trap_target is {ENGINE}")), "{log}");
    assert!(PASSWORDS.iter().all(|password| !log.contains(password)), "{log}");

    // The receiver starts again: its boots have changed, and its time.
    sink.kill();
    sink.resume();
    let before = sink.received().len();
    router.netns().ip("link set eth0 down");
    let of_user = |user: &str| {
        let received = sink.received();
        let of = received[before..].iter().filter(|one| one.security.contains(&format!("user {user},")));
        of.filter_map(|one| one.state().map(|(_, to)| to)).collect::<Vec<_>>()
    };
    for user in ["inform2", "trap2", "signed", "open"] {
        wait_until(LIMIT, user, || of_user(user) == ["3"]);
    }
    let inform = targets(router).remove("127.0.0.1:1172").unwrap();
    assert_eq!((inform.queued, inform.sent, inform.dropped), (3, 3, 0));
}

#[test]
fn the_checker_process_sends_its_own_notifications() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let router = lab.router(1);
    let sink = Sink::start(router, "sink", "udp:127.0.0.1:1162");
    let server = "virtual_server 10.1.0.1 80 {\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP\n  \
                  real_server 127.0.0.1 9 {\n    TCP_CHECK {\n    }\n  }\n}\n";
    let lines = target("127.0.0.1:1162", "inform");
    router.configure(&format!("global_defs {{\n{lines}}}\n{server}"));
    router.start_checkers(Ours);
    // virtualServerQuorumStateChange, with virtualServerQuorumStatus met.
    wait_until(LIMIT, "the quorum", || {
        sink.received().iter().any(|one| {
            one.value(".1.3.6.1.6.3.1.1.4.1.0") == Some(".1.3.6.1.4.1.9586.100.5.3.5.0.2")
                && one.value(".1.3.6.1.4.1.9586.100.5.3.3.1.23") == Some("1")
        })
    });
}
