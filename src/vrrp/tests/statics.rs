//! Tests of static addresses and of the instances that track them with a `track_group`.

use super::lan::{Lan, address, config, instance, ms};
use crate::config::model::Config;
use crate::vrrp::{Cause, Change, Event, Fault, State};

/// One instance tracks the static address, the other does not.
fn followed() -> Config {
    let mut follower = instance("VI", 51);
    follower.track_groups = vec!["TG".to_owned()];
    let mut config = config(vec![follower, instance("other", 52)], Vec::new());
    let mut fixed = address("10.0.9.9");
    fixed.track_group = Some("TG".to_owned());
    config.static_addresses = vec![fixed];
    config
}

fn states(lan: &Lan) -> [State; 2] {
    ["VI", "other"].map(|name| lan.routers[0].state(name))
}

fn has(lan: &Lan) -> bool {
    lan.routers[0].kernel.contains(&("10.0.9.9".parse().unwrap(), 32))
}

#[test]
fn a_static_address_that_can_be_set_again_is_no_fault() {
    let mut lan = Lan::new(vec![followed()]);
    lan.run(ms(5000));
    assert_eq!((states(&lan), has(&lan)), ([State::Master; 2], true));
    lan.steal(0, "10.0.9.9");
    lan.run(ms(1000));
    assert_eq!((states(&lan), has(&lan)), ([State::Master; 2], true));
    let stolen = lan.routers[0].changes.iter().filter(|(_, change)| matches!(change, Change::Stolen(_)));
    assert_eq!(stolen.count(), 1);
    assert_eq!(lan.entered(0, State::Fault, ms(0)), None);
}

#[test]
fn a_static_address_that_the_kernel_refuses_is_a_fault_of_instances_that_track_it() {
    let mut lan = Lan::new(vec![followed()]);
    lan.run(ms(5000));
    lan.routers[0].refuses_addresses = Some("Permission denied".to_owned());
    let (stolen, wanted) = (lan.now, [State::Fault, State::Master]);
    lan.steal(0, "10.0.9.9");
    lan.run(ms(100));
    assert_eq!(states(&lan), wanted);
    let refusal = Some("Permission denied".to_owned());
    let fault = Fault::Static { object: "address 10.0.9.9/32 on eth0".to_owned(), refusal };
    let reported = lan.routers[0].changes.iter().any(|(time, change)| {
        let cause = Cause::Fault(fault.clone());
        *time >= stolen && matches!(change, Change::Instance { to: State::Fault, cause: why, .. } if *why == cause)
    });
    assert!(reported, "{:?}", lan.routers[0].changes);
    lan.run(ms(5000));
    assert_eq!(states(&lan), wanted, "as long as it is refused");
    lan.routers[0].refuses_addresses = None;
    lan.run(ms(1500));
    assert!(has(&lan) && states(&lan)[0] != State::Fault);
    lan.run(ms(5000));
    assert_eq!(states(&lan), [State::Master; 2]);
    // A later removal is no fault, since the address can be set again.
    lan.steal(0, "10.0.9.9");
    lan.run(ms(1000));
    assert_eq!((states(&lan), has(&lan)), ([State::Master; 2], true));
}

#[test]
fn a_reload_that_removes_the_track_group_ends_the_fault() {
    let mut lan = Lan::new(vec![followed()]);
    lan.run(ms(5000));
    lan.routers[0].refuses_addresses = Some("Permission denied".to_owned());
    lan.steal(0, "10.0.9.9");
    lan.run(ms(100));
    assert_eq!(lan.routers[0].state("VI"), State::Fault);
    let mut without = followed();
    without.instances.iter_mut().for_each(|row| row.track_groups.clear());
    lan.event(0, Event::Configure(Box::new(without)));
    assert_ne!(lan.routers[0].state("VI"), State::Fault);
}
