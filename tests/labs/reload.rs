//! SIGHUP: a new file is applied as a difference, and a file with errors changes nothing.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lab::Daemon::Ours;
use lab::conf::VRID;
use lab::{Lab, Protocol, holds_for, machine, now, wait_until};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);
const PROTOCOL: Protocol = Protocol::V3;

fn master() -> (Lab, String) {
    let mut lab = Lab::new(1);
    let conf = PROTOCOL.conf(100, "");
    lab.router(1).configure(&conf);
    lab.router(1).start(Ours);
    wait_until(LIMIT, "the address is set", || lab.router(1).holds(PROTOCOL.vips(VRID)[0]));
    (lab, conf)
}

fn logged(lab: &mut Lab, text: &str) -> usize {
    lab.router(1).log().matches(text).count()
}

#[test]
fn an_address_is_added_and_removed_without_a_transition() {
    let _turn = machine::shared();
    let (mut lab, conf) = master();
    let vip = PROTOCOL.vips(VRID)[0];
    let more = conf.replacen(&format!("{vip}"), &format!("{vip}\n    10.77.0.1/32\n    {vip}"), 1);
    let more = more.replacen(&format!("    {vip}\n    10.77.0.1/32\n"), "    10.77.0.1/32\n", 1);
    assert!(more.contains("10.77.0.1") && more.contains(&vip.to_string()));

    let before = now();
    lab.router(1).configure(&more);
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the new address is set", || lab.router(1).holds("10.77.0.1".parse().unwrap()));
    wait_until(LIMIT, "the new address is advertised", || {
        let adverts = lab.wire.adverts(1, VRID, before);
        adverts.iter().any(|(_, advert)| advert.addresses.len() > PROTOCOL.vips(VRID).len())
    });
    lab.router(1).configure(&conf);
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the new address is removed", || !lab.router(1).holds("10.77.0.1".parse().unwrap()));

    assert!(lab.router(1).holds(vip));
    assert_eq!(logged(&mut lab, "Entering MASTER STATE"), 1);
    assert_eq!(logged(&mut lab, "Startup complete"), 1);
    wait_until(LIMIT, "both reloads are complete", || logged(&mut lab, "Reload complete") == 2);
    let adverts = lab.wire.adverts(1, VRID, before);
    assert!(adverts.iter().all(|(_, advert)| advert.priority == 100), "no advert of priority 0");
}

#[test]
fn a_file_with_errors_changes_nothing() {
    let _turn = machine::shared();
    let (mut lab, conf) = master();
    lab.router(1).configure(&conf.replacen("virtual_router_id", "virtual_ruoter_id", 1));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the error is logged", || logged(&mut lab, "did you mean 'virtual_router_id'?") > 0);
    wait_until(LIMIT, "the consequence is logged", || logged(&mut lab, "the running configuration stays in force") > 0);
    holds_for(Duration::from_millis(300), "the reload does not complete", || logged(&mut lab, "Reload complete") == 0);
    let from = now();
    holds_for(Duration::from_secs(1), "the address stays", || lab.router(1).holds(PROTOCOL.vips(VRID)[0]));
    assert!(lab.wire.adverts(1, VRID, from).len() >= 8, "adverts continue");
}

#[test]
fn a_change_of_a_fixed_setting_is_refused() {
    let _turn = machine::shared();
    let (mut lab, conf) = master();
    lab.router(1).configure(&format!("instance other\n{conf}"));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the setting is named", || logged(&mut lab, "instance cannot be changed by a reload") > 0);
    // A setting that can wait holds nothing up.
    let priority = "priority 100";
    assert!(conf.contains(priority));
    let changed =
        format!("global_defs {{\n umask 0027\n log_format json\n}}\n{}", conf.replace(priority, "priority 190"));
    lab.router(1).configure(&changed);
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the rest is in force", || logged(&mut lab, "The new configuration is in force") == 1);
    for setting in ["umask", "log_format"] {
        let line =
            format!("{setting} stays as it was at the start; restart keepalived to change it (the reload goes on)");
        assert_eq!(logged(&mut lab, &line), 1, "{setting}");
    }
}

