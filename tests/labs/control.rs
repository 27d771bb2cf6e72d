//! The control socket of a running daemon, and `keepalived --reload`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use lab::Daemon::Ours;
use lab::conf::VRID;
use lab::machine::{self, Witness, longest_gap};
use lab::process::Proc;
use lab::{Lab, Protocol, daemon, holds_for, now, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(30);
const PROTOCOL: Protocol = Protocol::V3;
/// A user and a group that the daemon does not run as.
const OTHER: u32 = 65534;
const GROUP: u32 = 4242;

/// A configuration with a priority, and with lines for `global_defs`.
fn conf(priority: u8, global: &str) -> String {
    PROTOCOL.conf(priority, "").replacen('{', &format!("{{\n  {global}\n"), 1)
}

/// A router with a running daemon.
fn started(text: &str) -> Lab {
    let mut lab = Lab::new(1);
    lab.router(1).configure(text);
    lab.router(1).start(Ours);
    logged(&mut lab, "Startup complete", 1);
    lab
}

fn logged(lab: &mut Lab, text: &str, times: usize) {
    wait_until(LIMIT, text, || lab.router(1).log().matches(text).count() == times);
}

/// Runs `keepalived --reload` with the options of the daemon; returns the exit status and its messages.
fn reload(lab: &mut Lab) -> (i32, String) {
    let mut command = lab.router(1).command(Ours);
    command.arg("--reload");
    status(&mut command)
}

fn status(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The priority of the last advert.
fn advertised(lab: &Lab) -> Option<u8> {
    let adverts = lab.wire.adverts(1, VRID, Duration::ZERO);
    adverts.last().map(|(_, advert)| advert.priority)
}

#[test]
fn a_reload_ends_when_the_new_configuration_runs() {
    let _turn = machine::shared();
    let mut lab = started(&conf(100, ""));
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    for (round, priority) in [(1, 110), (2, 120), (3, 130)] {
        lab.router(1).configure(&conf(priority, ""));
        assert_eq!(reload(&mut lab), (0, String::new()));
        // Not "soon": the process had the configuration before the command ended.
        let log = lab.router(1).log();
        assert_eq!(log.matches("The new configuration is in force").count(), round, "{log}");
        assert_eq!(log.matches("Control socket: reload, requested by uid 0, pid ").count(), round, "{log}");
        wait_until(LIMIT, "the new priority is advertised", || advertised(&lab) == Some(priority));
    }
    // HUP works as before.
    lab.router(1).configure(&conf(140, ""));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the new priority is advertised", || advertised(&lab) == Some(140));
}

#[test]
fn a_refused_reload_names_the_place_and_the_old_configuration_runs_on() {
    let _turn = machine::shared();
    let fault = |priority, more: &str| conf(priority, &format!("banana 7\n  {more}"));
    let mut lab = started(&fault(100, ""));
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    let file = lab.router(1).file("keepalived.conf").display().to_string();

    // The fault runs already: it is shown, and does not prevent the reload.
    lab.router(1).configure(&fault(110, ""));
    let (code, text) = reload(&mut lab);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with(&format!("{file}:2:3: fault: unknown keyword 'banana'")), "{text}");
    wait_until(LIMIT, "the new priority is advertised", || advertised(&lab) == Some(110));

    // A new fault.
    lab.router(1).configure(&fault(120, "apple 5"));
    let (code, text) = reload(&mut lab);
    assert_eq!(code, 5, "{text}");
    assert!(text.contains(&format!("\n{file}:3:3: fault: unknown keyword 'apple'")), "{text}");
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("keepalived: Not reloaded: the configuration has a fault that the running one "),
        "{last}"
    );

    // An error.
    lab.router(1).configure(&format!("{}vrrp_instance {{\n", conf(120, "")));
    let (code, text) = reload(&mut lab);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains(&format!("{file}:")) && text.contains(": error: "), "{text}");
    assert!(text.ends_with(
        "keepalived: Not reloaded: the configuration has errors; the running configuration stays in force\n"
    ));

    // A setting that a reload cannot change, an empty file, and none.
    lab.router(1).configure(&format!("net_namespace other\n{}", conf(120, "")));
    assert_eq!(reload(&mut lab).0, 1);
    lab.router(1).configure("\n");
    let (code, text) = reload(&mut lab);
    assert_eq!(code, 1);
    assert!(text.starts_with("keepalived: Not reloaded: the configuration is empty"), "{text}");
    fs::remove_file(&file).unwrap();
    let (code, text) = reload(&mut lab);
    assert_eq!(code, 6, "{text}");
    assert!(text.starts_with(&format!("{file}: error: the file does not exist")), "{text}");

    let from = now();
    wait_until(LIMIT, "the router advertises", || lab.wire.adverts(1, VRID, from).len() > 2);
    assert_eq!(advertised(&lab), Some(110));
}

