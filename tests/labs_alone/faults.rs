//! Faults around a master, one after the other and some at once: the other router never becomes master.
//!
//! Of the processes only the VRRP process sends adverts; all others may die or hang, and so may everything that listens to the
//! daemon or stores its files.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use lab::Daemon::Ours;
use lab::conf::VRID;
use lab::{Lab, Protocol, machine, now, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

const LIMIT: Duration = Duration::from_secs(30);
const PROTOCOL: Protocol = Protocol::V3;
/// Time that each fault lasts: many intervals of 0.1 s.
const LASTS: Duration = Duration::from_millis(800);
/// Clients of the control socket that send nothing.
const CLIENTS: usize = 1000;

/// A file system in memory for one directory of a router, which is unmounted at the end.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: PathBuf) -> Disk {
        fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(&path).status();
        assert!(mounted.unwrap().success());
        Disk(path)
    }

    fn fill(&self) {
        let mut file = File::create(self.0.join("filler")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        while file.write_all(&[0]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The syslog daemon of a router. It hangs except in [`Syslog::read`].
struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    text: String,
}

impl Syslog {
    /// Time for which lines wait for a syslog daemon that is started again, and some more.
    const RESTART: Duration = Duration::from_secs(6);
    /// Mounts a small /dev, whose `log` is the socket `$2`, and executes the program that follows.
    const DEV: &str = "dev=$1; mount -t tmpfs -o size=64k tmpfs $dev; ln -s $2 $dev/log; shift 2\n\
        for name in null zero full random urandom; do touch $dev/$name; mount --bind /dev/$name $dev/$name; done\n\
        mount --rbind $dev /dev; exec \"$@\"";

    fn new(path: PathBuf) -> Syslog {
        let mut syslog = Syslog { path, socket: None, text: String::new() };
        syslog.start();
        syslog
    }

    fn start(&mut self) {
        let socket = UnixDatagram::bind(&self.path).unwrap();
        socket.set_nonblocking(true).unwrap();
        self.socket = Some(socket);
    }

    fn stop(&mut self) {
        self.socket = None;
        fs::remove_file(&self.path).unwrap();
    }

    /// The same command with a /dev of its own.
    fn used_by(&self, command: &Command, router: &lab::Router) -> Command {
        let dev = router.file("dev");
        fs::create_dir(&dev).unwrap();
        let words: Vec<_> = command.get_args().filter(|word| *word != "-G").collect();
        // `ip netns exec NAME`, which also makes a mount namespace.
        let (entry, words) = words.split_at(3);
        let mut command = Command::new(command.get_program());
        command.args(entry).args(["sh", "-ec", Self::DEV, "sh"]).arg(&dev).arg(&self.path).args(words);
        command.env("TMPDIR", router.dir());
        command
    }

    /// All lines so far.
    fn read(&mut self) -> &str {
        let mut line = [0; 8192];
        while let Some(Ok(length)) = self.socket.as_ref().map(|socket| socket.recv(&mut line)) {
            self.text += &(String::from_utf8_lossy(&line[..length]) + "\n");
        }
        &self.text
    }
}

/// Starts a pair whose first router, the master, has everything that may hang: all processes, files on a small disk, a FIFO,
/// scripts, a tracked file, syslog.
fn pair() -> (Lab, Disk, Syslog) {
    let mut lab = Lab::new(2);
    let disk = Disk::mount(lab.router(1).file("disk"));
    let syslog = Syslog::new(lab.router(1).file("syslog"));
    let on_disk = |name: &str| disk.0.join(name).display().to_string();
    let (fifo, number) = (on_disk("fifo"), lab.router(1).file("number"));
    // Ignores the arguments of a notification.
    let hangs = lab.router(1).script("hangs", "exec sleep 1000\n");
    let (text, conf) = (
        format!(
            "global_defs {{\n  script_user root\n  vrrp_notify_fifo {fifo}\n  state_dump_file {}\n  stats_dump_file {}\n}}\n\
             track_file number {{\n  file {}\n  init_file 0\n}}\n\
             bfd_instance peer {{\n  neighbor_ip 10.9.0.250\n}}\n\
             virtual_server 10.9.0.51 80 {{\n  protocol TCP\n  lb_algo rr\n  lb_kind NAT\n  real_server 10.9.0.250 80 {{\n    \
             MISC_CHECK {{\n      misc_path \"/bin/sleep 1000\"\n      misc_timeout 5\n    }}\n  }}\n}}\n",
            on_disk("state"),
            on_disk("stats"),
            number.display(),
        ),
        PROTOCOL.conf(200, &format!("track_file {{\n    number weight 1\n  }}\n  notify {}", hangs.display())),
    );
    lab.router(1).configure(&format!("{text}{conf}"));
    lab.router(2).configure(&PROTOCOL.conf(100, ""));
    for router in [1, 2] {
        let mut command = lab.router(router).whole(Ours);
        if router == 1 {
            command = syslog.used_by(&command, lab.router(1));
            command.arg(format!("-g{}", disk.0.join("log").display()));
        }
        lab.router(router).start_with(command);
        wait_until(LIMIT, "the start is complete", || lab.router(router).log().contains("Startup complete"));
        lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    }
    wait_until(LIMIT, "the second router is backup", || lab.router(2).log().contains("Entering BACKUP STATE"));
    (lab, disk, syslog)
}

/// Runs a command of the daemon's clients; it succeeds in time.
fn ask(lab: &mut Lab, option: &str) {
    let begun = Instant::now();
    let output = lab.router(1).whole(Ours).arg(option).output().unwrap();
    assert!(output.status.success() && begun.elapsed() < LIMIT / 2, "{option}: {:?}: {output:?}", begun.elapsed());
}

/// The log goes on in the file and on the terminal while the syslog daemon hangs, which then gets all lines. Without a syslog
/// daemon lines are dropped and counted.
fn syslog_hangs_and_is_absent(lab: &mut Lab, file: &Path, mut syslog: Syslog) {
    // It has hung from the start. Each reload is more lines than its queue has room for on most machines.
    const RELOADS: usize = 8;
    const IN_FORCE: &str = "The new configuration is in force";
    for reload in 1..=RELOADS {
        ask(lab, "--reload");
        let told = |log: String, times: usize| log.matches(IN_FORCE).count() == times;
        wait_until(LIMIT, "the log goes on", || {
            told(lab.router(1).log(), 3 * reload) && told(fs::read_to_string(file).unwrap_or_default(), reload)
        });
    }
    ask(lab, "--status");
    check(lab, "syslog hangs");
    let expected = |text: &str| {
        let count = |line: &str| text.matches(line).count();
        (count("Startup complete"), count("Reload complete"), count(IN_FORCE)) == (1, RELOADS, 3 * RELOADS)
    };
    wait_until(LIMIT, "syslog gets all lines", || expected(syslog.read()));

    syslog.stop();
    let absent = Instant::now();
    while absent.elapsed() < Syslog::RESTART {
        ask(lab, "--reload");
        std::thread::sleep(LASTS);
    }
    ask(lab, "--status");
    check(lab, "no syslog");
    syslog.start();
    wait_until(LIMIT, "syslog gets the numbers of lost lines", || {
        ask(lab, "--reload");
        let lines = syslog.read().lines().filter(|line| line.contains(" log lines were dropped because"));
        // The parent, and the processes.
        lines.count() == 4
    });
}

/// The second router is backup, and the first sends adverts, after the fault as during it.
fn check(lab: &mut Lab, fault: &str) {
    let since = now();
    lab.wire.await_advert(1, VRID, since, LIMIT);
    let log = lab.router(2).log();
    assert_eq!(log.matches("Entering MASTER STATE").count(), 0, "{fault}: {log}");
}

fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

#[test]
fn no_fault_around_the_vrrp_process_causes_a_failover() {
    // Kept to itself: a machine that stops the master for longer than three intervals would be the cause.
    let _turn = machine::alone();
    let (mut lab, disk, syslog) = pair();
    syslog_hangs_and_is_absent(&mut lab, &disk.0.join("log_vrrp"), syslog);
    let parent = lab.router(1).daemon().pid().as_raw();

    // Each of the other processes hangs, and is killed.
    for fault in ["parent", "checker", "BFD"] {
        let pid = match fault {
            "parent" => parent,
            "checker" => lab.router(1).checker_pid(),
            _ => lab.router(1).bfd_pid(),
        };
        send(pid, Signal::SIGSTOP);
        std::thread::sleep(LASTS);
        check(&mut lab, fault);
        send(pid, Signal::SIGCONT);
        if fault != "parent" {
            send(pid, Signal::SIGKILL);
            let is_replaced = |lab: &mut Lab| {
                let now = if fault == "checker" { lab.router(1).checker_pid() } else { lab.router(1).bfd_pid() };
                now != pid
            };
            wait_until(LIMIT, "the process is replaced", || is_replaced(&mut lab));
            check(&mut lab, fault);
        }
    }

    // The VRRP process dies while the parent hangs: there is nobody to replace it, but the parent comes back in time.
    let vrrp = lab.router(1).vrrp_pid();
    send(vrrp, Signal::SIGKILL);
    wait_until(LIMIT, "the VRRP process is replaced", || lab.router(1).vrrp_pid() != vrrp);
    check(&mut lab, "a killed VRRP process");

    // A thousand clients that send nothing; a command is carried out all the same.
    let path = lab.router(1).file("keepalived.control");
    let address = SocketAddrUnix::new(&path).unwrap();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let client = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
        // The queue of the socket is full at times.
        let _ = connect(&client, &address);
        clients.push(client);
        std::thread::sleep(Duration::from_micros(500));
    }
    check(&mut lab, "control clients");
    let asks = |lab: &mut Lab| {
        let output = lab.router(1).whole(Ours).arg("--status").output().unwrap();
        output.status.success()
    };
    wait_until(LIMIT, "a client that asks is answered", || asks(&mut lab));
    drop(clients);

    // A full disk, with dumps, log file and changes to be told to a FIFO and a script that hang.
    disk.fill();
    for round in 0..5 {
        fs::write(lab.router(1).file("number"), format!("{round}\n")).unwrap();
        for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP] {
            lab.router(1).daemon().signal(signal);
        }
        std::thread::sleep(LASTS / 5);
    }
    check(&mut lab, "a full disk");
    wait_until(LIMIT, "a full disk is reported", || lab.router(1).log().contains("No space left on device"));

    // No descriptors and no processes are left: checks and scripts wait, adverts do not.
    for pid in lab.router(1).daemon_pids() {
        let limits = ["--nofile=16:16", "--nproc=1:1"];
        assert!(Command::new("prlimit").args(["--pid", &pid.to_string()]).args(limits).status().unwrap().success());
    }
    for _ in 0..3 {
        lab.router(1).daemon().signal(Signal::SIGHUP);
        std::thread::sleep(LASTS / 3);
    }
    check(&mut lab, "no descriptors");
    let master = lab.wire.last_advert(1, VRID).unwrap();
    assert!(now() - master < LASTS);
}
