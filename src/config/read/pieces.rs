//! The pieces of a logical line: text between braces, which becomes items, and includes.

use super::super::definition::definition;
use super::super::include::{Include, report_unread};
use super::super::items::ItemKind;
use super::super::line::{Line, Made, Marks, is_space};
use super::super::params::Context;
use super::super::place::At;
use super::super::secret::Private;
use super::super::words;
use super::Reader;
use super::lines::{Task, is_repetition};

impl Reader<'_> {
    /// Splits a line at its braces.
    pub(super) fn fragments(&mut self, line: Line<'_>, context: &Context, tasks: &mut Vec<Task>) {
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
}
