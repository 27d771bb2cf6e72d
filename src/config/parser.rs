//! From items to nodes: each keyword found, its arguments checked, braces paired.

use super::diag::Class;
use super::grammar::{Dropped, Matching, Subject, nearest_option, own_tokeniser, unpaired};
use super::hint::{foreign, hint, keyword_elsewhere, meant};
use super::items::{ItemKind, Items};
use super::keywords::{self, Body, Keyword, Kind, Lenience, ROOT, Term};
use super::line::Line;
use super::node::Node;
use super::notes::Notes;
use super::place::At;
use super::report::{Report, Stage};
use super::value::{Arg, Value, parse};
use super::words::{self, Word};

/// Builds nodes from items.
pub(super) struct Parser<'i, 'r> {
    items: &'i Items,
    report: &'r mut Report,
    notes: &'r mut Notes,
    stack: Vec<Level<'i>>,
    /// The complete top-level node. An item completes at most one: the line that shows a missing `}` begins a new block.
    done: Option<Node<'i>>,
    /// Index of the current item.
    item: usize,
    /// The block that is being skipped.
    skip: Option<Skip>,
    /// Words of the current line; the allocation is reused.
    words: Vec<Word<'i>>,
}

struct Level<'i> {
    node: Node<'i>,
    /// Place of the line that opened the block.
    opened: At,
}

struct Skip {
    depth: u32,
    opened: At,
}

impl<'i, 'r> Parser<'i, 'r> {
    /// A parser at the top level.
    pub(super) fn new(items: &'i Items, report: &'r mut Report, notes: &'r mut Notes) -> Parser<'i, 'r> {
        report.stage = Stage::Reading;
        Parser { items, report, notes, stack: Vec::new(), done: None, item: 0, skip: None, words: Vec::new() }
    }

