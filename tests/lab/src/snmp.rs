//! A private snmpd (master agent) and snmptrapd of a router, and the net-snmp tools.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::daemon::trixie;
use crate::netns::Netns;
use crate::process::Proc;
use crate::wait_until;

/// KEEPALIVED-MIB's root.
pub const ROOT: &str = ".1.3.6.1.4.1.9586.100.5";
/// vrrpInstanceState, without index.
pub const INSTANCE_STATE: &str = ".1.3.6.1.4.1.9586.100.5.2.3.1.4";
/// version.0.
pub const VERSION: &str = ".1.3.6.1.4.1.9586.100.5.1.1.0";
/// The identity of vrrpInstanceStateChange.
pub const INSTANCE_TRAP: &str = ".1.3.6.1.4.1.9586.100.5.2.10.0.2";

/// The master agent and the trap sink of a router, on the loopback interface of its namespace.
#[derive(Debug)]
pub struct Snmp {
    /// The master agent.
    pub snmpd: Proc,
    /// The trap sink.
    pub snmptrapd: Proc,
    netns: String,
    dir: PathBuf,
}

impl Snmp {
    /// Starts both, with files below `dir` and the AgentX socket at `agentx`; returns when the master agent answers.
    pub(crate) fn start(netns: &Netns, dir: &Path, agentx: &str) -> Self {
        let master = format!(
            "agentAddress udp:127.0.0.1:161\nrocommunity public\nrwcommunity private\nmaster agentx\n\
             agentXSocket {agentx}\ntrap2sink 127.0.0.1:162 public\n"
        );
        fs::write(dir.join("master.conf"), master).expect("a writable directory");
        fs::write(dir.join("sink.conf"), "disableAuthorization yes\n").expect("writable");
        let snmptrapd = Proc::spawn(trap_sink(netns, dir), &dir.join("snmptrapd.log"));
        let snmpd = Proc::spawn(master_agent(netns.name(), dir), &dir.join("snmpd.log"));
        let snmp = Self { snmpd, snmptrapd, netns: netns.name().into(), dir: dir.to_owned() };
        snmp.await_answer();
        snmp
    }

    /// Kills the master agent with -9.
    pub fn kill_master(&mut self) {
        self.snmpd.kill_group();
    }

    /// Starts the master agent again after [`Snmp::kill_master`]; returns when it answers.
    pub fn start_master(&mut self) {
        self.snmpd = Proc::spawn(master_agent(&self.netns, &self.dir), &self.dir.join("snmpd.log"));
        self.await_answer();
    }

    /// Stops the master agent with SIGSTOP: it hangs until [`Snmp::resume_master`].
    pub fn hang_master(&self) {
        self.snmpd.signal(Signal::SIGSTOP);
    }

    /// Continues the master agent.
    pub fn resume_master(&self) {
        self.snmpd.signal(Signal::SIGCONT);
    }

    /// A net-snmp tool with the usual arguments and `oid`, and a time-out of a second.
    pub fn tool(&self, tool: &str, oid: &str) -> Command {
        self.tool_waiting("1", tool, oid)
    }

    /// As [`Snmp::tool`], with another time-out for each answer.
    pub fn tool_waiting(&self, seconds: &str, tool: &str, oid: &str) -> Command {
        let mut command = reader(&self.netns, tool);
        command.args(["-On", "-OQ"]);
        command.args(["-t", seconds, "-r", "0", "127.0.0.1", oid]);
        command
    }

    /// The value of one object as text, or `None` while it is not served. A master agent may never
    /// answer a request that came too early, so the time-out is short.
    pub fn get(&self, oid: &str) -> Option<String> {
        let mut command = self.tool_waiting("0.2", "snmpget", oid);
        let output = command.stderr(Stdio::null()).output().expect("snmpget");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = text.split_once(" = ")?.1.trim();
        (output.status.success() && !value.starts_with("No Such")).then(|| value.trim_matches('"').to_owned())
    }

