//! `nftables_ipvs`: the tables that set the marks of virtual server groups, as C keepalived makes them.
//!
//! The kernel of this machine needs no IPVS: the tables are there without it.
#![allow(clippy::expect_used, reason = "a test")]

use std::time::Duration;

use lab::process::output_of;
use lab::{Daemon, Lab, holds_for, machine, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(30);

/// Groups of both families; two virtual servers share one.
const GROUPS: &str = "virtual_server_group web {
 10.1.0.10 80
 10.1.0.11-13 443
}
virtual_server_group dns {
 10.1.0.20 53
}
virtual_server_group six {
 fd00::10 80
 fd00::20-2f 81
}
virtual_server group web {
 lb_algo rr
 lb_kind NAT
 protocol TCP
 real_server 192.168.0.1 80 {
  weight 1
 }
}
virtual_server group dns {
 lb_algo rr
 lb_kind DR
 protocol UDP
 real_server 192.168.0.2 53 {
  weight 1
 }
}
virtual_server group dns {
 lb_algo rr
 lb_kind DR
 protocol TCP
 real_server 192.168.0.2 53 {
  weight 1
 }
}
virtual_server group six {
 lb_algo rr
 lb_kind NAT
 protocol TCP
 real_server fd01::1 80 {
  weight 1
 }
}
";

/// The tables of C keepalived for these groups.
const TABLES: &str = "table ip keepalived_ipvs {
	map tcp_map {
		type ipv4_addr . inet_service : mark
		flags interval
		elements = { 10.1.0.10 . 80 : 0x000003e8,
			     10.1.0.11-10.1.0.13 . 443 : 0x000003e8,
			     10.1.0.20 . 53 : 0x000003ea }
	}

	map udp_map {
		type ipv4_addr . inet_service : mark
		flags interval
		elements = { 10.1.0.20 . 53 : 0x000003e9 }
	}

	chain in {
		type filter hook input priority filter - 1; policy accept;
		meta mark set ip daddr . tcp dport map @tcp_map return
		meta mark set ip daddr . udp dport map @udp_map return
	}
}
table ip6 keepalived_ipvs {
	map tcp_map {
		type ipv6_addr . inet_service : mark
		flags interval
		elements = { fd00::10 . 80 : 0x000003eb,
			     fd00::20/124 . 81 : 0x000003eb }
	}

	chain in {
		type filter hook input priority filter - 1; policy accept;
		meta mark set ip6 daddr . tcp dport map @tcp_map return
	}
}
";

fn conf(settings: &str, groups: &str) -> String {
    format!("global_defs {{\n router_id director\n {settings}\n}}\n{groups}")
}

/// All tables; those of IPv4 come first, whichever is older.
fn ruleset(lab: &mut Lab) -> String {
    let text = output_of(lab.router(1).netns().command("nft").args(["list", "ruleset"]));
    let mut tables: Vec<&str> = text.split_inclusive("\n}\n").collect();
    tables.sort_by_key(|table| table.starts_with("table ip6"));
    tables.concat()
}

fn start(lab: &mut Lab, conf: &str) {
    let router = lab.router(1);
    router.configure(conf);
    router.start_checkers(Daemon::Ours);
}

fn await_ruleset(lab: &mut Lab, expected: &str) {
    wait_until(LIMIT, "the tables are as expected", || {
        let found = ruleset(lab);
        if found != expected {
            std::thread::sleep(Duration::from_millis(20));
        }
        found == expected
    });
}

fn reload(lab: &mut Lab, conf: &str) {
    lab.router(1).configure(conf);
    lab.router(1).daemon().signal(Signal::SIGHUP);
}

#[test]
fn the_tables_are_those_of_c_keepalived_until_the_stop() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    start(&mut lab, &conf("nftables_ipvs", GROUPS));
    await_ruleset(&mut lab, TABLES);
    // A range goes, and the address of the other group changes.
    let changed = GROUPS.replace(" 10.1.0.11-13 443\n", "").replace("10.1.0.20 53", "10.1.0.21 53\n 10.1.0.22 53");
    reload(&mut lab, &conf("nftables_ipvs", &changed));
    let expected = TABLES
        .replace("			     10.1.0.11-10.1.0.13 . 443 : 0x000003e8,\n", "")
        .replace("10.1.0.20 . 53 : 0x000003ea", "10.1.0.21 . 53 : 0x000003ea,\n			     10.1.0.22 . 53 : 0x000003ea")
        .replace("10.1.0.20 . 53 : 0x000003e9", "10.1.0.21 . 53 : 0x000003e9,\n			     10.1.0.22 . 53 : 0x000003e9");
    await_ruleset(&mut lab, &expected);
    lab.router(1).stop();
    assert_eq!(ruleset(&mut lab), "");
}

