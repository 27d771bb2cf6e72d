//! Tests of `interface_up_down_delays` and `linkbeat_interfaces`.

use std::time::Duration;

use super::lan::{Lan, config, instance, ms};
use crate::config::model::{Config, TrackInterface};
use crate::vrrp::{Event, State};

fn delayed(down: u64, up: u64, polled: bool) -> Config {
    let mut config = config(vec![instance("VI", 51)], Vec::new());
    config.trackers.interfaces = vec![TrackInterface { name: "eth0".into(), down: ms(down), up: ms(up), polled }];
    config
}

fn master(config: Config) -> Lan {
    let mut lan = Lan::new(vec![config]);
    lan.run(ms(5000));
    assert_eq!(lan.masters("VI"), [0]);
    lan
}

fn since(lan: &Lan, to: State, from: Duration) -> Option<Duration> {
    lan.entered(0, to, from).map(|time| time - from)
}

#[test]
fn a_link_loss_shorter_than_the_delay_is_no_fault() {
    let mut lan = master(delayed(1000, 1500, false));
    let lost = lan.now;
    lan.set_link(0, false);
    lan.run(ms(999));
    lan.set_link(0, true);
    lan.run(ms(3000));
    assert_eq!(since(&lan, State::Fault, lost), None);
}

#[test]
fn link_loss_and_recovery_take_effect_after_the_delays() {
    let mut lan = master(delayed(1000, 1500, false));
    let lost = lan.now;
    lan.set_link(0, false);
    lan.run(ms(3000));
    assert_eq!(since(&lan, State::Fault, lost), Some(ms(1000)));
    let found = lan.now;
    lan.set_link(0, true);
    lan.run(ms(700));
    // Lost again: this restarts the delay.
    lan.set_link(0, false);
    lan.run(ms(500));
    lan.set_link(0, true);
    lan.run(ms(3000));
    assert_eq!(since(&lan, State::Backup, found), Some(ms(1200 + 1500)));
}

#[test]
fn a_reload_without_delays_applies_the_reported_state_at_once() {
    let mut lan = master(delayed(1000, 1500, false));
    lan.set_link(0, false);
    lan.run(ms(100));
    assert_eq!(lan.routers[0].state("VI"), State::Master);
    lan.event(0, Event::Configure(Box::new(config(vec![instance("VI", 51)], Vec::new()))));
    assert_eq!(lan.routers[0].state("VI"), State::Fault);
}

#[test]
fn a_lost_carrier_is_a_fault_even_if_the_kernel_reports_the_link_up() {
    let beat = |lan: &mut Lan, up| lan.event(0, Event::LinkBeat { name: "eth0".into(), up });
    let mut lan = master(delayed(0, 0, true));
    beat(&mut lan, true);
    assert_eq!(lan.routers[0].state("VI"), State::Master);
    beat(&mut lan, false);
    assert_eq!(lan.routers[0].state("VI"), State::Fault);
    // The kernel still reports it up.
    lan.set_link(0, true);
    assert_eq!(lan.routers[0].state("VI"), State::Fault);
    beat(&mut lan, true);
    lan.run(ms(5000));
    assert_eq!(lan.masters("VI"), [0]);
    // The interface is not polled.
    let mut lan = master(delayed(0, 0, false));
    beat(&mut lan, false);
    assert_eq!(lan.routers[0].state("VI"), State::Master);
}
