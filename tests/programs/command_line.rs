//! The command line: output, log lines and exit status for combinations of options.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(20);
const KEEPALIVED: &str = env!("CARGO_BIN_EXE_keepalived");
/// A valid configuration without instances and servers.
const IDLE: &str = "global_defs {\n    router_id idle\n}\n";
/// A configuration with an error.
const BROKEN: &str = "global_defs {\n    router_id broken\n";

/// A directory with a configuration.
struct Place(tempfile::TempDir);

impl Place {
    fn new(conf: &str) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        fs::write(place.file("k.conf"), conf).unwrap();
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    /// The program in this directory.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(KEEPALIVED);
        command.args(arguments).current_dir(self.0.path()).env("TMPDIR", self.0.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        ended(&mut self.command(arguments))
    }

    /// A daemon with its files in this directory.
    fn daemon(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&["-f", "k.conf", "-p", "k.pid", "-r", "v.pid", "-c", "c.pid", "-b", "b.pid"]);
        command.args(arguments);
        command
    }

    fn pid(&self) -> Pid {
        wait_for("the pid file", || self.text("k.pid").trim().parse().ok().map(Pid::from_raw))
    }
}

/// Exit status, standard output and standard error of a program.
fn ended(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "timeout: {what}");
        sleep(Duration::from_millis(5));
    }
}

fn wait_until(what: &str, mut look: impl FnMut() -> bool) {
    wait_for(what, || look().then_some(()));
}

