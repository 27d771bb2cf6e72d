//! Capabilities of the processes of a running daemon, and of its scripts.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::{Lab, Protocol, daemon, machine, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(30);

/// CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_KILL, CAP_SETGID.
const PARENT: u64 = bits(&[0, 1, 5, 6]);
/// CAP_DAC_OVERRIDE, as the labs name the pid files; CAP_NET_ADMIN, CAP_NET_RAW.
const VRRP: u64 = bits(&[1, 12, 13]);
/// CAP_DAC_OVERRIDE, CAP_NET_ADMIN.
const CHECKERS: u64 = bits(&[1, 12]);
/// CAP_DAC_OVERRIDE, CAP_NET_ADMIN.
const BFD: u64 = bits(&[1, 12]);
/// CAP_KILL, for scripts of other users.
const KILL: u64 = bits(&[5]);
/// CAP_SYS_RESOURCE, where the hard limit of descriptors is low.
const RESOURCE: u64 = bits(&[24]);

const fn bits(numbers: &[u32]) -> u64 {
    let (mut set, mut n) = (0, 0);
    while n < numbers.len() {
        set |= 1 << numbers[n];
        n += 1;
    }
    set
}

/// CAP_SYS_RESOURCE is needed by the children if the hard limit of descriptors of this machine is low.
fn without_limit(set: u64) -> u64 {
    set & !RESOURCE
}

/// A set of a status file, such as `CapEff`.
fn set(status: &str, name: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
}

/// The status files of all threads of a process.
fn statuses(pid: i32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).ok()).collect()
}

fn core_limit(pid: i32) -> String {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    line.split_whitespace().nth(4).unwrap().to_owned()
}

/// A router with all processes, whose notify script records its own capabilities.
fn router(extra: &[&str]) -> Lab {
    let mut lab = Lab::new(1);
    let notes = lab.router(1).file("notes");
    let script = lab.router(1).script("notify.sh", &format!("cat /proc/self/status > {}\n", notes.display()));
    let conf = Protocol::V3.conf(100, &format!("notify_master {}", script.display()));
    let conf = conf.replacen('{', "{\n  script_user root\n", 1);
    lab.router(1).configure(&(conf + "bfd_instance B {\n  neighbor_ip 10.9.0.2\n}\n"));
    let mut command = lab.router(1).whole(Ours);
    command.arg("--all").args(extra);
    lab.router(1).start_with(command);
    wait_until(LIMIT, "the router is master", || lab.router(1).holds(Protocol::V3.all_vips()[0]));
    lab
}

/// Whether root without CAP_SYS_PTRACE may read the working directory of a process: only if the process is dumpable.
fn is_dumpable(pid: i32) -> bool {
    let mut command = std::process::Command::new("setpriv");
    command.args(["--bounding-set", "-sys_ptrace", "readlink"]).arg(format!("/proc/{pid}/cwd"));
    command.output().unwrap().status.success()
}

/// The parent, and the VRRP, checker and BFD processes.
fn pids(lab: &mut Lab) -> [i32; 4] {
    let parent = lab.router(1).file("keepalived.pid");
    let parent = wait_for(LIMIT, "the pid file", || fs::read_to_string(&parent).ok()?.trim().parse().ok());
    [parent, lab.router(1).vrrp_pid(), lab.router(1).checker_pid(), lab.router(1).bfd_pid()]
}