    /// Reads the next item; gives the top-level node that it completes.
    pub(super) fn item(&mut self, n: usize) -> Option<Node<'i>> {
        self.item = n;
        let kind = self.items.kind(n).filter(|kind| !self.skipped(*kind))?;
        let line = self.items.line(n);
        match kind {
            ItemKind::Text => self.text(line),
            ItemKind::Open => self.open(&line),
            ItemKind::Close => self.close(&line),
        }
        self.done.take()
    }

    /// Whether the next item is at the top level.
    pub(super) fn is_at_top(&self) -> bool {
        self.stack.is_empty() && self.skip.is_none()
    }

    /// Ends after the last item; gives an incomplete node as it is.
    pub(super) fn end(mut self) -> Option<Node<'i>> {
        if let Some(skip) = self.skip.take() {
            self.report.error(Class::MissingClose, skip.opened, "the block is not closed").help("add '}' at its end");
        }
        self.missing_close();
        self.done
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

    /// Puts a keyword that is complete where it belongs.
    fn push(&mut self, node: Node<'i>) {
        match self.stack.last_mut() {
            Some(level) => level.node.children.push(node),
            None => self.done = Some(node),
        }
    }

    /// Whether the next item opens a block.
    fn opens(&self) -> bool {
        self.items.kind(self.item.saturating_add(1)) == Some(ItemKind::Open)
    }

    fn text(&mut self, line: Line<'i>) {
        let mut words = std::mem::take(&mut self.words);
        words.clear();
        let open = words::split_into(line.text, &mut words);
        self.words_of_line(line, &words, open);
        self.words = words;
    }

    /// `open` = where a quote is that is not closed.
    fn words_of_line(&mut self, line: Line<'i>, words: &[Word<'i>], open: Option<usize>) {
        let opens = self.opens();
        let Some(first) = words.first() else { return };
        let script = |k: &Keyword| own_tokeniser(k.args);
        if let Some(at) = open.filter(|_| line.text.ends_with('{')) {
            // The quote includes the brace. Skip the block, or every line of it would be reported.
            unpaired(&line, at, false, self.report);
            self.skip = Some(Skip { depth: 1, opened: first.at(&line) });
            return;
        }
        match self.body() {
            Body::Block(sets) | Body::Loose(sets, _) => {
                if let Some(keyword) = keywords::find(sets, &first.text) {
                    if let Some(at) = open.filter(|_| !script(keyword)) {
                        let lenient = keyword.lenience == Lenience::Line;
                        unpaired(&line, at, lenient, self.report);
                        if lenient && !opens {
                            return;
                        }
                    }
                    self.keyword(sets, keyword, line, words, opens);
                    return;
                }
                if let Some(at) = open {
                    unpaired(&line, at, !opens, self.report);
                    self.skip = opens.then(|| Skip { depth: 0, opened: first.at(&line) });
                    return;
                }
                if let (Body::Loose(_, kind), [word], false) = (self.body(), words, opens)
                    && !self.belongs_to_top(&first.text, &line, opens)
                {
                    let text = "members written directly in the block are deprecated";
                    let help = "put the members between braces: group { ... }";
                    self.notes.add(kind, word.at(&line), || (text.to_owned(), help.to_owned()));
                    self.entry(kind, line, words, 0);
                    return;
                }
                self.unknown(sets, line, words, opens);
            }
            body => {
                if let Some(at) = open {
                    unpaired(&line, at, false, self.report);
                }
                if self.belongs_to_top(&first.text, &line, opens) {
                    self.missing_close();
                    return self.words_of_line(line, words, open);
                }
                match body {
                    Body::Entries(kinds) => {
                        if let Some((kind, next)) = choose(kinds, first)
                            && !self.is_keyword_elsewhere(kind, next, first, &line)
                        {
                            self.entry(kind, line, words, next);
                        } else if opens {
                            self.skip = Some(Skip { depth: 0, opened: first.at(&line) });
                            return;
                        }
                    }
                    Body::Words(kind) => words.chunks(1).for_each(|word| self.entry(kind, line, word, 0)),
                    _ => {}
                }
                if opens {
                    self.stray_block(line.at_all());
                }
            }
        }
    }

    /// Whether a line inside a block can only be at the top level, so that the `}` of the block is missing.
    fn belongs_to_top(&self, word: &str, line: &Line<'_>, opens: bool) -> bool {
        let block = keywords::find(ROOT, word).is_some_and(|k| !matches!(k.body, Body::None));
        let indented = self.stack.last().is_some_and(|l| l.node.line.offset(0) < line.offset(0));
        opens && !self.stack.is_empty() && block && !indented
    }

    fn keyword(
        &mut self,
        sets: &'static [&'static [Keyword]],
        written: &'static Keyword,
        line: Line<'i>,
        words: &[Word<'i>],
        opens: bool,
    ) {
        let keyword = keywords::canonical(sets, written);
        let at = words.first().map_or_else(|| line.at_all(), |w| w.at(&line));
        self.notes.keyword(written, keyword, at);
        let dropped = if opens { Dropped::Block } else { Dropped::Line(keyword.default) };
        let mut matching = Matching::new(line, words, 1, dropped, keyword.lenience);
        let said = Subject { name: written.name, usage: written.usage, lenience: keyword.lenience };
        let args = matching.run(said, keyword.args, self.report);
        let (bad, left) = (matching.failed, matching.left());
        if let (false, Some(extra)) = (bad, left.first()) {
            let known = keywords::find(sets, &extra.text).is_some();
            let text = format!("'{}' after '{}' is ignored", extra.text, written.name);
            let help = match (foreign(&extra.text), known) {
                (Some(remedy), _) => remedy.to_owned(),
                (None, true) => format!("put '{}' on a line of its own", extra.text),
                (None, false) => format!("write: {} {}", written.name, written.usage).trim_end().to_owned(),
            };
            // C keepalived ignores words after the values, except after optional words.
            let choice = |term: &Term| matches!(term, Term::Opt(Kind::OneOf(_) | Kind::AnyCase(_)) | Term::Named(_));
            let draft = match keyword.args.iter().any(choice) {
                true => self.report.fault(Class::General, extra.at(&line), text),
                false => self.report.warn(Class::General, extra.at(&line), text),
            };
            draft.help(help);
        }
        let spans = spans(words);
        let place = line.at_all();
        let node = Node { keyword, line, spans, args, children: Vec::new(), braces: false, bad, in_loose: false };
        let wants = !matches!(keyword.body, Body::None);
        if opens && !wants {
            self.push(node);
            self.stray_block(place);
        } else if opens {
            self.stack.push(Level { node, opened: at });
        } else {
            if wants {
                self.report
                    .error(Class::MissingOpen, at, format!("'{}' has no block", written.name))
                    .help("add { after it and } at the end of the block");
            }
            self.push(node);
        }
    }

    /// Reports an entry that is a keyword of another block.
    fn is_keyword_elsewhere(&mut self, kind: &Keyword, next: usize, first: &Word<'_>, line: &Line<'_>) -> bool {
        let list = self.stack.last().map_or("", |l| l.node.keyword.name);
        let fits = |kind: &Keyword| match kind.args.first() {
            Some(Term::One(kind)) => parse(*kind, &first.text).is_ok(),
            _ => true,
        };
        if next > 0 || fits(kind) || self.report.is_full() {
            return false;
        }
        let Some(help) = keyword_elsewhere(list, &first.text) else { return false };
        let text = format!("'{}' is not an entry of '{list}': it is ignored", first.text);
        self.report.fault(Class::UnknownKeyword, first.at(line), text).help(help);
        true
    }

    fn entry(&mut self, kind: &'static Keyword, line: Line<'i>, words: &[Word<'i>], next: usize) {
        let mut matching = Matching::new(line, words, next, Dropped::Entry, kind.lenience);
        let name = self.stack.last().map_or("", |l| l.node.keyword.name);
        // A kind of entries has the name of its list, unless the entry begins with it.
        let said_name = if kind.is_placeholder() { name } else { kind.name };
        let said = Subject { name: said_name, usage: kind.usage, lenience: kind.lenience };
        let mut args = matching.run(said, kind.args, self.report);
        let lenient = kind.lenience == Lenience::Line;
        while let (false, Some(extra)) = (matching.failed, matching.left().first()) {
            let ignored = if lenient { "it is ignored" } else { "the entry is ignored" };
            let text = format!("'{}' is unknown in an entry of '{name}': {ignored}", extra.text);
            let remedy = meant(name, &extra.text).or_else(|| foreign(&extra.text));
            let help = match (remedy, nearest_option(kind.args, &extra.text)) {
                (Some(remedy), _) => remedy.to_owned(),
                (None, Some(near)) => format!("did you mean '{near}'?"),
                (None, None) => format!("write one entry a line: {}", kind.usage),
            };
            self.report.fault(Class::General, extra.at(&line), text).help(help);
            if lenient {
                matching.go_on(kind.args, self.report, &mut args);
            } else {
                matching.failed = true;
            }
        }
        let bad = matching.failed;
        for arg in &args {
            self.option_status(arg, &line);
        }
        let node = Node {
            keyword: kind,
            line,
            spans: spans(words),
            args,
            children: Vec::new(),
            braces: false,
            bad,
            in_loose: matches!(self.body(), Body::Loose(..)),
        };
        self.push(node);
    }

    fn option_status(&mut self, arg: &Arg, line: &Line<'_>) {
        if let Value::Option(keyword, inner) = &arg.value {
            let at = line.at(arg.start, arg.end.saturating_sub(arg.start));
            self.notes.keyword(keyword, keyword, at);
            for arg in inner {
                self.option_status(arg, line);
            }
        }
    }

    fn unknown(&mut self, sets: &'static [&'static [Keyword]], line: Line<'i>, words: &[Word<'i>], opens: bool) {
        let Some(first) = words.first() else { return };
        if self.belongs_to_top(&first.text, &line, opens) {
            self.missing_close();
            return self.words_of_line(line, words, None);
        }
        let inside = self.stack.last().map(|l| l.node.keyword.name);
        let help = match &first.text {
            _ if self.report.is_full() => None,
            word => hint(inside, sets, word),
        };
        let shown = &first.text;
        let ignored = if opens { "the block is ignored" } else { "the line is ignored" };
        let text = match inside {
            Some(block) => format!("unknown keyword '{shown}' in '{block}': {ignored}"),
            None => format!("unknown keyword '{shown}': {ignored}"),
        };
        let draft = self.report.fault(Class::UnknownKeyword, first.at(&line), text);
        draft.help(help.unwrap_or_else(|| "remove it; keepalived.conf(5) lists the keywords of each block".to_owned()));
        if opens {
            self.skip = Some(Skip { depth: 0, opened: first.at(&line) });
        }
    }

    /// Reports a block after a keyword without a block, and skips it.
    fn stray_block(&mut self, at: At) {
        let end = At { offset: at.offset.saturating_add(at.len), len: 1, ..at };
        self.report
            .fault(Class::UnexpectedOpen, end, "no block is expected here: it is ignored")
            .help("remove the braces and the lines between them");
        self.skip = Some(Skip { depth: 0, opened: at });
    }

    fn open(&mut self, line: &Line<'_>) {
        // The keyword before the brace has pushed the level, if there is one.
        let at = line.at_all();
        match self.stack.last_mut() {
            Some(level) if !level.node.braces => level.node.braces = true,
            _ => {
                let text = "'{' without a keyword before it: the block is ignored";
                self.report
                    .fault(Class::UnexpectedOpen, at, text)
                    .help("remove it with its '}', or write a keyword before it");
                self.skip = Some(Skip { depth: 1, opened: at });
            }
        }
    }

    fn close(&mut self, line: &Line<'_>) {
        match self.stack.pop() {
            Some(level) => self.push(level.node),
            None => {
                self.report
                    .fault(Class::UnexpectedClose, line.at_all(), "'}' without a block to close: it is ignored")
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
            self.push(level.node);
        }
    }
}

/// Byte ranges of the first word, and of all words.
fn spans(words: &[Word<'_>]) -> [(u32, u32); 2] {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let first = words.first().map_or((0, 0), |word| (number(word.start), number(word.end)));
    [first, (first.0, words.last().map_or(0, |word| number(word.end)))]
}

/// The kind of an entry and the index of the first word its grammar covers.
fn choose(kinds: &'static [Keyword], first: &Word<'_>) -> Option<(&'static Keyword, usize)> {
    if let Some(kind) = kinds.iter().find(|k| k.name == first.text && !k.is_placeholder()) {
        return Some((kind, 1));
    }
    let fits = |k: &&Keyword| match k.args.first() {
        Some(keywords::Term::One(kind)) => parse(*kind, &first.text).is_ok(),
        _ => true,
    };
    kinds.iter().filter(|k| k.is_placeholder()).find(fits).or(kinds.first()).map(|k| (k, 0))
}
