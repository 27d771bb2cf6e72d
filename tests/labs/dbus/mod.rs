//! The D-Bus interface (`enable_dbus`), on a bus of a real dbus-daemon.
#![allow(clippy::unwrap_used, reason = "a test")]

mod bus;

use std::fs;
use std::time::Duration;

use lab::Daemon::{self, C, Ours};
use lab::{Lab, machine, wait_until};
use nix::sys::signal::Signal;

use bus::{Bus, DAEMON, Monitor, NAME, ROOT, error_of};

const LIMIT: Duration = Duration::from_secs(20);

fn instance(name: &str, interface: &str, vrid: u8, more: &str) -> String {
    format!(
        "vrrp_instance {name} {{\n {interface}\n virtual_router_id {vrid}\n priority 100\n version 3\n advert_int 0.3\n \
         {more}\n}}\n"
    )
}

/// Instances that both daemons can have.
fn common(settings: &str) -> String {
    format!("global_defs {{\n enable_dbus\n {settings}\n}}\n")
        + &instance("VI_1", "interface eth0", 11, "virtual_ipaddress {\n 10.9.0.111\n }")
        + &instance("with-dash.and_dot", "interface eth0", 12, "virtual_ipaddress {\n 10.9.0.112\n }")
}

/// Also one without interface, which C keepalived 2.2 cannot have.
fn conf(settings: &str, last: &str) -> String {
    common(&format!("dbus_no_interface_name NOIF\n {settings}"))
        + &instance(
            "NOIFACE",
            "",
            14,
            "unicast_src_ip 10.9.0.1\n unicast_peer {\n 10.9.0.2\n }\n virtual_ipaddress {\n 10.9.0.114 dev eth0\n }",
        )
        + last
}

fn sixth() -> String {
    instance("V6", "interface eth0", 11, "virtual_ipaddress {\n fe80::111\n }")
}

fn all(bus: &Bus, path: &str) -> String {
    let arguments = [&format!("{NAME}.Instance")[..]];
    bus.result(&format!("{ROOT}/Instance/{path}"), "org.freedesktop.DBus.Properties.GetAll", &arguments)
}

fn await_state(bus: &Bus, path: &str, state: &str) {
    wait_until(LIMIT, &format!("{path} is {state}"), || all(bus, path).contains(state));
}

const PATHS: [&str; 4] = ["NOIF/14/IPv4", "eth0/11/IPv4", "eth0/11/IPv6", "eth0/12/IPv4"];
const STANDARD: &str = r#"<interface name="org.freedesktop.DBus.Properties"><method name="Get"><arg type="s" name="interface_name" direction="in"/><arg type="s" name="property_name" direction="in"/><arg type="v" name="value" direction="out"/></method><method name="GetAll"><arg type="s" name="interface_name" direction="in"/><arg type="a{sv}" name="properties" direction="out"/></method><method name="Set"><arg type="s" name="interface_name" direction="in"/><arg type="s" name="property_name" direction="in"/><arg type="v" name="value" direction="in"/></method><signal name="PropertiesChanged"><arg type="s" name="interface_name"/><arg type="a{sv}" name="changed_properties"/><arg type="as" name="invalidated_properties"/></signal></interface><interface name="org.freedesktop.DBus.Introspectable"><method name="Introspect"><arg type="s" name="xml_data" direction="out"/></method></interface><interface name="org.freedesktop.DBus.Peer"><method name="Ping"/><method name="GetMachineId"><arg type="s" name="machine_uuid" direction="out"/></method></interface>"#;
const OF_DAEMON: &str = r#"<interface name="org.keepalived.Vrrp1.Vrrp"><method name="PrintData"/><method name="PrintStats"/><method name="PrintStatsClear"/><method name="ReloadConfig"/><signal name="VrrpStarted"/><signal name="VrrpReloaded"/><signal name="VrrpStopped"/></interface>"#;
const OF_INSTANCE: &str = r#"<interface name="org.keepalived.Vrrp1.Instance"><method name="SendGarp"/><signal name="VrrpStatusChange"><arg type="u" name="status"/></signal><property type="(s)" name="Name" access="read"/><property type="(us)" name="State" access="read"/></interface>"#;

