//! `interface_up_down_delays` and `linkbeat_interfaces` on real links.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use keepalived::kernel::{BeatEvent, poll_links};
use lab::Daemon::Ours;
use lab::conf::VRID;
use lab::{Lab, Protocol, holds_for, machine, wait_for, wait_until};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn drivers_report_their_link() {
    let _turn = machine::shared();
    let lab = &mut Lab::new(1);
    let names = vec!["eth0".to_owned(), "missing".to_owned()];
    let beats = lab.router(1).netns().enter(move || poll_links(names)).unwrap();
    let mut events = Vec::new();
    let mut next = || {
        wait_for(LIMIT, "the thread reports an event", || {
            beats.events(&mut events);
            (!events.is_empty()).then(|| events.remove(0))
        })
    };
    let link = |up| BeatEvent::Link { name: "eth0".into(), up };
    assert_eq!(next(), link(true));
    let BeatEvent::Failed { name, why } = next() else { panic!("no failure") };
    assert!(name == "missing" && why.contains("No such device"), "{why}");
    for up in [false, true] {
        lab.cable(1, up);
        assert_eq!(next(), link(up));
    }
}

#[test]
fn delays_hide_short_changes() {
    let _turn = machine::shared();
    let protocol = Protocol::V3;
    let mut lab = Lab::new(1);
    // The master down interval is above 3 s, so delays up to 2 s have no failover.
    let instance = protocol.conf(200, "").replace("advert_int 0.1", "advert_int 1");
    let conf = format!("interface_up_down_delays {{\n  eth0 1.5 1\n}}\nlinkbeat_use_polling\n{instance}");
    lab.router(1).configure(&conf);
    lab.router(1).start(Ours);
    let vip = protocol.vips(VRID)[0];
    let holds = |lab: &mut Lab| lab.router(1).holds(vip);
    wait_until(LIMIT, "it is master", || holds(&mut lab));

    // On a busy machine the change may have lasted too long, and is rightly noticed.
    let cut = Instant::now();
    lab.cable(1, false);
    std::thread::sleep(Duration::from_millis(300));
    lab.cable(1, true);
    let was_short = cut.elapsed() < Duration::from_secs(1);
    if was_short {
        holds_for(Duration::from_millis(2500), "no change is noticed", || holds(&mut lab));
        assert!(!lab.router(1).log().contains("FAULT"), "{}", lab.router(1).log());
    }
    wait_until(LIMIT, "it is master", || holds(&mut lab));

    let faults = |lab: &mut Lab| lab.router(1).log().matches("Entering FAULT STATE (interface eth0 is down)").count();
    let before = faults(&mut lab);
    let cut = Instant::now();
    lab.cable(1, false);
    wait_until(LIMIT, "the fault", || faults(&mut lab) > before);
    assert!(cut.elapsed() >= Duration::from_millis(1500), "{:?}", cut.elapsed());
    wait_until(LIMIT, "the address is removed", || !holds(&mut lab));
    lab.cable(1, true);
    wait_until(LIMIT, "it is master again", || holds(&mut lab));
    assert!(!lab.router(1).log().contains("Cannot poll"));
}
