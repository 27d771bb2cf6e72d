//! Reads configurations in tests, independent of the machine.
#![allow(dead_code, reason = "each test uses a part")]

use std::fs;
use std::path::{Path, PathBuf};

use keepalived::config::keywords::{Body, Keyword};
use keepalived::config::{Loaded, Options, Outside, Severity, load, load_recorded};

/// Options to read a file with fixed answers.
pub fn options(path: &Path) -> Options {
    let outside = Outside { host_name: "lb1".into(), ..Outside::fixed() };
    Options {
        path: path.to_owned(),
        config_id: "lb1".into(),
        directory: None,
        all_config: false,
        strict: false,
        outside,
    }
}

/// Works on parts of a list at the same time, one for each processor. The results are in the order of the list.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let size = items.len().div_ceil(processors).max(1);
    std::thread::scope(|scope| {
        let work = &work;
        let parts: Vec<_> = items.chunks(size).map(|part| scope.spawn(move || work(part))).collect();
        let joined = parts.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.flat_map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// A directory with the files of a test.
pub struct Files(pub tempfile::TempDir);

impl Files {
    /// Writes the files.
    pub fn new(files: &[(&str, &[u8])]) -> std::io::Result<Files> {
        let directory = Files(tempfile::tempdir()?);
        for (name, text) in files {
            let path = directory.path(name);
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            fs::write(path, text)?;
        }
        Ok(directory)
    }

    /// Path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Reads one of the files.
    pub fn load(&self, name: &str) -> Loaded {
        load(&options(&self.path(name)))
    }
}

/// Reads a text as the configuration file. The snapshot for the child processes must give the same configuration.
pub fn load_text(text: impl AsRef<[u8]>) -> Loaded {
    match Files::new(&[("k.conf", text.as_ref())]) {
        Ok(files) => {
            let loaded = files.load("k.conf");
            let recorded = load_recorded(&options(&files.path("k.conf"))).map(|loaded| loaded.config);
            let handed_over = recorded.and_then(|config| config.map(|(_, snapshot)| snapshot.parse()).transpose());
            assert_eq!(handed_over.as_ref(), Ok(&loaded.config));
            loaded
        }
        Err(e) => panic!("{e}"),
    }
}

/// A file with a line inside the blocks of its path.
pub fn file(path: &[&'static str], line: &str, keyword: &Keyword) -> String {
    let named =
        ["vrrp_sync_group", "vrrp_instance", "vrrp_script", "vrrp_track_process", "track_file", "vrrp_track_file"];
    let mut text = String::new();
    for name in path {
        let argument = match *name {
            "virtual_server" | "real_server" => " 10.0.0.1 80",
            "snmp_trap_target" => " 192.0.2.1",
            n if named.contains(&n) || matches!(n, "track_group" | "bfd_instance" | "virtual_server_group") => " NAME",
            _ => "",
        };
        text += &format!("{name}{argument} {{\n");
    }
    text += line;
    text += if matches!(keyword.body, Body::None) { "\n" } else { " {\n}\n" };
    for depth in (0..path.len()).rev() {
        // The required keywords of an instance come last, so that the line under test has a fixed number.
        if depth == 0 && path[0] == "vrrp_instance" {
            text += "interface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 10.9.9.9 }\n";
        }
        text += "}\n";
    }
    text
}

/// Words for the consequence of a fault.
const CONSEQUENCES: [&str; 14] = [
    "is not included",
    "is cut off",
    "is not replaced",
    "ignored",
    "is used",
    "are used",
    "left out",
    "not started",
    "not run",
    "counts as down",
    "is taken as",
    "are multicast",
    "not tracked",
    "the check fails",
];

/// Faults without a remedy or without a consequence.
pub fn incomplete(loaded: &Loaded) -> Vec<String> {
    let mut found = Vec::new();
    for d in loaded.diagnostics.iter().filter(|d| d.severity == Severity::Fault) {
        if d.help.is_none() {
            found.push(format!("no remedy for: {}", d.message));
        }
        if !CONSEQUENCES.iter().any(|words| d.message.contains(words)) {
            found.push(format!("no consequence of: {}", d.message));
        }
    }
    found
}

/// Compares a table of differences, made of `tests/data/NAME`, with docs/differences.md. With `UPDATE_EXPECTED` the page is
/// written anew.
#[allow(clippy::unwrap_used, reason = "a test")]
pub fn check_documented(name: &str, table: &str) {
    // Tests that run at the same time write parts of one page.
    static PAGE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _page = PAGE.lock();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/differences.md");
    let (begin, end) = (format!("<!-- begin: tests/data/{name} -->\n"), format!("<!-- end of {name} -->\n"));
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(&begin).unwrap();
    let (shown, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
    } else {
        assert_eq!(shown, table, "docs/differences.md: run this test with UPDATE_EXPECTED=1 to write it anew");
    }
}
