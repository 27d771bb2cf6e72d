//! The dump of SIGUSR1 beside that of C keepalived.

use std::fs;
use std::time::Duration;

use crate::exporters;
use lab::conf::VRID;
use lab::{Daemon, Lab, machine, wait_for};
use nix::sys::signal::Signal;

use super::{EVERY_MEMBER, LIMIT, PROTOCOL, dumped};

/// Blocks and lines of an instance with most lines of the dump that 2.2.7 and 2.4.3 have in common.
const BLOCKS: &str = "track_file tf {
  file TRACKED
  weight 2
}
vrrp_script sc {
  script \"/usr/bin/true 'a b'\"
  interval 1
  timeout 2
  rise 2
  fall 3
  weight -20
}
vrrp_track_process tp {
  process nosuchprogram 12
  param_match initial
  quorum_max 3
  fork_delay 0.5
  weight 3
}
bfd_instance bf {
  neighbor_ip 10.9.0.99
  source_ip 10.9.0.1
  weight 5
}
static_ipaddress {
  10.96.0.1/24 dev eth0 no_track
}
static_routes {
  10.95.0.0/24 via 10.9.0.77 dev eth0 metric 7
}
static_rules {
  from 10.94.0.0/24 table 60 preference 600
}
vrrp_sync_group G {
  group {
    VI_51
  }
  sync_group_tracking_weight
  track_interface {
    lo
  }
  notify \"/usr/bin/true group\"
  smtp_alert
}
vrrp_instance OTHER {
  interface eth0
  virtual_router_id 61
  version 3
  advert_int 0.5
  nopreempt
  native_ipv6
  virtual_ipaddress {
    fe80::61
  }
}
vrrp_instance UNI {
  interface eth0
  virtual_router_id 62
  unicast_src_ip 10.9.0.1
  unicast_peer {
    10.9.0.98
  }
  virtual_ipaddress {
    10.93.0.1
  }
}
vrrp_instance NONE {
  interface eth0
  virtual_router_id 63
  preempt_delay 3
  track_interface {
    lo weight 4
  }
  track_process {
    tp
  }
  track_bfd {
    bf weight 4 reverse
  }
  track_file {
    tf weight 3
  }
  virtual_ipaddress {
    10.92.0.1
  }
}
";
/// Starts of lines that only one of the two daemons has, or whose values differ by nature: C keepalived 2.4.3 has those of ours
/// that 2.2.7 has not, or has more.
const OF_ONE: [&str; 32] = [
    // Of 2.4.
    " Replace symlinks",
    " Don't set supplementary",
    " Use VRRPv2 checksum",
    " SNMP VS stats",
    " SNMP RS stats",
    " json_version",
    " iproute",
    "   Number of tracker faults",
    "   Flags of interface faults",
    "   Highest other priority",
    "   Last advert sent",
    "   VRRPv3 uses",
    "   Group = ",
    // Of 2.2.7.
    "   Number of interface and track script faults",
    "   rp_filter",
    // Of builds, and of the start of the daemon.
    " libnftnl version",
    " DBus service name",
    " umask",
    // A password.
    "   Password = ",
    // Of ours.
    "   Fault = ",
    "   Last run = ",
    "   Runs = ",
    "   packets ",
    // Of the moment.
    "   Read timeout",
    "   Last transition",
    "   Master down timer",
    "   local discriminator",
    "   thread_",
    " thread_in",
    "   Master ",
    // Read when a neighbor advertisement is sent.
    "   Not IPv6 forwarding",
    // The daemons leave it at different values.
    "   Original ",
];

/// The lines that can be compared, without descriptors.
pub(super) fn lines(text: &str) -> Vec<String> {
    // The instances of a socket are in an order of their own.
    let lines =
        text.lines().filter(|line| !OF_ONE.iter().any(|start| line.starts_with(start)) && !line.contains(" vrid "));
    let masked = |line: &str| match line.trim_start() {
        fd if fd.starts_with("fd_") => "FD".to_owned(),
        file if file.starts_with("File = ") => "FILE".to_owned(),
        _ => line.to_owned(),
    };
    lines.map(masked).collect()
}