/// What callers see while the instances at these paths are master; the same with both daemons.
fn assert_objects(bus: &Bus, paths: &[&str]) {
    let leaves = bus.leaves("/");
    let expected = paths.iter().map(|path| format!("{ROOT}/Instance/{path}")).chain([DAEMON.to_owned()]);
    assert_eq!(leaves, expected.collect::<Vec<_>>());
    for (path, name) in [
        ("NOIF/14/IPv4", "NOIFACE"),
        ("eth0/11/IPv4", "VI_1"),
        ("eth0/11/IPv6", "V6"),
        ("eth0/12/IPv4", "with-dash.and_dot"),
    ]
    .iter()
    .filter(|(path, _)| paths.contains(path))
    {
        assert_eq!(all(bus, path), format!("({{'Name': <('{name}',)>, 'State': <(uint32 2, 'Master')>}},)"));
    }
    for (path, interface) in [(DAEMON.to_owned(), OF_DAEMON), (format!("{ROOT}/Instance/eth0/11/IPv4"), OF_INSTANCE)] {
        // C keepalived 2.2 describes the name as a string, but its value is a structure too.
        let name = ["s", "(s)"].map(|kind| format!("<property type=\"{kind}\" name=\"Name\""));
        let description = bus.description(&path).replace(&name[0], &name[1]);
        assert!(description.ends_with(&format!("<node>{STANDARD}{interface}</node>")), "{description}");
    }
}

/// From the start until all are master: the signals in order of their kinds.
fn life(daemon: Daemon) {
    let (mut lab, mut bus) = (Lab::new(1), Bus::new());
    wait_until(LIMIT, "the link is up", || lab.router(1).netns().ip("-o link show dev eth0").contains("LOWER_UP"));
    bus.start();
    let monitor = Monitor::start(&bus);
    lab.router(1).configure(&(common("") + &sixth()));
    let command = bus.command(lab.router(1), daemon);
    lab.router(1).start_with(command);
    bus.await_name();
    let paths = &PATHS[1..];
    paths.iter().for_each(|path| await_state(&bus, path, "Master"));
    assert_objects(&bus, paths);

    let status = |path: &str, state: u32| format!("Instance/{path} VrrpStatusChange {state}");
    paths.iter().for_each(|path| monitor.await_signal(&status(path, 2)));
    let signals = monitor.signals();
    assert_eq!(signals[0], "Vrrp VrrpStarted");
    let mut states: Vec<String> = signals[1..].to_vec();
    states.sort();
    let expected: Vec<String> = paths.iter().flat_map(|path| [status(path, 1), status(path, 2)]).collect();
    assert_eq!(states, expected, "each instance is backup first");

    lab.router(1).stop();
    paths.iter().for_each(|path| monitor.await_signal(&status(path, 98)));
    monitor.await_signal("Vrrp VrrpStopped");
    assert_eq!(monitor.signals().last().unwrap(), "Vrrp VrrpStopped");
    assert_eq!(bus.owner(NAME), None);
}

#[test]
fn objects_and_signals_are_those_of_c_keepalived() {
    let _turn = machine::shared();
    life(Ours);
    life(C);
}

