//! From items to a tree of blocks: each keyword found, its arguments checked, braces paired.

use std::collections::HashMap;
use std::ops::Range;

use super::diag::{At, Class, Report};
use super::grammar::{Matching, nearest_option, own_tokeniser, unpaired};
use super::hint::hint;
use super::items::{ItemKind, Items};
use super::keywords::{self, Body, Keyword, ROOT, Status};
use super::line::Line;
use super::secret::MASK;
use super::value::{Arg, Value, parse};
use super::words::{self, Word};

/// A keyword of the file with its arguments and what its braces hold.
#[derive(Debug)]
pub(crate) struct Node {
    /// The keyword it is acted on as: aliases and old spellings are resolved.
    pub keyword: &'static Keyword,
    /// The line.
    pub line: Line,
    /// Bytes of the line's text: the first word, and all words.
    spans: [(u32, u32); 2],
    /// Its arguments.
    pub args: Vec<Arg>,
    /// What its braces hold.
    pub children: Vec<Node>,
    /// Whether braces were there.
    pub braces: bool,
    /// Whether an argument was wrong: the default stays.
    pub bad: bool,
    /// Whether it is an entry written among the keywords of its block.
    pub in_loose: bool,
}

impl Node {
    /// Its words, as the plain tokeniser sees them. Made anew: few have a use for them.
    pub fn words(&self) -> Vec<Word> {
        let [_, (start, end)] = self.spans.map(|(start, end)| (start as usize, end as usize));
        let (mut words, _) = words::split(self.line.text.get(start..end).unwrap_or_default());
        for word in &mut words {
            word.start = word.start.saturating_add(start);
            word.end = word.end.saturating_add(start);
        }
        words
    }

    /// Place of the keyword.
    pub fn at(&self) -> At {
        let [(start, end), _] = self.spans;
        self.line.at(start as usize, end.saturating_sub(start) as usize)
    }

    /// Place of an argument; of the keyword when there is none.
    pub fn at_arg(&self, n: usize) -> At {
        match self.args.get(n) {
            Some(arg) => self.line.at(arg.start, arg.end.saturating_sub(arg.start)),
            None => self.at(),
        }
    }
}

/// Top-level blocks that are not kept as nodes but made again when they are wanted: a file has a few of the others, but
/// there may be a thousand of these with ten thousand servers in them.
const FOLDED: &str = "virtual_server";

/// The blocks of a configuration.
pub(crate) struct Tree<'i> {
    items: &'i Items,
    /// Top-level keywords, but for virtual servers that have a block.
    pub top: Vec<Node>,
    /// The items of each virtual server.
    folded: Vec<Range<usize>>,
}

impl<'i> Tree<'i> {
    /// Builds the tree. Problems go to the report.
    pub fn build(items: &'i Items, report: &mut Report) -> Tree<'i> {
        let (mut top, mut folded) = (Vec::new(), Vec::new());
        walk(items, 0..items.len(), report, &mut |node, range| {
            if node.braces && node.keyword.name == FOLDED {
                folded.push(range);
            } else {
                top.push(node);
            }
        });
        Tree { items, top, folded }
    }

    /// The virtual servers, one after the other: none is kept.
    pub fn virtual_servers(&self) -> impl Iterator<Item = Node> {
        self.folded.iter().filter_map(|range| {
            // What is wrong with them was reported.
            let (mut report, mut found) = (Report::default(), None);
            walk(self.items, range.clone(), &mut report, &mut |node, _| found = Some(node));
            found
        })
    }
}

/// Gives each top-level keyword to `take`, one after the other.
pub(crate) fn each(items: &Items, mut take: impl FnMut(&Node)) {
    walk(items, 0..items.len(), &mut Report::default(), &mut |node, _| take(&node));
}

/// What gets each top-level keyword that is complete, with its items.
type Take<'t> = dyn FnMut(Node, Range<usize>) + 't;

fn walk(items: &Items, range: Range<usize>, report: &mut Report, take: &mut Take<'_>) {
    let (stack, notes) = (Vec::new(), HashMap::new());
    Parser { items, report, take, stack, item: 0, begun: 0, skip: None, notes }.run(range);
}

struct Parser<'p, 't> {
    items: &'p Items,
    report: &'p mut Report,
    take: &'p mut Take<'t>,
    stack: Vec<Level>,
    /// The item in turn, and the one with which its top-level block began.
    item: usize,
    begun: usize,
    /// Braces still to be skipped with what they hold.
    skip: Option<Skip>,
    notes: HashMap<(*const Keyword, bool), Note>,
}

struct Level {
    node: Node,
    /// Place of the line that opened the block.
    opened: At,
    /// Within a block that is not acted on: no further warnings of that kind.
    silent: bool,
}

struct Skip {
    depth: u32,
    opened: At,
}

/// A warning said once for all places.
struct Note {
    at: At,
    text: String,
    help: Option<String>,
    class: Class,
    count: u32,
}

impl Parser<'_, '_> {
    fn run(mut self, range: Range<usize>) {
        for n in range.clone() {
            self.item = n;
            let Some(kind) = self.items.kind(n).filter(|kind| !self.skipped(*kind)) else { continue };
            let line = self.items.line(n);
            match kind {
                ItemKind::Text => self.text(line),
                ItemKind::Open => self.open(&line),
                ItemKind::Close => self.close(&line),
            }
        }
        self.item = range.end;
        self.end();
    }

