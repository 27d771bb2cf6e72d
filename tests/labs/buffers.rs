//! Receive buffers of the sockets of a running daemon.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::netns::Netns;
use lab::{Lab, machine, wait_until};
use nix::sys::signal::Signal;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::{Domain, Socket, Type};

const LIMIT: Duration = Duration::from_secs(30);

/// The receive buffers of the netlink sockets in the namespace, as configured: the kernel shows twice the size.
fn of_netlink(netns: &Netns) -> BTreeSet<u32> {
    let output = netns.command("ss").args(["-H", "-a", "-n", "-m", "-f", "netlink"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let size = |memory: &str| memory.strip_prefix("rb")?.parse::<u32>().ok();
    text.split(['(', ',', ')']).filter_map(size).map(|doubled| doubled / 2).collect()
}

/// The same of the raw IPv4 sockets of a process, for which `ss` shows none.
fn of_raw(pid: i32) -> BTreeSet<u32> {
    let handle = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).unwrap();
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let copies = numbers.filter_map(|number| pidfd_getfd(&handle, number, PidfdGetfdFlags::empty()).ok());
    let sockets = copies.map(Socket::from);
    let raw = sockets.filter(|socket| {
        socket.r#type().is_ok_and(|kind| kind == Type::RAW)
            && socket.local_addr().is_ok_and(|address| address.domain() == Domain::IPV4)
    });
    raw.map(|socket| u32::try_from(socket.recv_buffer_size().unwrap() / 2).unwrap()).collect()
}

fn await_sizes(sizes: impl Fn() -> BTreeSet<u32>, wanted: &[u32], unwanted: &[u32]) {
    wait_until(LIMIT, &format!("there is {wanted:?}, not {unwanted:?}"), || {
        let found = sizes();
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
    await_sizes(|| of_netlink(router.netns()), &[300_001, 17_000_000, 100_001], &[DEFAULT_OF_THE_MONITOR]);
    let limited = "lvs_netlink_monitor_rcv_bufs 2000000001: the system's limit is ";
    let remedy = "octets; write lvs_netlink_monitor_rcv_bufs_force, or raise net.core.rmem_max";
    wait_until(LIMIT, "the limit is logged", || {
        router.log().lines().any(|line| line.contains(limited) && line.ends_with(remedy))
    });
    assert_eq!(router.log().matches("the system's limit").count(), 1, "{}", router.log());

    router.configure(&conf("  vrrp_netlink_cmd_rcv_bufs 150001\n  vrrp_netlink_monitor_rcv_bufs 160001\n"));
    router.daemon().signal(Signal::SIGHUP);
    // The checker process has the defaults again.
    await_sizes(|| of_netlink(router.netns()), &[160_001, DEFAULT_OF_THE_MONITOR], &[17_000_000]);
    // A socket of requests is replaced at its next request.
    wait_until(LIMIT, "the address is set", || router.netns().ip("address show dev eth0").contains("10.9.0.51/32"));
    router.netns().ip("address del 10.9.0.51/32 dev eth0");
    await_sizes(|| of_netlink(router.netns()), &[150_001], &[]);
    assert!(router.stop().1.success());
}

/// The instances of an interface share a socket. The kernel tells of an MTU, after which the socket is opened anew.
#[test]
fn sockets_for_adverts_have_the_sum_of_the_sizes_of_their_instances() {
    const DEFAULT: u32 = 512 << 10;
    /// IP header, VRRP header, an address, authentication data.
    const ADVERT: u32 = 20 + 8 + 4 + 8;
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let router = lab.router(1);
    let conf = |global: &str, first: &str, second: &str| {
        let instance = |name: &str, vrid: u8, lines: &str| {
            format!(
                "vrrp_instance {name} {{\n  interface eth0\n  virtual_router_id {vrid}\n  priority 255\n  {lines}\n  \
                 virtual_ipaddress {{\n    10.9.0.{vrid}\n  }}\n}}\n"
            )
        };
        format!("global_defs {{\n  {global}\n}}\n{}{}", instance("one", 51, first), instance("two", 52, second))
    };
    let mut known = DEFAULT;
    router.configure(&conf("", "", ""));
    router.start(Ours);
    await_sizes(|| of_raw(router.vrrp_pid()), &[known], &[]);
    for (global, first, second, size) in [
        ("vrrp_rx_bufs_policy mtu", "", "", 2 * 3 * 1500),
        ("vrrp_rx_bufs_policy ADVERT\n  vrrp_rx_bufs_multiplier 200", "", "", 2 * 200 * ADVERT),
        ("vrrp_rx_bufs_policy 9000", "kernel_rx_buf_size 11000", "", 20_000),
        ("", "kernel_rx_buf_size 11000", "", DEFAULT),
        ("", "kernel_rx_buf_size 11000", "kernel_rx_buf_size 13000000", 13_011_000),
        ("vrrp_rx_bufs_policy advert MTU\n  vrrp_rx_bufs_multiplier 4", "", "", 2 * 4 * 1500),
    ] {
        router.configure(&conf(global, first, second));
        router.daemon().signal(Signal::SIGHUP);
        await_sizes(|| of_raw(router.vrrp_pid()), &[size], &[known]);
        known = size;
    }
    router.netns().ip("link set eth0 mtu 1400");
    await_sizes(|| of_raw(router.vrrp_pid()), &[2 * 4 * 1400], &[known]);
    wait_until(LIMIT, "both are master", || router.log().matches("Entering MASTER STATE").count() == 2);
    assert!(router.stop().1.success());
}
