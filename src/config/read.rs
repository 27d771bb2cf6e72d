//! Reads files into items: resolves comments, conditions, parameters, repetitions and includes, and splits lines at braces.
//!
//! A physical line may become several logical lines, by a definition of several lines, a repetition, or a brace. Lines that
//! are still to be processed are [`Task`]s; the next task is the last of the list.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::definition::definition;
use super::diag::{At, Class, Report};
use super::encoding::{OddCharacters, decode};
use super::file::{Problem, Stamp, open};
use super::include::{Checks, Include, report_unread};
use super::items::{ItemKind, Items};
use super::line::{Line, Made, Marks, decomment, is_space};
use super::params::{Context, Expanded, Following, MAX_LINE, Params};
use super::pending::{Pending, Taken, continued};
use super::repeat::{self, Repeat};
use super::secret::{Private, mentions_secret};
use super::watch::Watch;
use super::words;

/// Most files, each inclusion counted.
const MAX_FILES: u32 = 10_000;
/// Deepest nesting of included files.
const MAX_NESTING: usize = 32;
/// Deepest nesting of repetitions.
const MAX_ROUNDS_DEPTH: u32 = 100;

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

/// Work that is left for a physical line.
enum Task {
    /// A made line.
    Line { line: Made, context: Context, expanded: bool },
    /// Further lines of a definition.
    Following(Following),
    /// The rounds of a repetition from `next` on.
    Rounds { body: Rc<Made>, repeat: Rc<Repeat>, next: u64, context: Context },
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

    fn physical_line(&mut self, raw: Line<'_>, length: usize) {
        if self.pending.is_none() && self.watch.is_inside() {
            self.report.private(raw.file, raw.number, Private::whole());
        }
        let found = decomment(raw);
        let line = found.made.as_ref().map_or(found.line, |made| made.line().rest(0));
        // Comments may be of any length, and may contain NUL.
        if length > MAX_LINE && found.line.text.len() > MAX_LINE {
            self.report
                .fault(Class::General, raw.at(MAX_LINE, 1), format!("the line has {length} bytes: it is ignored"))
                .help(format!("a line holds at most {MAX_LINE} bytes; split it"));
            return;
        }
        if raw.may_have(Marks::NUL)
            && let Some(nul) = found.line.text.find('\0')
        {
            self.report
                .fault(Class::General, raw.at(nul, 1), "the line contains a NUL byte: it is ignored")
                .help("remove it: the file may be damaged");
            return;
        }
        if raw.may_have(Marks::EXPANSION) && raw.text.contains('~') && mentions_secret(raw.text) {
            // The values of a repetition come before their keyword.
            self.report.private(raw.file, raw.number, Private::whole());
        }
        if let Some((comment, at)) = found.cut_word {
            self.report
                .warn(Class::General, at, format!("'{comment}' within a word starts a comment: the word ends here"))
                .help(format!("put the word in double quotes, write \\{comment}, or put a blank before the comment"));
        }
        if line.may_have(Marks::OTHER)
            && let Some(open) = self.stack.last_mut()
        {
            open.odd.look(&line);
        }
        // A `\` after a comment counts too.
        let more = line.may_have(Marks::COMMENT) && raw.text.trim_end_matches(is_space).ends_with('\\');
        if let Some(pending) = &mut self.pending {
            let taken = pending.take(&line, more, self.report);
            if taken != Taken::Not && !raw.rest(0).text.is_empty() {
                // Its keywords are not known before its use.
                self.report.cover(raw.file, raw.number);
            }
            if taken != Taken::More {
                self.end_definition();
            }
            if taken != Taken::Not {
                return;
            }
        }
        let mut tasks = Vec::new();
        self.logical_line(line, &Context::default(), Expect { condition: true, parameters: true, more }, &mut tasks);
        while let Some(task) = tasks.pop() {
            if self.params.budget().exhausted() {
                break;
            }
            self.task(task, &mut tasks);
        }
    }