#[test]
fn each_process_keeps_the_capabilities_it_needs_and_a_script_has_all() {
    let _turn = machine::shared();
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let ours = set(&own, "CapEff");
    let mut lab = router(&[]);
    for (pid, needed) in pids(&mut lab).into_iter().zip([PARENT, VRRP, CHECKERS, BFD]) {
        let statuses = statuses(pid);
        assert!(statuses.len() > 1, "{statuses:?}");
        for status in statuses {
            for name in ["CapEff", "CapPrm"] {
                assert_eq!(without_limit(set(&status, name)), ours & needed, "{name} in {status}");
            }
            assert_eq!(set(&status, "CapBnd"), set(&own, "CapBnd"));
        }
        assert_eq!((core_limit(pid).as_str(), is_dumpable(pid)), ("0", false));
    }
    let notes = lab.router(1).file("notes");
    let script = wait_for(LIMIT, "the script has run", || {
        fs::read_to_string(&notes).ok().filter(|text| text.contains("CapBnd"))
    });
    assert_eq!(set(&script, "CapEff"), ours);

    // A reload and a replaced process have the needed capabilities too.
    let before = lab.router(1).vrrp_pid();
    kill(Pid::from_raw(before), Signal::SIGKILL).unwrap();
    wait_until(LIMIT, "another process has taken over", || lab.router(1).vrrp_pid() != before);
    let vip = Protocol::V3.all_vips()[0].to_string();
    lab.router(1).configure(&Protocol::V3.conf(100, "").replace(&vip, "10.97.0.77"));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the new address is set", || lab.router(1).holds("10.97.0.77".parse().unwrap()));
    assert!(lab.router(1).stop().1.success());
    assert!(!lab.router(1).holds("10.97.0.77".parse().unwrap()));
}

#[test]
fn core_files_are_enabled_only_by_option() {
    let _turn = machine::shared();
    let mut lab = router(&["-m"]);
    for pid in pids(&mut lab) {
        assert_ne!(core_limit(pid), "0");
        assert!(is_dumpable(pid), "{pid}");
    }
    assert!(lab.router(1).stop().1.success());
}

/// Otherwise no message would explain the failure.
#[test]
fn a_missing_capability_is_logged_with_a_remedy() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&Protocol::V3.conf(100, ""));
    let command = under_setpriv(&mut lab, &["--bounding-set", "-net_admin"]);
    lab.router(1).start_with(command);
    wait_until(LIMIT, "the capability is logged", || {
        let log = lab.router(1).log();
        log.contains("is missing CAP_NET_ADMIN: run keepalived as root")
    });
    lab.router(1).stop();
}

/// The daemon in its namespace, started by setpriv.
fn under_setpriv(lab: &mut Lab, how: &[&str]) -> std::process::Command {
    let router = lab.router(1);
    let mut command = router.netns().command("setpriv");
    command.args(how).arg(daemon::ours()).args(["-n", "-l", "-G", "-P", "-f"]).arg(router.file("keepalived.conf"));
    command.arg("-p").arg(router.file("keepalived.pid")).arg("-r").arg(router.file("vrrp.pid"));
    command
}

/// Children inherit the capabilities of the parent, which is not root.
#[test]
fn another_user_with_the_capabilities_is_a_router() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&Protocol::V3.conf(100, ""));
    std::os::unix::fs::chown(lab.router(1).dir(), Some(65534), Some(65534)).unwrap();
    let sets = "+net_admin,+net_raw";
    let user = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", sets, "--ambient-caps", sets];
    let command = under_setpriv(&mut lab, &user);
    lab.router(1).start_with(command);
    wait_until(LIMIT, "the router is master", || lab.router(1).holds(Protocol::V3.all_vips()[0]));
    let status = statuses(lab.router(1).vrrp_pid()).remove(0);
    assert_eq!(set(&status, "CapEff"), bits(&[12, 13]));
    // A process that is not dumpable shows root as its owner.
    for pid in [lab.router(1).daemon().pid().as_raw(), lab.router(1).vrrp_pid()] {
        assert_eq!(fs::metadata(format!("/proc/{pid}/environ")).unwrap().uid(), 0);
    }
    assert!(lab.router(1).stop().1.success());
    assert!(!lab.router(1).holds(Protocol::V3.all_vips()[0]));
}

