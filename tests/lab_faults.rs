//! Faults around a master, one after the other and some at once: the other router never becomes master.
//!
//! Of the processes only the VRRP process sends adverts; all others may die or hang, and so may everything that listens to the
//! daemon or stores its files.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

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

/// Starts a pair whose first router, the master, has everything that may hang: all processes, files on a small disk, a FIFO,
/// scripts, a tracked file.
fn pair() -> (Lab, Disk) {
    let mut lab = Lab::new(2);
    let disk = Disk::mount(lab.router(1).file("disk"));
    let on_disk = |name: &str| disk.0.join(name).display().to_string();
    let (fifo, number) = (on_disk("fifo"), lab.router(1).file("number"));
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
        PROTOCOL.conf(200, "track_file {\n    number weight 1\n  }\n  notify \"/bin/sleep 1000\""),
    );
    lab.router(1).configure(&format!("{text}{conf}"));
    lab.router(2).configure(&PROTOCOL.conf(100, ""));
    for router in [1, 2] {
        let mut command = lab.router(router).whole(Ours);
        if router == 1 {
            command.arg("-g").arg(disk.0.join("log"));
        }
        lab.router(router).start_with(command);
        wait_until(LIMIT, "the start is complete", || lab.router(router).log().contains("Startup complete"));
        lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    }
    wait_until(LIMIT, "the second router is backup", || lab.router(2).log().contains("Entering BACKUP STATE"));
    (lab, disk)
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
    let (mut lab, disk) = pair();
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
