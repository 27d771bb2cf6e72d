//! From files to items: lines with comments, conditions, parameters, repetitions and includes resolved, cut at braces.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::definition::definition;
use super::diag::{At, Class, Report};
use super::file::{Problem, Stamp, open};
use super::include::{Checks, Include, tell_unread};
use super::items::{ItemKind, Items};
use super::line::{Line, Marks, decomment, is_space};
use super::params::{MAX_LINE, Params, Scope};
use super::repeat;
use super::secret::{Private, mentions_secret};
use super::watch::Watch;
use super::words;

/// Files read, each inclusion counted.
const MAX_FILES: u32 = 10_000;
/// Files within files.
const MAX_NESTING: usize = 32;
/// Repetitions and parameters that start further ones, on one line.
const MAX_ROUNDS_DEPTH: u8 = 32;

/// Reads files into items.
pub(crate) struct Reader<'a> {
    items: Items,
    report: &'a mut Report,
    params: Params,
    checks: Checks,
    all_config: bool,
    stack: Vec<Open>,
    files: u32,
    /// Files that were read, as they were before.
    stamps: Vec<(PathBuf, Stamp)>,
    pending: Option<(String, Vec<String>)>,
    watch: Watch,
}

struct Open {
    directory: PathBuf,
    identity: (u64, u64),
    /// Byte of the file at which the line being read begins.
    line_start: usize,
}

impl<'a> Reader<'a> {
    /// A reader that has read nothing yet. `all_config` checks every include for all problems.
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
            // A name that exists is that file, whatever characters it has.
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

    /// Reads one file; the error says why it cannot be.
    fn read_file(&mut self, path: &Path, top: bool) -> Result<(), Problem> {
        let (bytes, stamp) = open(path, top)?;
        let identity = stamp.identity();
        if self.stack.iter().any(|o| o.identity == identity) {
            return Err(Problem::new("it is being read already: it is not read again"));
        }
        if self.stack.len() >= MAX_NESTING || self.files >= MAX_FILES {
            return Err(Problem::new("too many included files").fatal());
        }
        self.files = self.files.saturating_add(1);
        self.stamps.push((path.to_path_buf(), stamp));
        let directory = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        self.stack.push(Open { directory, identity, line_start: 0 });
        let (checks, pwd) = (self.checks, self.pwd());
        let outer = std::mem::replace(&mut self.params.directory, pwd);
        let whole = String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        // Some editors put a byte order mark before the first line.
        let whole = whole.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(whole);
        let file = self.items.sources.add(path.display().to_string(), whole);
        if top && path.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0) {
            let at = At { file, ..At::default() };
            self.report.fault(Class::General, at, "the configuration file is executable").help("chmod a-x FILE");
        }
        let whole = self.items.sources.shared_text(file);
        self.items.reserve(whole.bytes().filter(|b| *b == b'\n').count());
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
        self.end_definition();
        self.params.directory = outer;
        self.checks = checks;
        self.stack.pop();
        Ok(())
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

    fn physical_line(&mut self, raw: Line<'_>, length: usize) {
        if self.pending.is_some() {
            self.report.private(raw.file, raw.number, Private::continuation());
        } else if self.watch.is_inside() {
            self.report.private(raw.file, raw.number, Private::whole());
        }
        if length > MAX_LINE {
            self.report
                .error(Class::General, raw.at(MAX_LINE, 1), format!("the line has {length} bytes"))
                .help(format!("a line holds at most {MAX_LINE} bytes; split it"));
            return;
        }
        // In a comment it does no harm.
        if raw.may_have(Marks::NUL)
            && let Some(nul) = decomment(raw).line.text.find('\0')
        {
            self.report
                .fault(Class::General, raw.at(nul, 1), "the line contains a NUL byte: it is ignored")
                .help("remove it: the file may be damaged");
            return;
        }
        if raw.may_have(Marks::EXPANSION) && raw.text.contains('~') && mentions_secret(raw.text) {
            // The values of a repetition stand before the keyword that they are for.
            self.report.private(raw.file, raw.number, Private::whole());
        }
        let found = decomment(raw);
        if let Some((comment, at)) = found.cut_word {
            self.report
                .warn(Class::General, at, format!("'{comment}' within a word starts a comment: the word ends here"))
                .help(format!("put the word in double quotes, write \\{comment}, or put a blank before the comment"));
        }
        let line = found.made.as_ref().map_or(found.line, |made| made.line().rest(0));
        if line.may_have(Marks::OTHER)
            && let Some(at) = line.text.find('\u{fffd}')
        {
            self.report.warn(Class::General, line.at(at, 3), "the text is not UTF-8").help("save the file as UTF-8");
        }
        if let Some((_, pieces)) = &mut self.pending {
            let (piece, more) = continued(line.text);
            pieces.push(piece.to_owned());
            if !more {
                self.end_definition();
            }
            return;
        }
        if let Some(line) = self.condition(line) {
            self.logical_line(line);
        }
    }

