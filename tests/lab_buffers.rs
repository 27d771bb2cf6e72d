//! Receive buffers of the sockets of a running daemon, as `ss` shows them.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::netns::Netns;
use lab::{Lab, machine, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(10);

/// The receive buffers of the sockets of a kind (`-f netlink`, `-0`, `-w`) in the namespace, as configured: the kernel shows
/// twice the size.
fn sizes(netns: &Netns, kind: &[&str]) -> BTreeSet<u32> {
    let output = netns.command("ss").args(["-H", "-a", "-n", "-m"]).args(kind).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let size = |memory: &str| memory.strip_prefix("rb")?.parse::<u32>().ok();
    text.split(['(', ',', ')']).filter_map(size).map(|doubled| doubled / 2).collect()
}

fn await_sizes(netns: &Netns, kind: &[&str], wanted: &[u32], unwanted: &[u32]) {
    wait_until(LIMIT, &format!("{kind:?} has {wanted:?}, not {unwanted:?}"), || {
        let found = sizes(netns, kind);
        wanted.iter().all(|size| found.contains(size)) && !unwanted.iter().any(|size| found.contains(size))
    });
}

fn conf(global: &str) -> String {
    format!(
        "global_defs {{
{global}}}
vrrp_instance gate {{
  interface eth0
  virtual_router_id 51
  priority 255
  virtual_ipaddress {{
    10.9.0.51
  }}
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
    )
}

#[test]
fn netlink_sockets_have_the_configured_receive_buffers() {
    const NETLINK: &[&str] = &["-f", "netlink"];
    const DEFAULT_OF_THE_MONITOR: u32 = 8 << 20;
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let router = lab.router(1);
    router.configure(&conf(
        "  vrrp_netlink_cmd_rcv_bufs 300001
  vrrp_netlink_cmd_rcv_bufs_force
  vrrp_netlink_monitor_rcv_bufs 17000000
  vrrp_netlink_monitor_rcv_bufs_force
  lvs_netlink_cmd_rcv_bufs 100001
  lvs_netlink_monitor_rcv_bufs 2000000001
",
    ));
    let command = router.whole(Ours);
    router.start_with(command);
    await_sizes(router.netns(), NETLINK, &[300_001, 17_000_000, 100_001], &[DEFAULT_OF_THE_MONITOR]);
    let limited = "lvs_netlink_monitor_rcv_bufs 2000000001: the system's limit is ";
    let remedy = "octets; write lvs_netlink_monitor_rcv_bufs_force, or raise net.core.rmem_max";
    wait_until(LIMIT, "the limit is logged", || {
        router.log().lines().any(|line| line.contains(limited) && line.ends_with(remedy))
    });
    assert_eq!(router.log().matches("the system's limit").count(), 1, "{}", router.log());

    router.configure(&conf("  vrrp_netlink_cmd_rcv_bufs 150001\n  vrrp_netlink_monitor_rcv_bufs 160001\n"));
    router.daemon().signal(Signal::SIGHUP);
    // The checker process has the defaults again.
    await_sizes(router.netns(), NETLINK, &[160_001, DEFAULT_OF_THE_MONITOR], &[17_000_000]);
    // A socket of requests is replaced at its next request.
    router.netns().ip("address del 10.9.0.51/32 dev eth0");
    await_sizes(router.netns(), NETLINK, &[150_001], &[]);
    assert!(router.stop().1.success());
}