/// An editor or a deployment may truncate the file before it writes the new content.
#[test]
fn an_empty_file_changes_nothing() {
    let _turn = machine::shared();
    let (mut lab, conf) = master();
    for (empty, refusals) in [("", 1), ("\n# soon\n\n", 2)] {
        lab.router(1).configure(empty);
        lab.router(1).daemon().signal(Signal::SIGHUP);
        let line = "Not reloaded: the configuration is empty; the running configuration stays in force";
        wait_until(LIMIT, "it is refused", || logged(&mut lab, line) == refusals);
    }
    lab.router(1).configure(&conf);
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the complete file is used", || logged(&mut lab, "The new configuration is in force") == 1);
    assert!(lab.router(1).holds(PROTOCOL.vips(VRID)[0]));
    assert_eq!(logged(&mut lab, "Entering MASTER STATE"), 1);
}

/// A deployment that is still writing an included file. The file is large, so that it changes while it is read.
#[test]
fn a_file_that_changes_while_it_is_read_changes_nothing() {
    let _turn = machine::shared();
    let (mut lab, conf) = master();
    let part = lab.router(1).file("part.conf");
    fs::write(&part, "# A line of a large file.\n".repeat(20_000)).unwrap();
    let vip = PROTOCOL.vips(VRID)[0].to_string();
    lab.router(1).configure(&format!("include {}\n{}", part.display(), conf.replace(&vip, "10.77.0.1")));
    let refusal = format!(
        "Not reloaded: {} changed while it was read; the running configuration stays in force (write files elsewhere and \
         rename them)",
        part.display()
    );
    let refused = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::OpenOptions::new().append(true).open(&part).unwrap();
            let end = Instant::now() + LIMIT;
            while !refused.load(Ordering::Relaxed) && Instant::now() < end {
                file.write_all(b"#\n").unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        lab.router(1).daemon().signal(Signal::SIGHUP);
        wait_until(LIMIT, &refusal, || logged(&mut lab, &refusal) == 1);
        refused.store(true, Ordering::Relaxed);
    });
    assert!(lab.router(1).holds(PROTOCOL.vips(VRID)[0]) && !lab.router(1).holds("10.77.0.1".parse().unwrap()));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the complete file is used", || lab.router(1).holds("10.77.0.1".parse().unwrap()));
    assert_eq!(logged(&mut lab, "Not reloaded"), 1);
}

/// The faulty parts of a file are ignored, as by C keepalived. A reload must not add faults.
#[test]
fn faults_of_the_running_configuration_do_not_prevent_a_reload() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let text = |priority: u8, more: &str| {
        PROTOCOL.conf(priority, "").replacen("priority", &format!("banana 7\n  {more}\n  priority"), 1)
    };
    lab.router(1).configure(&text(100, ""));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    let log = lab.router(1).log();
    assert!(log.contains("fault: unknown keyword 'banana'"), "{log}");
    assert!(log.contains("The configuration has 1 fault: the faulty parts are ignored"), "{log}");
    let reload = |lab: &mut Lab, text: &str, line: &str, times: usize| {
        lab.router(1).configure(text);
        lab.router(1).daemon().signal(Signal::SIGHUP);
        wait_until(LIMIT, line, || lab.router(1).log().matches(line).count() == times);
    };
    const DONE: &str = "The new configuration is in force";
    // The same fault elsewhere in the file, and other values.
    reload(&mut lab, &format!("\n\n{}", text(120, "")), DONE, 1);
    let refusal =
        "Not reloaded: the configuration has a fault that the running one does not have: unknown keyword 'apple'";
    reload(&mut lab, &text(130, "apple 5"), refusal, 1);
    // Once the fault was corrected, it counts as new.
    reload(&mut lab, &Protocol::V3.conf(140, ""), DONE, 2);
    let refusal =
        "Not reloaded: the configuration has a fault that the running one does not have: unknown keyword 'banana'";
    reload(&mut lab, &text(150, ""), refusal, 1);
}

#[test]
fn a_strict_start_refuses_faults() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&Protocol::V3.conf(100, "banana 7"));
    let usual = lab.router(1).command(Ours);
    let test = |extra: &str| {
        let mut command = std::process::Command::new(usual.get_program());
        command.args(usual.get_args()).arg(extra).output().unwrap()
    };
    let strict = test("--strict-config");
    assert_eq!(strict.status.code(), Some(2), "{strict:?}");
    assert!(String::from_utf8_lossy(&strict.stderr).contains("error: unknown keyword 'banana'"), "{strict:?}");
    let checked = test("-t");
    assert_eq!(checked.status.code(), Some(5), "{checked:?}");
    assert!(String::from_utf8_lossy(&checked.stderr).contains("fault: unknown keyword 'banana'"), "{checked:?}");
}

