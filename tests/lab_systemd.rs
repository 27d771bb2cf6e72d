//! What systemd is told, by a socket that stands in for its own.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use lab::{Daemon, Lab, Protocol, machine};
use nix::sys::signal::Signal;

#[test]
fn systemd_is_told_of_start_reload_and_stop() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let path = lab.router(1).file("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let hear = || {
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).expect("a message within 10 s");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };

    lab.router(1).configure(&Protocol::V3.conf(100, ""));
    let mut command = lab.router(1).command(Daemon::Ours);
    command.env("NOTIFY_SOCKET", &path);
    lab.router(1).start_with(command);
    let ready = hear();
    let pid = lab.router(1).daemon().pid();
    assert!(ready.contains("READY=1\n") && ready.contains(&format!("MAINPID={pid}\n")), "{ready}");

    lab.router(1).daemon().signal(Signal::SIGHUP);
    let reloading = hear();
    assert!(reloading.contains("RELOADING=1\n") && reloading.contains("MONOTONIC_USEC="), "{reloading}");
    assert!(hear().contains("READY=1\n"));

    // A broken file is refused, and the daemon is as ready as before.
    lab.router(1).configure("banana\n");
    lab.router(1).daemon().signal(Signal::SIGHUP);
    assert!(hear().contains("RELOADING=1\n"));
    assert!(hear().contains("READY=1\n"));

    // Children and scripts do not know of the socket.
    let child = std::fs::read(format!("/proc/{}/environ", lab.router(1).vrrp_pid())).unwrap();
    assert!(!String::from_utf8_lossy(&child).contains("NOTIFY_SOCKET"));

    lab.router(1).daemon().signal(Signal::SIGTERM);
    assert!(hear().contains("STOPPING=1\n"));
}
