//! Check scripts (outcomes, time limits, users) and watched files.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use keepalived::config::model::{InitFile, ScriptUser, TrackFile};
use keepalived::net::{ChildEvent, Children, FileEvent, InitFiles, Key, Outcome, watch_files};
use keepalived::reactor::{Events, Interest, Program, Reactor, Token, clock, launcher};

const LONG: Duration = Duration::from_secs(20);

fn children() -> Children {
    at_most(1024)
}

fn at_most(most: usize) -> Children {
    launcher::set_launcher(env!("CARGO_BIN_EXE_keepalived").into());
    Children::at_most(most).unwrap()
}

fn key(id: u64) -> Key {
    Key { id: id.into(), generation: 1 }
}

fn program(argv: Vec<String>) -> Program {
    Program { argv, user: None, guarded: false, groups: false, resolved: false }
}

fn sh(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

/// Waits in an event loop until `take` returns a value.
fn wait<T>(source: &impl AsRawFd, mut take: impl FnMut() -> Option<T>) -> T {
    let mut reactor = Reactor::new().unwrap();
    reactor.register(source, Token(1), Interest::READABLE).unwrap();
    let until = clock::now() + LONG;
    let mut events = Events::with_capacity(4);
    loop {
        if let Some(found) = take() {
            return found;
        }
        assert!(clock::now() < until, "no event");
        reactor.wait(Some(until), &mut events).unwrap();
    }
}

fn next(children: &Children) -> ChildEvent {
    let mut list = Vec::new();
    let event = wait(children, || {
        children.events(&mut list);
        list.pop()
    });
    assert!(list.is_empty(), "{list:?}");
    event
}

fn outcome(argv: Vec<String>, user: Option<ScriptUser>, limit: Duration) -> Outcome {
    let children = children();
    children.run(key(1), Program { argv, user, guarded: false, groups: false, resolved: false }, limit);
    let event = next(&children);
    assert_eq!(event.key, key(1));
    event.outcome
}

#[test]
fn programs_beyond_the_limit_are_refused() {
    let children = at_most(2);
    for id in 1..=2 {
        children.run(key(id), program(sh("exec sleep 60")), LONG);
    }
    children.run(key(3), program(sh("exit 0")), LONG);
    let refused = Outcome::NoResources("2 programs are running already".into());
    assert_eq!(next(&children), ChildEvent { key: key(3), outcome: refused.clone() });
    children.cancel(key(1));
    // When that program has exited there is room.
    let until = Instant::now() + LONG;
    loop {
        assert!(Instant::now() < until, "the program is always refused");
        children.run(key(3), program(sh("exit 0")), LONG);
        match next(&children).outcome {
            Outcome::Exited(0) => break,
            other => assert_eq!(other, refused),
        }
    }
}

#[test]
fn every_kind_of_outcome_is_reported() {
    assert_eq!(outcome(sh("exit 0"), None, LONG), Outcome::Exited(0));
    assert_eq!(outcome(sh("exit 77"), None, LONG), Outcome::Exited(77));
    assert_eq!(outcome(sh("kill -9 $$"), None, LONG), Outcome::Killed(9));
    let Outcome::NotStarted(why) = outcome(vec!["/nowhere/script".into()], None, LONG) else { panic!("started") };
    assert_eq!(why, "No such file or directory");
    assert!(matches!(outcome(Vec::new(), None, LONG), Outcome::NotStarted(_)));
}

#[test]
fn a_script_runs_as_its_user_in_its_own_group_with_no_input() {
    let nobody = Some(ScriptUser { uid: 65534, gid: 65533 });
    let script = "test $(id -u) = 65534 && test $(id -g) = 65533 && test $(id -G) = 65533 || exit 1\n\
                  read line && exit 2\n test $(cut -d' ' -f5 /proc/$$/stat) = $$ || exit 3";
    assert_eq!(outcome(sh(script), nobody, LONG), Outcome::Exited(0));
}

/// `set_supplementary_groups`. The user of FRR, which the labs have, is a member of another group.
#[test]
fn a_script_has_the_groups_of_its_user_if_it_is_to_have_them() {
    let user = nix::unistd::User::from_name("frr").unwrap().unwrap();
    let user = Some(ScriptUser { uid: user.uid.as_raw(), gid: user.gid.as_raw() });
    let all = "test \"$(id -G)\" = \"$(id -G frr)\" && test \"$(id -G | wc -w)\" = 2";
    for (groups, expected) in [(true, Outcome::Exited(0)), (false, Outcome::Exited(1))] {
        let children = children();
        let program = Program { groups, user: user.clone(), ..program(sh(all)) };
        children.run(key(1), program, LONG);
        assert_eq!(next(&children).outcome, expected, "groups {groups}");
    }
}

/// `use_symlink_paths`.
#[test]
fn a_script_behind_a_link_finds_files_beside_it_unless_links_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let real = directory.path().join("real");
    fs::create_dir(&real).unwrap();
    fs::write(real.join("beside"), "").unwrap();
    fs::write(real.join("script.sh"), "#!/bin/sh\ntest -e \"$(dirname \"$0\")/beside\"\n").unwrap();
    fs::set_permissions(real.join("script.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let link = directory.path().join("link.sh");
    std::os::unix::fs::symlink(real.join("script.sh"), &link).unwrap();
    for (resolved, expected) in [(true, Outcome::Exited(0)), (false, Outcome::Exited(1))] {
        let children = children();
        let program = Program { resolved, ..program(vec![link.display().to_string()]) };
        children.run(key(1), program, LONG);
        assert_eq!(next(&children).outcome, expected, "resolved {resolved}");
    }
}

/// `enable_script_security` is checked at the start of a program, not when the configuration is read.
#[test]
fn a_program_that_others_can_change_is_not_run_as_root() {
    let directory = tempfile::Builder::new().tempdir_in("/run").unwrap();
    let path = directory.path().join("check.sh");
    fs::write(&path, "#!/bin/sh\nexit 7\n").unwrap();
    let run = |mode: u32, user: Option<ScriptUser>| {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let children = children();
        children.run(
            key(1),
            Program { argv: vec![path.display().to_string()], user, guarded: true, groups: false, resolved: false },
            LONG,
        );
        next(&children).outcome
    };
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(run(0o755, None), Outcome::Exited(7));
    let refused = format!("it is not run as root: everyone may write to '{}'", path.display());
    assert_eq!(run(0o757, None), Outcome::NotStarted(refused));
    let nobody = Some(ScriptUser { uid: 65534, gid: 65534 });
    assert_eq!(run(0o757, nobody), Outcome::Exited(7));
    std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
    let refused = format!("it is not run as root: '{}' belongs to user nobody", path.display());
    assert_eq!(run(0o755, None), Outcome::NotStarted(refused));
    std::os::unix::fs::chown(directory.path(), None, Some(50)).unwrap();
    std::os::unix::fs::chown(&path, Some(0), None).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o775)).unwrap();
    let refused = format!("it is not run as root: group staff may write to '{}'", directory.path().display());
    assert_eq!(run(0o755, None), Outcome::NotStarted(refused));
}