/// A client that requests reloads without a pause does not keep the processes from their work.
#[test]
fn reloads_for_clients_are_paced() {
    let _turn = machine::shared();
    let mut lab = started(&conf(100, ""));
    let start = Instant::now();
    let mut clients: Vec<Proc> = (0..20)
        .map(|n| {
            let mut command = lab.router(1).command(Ours);
            command.arg("--reload");
            Proc::spawn(command, &lab.router(1).file(&format!("reload{n}.log")))
        })
        .collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.wait(LIMIT).code(), Some(0), "{}", client.log()));
    let reloads = lab.router(1).log().matches("Reload complete").count();
    // One reload each half second, and one for all that have waited.
    let most = start.elapsed().as_millis() / 500 + 2;
    assert!(reloads >= 2 && reloads as u128 <= most, "{reloads} of at most {most}");
    assert_eq!(lab.router(1).log().matches("Control socket: reload").count(), 20);
}

/// A process that stops answering has not taken the configuration; its replacement does.
#[test]
fn a_reload_waits_for_every_process() {
    let _turn = machine::shared();
    let mut lab = started(&conf(100, ""));
    let hung = lab.router(1).vrrp_pid();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(hung), Signal::SIGSTOP).unwrap();
    lab.router(1).configure(&conf(110, ""));
    let mut command = lab.router(1).command(Ours);
    command.arg("--reload");
    let log = lab.router(1).file("reload.log");
    let mut client = Proc::spawn(command, &log);
    logged(&mut lab, "Control socket: reload", 1);
    holds_for(Duration::from_secs(1), "the command waits", || client.is_running());
    // The parent replaces the process after its second hello.
    assert_eq!(client.wait(Duration::from_secs(20)).code(), Some(0), "{}", client.log());
    assert_ne!(lab.router(1).vrrp_pid(), hung);
    wait_until(LIMIT, "the new priority is advertised", || advertised(&lab) == Some(110));
}

#[test]
fn the_socket_is_for_root_and_its_group_and_is_removed_at_the_stop() {
    let _turn = machine::shared();
    // The directory of the router is closed to others.
    let open = tempfile::tempdir().unwrap();
    fs::set_permissions(open.path(), Permissions::from_mode(0o755)).unwrap();
    let (socket, program, file) =
        (open.path().join("socket"), open.path().join("keepalived"), open.path().join("k.conf"));
    fs::copy(daemon::ours(), &program).unwrap();
    let text = |priority, more: &str| conf(priority, &format!("control_socket {}\n  {more}", socket.display()));
    let mut lab = started(&text(100, ""));
    let found = || socket.symlink_metadata().unwrap();
    assert!(found().file_type().is_socket());
    assert_eq!((found().mode() & 0o7777, found().uid(), found().gid()), (0o660, 0, 0));

    // Users who may not read the configuration give one that names the socket.
    fs::write(&file, text(100, "")).unwrap();
    let as_user = |group: u32| {
        let mut command = Command::new(&program);
        status(command.args(["--reload", "-f"]).arg(&file).uid(OTHER).gid(group))
    };
    let (code, denied) = as_user(GROUP);
    assert_eq!(code, 4, "{denied}");
    assert!(denied.contains(&format!("Not reloaded: Permission denied at {}", socket.display())), "{denied}");

    // A reload adds the group.
    lab.router(1).configure(&text(110, &format!("control_group {GROUP}")));
    assert_eq!(reload(&mut lab), (0, String::new()));
    wait_until(LIMIT, "the socket belongs to the group", || found().gid() == GROUP);
    assert_eq!(as_user(GROUP), (0, String::new()));
    logged(&mut lab, &format!("Control socket: reload, requested by uid {OTHER}, pid "), 1);
    assert_eq!(as_user(OTHER).0, 4);

    // Even if somebody has opened the socket to all.
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
    let (code, denied) = as_user(OTHER);
    assert_eq!(code, 4, "{denied}");
    assert!(denied.ends_with("user 65534 is neither root nor a member of control_group\n"), "{denied}");
    logged(&mut lab, &format!("Control socket: refused a request by uid {OTHER}, pid "), 1);
    logged(&mut lab, "Reloading", 2);

    // The socket cannot move: a client that looks at the new place gets a hint.
    lab.router(1).configure(&conf(120, ""));
    let (code, absent) = reload(&mut lab);
    assert_eq!(code, 7, "{absent}");
    assert!(absent.contains("if control_socket or instance was changed"), "{absent}");
    lab.router(1).daemon().signal(Signal::SIGHUP);
    logged(&mut lab, "control_socket stays as it was at the start; restart keepalived to change it", 1);
    logged(&mut lab, "Reload complete", 3);

    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    assert!(!socket.exists());
    let left: Vec<_> = fs::read_dir(open.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn without_a_daemon_or_a_socket_a_reload_fails() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&conf(100, ""));
    let socket = lab.router(1).file("keepalived.control");
    let absent = |reason: &str| format!("no keepalived answers at {} ({reason});", socket.display());
    let (code, text) = reload(&mut lab);
    assert!(code == 7 && text.contains(&absent("No such file or directory")), "{code} {text}");

    lab.router(1).start(Ours);
    logged(&mut lab, "Startup complete", 1);
    assert_eq!(reload(&mut lab), (0, String::new()));
    // A killed daemon leaves its socket, and the next one replaces it.
    lab.router(1).kill9();
    let (code, text) = reload(&mut lab);
    assert!(code == 7 && text.contains(&absent("Connection refused")), "{code} {text}");
    lab.router(1).start(Ours);
    logged(&mut lab, "Startup complete", 2);
    assert_eq!(reload(&mut lab), (0, String::new()));
    lab.router(1).stop();
    assert!(!socket.exists());

    lab.router(1).configure(&conf(100, "control_socket none"));
    lab.router(1).start(Ours);
    logged(&mut lab, "Startup complete", 3);
    assert!(!socket.exists());
    let (code, text) = reload(&mut lab);
    assert!(code == 7 && text.contains("has 'control_socket none'; send the signal HUP"), "{code} {text}");
}

