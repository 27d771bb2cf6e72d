//! User-mode Linux: a second kernel as a process, for what this machine's kernel may not have (IPVS).
//!
//! Its root is the file system of the host, read only, so it runs the same programs; see `tests/uml/init.sh`. Tests
//! of a file that wrap their bodies in [`inside`] are all run there in one boot, one after the other.

use std::any::type_name;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::daemon::workspace;
use crate::machine;
use crate::process::{Proc, output_of};
use crate::wait_until;

/// What a run inside came to.
#[derive(Debug)]
pub struct Report {
    /// Exit status of the command; `None` when it did not end in time, or the kernel did not come up.
    pub status: Option<i32>,
    /// Standard output and error of the command.
    pub output: String,
    /// What the kernel said.
    pub console: String,
}

/// Memory of the kernel.
const MEMORY: &str = "mem=1G";
/// Time for all tests of a file.
const LIMIT: Duration = Duration::from_secs(600);
/// Set for test processes inside.
const MARK: &str = "LAB_UML";
/// What a run needs, as program and Debian's package.
const TOOLS: [(&str, &str); 4] =
    [("linux.uml", "user-mode-linux"), ("ipvsadm", "ipvsadm"), ("modprobe", "kmod"), ("cc", "gcc")];

/// Runs `test` inside user-mode Linux, where it may do to the kernel what it likes.
///
/// Called on the outside, it boots the kernel once for the whole test program, which runs itself there, and succeeds
/// if the test of the calling function did. `test` must be a closure written in that function.
pub fn inside<T: FnOnce()>(test: T) {
    if is_inside() {
        return test();
    }
    static REPORT: OnceLock<Report> = OnceLock::new();
    let report = REPORT.get_or_init(|| {
        let _turn = machine::shared();
        run_this_program(LIMIT)
    });
    // "program::name::{{closure}}"
    let name = type_name::<T>().split_once("::").map_or("", |(_, path)| path).trim_end_matches("::{{closure}}");
    if report.output.lines().any(|line| line == format!("test {name} ... ok")) {
        return;
    }
    let header = format!("---- {name} stdout ----");
    let section = report.output.split(&header).nth(1).and_then(|rest| rest.split("\n---- ").next());
    match section {
        Some(section) => panic!("failed in user-mode Linux:{}", section.split("\nfailures:\n").next().unwrap_or("")),
        None => {
            panic!("no result from user-mode Linux, status {:?}\n{}\n{}", report.status, report.output, report.console)
        }
    }
}

/// Whether this process runs inside.
pub fn is_inside() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Boots the kernel, runs a shell script in it and takes the kernel away again, at the latest after `limit`.
pub fn run(script: &str, limit: Duration) -> Report {
    let _turn = machine::shared();
    boot(script, limit)
}

fn boot(script: &str, limit: Duration) -> Report {
    for (tool, package) in TOOLS {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().expect("a shell");
        assert!(found.status.success(), "{tool} is missing: install {package} (make tools does)");
    }
    let dir = TempDir::with_prefix("uml").expect("a temporary directory");
    let file = |name: &str| dir.path().join(name);
    fs::write(file("command"), script).expect("our own directory");
    let mut kernel = Command::new("linux.uml");
    kernel.env("LD_PRELOAD", shim(dir.path())).args([MEMORY, "rootfstype=hostfs", "rootflags=/", "ro", "quiet"]);
    kernel.args(["con=null", "con0=null,fd:1", "con1=null", "umid=lab"]);
    kernel.arg(format!("uml_dir={}/", dir.path().display()));
    kernel.arg(format!("init={}", workspace().join("tests/uml/init.sh").display()));
    kernel.arg(format!("EXCHANGE={}", dir.path().display()));
    let mut kernel = Proc::spawn(kernel, &file("console"));
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_until(limit, "user-mode Linux has ended", || !kernel.is_running());
    }));
    kernel.kill_group();
    let read = |name: &str| String::from_utf8_lossy(&fs::read(file(name)).unwrap_or_default()).into_owned();
    let status = read("status").trim().parse().ok().filter(|_| ended.is_ok());
    Report { status, output: read("output"), console: read("console") }
}

/// Runs this program inside, with the same choice of tests and the same LAB_ and BENCH_ variables. The caller has taken
/// its turn ([`machine`]).
pub fn run_this_program(limit: Duration) -> Report {
    let program = std::env::current_exe().expect("the path of this test");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, names): (Vec<String>, Vec<String>) = arguments.into_iter().partition(|word| word.starts_with('-'));
    // With options that take values it is not clear which words are names: then all tests are run.
    let chosen = if options.iter().all(|option| option == "--exact") { [names, options].concat() } else { Vec::new() };
    let words: Vec<String> = std::iter::once(program.display().to_string()).chain(chosen).map(quoted).collect();
    let ours = std::env::vars().filter(|(name, _)| name.starts_with("LAB_") || name.starts_with("BENCH_"));
    let settings: String = ours.map(|(name, value)| format!("export {name}={}\n", quoted(value))).collect();
    let start = format!("{MARK}=1 RUST_TEST_THREADS=1 exec {}", words.join(" "));
    boot(&format!("cd {}\n{settings}{start}\n", quoted(here())), limit)
}

/// A library that lets this kernel run on processors newer than it: see the source.
fn shim(dir: &Path) -> PathBuf {
    let library = dir.join("xstate.so");
    let source = workspace().join("tests/uml/xstate.c");
    output_of(Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(source));
    library
}

fn here() -> String {
    std::env::current_dir().expect("a working directory").display().to_string()
}

/// A word for the shell.
fn quoted(word: String) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
