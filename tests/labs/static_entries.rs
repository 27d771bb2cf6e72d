//! `static_ipaddress` with a `track_group`: a removed address is restored, or its instances enter FAULT.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::IpAddr;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::{Lab, machine, wait_until};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn an_instance_follows_a_static_address() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).netns().ip("link add side type veth peer name other");
    lab.router(1).netns().ip("link set side up");
    lab.router(1).netns().ip("link set other up");
    let instance = |name: &str, vrid: u8| {
        format!(
            "vrrp_instance {name} {{\n  interface eth0\n  version 3\n  virtual_router_id {vrid}\n  priority 100\n  \
             advert_int 0.1\n  virtual_ipaddress {{\n    10.9.0.{vrid}\n  }}\n}}\n"
        )
    };
    let conf = format!(
        "global_defs {{\n  router_id lab\n}}\ntrack_group TG {{\n  group {{\n    follower\n  }}\n}}\nstatic_ipaddress {{\n  \
         fd55::5/64 dev side track_group TG\n}}\n{}{}",
        instance("follower", 51),
        instance("other", 52)
    );
    lab.router(1).configure(&conf);
    lab.router(1).start(Ours);
    let [fixed, of_follower, of_other]: [IpAddr; 3] =
        ["fd55::5", "10.9.0.51", "10.9.0.52"].map(|address| address.parse().unwrap());
    let holds = |lab: &mut Lab, wanted: [bool; 3]| {
        let found = [fixed, of_follower, of_other].map(|address| lab.router(1).holds(address));
        found == wanted
    };
    wait_until(LIMIT, "all is set", || holds(&mut lab, [true; 3]));
    let faults = |lab: &mut Lab| lab.router(1).log().matches("(follower) Entering FAULT STATE").count();

    lab.router(1).netns().ip("address delete fd55::5/64 dev side");
    wait_until(LIMIT, "it is restored", || holds(&mut lab, [true; 3]));
    assert_eq!(faults(&mut lab), 0);

    let ipv6 = |lab: &mut Lab, off: &str| {
        lab.router(1).netns().sysctl("net/ipv6/conf/side/disable_ipv6", off);
    };
    ipv6(&mut lab, "1");
    wait_until(LIMIT, "it cannot be restored", || holds(&mut lab, [false, false, true]));
    let log = lab.router(1).log();
    let fault = log.lines().find(|line| line.contains("(follower) Entering FAULT STATE")).unwrap();
    assert!(fault.contains("cannot set static address fd55::5/64 on side: "), "{fault}");

    ipv6(&mut lab, "0");
    wait_until(LIMIT, "it is restored, and the instance recovers", || holds(&mut lab, [true; 3]));
    assert_eq!(faults(&mut lab), 1);
    lab.router(1).stop();
    wait_until(LIMIT, "nothing is left", || holds(&mut lab, [false; 3]));
}
