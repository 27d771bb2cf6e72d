//! Interfaces that are renamed, moved to another namespace, or deleted and created again within one burst of notifications: the
//! interface of an instance, and below a VMAC and an ipvlan; and these links themselves.
#![allow(clippy::expect_used, reason = "a test")]

use std::net::IpAddr;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::netns::next_lab;
use lab::uml::{inside, outside};
use lab::{Lab, Netns, Stamp, holds_for, now, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(20);
const VRID: u8 = 51;
const VIP: &str = "10.9.0.51";

/// An instance alone, or on a link of its own.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Vmac,
    Ipvlan,
}

use Kind::{Ipvlan, Plain, Vmac};

impl Kind {
    fn conf(self) -> String {
        let link = match self {
            Plain => "",
            Vmac => "use_vmac",
            Ipvlan => "use_ipvlan 10.9.0.201/24",
        };
        format!(
            "global_defs {{\n  dynamic_interfaces\n}}\nvrrp_instance VI {{\n  interface eth0\n  version 3\n  \
             virtual_router_id {VRID}\n  advert_int 0.2\n  {link}\n  virtual_ipaddress {{\n    {VIP}/24\n  }}\n}}\n"
        )
    }

    /// The interface with the virtual address.
    fn home(self) -> &'static str {
        if self == Vmac { "vrrp.51" } else { "eth0" }
    }

    /// Kind of the link in the kernel.
    fn link(self) -> Option<&'static str> {
        match self {
            Plain => None,
            Vmac => Some("macvlan"),
            Ipvlan => Some("ipvlan"),
        }
    }
}

fn started(kind: Kind) -> Lab {
    let mut lab = Lab::new(1);
    lab.router(1).configure(&kind.conf());
    lab.router(1).start(Ours);
    is_master(&mut lab, kind, Duration::ZERO);
    lab
}

/// Waits until the router advertises, and its address and its link are where they belong.
fn is_master(lab: &mut Lab, kind: Kind, since: Stamp) {
    lab.wire.await_advert(1, VRID, since, LIMIT);
    wait_until(LIMIT, &format!("{VIP} is on {}", kind.home()), || on(lab, kind.home(), VIP));
    if let Some(link) = kind.link() {
        let shown = lab.router(1).netns().ip(&format!("-o link show type {link}"));
        assert!(shown.contains(": vrrp.51@eth0: ") && shown.lines().count() == 1, "{shown}");
    }
    let settled = now();
    lab.wire.await_advert(1, VRID, settled, LIMIT);
}

fn on(lab: &mut Lab, device: &str, ip: &str) -> bool {
    let shown = lab.router(1).netns().ip("-o address show");
    shown.lines().any(|line| line.contains(&format!(": {device} ")) && line.contains(&format!(" {ip}/")))
}

/// The interface may be reported as down before its end.
fn is_in_fault(lab: &mut Lab) {
    let reasons = ["does not exist", "is down"].map(|why| format!("Entering FAULT STATE (interface eth0 {why})"));
    wait_until(LIMIT, "it is in fault", || reasons.iter().any(|reason| lab.router(1).log().contains(reason)));
    let vip: IpAddr = VIP.parse().expect("an address");
    wait_until(LIMIT, "it has given up its address", || !lab.router(1).holds(vip));
}

/// Stops the router and checks that it leaves no link.
fn stop(mut lab: Lab, kind: Kind) {
    assert!(lab.router(1).stop().1.success());
    if let Some(link) = kind.link() {
        assert_eq!(lab.router(1).netns().ip(&format!("-o link show type {link}")), "");
    }
}

/// The VRRP process gets all notifications of the deed at once.
fn in_one_burst(lab: &mut Lab, deed: impl FnOnce(&mut Lab)) -> Stamp {
    let process = Pid::from_raw(lab.router(1).vrrp_pid());
    assert_eq!(kill(process, Signal::SIGSTOP), Ok(()));
    deed(lab);
    let at = now();
    assert_eq!(kill(process, Signal::SIGCONT), Ok(()));
    at
}

/// The interface is deleted, and another one has its name.
fn deleted_and_created_again(kind: Kind) {
    let mut lab = started(kind);
    let at = in_one_burst(&mut lab, |lab| {
        lab.router(1).netns().ip("link delete eth0");
        lab.replug(1);
    });
    is_master(&mut lab, kind, at);
    // And once more, with a bridge that has the name in between.
    let at = in_one_burst(&mut lab, |lab| {
        lab.router(1).netns().ip("link delete eth0");
        lab.router(1).netns().ip("link add eth0 type bridge");
        lab.router(1).netns().ip("link delete eth0");
        lab.replug(1);
    });
    is_master(&mut lab, kind, at);
    stop(lab, kind);
}