#[test]
fn methods_do_what_signals_do_and_only_for_root() {
    let _turn = machine::shared();
    let (mut lab, mut bus) = (Lab::new(1), Bus::new());
    bus.start();
    let monitor = Monitor::start(&bus);
    lab.router(1).configure(&conf("", &sixth()));
    let command = bus.command(lab.router(1), Ours);
    lab.router(1).start_with(command);
    let owner = bus.await_name();
    PATHS.iter().for_each(|path| await_state(&bus, path, "Master"));
    assert_objects(&bus, &PATHS);
    let of_daemon = |method: &str| format!("{NAME}.Vrrp.{method}");
    let of_instance = |method: &str| format!("{NAME}.Instance.{method}");
    let first = format!("{ROOT}/Instance/eth0/11/IPv4");

    for (method, file) in [("PrintData", "keepalived.data"), ("PrintStats", "keepalived.stats")] {
        assert_eq!(bus.result(DAEMON, &of_daemon(method), &[]), "()");
        wait_until(LIMIT, file, || lab.router(1).file(file).exists());
    }
    let stats = lab.router(1).file("keepalived.stats");
    fs::remove_file(&stats).unwrap();
    assert_eq!(bus.result(DAEMON, &of_daemon("PrintStatsClear"), &[]), "()");
    wait_until(LIMIT, "the counters are written again", || stats.exists());
    let logged = "D-Bus: PrintStatsClear, requested by uid 0, pid ";
    wait_until(LIMIT, logged, || lab.router(1).log().contains(logged));

    let vip = "10.9.0.111".parse().unwrap();
    let before = lab::now();
    assert_eq!(bus.result(&first, &of_instance("SendGarp"), &[]), "()");
    wait_until(LIMIT, "the address is announced", || lab.wire.announced(1, vip, before));

    // As in C keepalived 2.4: it has neither of the two.
    for method in ["CreateInstance", "DestroyInstance"] {
        let error = bus.error(DAEMON, &of_daemon(method), &["V7", "eth0", "inet"]);
        assert_eq!(error, format!("UnknownMethod: No such method “{method}”"));
    }
    let properties = "org.freedesktop.DBus.Properties";
    for (method, arguments, error) in [
        ("Get", vec!["Nope"], "InvalidArgs: No such property “Nope”"),
        ("Set", vec!["State", "<(uint32 1, 'Backup')>"], "InvalidArgs: Property “State” is not writable"),
    ] {
        let arguments: Vec<&str> = ["org.keepalived.Vrrp1.Instance"].into_iter().chain(arguments).collect();
        assert_eq!(bus.error(&first, &format!("{properties}.{method}"), &arguments), error);
    }
    assert!(bus.error("/nowhere", "org.freedesktop.DBus.Peer.Ping", &[]).starts_with("UnknownObject: "));

    // Another user may not even read.
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    for (path, method, arguments) in [
        (DAEMON, of_daemon("ReloadConfig"), vec![]),
        (&first[..], format!("{properties}.GetAll"), vec!["org.keepalived.Vrrp1.Instance"]),
    ] {
        let refused = bus.call_as(&nobody, path, &method, &arguments);
        assert!(error_of(&refused).starts_with("AccessDenied: "), "{refused:?}");
    }

    // But with the sample in the policy, a group may.
    let policy = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/conf/org.keepalived.Vrrp1.conf")).unwrap();
    let (_, sample) = policy.split_once("<policy group=\"monitoring\">").unwrap();
    let (sample, _) = sample.split_once("</policy>").unwrap();
    let group = nix::unistd::Group::from_gid(nix::unistd::Gid::from_raw(65534)).unwrap().unwrap().name;
    let text = format!("<busconfig>\n<policy group=\"{group}\">{sample}</policy>\n</busconfig>\n");
    fs::write(bus.file("group.conf"), text).unwrap();
    bus.daemon.as_ref().unwrap().signal(Signal::SIGHUP);
    let interface = ["org.keepalived.Vrrp1.Instance"];
    wait_until(LIMIT, "a member of the group reads", || {
        bus.call_as(&nobody, &first, &format!("{properties}.GetAll"), &interface).status.success()
    });
    let refused = bus.call_as(&nobody, DAEMON, &of_daemon("ReloadConfig"), &[]);
    assert!(error_of(&refused).starts_with("AccessDenied: "), "{refused:?}");

    // A fault, and the way back.
    lab.cable(1, false);
    await_state(&bus, "eth0/11/IPv4", "(uint32 3, 'Fault')");
    monitor.await_signal("Instance/eth0/11/IPv4 VrrpStatusChange 3");
    // For callers that keep copies of properties.
    let changed = || monitor.0.log().contains("member=PropertiesChanged");
    wait_until(LIMIT, "PropertiesChanged is signalled", changed);
    assert_eq!(bus.error(&first, &of_instance("SendGarp"), &[]), "Failed: VI_1 is not master");
    lab.cable(1, true);
    PATHS.iter().for_each(|path| await_state(&bus, path, "Master"));

    // A reload: the name is given up and taken again.
    let new = instance("NEW", "interface eth0", 15, "virtual_ipaddress {\n 10.9.0.115\n }");
    lab.router(1).configure(&conf("", &new));
    assert_eq!(bus.result(DAEMON, &of_daemon("ReloadConfig"), &[]), "()");
    monitor.await_signal("Vrrp VrrpReloaded");
    monitor.await_count("Vrrp VrrpStarted", 2);
    await_state(&bus, "eth0/15/IPv4", "Master");
    assert!(
        error_of(&bus.call(&format!("{ROOT}/Instance/eth0/11/IPv6"), "org.freedesktop.DBus.Peer.Ping", &[]))
            .starts_with("UnknownObject: ")
    );
    assert_eq!(bus.owner(NAME).as_ref(), Some(&owner), "on the same connection");
    let logged = "D-Bus: ReloadConfig, requested by uid 0, pid ";
    wait_until(LIMIT, logged, || lab.router(1).log().contains(logged));

    // Off, on again with another name, which this policy denies.
    lab.router(1).configure(&conf("", "").replace("enable_dbus", "").replace("dbus_no_interface_name NOIF", ""));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the name is free", || bus.owner(NAME).is_none());
    lab.router(1).configure(&conf("dbus_service_name org.example.Foo", ""));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    let denied = "D-Bus: the bus refuses the name org.example.Foo: ";
    wait_until(LIMIT, denied, || lab.router(1).log().contains(denied));
    assert!(lab.router(1).stop().1.success());
}