/// A second daemon runs without a socket instead of taking that of the first.
#[test]
fn daemons_do_not_take_each_others_sockets() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let socket = lab.dir().join("socket");
    let other = lab.dir().join("precious");
    fs::write(&other, "precious").unwrap();
    let text = |path: &Path| conf(100, &format!("control_socket {}", path.display()));
    let start = |lab: &mut Lab, number: usize, path: &Path| {
        lab.router(number).configure(&text(path));
        let starts = lab.router(number).log().matches("Startup complete").count();
        lab.router(number).start(Ours);
        wait_until(LIMIT, "the daemon runs", || lab.router(number).log().matches("Startup complete").count() > starts);
    };
    start(&mut lab, 1, &socket);
    start(&mut lab, 2, &socket);
    let log = lab.router(2).log();
    assert!(log.contains(&format!("cannot use {}: another process has it", socket.display())), "{log}");
    assert_eq!(reload(&mut lab), (0, String::new()));
    lab.router(2).stop();
    assert_eq!(reload(&mut lab), (0, String::new()));
    assert_eq!(lab.router(1).log().matches("Reload complete").count(), 2);
    // Nor does it replace a file that is not a socket.
    start(&mut lab, 2, &other);
    let log = lab.router(2).log();
    assert!(log.contains(&format!("cannot use {}: it is not a socket", other.display())), "{log}");
    lab.router(2).stop();
    assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
}

/// Clients that connect and say nothing cost nothing: adverts and reloads go on.
#[test]
fn silent_clients_disturb_nothing() {
    const SILENT: usize = 100;
    let _turn = machine::shared();
    let mut lab = started(&conf(100, ""));
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    let socket: PathBuf = lab.router(1).file("keepalived.control");
    let (witness, from) = (Witness::start(), now());
    let silent: Vec<UnixStream> = (0..SILENT).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    // Others come and go as fast as they can.
    let end = Instant::now() + Duration::from_secs(4);
    let hasty: Vec<_> = (0..4)
        .map(|_| {
            let socket = socket.clone();
            std::thread::spawn(move || {
                while Instant::now() < end {
                    drop(UnixStream::connect(&socket));
                    // Also where the connection must wait, the test leaves the processor to the daemon.
                    std::thread::sleep(Duration::from_millis(1));
                }
            })
        })
        .collect();
    lab.router(1).configure(&conf(110, ""));
    assert_eq!(reload(&mut lab), (0, String::new()));
    hasty.into_iter().for_each(|thread| thread.join().unwrap());
    let (to, stalls) = (now(), witness.stop());
    drop(silent);

    let stamps: Vec<Duration> = lab.wire.adverts(1, VRID, from).into_iter().map(|(stamp, _)| stamp).collect();
    let limit = PROTOCOL.interval() * 2;
    let longest = longest_gap(&stamps, from, to, limit, &stalls);
    assert!(longest < limit, "{longest:?}");
    let log = lab.router(1).log();
    assert_eq!(log.matches("Control socket:").count(), 1, "{log}");
    assert!(!log.contains("has not answered"), "{log}");
    let descriptors = fs::read_dir(format!("/proc/{}/fd", parent(&mut lab))).unwrap().count();
    assert!(descriptors < 80, "{descriptors}");
}

fn parent(lab: &mut Lab) -> i32 {
    fs::read_to_string(lab.router(1).file("keepalived.pid")).unwrap().trim().parse().unwrap()
}
