//! Reads files into items: resolves comments, conditions, parameters, repetitions and includes, and splits lines at braces.

mod lines;
mod pieces;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::diag::Class;
use super::encoding::{OddCharacters, decode};
use super::file::{Problem, Stamp, open};
use super::include::Checks;
use super::items::Items;
use super::line::Line;
use super::params::Params;
use super::pending::Pending;
use super::place::At;
use super::report::Report;
use super::watch::Watch;

/// Most files, each inclusion counted.
const MAX_FILES: u32 = 10_000;
/// Deepest nesting of included files.
const MAX_NESTING: usize = 32;

/// Reads files into items.
pub(crate) struct Reader<'a> {
    items: Items,
    report: &'a mut Report,
    params: Params,
    checks: Checks,
    all_config: bool,
    stack: Vec<Open>,
    files: u32,
    /// Files with their state before reading.
    stamps: Vec<(PathBuf, Stamp)>,
    pending: Option<Pending>,
    watch: Watch,
}

struct Open {
    directory: PathBuf,
    identity: (u64, u64),
    /// Offset of the current line in the file.
    line_start: usize,
    /// Characters that are easily mistaken for others.
    odd: OddCharacters,
}

impl<'a> Reader<'a> {
    /// A reader; with `all_config`, every problem of an include is an error.
    pub fn new(report: &'a mut Report, params: Params, all_config: bool) -> Reader<'a> {
        let checks = if all_config { Checks::ALL } else { Checks::default() };
        Reader {
            items: Items::default(),
            report,
            params,
            checks,
            all_config,
            stack: Vec::new(),
            files: 0,
            stamps: Vec::new(),
            pending: None,
            watch: Watch::default(),
        }
    }

    /// Reads the top-level file or files.
    pub fn read_top(&mut self, path: &Path) {
        let pattern: &str = &path.to_string_lossy();
        let paths = match super::glob::alternatives(pattern) {
            // The name of an existing file is not a pattern.
            _ if path.symlink_metadata().is_ok() => vec![path.to_path_buf()],
            Some(list) => list.iter().flat_map(|p| super::glob::matches(p, Path::new(""))).collect(),
            None => Vec::new(),
        };
        if paths.is_empty() {
            let file = self.items.sources.add(pattern.to_owned(), String::new());
            let at = At { file, ..At::default() };
            let text = if super::glob::has_wildcard(pattern) { "no file matches" } else { "the file does not exist" };
            self.report.error(Class::FileNotFound, at, text).help("name the configuration file with -f FILE");
            return;
        }
        for path in paths {
            if let Err(problem) = self.read_file(&path, true) {
                let file = self.items.sources.add(path.display().to_string(), String::new());
                let at = At { file, ..At::default() };
                let draft = self.report.error(Class::FileNotFound, at, problem.text);
                if let Some(help) = problem.help {
                    draft.help(help);
                }
            }
        }
    }

    /// Reads one file, or gives the reason why it cannot be read.
    fn read_file(&mut self, path: &Path, top: bool) -> Result<(), Problem> {
        let (bytes, stamp) = open(path, top, self.params.budget().bytes())?;
        let identity = stamp.identity();
        if self.stack.iter().any(|o| o.identity == identity) {
            return Err(Problem::fault("it is being read already", "remove the line that includes it again"));
        }
        if self.stack.len() >= MAX_NESTING {
            return Err(Problem::new(format!("files are nested more than {MAX_NESTING} levels deep")).fatal());
        }
        if self.files >= MAX_FILES {
            return Err(Problem::new(format!("more than {MAX_FILES} files are included")).fatal());
        }
        self.files = self.files.saturating_add(1);
        self.stamps.push((path.to_path_buf(), stamp));
        let directory = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        self.stack.push(Open { directory, identity, line_start: 0, odd: OddCharacters::default() });
        let (checks, pwd) = (self.checks, self.pwd());
        let outer = std::mem::replace(&mut self.params.directory, pwd);
        let (whole, foreign) = decode(bytes);
        let file = self.items.sources.add(path.display().to_string(), whole);
        if top && path.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0) {
            let at = At { file, ..At::default() };
            self.report.fault(Class::General, at, "the configuration file is executable").help("chmod a-x FILE");
        }
        if foreign.report(file, self.report) {
            self.lines(file);
        }
        self.end_definition();
        self.params.directory = outer;
        self.checks = checks;
        if let Some(open) = self.stack.pop() {
            open.odd.report(self.report);
        }
        Ok(())
    }

    /// Reads the lines of a file.
    fn lines(&mut self, file: u32) {
        let whole = self.items.sources.shared_text(file);
        self.items.reserve(memchr::memchr_iter(b'\n', whole.as_bytes()).count());
        let (mut number, mut start) = (0u32, 0usize);
        let mut rest = Some(whole.as_str());
        while let Some(text) = rest {
            let (raw, after) = match memchr::memchr(b'\n', text.as_bytes()).and_then(|end| text.split_at_checked(end)) {
                Some((raw, after)) => (raw, after.get(1..)),
                None => (text, None),
            };
            rest = after;
            number = number.saturating_add(1);
            let line = Line::new(file, number, raw.strip_suffix('\r').unwrap_or(raw));
            if let Some(open) = self.stack.last_mut() {
                open.line_start = start;
            }
            if self.params.budget().room(&line, self.report) {
                self.physical_line(line, raw.len());
            }
            if self.params.budget().exhausted() {
                break;
            }
            start = start.saturating_add(raw.len()).saturating_add(1);
        }
    }

    fn pwd(&self) -> String {
        let directory = self.directory();
        let absolute = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        std::path::absolute(absolute).unwrap_or_else(|_| absolute.to_path_buf()).display().to_string()
    }

    /// Directory of the file being read; empty for the current one.
    fn directory(&self) -> &Path {
        self.stack.last().map_or(Path::new(""), |o| &o.directory)
    }

    /// The files, with their state before reading.
    pub fn stamps(&mut self) -> Vec<(PathBuf, Stamp)> {
        std::mem::take(&mut self.stamps)
    }

    /// The items; none when a bound was exceeded.
    pub fn finish(mut self) -> Items {
        if self.params.budget().exhausted() {
            self.items.clear();
        }
        self.items
    }
}
