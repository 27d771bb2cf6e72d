//! The lines of a router in virtual time, as alerts on the log see them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::configuration;
use crate::notify::messages::line;
use crate::notify::view::Reporter;
use crate::vrrp::{Action, Event, InstanceId, Interface, InterfaceAddress, Received, Tables, TimerKey, Vrrp};
use crate::wire::vrrp::{Advertisement, Checksum, VersionFields};

const IFINDEX: u32 = 2;

fn text(priority: u8) -> String {
    format!(
        "vrrp_instance VI {{\n interface eth0\n version 3\n virtual_router_id 51\n priority {priority}\n advert_int \
         0.1\n virtual_ipaddress {{\n 10.0.1.51\n }}\n}}\n"
    )
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

struct Router {
    vrrp: Vrrp,
    now: Duration,
    timers: BTreeMap<TimerKey, Duration>,
    lines: Vec<String>,
}

impl Router {
    fn started(text: &str) -> Router {
        let vrrp = Vrrp::new(Tables::new(configuration(text), "Keepalived v0".into()));
        let mut router = Router { vrrp, now: ms(1000), timers: BTreeMap::new(), lines: Vec::new() };
        router.event(Event::Interfaces(vec![eth0(true)]));
        router.event(Event::Start);
        assert_eq!(router.log(), ["(VI) Entering BACKUP STATE (init)"]);
        router
    }

    fn event(&mut self, event: Event<'_>) {
        self.vrrp.handle(event, self.now);
        let output = self.vrrp.take_output();
        for change in output.changes {
            self.lines.extend(line(&change, self.vrrp.tables()).1.lines().map(str::to_owned));
        }
        for action in output.actions {
            match action {
                Action::Timer(key, Some(at)) => drop(self.timers.insert(key, at)),
                Action::Timer(key, None) => drop(self.timers.remove(&key)),
                _ => {}
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((key, at)) = self.timers.iter().min_by_key(|(_, at)| **at).map(|(key, at)| (*key, *at))
            && at <= end
        {
            self.now = self.now.max(at);
            self.timers.remove(&key);
            self.event(Event::Timer(key));
        }
        self.now = end;
    }

    fn hear(&mut self, priority: u8) {
        let [source, destination, vip]: [IpAddr; 3] =
            ["10.0.0.2", "224.0.0.18", "10.0.1.51"].map(|ip| ip.parse().unwrap());
        let version = VersionFields::V3 { interval_centiseconds: 10, checksum: Checksum::PseudoHeader };
        let advert = Advertisement { vrid: 51, priority, version, addresses: &[vip] };
        let payload = advert.to_bytes(source, destination);
        let (ifindex, ttl, authenticated) = (IFINDEX, 255, None);
        self.event(Event::Packet(Received { ifindex, source, destination, ttl, authenticated, payload: &payload }));
    }

    /// Takes the lines since the last call.
    fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}

fn eth0(up: bool) -> Interface {
    let address = InterfaceAddress { ip: "10.0.0.1".parse().unwrap(), prefix: 24, usable: true, marked: false };
    let (mtu, addresses) = (1500, [address].into_iter().collect());
    Interface { index: IFINDEX, name: "eth0".into(), up, mtu, addresses, ..Interface::default() }
}

#[test]
fn a_master_that_falls_silent() {
    let mut router = Router::started(&text(100));
    router.hear(200);
    router.run(ms(1000));
    let expected = ["(VI) Receive advertisement timeout", "(VI) Entering MASTER STATE (no advert from a master)"];
    assert_eq!(router.log(), expected);
}

#[test]
fn a_master_that_gives_up() {
    let mut router = Router::started(&text(100));
    router.hear(200);
    router.hear(0);
    router.run(ms(1000));
    let expected = [
        "(VI) Backup received priority 0 advertisement from 10.0.0.2",
        "(VI) Receive advertisement timeout",
        "(VI) Entering MASTER STATE (master 10.0.0.2 gave up with priority 0)",
    ];
    assert_eq!(router.log(), expected);
}

#[test]
fn a_master_of_lower_priority() {
    let mut router = Router::started(&text(100));
    for _ in 0..5 {
        router.run(ms(90));
        router.hear(50);
    }
    let expected = [
        "(VI) received lower priority (50) advert from 10.0.0.2 - discarding",
        "(VI) Receive advertisement timeout",
        "(VI) Entering MASTER STATE (preempting 10.0.0.2, which has priority 50, ours is 100)",
    ];
    assert_eq!(router.log(), expected);
    router.run(ms(1000));
    router.hear(50);
    let expected = [
        "(VI) Received advert from 10.0.0.2 with lower priority 50, ours 100, forcing new election (3 more since this was \
         last reported)",
    ];
    assert_eq!(router.log(), expected);
    router.hear(200);
    assert_eq!(router.log(), ["(VI) Entering BACKUP STATE (master 10.0.0.2 has priority 200, ours is 100)"]);
}

#[test]
fn an_interface_that_goes_down_and_is_deleted() {
    let mut router = Router::started(&text(100));
    router.event(Event::Link(eth0(false)));
    assert_eq!(router.log(), ["Netlink reports eth0 down", "(VI) Entering FAULT STATE (interface eth0 is down)"]);
    router.event(Event::Link(eth0(true)));
    assert_eq!(
        router.log(),
        ["Netlink reports eth0 up", "(VI) Entering BACKUP STATE (the cause of the fault is gone)"]
    );
    router.event(Event::LinkGone(IFINDEX));
    assert_eq!(
        router.log(),
        ["Netlink reports eth0 deleted", "(VI) Entering FAULT STATE (interface eth0 does not exist)"]
    );
}

#[test]
fn sets_and_reloads() {
    let mut router = Router::started(&text(100));
    router.event(Event::SetBasePriority(InstanceId(1), 120));
    let expected = [
        "(VI) SNMP has set the base priority from 100 to 120",
        "(VI) Changing effective priority from 100 to 120 (SNMP has set the base priority from 100 to 120)",
    ];
    assert_eq!(router.log(), expected);
    router.event(Event::SetPreempt(InstanceId(1), false));
    router.event(Event::SetNotifyDeleted(InstanceId(1), true));
    let expected = ["(VI) SNMP has set preemption from on to off", "(VI) SNMP has set notify_deleted from off to on"];
    assert_eq!(router.log(), expected);
    router.event(Event::Configure(Box::new(configuration(&text(140)))));
    assert_eq!(router.log(), ["(VI) Changing effective priority from 120 to 140 (new configuration)"]);
}

/// Scripts and traps report FAULT without `notify_deleted`, as with C keepalived; the log does not.
#[test]
fn a_removed_instance() {
    for more in ["", "notify_deleted"] {
        let one = text(100).replacen("version 3", &format!("version 3\n {more}"), 1);
        let mut router = Router::started(&one);
        router.event(Event::Configure(Box::new(configuration(&text(100).replace("VI", "other").replace("51", "52")))));
        let log = router.log();
        assert_eq!(log[0], "(VI) Removed: the new configuration does not have it", "{more}: {log:?}");
        assert!(!log.iter().any(|line| line.contains("FAULT")), "{more}: {log:?}");
    }
}

#[test]
fn the_states_after_a_reload_are_those_of_the_instances_that_stay() {
    let both = text(100) + &text(100).replace("VI", "OLD").replace("51", "52");
    let mut vrrp = Vrrp::new(Tables::new(configuration(&both), "Keepalived v0".into()));
    vrrp.handle(Event::Interfaces(vec![eth0(true)]), ms(1000));
    vrrp.handle(Event::Start, ms(1000));
    assert_eq!(vrrp.fifo_states(), ["INSTANCE \"VI\" BACKUP 100\n", "INSTANCE \"OLD\" BACKUP 100\n"]);
    vrrp.handle(Event::Configure(Box::new(configuration(&text(100)))), ms(2000));
    assert_eq!(vrrp.fifo_states(), ["INSTANCE \"VI\" BACKUP 100\n"]);
}
