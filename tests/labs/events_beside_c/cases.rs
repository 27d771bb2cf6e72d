//! The smallest scenarios of differences that were found once.

use super::scenario::{Event, Phase, Scenario};

const GLOBAL: &str = "global_defs {\n}\ntrack_file number {\n file DIR/number\n}\ntrack_file negative {\n file DIR/number\n \
                      weight -5\n}\nvrrp_script status {\n script \"DIR/check.sh DIR/status\"\n interval 1\n weight 20\n}\n\
                      vrrp_script slow {\n script \"/bin/sleep 1\"\n interval 2\n init_fail\n}\n\
                      vrrp_track_process absent {\n process absent\n weight -10\n}\n";

/// Two instances of priority `priority`, with further lines of the first, and perhaps a sync group.
fn conf(priority: u8, group: bool, lines: &str) -> String {
    let group = if group { "vrrp_sync_group G {\n group {\n V51\n V52\n}\n}\n" } else { "" };
    let instance = |vrid: u8, lines: &str| {
        format!(
            "vrrp_instance V{vrid} {{\n interface eth0\n version 3\n virtual_router_id {vrid}\n priority {priority}\n \
             advert_int 0.2\n {lines}\n virtual_ipaddress {{\n 10.9.0.{vrid}\n}}\n}}\n"
        )
    };
    format!("{GLOBAL}{group}{}{}", instance(51, lines), instance(52, ""))
}

/// All trackers fail one after the other, and are well again.
fn trackers(conf: String) -> Scenario {
    let write = |name, text: &str| Event::Write(1, name, format!("{text}\n"));
    let link = |to| Event::Ip(1, format!("link set tk0p {to}"));
    let phases = vec![
        Phase::of(2.0, vec![write("number", "0"), write("status", "0"), Event::Start(1)]),
        Phase::new(1.3, link("down")),
        Phase::of(1.3, vec![link("up"), write("number", "7")]),
        Phase::new(1.3, write("number", "0")),
        Phase::new(1.3, write("status", "1")),
    ];
    Scenario { confs: vec![conf], phases }
}

/// A reload adds a tracker; then the daemon starts with it.
fn tracker_by_reload(lines: &str) -> Scenario {
    let with = conf(100, false, lines);
    let phases = vec![
        Phase::new(2.0, Event::Start(1)),
        Phase::new(2.5, Event::Reload(1, with)),
        Phase::new(1.0, Event::Stop(1)),
        Phase::new(2.5, Event::Start(1)),
    ];
    Scenario { confs: vec![conf(100, false, "")], phases }
}

/// The interface of the members has a weight in the list of the group.
fn own_interface(lines: &str) -> Scenario {
    let group = " V52\n}\n track_interface {\n eth0 weight 20\n}\n}\n";
    let conf = conf(100, true, lines).replacen(" V52\n}\n}\n", group, 1);
    Scenario { confs: vec![conf], phases: vec![Phase::new(2.0, Event::Start(1))] }
}

/// A start with a file that has a number.
fn start(conf: String) -> Scenario {
    let write = Event::Write(1, "number", "7\n".to_owned());
    Scenario { confs: vec![conf], phases: vec![Phase::of(2.0, vec![write, Event::Start(1)])] }
}

/// The scenarios, with names.
pub fn all() -> impl Iterator<Item = (&'static str, Scenario)> {
    let member = |lines| trackers(conf(100, true, lines));
    let owner = |lines| trackers(conf(255, false, lines));
    let cases = vec![
        ("interface of a member", member("track_interface {\n tk0 weight -50\n}")),
        ("process of a member", member("track_process {\n absent\n}")),
        ("file of a member", member("track_file {\n number\n}")),
        ("file with another weight of a member", member("track_file {\n negative\n}")),
        ("script of a member", member("track_script {\n status\n}")),
        ("file of an owner", owner("track_file {\n number\n}")),
        ("file with another weight of an owner", owner("track_file {\n negative\n}")),
        ("script with init_fail", tracker_by_reload("track_script {\n slow\n}")),
        ("own interface in the group", own_interface("")),
        ("own interface in the group, without its state", own_interface("dont_track_primary")),
        ("file at the start", start(conf(100, false, "track_file {\n number\n}"))),
        ("fault of a file at the start", start(conf(100, false, "track_file {\n number weight -60\n}"))),
    ];
    // Each begins at another time: starts of many daemons at once would delay each other.
    cases.into_iter().zip(0..).map(|((name, mut scenario), turn)| {
        scenario.phases[0].events.insert(0, Event::Pause(std::time::Duration::from_millis(250 * turn)));
        (name, scenario)
    })
}