/// An exec as root regains nothing then.
#[test]
fn a_daemon_that_may_not_gain_privileges_is_a_router() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&Protocol::V3.conf(100, ""));
    let command = under_setpriv(&mut lab, &["--no-new-privs"]);
    lab.router(1).start_with(command);
    wait_until(LIMIT, "the router is master", || lab.router(1).holds(Protocol::V3.all_vips()[0]));
    assert!(lab.router(1).stop().1.success());
}

/// The other router does not notice it.
#[test]
fn a_reload_that_needs_more_capabilities_replaces_the_process() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let vip = Protocol::V3.all_vips()[0];
    // Time for the start of a process on a busy machine.
    let interval = format!("advert_int {}\n", Protocol::V3.interval().as_secs_f64());
    let conf = |priority, extra: &str| Protocol::V3.conf(priority, extra).replace(&interval, "advert_int 1\n");
    lab.router(1).configure(&conf(150, ""));
    lab.router(2).configure(&conf(100, ""));
    let command = lab.router(1).whole(Ours);
    // Without automatic restarts: this is not one.
    lab.router(1).start_with({
        let mut command = command;
        command.arg("-R");
        command
    });
    wait_until(LIMIT, "the first router is master", || lab.router(1).holds(vip));
    let command = lab.router(2).whole(Ours);
    lab.router(2).start_with(command);
    wait_until(LIMIT, "the second router is backup", || lab.router(2).log().contains("Entering BACKUP STATE"));
    let before = lab.router(1).vrrp_pid();
    assert_eq!(set(&statuses(before)[0], "CapEff") & KILL, 0);

    let marker = lab.router(1).file("tracked");
    let script = lab.router(1).script("check.sh", &format!("touch {}\n", marker.display()));
    std::os::unix::fs::chown(lab.router(1).dir(), Some(65534), Some(65534)).unwrap();
    let tracked = format!(
        "vrrp_script S {{\n  script {}\n  interval 1\n  user nobody\n}}\n{}",
        script.display(),
        conf(150, "track_script {\n S\n}")
    );
    lab.router(1).configure(&tracked);
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the process is replaced", || lab.router(1).vrrp_pid() != before);
    let log = lab.router(1).log();
    let why = "Replacing the VRRP process after the reload: the configuration needs CAP_KILL, which it has given up";
    assert!(log.contains(why), "{log}");
    wait_until(LIMIT, "the reload is complete", || lab.router(1).log().contains("Reload complete"));
    wait_until(LIMIT, "the script runs", || marker.exists());
    assert_ne!(set(&statuses(lab.router(1).vrrp_pid())[0], "CapEff") & KILL, 0);
    let replaced = lab.router(1).vrrp_pid();

    // One that needs less does not replace it.
    lab.router(1).configure(&conf(140, ""));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the second reload is complete", || lab.router(1).log().matches("Reload complete").count() == 2);
    assert_eq!(lab.router(1).vrrp_pid(), replaced);
    assert!(lab.router(1).holds(vip));
    assert!(!lab.router(2).log().contains("Entering MASTER STATE"), "{}", lab.router(2).log());
    assert!(lab.router(1).stop().1.success());
}

/// The parent enters the namespace at each reload.
#[test]
fn a_daemon_in_a_namespace_can_reload() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&Protocol::V3.conf(100, ""));
    let router = lab.router(1);
    let mut command = std::process::Command::new(daemon::ours());
    command.args(["-n", "-l", "-G", "-P", "-s", router.netns().name(), "-f"]).arg(router.file("keepalived.conf"));
    command.arg("-p").arg(router.file("keepalived.pid")).arg("-r").arg(router.file("vrrp.pid"));
    router.start_with(command);
    let vip = Protocol::V3.all_vips()[0];
    wait_until(LIMIT, "the router is master", || lab.router(1).holds(vip));
    lab.router(1).configure(&Protocol::V3.conf(100, "").replace(&vip.to_string(), "10.97.0.77"));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the new address is set", || lab.router(1).holds("10.97.0.77".parse().unwrap()));
    assert!(lab.router(1).stop().1.success());
}