/// A daemon that is stopped when the test ends.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Running {
        Running(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().cast_signed())
    }

    fn stop(&mut self) -> Option<i32> {
        kill(self.pid(), Signal::SIGTERM).unwrap();
        wait_for("the end", || self.0.try_wait().unwrap()).code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The exit status of `-t` is that of C keepalived, which is 5 for faults as for most errors.
#[test]
fn a_test_may_allow_faults() {
    let place = Place::new(IDLE);
    fs::write(place.file("faulty"), "nonsense\n").unwrap();
    fs::write(place.file("unclosed"), "vrrp_instance A {\n").unwrap();
    for (file, plain, allowing) in [("k.conf", 0, 0), ("faulty", 5, 0), ("unclosed", 5, 5), ("nothing", 4, 4)] {
        for (arguments, status) in [(&["-t", file][..], plain), (&["-t", file, "--allow-faults"], allowing)] {
            let (ended, _, err) = place.run(arguments);
            assert_eq!(ended, Some(status), "{arguments:?}: {err}");
        }
    }
}

/// Two instances take adverts of any sender, as in most files with unicast. A third, without a VRID, refuses the start, whose
/// messages are those of the log.
#[test]
fn advice_is_given_by_a_test_only_and_once_for_all_instances() {
    let instance = |name: &str, lines: &str| {
        format!("vrrp_instance {name} {{\n interface lo\n{lines} virtual_ipaddress {{\n 192.0.2.10\n }}\n}}\n")
    };
    let unicast = |vrid: u8| format!(" virtual_router_id {vrid}\n unicast_peer {{\n 192.0.2.{vrid}\n }}\n");
    let conf = [("A", unicast(1)), ("B", unicast(2)), ("C", String::new())].map(|(name, lines)| instance(name, &lines));
    let place = Place::new(&conf.concat());
    let advice = "'A' and 1 more instance take adverts from any sender";
    let (tested, _, shown) = place.run(&["-t", "k.conf"]);
    assert_eq!((tested, shown.matches("any sender").count()), (Some(5), 1), "{shown}");
    assert!(shown.contains(advice), "{shown}");
    let (refused, _, shown) = ended(&mut place.daemon(&["-n", "-G"]));
    assert_eq!(refused, Some(2), "{shown}");
    assert!(shown.contains("'C' has no virtual_router_id") && !shown.contains("any sender"), "{shown}");
}

#[test]
fn a_word_after_t_is_tested_and_never_written_to() {
    let place = Place::new(IDLE);
    fs::write(place.file("broken"), BROKEN).unwrap();
    for (arguments, status, expected) in [
        (&["-t", "k.conf"][..], 0, ""),
        (&["-t", "broken"], 5, "broken:1:"),
        (&["--config-test", "broken"], 5, "broken:1:"),
        (&["--config-t", "broken"], 5, "broken:1:"),
        (&["-nlDt", "broken"], 5, "broken:1:"),
        (&["-t", "--", "broken"], 5, "broken:1:"),
        (&["-t", "-f", "broken", "k.conf"], 5, "Unexpected argument(s): k.conf"),
        (&["--use-f", "broken", "-t"], 5, "broken:1:"),
        (&["-t", "nothing"], 4, "nothing"),
        (&["-t", "k.conf", "broken"], 1, "run it again for broken"),
        // An attached word is the file for the messages, unless it is the tested configuration.
        (&["-tbroken", "-f", "broken"], 1, "it is the tested configuration"),
        (&["--config-test=broken", "-f", "./broken"], 1, "it is the tested configuration"),
    ] {
        let (ended, out, err) = place.run(arguments);
        assert_eq!((ended, out.as_str()), (Some(status), ""), "{arguments:?}: {err}");
        assert!(err.contains(expected), "{arguments:?}: {err}");
        assert_eq!((place.text("k.conf").as_str(), place.text("broken").as_str()), (IDLE, BROKEN), "{arguments:?}");
    }
    for arguments in [&["-tresult", "-f", "broken"], &["--config-test=result", "-f", "broken"]] {
        let before = place.text("result").len();
        let (status, out, err) = place.run(arguments);
        assert_eq!((status, out, err), (Some(5), String::new(), String::new()), "{arguments:?}");
        assert!(place.text("result")[before..].contains("broken:1:"), "it is appended");
    }
    let (status, _, err) = place.run(&["-t/no/such/directory/x", "-f", "k.conf"]);
    assert_eq!(status, Some(1));
    assert!(
        err.contains("Cannot write") && err.ends_with("/no/such/directory/x: No such file or directory\n"),
        "{err}"
    );
}

#[test]
fn wrong_options_have_exit_status_1_and_a_reason() {
    let place = Place::new(IDLE);
    for (arguments, expected) in [
        (&["--nosuch"][..], "Unknown option --nosuch"),
        (&["-nz"], "Unknown option -z"),
        (&["-f"], "Missing parameter for option -f"),
        (&["--log"], "--log is ambiguous"),
        (&["-u", "999", "-t", "k.conf"], "0 to 0777"),
        (&["--signum", "TDUMP"], "Unknown sigfunc TDUMP"),
        (&["-n", "-T"], "must be the first option"),
    ] {
        let (status, out, err) = place.run(arguments);
        assert_eq!((status, out.as_str()), (Some(1), ""), "{arguments:?}: {err}");
        assert!(err.contains(expected) && err.lines().count() == 1, "{arguments:?}: {err}");
    }
    // Reported and ignored.
    let (status, _, err) = place.run(&["-S", "9", "-g", "x.log", "-t", "k.conf"]);
    assert_eq!(status, Some(0));
    assert!(err.contains("Invalid log facility '9'") && err.contains("x.log (write --log-file=x.log)"), "{err}");
    assert!(!place.file("x.log").exists());
}

/// Exporters ask for JSON by signal if `-v` lists `--enable-json`. Without instances there is none, as in C keepalived.
#[test]
fn the_version_lists_what_works() {
    let place = Place::new(IDLE);
    let (status, out, err) = place.run(&["-v"]);
    assert_eq!((status, out.as_str()), (Some(0), ""));
    assert!(err.starts_with("Keepalived v2.4.3 (") && err.contains("keepalived-rs v"), "{err}");
    let (_, number, _) = place.run(&["--signum=JSON"]);
    let mut daemon = Running::start(place.daemon(&["-n", "-l", "-G"]).stderr(File::create(place.file("err")).unwrap()));
    wait_until("it runs", || place.text("err").contains("Startup complete"));
    let signalled = Command::new("kill").arg(format!("-{}", number.trim())).arg(daemon.pid().to_string()).status();
    assert!(signalled.unwrap().success());
    assert_eq!((number.trim(), err.contains(" --enable-json")), ("36", true), "{err}");
    // Handled after it.
    assert_eq!(daemon.stop(), Some(0));
    assert!(!place.text("err").contains("no effect") && !place.file("keepalived.json").exists());
}

/// Full disk, closed terminal, and closed pipe.
#[test]
fn failing_output_does_not_change_the_exit_status() {
    let place = Place::new(IDLE);
    fs::write(place.file("broken"), BROKEN).unwrap();
    let genhash = env!("CARGO_BIN_EXE_genhash");
    for (command, status) in [
        ("KEEPALIVED -t -f k.conf", 0),
        ("KEEPALIVED -t -f broken", 5),
        ("KEEPALIVED -h", 0),
        ("KEEPALIVED -v", 0),
        ("KEEPALIVED --nosuch", 1),
        ("KEEPALIVED --signum=FOO", 1),
        ("KEEPALIVED -nG -f nothing", 6),
        ("KEEPALIVED -nG -f broken", 2),
        ("KEEPALIVED -T -z", 1),
        ("GENHASH -z", 1),
    ] {
        let command = command.replace("KEEPALIVED", KEEPALIVED).replace("GENHASH", genhash);
        for to in ["2>/dev/full", "2>&-", ">/dev/full 2>&1", ">&- 2>&- <&-", "2>&1 | sh -c 'exec <&-'"] {
            let text = format!("set -o pipefail; {command} {to}");
            let done = ended(Command::new("bash").args(["-c", &text]).current_dir(place.0.path()));
            assert_eq!(done.0, Some(status), "{text}: {done:?}");
        }
    }
    // Output that cannot be written is an error if the program was run for it.
    for command in [&[KEEPALIVED, "--signum=DATA"][..], &[genhash, "--release"], &[KEEPALIVED, "-T", "-r"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(command[0]).args(&command[1..]).stdout(full).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(err.contains("Cannot write") && err.ends_with("No space left on device\n"), "{err}");
    }
}

/// A daemon continues without a working log.
#[test]
fn a_failing_log_does_not_stop_the_daemon() {
    let place = Place::new(IDLE);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut daemon = Running::start(place.daemon(&["-nlGD", "-d"]).stderr(full));
    place.pid();
    kill(daemon.pid(), Signal::SIGUSR1).unwrap();
    wait_until("a dump", || place.file("keepalived_parent.data").exists());
    assert_eq!(daemon.stop(), Some(0));
}

/// Runs the program with a syslog socket of its own; gives its exit status and the syslog messages.
fn with_syslog(place: &Place, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let path = place.file("log");
    let _ = fs::remove_file(&path);
    let syslog = UnixDatagram::bind(&path).unwrap();
    syslog.set_nonblocking(true).unwrap();
    let mut command = Command::new("unshare");
    let private =
        "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && ln -s \"$LAB_LOG\" /dev/log && exec \"$@\"";
    command.args(["-m", "sh", "-c", private, "sh", KEEPALIVED]).args(arguments);
    command.env("LAB_LOG", &path).current_dir(place.0.path());
    let (status, _, _) = ended(&mut command);
    let mut lines = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match syslog.recv(&mut buffer) {
            Ok(length) => lines.push(String::from_utf8_lossy(&buffer[..length]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return (status, lines),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_refused_start_is_logged_to_syslog() {
    let place = Place::new("instance blue\n");
    fs::write(place.file("broken"), BROKEN).unwrap();
    fs::create_dir(place.file("directory")).unwrap();
    for (arguments, status, start, expected) in [
        (&["-f", "nothing"][..], 6, "<27>", "the file does not exist"),
        (&["-f", "broken"], 2, "<27>", "broken:1:"),
        (&["-n", "-S1", "-f", "broken"], 2, "<139>", "Not started: the configuration cannot be used"),
        (&["--nosuch"], 1, "<27>", "Not started: Unknown option --nosuch"),
        (&["-s", "a/b", "-f", "k.conf"], 1, "<27>", "-s, --namespace"),
        (&["-s", "absent-here", "-f", "k.conf"], 1, "<27>", "(/run/netns/absent-here): No such file or directory"),
        (&["-p", "directory", "-f", "k.conf"], 1, "<27>", " Keepalived_blue["),
    ] {
        let (ended, lines) = with_syslog(&place, arguments);
        assert_eq!(ended, Some(status), "{arguments:?}: {lines:?}");
        let named =
            |line: &String| line.starts_with(start) && (line.contains(" Keepalived[") || line.contains("_blue["));
        assert!(!lines.is_empty() && lines.iter().all(named), "{arguments:?}: {lines:?}");
        assert!(lines.iter().any(|line| line.contains(expected)), "{arguments:?}: {lines:?}");
        assert!(lines.last().unwrap().contains("Not started: "), "{arguments:?}: {lines:?}");
    }
    // Nothing is sent to syslog for -t, and with -G.
    for arguments in [&["-t", "-f", "broken"][..], &["-v"], &["-h"], &["--signum=X"], &["-G", "-f", "broken"]] {
        assert_eq!(with_syslog(&place, arguments).1, Vec::<String>::new(), "{arguments:?}");
    }
}

/// Relative paths are those of the start directory, also at a reload.
#[test]
fn a_daemon_in_the_background_leaves_its_directory() {
    let place = Place::new(IDLE);
    fs::create_dir(place.file("more")).unwrap();
    let global = IDLE.replacen('{', "{\n    script_user root", 1);
    fs::write(place.file("k.conf"), format!("{global}include more/*.conf\n")).unwrap();
    let instance =
        "vrrp_instance I {\n    interface lo\n    virtual_router_id 1\n    track_script {\n        A\n    }\n}\n";
    let script = "vrrp_script A {\n    script ./check.sh\n}\n";
    fs::write(place.file("more/a.conf"), format!("{script}{instance}")).unwrap();
    fs::write(place.file("check.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(place.file("check.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let (status, _, err) = ended(place.daemon(&["-C", "-G", "-glog/k.log"]).stderr(Stdio::piped()));
    assert_eq!(status, Some(0), "{err}");
    let pid = place.pid();
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    kill(pid, Signal::SIGTERM).unwrap();
    wait_until("the end", || !place.file("k.pid").exists());
    // A log file in a missing directory does not stop the daemon.
    fs::create_dir(place.file("log")).unwrap();
    let (status, _, err) = ended(&mut place.daemon(&["-C", "-G", "-glog/k.log"]));
    assert_eq!(status, Some(0), "{err}");
    let pid = place.pid();
    wait_until("the start", || place.text("log/k.log").contains("Startup complete"));
    kill(pid, Signal::SIGHUP).unwrap();
    wait_until("the reload", || place.text("log/k.log").contains("Reload complete"));
    let missing = "the script './check.sh' does not exist";
    assert!(!place.text("log/k.log").contains(missing));
    // A reload finds errors in the file.
    fs::remove_file(place.file("check.sh")).unwrap();
    kill(pid, Signal::SIGHUP).unwrap();
    wait_until("the complaint", || place.text("log/k.log").contains(missing));
    kill(pid, Signal::SIGTERM).unwrap();
    wait_until("the end", || place.text("log/k.log").contains("Stopped Keepalived v"));
    wait_until("the pid file is removed", || !place.file("k.pid").exists());
}

#[test]
fn a_log_file_is_written_beside_the_terminal() {
    let place = Place::new(IDLE);
    for (arguments, name) in
        [(&["-g"][..], "keepalived.log"), (&["-gown.log", "--flush-log-file"], "own.log"), (&["--log-fi=own"], "own")]
    {
        let mut daemon = Running::start(place.daemon(&["-nG", "-u", "0027"]).args(arguments).stderr(Stdio::null()));
        wait_until(name, || place.text(name).contains(": Startup complete\n"));
        let mode = |name: &str| fs::metadata(place.file(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(name), 0o640, "{name}");
        assert_eq!(mode("k.pid"), 0o644);
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        assert!(status.contains("Umask:\t0027\n"), "{status}");
        assert_eq!(daemon.stop(), Some(0));
        assert!(place.text(name).contains(": Stopped Keepalived v"));
    }
    // A symbolic link is not followed.
    fs::write(place.file("victim"), "precious").unwrap();
    std::os::unix::fs::symlink(place.file("victim"), place.file("link")).unwrap();
    let err = File::create(place.file("err")).unwrap();
    let mut daemon = Running::start(place.daemon(&["-nlG", "-glink"]).stderr(err));
    wait_until("a complaint", || place.text("err").contains("Cannot write the log file "));
    assert_eq!(daemon.stop(), Some(0));
    assert_eq!(place.text("victim"), "precious");
    assert_eq!(place.text("err").matches("Cannot write the log file").count(), 1);
}

/// In a separate mount namespace, as the pattern is global.
#[test]
fn the_core_pattern_is_set_and_restored() {
    let place = Place::new(IDLE);
    for (option, expected) in [("-M/var/crash/core.%p", "/var/crash/core.%p"), ("-M", "core")] {
        fs::write(place.file("pattern"), "before\n").unwrap();
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", "mount --bind pattern /proc/sys/kernel/core_pattern && exec \"$@\"", "sh"]);
        let daemon = place.daemon(&["-n", "-G", option]);
        command.arg(daemon.get_program()).args(daemon.get_args()).current_dir(place.0.path()).stderr(Stdio::null());
        let mut daemon = Running::start(&mut command);
        wait_until("the pattern", || place.text("pattern") == expected);
        place.pid();
        assert_eq!(daemon.stop(), Some(0));
        assert_eq!(place.text("pattern"), "before\n");
    }
}

#[test]
fn options_without_effect_are_reported() {
    let place = Place::new(IDLE);
    let err = File::create(place.file("err")).unwrap();
    let mut command = place.daemon(&["-nlG", "-X", "--flush-log-file", "stray", "-d"]);
    let mut daemon = Running::start(command.stderr(err).process_group(0));
    wait_until("it runs", || place.text("err").contains("Startup complete"));
    let text = place.text("err");
    for expected in [
        "-X, --release-vips has no effect: ",
        "--flush-log-file has no effect without -g",
        "Unexpected argument(s): stray",
        // -d: the configuration, and the effective values.
        "router_id idle",
        "  router_id = idle",
        "  smtp_connect_timeout = 30 s",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert_eq!(daemon.stop(), Some(0));
}