    fn task(&mut self, task: Task, tasks: &mut Vec<Task>) {
        let anything = Expect { condition: true, parameters: true, more: false };
        match task {
            Task::Line { line, context, expanded } => {
                let expect = Expect { parameters: !expanded, ..anything };
                self.logical_line(line.line().rest(0), &context, expect, tasks);
            }
            Task::Following(following) => {
                let Some(line) = following.line() else { return };
                if self.params.budget().step(&line, self.report) {
                    tasks.push(Task::Following(following.after()));
                    self.logical_line(line, &following.context, anything, tasks);
                }
            }
            Task::Rounds { body, repeat, next, context } => {
                let line = body.line().rest(0);
                if next >= repeat.rounds() || !self.params.budget().step(&line, self.report) {
                    return;
                }
                let inner = context.in_round(repeat.round(next));
                let next = next.saturating_add(1);
                tasks.push(Task::Rounds { body: Rc::clone(&body), repeat, next, context });
                self.logical_line(line, &inner, anything, tasks);
            }
        }
    }

    /// Resolves `@ID` and `@^ID`: the rest of the line, or `None` when the condition is not met.
    fn condition<'l>(&mut self, line: Line<'l>) -> Option<Line<'l>> {
        let Some(rest) = line.text.strip_prefix('@') else {
            return Some(line);
        };
        let (negated, name_start) = if rest.starts_with('^') { (true, 2) } else { (false, 1) };
        let end = line.text.find(is_space).unwrap_or(line.text.len());
        let id = line.text.get(name_start..end).unwrap_or("");
        if id.is_empty() {
            let text = if negated {
                "a condition without a name is met: the line is used"
            } else {
                "a condition without a name is not met: the line is ignored"
            };
            self.report.fault(Class::General, line.at(0, name_start), text).help("write @ID or @^ID, then the line");
        }
        ((id == self.params.config_id) != negated).then(|| line.rest(end))
    }

    fn logical_line(&mut self, line: Line<'_>, context: &Context, expect: Expect, tasks: &mut Vec<Task>) {
        let unconditional = if expect.condition { self.condition(line) } else { Some(line) };
        let Some(line) = unconditional else {
            // Skip all lines of a definition whose condition is not met.
            let end = line.text.find(is_space).unwrap_or(line.text.len());
            self.define(line.rest(end), context, expect.more, false);
            return;
        };
        if line.text.is_empty() {
            return;
        }
        // The common case: a line without parameters.
        if !line.may_have(Marks::EXPANSION) {
            return self.fragments(line, context, tasks);
        }
        if self.define(line, context, expect.more, true) {
            return;
        }
        if is_repetition(line.text) {
            return self.repetition(&line, context, tasks);
        }
        if expect.parameters {
            let expanded = self.params.expand(&line, context, &mut self.items.sources, self.report);
            if let Some(Expanded { line, context, following }) = expanded {
                tasks.extend(following.into_iter().map(Task::Following));
                if line.line().rest(0).text.starts_with(['@', '$', '~']) {
                    // The replacement may be another kind of line.
                    tasks.push(Task::Line { line, context, expanded: true });
                } else {
                    self.fragments(line.line().rest(0), &context, tasks);
                }
                return;
            }
        }
        self.fragments(line, context, tasks);
    }

    /// Takes a line that is a definition, or its first line; false when it is not. `more` = a `\` ends the physical line. A
    /// definition that is not `wanted` is read and dropped.
    fn define(&mut self, line: Line<'_>, context: &Context, more: bool, wanted: bool) -> bool {
        let Some((name, value)) = definition(line.text) else { return false };
        let (head, continues) = continued(line.rest(value));
        let first = self.params.expand_variables(&head, context, self.report);
        self.end_definition();
        self.pending = Some(Pending::new(wanted.then(|| name.to_owned()), &line, first));
        if !more && !continues {
            self.end_definition();
        }
        true
    }

    fn end_definition(&mut self) {
        let Some(Pending { name: Some(name), at, pieces, .. }) = self.pending.take() else { return };
        let number = self.items.sources.refer(at);
        for piece in &pieces {
            if !self.params.budget().room(&piece.line(), self.report) {
                return;
            }
        }
        self.params.define(name, number, pieces);
    }

    fn repetition(&mut self, line: &Line<'_>, context: &Context, tasks: &mut Vec<Task>) {
        let Some((keyword, start, end)) = repeat::prefix(line.text) else {
            self.report
                .fault(
                    Class::General,
                    line.at(0, 4),
                    "a repetition without its list in parentheses: the line is ignored",
                )
                .help("write ~SEQ(VAR, FROM, TO) text or ~LST(VAR, A, B) text");
            return;
        };
        let whole = line.at(0, end.saturating_add(1));
        if context.depth() >= MAX_ROUNDS_DEPTH {
            let text = format!("more than {MAX_ROUNDS_DEPTH} repetitions within each other");
            self.report.error(Class::Fatal, whole, text).help("write fewer ~SEQ and ~LST on a line");
            return;
        }
        let mut args = Made::from(&line.part(start, end));
        // Parameters in the values of a list are replaced where the values are used.
        if keyword != "~LST"
            && let Some(expanded) = self.params.expand(&args.line(), context, &mut self.items.sources, self.report)
        {
            args = expanded.line;
        }
        match repeat::parse(keyword, args.line().rest(0).text) {
            Ok(repeat) => {
                let body = Rc::new(Made::from(&line.rest(end.saturating_add(1))));
                tasks.push(Task::Rounds { body, repeat: Rc::new(repeat), next: 0, context: context.clone() });
            }
            Err(why) => {
                self.report
                    .fault(Class::General, whole, format!("{keyword}: {why}: the line is ignored"))
                    .help("write ~SEQ(VAR, FROM, TO) text or ~LST(VAR, A, B) text");
            }
        }
    }

    /// Splits a line at its braces.
    fn fragments(&mut self, line: Line<'_>, context: &Context, tasks: &mut Vec<Task>) {
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
                    if start < line.text.len() {
                        let rest = line.rest(start);
                        if self.directive(&rest) {
                            return;
                        }
                        // Text after a brace is a line of its own.
                        if rest.text.starts_with('@') || definition(rest.text).is_some() || is_repetition(rest.text) {
                            tasks.push(Task::Line {
                                line: Made::from(&rest),
                                context: context.clone(),
                                expanded: true,
                            });
                            return;
                        }
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

    /// Handles an `include` line; false when the line is not one.
    fn directive(&mut self, line: &Line<'_>) -> bool {
        let Some(include) = Include::parse(line.text) else {
            return false;
        };
        if line.used == 0 && self.report.is_private(line.file, line.number) {
            let mut found = Private::from(line.offset(0));
            found.allow(words::split(line.text).0.iter().map(|word| &*word.text));
            self.report.private(line.file, line.number, found);
        }
        self.include(&include, line.at_all());
        true
    }

    /// Reads the files of the include line at `at`.
    fn include(&mut self, include: &Include, at: At) {
        let checks = include.checks(self.checks);
        let home = self.params.env.and_then(|env| env("HOME"));
        let directory = self.directory().to_path_buf();
        let Some(found) = include.find(&directory, home, at, self.report) else { return };
        for path in &found.paths {
            if let Err(problem) = self.read_file(path, false) {
                report_unread(path, problem, checks, at, self.report);
            }
        }
        include.report_missing(&found, checks, at, self.report);
    }

    fn text(&mut self, line: Line<'_>) {
        if line.text.is_empty() || !self.params.budget().room(&line, self.report) {
            return;
        }
        self.act(line.text);
        self.item(ItemKind::Text, line, false);
    }

    /// Applies `include_check` and `random_seed`, which take effect while the file is read.
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

    /// Adds an item. `glued` = a brace inside a word.
    fn item(&mut self, kind: ItemKind, line: Line<'_>, glued: bool) {
        match kind {
            ItemKind::Open => self.watch.open(glued),
            ItemKind::Close => self.watch.close(glued),
            ItemKind::Text => {
                if line.used != 0 {
                    // The use shows its keyword.
                    self.report.uncover(line.file, line.number);
                }
                let after = self.report.is_private(line.file, line.number);
                if let Some(found) = self.watch.text(&line, after) {
                    self.report.private(line.file, line.number, found);
                }
            }
        }
        let start = self.stack.last().map_or(0, |open| open.line_start);
        self.items.push(kind, &line, start);
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

/// What a line may contain.
#[derive(Clone, Copy)]
struct Expect {
    /// It may begin with a condition.
    condition: bool,
    /// It may have parameters that are not replaced yet.
    parameters: bool,
    /// A `\` ends the physical line.
    more: bool,
}

fn is_repetition(text: &str) -> bool {
    text.starts_with("~SEQ") || text.starts_with("~LST")
}