/// Reloads at a time in a file, one of them refused; the sign of a reload; copies of what was read.
#[test]
fn reloads_at_set_times_leave_copies_and_show_a_sign() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let [times, sign, saved] = ["time", "busy", "saved"].map(|name| lab.router(1).file(name));
    let conf = |repeat: &str, priority: u8| {
        let settings = format!(
            "global_defs {{\n  reload_time_file {}\n  {repeat}\n  reload_file {}\n  config_save_dir {}\n}}\n",
            times.display(),
            sign.display(),
            saved.display()
        );
        settings
            + &PROTOCOL.conf(priority, "auth_hmac {\n    key 1 hush4711hush4711hush4711hush4711\n    active_key 1\n  }")
    };
    lab.router(1).configure(&conf("", 100));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    let parent = lab.router(1).daemon().pid();
    let vrrp = lab.router(1).vrrp_pid();
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
    let masks = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE;
    inotify.add_watch(sign.parent().unwrap(), masks).unwrap();

    // A moment with a date: the file is removed then.
    let soon = |format: &str| {
        let at = chrono::Local::now() + Duration::from_secs(3);
        fs::write(&times, format!("{}\n", at.format(format))).unwrap();
    };
    lab.router(1).configure(&conf("", 110));
    soon("%Y-%m-%d %H:%M:%S");
    wait_until(LIMIT, "the reload is scheduled", || logged(&mut lab, "Scheduling reload for ") == 1);
    wait_until(LIMIT, "the reload is complete", || logged(&mut lab, "Reload complete") == 1);
    wait_until(LIMIT, "the file is removed", || !times.exists());
    let events = inotify.read_events().unwrap_or_default();
    let signs: Vec<AddWatchFlags> =
        events.iter().filter(|event| event.name.as_deref() == sign.file_name()).map(|event| event.mask).collect();
    assert_eq!(signs, [AddWatchFlags::IN_CREATE, AddWatchFlags::IN_DELETE]);

    // A reload that is refused is one too.
    let faulty = conf("", 120).replacen("router_id", "router_idd", 1);
    lab.router(1).configure(&faulty);
    soon("%H:%M:%S");
    wait_until(LIMIT, "the reload is refused", || logged(&mut lab, "Not reloaded: ") == 1);
    wait_until(LIMIT, "the file is removed", || !times.exists());

    // With reload_repeat a time without a date comes again a day later.
    lab.router(1).configure(&conf("reload_repeat", 120));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the second reload is complete", || logged(&mut lab, "Reload complete") == 2);
    soon("%H:%M:%S");
    wait_until(LIMIT, "the third reload is complete", || logged(&mut lab, "Reload complete") == 3);
    assert_eq!(logged(&mut lab, "Scheduling reload for "), 4);
    assert!(times.exists());
    fs::remove_file(&times).unwrap();
    wait_until(LIMIT, "it is cancelled", || logged(&mut lab, "Cancelling reload scheduled for ") == 1);
    assert_eq!(logged(&mut lab, "Entering MASTER STATE"), 1);

    // The copies are there for debugging, without secrets.
    let name = |name: &str| saved.join(name.replace("PARENT", &parent.to_string()).replace("VRRP", &vrrp.to_string()));
    let copy = |file: &str| {
        let path = name(file);
        wait_until(LIMIT, &format!("{} is written", path.display()), || path.exists());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("hush"), "{text}");
        text
    };
    for (number, priority) in [100, 110, 120, 120, 120].into_iter().enumerate() {
        let text = copy(&format!("keepalived.conf.PARENT.{number}"));
        assert!(text.starts_with("# /") && text.contains(&format!("priority {priority}\n")), "{text}");
    }
    let of = |text: &str| text.lines().find(|line| line.starts_with("   Priority = ")).unwrap().to_owned();
    assert_eq!(of(&copy("keepalived_vrrp.VRRP.1.pre")), "   Priority = 100");
    assert_eq!(of(&copy("keepalived_vrrp.VRRP.1.post")), "   Priority = 110");
    assert_eq!(of(&copy("keepalived_vrrp.VRRP.2.pre")), "   Priority = 110");
    copy("keepalived_vrrp.VRRP.3.post");
}
