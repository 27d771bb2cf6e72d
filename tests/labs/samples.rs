//! The samples in conf/ work, and so does the demonstration.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::case::Side::{Inside, Outside};
use lab::case::State::{Backup, Fault, Master};
use lab::case::{Group, Plan};
use lab::daemon::{ours, workspace};
use lab::process::{Proc, output_of};
use lab::{Case, Lab, Site, machine, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// A lab of one router with an additional interface eth1, which some samples use.
fn lab_with_two_interfaces() -> Lab {
    let mut lab = Lab::new(1);
    let netns = lab.router(1).netns();
    netns.ip("link add eth1 type veth peer name outside");
    netns.ip("link set outside up");
    netns.ip("link set eth1 up");
    netns.ip("address add 198.51.100.1/24 dev eth1");
    netns.ip("address add 192.0.2.1/24 dev eth0");
    lab
}

fn samples() -> Vec<PathBuf> {
    let entries = fs::read_dir(workspace().join("conf")).into_iter().flatten().flatten();
    let is_ours =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("keepalived.conf"));
    entries.map(|entry| entry.path()).filter(|path| is_ours(path)).collect()
}

#[test]
fn every_sample_passes_the_configuration_test() {
    let _turn = machine::shared();
    let mut lab = lab_with_two_interfaces();
    assert!(samples().len() >= 9);
    for sample in samples() {
        for id in ["router1", "router2"] {
            let router = lab.router(1);
            let mut command = router.command(Ours);
            command.args(["-t", "-i", id, "-f"]).arg(&sample);
            let mut check = Proc::spawn(command, &router.file("check.log"));
            assert_eq!(check.wait(LIMIT).code(), Some(0), "{}: {}", sample.display(), check.log());
            assert_eq!(check.log(), "", "{} gives no warning", sample.display());
        }
    }
}

#[test]
fn a_lone_router_with_each_sample_becomes_master() {
    let _turn = machine::shared();
    for (sample, vips) in [
        ("keepalived.conf.v2-password", &["192.0.2.10"][..]),
        ("keepalived.conf.auth-hmac", &["192.0.2.10"]),
        ("keepalived.conf.bfd", &["192.0.2.10"]),
        ("keepalived.conf.trap-target", &["192.0.2.10"]),
        ("keepalived.conf.v3-ipv6", &["fe80::51", "2001:db8::51", "192.0.2.10"]),
        ("keepalived.conf.sync-group", &["192.0.2.10", "198.51.100.10"]),
        ("keepalived.conf.vmac", &["192.0.2.10", "fe80::51", "2001:db8::51"]),
    ] {
        let mut lab = lab_with_two_interfaces();
        let text = fs::read_to_string(workspace().join("conf").join(sample)).expect("a sample");
        lab.router(1).configure(&text);
        lab.router(1).start(Ours);
        for vip in vips {
            let vip: IpAddr = vip.parse().expect("an address");
            wait_until(LIMIT, &format!("{sample}: {vip} is set"), || lab.router(1).holds(vip));
        }
    }
}

/// The case study of failover: two routers share the load, and each part fails in turn. (Case studies with IPVS are in
/// `labs_uml::lvs`.)
#[test]
fn failover_with_two_groups_on_two_routers() {
    let _turn = machine::shared();
    let conf = fs::read_to_string(workspace().join("conf/keepalived.conf.ah-two-groups")).expect("a sample");
    let mut site = Site::new(2);
    site.add_host(11, "198.51.100.10");
    site.add_host(21, "198.51.100.20");
    let groups = vec![
        Group {
            name: "staff",
            instances: vec![("staff_outside", "192.0.2.10", "eth0"), ("staff_inside", "198.51.100.10", "eth1")],
        },
        Group {
            name: "guests",
            instances: vec![("guests_outside", "192.0.2.20", "eth0"), ("guests_inside", "198.51.100.20", "eth1")],
        },
    ];
    let mut case = Case::new(site, Plan { directors: vec!["router1", "router2"], groups, services: Vec::new() });

    case.start(1, &conf);
    case.expect_changes("router 1 runs alone", &[(1, "staff", Master), (1, "guests", Master)]);
    case.start(2, &conf);
    case.expect_changes(
        "the routers share the load",
        &[(2, "staff", Backup), (2, "guests", Master), (1, "guests", Backup)],
    );

    case.cable(2, Inside, false);
    let both = [(2, "staff", Fault), (2, "guests", Fault), (1, "guests", Master)];
    case.expect_changes("router 2 has lost its inside link", &both);
    case.cable(2, Inside, true);
    let back = [(2, "staff", Backup), (2, "guests", Master), (1, "guests", Backup)];
    case.expect_changes("the link is back", &back);

    case.relay(false);
    case.cable(1, Outside, false);
    case.expect_changes(
        "router 1 has lost its outside link, and the mail relay is down",
        &[(1, "staff", Fault), (1, "guests", Fault), (2, "staff", Master)],
    );
    case.cable(1, Outside, true);
    case.expect_changes(
        "the link is back, and the mail relay is still down",
        &[(1, "staff", Master), (1, "guests", Backup), (2, "staff", Backup)],
    );
    case.relay(true);
    case.expect_changes("all mails have arrived", &[]);

    case.kill(1);
    case.expect_changes("router 1 was killed", &[(2, "staff", Master)]);
    case.start(1, &conf);
    case.expect_changes("router 1 is back", &[(1, "staff", Master), (1, "guests", Backup), (2, "staff", Backup)]);

    case.stop(1);
    case.expect_changes("router 1 was stopped", &[(2, "staff", Master)]);
    case.stop(2);
    case.expect_changes("both routers were stopped", &[]);
}

/// It uses conf/keepalived.conf, conf/snmpd.conf and conf/snmptrapd.conf.
#[test]
fn the_demonstration_shows_a_failover() {
    let _turn = machine::shared();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new(workspace().join("tests/demo.sh"));
    command.arg(ours());
    let mut demo = Proc::spawn(command, &dir.path().join("demo.log"));
    let status = demo.wait(Duration::from_secs(60));
    let shown = demo.log();
    assert!(status.success(), "{shown}");
    for promised in ["version.0 = ", "master(2)", "backup(1)", "got no answer for", "vrrpInstanceStateChange"] {
        assert!(shown.contains(promised), "{promised:?} is missing:\n{shown}");
    }
    let left = output_of(Command::new("ip").args(["netns", "list"]));
    assert!(!left.contains(&format!("demo-{}-", demo.pid())), "namespaces are left: {left}");
}
