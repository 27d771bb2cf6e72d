//! Instances, and the interfaces of the host.

use std::time::Duration;

use keepalived::notify::dump;

use super::global::GLOBAL;
use super::{contains, data, started};
use crate::exporters;

/// The text without the dates, which depend on the time zone.
fn without_dates(text: &str) -> String {
    text.lines().map(|line| line.split(" (").next().unwrap().to_owned() + "\n").collect()
}

#[test]
fn instances() {
    let vrrp = started(GLOBAL);
    let text = data(vrrp.tables(), Duration::from_millis(1500));
    let plain = without_dates(&text);
    let owner = "
------< VRRP Topology >------
 VRRP Instance = A
   VRRP Version = 3
   State = MASTER
   Flags: none
   Wantstate = MASTER
   Number of config faults = 0
   Number of tracker faults = 0
   Flags of interface faults -
   Number of track scripts init = 0
   Last transition = 1796034985.000000
   Read timeout = 1796034985.500000
   Master down timer = 1 usecs
   Interface = eth0
   Using src_ip = 10.1.0.1
   Multicast address 224.0.0.18
   Gratuitous ARP delay = 3
   Gratuitous ARP repeat = 1
   Gratuitous ARP refresh = 60
   Gratuitous ARP refresh repeat = 1
   Gratuitous ARP lower priority delay = 3
   Gratuitous ARP lower priority repeat = 1
   Down timer adverts = 3
   Send advert after receive lower priority advert = true
   Send advert after receive higher priority advert = false
   Address owner ignores received adverts = false
   Virtual Router ID = 11
   Priority = 255
   Effective priority = 255
   Total priority = 255
   Advert interval = 500 milli-sec
   Last advert sent = 1796034985.000000
   Accept = enabled
   Preempt = enabled
   Promote_secondaries = disabled
   VRRPv3 uses VRRPv2 checksum = disabled
   Authentication extension = HMAC-SHA256-128
     Keys = 1, active key id = 1
     Mode = enforce
     Anti replay = time, window = 5 sec
   Virtual IP
     10.1.0.111/24 dev eth0 scope global
   fd_in 26, fd_out 26
   Using smtp notification = no
   Notify deleted = Fault
   Notify priority changes = true
 VRRP Instance = NODEV
   VRRP Version = 2
   State = FAULT
   Flags: none
   Wantstate = FAULT
   Number of config faults = 0
   Number of tracker faults = 0
   Flags of interface faults:
     i/f down
     no source IP address
   Fault = interface nosuch0 does not exist
   Number of track scripts init = 0
   Last transition = 1796034985.000000
   Read timeout = DISABLED
   Master down timer = 3609375 usecs
   Interface = nosuch0
   Using src_ip =
";
    contains(&plain, owner);
    contains(&text, "   Virtual IP (1):\n");
    contains(&text, "   Flags of interface faults - (none)\n");
    contains(&plain, "   Last advert sent = 0.000000\n");
    contains(&text, "   Authentication type = SIMPLE_PASSWORD\n   Password = ********\n   Virtual IP (1):\n");
    contains(&text, "   fd_in -1, fd_out -1\n   Using smtp");
    assert!(!text.contains("hush") && !text.contains("0102"), "{text}");
    let sockets = "
------< VRRP Sockpool >------
 fd_in 26 fd_out = 26
   Interface = eth0
   Family = IPv4
   Protocol = VRRP
   Type = Multicast
   Rx buf size = 240
   VRRP instances
     A vrid 11
 fd_in -1 fd_out = -1
   Interface = nosuch0
   Family = IPv4
   Protocol = VRRP
   Type = Multicast
   Rx buf size = 160
   VRRP instances
     NODEV vrid 16
------< Interfaces >------
";
    contains(&text, sockets);
    let read = exporters::instances(&text).unwrap();
    assert_eq!((read["A"].state, read["NODEV"].state, read["NODEV"].interface.as_str()), (2, 3, "nosuch0"));
    assert_eq!(exporters::in_order(&text).unwrap(), [("A".to_owned(), 2), ("NODEV".to_owned(), 3)]);
    let counters = exporters::statistics(&dump::vrrp::statistics(vrrp.tables())).unwrap();
    assert_eq!((counters[0].0.as_str(), counters[0].1["/Became master"]), ("A", 1), "{counters:?}");
    assert_eq!(counters[0].1["Advertisements/Sent"], 1, "{counters:?}");
}

#[test]
fn interfaces() {
    let text = data(started(GLOBAL).tables(), Duration::ZERO);
    let section = "
------< Interfaces >------
 Name = lo
   index = 1
   IPv4 address = 127.0.0.1
   IPv6 address = (none)
   State = UP, RUNNING, no broadcast, loopback, no multicast
   Seen up = 1
   Delayed state change running = false
   Up debounce timer = 0us
   Down debounce timer = 0us
   Group = 0
   MTU = 65536
   HW Type = LOOPBACK
   NIC netlink status update
   Reset ARP config counter 0
   Original arp_ignore 0
   Original arp_filter 0
   Original promote_secondaries 0
   Reset promote_secondaries counter 0
 Name = eth0
   index = 2
   IPv4 address = 10.1.0.1
   IPv6 address = fe80::ff:fe00:7101
   MAC = 02:00:00:00:71:01
   MAC broadcast = ff:ff:ff:ff:ff:ff
   State = UP, RUNNING
   Seen up = 1
   Delayed state change running = false
   Up debounce timer = 0us
   Down debounce timer = 0us
   Group = 0
   MTU = 1500
   HW Type = ETHERNET
   NIC netlink status update
   Gratuitous ARP interval 10ms
   Gratuitous NA interval 20ms
   Reset ARP config counter 0
   Original arp_ignore 0
   Original arp_filter 0
   Original promote_secondaries 0
   Reset promote_secondaries counter 0
   Tracking VRRP instances :
     A, weight 0
 Name = nosuch0
   index = 0 (deleted)
   Tracking VRRP instances :
     NODEV, weight 0
";
    assert!(text.ends_with(section), "{text}");
}
