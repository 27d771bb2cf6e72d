//! Global settings of IPVS: `lvs_flush`, `lvs_flush_on_stop`, `lvs_timeouts` and `lvs_sync_daemon`, compared with C
//! keepalived.

use std::fs;
use std::time::Duration;

use lab::Daemon::{self, C, Ours};
use lab::ipvs::{ipvsadm, restore};
use lab::netns::Netns;
use lab::uml::inside;
use lab::{holds_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::support::{LIMIT, Running, compare, director};

const SERVICE: &str = "virtual_server 10.0.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n \
                       real_server 192.168.0.1 80 {\n weight 1\n }\n}\n";
/// Our service as ipvsadm shows it.
const OURS: &str = "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 192.168.0.1:80 -m -w 1\n";
/// A service of another program.
const FOREIGN: &str = "-A -t 10.9.9.9:80 -s rr\n-a -t 10.9.9.9:80 -r 192.168.9.9:80 -m -w 3\n";

fn conf(settings: &str) -> String {
    format!("global_defs {{\n{settings}\n}}\n{SERVICE}")
}

/// The services as commands, in order.
fn services(netns: &Netns) -> String {
    let saved = ipvsadm(netns, "-S -n");
    let mut lines: Vec<String> = saved.lines().map(|line| format!("{}\n", line.trim())).collect();
    lines.sort_by_key(|line| (line.contains("10.9.9.9"), line.clone()));
    lines.concat()
}

/// Asserts the services after the start of a daemon in a namespace with a foreign service, and after its stop.
fn starts_and_stops(daemon: Daemon, settings: &str, running_with: &str, leaves: &str) {
    let what = format!("{}, {settings}", daemon.name());
    let netns = director();
    restore(&netns, FOREIGN);
    let mut running = Running::start(daemon, &netns, &conf(settings), &["-C"]);
    wait_until(LIMIT, &format!("{what}: it has started"), || services(&netns) == running_with);
    assert!(running.is_running());
    running.stop();
    assert_eq!(services(&netns), leaves, "{what}: after the stop");
}

#[test]
fn flushed_at_start_and_stop_or_not() {
    inside(|| {
        let both = format!("{OURS}{FOREIGN}");
        for daemon in [C, Ours] {
            starts_and_stops(daemon, "", &both, FOREIGN);
            starts_and_stops(daemon, "lvs_flush", OURS, "");
            starts_and_stops(daemon, "lvs_flush_on_stop", &both, "");
            starts_and_stops(daemon, "lvs_flush_on_stop VS", &both, FOREIGN);
            starts_and_stops(daemon, "lvs_flush\n lvs_flush_on_stop", OURS, "");
        }
    });
}

/// The replacement of a checker process does not flush the table, so that connections survive.
#[test]
fn a_replaced_checker_process_flushes_nothing() {
    inside(|| {
        let netns = director();
        let mut running = Running::start(Ours, &netns, &conf("lvs_flush"), &["-C"]);
        wait_until(LIMIT, "it has started", || services(&netns) == OURS);
        restore(&netns, FOREIGN);
        // Time for the checkpoint that a replacement gets.
        let first = running.pid("checkers.pid");
        holds_for(Duration::from_secs(1), "the service stays", || services(&netns).starts_with(OURS));
        kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
        wait_until(LIMIT, "another checker process has started", || running.pid("checkers.pid") != first);
        holds_for(Duration::from_secs(3), "nothing is flushed", || services(&netns) == format!("{OURS}{FOREIGN}"));
        assert!(running.is_running());
        running.stop();
        assert_eq!(services(&netns), FOREIGN);
    });
}

/// Starts a daemon, reloads it with other settings and stops it; asserts the output of ipvsadm with `args` after each
/// step.
fn changes_with_reload(daemon: Daemon, netns: &Netns, args: &str, steps: [(&str, &str); 2], left: &str) {
    let [(first, shown_first), (other, shown_other)] = steps;
    let shown = || ipvsadm(netns, args);
    let settled = |wanted: &str, settings: &str| {
        let what = format!("{}, {settings}: {wanted}", daemon.name());
        let reached = std::panic::catch_unwind(|| wait_until(Duration::from_secs(8), &what, || shown() == wanted));
        assert!(reached.is_ok(), "{what}: instead {}", shown());
    };
    let mut running = Running::start(daemon, netns, &conf(first), &["-C"]);
    wait_until(LIMIT, "it has started", || services(netns) == OURS);
    settled(shown_first, first);
    fs::write(running.file("keepalived.conf"), conf(other)).unwrap();
    let main = running.pid("keepalived.pid");
    kill(Pid::from_raw(main), Signal::SIGHUP).unwrap();
    settled(shown_other, other);
    assert!(running.is_running());
    running.stop();
    assert_eq!(shown(), left, "{}: after the stop", daemon.name());
}

#[test]
fn timeouts_of_connections() {
    inside(|| {
        let shown = |timeouts: &str| format!("Timeout (tcp tcpfin udp): {timeouts}\n");
        for daemon in [C, Ours] {
            let netns = director();
            let (first, other) = (shown("100 120 40"), shown("200 31 300"));
            let steps = [("lvs_timeouts tcp 100 udp 40", &*first), ("lvs_timeouts tcp 200 tcpfin 31", &other)];
            changes_with_reload(daemon, &netns, "-L --timeout", steps, &shown("900 120 300"));
        }
    });
}

/// The time-outs before the start of the daemon are restored, also by a replacement of the checker process.
#[test]
fn a_replaced_checker_process_restores_the_first_timeouts() {
    inside(|| {
        let netns = director();
        ipvsadm(&netns, "--set 800 110 210");
        let running = Running::start(Ours, &netns, &conf("lvs_timeouts tcp 100"), &["-C"]);
        let shown =
            |timeouts: &str| ipvsadm(&netns, "-L --timeout") == format!("Timeout (tcp tcpfin udp): {timeouts}\n");
        wait_until(LIMIT, "they are set", || shown("100 110 210"));
        let first = running.pid("checkers.pid");
        // Time for the checkpoint with the first time-outs.
        holds_for(Duration::from_secs(2), "they stay", || shown("100 110 210"));
        kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
        wait_until(LIMIT, "another checker process has started", || running.pid("checkers.pid") != first);
        holds_for(Duration::from_secs(2), "they stay", || shown("100 110 210"));
        running.stop();
        assert!(shown("800 110 210"), "{}", ipvsadm(&netns, "-L --timeout"));
    });
}

/// A sync daemon that follows an instance: reloads change, stop and start it, and threads of a killed predecessor are
/// corrected.
#[test]
fn synchronisation_with_an_instance() {
    inside(|| {
        let netns = director();
        netns.ip("link add eth0 type veth peer name eth1");
        netns.ip("address add 10.4.0.1/24 dev eth0");
        netns.ip("link set eth0 up");
        netns.ip("link set eth1 up");
        let instance = |priority: u8| {
            format!(
                "vrrp_instance VI {{\n interface eth0\n virtual_router_id 51\n version 3\n advert_int 0.1\n \
                 priority {priority}\n virtual_ipaddress {{\n 10.4.0.100/24\n }}\n}}\n"
            )
        };
        let file = |settings: &str| format!("global_defs {{\n{settings}\n}}\n{}", instance(100));
        let shown = || ipvsadm(&netns, "-L --daemon");
        let role = |role: &str, id: u8, maxlen: u16| {
            format!(
                "{role} sync daemon (mcast=eth0, syncid={id}, maxlen={maxlen}, group=224.0.0.81, port=8848, ttl=1)\n"
            )
        };
        // Left by a predecessor that was killed.
        ipvsadm(&netns, "--start-daemon backup --mcast-interface eth0 --syncid 3");
        let first = file("lvs_sync_daemon eth0 inst VI id 7 maxlen 1200");
        let running = Running::start(Ours, &netns, &first, &["-P"]);
        let waits = |what: &str, wanted: String| {
            let reached = std::panic::catch_unwind(|| wait_until(LIMIT, what, || shown() == wanted));
            assert!(reached.is_ok(), "{what}: instead {}", shown());
        };
        waits("the master sends", role("master", 7, 1200));
        let steps = [
            ("lvs_sync_daemon eth0 inst VI id 8 maxlen 1300", role("master", 8, 1300)),
            ("", String::new()),
            ("lvs_sync_daemon eth0 inst VI id 8 maxlen 1300", role("master", 8, 1300)),
        ];
        for (settings, wanted) in steps {
            fs::write(running.file("keepalived.conf"), file(settings)).unwrap();
            kill(Pid::from_raw(running.pid("keepalived.pid")), Signal::SIGHUP).unwrap();
            waits(&format!("it has '{settings}'"), wanted);
        }
        netns.ip("link set eth0 down");
        waits("in fault it receives", role("backup", 8, 1300));
        running.stop();
        assert_eq!(shown(), "");
    });
}

#[test]
fn synchronisation_without_instance() {
    inside(|| {
        for daemon in [C, Ours] {
            let netns = director();
            netns.ip("link add eth0 type veth peer name eth1");
            netns.ip("address add 10.4.0.1/24 dev eth0");
            netns.ip("link set eth0 up");
            netns.ip("link set eth1 up");
            let mut running = Running::start(daemon, &netns, &conf("lvs_sync_daemon eth0 id 7 maxlen 1200"), &["-C"]);
            let shown = || ipvsadm(&netns, "-L --daemon");
            let role = |role: &str, id: u8| {
                let options = format!("mcast=eth0, syncid={id}, maxlen=1200, group=224.0.0.81, port=8848, ttl=1");
                format!("{role} sync daemon ({options})\n")
            };
            let roles = |id| role("master", id) + &role("backup", id);
            wait_until(LIMIT, &format!("{} runs both roles", daemon.name()), || shown() == roles(7));
            let other = "lvs_sync_daemon eth0 id 8 maxlen 1200";
            let steps = [(other, roles(8)), ("", String::new()), (other, roles(8))];
            // C keepalived keeps the threads when a reload removes the line.
            let compared = if daemon == C { 1 } else { steps.len() };
            for (settings, wanted) in &steps[..compared] {
                fs::write(running.file("keepalived.conf"), conf(settings)).unwrap();
                kill(Pid::from_raw(running.pid("keepalived.pid")), Signal::SIGHUP).unwrap();
                let what = format!("{} has '{settings}'", daemon.name());
                wait_until(Duration::from_secs(8), &what, || shown() == *wanted);
            }
            assert!(running.is_running());
            running.stop();
            assert_eq!(shown(), "", "{}", daemon.name());
        }
    });
}

/// `net_namespace_ipvs`: the services are in another namespace, also after a kill, and as C keepalived has them.
#[test]
fn ipvs_in_another_namespace() {
    inside(|| {
        for daemon in [C, Ours] {
            let (netns, other) = (director(), director());
            let conf = format!("net_namespace_ipvs {}\n{}", other.name(), conf("lvs_sync_daemon lo"));
            let mut running = Running::start(daemon, &netns, &conf, &["-C"]);
            wait_until(LIMIT, "the service is there", || services(&other) == OURS);
            assert_eq!(services(&netns), "");
            if daemon == Ours {
                let daemons = |netns: &Netns| ipvsadm(netns, "-L --daemon");
                wait_until(LIMIT, "the synchronisation runs", || daemons(&other).contains("backup"));
                assert!(!daemons(&netns).contains("backup"));
                let first = running.pid("checkers.pid");
                kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
                wait_until(LIMIT, "another checker process has started", || running.pid("checkers.pid") != first);
                restore(&other, "-e -t 10.0.0.1:80 -r 192.168.0.1:80 -m -w 7\n");
                wait_until(LIMIT, "it puts the weight back", || services(&other) == OURS);
            }
            assert!(running.is_running());
            running.stop();
            assert_eq!(services(&other), "", "{}", daemon.name());
        }
    });
}

/// Without a name it is the namespace of the system.
#[test]
fn ipvs_in_the_namespace_of_the_system() {
    inside(|| {
        let netns = director();
        let running = Running::start(Ours, &netns, &format!("net_namespace_ipvs\n{}", conf("")), &["-C"]);
        let here = || fs::read_to_string("/proc/1/net/ip_vs").unwrap_or_default();
        wait_until(LIMIT, "the service is there", || here().contains("0A000001:0050"));
        assert_eq!(services(&netns), "");
        running.stop();
        assert!(!here().contains("0A000001:0050"));
    });
}

/// Nothing is written to a namespace that is not meant.
#[test]
fn a_missing_namespace_for_ipvs_stops_the_daemon() {
    inside(|| {
        for daemon in [C, Ours] {
            let netns = director();
            let mut running =
                Running::start(daemon, &netns, &format!("net_namespace_ipvs nosuch\n{}", conf("")), &["-C"]);
            assert_eq!(running.exit_code(), Some(1), "{}: {}", daemon.name(), running.log());
            assert_eq!(services(&netns), "");
        }
    });
}

/// Virtual servers with groups, of which two share one.
const GROUPS: &str = "virtual_server_group web {\n 10.1.0.10 80\n 10.1.0.11-13 443\n}\n\
    virtual_server_group dns {\n 10.1.0.20 53\n}\n\
    virtual_server_group six {\n fd00::10 80\n fd00::20-2f 81\n}\n\
    virtual_server group web {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 192.168.0.1 80 {\n weight 1\n }\n}\n\
    virtual_server group dns {\n lb_algo rr\n lb_kind DR\n protocol UDP\n real_server 192.168.0.2 53 {\n weight 2\n }\n}\n\
    virtual_server group dns {\n lb_algo wrr\n lb_kind DR\n protocol TCP\n real_server 192.168.0.2 53 {\n weight 3\n }\n}\n\
    virtual_server group six {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server fd01::1 80 {\n weight 1\n }\n}\n\
    virtual_server 10.1.0.40 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 192.168.0.3 80 {\n weight 1\n }\n}\n";

/// `nftables_ipvs`: one service for each virtual server with a group, by a generated mark. (This kernel has no nftables, which
/// makes the marks.)
#[test]
fn groups_are_services_by_generated_marks() {
    inside(|| {
        for settings in ["nftables_ipvs", "nftables_ipvs marks\n nftables_ipvs_start_fwmark 5000"] {
            let conf = format!("global_defs {{\n {settings}\n}}\n{GROUPS}");
            compare(&conf, &[], |table| table.matches("\n-a -f ").count() == 4 && table.contains("\n-a -t "));
        }
    });
}

/// A mark stays with its virtual server over a reload and a crash, and is not given to another.
#[test]
fn generated_marks_stay() {
    inside(|| {
        let conf = |groups: &str| format!("global_defs {{\n nftables_ipvs\n}}\n{groups}");
        let netns = director();
        let mut running = Running::start(Ours, &netns, &conf(GROUPS), &["-C"]);
        let marks = || -> Vec<String> {
            let saved = ipvsadm(&netns, "-S -n");
            let mut marks: Vec<String> =
                saved.lines().filter(|line| line.starts_with("-A -f")).map(str::to_owned).collect();
            marks.sort();
            marks
        };
        let first = ["-A -f 1000 -s rr", "-A -f 1001 -s rr", "-A -f 1002 -s wrr", "-A -f 1003 -6 -s rr"];
        wait_until(LIMIT, "the services are there", || marks().iter().map(|line| line.trim()).eq(first));
        // The first service goes, and another comes before the others.
        let new = GROUPS.replace(
            "group web {\n lb_algo rr\n lb_kind NAT\n protocol TCP",
            "group web {\n lb_algo rr\n lb_kind NAT\n protocol SCTP",
        );
        fs::write(running.file("keepalived.conf"), conf(&new)).unwrap();
        running.signal(Signal::SIGHUP);
        let later = ["-A -f 1001 -s rr", "-A -f 1002 -s wrr", "-A -f 1003 -6 -s rr", "-A -f 1004 -s rr"];
        wait_until(LIMIT, "the other services are there", || marks().iter().map(|line| line.trim()).eq(later));
        let checker = running.pid("checkers.pid");
        kill(Pid::from_raw(checker), Signal::SIGKILL).unwrap();
        wait_until(LIMIT, "another checker process has started", || running.pid("checkers.pid") != checker);
        holds_for(Duration::from_secs(2), "the marks stay", || marks().iter().map(|line| line.trim()).eq(later));
        assert!(running.is_running());
        running.stop();
        assert!(marks().is_empty());
    });
}
