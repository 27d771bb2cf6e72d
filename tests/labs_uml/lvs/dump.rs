//! The dump of the checkers, as text beside that of C keepalived 2.2.7.

use std::fs;

use lab::Daemon::{self, C, Ours};
use lab::uml::inside;
use lab::{wait_for, wait_until};
use nix::sys::signal::Signal;

use super::support::{LIMIT, Running, director, listen};

const CONF: &str = "global_defs {
  router_id dump
  script_user root
  lvs_timeouts tcp 900 tcpfin 120 udp 300
  rs_init_notifies
}
virtual_server_group G {
  10.0.0.7 80
  10.0.0.8-9 81
}
virtual_server 10.0.0.1 80 {
  delay_loop 2
  lb_algo wrr
  lb_kind NAT
  persistence_timeout 60
  protocol TCP
  quorum 2
  hysteresis 1
  quorum_up \"/usr/bin/true up\"
  virtualhost vs.example.org
  alpha
  omega
  retry 1
  delay_before_retry 1
  warmup 0
  sorry_server 127.0.0.9 8080
  real_server 127.0.0.2 7001 {
    weight 3
    inhibit_on_failure
    uthreshold 1000
    lthreshold 10
    notify_down \"/usr/bin/true down\"
    TCP_CHECK {
      connect_timeout 1
    }
  }
  real_server 127.0.0.3 7002 {
    TCP_CHECK {
      connect_timeout 1
      fwmark 3
    }
  }
}
virtual_server fwmark 7 {
  delay_loop 1
  lb_algo sh
  sh-port
  lb_kind DR
  real_server 127.0.0.2 {
    weight 2
    MISC_CHECK {
      misc_path \"/usr/bin/true 'a b'\"
      misc_timeout 3
      misc_dynamic
      warmup 0
    }
  }
}
virtual_server group G {
  delay_loop 1
  lb_algo rr
  lb_kind NAT
  protocol TCP
  real_server 127.0.0.3 7002 {
    HTTP_GET {
      url {
        path /a
        status_code 200-204 301
        digest 0f723ae7f9bf07744445e93ac5595156
      }
      connect_timeout 2
      warmup 0
    }
  }
}
";

/// Starts of lines that only one of the two has, and of those whose values are of the moment.
const OF_ONE: [&str; 13] = [
    // Of 2.2.7 or 2.4.3.
    "     tls_compliant",
    "   alive = ",
    "   VS alive = ",
    "     alive = ",
    "     set = ",
    // Of ours.
    "   Reason = ",
    "   IPVS = ",
    // Counters of what has happened so far.
    "   Retries iterations",
    "   Current weight",
    "   num failed checkers",
    "   Last ran",
    "   previous effective_weight",
    "   Failed URL",
];

/// From the first section after the global definitions.
fn lines(text: &str) -> Vec<&str> {
    let at = text.find("------< LVS Topology >------").unwrap();
    let lines = text[at..].lines().filter(|line| !OF_ONE.iter().any(|start| line.starts_with(start)));
    // Notify scripts are indented otherwise in 2.2.7.
    lines.map(str::trim_start).collect()
}

fn dump(daemon: Daemon) -> String {
    let netns = director();
    let _listener = listen(&netns, "127.0.0.2:7001");
    let running = Running::start(daemon, &netns, CONF, &["-C"]);
    let file = running.file("keepalived_check.data");
    wait_until(LIMIT, "the start", || running.log().contains("Startup complete"));
    let text = wait_for(LIMIT, "all checkers have run", || {
        let _ = fs::remove_file(&file);
        running.signal(Signal::SIGUSR1);
        let whole = |text: &String| text.ends_with('\n') && text.contains("Health checkers");
        let text = wait_for(LIMIT, "a dump", || fs::read_to_string(&file).ok().filter(whole));
        (!text.contains("Has run = no")).then_some(text)
    });
    running.stop();
    text
}

#[test]
fn the_dump_has_the_text_of_c_keepalived() {
    inside(|| {
        let [ours, theirs] = [Ours, C].map(dump);
        let (mine, theirs) = (lines(&ours), lines(&theirs));
        let same = mine.iter().zip(&theirs).take_while(|(mine, theirs)| mine == theirs).count();
        let near = |lines: &[&str]| lines[same.saturating_sub(12)..lines.len().min(same + 4)].join("\n");
        assert!(mine == theirs, "ours:\n{}\nC keepalived:\n{}", near(&mine), near(&theirs));
    });
}