/// The dump files of USR1 and USR2 that a daemon has written as a master: data, parent, BFD, statistics.
pub(super) fn dumps(daemon: Daemon) -> [String; 4] {
    let mut lab = Lab::new(1);
    let conf =
        PROTOCOL.conf(100, EVERY_MEMBER).replacen('{', "{\n  script_user root\n  vrrp_garp_master_refresh 30\n", 1);
    let tracked = lab.router(1).file("track");
    fs::write(&tracked, "0\n").unwrap();
    let blocks = BLOCKS.replace("TRACKED", &tracked.display().to_string());
    lab.router(1).configure(&format!("{blocks}{conf}"));
    lab.router(1).start(daemon);
    for vrid in [VRID, 63] {
        lab.wire.await_advert(1, vrid, Duration::ZERO, LIMIT);
    }
    lab.router(1).daemon().signal(Signal::SIGUSR2);
    let stats = dumped(&mut lab, "keepalived.stats", "Priority Zero");
    let file = lab.router(1).file("keepalived.data");
    let data = wait_for(LIMIT, "all is set and the script has run", || {
        lab.router(1).daemon().signal(Signal::SIGUSR1);
        let found = dumped(&mut lab, "keepalived.data", "HW Type = LOOPBACK");
        fs::remove_file(&file).unwrap();
        let is_complete = found.contains("fd97::4 dev eth0 scope global deprecated set")
            && found.contains("10.92.0.1 dev eth0 scope global set")
            && found.contains("Status = GOOD")
            && found.contains("State = idle");
        (is_complete && found.matches("State = MASTER").count() == 4).then_some(found)
    });
    let parent = dumped(&mut lab, "keepalived_parent.data", "rx_bufs_multiples");
    [data, parent, dumped(&mut lab, "keepalived_bfd.data", "BFD Instance"), stats]
}

#[test]
fn data_has_the_text_of_c_keepalived_and_exporters_read_it() {
    let _turn = machine::shared();
    let [ours, c] = [Daemon::Ours, Daemon::C].map(dumps);
    // What only ours has comes last.
    let own = ours[1].find("------< Processes >------").unwrap();
    let parent = ours[1][..own].to_owned();
    for (mine, theirs) in [(&ours[0], &c[0]), (&parent, &c[1]), (&ours[2], &c[2])] {
        let (mine, theirs) = (lines(mine), lines(theirs));
        let same = mine.iter().zip(&theirs).take_while(|(mine, theirs)| mine == theirs).count();
        let near = |lines: &[String]| lines[same.saturating_sub(12)..lines.len().min(same + 4)].join("\n");
        assert!(mine == theirs, "ours:\n{}\nC keepalived:\n{}", near(&mine), near(&theirs));
    }
    let [instances, scripts] = [&ours, &c].map(|[data, ..]| (exporters::instances(data), exporters::scripts(data)));
    assert_eq!(instances, scripts);
    let found = instances.0.unwrap();
    assert_eq!(found["VI_51"].state, 2, "{found:?}");
    assert_eq!(found["VI_51"].addresses.len(), PROTOCOL.vips(VRID).len(), "{found:?}");
    assert_eq!((found["UNI"].interface.as_str(), found["UNI"].vrid), ("eth0", 62));
    assert_eq!(instances.1.unwrap()["sc"], (1, 0));
    let [mine, theirs] = [&ours, &c].map(|[data, _, _, stats]| {
        let names: Vec<String> = exporters::statistics(stats).unwrap().into_iter().map(|(name, _)| name).collect();
        (exporters::in_order(data).unwrap(), names)
    });
    assert_eq!(mine, theirs);
    assert_eq!(mine.0.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), mine.1);
}
