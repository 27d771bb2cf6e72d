//! Trackers and the entries of instances.

use std::time::Duration;

use keepalived::track::ScriptEnd;
use keepalived::vrrp::{Event, Vrrp};

use super::{contains, data, started};
use crate::exporters;

const TEXT: &str = "
track_file tf {
    file /run/track
    weight 2
}
vrrp_script sc {
    script \"/bin/true 'a b'\"
    timeout 2
    rise 2
    fall 3
    weight -20
}
vrrp_track_process tp {
    process sleep 12345
    param_match initial
    quorum_max 3
    fork_delay 0.5
    terminate_delay 0.25
    weight 3
}
bfd_instance bfd1 {
    neighbor_ip 10.1.0.2
    source_ip 10.1.0.1
    weight 5
}
vrrp_sync_group G1 {
    group {
        G1A
    }
    sync_group_tracking_weight
    track_interface {
        eth3
    }
    track_script {
        sc weight -7
    }
}
vrrp_instance G1A {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress {
        10.1.0.101
    }
    track_interface {
        eth2 weight 6
    }
    track_script {
        sc
    }
    track_file {
        tf
    }
    track_process {
        tp
    }
    track_bfd {
        bfd1
    }
}
vrrp_instance UNI {
    interface eth0
    virtual_router_id 2
    virtual_ipaddress {
        10.1.0.102
    }
    track_file {
        tf weight 3 reverse
    }
}
";

fn vrrp() -> Vrrp {
    started(TEXT)
}

#[test]
fn entries() {
    let text = data(vrrp().tables(), Duration::ZERO);
    let of_instance = "
   Tracked interfaces :
     eth2 weight 6
   Tracked scripts :
     sc weight -20
   Tracked files :
     tf, weight 2
   Tracked processes :
     tp, weight 3
   Tracked BFDs :
     bfd1: weight 5
";
    contains(&text, of_instance);
    let of_group = "
------< VRRP Sync groups >------
 VRRP Sync Group = G1, FAULT
   Num member fault 1, num member init 0
   VRRP member instances :
     G1A
   sync group tracking weight set
   Using smtp notification = no
   Tracked interfaces :
     eth3 weight 0
   Tracked scripts :
     sc weight -7
------< VRRP Scripts >------
";
    contains(&text, of_group);
    contains(&text, "   Tracked files :\n     tf, weight 3 reverse\n");
}

#[test]
fn trackers() {
    let mut vrrp = vrrp();
    let at = Duration::from_secs(1);
    vrrp.handle(Event::ScriptEnded(1, ScriptEnd::Exited(0)), at);
    vrrp.handle(Event::ProcessesCounted { name: "tp".into(), count: 1 }, at);
    vrrp.handle(Event::ProcessesCounted { name: "tp".into(), count: 0 }, at);
    vrrp.handle(Event::Session { name: "bfd1".into(), up: true }, at);
    let text = data(vrrp.tables(), Duration::from_millis(1100));
    let script = "
------< VRRP Scripts >------
 VRRP Script = sc
   Command = '/bin/true' 'a b'
   Interval = 1 sec
   Timeout = 2 sec
   Weight = -20
   Rise = 2
   Fall = 3
   Result = 4
   Insecure = no
   Init state = unknown
   Status = GOOD
   Script uid:gid = 0:0
   VRRP instances :
   Tracking instances :
     G1A, weight -20
     G1A, weight -7
   State = idle
   Last run = succeeded
   Runs = 1
------< VRRP Track files >------
";
    contains(&text, script);
    let file = "
------< VRRP Track files >------
 Track file = tf
   File = /run/track
   Status = 0
   Weight = 2
   Tracking instances :
     G1A, weight 2
     UNI, weight 3 reverse
------< VRRP Track processes >------
";
    contains(&text, file);
    let process = "
------< VRRP Track processes >------
 VRRP Track process = tp
   Process = sleep
   Parameters = 12345
   Param match = initial
   Min processes = 1
   Max processes = 3
   Current processes = 0
   Have quorum = true
   Weight = 3
   Terminate delay = 0.250000s
   Fork delay = 0.500000s
   Fork delay timer not running
   Terminate delay timer running, 0.150000s left
   Full command = true
   Tracking instances :
     G1A, weight 3
------< VRRP Track BFDs >------
 VRRP Track BFD = bfd1
   Weight = 5
   Bfd is up
   Tracking VRRP instances :
   Tracking instances :
     G1A, weight 5
------< Interfaces >------
";
    contains(&text, process);
    assert_eq!(exporters::scripts(&text).unwrap()["sc"], (1, 0));
    vrrp.handle(Event::FileRead { name: "tf".into(), number: -4 }, at);
    contains(&data(vrrp.tables(), at), "   Status = -4\n");
}
