//! The firewall tables of a life beside C keepalived, as text: as master, as backup, after a reload and after the stop.

use std::time::{Duration, Instant};

use lab::Daemon::{self, C, Ours};
use lab::conf::VRID;
use lab::{Lab, machine, now, process, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);
/// A ruleset is complete when it has not changed for this time.
const SETTLED: Duration = Duration::from_millis(1200);

/// A router with an instance of IPv4.
fn conf(globals: &str, extra: &str, priority: u8, addresses: &[&str]) -> String {
    let addresses: String = addresses.iter().map(|address| format!("    {address}/24\n")).collect();
    format!(
        "global_defs {{\n  router_id lab\n  {globals}\n}}\nvrrp_instance V4 {{\n  interface eth0\n  version 3\n  \
         virtual_router_id {VRID}\n  priority {priority}\n  advert_int 0.1\n  {extra}\n  virtual_ipaddress {{\n{addresses}  \
         }}\n}}\n"
    )
}

fn ruleset(lab: &mut Lab) -> String {
    process::output_of(lab.router(1).netns().command("nft").args(["list", "ruleset"]))
}

/// The ruleset once it does not change any more; with `expected`, once it is that.
fn settled(lab: &mut Lab, expected: Option<&String>) -> String {
    let deadline = Instant::now() + LIMIT;
    let mut last = (ruleset(lab), Instant::now());
    loop {
        let found = ruleset(lab);
        if found != last.0 {
            last = (found, Instant::now());
        }
        let as_expected = expected.is_none_or(|expected| *expected == last.0);
        if (as_expected && last.1.elapsed() >= SETTLED) || Instant::now() >= deadline {
            return last.0;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The rulesets of router 1 in the four states.
fn life(daemon: Daemon, globals: &str, extra: &str, expected: Option<&[String; 4]>) -> [String; 4] {
    let mut lab = Lab::new(2);
    let mut states = [const { String::new() }; 4];
    let mut take = |lab: &mut Lab, at: usize| states[at] = settled(lab, expected.map(|states| &states[at]));
    lab.router(1).configure(&conf(globals, extra, 100, &["10.9.0.51"]));
    lab.router(1).start(daemon);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    take(&mut lab, 0);
    // C keepalived 2.2.7 adds the set of addresses when it first becomes master, ours at the start.
    lab.router(2).configure(&conf("", "", 200, &["10.9.0.51"]));
    lab.router(2).start(Ours);
    lab.wire.await_advert(2, VRID, Duration::ZERO, LIMIT);
    wait_until(LIMIT, "router 1 is backup", || lab.router(1).count_addresses("10.9.0.51") == 0);
    take(&mut lab, 1);
    lab.router(2).stop();
    lab.wire.await_advert(1, VRID, now(), LIMIT);
    lab.router(1).configure(&conf(globals, extra, 100, &["10.9.0.51", "10.9.0.52"]));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    take(&mut lab, 2);
    lab.router(1).stop();
    states[3] = ruleset(&mut lab);
    states
}

fn compare(globals: &str, extra: &str) {
    let _turn = machine::shared();
    let theirs = life(C, globals, extra, None);
    assert!(theirs[0].contains("drop") && theirs[2].contains("10.9.0.52"), "C keepalived has no rules: {theirs:?}");
    let ours = life(Ours, globals, extra, Some(&theirs));
    for (state, (ours, theirs)) in ["master", "backup", "reload", "stop"].iter().zip(ours.iter().zip(&theirs)) {
        assert_eq!(ours, theirs, "{state}, {globals}, {extra}\nours:\n{ours}\nC keepalived:\n{theirs}");
    }
}

#[test]
fn drops_to_addresses() {
    compare("nftables", "no_accept");
}

#[test]
fn name_priority_and_counters() {
    compare("nftables mine\n  nftables_priority -7\n  nftables_counters", "no_accept");
}

#[test]
fn drops_to_addresses_on_a_vmac() {
    compare("nftables", "use_vmac\n  no_accept");
}
