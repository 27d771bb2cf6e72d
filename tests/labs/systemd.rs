//! Notifications to systemd, received at a socket in its place.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use lab::conf::VRID;
use lab::daemon::workspace;
use lab::{Daemon, Lab, Protocol, machine, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(30);

/// Listens in the place of systemd; each call of the result returns the next notification.
fn listen(path: &Path) -> impl Fn() -> String {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    move || {
        let mut buffer = [0; 1024];
        // A signal may interrupt the wait, such as SIGCHLD of another test.
        let length = loop {
            match socket.recv(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                length => break length.expect("a message within 10 s"),
            }
        };
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }
}

#[test]
fn start_reload_and_stop_are_notified() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let path = lab.router(1).file("notify");
    let next = listen(&path);

    lab.router(1).configure(&Protocol::V3.conf(100, ""));
    let mut command = lab.router(1).command(Daemon::Ours);
    command.env("NOTIFY_SOCKET", &path);
    lab.router(1).start_with(command);
    let ready = next();
    let pid = lab.router(1).daemon().pid();
    assert!(ready.contains("READY=1\n") && ready.contains(&format!("MAINPID={pid}\n")), "{ready}");
    assert!(ready.contains("STATUS=Running: 1 VRRP instance; processes: VRRP\n"), "{ready}");

    lab.router(1).daemon().signal(Signal::SIGHUP);
    let reloading = next();
    assert!(reloading.contains("RELOADING=1\n") && reloading.contains("MONOTONIC_USEC="), "{reloading}");
    assert!(next().contains("READY=1\n"));

    // A file with errors is refused, and the daemon is ready again.
    lab.router(1).configure("banana\n");
    lab.router(1).daemon().signal(Signal::SIGHUP);
    assert!(next().contains("RELOADING=1\n"));
    let refused = next();
    assert!(refused.contains("READY=1\n"), "{refused}");
    assert!(
        refused
            .contains("STATUS=Last reload refused: the configuration has a fault that the running one does not have: "),
        "{refused}"
    );
    lab.router(1).configure(&Protocol::V3.conf(100, ""));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    assert!(next().contains("RELOADING=1\n"));
    assert!(next().contains("STATUS=Running: "));

    // Children and scripts do not inherit the variable of the socket.
    let child = std::fs::read(format!("/proc/{}/environ", lab.router(1).vrrp_pid())).unwrap();
    assert!(!String::from_utf8_lossy(&child).contains("NOTIFY_SOCKET"));

    lab.router(1).daemon().signal(Signal::SIGTERM);
    assert!(next().contains("STOPPING=1\n"));
}

/// While a child cannot run the daemon is not ready, but still sends keep-alives.
#[test]
fn ready_is_notified_when_the_children_run_and_keep_alives_always() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let path = lab.router(1).file("notify");
    let next = listen(&path);
    // Another program has locked its pid file, so the VRRP process keeps failing at its start.
    let pid_file = std::fs::File::create(lab.router(1).file("vrrp.pid")).unwrap();
    pid_file.lock().unwrap();
    lab.router(1).configure(&Protocol::V3.conf(100, ""));
    let mut command = lab.router(1).command(Daemon::Ours);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    lab.router(1).start_with(command);
    let began = Instant::now();
    for _ in 0..5 {
        assert_eq!(next().trim(), "WATCHDOG=1");
    }
    assert!(began.elapsed() >= Duration::from_millis(800), "every 200 ms");
    drop(pid_file);
    wait_until(LIMIT, "the daemon is ready", || next().contains("READY=1\n"));
    let child = std::fs::read(format!("/proc/{}/environ", lab.router(1).vrrp_pid())).unwrap();
    assert!(!String::from_utf8_lossy(&child).contains("WATCHDOG_USEC"));
}

/// A router with the capabilities of a file of systemd becomes master, runs its script and stops.
fn is_router_with_capabilities_of(file: &str, user: &str, global: &str) {
    let _turn = machine::shared();
    let unit = std::fs::read_to_string(workspace().join("conf").join(file)).unwrap();
    // An empty line before takes those of the unit away.
    let line = unit.lines().filter_map(|line| line.strip_prefix("CapabilityBoundingSet=")).next_back().unwrap();
    let words = line.split(' ').map(|word| word.strip_prefix("CAP_").unwrap().to_lowercase());
    let set = words.fold("-all".to_owned(), |set, word| format!("{set},+{word}"));

    let mut lab = Lab::new(1);
    let shared = tempfile::tempdir().unwrap();
    std::fs::set_permissions(shared.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let proof = shared.path().join("proof");
    let conf = Protocol::V3.conf(100, &format!("notify_master \"/bin/mkdir {}\"", proof.display()));
    lab.router(1).configure(&conf.replacen('{', &format!("{{\n  script_user {user}\n{global}"), 1));
    let bare = lab.router(1).command(Daemon::Ours);
    // Inside of `ip netns exec NAME`, which needs more.
    let (entry, rest): (Vec<_>, Vec<_>) = (bare.get_args().take(3).collect(), bare.get_args().skip(3).collect());
    let mut command = Command::new(bare.get_program());
    command.args(entry).args(["setpriv", "--bounding-set", &set]).args(rest);
    lab.router(1).start_with(command);

    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    wait_until(LIMIT, "the addresses are set", || lab.router(1).holds(Protocol::V3.vips(VRID)[0]));
    wait_until(LIMIT, "the script has run", || proof.exists());
    assert_eq!(std::fs::metadata(&proof).unwrap().uid() == 0, user == "root");
    assert!(lab.router(1).stop().1.success());
    assert!(!lab.router(1).holds(Protocol::V3.vips(VRID)[0]));
    let log = lab.router(1).log();
    assert!(!log.contains("Cannot "), "{log}");
}

/// A script of another user, real-time priority and locked memory need further capabilities.
#[test]
fn the_capabilities_of_the_unit_are_enough() {
    is_router_with_capabilities_of("keepalived.service", "nobody", "  vrrp_rt_priority 20\n  vrrp_no_swap\n");
}

#[test]
fn the_capabilities_for_vrrp_alone_are_enough() {
    is_router_with_capabilities_of("systemd-vrrp.conf", "root", "");
}