    /// Resolves `@ID` and `@^ID`: the rest of the line, or nothing when the line is not for this configuration.
    fn condition<'l>(&mut self, line: Line<'l>) -> Option<Line<'l>> {
        let Some(rest) = line.text.strip_prefix('@') else {
            return (!line.text.is_empty()).then_some(line);
        };
        let (negated, name_start) = if rest.starts_with('^') { (true, 2) } else { (false, 1) };
        let end = line.text.find(is_space).unwrap_or(line.text.len());
        let id = line.text.get(name_start..end).unwrap_or("");
        if id.is_empty() {
            self.report
                .error(Class::General, line.at(0, name_start), "a condition without a name")
                .help("write @ID or @^ID, then the line");
            return None;
        }
        if (id == self.params.config_id) == negated {
            return None;
        }
        let rest = line.rest(end);
        (!rest.text.is_empty()).then_some(rest)
    }

    fn logical_line(&mut self, line: Line<'_>) {
        if let Some((name, value)) = definition(line.text) {
            let (piece, more) = continued(line.text.get(value..).unwrap_or(""));
            let name = name.to_owned();
            let pieces = vec![piece.to_owned()];
            self.pending = Some((name, pieces));
            if !more {
                self.end_definition();
            }
            return;
        }
        // Most lines are plain.
        if !line.may_have(Marks::EXPANSION) {
            return self.fragments(line);
        }
        self.repeated(&line, &mut Scope::new(), 0);
    }

    fn end_definition(&mut self) {
        if let Some((name, pieces)) = self.pending.take() {
            self.params.define(name, pieces);
        }
    }

    fn repeated(&mut self, line: &Line<'_>, scope: &mut Scope, depth: u8) {
        if depth > MAX_ROUNDS_DEPTH {
            self.report.error(Class::General, line.at_all(), "too many repetitions within each other");
            return;
        }
        let next = depth.saturating_add(1);
        if !line.text.starts_with("~SEQ") && !line.text.starts_with("~LST") {
            for made in self.params.expand(line, scope, self.report) {
                let one = made.line().rest(0);
                if one.text.starts_with("~SEQ") || one.text.starts_with("~LST") {
                    self.repeated(&one, scope, next);
                } else if !one.text.is_empty() {
                    self.fragments(one);
                }
            }
            return;
        }
        let Some((keyword, start, end)) = repeat::prefix(line.text) else {
            self.report
                .error(Class::General, line.at(0, 4), "a repetition without its list in parentheses")
                .help("write ~SEQ(VAR, FROM, TO) text or ~LST(VAR, A, B) text");
            return;
        };
        let args = self.params.expand(&line.part(start, end), scope, self.report);
        let args: Vec<&str> = args.iter().map(|made| made.line().rest(0).text).collect();
        let parsed = match repeat::parse(keyword, &args.join(" ")) {
            Ok(parsed) => parsed,
            Err(why) => {
                let width = end.saturating_add(1);
                self.report.error(Class::General, line.at(0, width), format!("{keyword}: {why}"));
                return;
            }
        };
        if let Some(var) = parsed.vars.iter().find(|v| scope.iter().any(|(n, _)| n == *v)) {
            let text = format!("{keyword}: the variable '{var}' is in use by an outer repetition");
            self.report.error(Class::General, line.at(0, end.saturating_add(1)), text);
            return;
        }
        let body = line.rest(end.saturating_add(1));
        let outer = scope.len();
        for round in 0..parsed.rounds() {
            if !self.params.budget().step(line, self.report) {
                break;
            }
            if self.params.budget().exhausted() {
                break;
            }
            scope.extend(parsed.round(round));
            self.repeated(&body, scope, next);
            scope.truncate(outer);
        }
    }

    /// Cuts a line at its braces.
    fn fragments(&mut self, line: Line<'_>) {
        if self.directive(&line) {
            return;
        }
        if !line.may_have(Marks::BRACE) {
            return self.text(line);
        }
        let mut start = 0usize;
        let (mut quoted, mut parameter) = (false, false);
        let mut before = b' ';
        for (i, byte) in line.text.bytes().enumerate() {
            match byte {
                b'"' => quoted = !quoted,
                b'{' if !quoted && before == b'$' => parameter = true,
                b'}' if !quoted && parameter => parameter = false,
                b'{' | b'}' if !quoted => {
                    if start < i {
                        self.text(line.part(start, i));
                    }
                    let kind = if byte == b'{' { ItemKind::Open } else { ItemKind::Close };
                    let next = line.text.as_bytes().get(i.saturating_add(1)).copied().unwrap_or(b' ');
                    let apart = |byte: u8| is_space(byte.into()) || matches!(byte, b'{' | b'}');
                    self.item(kind, line.part(i, i.saturating_add(1)), !apart(before) && !apart(next));
                    start = i.saturating_add(1);
                    if start < line.text.len() && self.directive(&line.rest(start)) {
                        return;
                    }
                }
                _ => {}
            }
            before = byte;
        }
        if start < line.text.len() {
            self.text(line.rest(start));
        }
    }

    /// Takes a line that steers the reading: `include`. True when the whole line was taken.
    fn directive(&mut self, line: &Line<'_>) -> bool {
        let Some(include) = Include::parse(line.text) else {
            return false;
        };
        if self.report.is_private(line.file, line.number) {
            let mut found = Private::from(line.offset(0));
            found.allow(words::split(line.text).0.iter().map(|word| &*word.text));
            self.report.private(line.file, line.number, found);
        }
        self.include(&include, line.at_all());
        true
    }

    /// Reads what an include line at `at` matches.
    fn include(&mut self, include: &Include, at: At) {
        let checks = include.checks(self.checks);
        let home = self.params.env.and_then(|env| env("HOME"));
        let directory = self.directory().to_path_buf();
        let Some(found) = include.find(&directory, home, at, self.report) else { return };
        for path in &found.paths {
            if let Err(problem) = self.read_file(path, false) {
                tell_unread(path, problem, checks, at, self.report);
            }
        }
        include.tell_missing(&found, checks, at, self.report);
    }

    fn text(&mut self, line: Line<'_>) {
        if line.text.is_empty() || !self.params.budget().room(&line, self.report) {
            return;
        }
        self.act(line.text);
        self.item(ItemKind::Text, line, false);
    }

    /// Two keywords of `global_defs` act while the file is being read.
    fn act(&mut self, text: &str) {
        if !text.starts_with("include_check") && !text.starts_with("random_seed") {
            return;
        }
        let mut words = text.split(is_space).filter(|w| !w.is_empty());
        match words.next() {
            Some("include_check") if !self.all_config => {
                self.checks.set(&words.collect::<Vec<_>>());
            }
            Some("random_seed") => {
                if let Some(seed) = words.next().and_then(|w| w.parse().ok()) {
                    self.params.seed(seed);
                }
            }
            _ => {}
        }
    }

    /// `glued` = a brace within a word.
    fn item(&mut self, kind: ItemKind, line: Line<'_>, glued: bool) {
        match kind {
            ItemKind::Open => self.watch.open(glued),
            ItemKind::Close => self.watch.close(glued),
            ItemKind::Text => {
                let after = self.report.is_private(line.file, line.number);
                if let Some(found) = self.watch.text(&line, after) {
                    self.report.private(line.file, line.number, found);
                }
            }
        }
        let start = self.stack.last().map_or(0, |open| open.line_start);
        self.items.push(kind, &line, start);
    }

    /// The files that were read, each as it was before that.
    pub fn stamps(&mut self) -> Vec<(PathBuf, Stamp)> {
        std::mem::take(&mut self.stamps)
    }

    /// The items; none when reading was given up.
    pub fn finish(mut self) -> Items {
        if self.params.budget().exhausted() {
            self.items.clear();
        }
        self.items
    }
}

/// Splits off the `\` that continues a definition on the next line.
fn continued(text: &str) -> (&str, bool) {
    match text.strip_suffix('\\') {
        Some(head) => (head.trim_end_matches(is_space), true),
        None => (text, false),
    }
}
