//! Names, CPUs and limits of the processes in /proc.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::{Lab, machine, wait_until};

const LIMIT: Duration = Duration::from_secs(10);

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
