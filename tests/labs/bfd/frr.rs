//! Sessions with FRR's bfdd.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use lab::Daemon::Ours;
use lab::process::Proc;
use lab::{Lab, Router, machine, wait_until};
use nix::unistd::{Group, User, chown};

use super::{INTERVAL, LIMIT, UP, await_log, dumped, session};

/// FRR's bfdd on a router, with a directory that belongs to its user.
struct Frr {
    process: Proc,
    directory: tempfile::TempDir,
}

impl Frr {
    pub(super) fn start(router: &Router, peer: &str) -> Frr {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path();
        let (user, group) = (User::from_name("frr"), Group::from_name("frr"));
        let (user, group) = (user.expect("users"), group.expect("groups"));
        chown(path, user.map(|user| user.uid), group.map(|group| group.gid)).expect("our own directory");
        let text = format!(
            "bfd\n peer {peer}\n  detect-multiplier 3\n  receive-interval {INTERVAL}\n  \
             transmit-interval {INTERVAL}\n !\n!\n"
        );
        let config = path.join("bfdd.conf");
        fs::write(&config, text).expect("our own directory");
        fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).expect("our own file");
        let file = |name: &str| path.join(name).display().to_string();
        let process = router.run(
            "/usr/lib/frr/bfdd",
            &[
                "-f",
                &file("bfdd.conf"),
                "-i",
                &file("pid"),
                "-z",
                &file("zebra"),
                "--vty_socket",
                &file(""),
                "--bfdctl",
                &file("control"),
                "-A",
                "127.0.0.1",
                "-P",
                "0",
                "--log",
                "stdout",
            ],
        );
        Frr { process, directory }
    }

    /// Waits until it shows a value of its session.
    pub(super) fn await_value(&self, text: &str) {
        wait_until(LIMIT, &format!("bfdd shows {text}"), || {
            let mut command = Command::new("vtysh");
            command.arg("--vty_socket").arg(self.directory.path()).args(["-c", "show bfd peers json"]);
            let output = command.output().expect("vtysh, of Debian's package frr");
            String::from_utf8_lossy(&output.stdout).replace(' ', "").contains(text)
        });
    }
}

/// Up, down after the detection time, up again, and down by our AdminDown.
fn life_with_frr(lab: &mut Lab, ours: usize, theirs: usize, conf: &str, peer: &str) {
    lab.router(ours).configure(conf);
    lab.router(ours).start(Ours);
    let mut frr = Frr::start(lab.router(theirs), peer);
    frr.await_value("\"status\":\"up\"");
    await_log(lab, ours, UP, 1);
    wait_until(LIMIT, "the slower intervals are over", || {
        dumped(lab.router(ours), "local detection time") == format!("{} us", 3000 * INTERVAL)
    });
    frr.process.kill_group();
    await_log(lab, ours, "Local diagnostic - Control Detection Time Expired", 1);
    let frr = Frr::start(lab.router(theirs), peer);
    await_log(lab, ours, UP, 2);
    frr.await_value("\"status\":\"up\"");
    assert_eq!(lab.router(ours).stop().1.code(), Some(0));
    frr.await_value("\"remote-diagnostic\":\"administrativelydown\"");
    frr.await_value("\"status\":\"down\"");
}

#[test]
fn ours_with_frr() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    life_with_frr(&mut lab, 1, 2, &session("10.9.0.2", ""), "10.9.0.1");
}

/// FRR requires hop limit 255 as RFC 5881 does; it is not the default of keepalived.
#[test]
fn ours_with_frr_over_ipv6() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    life_with_frr(&mut lab, 1, 2, &session("fd09::2", "hoplimit 255"), "fd09::1 local-address fd09::2");
}

/// A multihop session of routers 1 and 3 through router 2.
#[test]
fn ours_with_frr_over_a_router() {
    let _turn = machine::shared();
    let mut lab = Lab::new(3);
    for setting in ["ip_forward", "conf/all/send_redirects", "conf/eth0/send_redirects"] {
        lab.router(2).netns().sysctl(&format!("net/ipv4/{setting}"), if setting == "ip_forward" { "1" } else { "0" });
    }
    for (router, own, other) in [(1, 1, 3), (3, 3, 1)] {
        lab.router(router).netns().ip(&format!("address add 192.0.2.{own}/32 dev lo"));
        let route = format!("route add 192.0.2.{other} via 10.9.0.2 src 192.0.2.{own}");
        lab.router(router).netns().ip(&route);
        lab.router(2).netns().ip(&format!("route add 192.0.2.{own} via 10.9.0.{own}"));
    }
    let conf = session("192.0.2.3", "source_ip 192.0.2.1\n  multihop\n  max_hops 1");
    life_with_frr(&mut lab, 1, 3, &conf, "192.0.2.1 multihop local-address 192.0.2.3");
}
