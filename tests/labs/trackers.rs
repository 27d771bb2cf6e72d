//! Scripts and files that influence virtual routers: the same steps with ours and C keepalived, compared in states,
//! priorities and traps over SNMP. The values are those of C keepalived 2.4.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::snmp::{INSTANCE_STATE, ROOT};
use lab::{Daemon, Lab, machine, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(20);
const MASTER: u32 = 2;
const FAULT: u32 = 3;

/// Name, priority and state of an instance.
type Seen = (String, u32, u32);

fn instance(name: &str, vrid: usize, priority: u8, more: &str) -> String {
    format!(
        "vrrp_instance {name} {{\n  interface eth0\n  version 3\n  virtual_router_id {vrid}\n  priority {priority}\n  \
         advert_int 0.3\n  virtual_ipaddress {{\n    10.9.0.{vrid}\n  }}\n  {more}\n}}\n"
    )
}

/// A router with one daemon, observed over SNMP.
struct Steps {
    lab: Lab,
    names: BTreeMap<String, String>,
}

impl Steps {
    fn start(daemon: Daemon, conf: impl FnOnce(&mut Lab) -> String) -> Steps {
        let mut lab = Lab::new(1);
        let conf = conf(&mut lab);
        lab.router(1).configure(&conf);
        lab.router(1).start_snmp();
        lab.router(1).start(daemon);
        let mut steps = Steps { lab, names: BTreeMap::new() };
        let instances = conf.matches("vrrp_instance").count();
        wait_until(LIMIT, "the instances are served", || {
            steps.names = steps.column(&format!("{ROOT}.2.3.1.2"));
            steps.names.len() == instances
        });
        steps
    }

    /// A column by index.
    fn column(&mut self, oid: &str) -> BTreeMap<String, String> {
        let rows = self.lab.router(1).snmp().walk(oid);
        rows.into_iter().map(|(name, value)| (name.rsplit('.').next().unwrap().to_owned(), value)).collect()
    }

    fn seen(&mut self) -> Vec<Seen> {
        let (priorities, states) = (self.column(&format!("{ROOT}.2.3.1.8")), self.column(INSTANCE_STATE));
        let number = |of: &BTreeMap<String, String>, index: &str| -> u32 {
            of.get(index).and_then(|value| value.parse().ok()).unwrap_or(0)
        };
        let rows = self.names.iter();
        let rows = rows.map(|(index, name)| (name.clone(), number(&priorities, index), number(&states, index)));
        let mut seen: Vec<Seen> = rows.collect();
        seen.sort();
        seen
    }

    /// Waits until the instances show these priorities and states.
    fn expect(&mut self, step: &str, wanted: &[(&str, u32, u32)]) {
        let mut wanted: Vec<Seen> = wanted.iter().map(|(name, p, s)| ((*name).to_owned(), *p, *s)).collect();
        wanted.sort();
        let mut seen = Vec::new();
        let end = std::time::Instant::now() + LIMIT;
        while std::time::Instant::now() < end {
            seen = self.seen();
            if seen == wanted {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{step}: {seen:?}, not {wanted:?}\n{}", self.lab.router(1).log());
    }

    /// States in traps about each instance, in order.
    fn traps(&mut self) -> BTreeMap<String, Vec<String>> {
        let mut states: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, state) in self.lab.router(1).snmp().instance_traps() {
            states.entry(name).or_default().push(state);
        }
        states
    }
}

/// Runs the steps with both daemons at the same time, and asserts that traps are the same.
fn beside_c(steps: fn(Daemon) -> BTreeMap<String, Vec<String>>) {
    let _turn = machine::shared();
    let (ours, theirs) = std::thread::scope(|scope| {
        let (ours, theirs) = (scope.spawn(move || steps(Ours)), scope.spawn(move || steps(C)));
        (ours.join().unwrap(), theirs.join().unwrap())
    });
    assert_eq!(ours, theirs, "traps of ours and of C keepalived");
}

#[test]
fn scripts_go_down_and_up() {
    beside_c(|daemon| {
        const SCRIPTS: [(&str, &str); 6] = [
            ("zero", ""),
            ("plus", "weight 10"),
            ("minus", "weight -20"),
            ("rev", "weight 10 reverse"),
            ("mrev", "weight -20 reverse"),
            ("rf", "rise 3\n  fall 2"),
        ];
        let mut steps = Steps::start(daemon, |lab| {
            let directory = lab.router(1).dir().to_owned();
            let check = lab.router(1).script("check", &format!("read rc < {}/$1.rc\nexit $rc", directory.display()));
            let mut text = "global_defs {\n  enable_traps\n  script_user root\n}\n".to_owned();
            for (name, more) in SCRIPTS {
                fs::write(directory.join(format!("{name}.rc")), "0\n").unwrap();
                text += &format!(
                    "vrrp_script {name} {{\n  script \"{} {name}\"\n  interval 0.4\n  {more}\n}}\n",
                    check.display()
                );
            }
            let track = |entries: &str| format!("track_script {{\n    {entries}\n  }}");
            for (vrid, (name, entries)) in (51..).zip([
                ("I_zero", "zero"),
                ("I_plus", "plus"),
                ("I_minus", "minus"),
                ("I_rev", "rev"),
                ("I_mrev", "mrev"),
                ("I_override", "zero weight -5\n    plus weight 7 reverse\n    minus weight 0"),
                ("I_risefall", "rf"),
                ("I_clamp", "plus weight 253\n    minus weight -253"),
            ]) {
                text += &instance(name, vrid, 100, &track(entries));
            }
            text += &(instance("G1a", 61, 100, "") + &instance("G1b", 62, 100, ""));
            text + &format!(
                "vrrp_sync_group G1 {{\n  group {{\n    G1a\n    G1b\n  }}\n  {}\n}}\n",
                track("rf\n    minus weight -7")
            )
        });
        let directory = steps.lab.router(1).dir().to_owned();
        let set = |status: u8| {
            for (name, _) in SCRIPTS {
                fs::write(directory.join(format!("{name}.rc.new")), format!("{status}\n")).unwrap();
                fs::rename(directory.join(format!("{name}.rc.new")), directory.join(format!("{name}.rc"))).unwrap();
            }
        };
        let up = [
            ("I_zero", 100, MASTER),
            ("I_plus", 110, MASTER),
            ("I_minus", 100, MASTER),
            ("I_rev", 90, MASTER),
            ("I_mrev", 100, MASTER),
            ("I_override", 93, MASTER),
            ("I_risefall", 100, MASTER),
            ("I_clamp", 254, MASTER),
            ("G1a", 100, MASTER),
            ("G1b", 100, MASTER),
        ];
        steps.expect("all scripts succeed", &up);
        set(1);
        steps.expect(
            "all scripts fail",
            &[
                ("I_zero", 100, FAULT),
                ("I_plus", 100, MASTER),
                ("I_minus", 80, MASTER),
                ("I_rev", 100, MASTER),
                ("I_mrev", 120, MASTER),
                ("I_override", 95, FAULT),
                ("I_risefall", 100, FAULT),
                ("I_clamp", 1, MASTER),
                ("G1a", 93, FAULT),
                ("G1b", 93, FAULT),
            ],
        );
        set(0);
        steps.expect("all scripts succeed again", &up);
        let log = steps.lab.router(1).log();
        for line in [
            "VRRP_Script(plus) succeeded",
            "VRRP_Script(zero) failed (exited with status 1)",
            "Script `rf` now returning 1",
            "(I_plus) Changing effective priority from 110 to 100",
        ] {
            assert!(log.contains(line), "'{line}' is not in the log of {daemon:?}:\n{log}");
        }
        steps.traps()
    });
}

#[test]
fn numbers_in_files_go_up_and_down() {
    beside_c(|daemon| {
        let mut steps = Steps::start(daemon, |lab| {
            let mut file = |name: &str| {
                let path = lab.router(1).file(name);
                fs::write(&path, "0\n").unwrap();
                path.display().to_string()
            };
            let (plain, rev, zero) = (file("plain"), file("rev"), file("zero"));
            fs::write(&rev, "3\n").unwrap();
            let tracker =
                |name: &str, path: &str, more: &str| format!("track_file {name} {{\n  file {path}\n  {more}\n}}\n");
            let track = |entries: &str| format!("track_file {{\n    {entries}\n  }}");
            let mut text = "global_defs {\n  enable_traps\n}\n".to_owned();
            text += &tracker("t_plain", &plain, "");
            text += &tracker("t_w2", &plain, "weight 2");
            text += &tracker("t_rev", &rev, "weight 2 reverse");
            text += &tracker("t_zero", &zero, "weight 0");
            text += &tracker("t_old", &plain, "weight -3").replacen("track_file", "vrrp_track_file", 1);
            for (vrid, (name, entries)) in (51..).zip([
                ("F_plain", "t_plain"),
                ("F_w2", "t_w2"),
                ("F_rev", "t_rev"),
                ("F_zero", "t_zero"),
                ("F_neg", "t_old"),
            ]) {
                text += &instance(name, vrid, 100, &track(entries));
            }
            text
        });
        let directory = steps.lab.router(1).dir().to_owned();
        let write = |name: &str, number: &str| fs::write(directory.join(name), number).unwrap();
        let mut step = |number: &str, plain: (u32, u32), w2: (u32, u32), neg: (u32, u32)| {
            write("plain", number);
            let of = |name, (priority, state): (u32, u32)| (name, priority, state);
            let rest = [("F_rev", 94, MASTER), ("F_zero", 100, MASTER)];
            steps.expect(number, &[of("F_plain", plain), of("F_w2", w2), of("F_neg", neg), rest[0], rest[1]]);
        };
        step("0", (100, MASTER), (100, MASTER), (100, MASTER));
        step("10\n", (110, MASTER), (120, MASTER), (70, MASTER));
        step("-10", (90, MASTER), (80, MASTER), (130, MASTER));
        step("60", (160, MASTER), (220, MASTER), (1, MASTER));
        step("-60", (40, MASTER), (1, MASTER), (254, MASTER));
        step("5 trailing", (105, MASTER), (110, MASTER), (85, MASTER));
        step("  7\n8\n", (107, MASTER), (114, MASTER), (79, MASTER));
        step("abc", (100, MASTER), (100, MASTER), (100, MASTER));
        // A number that reduces the priority to nothing is a fault.
        write("plain", "-254");
        write("zero", "1");
        wait_until(LIMIT, "three instances are in fault", || {
            let seen = steps.seen();
            seen.iter().filter(|(_, _, state)| *state == FAULT).map(|(name, ..)| name.as_str()).collect::<Vec<_>>()
                == ["F_plain", "F_w2", "F_zero"]
        });
        write("zero", "0");
        fs::remove_file(directory.join("plain")).unwrap();
        steps.expect(
            "the file is gone",
            &[
                ("F_plain", 100, MASTER),
                ("F_w2", 100, MASTER),
                ("F_neg", 100, MASTER),
                ("F_rev", 94, MASTER),
                ("F_zero", 100, MASTER),
            ],
        );
        steps.traps()
    });
}

/// The address moves to the other router while the check of a service fails.
#[test]
fn the_address_follows_the_service() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    for (number, priority) in [(1, 101), (2, 100)] {
        let alive = lab.router(number).file("alive").display().to_string();
        let check = lab.router(number).script("check", &format!("test -e {alive}"));
        fs::write(&alive, "").unwrap();
        let script =
            format!("vrrp_script chk {{\n  script {}\n  interval 0.2\n  fall 2\n  weight -50\n}}\n", check.display());
        let conf = instance("VI", 51, priority, "track_script {\n    chk\n  }");
        lab.router(number).configure(&format!("global_defs {{\n  script_user root\n}}\n{script}{conf}"));
        lab.router(number).start(Ours);
    }
    let vip = "10.9.0.51".parse().unwrap();
    let holders = |lab: &mut Lab| [1, 2].map(|number| lab.router(number).holds(vip));
    wait_until(LIMIT, "router 1 has the address", || holders(&mut lab) == [true, false]);
    let alive = lab.router(1).file("alive");
    fs::remove_file(&alive).unwrap();
    wait_until(LIMIT, "router 2 has the address", || holders(&mut lab) == [false, true]);
    let log = lab.router(1).log();
    assert!(log.contains("from 101 to 51 (tracked script chk failed)"), "{log}");
    fs::write(&alive, "").unwrap();
    wait_until(LIMIT, "router 1 has the address again", || holders(&mut lab) == [true, false]);
}

/// The VRRP process is killed while a script runs: the replacement continues with the states of the trackers, and rows
/// keep their indices also after a reload has removed one.
#[test]
fn a_replacement_continues_with_the_states_of_the_trackers() {
    let _turn = machine::shared();
    let mut steps = Steps::start(Ours, |lab| {
        let slow = lab.router(1).script("slow", "sleep 1");
        let number = lab.router(1).file("number");
        fs::write(&number, "7\n").unwrap();
        let script =
            |name: &str| format!("vrrp_script {name} {{\n  script {}\n  interval 1\n  timeout 5\n}}\n", slow.display());
        let file = format!("track_file load {{\n  file {}\n}}\n", number.display());
        let entries = "track_script {\n    first\n    second\n  }\n  track_file {\n    load\n  }";
        let conf = instance("VI", 51, 100, entries);
        format!("global_defs {{\n  script_user root\n}}\n{}{}{file}{conf}", script("first"), script("second"))
    });
    let scripts = format!("{ROOT}.2.9.1.2");
    steps.expect("master", &[("VI", 107, MASTER)]);
    assert_eq!(
        steps.column(&scripts).into_iter().collect::<Vec<_>>(),
        [("1".to_owned(), "first".to_owned()), ("2".to_owned(), "second".to_owned())]
    );
    let path = steps.lab.router(1).file("keepalived.conf");
    let conf = fs::read_to_string(&path).unwrap();
    let start = conf.find("vrrp_script first").unwrap();
    let end = conf.find("vrrp_script second").unwrap();
    let without = format!("{}{}", &conf[..start], &conf[end..]).replace("    first\n", "");
    steps.lab.router(1).configure(&without);
    steps.lab.router(1).daemon().signal(Signal::SIGHUP);
    let second = [("2".to_owned(), "second".to_owned())];
    wait_until(LIMIT, "the first script is gone", || steps.column(&scripts).into_iter().eq(second.clone()));
    let transitions = |steps: &mut Steps| steps.lab.router(1).log().matches("Entering").count();
    let before = transitions(&mut steps);
    let killed = steps.lab.router(1).vrrp_pid();
    kill(Pid::from_raw(killed), Signal::SIGKILL).unwrap();
    wait_until(LIMIT, "another process serves the rows", || {
        steps.lab.router(1).daemon_pids().iter().all(|pid| *pid != killed)
            && steps.column(&scripts).into_iter().eq(second.clone())
    });
    steps.expect("still master", &[("VI", 107, MASTER)]);
    // The replacement logs one line.
    let log = steps.lab.router(1).log();
    assert_eq!(transitions(&mut steps), before + 1, "{log}");
    assert!(log.contains("(VI) Entering MASTER STATE (resuming the state of the previous process)"), "{log}");
}
