//! The kernel's table is compared, and only differences are written.

use std::fmt::Write as _;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::ipvs::{assert_same, ipvsadm, restore, shown};
use lab::uml::inside;
use lab::{holds_for, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::support::{LIMIT, Running, director, listen};

/// 30 services with 10 real servers each; real server `changed` has weight 9 instead of 1.
fn three_hundred(changed: Option<usize>) -> String {
    // The kernel's table is read every second.
    let mut conf = "global_defs {\n snmp_vs_stats_update_interval 1\n snmp_rs_stats_update_interval 1\n}\n".to_owned();
    for number in 0..300 {
        if number % 10 == 0 {
            let service = number / 10 + 1;
            write!(conf, "virtual_server 10.0.0.{service} 80 {{\n lb_algo wrr\n lb_kind NAT\n protocol TCP\n").unwrap();
        }
        let weight = if changed == Some(number) { 9 } else { 1 };
        writeln!(conf, " real_server 192.168.{}.{} 80 {{ weight {weight} }}", number / 10, number % 10 + 1).unwrap();
        if number % 10 == 9 {
            conf += "}\n";
        }
    }
    conf
}

/// The number of changes that the kernel has made for each checker process of a daemon, by its log.
fn changes(log: &str) -> Vec<u64> {
    let mut runs: Vec<u64> = Vec::new();
    for line in log.lines() {
        if line.contains("Starting checker child process") {
            runs.push(0);
        }
        let all = line.split(" made, ").nth(1).and_then(|rest| rest.split(' ').next());
        if let (Some(all), Some(last)) = (all, runs.last_mut()) {
            *last = all.parse().unwrap();
        }
    }
    runs
}

#[test]
fn a_restart_changes_what_differs() {
    inside(|| {
        let netns = director();
        let mut running = Running::start(Ours, &netns, &three_hundred(None), &["-C", "-I"]);
        wait_until(LIMIT, "all changes are counted", || changes(&running.log()) == [330]);
        let before = shown(&netns);
        assert_eq!(before.matches("\n-a ").count(), 300);

        // Killed: its replacement changes nothing.
        let first = running.pid("checkers.pid");
        kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
        wait_until(LIMIT, "another checker process has started", || running.pid("checkers.pid") != first);
        holds_for(Duration::from_secs(3), "the table does not change", || shown(&netns) == before);
        assert_eq!(changes(&running.log()), [330, 0]);
        assert!(running.is_running());

        // Stopped with -I: the table stays. Started with another file: one real server changes.
        running.stop();
        assert_same(&shown(&netns), &before);
        let mut running = Running::start(Ours, &netns, &three_hundred(Some(123)), &["-C"]);
        let expected = before.replace("-r 192.168.12.4:80 -m -w 1", "-r 192.168.12.4:80 -m -w 9");
        let saved = |text: &str| text.lines().filter(|line| line.starts_with('-')).collect::<Vec<_>>().join("\n");
        wait_until(LIMIT, "the weight is set", || saved(&shown(&netns)) == saved(&expected));
        wait_until(LIMIT, "the change is counted", || changes(&running.log()) == [1]);
        holds_for(Duration::from_secs(3), "there are no further changes", || changes(&running.log()) == [1]);
        assert!(running.is_running());
        // A stop without -I removes all entries.
        let log = running.stop();
        assert_eq!(ipvsadm(&netns, "-S -n"), "", "{log}");
    });
}

/// The number of changes of the kernel's table, by the log.
fn made(log: &str) -> usize {
    changes(log).iter().map(|count| usize::try_from(*count).unwrap_or_default()).sum()
}

#[test]
fn changes_by_other_programs_are_reverted_and_their_services_stay() {
    inside(|| {
        let netns = director();
        restore(&netns, "-A -t 10.9.9.9:80 -s rr\n-a -t 10.9.9.9:80 -r 192.168.9.9:80 -m -w 3\n");
        let foreign = ipvsadm(&netns, "-S -n");
        let running = Running::start(Ours, &netns, &three_hundred(None), &["-C"]);
        wait_until(LIMIT, "the table is complete", || shown(&netns).matches("\n-a ").count() == 301);
        let before = shown(&netns);
        for change in [
            "-d -t 10.0.0.3:80 -r 192.168.2.5:80",
            "-D -t 10.0.0.4:80",
            "-e -t 10.0.0.5:80 -r 192.168.4.5:80 -m -w 77",
            "-E -t 10.0.0.6:80 -s rr -p 60",
            "-a -t 10.0.0.7:80 -r 192.168.99.99:80 -m -w 1",
            "-C",
        ] {
            let before_it = made(&running.log());
            ipvsadm(&netns, change);
            if change == "-C" {
                restore(&netns, &foreign);
            }
            // It may be reverted before this test reads the table; the number of changes shows that it was.
            wait_until(LIMIT, &format!("{change} is reverted"), || {
                made(&running.log()) > before_it && shown(&netns) == before
            });
        }
        running.stop();
        assert_eq!(ipvsadm(&netns, "-S -n"), foreign);
    });
}

/// A scheduler without a module: one service fails, which is logged once; the others are not delayed.
#[test]
fn a_refused_service_delays_no_other() {
    inside(|| {
        let netns = director();
        let server = "real_server 127.0.0.2 7001 {\n TCP_CHECK {\n connect_timeout 1\n retry 0\n warmup 0\n }\n }\n";
        let service = |address: &str, scheduler: &str| {
            format!(
                "virtual_server {address} 80 {{\n lb_algo {scheduler}\n lb_kind NAT\n protocol TCP\n delay_loop 1\n \
                 {server}}}\n"
            )
        };
        // The table is read every 30 s, so only the verdict of the check causes the change.
        let conf = format!(
            "global_defs {{\n snmp_vs_stats_update_interval 30\n snmp_rs_stats_update_interval 30\n}}\n{}{}",
            service("10.0.0.1", "twos"),
            service("10.0.0.2", "rr")
        );
        let listener = listen(&netns, "127.0.0.2:7001");
        let running = Running::start(Ours, &netns, &conf, &["-C"]);
        let is_in = || ipvsadm(&netns, "-S -n").contains("-a -t 10.0.0.2:80");
        wait_until(LIMIT, "the second service has its server", is_in);
        // The kernel may have a service before the process knows its answer.
        wait_until(LIMIT, "the answers are there", || running.log().contains("with scheduler twos: No such file"));
        // The dump says what IPVS holds.
        running.signal(Signal::SIGUSR1);
        let dump = running.file("keepalived_check.data");
        let dump = wait_for(LIMIT, "a dump", || std::fs::read_to_string(&dump).ok());
        for line in [
            "   VS alive = 0\n   quorum_state_up = 1\n   reloaded = 0\n   IPVS = 10.0.0.1:80 TCP is not in IPVS as configured: refused: ",
            "   RS set = 0\n   reloaded = 0\n   IPVS = to be in IPVS with weight 1: refused: ",
            "   VS alive = 1\n   quorum_state_up = 1\n   reloaded = 0\n   ------< Real server >------\n",
            "   RS set = 1\n   reloaded = 0\n",
        ] {
            assert!(dump.contains(line), "{line}: {dump}");
        }
        drop(listener);
        wait_until(Duration::from_secs(10), "the server is removed", || !is_in());
        let _again = listen(&netns, "127.0.0.2:7001");
        wait_until(Duration::from_secs(10), "the server is added again", is_in);
        let log = running.stop();
        let lines = log.lines().filter(|line| line.contains("service 10.0.0.1:80 TCP with scheduler twos")).count();
        assert_eq!(lines, 1, "{log}");
    });
}

/// All processes were killed, and the next file has one service fewer: it is removed, and services of others stay.
#[test]
fn a_service_left_by_a_killed_daemon_and_not_configured_is_removed() {
    inside(|| {
        let netns = director();
        restore(&netns, "-A -t 10.9.9.9:80 -s rr\n");
        let service = |n: u8| {
            format!(
                "virtual_server 10.0.0.{n} 80 {{\n lb_algo rr\n protocol TCP\n real_server 10.1.0.{n} 80 {{\n }}\n}}\n"
            )
        };
        let mark = "virtual_server fwmark 7 {\n lb_algo rr\n protocol TCP\n real_server 10.1.0.7 80 {\n }\n}\n";
        let mut running = Running::start(Ours, &netns, &(service(1) + &service(2) + mark), &["-C"]);
        let count = || ipvsadm(&netns, "-S -n").lines().filter(|line| line.starts_with("-A")).count();
        wait_until(LIMIT, "all services are set", || count() == 4);
        let held = running.file("checkers.held");
        wait_until(LIMIT, "the services are recorded", || {
            let text = std::fs::read_to_string(&held).unwrap_or_default();
            text.matches("\"Address\"").count() + text.matches("\"FwMark\"").count() == 3
        });
        running.kill();
        assert_eq!(count(), 4, "no process has removed them");
        std::fs::write(running.file("keepalived.conf"), service(1)).unwrap();
        running.start_again(&netns, &["-C"]);
        wait_until(LIMIT, "services that are not configured are removed", || count() == 2);
        let left = ipvsadm(&netns, "-S -n");
        assert!(left.contains("10.0.0.1:80") && left.contains("10.9.9.9:80"), "{left}");
        running.kill();
        std::fs::write(running.file("keepalived.conf"), "global_defs {\n router_id none\n}\n").unwrap();
        running.start_again(&netns, &["-C"]);
        wait_until(LIMIT, "all services are removed if the file has no virtual server", || count() == 1);
        running.stop();
        assert_eq!(ipvsadm(&netns, "-S -n").trim(), "-A -t 10.9.9.9:80 -s rr");
        assert!(!held.exists(), "the record is removed by a clean stop");
    });
}

/// The checker process is dead at the stop: a cleanup process removes its services.
#[test]
fn the_services_of_a_dead_checker_process_are_removed_at_the_stop() {
    inside(|| {
        let netns = director();
        restore(&netns, "-A -t 10.9.9.9:80 -s rr\n");
        let before = ipvsadm(&netns, "-L --timeout");
        let conf = "global_defs {\n lvs_timeouts tcp 77 udp 55\n}\nvirtual_server 10.0.0.1 80 {\n lb_algo rr\n \
                    protocol TCP\n real_server 10.1.0.1 80 {\n }\n}\n";
        let running = Running::start(Ours, &netns, conf, &["-C"]);
        let is_set = || ipvsadm(&netns, "-S -n").contains("-a -t 10.0.0.1:80");
        wait_until(LIMIT, "the service is set", is_set);
        wait_until(LIMIT, "the time-outs are set", || ipvsadm(&netns, "-L --timeout").contains("77"));
        wait_until(LIMIT, "they are in the checkpoint", || running.log().contains(" made, "));
        running.signal(Signal::SIGSTOP);
        kill(Pid::from_raw(running.pid("checkers.pid")), Signal::SIGKILL).unwrap();
        running.signal(Signal::SIGTERM);
        running.signal(Signal::SIGCONT);
        let held = running.file("checkers.held");
        let log = running.ended();
        assert!(log.contains("Starting cleanup for the checker process"), "{log}");
        assert_eq!(ipvsadm(&netns, "-S -n").trim(), "-A -t 10.9.9.9:80 -s rr");
        assert_eq!(ipvsadm(&netns, "-L --timeout"), before);
        assert!(!held.exists(), "the record is removed");
    });
}