#[test]
fn vrrp_goes_on_without_a_bus_and_with_one_that_hangs() {
    let _turn = machine::shared();
    let (mut lab, mut bus) = (Lab::new(2), Bus::new());
    let conf = |priority: u8| {
        "global_defs {\n enable_dbus\n}\n".to_owned()
            + &instance("VI_1", "interface eth0", 11, "virtual_ipaddress {\n 10.9.0.111\n }")
                .replace("priority 100", &format!("priority {priority}"))
    };
    lab.router(1).configure(&conf(200));
    lab.router(2).configure(&conf(100));
    let vip = "10.9.0.111".parse().unwrap();
    let command = bus.command(lab.router(1), Ours);
    lab.router(1).start_with(command);
    wait_until(LIMIT, "router 1 is master", || lab.holders(vip) == [1]);
    let absent = "D-Bus: cannot connect to the system bus: ";
    wait_until(LIMIT, absent, || lab.router(1).log().contains(absent));

    // The bus comes later.
    bus.start();
    let first = bus.await_name();
    await_state(&bus, "eth0/11/IPv4", "Master");

    // Router 2 waits for the name of router 1.
    let command = bus.command(lab.router(2), Ours);
    lab.router(2).start_with(command);
    let taken = "D-Bus: another program has the name org.keepalived.Vrrp1";
    wait_until(LIMIT, taken, || lab.router(2).log().contains(taken));

    // The bus hangs during a takeover.
    bus.daemon.as_ref().unwrap().signal(Signal::SIGSTOP);
    lab.cable(1, false);
    wait_until(LIMIT, "router 2 is master", || lab.router(2).holds(vip));
    bus.daemon.as_ref().unwrap().signal(Signal::SIGCONT);
    await_state(&bus, "eth0/11/IPv4", "Fault");
    lab.cable(1, true);
    await_state(&bus, "eth0/11/IPv4", "Master");
    assert!(lab.router(1).stop().1.success());
    wait_until(LIMIT, "router 2 gets the name", || bus.owner(NAME).is_some_and(|owner| owner != first));
    await_state(&bus, "eth0/11/IPv4", "Master");

    // The bus ends, and starts again.
    bus.end();
    let gone = "D-Bus: lost the connection to the bus: the bus has closed it; connecting again";
    wait_until(LIMIT, gone, || lab.router(2).log().contains(gone));
    assert!(lab.router(2).holds(vip));
    bus.start();
    bus.await_name();
    await_state(&bus, "eth0/11/IPv4", "Master");
    assert!(lab.router(2).stop().1.success());
}
