//! Files and names that the daemon refuses, as a user sees them: it does not start, and leaves alone what is there.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

/// Longer than any start; one that waits for the other end of a FIFO does not come back.
const LIMIT: Duration = Duration::from_secs(20);

/// Starts the program with a configuration that has nothing to do, and stops it if it runs on.
fn start(directory: &Path, arguments: &[&str]) -> (bool, Output) {
    let config = directory.join("keepalived.conf");
    fs::write(&config, "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_keepalived"));
    command.args(["-n", "-l", "-G", "-f"]).arg(&config).args(arguments);
    for (option, name) in [("-p", "parent.pid"), ("-r", "vrrp.pid"), ("-c", "checkers.pid"), ("-b", "bfd.pid")] {
        if !arguments.contains(&option) {
            command.arg(option).arg(directory.join(name));
        }
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + LIMIT;
    while child.try_wait().unwrap().is_none() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    let ended = child.try_wait().unwrap().is_some();
    if !ended {
        child.kill().unwrap();
    }
    (ended, child.wait_with_output().unwrap())
}

#[test]
fn what_is_no_pid_file_of_ours_is_refused_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    // As /dev/null is, in a directory of this test.
    mknod(&place("null"), SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(1, 3)).unwrap();
    nix::unistd::mkfifo(&place("fifo"), Mode::S_IRWXU).unwrap();
    fs::write(place("precious"), "precious").unwrap();
    fs::hard_link(place("precious"), place("second")).unwrap();
    symlink(place("precious"), place("link")).unwrap();
    for (name, reason) in
        [("null", "it is a device"), ("fifo", "it is a FIFO"), ("second", "hard links"), ("link", "symbolic link")]
    {
        for option in ["-p", "-r", "-c", "-b"] {
            let (ended, output) = start(directory.path(), &[option, place(name).to_str().unwrap()]);
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(ended && output.status.code() == Some(1), "{option} {name}: {:?} {text}", output.status);
            assert!(text.contains(reason) && text.contains(name), "{option} {name}: {text}");
            assert!(!place("parent.pid").exists(), "{option} {name}: a pid file is left");
        }
    }
    assert!(place("null").symlink_metadata().unwrap().file_type().is_char_device());
    assert!(place("fifo").symlink_metadata().unwrap().file_type().is_fifo());
    assert_eq!(fs::read_to_string(place("precious")).unwrap(), "precious");
    assert_eq!(fs::read_to_string(place("second")).unwrap(), "precious");
}

/// -s beats net_namespace, which is checked as the file is read.
#[test]
fn a_namespace_is_a_name() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["../x", "a/b", "..", ""] {
        let (ended, output) = start(directory.path(), &["-s", name]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(ended && output.status.code() == Some(1), "{name}: {:?} {text}", output.status);
        assert!(text.contains("the option takes the name of a namespace"), "{name}: {text}");
    }
}
