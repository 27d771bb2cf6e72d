//! Time and memory of `keepalived -t` for files that expand to large configurations.
//!
//! A debug build takes some twenty times as long as a release build, so `make test` has a short form with smaller and fewer
//! texts; the long form is `LAB_SOAK=1` with `--release`, as in `make soak`.

use std::fmt::Write;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{Usage, UsageWho, getrusage};

/// CPU time limit for a text: in a release build, and in a debug build.
const MOST_TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 2 });
/// Limit of resident memory, in KiB.
const MOST_MEMORY: i64 = 200 << 10;

/// CPU time of all child processes that have ended.
fn spent(usage: &Usage) -> Duration {
    let time = |part: nix::sys::time::TimeVal| {
        let (seconds, micros) = (u64::try_from(part.tv_sec()), u64::try_from(part.tv_usec()));
        Duration::from_secs(seconds.unwrap_or(0)) + Duration::from_micros(micros.unwrap_or(0))
    };
    time(usage.user_time()) + time(usage.system_time())
}

/// Texts that expand beyond a bound: name, text, and the expected message.
fn bombs(is_long: bool) -> Vec<(&'static str, String, &'static str)> {
    let many = |long: usize| if is_long { long } else { long / 10 };
    let doubling = |value: &str| {
        let first = format!("$A0={value}\n");
        (1..31).fold(first, |text, n| format!("{text}$A{n}=${{A{}}}${{A{}}}\n", n - 1, n - 1)) + "foo $A30\n"
    };
    let lines = (1..31)
        .fold("$A0=x \\\ny\n".to_owned(), |text, n| format!("{text}$A{n}= \\\n$A{0} \\\n$A{0}\n", n - 1))
        + "$A30\n";
    let chain = (0..many(100_000)).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "$A{n}=$A{}", n + 1);
        text
    });
    let secrets = (0..many(150_000)).fold(String::new(), |mut text, n| {
        let _ = write!(text, "authentication {{\nauth_pass s3cret{n}\n}}\n");
        text
    });
    let lengthy = format!("~SEQ(X, 1, 1000000000) vrrp_script {}$X {{\n", "a".repeat(900));
    let endless = "too many lines";
    let short = vec![
        ("doubling of nothing", doubling(""), endless),
        ("long lines", lengthy, "too large"),
        ("a chain of definitions", chain + "foo $A0\n", "unknown keyword 'foo'"),
        ("parameters without end", "${".repeat(500).add_line(many(10_000)), "unknown keyword"),
        ("secrets", secrets, "unknown keyword 'authentication'"),
    ];
    let long = vec![
        ("a sequence", "~SEQ(X, 1, 1000000000) foo$X\n".into(), endless),
        (
            "sequences within each other",
            "~SEQ(X, 1, 1000000000) ~SEQ(Y, 1, 1000000000) virtual_server 10.0.0.1 $Y {\n".into(),
            endless,
        ),
        (
            "addresses",
            "vrrp_instance V {\nvirtual_ipaddress {\n~SEQ(X, 1, 1000000000) 10.0.0.$X\n}\n}\n".into(),
            endless,
        ),
        ("definitions", "$D=$N\n~SEQ(X, 1, 1000000000) ${D}_${X}=abc\n".into(), endless),
        ("doubling of lines", lines, endless),
        ("a file again and again", "include k.conf.part\n".repeat(10_000), "larger than 32 MiB"),
    ];
    if is_long { [short, long].concat() } else { short }
}

trait Repeated {
    /// Adds the text as a line, this number of times.
    fn add_line(self, times: usize) -> String;
}

impl Repeated for String {
    fn add_line(self, times: usize) -> String {
        (self + "\n").repeat(times)
    }
}

#[test]
fn time_and_memory_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k.conf");
    fs::write(path.with_extension("conf.part"), "a b c d e f\n".repeat(500_000)).unwrap();
    for (name, text, expected) in bombs(std::env::var_os("LAB_SOAK").is_some()) {
        fs::write(&path, &text).unwrap();
        let before = spent(&getrusage(UsageWho::RUSAGE_CHILDREN).unwrap());
        let output = Command::new(env!("CARGO_BIN_EXE_keepalived"))
            .args(["-t", "-f"])
            .arg(&path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        let (time, memory) = (spent(&usage) - before, usage.max_rss());
        let said = [&*output.stdout, &*output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let start: String = said.chars().take(2000).collect();
        assert!(said.contains(expected), "{name}: {start}");
        assert!(output.status.code().is_some_and(|code| code == 4 || code == 5), "{name}: {:?} {start}", output.status);
        assert!(time < MOST_TIME, "{name}: {time:?}");
        // The maximum over all child processes so far.
        assert!(memory < MOST_MEMORY, "{name}: {memory} KiB");
    }
}