#[test]
fn a_guarded_program_that_is_gone_is_not_called_insecure() {
    let children = children();
    let argv = vec!["/run/no/such/script".to_owned()];
    children.run(key(1), Program { argv, user: None, guarded: true, groups: false, resolved: false }, LONG);
    assert_eq!(next(&children).outcome, Outcome::NotStarted("No such file or directory".to_owned()));
}

/// The file that is executed is the file that was checked, even while a symbolic link in its path is swapped.
#[test]
fn swapping_a_symbolic_link_does_not_run_a_foreign_script_as_root() {
    let directory = tempfile::Builder::new().tempdir_in("/run").unwrap();
    let place = |name: &str| directory.path().join(name);
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, owner) in [("ours", 0), ("foreign", 65534)] {
        fs::create_dir(place(name)).unwrap();
        fs::set_permissions(place(name), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::chown(place(name), Some(owner), None).unwrap();
        let script = place(name).join("run.sh");
        fs::write(&script, format!("#!/bin/sh\ntest -e {} || : > {0}\n", place(&format!("{name}.ran")).display()))
            .unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    }
    launcher::set_launcher(env!("CARGO_BIN_EXE_keepalived").into());
    let link = place("link");
    let swap = |target: &str| {
        std::os::unix::fs::symlink(target, place("next")).unwrap();
        fs::rename(place("next"), &link).unwrap();
    };
    swap("ours");
    let runner = program(vec![link.join("run.sh").display().to_string()]);
    let (mut refused, mut started) = (0, 0);
    std::thread::scope(|scope| {
        // The thread ends when the other end is dropped, also by a panic.
        let (end, ended) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            while ended.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                ["foreign", "ours"].into_iter().for_each(swap);
            }
        });
        let until = std::time::Instant::now() + LONG;
        // Both outcomes must occur for the test to be meaningful.
        while (refused < 20 || started < 20) && std::time::Instant::now() < until {
            match (Program { guarded: true, ..runner.clone() }).start() {
                Ok(mut child) => {
                    assert!(child.wait().unwrap().success());
                    started += 1;
                }
                Err(error) => {
                    assert!(error.to_string().contains("belongs to user"), "{error}");
                    refused += 1;
                }
            }
        }
        drop(end);
    });
    assert!(refused >= 20 && started >= 20, "{refused} refused, {started} started");
    assert!(place("ours.ran").exists() && !place("foreign.ran").exists());
}

