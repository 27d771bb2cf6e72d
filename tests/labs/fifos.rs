//! The FIFOs of `notify_fifo` and related keywords.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use lab::Daemon::{self, C, Ours};
use lab::{Lab, Protocol, holds_for, machine, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

const LIMIT: Duration = Duration::from_secs(30);
const PROTOCOL: Protocol = Protocol::V3;

/// An instance whose priority follows a file, with lines for `global_defs`.
fn conf(directory: &Path, global: &str) -> String {
    let instance = PROTOCOL.conf(100, "notify_priority_changes\n  track_file {\n number weight 1\n}");
    let instance = instance.replacen('{', &format!("{{\n{global}\n"), 1);
    format!("track_file number {{\n  file {}\n  init_file 0\n}}\n{instance}", directory.join("number").display())
}

/// Reads a FIFO to which the daemon writes.
struct Reader(File, String);

impl Reader {
    fn open(path: &Path) -> Reader {
        wait_until(LIMIT, "the FIFO is there", || path.exists());
        Reader(OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path).unwrap(), String::new())
    }

    /// All that has arrived so far.
    fn text(&mut self) -> &str {
        let mut octets = [0; 4096];
        while let Ok(length) = self.0.read(&mut octets) {
            if length == 0 {
                break;
            }
            self.1 += std::str::from_utf8(&octets[..length]).unwrap();
        }
        &self.1
    }

    fn await_text(&mut self, expected: &str) {
        wait_until(LIMIT, &format!("{expected:?} arrives"), || self.text().contains(expected));
    }
}

/// The lines of a life: start, a change of priority, a stop.
fn life(daemon: Daemon) -> (String, String) {
    let mut lab = Lab::new(1);
    // Otherwise the first state is FAULT.
    wait_until(LIMIT, "the link is up", || lab.router(1).netns().ip("-o link show dev eth0").contains("LOWER_UP"));
    let directory = lab.router(1).dir().to_owned();
    let (all, vrrp) = (directory.join("all.fifo"), directory.join("vrrp.fifo"));
    let read = directory.join("read");
    // It reads whole lines, and gets the path as its last argument.
    let reading =
        format!("echo \"$@\" >> {0}\nwhile read -r line; do echo \"$line\" >> {0}; done < \"$2\"\n", read.display());
    let script = lab.router(1).script("reader.sh", &reading);
    let global = format!(
        "script_user root\n notify_fifo {}\n notify_fifo_script \"{} first\"\n vrrp_notify_fifo {}",
        all.display(),
        script.display(),
        vrrp.display()
    );
    lab.router(1).configure(&conf(&directory, &global));
    lab.router(1).start(daemon);
    let mut reader = Reader::open(&vrrp);
    reader.await_text("INSTANCE \"VI_51\" MASTER 100\n");
    fs::write(directory.join("number"), "10\n").unwrap();
    reader.await_text("INSTANCE \"VI_51\" MASTER_PRIORITY 110\n");
    lab.router(1).stop();
    reader.await_text("STOP");
    let through_script = || fs::read_to_string(&read).unwrap_or_default();
    if daemon == Ours {
        // C keepalived ends the script before it can read that.
        wait_until(LIMIT, "the script has read it", || through_script().contains("STOP"));
    }
    assert!(!all.exists() && !vrrp.exists(), "the FIFOs are removed");
    (reader.text().to_owned(), through_script().replace(&all.display().to_string(), "PATH"))
}

#[test]
fn the_lines_of_vrrp_are_those_of_c_keepalived() {
    let _turn = machine::shared();
    let (ours, read) = life(Ours);
    assert_eq!(
        ours,
        "INSTANCE \"VI_51\" BACKUP 100\n\
         INSTANCE \"VI_51\" MASTER 100\n\
         INSTANCE \"VI_51\" MASTER_PRIORITY 110\n\
         INSTANCE \"VI_51\" STOP 110\n"
    );
    assert_eq!(read, format!("first PATH\n{ours}"));
    let (lines, through_script) = life(C);
    assert_eq!(lines, ours);
    assert!(read.starts_with(&through_script) && through_script.contains("first PATH\n"), "{through_script}");
}

