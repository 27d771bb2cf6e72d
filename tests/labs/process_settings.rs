//! Names, CPUs and limits of the processes in /proc.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::{Lab, machine, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

fn of(pid: i32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default()
}

/// The value of a line of `/proc/PID/status`.
fn status(pid: i32, name: &str) -> String {
    let text = of(pid, "status");
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(|value| value.trim().to_owned()).unwrap_or_default()
}

/// Soft and hard limit of real time, in microseconds.
fn real_time(pid: i32) -> Option<(String, String)> {
    let text = of(pid, "limits");
    let line = text.lines().find(|line| line.starts_with("Max realtime timeout"))?;
    let mut words = line.split_whitespace().skip(3);
    Some((words.next()?.to_owned(), words.next()?.to_owned()))
}

#[test]
fn processes_have_their_names_cpus_and_limits() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    // This test may not be allowed to use every CPU.
    let own = status(std::process::id().cast_signed(), "Cpus_allowed_list");
    let cpu = own.split([',', '-']).next().unwrap().to_owned();
    let conf = format!(
        "global_defs {{
  process_names
  process_name lab-parent
  vrrp_process_name lab-vrrp
  checker_process_name lab-checker-process
  vrrp_cpu_affinity {cpu}
  checker_cpu_affinity {cpu}
  bfd_cpu_affinity {cpu} 900
  vrrp_rlimit_rttime 500000
  checker_rlimit_rttime 400001
  bfd_rlimit_rttime 1
}}
vrrp_instance gate {{
  interface eth0
  virtual_router_id 51
  virtual_ipaddress {{
    10.9.0.51
  }}
}}
bfd_instance link {{
  neighbor_ip 10.9.0.250
}}
virtual_server 10.9.0.51 80 {{
  protocol TCP
  lb_algo rr
  lb_kind NAT
  real_server 10.9.0.250 80 {{
    TCP_CHECK {{
    }}
  }}
}}
"
    );
    lab.router(1).configure(&conf);
    let command = lab.router(1).whole(Ours);
    lab.router(1).start_with(command);
    let router = lab.router(1);
    let parent = router.daemon().pid().as_raw();
    let [vrrp, checker, bfd] = [router.vrrp_pid(), router.checker_pid(), router.bfd_pid()];
    let expected = [
        (parent, "lab-parent"),
        (vrrp, "lab-vrrp"),
        // The kernel truncates names to 15 octets.
        (checker, "lab-checker-pro"),
        (bfd, "keepalived_bfd"),
    ];
    for (pid, name) in expected {
        wait_until(LIMIT, &format!("a process is named {name}"), || of(pid, "comm").trim_end() == name);
    }
    let pair = |soft: &str, hard: &str| Some((soft.to_owned(), hard.to_owned()));
    for (pid, limits) in [(vrrp, pair("250000", "500000")), (checker, pair("200000", "400001")), (bfd, pair("1", "2"))]
    {
        wait_until(LIMIT, &format!("the limits are {limits:?}"), || real_time(pid) == limits);
        assert_eq!(status(pid, "Cpus_allowed_list"), cpu);
    }
    assert_eq!(status(parent, "Cpus_allowed_list"), own, "the parent may use all");
    assert_eq!(real_time(parent), pair("unlimited", "unlimited"));
    for text in ["CPU 900 is not available", "'lab-checker-pro' is used"] {
        wait_until(LIMIT, &format!("the log has {text:?}"), || router.log().contains(text));
    }
    assert!(router.stop().1.success());
}

/// The scheduling policy and real-time priority of a process, from its stat file: fields 41 and 40.
fn scheduling(pid: i32) -> (String, String) {
    let stat = of(pid, "stat");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // The first field after the name is the third.
    (fields[41 - 3].to_owned(), fields[40 - 3].to_owned())
}

/// `max_auto_priority`: a process that was kept from running is real-time afterwards, up to the limit.
#[test]
fn a_process_whose_timers_are_late_raises_its_priority() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let instance = lab::Protocol::V3.conf(100, "");
    let global = "{\n max_auto_priority 1\n min_auto_priority_delay 500000\n";
    lab.router(1).configure(&instance.replacen('{', global, 1));
    lab.router(1).start(Ours);
    let pid = lab.router(1).vrrp_pid();
    wait_until(LIMIT, "it is master", || lab.router(1).log().contains("Entering MASTER STATE"));
    let pair = |policy: &str, priority: &str| (policy.to_owned(), priority.to_owned());
    assert_eq!(scheduling(pid), pair("0", "0"));
    for _ in 0..2 {
        let process = nix::unistd::Pid::from_raw(pid);
        nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGSTOP).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(800));
        nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGCONT).unwrap();
        wait_until(LIMIT, "it is real-time", || scheduling(pid) == pair("2", "1"));
    }
    let raised = "raised to real-time priority 1 of at most 1 (max_auto_priority)";
    wait_until(LIMIT, "it is logged", || lab.router(1).log().contains(raised));
    assert_eq!(lab.router(1).log().matches(raised).count(), 1, "once");
    assert!(lab.router(1).stop().1.success());
}
