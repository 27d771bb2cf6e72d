//! Keywords without their values: with what C keepalived starts, we start.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use crate::config_support::{file, in_parallel, load_text};
use keepalived::config::keywords::{Keyword, walk};
use lab::Daemon::C;
use lab::{Lab, machine};

/// A keyword in its blocks, with what precedes the value.
struct Case {
    path: Vec<&'static str>,
    keyword: &'static Keyword,
    line: String,
}

/// How C keepalived reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Starts,
    Refuses,
    /// The keyword is newer than the C keepalived of the labs, or that crashes.
    Unknown,
}

fn reading(output: &Output, keyword: &str) -> Reading {
    let text = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        _ if text.contains("Unknown keyword") => Reading::Unknown,
        None => Reading::Unknown,
        Some(2) => Reading::Refuses,
        Some(0 | 5 | 6) => Reading::Starts,
        other => panic!("{keyword}: {other:?} {:?} {text}", output.status.signal()),
    }
}

#[test]
fn a_missing_value_refuses_no_file_that_c_keepalived_takes() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let mut cases = Vec::new();
    walk(&mut |path, keyword| {
        if !keyword.args.is_empty() && !keyword.is_placeholder() {
            let mut add = |line: String| cases.push(Case { path: path.to_vec(), keyword, line });
            add(keyword.name.to_owned());
            // A word before the value.
            if keyword.usage.starts_with("[all] ") {
                add(format!("{} all", keyword.name));
            }
        }
    });
    let router = lab.router(1);
    let directory = tempfile::tempdir().unwrap();
    let results = in_parallel(&cases, |cases| {
        router.netns().enter(|| {
            let of = |case: &Case| {
                let text = file(&case.path, &case.line, case.keyword);
                let name =
                    format!("{}.conf", case.path.iter().copied().chain([&*case.line]).collect::<Vec<_>>().join("-"));
                let path = directory.path().join(name.replace(' ', "-"));
                std::fs::write(&path, &text).unwrap();
                let output = C.program().arg("-t").arg("-f").arg(&path).output().unwrap();
                let theirs = reading(&output, &case.line);
                let ours = load_text(&text);
                let wrong = theirs == Reading::Starts && ours.config.is_none();
                (theirs, wrong.then(|| format!("{:?} {}: {}", case.path, case.line, ours.diagnostics)))
            };
            cases.iter().map(of).collect::<Vec<_>>()
        })
    });
    let count = |reading| results.iter().filter(|(theirs, _)| *theirs == reading).count();
    let counts = [Reading::Starts, Reading::Refuses, Reading::Unknown].map(count);
    assert!(counts[0] > 120 && counts[1] > 200, "{counts:?}");
    let wrong: Vec<_> = results.iter().filter_map(|(_, wrong)| wrong.clone()).collect();
    assert!(wrong.is_empty(), "{} of {counts:?}\n{}", wrong.len(), wrong.join("\n"));
}
