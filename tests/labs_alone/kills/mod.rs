//! Each process is killed and stopped in each state of the daemon: the other router notices only a VRRP process that is stopped
//! for longer than its Master_Down_Interval, and nothing is left behind.
//!
//! One router for each state, with an instance of its own, and one other router that takes part in all instances. LAB_SOAK=1
//! (`make soak`) also has each process replaced by the watchdog, and tries all faults of upgrades and stops in all states.
#![allow(clippy::unwrap_used, reason = "a test")]

mod changes;
mod field;
mod process;
mod running;

use std::time::{Duration, Instant};

use lab::machine;

use field::Field;
use process::{CHILDREN, Process, QUIET};

const LIMIT: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(400);
/// How long a process is stopped that may be stopped.
const STOPPED: Duration = Duration::from_millis(500);

#[test]
fn each_process_is_killed_and_stopped_in_each_state() {
    let _turn = machine::alone();
    let begun = Instant::now();
    let at = |what: &str| println!("{:6.1} s: {what}", begun.elapsed().as_secs_f64());
    let mut field = Field::new();
    at("ready");
    for processes in
        [&[Process::Vrrp][..], &[Process::Checker, Process::Bfd], &[Process::VrrpRunner, Process::CheckRunner]]
    {
        field.killed(processes);
    }
    at("killed");
    for processes in QUIET {
        field.stopped(processes);
    }
    at("stopped");
    field.vrrp_stopped();
    at("VRRP stopped");
    if machine::soak() {
        field.hung();
        at("hung");
    }
    for process in [&CHILDREN[..], &[Process::Parent]].concat() {
        field.killed_in_reload(process);
    }
    at("reloads");
    for offset in 0..if machine::soak() { CHILDREN.len() } else { 1 } {
        field.killed_in_upgrade(offset);
        if machine::soak() {
            field.hung_in_upgrade(offset);
            at("hung in an upgrade");
        }
    }
    at("upgrades");
    for offset in 0..if machine::soak() { 7 } else { 1 } {
        field.parents_killed();
        at("parents killed");
        field.start();
        at("started again");
        field.stopped_with_faults(offset);
        at("stops");
        if machine::soak() {
            field.start();
        }
    }
}