#[test]
fn lines_about_servers_end_with_nul() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let directory = lab.router(1).dir().to_owned();
    let lvs = directory.join("lvs.fifo");
    let service = "virtual_server 10.9.0.51 80 {
  protocol TCP
  delay_loop 1
  real_server 10.9.0.250 80 {
    TCP_CHECK {
      connect_timeout 1
      retry 0
    }
  }
}
";
    let text = conf(&directory, &format!("lvs_notify_fifo {} nobody", lvs.display())) + service;
    lab.router(1).configure(&text);
    let command = lab.router(1).whole(Ours);
    lab.router(1).start_with(command);
    let mut reader = Reader::open(&lvs);
    reader.await_text("VS [10.9.0.51]:tcp:80 DOWN\n\0");
    let text = reader.text();
    assert!(
        text.ends_with("RS [10.9.0.250]:tcp:80 [10.9.0.51]:tcp:80 DOWN\n\0VS [10.9.0.51]:tcp:80 DOWN\n\0"),
        "{text:?}"
    );
    let found = fs::metadata(&lvs).unwrap();
    assert!(found.file_type().is_fifo());
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    assert_eq!((found.mode() & 0o7777, found.uid()), (0o644, nobody.uid.as_raw()));
    assert!(lab.router(1).stop().1.success());
}

#[test]
fn a_fifo_is_kept_over_reloads_and_crashes() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let directory = lab.router(1).dir().to_owned();
    let (fifo, read) = (directory.join("all.fifo"), directory.join("read"));
    let script = lab
        .router(1)
        .script("reader.sh", &format!("while read -r line; do echo \"$line\" >> {}; done < \"$1\"\n", read.display()));
    let with = |more: &str| {
        let global = format!(
            "script_user root\n notify_fifo {}\n notify_fifo_script {}\n{more}",
            fifo.display(),
            script.display()
        );
        conf(&directory, &global)
    };
    let lines = || fs::read_to_string(&read).unwrap_or_default();
    lab.router(1).configure(&with(""));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "the instance is master", || lines().contains("MASTER 100"));
    let inode = fs::metadata(&fifo).unwrap().ino();

    kill(Pid::from_raw(lab.router(1).vrrp_pid()), Signal::SIGKILL).unwrap();
    wait_until(LIMIT, "another process has taken over", || lab.router(1).log().contains("resuming the state"));
    fs::write(directory.join("number"), "7\n").unwrap();
    wait_until(LIMIT, "the script still reads", || lines().contains("MASTER_PRIORITY 107"));
    assert!(!lab.router(1).log().contains("has ended"), "{}", lab.router(1).log());
    assert_eq!(lines().matches(" MASTER 10").count(), 1, "the resumed state is no news: {}", lines());

    lab.router(1).configure(&with("fifo_write_vrrp_states_on_reload"));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the states are told again", || lines().ends_with("INSTANCE \"VI_51\" MASTER 107\n"));
    assert_eq!(fs::metadata(&fifo).unwrap().ino(), inode);

    lab.router(1).configure(&conf(&directory, ""));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the FIFO is removed", || !fifo.exists());
    assert!(lab.router(1).stop().1.success());
}

#[test]
fn a_full_fifo_delays_nothing_and_the_dropped_lines_are_counted() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let directory = lab.router(1).dir().to_owned();
    let fifo = directory.join("all.fifo");
    lab.router(1).configure(&conf(&directory, &format!("notify_fifo {}", fifo.display())));
    lab.router(1).start(Ours);
    let mut reader = Reader::open(&fifo);
    reader.await_text("MASTER 100\n");
    let mut filler = OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(&fifo).unwrap();
    while filler.write(&[b'x'; 512]).is_ok() {}
    for number in [1, 2] {
        fs::write(directory.join("number"), format!("{number}\n")).unwrap();
        let line = format!("to 10{number} ");
        wait_until(LIMIT, "the priority changes all the same", || lab.router(1).log().contains(&line));
    }
    let full = format!("Cannot write to the FIFO {}: it is full, as nobody reads it; ", fifo.display());
    wait_until(LIMIT, "it is logged", || lab.router(1).log().contains(&full));
    holds_for(Duration::from_millis(100), "it is logged once", || lab.router(1).log().matches(&full).count() == 1);
    // Room again.
    reader.text();
    fs::write(directory.join("number"), "3\n").unwrap();
    reader.await_text("xINSTANCE \"VI_51\" MASTER_PRIORITY 103\n");
    assert!(!reader.text().contains("102"), "no part of a dropped line arrives");
    let dropped = format!("2 lines for the FIFO {} dropped", fifo.display());
    wait_until(LIMIT, "the number is logged", || lab.router(1).log().contains(&dropped));
    assert!(lab.router(1).stop().1.success());
}