    fn skipped(&mut self, kind: ItemKind) -> bool {
        let Some(skip) = &mut self.skip else {
            return false;
        };
        match kind {
            ItemKind::Open => skip.depth = skip.depth.saturating_add(1),
            ItemKind::Close => skip.depth = skip.depth.saturating_sub(1),
            ItemKind::Text => {}
        }
        if skip.depth == 0 {
            self.skip = None;
        }
        true
    }

    fn body(&self) -> Body {
        self.stack.last().map_or(Body::Block(ROOT), |l| l.node.keyword.body)
    }

    /// Puts a keyword that is complete where it belongs; `end` = the item after it.
    fn push(&mut self, node: Node, end: usize) {
        match self.stack.last_mut() {
            Some(level) => level.node.children.push(node),
            None => (self.take)(node, self.begun..end),
        }
    }

    /// Whether the next item opens a block.
    fn opens(&self) -> bool {
        self.items.kind(self.item.saturating_add(1)) == Some(ItemKind::Open)
    }

    fn text(&mut self, whole: Line) {
        let line = &whole;
        let opens = self.opens();
        let (words, open) = words::split(&line.text);
        let Some(first) = words.first() else { return };
        let script = |k: &Keyword| own_tokeniser(k.args);
        if let Some(at) = open.filter(|_| line.text.ends_with('{')) {
            // The quote swallowed the brace: without this every line of the block would be an error too.
            unpaired(line, at, self.report);
            self.skip = Some(Skip { depth: 1, opened: first.at(line) });
            return;
        }
        match self.body() {
            Body::Block(sets) | Body::Loose(sets, _) => {
                if let Some(keyword) = keywords::find(sets, &first.text) {
                    if let Some(at) = open.filter(|_| !script(keyword)) {
                        unpaired(line, at, self.report);
                    }
                    self.keyword(sets, keyword, whole, &words, opens);
                    return;
                }
                if let Some(at) = open {
                    unpaired(line, at, self.report);
                    self.skip = opens.then(|| Skip { depth: 0, opened: first.at(line) });
                    return;
                }
                if let (Body::Loose(_, kind), [word], false) = (self.body(), words.as_slice(), opens)
                    && !self.belongs_to_top(&first.text, line, opens)
                {
                    let help = "put the members between braces: group { ... }".to_owned();
                    let text = "members written directly in the block are deprecated".to_owned();
                    self.note(kind, word.at(line), text, Some(help), Class::Deprecated);
                    self.entry(kind, line, vec![word.clone()], 0);
                    return;
                }
                self.unknown(sets, line, &words, opens);
            }
            body => {
                if let Some(at) = open {
                    unpaired(line, at, self.report);
                }
                if self.belongs_to_top(&first.text, line, opens) {
                    self.missing_close();
                    return self.text(line.clone());
                }
                match body {
                    Body::Entries(kinds) => {
                        if let Some((kind, next)) = choose(kinds, first) {
                            self.entry(kind, line, words, next);
                        }
                    }
                    Body::Words(kind) => words.into_iter().for_each(|w| self.entry(kind, line, vec![w], 0)),
                    _ => {}
                }
                if opens {
                    self.stray_block(line.at_all());
                }
            }
        }
    }

    /// Whether a line within a block can only be one of the top level: then the block lacks its `}`.
    fn belongs_to_top(&self, word: &str, line: &Line, opens: bool) -> bool {
        let block = keywords::find(ROOT, word).is_some_and(|k| !matches!(k.body, Body::None));
        let indented = self.stack.last().is_some_and(|l| l.node.line.offset(0) < line.offset(0));
        opens && !self.stack.is_empty() && block && !indented
    }

