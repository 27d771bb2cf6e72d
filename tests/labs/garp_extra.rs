//! `garp_extra_if`: announcements on interfaces other than that of the instance.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::IpAddr;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::frame::Frame;
use lab::{Lab, holds_for, machine, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);

/// The instance is on a cable of its own; the LAN with the capture is the other interface. A macvlan there has one of the
/// addresses.
#[test]
fn addresses_on_other_interfaces_are_announced_periodically() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let netns = lab.router(1).netns();
    netns.ip("link add va type veth peer name vb");
    netns.ip("link set vb up");
    netns.ip("link set va up");
    netns.ip("address add 10.8.0.1/24 dev va");
    netns.ip("link add link eth0 name mv type macvlan mode private");
    netns.ip("link set mv up");
    let conf = |extra: &str| {
        format!(
            "global_defs {{
  vrrp_garp_master_delay 0
  vrrp_garp_extra_if 1
}}
vrrp_instance gate {{
  interface va
  virtual_router_id 51
  priority 255
  {extra}
  virtual_ipaddress {{
    10.8.0.51
    10.9.0.51 dev eth0
    10.9.0.52 dev mv
  }}
  virtual_ipaddress_excluded {{
    fd00:9::51 dev eth0
  }}
}}
"
        )
    };
    let count = |lab: &Lab, address: &str| {
        let address: IpAddr = address.parse().unwrap();
        let frames = lab.wire.frames();
        let is_of = |frame: &Frame| match frame {
            Frame::GratuitousArp(target) => address == *target,
            Frame::NeighbourAdvert(target) => address == *target,
            Frame::Vrrp(_) => false,
        };
        frames.iter().filter(|frame| frame.from == 1 && is_of(&frame.frame)).count()
    };
    lab.router(1).configure(&conf(""));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "the first burst", || count(&lab, "10.9.0.51") >= 5 && count(&lab, "fd00:9::51") >= 5);
    let first = count(&lab, "10.9.0.52");
    wait_until(LIMIT, "the macvlan's address is announced again", || count(&lab, "10.9.0.52") >= first.max(5) + 2);
    assert_eq!((count(&lab, "10.9.0.51"), count(&lab, "fd00:9::51")), (5, 5), "not on other interfaces");

    lab.router(1).configure(&conf("garp_extra_if all 1"));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "all are announced again", || count(&lab, "10.9.0.51") >= 7 && count(&lab, "fd00:9::51") >= 7);
    lab.router(1).configure(&conf("garp_extra_if 0"));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the second reload", || lab.router(1).log().matches("Reload complete").count() == 2);
    let silent = count(&lab, "10.9.0.51");
    holds_for(Duration::from_millis(2500), "they are not announced any more", || count(&lab, "10.9.0.51") == silent);
    assert!(lab.router(1).stop().1.success());
}