/// After a kill of all processes the FIFO is still that of the daemon; if its configuration does not have it any more, it goes at once.
#[test]
fn a_fifo_of_a_killed_daemon_is_removed_and_that_of_an_administrator_is_not() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let directory = lab.router(1).dir().to_owned();
    let [made, gone, other] = ["made", "gone", "other"].map(|name| directory.join(name));
    let keywords = ["notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo"];
    let named: Vec<String> = keywords
        .iter()
        .zip([&made, &gone, &other])
        .map(|(keyword, path)| format!("{keyword} {}\n", path.display()))
        .collect();
    lab.router(1).configure(&conf(&directory, &named.concat()));
    lab.router(1).start(Ours);
    Reader::open(&made).await_text("MASTER 100\n");
    let record = lab.router(1).file("keepalived.fifos");
    wait_until(LIMIT, "they are recorded", || {
        let text = fs::read_to_string(&record).unwrap_or_default();
        [&made, &gone, &other].iter().all(|path| text.contains(&path.display().to_string()))
    });
    lab.router(1).kill9();
    // The administrator makes one in place of that of the daemon.
    fs::rename(&other, other.with_extension("before")).unwrap();
    mkfifo(&other, Mode::from_bits_truncate(0o600)).unwrap();
    lab.router(1).configure(&conf(&directory, &[named[0].as_str(), &named[2]].concat()));
    lab.router(1).start(Ours);
    Reader::open(&made).await_text("MASTER 100\n");
    wait_until(LIMIT, "the FIFO without a use is removed", || !gone.exists());
    assert!(lab.router(1).stop().1.success());
    assert!(!made.exists() && other.exists() && !record.exists(), "{}", lab.router(1).log());
}

#[test]
fn other_files_are_refused_and_a_fifo_of_the_administrator_is_kept() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let directory = lab.router(1).dir().to_owned();
    let [plain, own, link] = ["plain", "own", "link"].map(|name| directory.join(name));
    fs::write(&plain, "precious").unwrap();
    mkfifo(&own, Mode::from_bits_truncate(0o600)).unwrap();
    mkfifo(&link.with_extension("target"), Mode::from_bits_truncate(0o600)).unwrap();
    chown(link.with_extension("target"), Some(4242), None).unwrap();
    std::os::unix::fs::symlink(link.with_extension("target"), &link).unwrap();
    let global = format!(
        "notify_fifo {}\n vrrp_notify_fifo {}\n lvs_notify_fifo {}",
        plain.display(),
        own.display(),
        link.display()
    );
    lab.router(1).configure(&conf(&directory, &global));
    lab.router(1).start(Ours);
    Reader::open(&own).await_text("MASTER 100\n");
    for (path, why) in [(&plain, "it is not a FIFO"), (&link, "Too many levels of symbolic links")] {
        let line = format!("Cannot use the FIFO {}: {why}", path.display());
        wait_until(LIMIT, &line, || lab.router(1).log().contains(&line));
    }
    assert!(lab.router(1).stop().1.success());
    assert_eq!(fs::read_to_string(&plain).unwrap(), "precious");
    let found = fs::metadata(&own).unwrap();
    assert!(found.file_type().is_fifo() && found.permissions().mode() & 0o7777 == 0o600, "it is not ours");
}