#[test]
fn a_script_that_exceeds_its_limit_is_terminated_with_its_children() {
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("term");
    let script = format!("trap 'echo x > {}; exit 0' TERM; sleep 600 & wait", mark.display());
    let start = Instant::now();
    assert_eq!(outcome(sh(&script), None, Duration::from_millis(300)), Outcome::TimedOut);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(mark.exists(), "it was not sent SIGTERM");
}

#[test]
fn a_script_that_ignores_term_is_killed_two_seconds_later() {
    let start = Instant::now();
    let script = "trap '' TERM; while :; do sleep 1; done";
    assert_eq!(outcome(sh(script), None, Duration::from_millis(100)), Outcome::TimedOut);
    assert!(start.elapsed() >= Duration::from_millis(2100), "{:?}", start.elapsed());
}

#[test]
fn many_scripts_run_in_parallel_and_a_cancelled_one_has_no_event() {
    let children = children();
    children.run(key(99), program(sh("sleep 600")), LONG);
    for n in 0..40 {
        children.run(key(n), program(sh(&format!("exit {n}"))), LONG);
    }
    children.cancel(key(99));
    let mut ended = Vec::new();
    wait(&children, || {
        children.events(&mut ended);
        (ended.len() >= 40).then_some(())
    });
    ended.sort_by_key(|event| event.key);
    let expected: Vec<_> =
        (0..40).map(|n| ChildEvent { key: key(n), outcome: Outcome::Exited(n.try_into().unwrap()) }).collect();
    assert_eq!(ended, expected);
}

/// The pid of the runner that this test program has started for a program with this argument.
fn runner_of(argument: &str) -> i32 {
    let read = |path: String| fs::read_to_string(path).unwrap_or_default();
    let pids = || fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let until = Instant::now() + LONG;
    loop {
        let found = pids().find(|pid: &i32| read(format!("/proc/{pid}/cmdline")).contains(argument));
        let stat = found.map(|pid| read(format!("/proc/{pid}/stat")));
        let parent = stat.as_deref().and_then(|stat| stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok());
        match parent {
            Some(parent) if read(format!("/proc/{parent}/cmdline")).contains("--run-programs") => return parent,
            _ => assert!(Instant::now() < until, "it did not start"),
        }
    }
}