    fn keyword(
        &mut self,
        sets: &'static [&'static [Keyword]],
        written: &'static Keyword,
        line: Line,
        words: &[Word],
        opens: bool,
    ) {
        let keyword = keywords::canonical(sets, written);
        let at = words.first().map_or_else(|| line.at_all(), |w| w.at(&line));
        self.status(written, keyword, at);
        let mut matching = Matching::new(&line, words, 1);
        let args = matching.run(written.name, keyword.args, written.usage, self.report);
        let (bad, left) = (matching.failed, matching.left());
        if let (false, Some(extra)) = (bad, left.first()) {
            let known = keywords::find(sets, &extra.text).is_some();
            if written.name == "auth_type" && !known {
                // A password in the wrong place is still one.
                self.report.secret(&extra.text);
            }
            let masked = super::secret::mask(&line.text, &[]) != line.text;
            let shown = if masked && !known { MASK } else { &extra.text };
            let text = format!("'{shown}' after '{}' is ignored", written.name);
            let help = match known {
                true => format!("put '{}' on a line of its own", extra.text),
                false => format!("write: {} {}", written.name, written.usage).trim_end().to_owned(),
            };
            self.report.warn(Class::General, extra.at(&line), text).help(help);
        }
        let spans = spans(words);
        let place = line.at_all();
        let node = Node { keyword, line, spans, args, children: Vec::new(), braces: false, bad, in_loose: false };
        let wants = !matches!(keyword.body, Body::None);
        if opens && !wants {
            self.push(node, self.item.saturating_add(1));
            self.stray_block(place);
        } else if opens {
            if self.stack.is_empty() {
                self.begun = self.item;
            }
            let silent = self.silent() || matches!(keyword.status, Status::NotYet);
            self.stack.push(Level { node, opened: at, silent });
        } else {
            if wants {
                self.report
                    .error(Class::MissingOpen, at, format!("'{}' has no block", written.name))
                    .help("add { after it and } at the end of the block");
            }
            self.push(node, self.item.saturating_add(1));
        }
    }

    fn silent(&self) -> bool {
        self.stack.last().is_some_and(|l| l.silent)
    }

    /// Warns about a keyword that is old, without effect or not acted on.
    fn status(&mut self, written: &'static Keyword, keyword: &'static Keyword, at: At) {
        if let Status::Deprecated(instead) = written.status {
            let text = format!("'{}' is deprecated", written.name);
            self.note(written, at, text, Some(format!("use {instead}")), Class::Deprecated);
        }
        match keyword.status {
            Status::NotYet if !self.silent() => {
                self.note(keyword, at, format!("'{}' is not acted on yet", written.name), None, Class::NotActedOn);
            }
            Status::Partly(what) => {
                self.note(keyword, at, format!("'{}': {what}", written.name), None, Class::NotActedOn);
            }
            Status::NoEffect if !self.silent() => {
                let text = format!("'{}' has no effect", written.name);
                self.note(keyword, at, text, Some("remove it".to_owned()), Class::Deprecated);
            }
            _ => {}
        }
    }

    fn note(&mut self, keyword: &'static Keyword, at: At, text: String, help: Option<String>, class: Class) {
        let key = (std::ptr::from_ref(keyword), class == Class::Deprecated);
        let note = self.notes.entry(key).or_insert(Note { at, text, help, class, count: 0 });
        note.count = note.count.saturating_add(1);
    }

