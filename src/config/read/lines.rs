//! From physical to logical lines: comments, conditions, definitions and repetitions.
//!
//! A physical line may become several logical lines, by a definition of several lines, a repetition, or a brace. Lines that
//! are still to be processed are [`Task`]s; the next task is the last of the list.

use std::rc::Rc;

use super::super::definition::definition;
use super::super::diag::Class;
use super::super::line::{Line, Made, Marks, decomment, is_space};
use super::super::params::{Context, Expanded, Following, MAX_LINE};
use super::super::pending::{Pending, Taken, continued};
use super::super::repeat::{self, Repeat};
use super::super::secret::{Private, mentions_secret};
use super::Reader;

/// Deepest nesting of repetitions.
const MAX_ROUNDS_DEPTH: u32 = 100;

/// Work that is left for a physical line.
pub(super) enum Task {
    /// A made line.
    Line { line: Made, context: Context, expanded: bool },
    /// Further lines of a definition.
    Following(Following),
    /// The rounds of a repetition from `next` on.
    Rounds { body: Rc<Made>, repeat: Rc<Repeat>, next: u64, context: Context },
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

impl Reader<'_> {
    /// Reads a line of a file. `length` is that of the line with a carriage return at its end.
    pub(super) fn physical_line(&mut self, raw: Line<'_>, length: usize) {
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

    /// Ends the definition whose lines are being read, if there is one.
    pub(super) fn end_definition(&mut self) {
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
}

/// Whether a line begins with a repetition.
pub(super) fn is_repetition(text: &str) -> bool {
    text.starts_with("~SEQ") || text.starts_with("~LST")
}