    /// Sets an INTEGER object with snmpset; returns whether it succeeded, and the tool's output.
    pub fn set(&self, oid: &str, value: i64) -> (bool, String) {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.netns, "snmpset", "-v2c", "-c", "private", "-m", "", "-On", "-t", "2"]);
        let output = command.args(["127.0.0.1", oid, "i", &value.to_string()]).output().expect("snmpset");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// All objects below `oid`: name and value as text.
    pub fn walk(&self, oid: &str) -> Vec<(String, String)> {
        let output = self.tool("snmpbulkwalk", oid).output().expect("snmpbulkwalk");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text.lines().filter_map(|line| line.split_once(" = "));
        lines
            .filter(|(_, value)| !value.starts_with("No "))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect()
    }

    /// All objects below `oid`: name, and type and value as `INTEGER: 1`. Times are numbers of hundredths of a second.
    pub fn typed_walk(&self, oid: &str) -> BTreeMap<String, String> {
        let mut command = reader(&self.netns, "snmpwalk");
        command.args(["-On", "-Oe", "-Ot", "-t", "5", "-r", "0", "127.0.0.1", oid]);
        let output = command.output().expect("snmpwalk");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{oid}: {text}{}", String::from_utf8_lossy(&output.stderr));
        let lines = text.lines().filter_map(|line| line.split_once(" = "));
        let served = lines.filter(|(_, value)| !value.starts_with("No "));
        served.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
    }

    /// The first rows of columns (OIDs below [`ROOT`]), at most `rows` of each, in one request: names below the root, and
    /// values as text.
    pub fn columns(&self, columns: &[&str], rows: usize) -> BTreeMap<String, String> {
        let mut command = reader(&self.netns, "snmpbulkget");
        command.args(["-On", "-OQ"]);
        command.args(["-t", "1", "-r", "0", "-Cn0", &format!("-Cr{rows}"), "127.0.0.1"]);
        command.args(columns.iter().map(|column| format!("{ROOT}.{column}")));
        let output = command.stderr(Stdio::null()).output().expect("snmpbulkget");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text.lines().filter_map(|line| line.strip_prefix(ROOT)?.strip_prefix('.')?.split_once(" = "));
        let requested = lines.filter(|(name, value)| {
            !value.starts_with("No ") && columns.iter().any(|column| name.starts_with(&format!("{column}.")))
        });
        requested.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
    }

    /// Runs walks one after the other until the returned process is dropped; returns during the second
    /// walk.
    pub fn walk_forever(&self) -> Proc {
        let log = self.dir.join("walk.log");
        let mut shell = Command::new("ip");
        shell.args(["netns", "exec", &self.netns, "sh", "-c"]).arg(format!(
            "while :; do snmpbulkwalk -v2c -c public -m '' -On -t 60 -r 0 127.0.0.1 {ROOT} | wc -l; done"
        ));
        let walks = Proc::spawn(shell, &log);
        wait_until(Duration::from_secs(30), "a walk is complete", || walks.log().contains('\n'));
        let objects: usize = walks.log().lines().next().and_then(|count| count.parse().ok()).expect("a count");
        assert!(objects > 100, "the walk has only {objects} objects");
        walks
    }

    /// The variable bindings of each trap received so far, one line per trap.
    pub fn traps(&self) -> Vec<String> {
        let log = fs::read_to_string(self.dir.join("traps")).unwrap_or_default();
        log.lines().filter(|line| line.contains(" = ")).map(str::to_owned).collect()
    }

    /// Name and new state of each vrrpInstanceStateChange received so far, in order.
    pub fn instance_traps(&self) -> Vec<(String, String)> {
        let traps = self.traps().into_iter().filter(|trap| trap.contains(INSTANCE_TRAP));
        traps
            .map(|trap| {
                let value = |object: &str| {
                    let bind = trap.split('\t').find(|bind| bind.starts_with(object));
                    let value = bind.and_then(|bind| bind.split_once(" = "));
                    value.map(|(_, value)| value.trim_matches('"').to_owned()).unwrap_or_default()
                };
                (value(&format!("{ROOT}.2.3.1.2")), value(INSTANCE_STATE))
            })
            .collect()
    }

    fn await_answer(&self) {
        wait_until(Duration::from_secs(30), "snmpd answers", || self.get(".1.3.6.1.2.1.1.3.0").is_some());
    }
}

/// A tool of net-snmp in a namespace that reads, without MIB modules.
fn reader(netns: &str, tool: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", netns, tool, "-v2c", "-c", "public", "-m", ""]);
    command
}

/// `snmpd` or `snmptrapd` in a namespace, without arguments: that of this system, or with LAB_SNMPD=trixie that of Debian 13,
/// unpacked by tests/peer/fetch-trixie.sh.
pub fn agent(netns: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", netns]);
    match std::env::var_os("LAB_SNMPD") {
        Some(name) if name == "trixie" => {
            let agent = trixie(program);
            command.arg(agent.get_program()).args(agent.get_args());
        }
        Some(name) => panic!("LAB_SNMPD is trixie or unset, not {}", name.display()),
        None => {
            command.arg(program);
        }
    }
    command
}

fn master_agent(netns: &str, dir: &Path) -> Command {
    let mut command = agent(netns, "snmpd");
    command.args(["-f", "-C", "-Lo"]);
    command.arg("-c").arg(dir.join("master.conf")).arg("-p").arg(dir.join("snmpd.pid"));
    command.env("SNMP_PERSISTENT_DIR", dir).env("MIBS", "");
    command
}

fn trap_sink(netns: &Netns, dir: &Path) -> Command {
    let mut command = agent(netns.name(), "snmptrapd");
    command.args(["-f", "-C", "-On", "-OQ", "-F", "%v\n"]);
    // snmptrapd would also connect to a master agent; it must not connect to ours.
    command.arg("-x").arg(format!("unix:{}", dir.join("nobody").display()));
    command.arg("-Lf").arg(dir.join("traps")).arg("-c").arg(dir.join("sink.conf"));
    command.arg("-p").arg(dir.join("snmptrapd.pid")).arg("udp:127.0.0.1:162");
    command.env("SNMP_PERSISTENT_DIR", dir).env("MIBS", "");
    command
}