/// The processes with this argument, without their zombies.
fn with_argument(argument: &str) -> Vec<i32> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let has = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(argument));
    pids.filter(has).collect()
}

/// The programs of a runner that is stopped or killed end with it: those that run, with the processes of their group and whoever their
/// user is, and those that were cancelled and do not end by themselves. What an earlier program has left goes on.
#[test]
fn a_runner_that_hangs_or_was_killed_is_replaced_and_its_programs_are_killed() {
    use nix::sys::signal::{Signal, kill};

    for (signal, why, id) in [(Signal::SIGSTOP, "has not answered for 5 s", 20), (Signal::SIGKILL, "has exited", 30)] {
        let children = children();
        let time = |number: u32| format!("{id}.{number}{}", std::process::id());
        let (left, runs, cancelled) = (time(1), time(2), time(3));
        children.run(key(1), program(sh(&format!("setsid sleep {left} & exit 0"))), LONG);
        assert_eq!(next(&children).outcome, Outcome::Exited(0));
        let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
        let user = Some(ScriptUser { uid: nobody.uid.as_raw(), gid: nobody.gid.as_raw() });
        let script = sh(&format!("sleep {runs} & sleep {runs}; wait"));
        children.run(key(2), Program { user, ..program(script) }, LONG);
        children.run(key(3), program(sh(&format!("trap '' TERM; sleep {cancelled}; sleep {cancelled}"))), LONG);
        let until = Instant::now() + LONG;
        let wait_until = |what: &str, is_so: &dyn Fn() -> bool| {
            while !is_so() {
                assert!(Instant::now() < until, "{what}");
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        wait_until("they did not start", &|| with_argument(&runs).len() == 3 && with_argument(&cancelled).len() == 2);
        let runner = nix::unistd::Pid::from_raw(runner_of(&cancelled));
        children.cancel(key(3));
        kill(runner, signal).unwrap();
        let why = format!("the process that runs check scripts {why}");
        assert_eq!(next(&children), ChildEvent { key: key(2), outcome: Outcome::NoResources(why) });
        wait_until("they go on", &|| with_argument(&runs).is_empty() && with_argument(&cancelled).is_empty());
        let left = with_argument(&left);
        assert_eq!(left.len(), 1);
        kill(nix::unistd::Pid::from_raw(left[0]), Signal::SIGKILL).unwrap();
        children.run(key(4), program(sh("exit 3")), LONG);
        assert_eq!(next(&children), ChildEvent { key: key(4), outcome: Outcome::Exited(3) });
    }
}

#[test]
fn running_programs_are_killed_with_the_runner() {
    let directory = tempfile::tempdir().unwrap();
    let pid_file = directory.path().join("pid");
    let children = children();
    let script = sh(&format!("echo $$ > {0}.new; mv {0}.new {0}; sleep 600", pid_file.display()));
    children.run(key(1), program(script), LONG);
    let until = Instant::now() + LONG;
    while !pid_file.exists() {
        assert!(Instant::now() < until, "it did not start");
        std::thread::yield_now();
    }
    let process = format!("/proc/{}", fs::read_to_string(&pid_file).unwrap().trim());
    assert!(Path::new(&process).exists());
    drop(children);
    while Path::new(&process).exists() {
        assert!(Instant::now() < until, "it is still running");
        std::thread::yield_now();
    }
}

#[test]
fn changes_of_numbers_in_files_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let file = |name: &str| TrackFile {
        name: name.to_owned(),
        path: path(name).to_str().unwrap().to_owned(),
        weight: 1,
        reverse: false,
        init: None,
    };
    fs::write(path("a"), "5\n").unwrap();
    let all = [file("a"), file("b"), file("later/c")];
    let files = watch_files(&all, InitFiles::AsWritten).unwrap();
    let mut list = Vec::new();
    let mut expect = |name: &str, number: i32| {
        let event = wait(&files, || {
            files.events(&mut list);
            (!list.is_empty()).then(|| list.remove(0))
        });
        assert_eq!(event, FileEvent::Number { name: name.to_owned(), number });
    };
    // The first reads finish in any order.
    let mut first: Vec<FileEvent> = Vec::new();
    wait(&files, || {
        files.events(&mut first);
        (first.len() >= all.len()).then_some(())
    });
    first.sort_by_key(|event| format!("{event:?}"));
    let number = |name: &str, number| FileEvent::Number { name: name.to_owned(), number };
    assert_eq!(first, [number("a", 5), number("b", 0), number("later/c", 0)]);
    fs::write(path("a"), "-6").unwrap();
    expect("a", -6);
    fs::write(path("b.new"), "7").unwrap();
    fs::rename(path("b.new"), path("b")).unwrap();
    expect("b", 7);
    fs::remove_file(path("b")).unwrap();
    expect("b", 0);
    // A directory that is created later is found, and so is its replacement.
    for number in [8, 9] {
        fs::create_dir(path("later")).unwrap();
        fs::write(path("later/c"), number.to_string()).unwrap();
        expect("later/c", number);
        fs::remove_dir_all(path("later")).unwrap();
        expect("later/c", 0);
    }
    // Written in pieces: a partial number is not reported.
    let mut written = fs::File::create(path("b")).unwrap();
    for piece in ["1", "2", "3\n"] {
        written.write_all(piece.as_bytes()).unwrap();
        // Meanwhile another file of the directory is completed.
        fs::write(path("other"), "x").unwrap();
    }
    drop(written);
    expect("b", 123);
    // A link to a file of another directory.
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("n"), "0x10").unwrap();
    fs::remove_file(path("a")).unwrap();
    expect("a", 0);
    std::os::unix::fs::symlink(elsewhere.path().join("n"), path("a")).unwrap();
    expect("a", 16);
    fs::write(elsewhere.path().join("n"), "010").unwrap();
    expect("a", 8);
}

