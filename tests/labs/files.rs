//! `track_file` of VRRP, compared with C keepalived: the same files give the same priorities.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::{Lab, holds_for, machine, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);

/// An operation on a file that contains 3, and the resulting priority.
enum Deed {
    Write(&'static str),
    Replace(&'static str),
    Remove,
}

const CASES: [(&str, Deed, Option<u8>); 13] = [
    ("", Deed::Write("10\n"), Some(110)),
    ("", Deed::Write("-10"), Some(90)),
    ("  weight -3\n", Deed::Write("10"), Some(70)),
    ("", Deed::Write("0x10"), Some(116)),
    ("", Deed::Write("010"), Some(108)),
    ("", Deed::Write("  7\n8\n"), Some(107)),
    ("", Deed::Write("5 and text"), Some(105)),
    ("", Deed::Write("text"), Some(100)),
    ("", Deed::Write("+4"), Some(104)),
    ("", Deed::Write(""), Some(100)),
    ("", Deed::Write("99999999999"), None),
    ("", Deed::Replace("6"), Some(106)),
    ("", Deed::Remove, Some(100)),
];

/// An instance for each case, each with its own file, and one with `init_file`.
fn conf(dir: &Path) -> String {
    let mut text = "global_defs {\n  router_id lab\n}\n".to_owned();
    let mut add = |vrid: u8, kind: &str, more: &str| {
        text += &format!(
            "{kind} f{vrid} {{\n  file {}/f{vrid}\n{more}}}\nvrrp_instance I_{vrid} {{\n  interface eth0\n  version 3\n  \
             virtual_router_id {vrid}\n  priority 100\n  virtual_ipaddress {{\n    10.9.0.{vrid}\n  }}\n  \
             track_file {{\n    f{vrid}\n  }}\n}}\n",
            dir.display()
        );
    };
    for (vrid, (more, ..)) in (51..).zip(&CASES) {
        add(vrid, if vrid % 2 == 0 { "track_file" } else { "vrrp_track_file" }, more);
    }
    add(MADE, "track_file", "  init_file 5 overwrite\n");
    text
}

/// The instance of `init_file`.
const MADE: u8 = 99;

/// `VRID FROM TO` of each change of priority, in order for each instance.
fn changes(log: &str) -> Vec<String> {
    let line = |line: &str| {
        let (vrid, what) = line.split_once("(I_")?.1.split_once(") Changing effective priority from ")?;
        let mut words = what.split(' ');
        Some(format!("{vrid} {} {}", words.next()?, words.nth(1)?))
    };
    let mut changes: Vec<String> = log.lines().filter_map(line).collect();
    changes.sort_by_key(|line| line.split(' ').next().map(str::to_owned));
    changes
}

#[test]
fn numbers_in_files_are_priorities_as_in_c() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let dirs = [1, 2].map(|router| lab.router(router).dir().join("numbers"));
    for (router, (daemon, dir)) in [Ours, C].into_iter().zip(&dirs).enumerate() {
        fs::create_dir(dir).unwrap();
        fs::write(dir.join(format!("f{MADE}")), "77").unwrap();
        (51..).zip(&CASES).for_each(|(vrid, _)| fs::write(dir.join(format!("f{vrid}")), "3").unwrap());
        lab.router(router + 1).configure(&conf(dir));
        lab.router(router + 1).start(daemon);
    }
    let first = |weight: &str| if weight.is_empty() { 103 } else { 91 };
    let mut wanted: Vec<String> =
        (51..).zip(&CASES).map(|(vrid, (weight, ..))| format!("{vrid} 100 {}", first(weight))).collect();
    wanted.push(format!("{MADE} 100 105"));
    let expect = |lab: &mut Lab, wanted: &[String]| {
        for router in [1, 2] {
            let what = format!("on router {router}: {wanted:?}");
            wait_until(LIMIT, &what, || changes(&lab.router(router).log()) == wanted);
        }
    };
    expect(&mut lab, &wanted);
    for (vrid, (weight, deed, then)) in (51..).zip(&CASES) {
        for dir in &dirs {
            let path = dir.join(format!("f{vrid}"));
            match deed {
                Deed::Write(text) => fs::write(path, text).unwrap(),
                Deed::Replace(text) => {
                    fs::write(dir.join("new"), text).unwrap();
                    fs::rename(dir.join("new"), path).unwrap();
                }
                Deed::Remove => fs::remove_file(path).unwrap(),
            }
        }
        wanted.extend(then.map(|then| format!("{vrid} {} {then}", first(weight))));
        wanted.sort_by_key(|line| line.split(' ').next().map(str::to_owned));
        expect(&mut lab, &wanted);
    }
    for router in [1, 2] {
        wait_until(LIMIT, "it is logged", || lab.router(router).log().contains("99999999999"));
    }
    let log = lab.router(1).log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("99999999999")).collect();
    assert!(lines.len() == 1 && lines[0].contains("track_file f61") && lines[0].contains("/f61"), "{lines:?}");
    for dir in &dirs {
        let made = dir.join(format!("f{MADE}"));
        assert_eq!(fs::read_to_string(&made).unwrap().trim(), "5");
        assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o600, "although it existed before");
    }
}

/// `init_file` acts at the start of the daemon only: a reload or a replaced process does not overwrite later values.
#[test]
fn init_file_writes_at_the_start_only() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let dir = lab.router(1).dir().join("numbers");
    fs::create_dir(&dir).unwrap();
    let made = dir.join(format!("f{MADE}"));
    lab.router(1).configure(&conf(&dir));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "init_file", || fs::read_to_string(&made).is_ok_and(|text| text == "5\n"));
    assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o600);
    let priorities = |lab: &mut Lab| changes(&lab.router(1).log());
    wait_until(LIMIT, "its number", || priorities(&mut lab) == ["99 100 105"]);
    fs::write(&made, "9").unwrap();
    wait_until(LIMIT, "another number", || priorities(&mut lab) == ["99 100 105", "99 105 109"]);

    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the reload", || lab.router(1).log().contains("Reload complete"));
    let killed = lab.router(1).vrrp_pid();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(killed), Signal::SIGKILL).unwrap();
    wait_until(LIMIT, "another process", || lab.router(1).vrrp_pid() != killed);
    holds_for(Duration::from_secs(2), "the file stays", || fs::read_to_string(&made).is_ok_and(|text| text == "9"));
}