#[test]
fn name_priority_mark_and_counters_are_those_of_the_file() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let settings =
        "nftables_ipvs mine\n nftables_ipvs_priority -5\n nftables_ipvs_start_fwmark 5000\n nftables_counters";
    // Any port: C keepalived writes port 0, which no packet has.
    let groups = "virtual_server_group web {\n 10.1.0.10 0\n}\n\
                  virtual_server group web {\n lb_algo rr\n lb_kind NAT\n protocol SCTP\n persistence_timeout 60\n \
                  real_server 192.168.0.1 80 {\n  weight 1\n }\n}\n";
    start(&mut lab, &conf(settings, groups));
    await_ruleset(
        &mut lab,
        "table ip mine {
	map sctp_map {
		type ipv4_addr . inet_service : mark
		flags interval
		counter
		elements = { 10.1.0.10 . 0-65535 counter packets 0 bytes 0 : 0x00001388 }
	}

	chain in {
		type filter hook input priority filter - 5; policy accept;
		meta mark set ip daddr . sctp dport map @sctp_map counter packets 0 bytes 0 return
	}
}
",
    );
    // A change of the name is refused.
    reload(&mut lab, &conf("nftables_ipvs other", groups));
    let refusal = "nftables_ipvs cannot be changed by a reload";
    wait_until(LIMIT, "the refusal", || lab.router(1).log().contains(refusal));
    lab.router(1).stop();
    assert_eq!(ruleset(&mut lab), "");
}

#[test]
fn tables_that_others_remove_come_back_and_none_are_left_after_a_kill() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    start(&mut lab, &conf("nftables_ipvs", GROUPS));
    await_ruleset(&mut lab, TABLES);
    for _ in 0..2 {
        output_of(lab.router(1).netns().command("nft").args(["delete", "table", "ip", "keepalived_ipvs"]));
        let both = |lab: &mut Lab| ruleset(lab).matches("chain in").count() == 2;
        wait_until(LIMIT, "the table is there again", || both(&mut lab));
    }
    output_of(lab.router(1).netns().command("nft").args(["flush", "chain", "ip6", "keepalived_ipvs", "in"]));
    let rules = |lab: &mut Lab| ruleset(lab).matches("meta mark set").count();
    wait_until(LIMIT, "the rule is there again", || rules(&mut lab) == 3);

    let checker = lab.router(1).checker_pid();
    kill(Pid::from_raw(checker), Signal::SIGKILL).expect("a running process");
    wait_until(LIMIT, "the checker process is replaced", || lab.router(1).checker_pid() != checker);
    holds_for(Duration::from_millis(500), "the tables stay", || rules(&mut lab) == 3);

    lab.router(1).kill9();
    assert_eq!(rules(&mut lab), 3);
    start(&mut lab, &conf("", GROUPS));
    await_ruleset(&mut lab, "");
    lab.router(1).stop();
}

/// The kernel refuses a table whose elements overlap: of overlapping entries the first counts.
#[test]
fn of_overlapping_entries_the_first_counts() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let group = |name: &str, entries: &str| {
        format!(
            "virtual_server_group {name} {{\n{entries}\n}}\nvirtual_server group {name} {{\n lb_algo rr\n lb_kind NAT\n \
             protocol TCP\n real_server 192.168.0.1 443 {{\n  weight 1\n }}\n}}\n"
        )
    };
    let groups = group("first", " 10.1.0.11-13 443") + &group("second", " 10.1.0.12-20 443\n 10.1.0.30 443");
    start(&mut lab, &conf("nftables_ipvs", &groups));
    wait_until(LIMIT, "the table is there", || ruleset(&mut lab).contains("chain in"));
    let table = ruleset(&mut lab);
    let has = |element: &str| table.contains(element);
    assert!(has("10.1.0.11-10.1.0.13 . 443 : 0x000003e8") && has("10.1.0.30 . 443 : 0x000003e9"), "{table}");
    assert!(!has("10.1.0.12"), "{table}");
    lab.router(1).stop();
}