    fn entry(&mut self, kind: &'static Keyword, line: &Line, words: Vec<Word>, next: usize) {
        let mut matching = Matching::new(line, &words, next);
        let name = self.stack.last().map_or("", |l| l.node.keyword.name);
        let args = matching.run(name, kind.args, kind.usage, self.report);
        let mut bad = matching.failed;
        if let (false, Some(extra)) = (bad, matching.left().first()) {
            let text = format!("'{}' is unknown in an entry of '{name}'", extra.text);
            let help = match nearest_option(kind.args, &extra.text) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("write one entry a line: {}", kind.usage),
            };
            self.report.error(Class::General, extra.at(line), text).help(help);
            bad = true;
        }
        for arg in &args {
            self.option_status(arg, line);
        }
        let node = Node {
            keyword: kind,
            line: line.clone(),
            spans: spans(&words),
            args,
            children: Vec::new(),
            braces: false,
            bad,
            in_loose: matches!(self.body(), Body::Loose(..)),
        };
        self.push(node, self.item.saturating_add(1));
    }

    fn option_status(&mut self, arg: &Arg, line: &Line) {
        if let Value::Option(keyword, inner) = &arg.value {
            let at = line.at(arg.start, arg.end.saturating_sub(arg.start));
            self.status(keyword, keyword, at);
            for arg in inner {
                self.option_status(arg, line);
            }
        }
    }

    fn unknown(&mut self, sets: &'static [&'static [Keyword]], line: &Line, words: &[Word], opens: bool) {
        let Some(first) = words.first() else { return };
        if self.belongs_to_top(&first.text, line, opens) {
            self.missing_close();
            return self.text(line.clone());
        }
        let inside = self.stack.last().map(|l| l.node.keyword.name);
        let help = if self.report.is_full() { None } else { hint(sets, &first.text) };
        // A strange word among passwords may be one.
        let private = help.is_none() && matches!(inside, Some("authentication" | "auth_hmac"));
        if private {
            words.iter().for_each(|w| self.report.secret(&w.text));
        }
        let shown = if private { MASK } else { &first.text };
        let text = match inside {
            Some(block) => format!("unknown keyword '{shown}' in '{block}'"),
            None => format!("unknown keyword '{shown}'"),
        };
        let draft = self.report.error(Class::UnknownKeyword, first.at(line), text);
        if let Some(help) = help {
            draft.help(help);
        }
        if opens {
            self.skip = Some(Skip { depth: 0, opened: first.at(line) });
        }
    }

    /// A block after something that takes none: reported once and skipped as a whole.
    fn stray_block(&mut self, at: At) {
        let end = At { offset: at.offset.saturating_add(at.len), len: 1, ..at };
        self.report.error(Class::UnexpectedOpen, end, "no block is expected here").help("remove the braces");
        self.skip = Some(Skip { depth: 0, opened: at });
    }

    fn open(&mut self, line: &Line) {
        // The text before it pushed the level, unless there was none.
        let at = line.at_all();
        match self.stack.last_mut() {
            Some(level) if !level.node.braces => level.node.braces = true,
            _ => {
                self.report.error(Class::UnexpectedOpen, at, "'{' without a keyword before it").help("remove it");
                self.skip = Some(Skip { depth: 1, opened: at });
            }
        }
    }

    fn close(&mut self, line: &Line) {
        match self.stack.pop() {
            Some(level) => self.push(level.node, self.item.saturating_add(1)),
            None => {
                self.report
                    .error(Class::UnexpectedClose, line.at_all(), "'}' without a block to close")
                    .help("remove it, or add the missing '{' before it");
            }
        }
    }

    fn missing_close(&mut self) {
        while let Some(level) = self.stack.pop() {
            self.report
                .error(
                    Class::MissingClose,
                    level.opened,
                    format!("the block '{}' is not closed", level.node.keyword.name),
                )
                .help("add '}' at its end");
            self.push(level.node, self.item);
        }
    }

    fn end(&mut self) {
        if let Some(skip) = self.skip.take() {
            self.report.error(Class::MissingClose, skip.opened, "the block is not closed").help("add '}' at its end");
        }
        self.missing_close();
        let mut notes: Vec<Note> = self.notes.drain().map(|(_, n)| n).collect();
        notes.sort_by_key(|n| (n.at.file, n.at.line, n.at.offset));
        for note in notes {
            let text = if note.count > 1 { format!("{} ({} times)", note.text, note.count) } else { note.text };
            let draft = self.report.warn(note.class, note.at, text);
            if let Some(help) = note.help {
                draft.help(help);
            }
        }
    }
}

/// The bytes of the first word, and those of all.
fn spans(words: &[Word]) -> [(u32, u32); 2] {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let first = words.first().map_or((0, 0), |word| (number(word.start), number(word.end)));
    [first, (first.0, words.last().map_or(0, |word| number(word.end)))]
}

/// The kind of an entry and the index of the first word its grammar covers.
fn choose(kinds: &'static [Keyword], first: &Word) -> Option<(&'static Keyword, usize)> {
    if let Some(kind) = kinds.iter().find(|k| k.name == first.text && !k.is_placeholder()) {
        return Some((kind, 1));
    }
    let fits = |k: &&Keyword| match k.args.first() {
        Some(keywords::Term::One(kind)) => parse(*kind, &first.text).is_ok(),
        _ => true,
    };
    kinds.iter().filter(|k| k.is_placeholder()).find(fits).or(kinds.first()).map(|k| (k, 0))
}
