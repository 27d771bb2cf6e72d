//! A bus, its tools, and the signals on it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use lab::Daemon::{self, Ours};
use lab::process::Proc;
use lab::{wait_for, wait_until};
use tempfile::TempDir;

use super::LIMIT;

pub(super) const NAME: &str = "org.keepalived.Vrrp1";
pub(super) const ROOT: &str = "/org/keepalived/Vrrp1";
pub(super) const DAEMON: &str = "/org/keepalived/Vrrp1/Vrrp";

/// A system bus.
pub(super) struct Bus {
    dir: TempDir,
    pub(super) daemon: Option<Proc>,
}

impl Bus {
    /// A bus that does not run yet, with the policies of Debian's system bus and ours.
    pub(super) fn new() -> Bus {
        let dir = TempDir::with_prefix("bus").unwrap();
        // Other users have to reach the socket.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/org.keepalived.Vrrp1.conf");
        let text = format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
  </policy>
  <policy user="root">
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Monitoring"/>
  </policy>
  <include>{policy}</include>
  <include ignore_missing="yes">group.conf</include>
</busconfig>
"#,
            dir.path().join("socket").display()
        );
        fs::write(dir.path().join("bus.conf"), text).unwrap();
        Bus { dir, daemon: None }
    }

    pub(super) fn start(&mut self) {
        let _ = fs::remove_file(self.file("socket"));
        let mut command = Command::new("dbus-daemon");
        command.arg("--nofork").arg(format!("--config-file={}", self.file("bus.conf").display()));
        self.daemon = Some(Proc::spawn(command, &self.file("bus.log")));
        wait_until(LIMIT, "the bus runs", || self.file("socket").exists());
    }

    pub(super) fn end(&mut self) {
        self.daemon = None;
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn address(&self) -> String {
        format!("unix:path={}", self.file("socket").display())
    }

    /// Has a daemon use this bus. C keepalived also reads the description of its interfaces, from where it is not installed.
    pub(super) fn command(&self, router: &lab::Router, daemon: Daemon) -> Command {
        let started = router.command(daemon);
        if daemon == Ours {
            let mut command = started;
            command.env("DBUS_SYSTEM_BUS_ADDRESS", self.address());
            return command;
        }
        // `ip netns exec` has a mount namespace of its own.
        let interfaces = concat!(env!("CARGO_MANIFEST_DIR"), "/.test/peer/usr/share/dbus-1/interfaces");
        let place = format!("mount -t tmpfs tmpfs /usr/share/dbus-1 && cp -r {interfaces} /usr/share/dbus-1");
        let mut command = Command::new(started.get_program());
        // After `ip netns exec NAME`.
        command.args(started.get_args().take(3)).args(["sh", "-c", &format!("{place} && exec \"$@\""), "sh"]);
        command.args(started.get_args().skip(3));
        command.envs(started.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("DBUS_SYSTEM_BUS_ADDRESS", self.address());
        command
    }

    /// Calls a method with `gdbus`.
    pub(super) fn call(&self, path: &str, method: &str, arguments: &[&str]) -> Output {
        self.call_as(&[], path, method, arguments)
    }

    /// As [`Bus::call`], through another program.
    pub(super) fn call_as(&self, through: &[&str], path: &str, method: &str, arguments: &[&str]) -> Output {
        let gdbus = ["gdbus", "call", "--system", "--dest", NAME, "--object-path", path, "--method", method];
        let mut words = through.iter().chain(&gdbus).chain(arguments);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).env("DBUS_SYSTEM_BUS_ADDRESS", self.address()).output().unwrap()
    }

    /// The result of a call that succeeds, in the syntax of `gdbus`.
    pub(super) fn result(&self, path: &str, method: &str, arguments: &[&str]) -> String {
        let output = self.call(path, method, arguments);
        assert!(output.status.success(), "{method} at {path}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// The error of a call: its name, without the part before the last point, and its text.
    pub(super) fn error(&self, path: &str, method: &str, arguments: &[&str]) -> String {
        error_of(&self.call(path, method, arguments))
    }

    /// The description of an object, without white space between tags and comments.
    pub(super) fn description(&self, path: &str) -> String {
        let mut command = Command::new("gdbus");
        command.args(["introspect", "--system", "--xml", "--dest", NAME, "--object-path", path]);
        let output = command.env("DBUS_SYSTEM_BUS_ADDRESS", self.address()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let tags: String = text.lines().map(str::trim).filter(|line| !line.starts_with("<!--")).collect();
        ["method", "signal", "arg", "property"]
            .iter()
            .fold(tags, |tags, tag| tags.replace(&format!("\"></{tag}>"), "\"/>"))
    }

    /// Paths of all objects without objects below them.
    pub(super) fn leaves(&self, path: &str) -> Vec<String> {
        let description = self.description(path);
        let children = description.split("<node name=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let below = |child: &str| self.leaves(&format!("{}/{child}", path.trim_end_matches('/')));
        let mut leaves: Vec<String> = children.flat_map(below).collect();
        if leaves.is_empty() {
            leaves.push(path.to_owned());
        }
        leaves.sort();
        leaves
    }

    /// The unique name of the owner of a name, if it has one.
    pub(super) fn owner(&self, name: &str) -> Option<String> {
        let mut command = Command::new("gdbus");
        command.args(["call", "--system", "--dest", "org.freedesktop.DBus", "--object-path", "/org/freedesktop/DBus"]);
        command.args(["--method", "org.freedesktop.DBus.GetNameOwner", name]);
        let output = command.env("DBUS_SYSTEM_BUS_ADDRESS", self.address()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then(|| text.split('\'').nth(1).unwrap_or_default().to_owned())
    }

    pub(super) fn await_name(&self) -> String {
        wait_for(LIMIT, "the name has an owner", || self.owner(NAME))
    }
}

pub(super) fn error_of(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let first = text.lines().next().unwrap_or_default();
    first.rsplit("org.freedesktop.DBus.Error.").next().unwrap_or_default().to_owned()
}

/// Records the signals below our paths.
pub(super) struct Monitor(pub(super) Proc);

impl Monitor {
    pub(super) fn start(bus: &Bus) -> Monitor {
        let mut command = Command::new("dbus-monitor");
        command.args(["--address", &bus.address(), "type='signal',path_namespace='/org/keepalived'"]);
        let process = Proc::spawn(command, &bus.file("monitor.log"));
        // A monitor has no name: the bus takes that of the connection.
        wait_until(LIMIT, "the monitor runs", || process.log().contains("member=NameLost"));
        Monitor(process)
    }

    /// The signals so far, as `PATH MEMBER VALUE`; the paths are relative to [`ROOT`].
    pub(super) fn signals(&self) -> Vec<String> {
        let mut signals: Vec<String> = Vec::new();
        for line in self.0.log().lines() {
            if line.starts_with("signal ") {
                let part = |name: &str| line.split_once(name).map_or("", |(_, rest)| rest.split(';').next().unwrap());
                let path = part("path=").strip_prefix(ROOT).unwrap_or("").trim_start_matches('/');
                signals.push(format!("{path} {}", part("member=")));
            } else if let (Some(value), Some(last)) = (line.strip_prefix("   uint32 "), signals.last_mut()) {
                *last += &format!(" {value}");
            }
        }
        signals.retain(|signal| !signal.starts_with(' ') && !signal.ends_with("PropertiesChanged"));
        signals
    }

    pub(super) fn await_signal(&self, signal: &str) {
        self.await_count(signal, 1);
    }

    pub(super) fn await_count(&self, signal: &str, count: usize) {
        let counted = || self.signals().iter().filter(|found| *found == signal).count();
        wait_until(LIMIT, &format!("{signal:?} arrives {count} times"), || counted() >= count);
    }
}
