//! The daemon with snmpd: forms of the socket address, objects, traps, and errors of the master agent.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lab::Daemon::Ours;
use lab::conf::VRID;
use lab::process::Proc;
use lab::snmp::{INSTANCE_STATE, ROOT, VERSION};
use lab::{Lab, Protocol, machine, now, wait_until};

const LIMIT: Duration = Duration::from_secs(20);
/// The user nobody.
const NOBODY: u32 = 65534;

/// Configuration with traps on.
fn conf(protocol: Protocol, priority: u8) -> String {
    protocol.conf(priority, "").replacen('{', "{\n  enable_traps", 1)
}

#[test]
fn the_socket_may_be_a_path_with_or_without_a_prefix_or_a_tcp_port() {
    let _turn = machine::shared();
    let mut lab = Lab::new(3);
    for number in 1..=3 {
        let router = lab.router(number);
        router.configure(&Protocol::V3.conf(100, ""));
        let path = router.file("agentx").display().to_string();
        let prefixed = format!("unix:{path}");
        match number {
            1 => router.start_snmp_on(&prefixed, &path),
            2 => router.start_snmp_on(&prefixed, &prefixed),
            _ => router.start_snmp_on("tcp:127.0.0.1:705", "tcp:127.0.0.1:705"),
        };
        router.start(Ours);
        wait_until(LIMIT, "the version is served", || router.snmp().get(VERSION).is_some());
    }
}

/// Objects and traps of a sync group: a trap is sent for every change.
#[test]
fn states_and_traps_of_a_sync_group() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    for (number, priority) in [(1, 200), (2, 100)] {
        lab.router(number).configure(&conf(Protocol::SyncGroup, priority));
        lab.router(number).start_snmp();
        lab.router(number).start(Ours);
    }
    let group_state = format!("{ROOT}.2.1.1.3.1");
    for (number, state) in [(1, "2"), (2, "1")] {
        let snmp = lab.router(number).snmp();
        wait_until(LIMIT, &format!("router {number} shows state {state}"), || {
            let rows = snmp.walk(INSTANCE_STATE);
            rows.len() == 2
                && rows.iter().all(|(_, value)| value == state)
                && snmp.get(&group_state).as_deref() == Some(state)
        });
    }
    let names = lab.router(1).snmp().walk(&format!("{ROOT}.2.3.1.2"));
    assert_eq!(names.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["VI_51", "VI_52"]);

    lab.router(1).kill9();
    let snmp = lab.router(2).snmp();
    wait_until(LIMIT, "traps report instances and group as master", || {
        let instances = snmp.instance_traps();
        let is_master = |name: &str| instances.iter().any(|(instance, state)| instance == name && state == "2");
        let group = snmp.traps().into_iter().any(|trap| {
            trap.contains(&format!("{ROOT}.2.10.0.1"))
                // Objects in notifications have no index, as in those of C keepalived.
                && trap.contains(&format!("{ROOT}.2.1.1.2 = \"G\""))
                && trap.contains(&format!("{ROOT}.2.1.1.3 = 2"))
                && trap.contains(&format!("{ROOT}.1.2.0 = \"lab100\""))
        });
        is_master("VI_51") && is_master("VI_52") && group
    });
    wait_until(LIMIT, "the tables have the same states", || snmp.get(&group_state).as_deref() == Some("2"));

    // Each SET leaves a line: vrrpInstanceBasePriority, vrrpInstancePreempt, vrrpInstanceNotifyDeleted.
    for (column, value, line) in [
        (7, 120, "(VI_51) SNMP has set the base priority from 100 to 120"),
        (13, 2, "(VI_51) SNMP has set preemption from on to off"),
        (33, 1, "(VI_51) SNMP has set notify_deleted from off to on"),
    ] {
        let (accepted, said) = lab.router(2).snmp().set(&format!("{ROOT}.2.3.1.{column}.1"), value);
        assert!(accepted, "{said}");
        wait_until(LIMIT, line, || lab.router(2).log().contains(line));
    }
    let line = "(VI_51) Changing effective priority from 100 to 120 (SNMP has set the base priority from 100 to 120)";
    assert!(lab.router(2).log().contains(line), "{}", lab.router(2).log());
}

/// Another program than a master agent listens at the socket: VRRP is not affected, and SNMP works once snmpd runs.
#[test]
fn a_master_agent_that_sends_garbage() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let path = lab.router(1).file("agentx");
    let stop = AtomicBool::new(false);
    let Ok(listener) = UnixListener::bind(&path) else { panic!("{} is taken", path.display()) };
    lab.router(1).use_agentx(&path.display().to_string());
    lab.router(1).configure(&conf(Protocol::V3, 100));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Another kind of garbage for each connection.
            let nonsense: [&[u8]; 4] = [&[0xff; 4096], b"HTTP/1.1 400 Bad Request\r\n\r\n", &[], &[1; 20]];
            for (stream, text) in listener.incoming().zip(nonsense.iter().cycle()) {
                let _ = stream.and_then(|mut stream| stream.write_all(text));
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        lab.router(1).start(Ours);
        lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
        let since = now();
        wait_until(LIMIT, "adverts continue for 3 s", || {
            lab.wire.adverts(1, VRID, since).len() >= 30 && now() - since < Duration::from_millis(3500)
        });
        stop.store(true, Ordering::Relaxed);
        let _ = std::os::unix::net::UnixStream::connect(&path);
    });
    drop(listener);
    let socket = format!("unix:{}", path.display());
    lab.router(1).start_snmp_on(&socket, &socket);
    wait_until(LIMIT, "the version is served", || lab.router(1).snmp().get(VERSION).is_some());
    assert!(lab.router(1).daemon().is_running());
}

/// A socket that only snmpd's own user may open: the daemon logs the directive of snmpd.conf that opens it, runs
/// without SNMP, and connects once it may.
#[test]
fn a_socket_that_refuses_us() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let router = lab.router(1);
    let path = router.file("agentx");
    let Ok(listener) = UnixListener::bind(&path) else { panic!("{} is taken", path.display()) };
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("our own file");
    chown(&path, Some(NOBODY), Some(NOBODY)).expect("root may give away");
    router.configure(&conf(Protocol::V3, 100));
    // Root without CAP_DAC_OVERRIDE, as a service may run.
    let usual = router.command(Ours);
    let mut command = Command::new("setpriv");
    command.arg("--bounding-set=-dac_override,-dac_read_search").arg(usual.get_program()).args(usual.get_args());
    command.args(["-x", "-A"]).arg(&path);
    let daemon = Proc::spawn(command, &router.file("daemon.log"));
    wait_until(LIMIT, "the remedy is logged", || daemon.log().contains("agentXPerms"));
    lab.wire.await_advert(1, VRID, now(), LIMIT);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("root may change it");
    listener.set_nonblocking(true).expect("a socket");
    wait_until(LIMIT, "it connects once it may", || listener.accept().is_ok());
}
