//! A private snmpd and snmptrapd, and the command line tools of a manager.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use snmp::MasterAddress;
use tempfile::TempDir;

/// Waits for a condition and returns the time it took; panics after `limit`.
pub fn wait_for(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    start.elapsed()
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A process that is killed at the end of the test.
struct Process(Child);

impl Process {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Field {
    dir: TempDir,
    port: u16,
    tcp_port: u16,
    snmpd: Option<Process>,
    _snmptrapd: Process,
}

impl Field {
    /// Starts snmpd and snmptrapd.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (port, trap_port, tcp_port) = (free_port(), free_port(), free_port());
        std::fs::create_dir(dir.path().join("persistent")).unwrap();
        let socket = dir.path().join("master");
        let configuration = format!(
            "agentAddress udp:127.0.0.1:{port}\nrwcommunity public\nmaster agentx\nagentXSocket unix:{},tcp:127.0.0.1:{tcp_port}\n\
             trap2sink 127.0.0.1:{trap_port} public\n",
            socket.display()
        );
        std::fs::write(dir.path().join("snmpd.conf"), configuration).unwrap();
        std::fs::write(dir.path().join("snmptrapd.conf"), "disableAuthorization yes\n").unwrap();
        let traps = dir.path().join("traps");
        let snmptrapd = tool(&dir, "snmptrapd")
            .args(["-f", "-C", "-On", "-c"])
            .arg(dir.path().join("snmptrapd.conf"))
            .arg("-Lf")
            .arg(&traps)
            .arg(format!("udp:127.0.0.1:{trap_port}"))
            .spawn();
        let snmptrapd = Process(snmptrapd.unwrap());
        wait_for("snmptrapd", Duration::from_secs(10), || UdpSocket::bind(("127.0.0.1", trap_port)).is_err());
        let mut field = Field { dir, port, tcp_port, snmpd: None, _snmptrapd: snmptrapd };
        field.start_snmpd();
        field
    }

    pub fn unix(&self) -> MasterAddress {
        MasterAddress::Unix(self.dir.path().join("master"))
    }

    pub fn tcp(&self) -> MasterAddress {
        MasterAddress::Tcp(([127, 0, 0, 1], self.tcp_port).into())
    }

    pub fn start_snmpd(&mut self) {
        let child = tool(&self.dir, "snmpd")
            .args(["-f", "-C", "-c"])
            .arg(self.dir.path().join("snmpd.conf"))
            .arg("-Lf")
            .arg(self.dir.path().join("snmpd.log"))
            .spawn();
        self.snmpd = Some(Process(child.unwrap()));
    }

    pub fn end_snmpd(&mut self, signal: Signal) {
        let mut snmpd = self.snmpd.take().unwrap();
        snmpd.signal(signal);
        snmpd.0.wait().unwrap();
    }

    pub fn signal_snmpd(&self, signal: Signal) {
        self.snmpd.as_ref().unwrap().signal(signal);
    }

    /// Whether snmpd itself answers.
    pub fn snmpd_answers(&self) -> bool {
        self.manager("snmpget", &["-r0", "-t0.2"], &[".1.3.6.1.2.1.1.3.0"]).contains("Timeticks")
    }

    /// The output of a manager's tool, errors included; one try with a time-out of a second.
    pub fn ask(&self, tool: &str, arguments: &[&str]) -> String {
        self.manager(tool, &["-r0", "-t1"], arguments)
    }

    fn manager(&self, name: &str, options: &[&str], arguments: &[&str]) -> String {
        let output = tool(&self.dir, name)
            .args(["-v2c", "-cpublic", "-On"])
            .args(options)
            .arg(format!("127.0.0.1:{}", self.port))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// The numbers of the agent's traps received so far, repetitions included.
    pub fn traps(&self) -> Vec<u32> {
        let log = std::fs::read_to_string(self.dir.path().join("traps")).unwrap_or_default();
        log.split("Gauge32: ").skip(1).filter_map(|rest| rest.split_whitespace().next()?.parse().ok()).collect()
    }
}

fn tool(dir: &TempDir, name: &str) -> Command {
    let sbin = PathBuf::from("/usr/sbin").join(name);
    let mut command = if sbin.exists() { Command::new(sbin) } else { Command::new(name) };
    command.env("MIBS", "").env("SNMP_PERSISTENT_DIR", dir.path().join("persistent"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