/// A file without a usable number keeps its old number, and the reason is reported.
#[test]
fn a_file_without_a_usable_number_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f");
    let init = Some(InitFile { value: 5, overwrite: false });
    let file = TrackFile { name: "t".into(), path: path.to_str().unwrap().into(), weight: 1, reverse: false, init };
    let files = watch_files(&[file], InitFiles::AsWritten).unwrap();
    let mut list = Vec::new();
    let mut next = || {
        wait(&files, || {
            files.events(&mut list);
            (!list.is_empty()).then(|| list.remove(0))
        })
    };
    assert_eq!(next(), FileEvent::Number { name: "t".into(), number: 5 }, "init_file");
    let mut trouble = |wanted: &str| {
        let event = next();
        let FileEvent::Trouble { name, text } = &event else { panic!("{event:?}") };
        let all = ["track_file t", path.to_str().unwrap(), wanted, "the number stays 5"];
        assert!(name == "t" && all.iter().all(|part| text.contains(part)), "{text}");
    };
    fs::write(&path, "99999999999").unwrap();
    trouble("'99999999999' is beyond 32 bits");
    let replace = |make: &dyn Fn(&Path)| {
        let new = directory.path().join("new");
        make(&new);
        fs::rename(new, &path).unwrap();
    };
    replace(&|new| nix::unistd::mkfifo(new, nix::sys::stat::Mode::S_IRUSR).unwrap());
    trouble("it is not a regular file");
    fs::write(directory.path().join("n"), "6").unwrap();
    fs::rename(directory.path().join("n"), &path).unwrap();
    assert_eq!(next(), FileEvent::Number { name: "t".into(), number: 6 });
}