/// The interface gets another name, and the old one again.
fn renamed(kind: Kind) {
    let mut lab = started(kind);
    let rename = |lab: &mut Lab, from: &str, to: &str| {
        let netns = lab.router(1).netns();
        netns.ip(&format!("link set {from} down"));
        netns.ip(&format!("link set {from} name {to}"));
        netns.ip(&format!("link set {to} up"));
    };
    rename(&mut lab, "eth0", "lan0");
    is_in_fault(&mut lab);
    let at = now();
    holds_for(Duration::from_secs(2), "the other name is not the instance's", || {
        lab.wire.adverts(1, VRID, at).is_empty()
    });
    let at = now();
    rename(&mut lab, "lan0", "eth0");
    is_master(&mut lab, kind, at);
    let at = in_one_burst(&mut lab, |lab| {
        rename(lab, "eth0", "lan0");
        rename(lab, "lan0", "eth0");
    });
    is_master(&mut lab, kind, at);
    stop(lab, kind);
}

/// The interface is moved to another namespace and back.
fn moved(kind: Kind) {
    let mut lab = started(kind);
    let elsewhere = Netns::new(next_lab(), "elsewhere");
    let (here, there) = (lab.router(1).netns().name().to_owned(), elsewhere.name().to_owned());
    let back = |lab: &mut Lab| {
        elsewhere.ip(&format!("link set eth0 netns {here}"));
        lab.router(1).netns().ip("address add 10.9.0.1/24 dev eth0");
        lab.router(1).netns().ip("link set eth0 up");
    };
    lab.router(1).netns().ip(&format!("link set eth0 netns {there}"));
    is_in_fault(&mut lab);
    let at = now();
    back(&mut lab);
    is_master(&mut lab, kind, at);
    let at = in_one_burst(&mut lab, |lab| {
        lab.router(1).netns().ip(&format!("link set eth0 netns {there}"));
        back(lab);
    });
    is_master(&mut lab, kind, at);
    stop(lab, kind);
}

/// The link of the instance is deleted while another interface gets its name, is renamed, or is moved to another namespace.
fn of_the_link_itself(kind: Kind) {
    let mut lab = started(kind);
    let link = kind.link().expect("a link");
    let at = in_one_burst(&mut lab, |lab| {
        lab.router(1).netns().ip("link delete vrrp.51");
        lab.router(1).netns().ip("link add vrrp.51 type bridge");
    });
    lab.wire.await_advert(1, VRID, at, LIMIT);
    wait_until(LIMIT, "there is a link of another name", || {
        lab.router(1).netns().ip(&format!("-o link show type {link}")).contains(": vrrp1.51@eth0: ")
    });
    lab.router(1).netns().ip("link delete vrrp.51");
    let before = lab.router(1).log().matches("Entering ").count();
    // Otherwise it would be up again before it has the new name.
    let at = in_one_burst(&mut lab, |lab| {
        for change in ["vrrp1.51 down", "vrrp1.51 name front", "front up"] {
            lab.router(1).netns().ip(&format!("link set {change}"));
        }
    });
    lab.wire.await_advert(1, VRID, at, LIMIT);
    let vip: IpAddr = VIP.parse().expect("an address");
    wait_until(LIMIT, "the address is there", || lab.router(1).holds(vip));
    assert_eq!(lab.router(1).log().matches("Entering ").count(), before, "{}", lab.router(1).log());
    let elsewhere = Netns::new(next_lab(), "elsewhere");
    let here = lab.router(1).netns().ip(&format!("-o link show type {link}"));
    let name = here.split([':', '@']).nth(1).map(|name| name.trim().to_owned()).expect("a link");
    lab.router(1).netns().ip(&format!("link set {name} netns {}", elsewhere.name()));
    // The kernel refuses a second macvlan with the MAC address while the first one is up.
    elsewhere.ip(&format!("link set {name} down"));
    let at = now();
    lab.wire.await_advert(1, VRID, at, LIMIT);
    wait_until(LIMIT, "the address is there again", || lab.router(1).holds(vip));
    stop(lab, kind);
}

macro_rules! cases {
    ($($name:ident: $case:ident, $kind:ident;)*) => {$(
        #[test]
        fn $name() {
            if $kind == Ipvlan {
                return inside(|| $case($kind));
            }
            outside(|| $case($kind));
        }
    )*};
}

cases! {
    plain_deleted_and_created_again: deleted_and_created_again, Plain;
    vmac_deleted_and_created_again: deleted_and_created_again, Vmac;
    ipvlan_deleted_and_created_again: deleted_and_created_again, Ipvlan;
    plain_renamed: renamed, Plain;
    vmac_renamed: renamed, Vmac;
    ipvlan_renamed: renamed, Ipvlan;
    plain_moved: moved, Plain;
    vmac_moved: moved, Vmac;
    ipvlan_moved: moved, Ipvlan;
    of_a_vmac_itself: of_the_link_itself, Vmac;
    of_an_ipvlan_itself: of_the_link_itself, Ipvlan;
}
