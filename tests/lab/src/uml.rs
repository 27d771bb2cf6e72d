//! User-mode Linux: a second kernel as a process, for features that this machine's kernel may not have (IPVS).
//!
//! Its root is the host's file system, read only, so it runs the same programs; see `tests/uml/init.sh`. The tests of a
//! program that wrap their bodies in [`inside`] are run there one after the other, shared between two kernels.

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

/// Result of a run in user-mode Linux.
#[derive(Debug)]
pub struct Report {
    /// Exit status of the command; `None` when it did not exit in time, or the kernel did not boot.
    pub status: Option<i32>,
    /// Standard output and error of the command.
    pub output: String,
    /// Console output of the kernel.
    pub console: String,
}

/// Memory of the kernel.
const MEMORY: &str = "mem=1G";
/// Number of kernels that run the tests of a program.
const KERNELS: usize = 2;
/// Time limit for all tests of a program.
const LIMIT: Duration = Duration::from_secs(900);
/// Environment variable that is set for test processes inside.
const MARK: &str = "LAB_UML";
/// The programs that a run needs, with their Debian packages.
const TOOLS: [(&str, &str); 5] = [
    ("linux.uml", "user-mode-linux"),
    ("ipvsadm", "ipvsadm"),
    ("modprobe", "kmod"),
    ("cc", "gcc"),
    ("taskset", "util-linux"),
];

/// Runs `test` inside user-mode Linux, where it may change the kernel.
///
/// Called on the host, it boots the kernels once for the whole test program, which runs itself there, and succeeds if the
/// test of the calling function succeeded. `test` must be a closure in that function.
pub fn inside<T: FnOnce()>(test: T) {
    if is_inside() {
        return test();
    }
    static REPORT: OnceLock<Report> = OnceLock::new();
    let report = REPORT.get_or_init(|| {
        let _turn = machine::shared();
        run_tests()
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

/// Runs `test` on the host only, beside other labs: for tests in a file whose others run [`inside`].
pub fn outside(test: impl FnOnce()) {
    if !is_inside() {
        let _turn = machine::shared();
        test();
    }
}

/// Whether this process runs inside user-mode Linux.
pub fn is_inside() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Boots the kernel and runs a shell script in it; kills the kernel after `limit`.
pub fn run(script: &str, limit: Duration) -> Report {
    let _turn = machine::shared();
    boot(0, script, limit)
}

/// Boots kernel number `kernel`.
fn boot(kernel: usize, script: &str, limit: Duration) -> Report {
    for (tool, package) in TOOLS {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().expect("a shell");
        assert!(found.status.success(), "{tool} is missing: install {package} (make tools does)");
    }
    let dir = TempDir::with_prefix("uml").expect("a temporary directory");
    let file = |name: &str| dir.path().join(name);
    fs::write(file("command"), script).expect("our own directory");
    // A kernel and its processes run alternately. Pinned to one processor that is three to six times faster than on two,
    // where each switch wakes the other processor. LAB_UML_ROAMS=1 does not pin.
    let mut kernel = if std::env::var_os("LAB_UML_ROAMS").is_some() {
        Command::new("linux.uml")
    } else {
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", &machine::processor(kernel).to_string(), "linux.uml"]);
        pinned
    };
    kernel.env("LD_PRELOAD", shim(dir.path())).args([MEMORY, "rootfstype=hostfs", "rootflags=/", "ro", "quiet"]);
    kernel.args(["con=null", "con0=null,fd:1", "con1=null", "umid=lab"]);
    kernel.arg(format!("uml_dir={}/", dir.path().display()));
    kernel.arg(format!("init={}", workspace().join("tests/uml/init.sh").display()));
    kernel.arg(format!("EXCHANGE={}", dir.path().display()));
    let mut kernel = Proc::spawn(kernel, &file("console"));
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_until(limit, "user-mode Linux has exited", || !kernel.is_running());
    }));
    kernel.kill_group();
    let read = |name: &str| String::from_utf8_lossy(&fs::read(file(name)).unwrap_or_default()).into_owned();
    let status = read("status").trim().parse().ok().filter(|_| ended.is_ok());
    Report { status, output: read("output"), console: read("console") }
}

/// Runs the selected tests of this program inside, shared between kernels with one processor each.
fn run_tests() -> Report {
    let listed = output_of(Command::new(this_program()).args(chosen()).arg("--list"));
    let tests: Vec<&str> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let shares: Vec<Vec<String>> = (0..KERNELS)
        .map(|kernel| tests.iter().skip(kernel).step_by(KERNELS).map(|test| (*test).to_owned()).collect())
        .filter(|share: &Vec<String>| !share.is_empty())
        .collect();
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let run = |(kernel, share): (usize, Vec<String>)| {
            run_program(kernel, [share, vec!["--exact".into()]].concat(), LIMIT)
        };
        let kernels: Vec<_> = shares.into_iter().enumerate().map(|share| scope.spawn(move || run(share))).collect();
        kernels.into_iter().map(|kernel| kernel.join().expect("a boot does not panic")).collect()
    });
    Report {
        status: reports
            .iter()
            .map(|report| report.status)
            .max_by_key(|status| status.is_none_or(|code| code != 0))
            .flatten(),
        output: reports.iter().map(|report| report.output.as_str()).collect(),
        console: reports.iter().map(|report| report.console.as_str()).collect(),
    }
}

/// Runs this program inside, with the same selection of tests and the same LAB_ and BENCH_ variables. The caller must have
/// reserved the machine ([`machine`]).
pub fn run_this_program(limit: Duration) -> Report {
    run_program(0, chosen(), limit)
}

/// The arguments of the command line that select tests.
fn chosen() -> Vec<String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // These select none.
    let selects = |word: &String| word != "--nocapture" && !word.starts_with("--test-threads=");
    let (options, names): (Vec<String>, Vec<String>) =
        arguments.into_iter().filter(selects).partition(|word| word.starts_with('-'));
    // With options that take values it is unknown which arguments are names: then all tests are run.
    if options.iter().all(|option| option == "--exact") { [names, options].concat() } else { Vec::new() }
}

fn run_program(kernel: usize, arguments: Vec<String>, limit: Duration) -> Report {
    let program = this_program().display().to_string();
    let words: Vec<String> = std::iter::once(program).chain(arguments).map(quoted).collect();
    let ours = std::env::vars().filter(|(name, _)| name.starts_with("LAB_") || name.starts_with("BENCH_"));
    let settings: String = ours.map(|(name, value)| format!("export {name}={}\n", quoted(value))).collect();
    let start = format!("{MARK}=1 RUST_TEST_THREADS=1 exec {}", words.join(" "));
    boot(kernel, &format!("cd {}\n{settings}{start}\n", quoted(here())), limit)
}

fn this_program() -> PathBuf {
    std::env::current_exe().expect("the path of this program")
}

/// Builds a library that lets this kernel run on newer processors: see the source.
fn shim(dir: &Path) -> PathBuf {
    let library = dir.join("xstate.so");
    let source = workspace().join("tests/uml/xstate.c");
    output_of(Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(source));
    library
}

fn here() -> String {
    std::env::current_dir().expect("a working directory").display().to_string()
}

/// Quotes a word for the shell.
fn quoted(word: String) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
