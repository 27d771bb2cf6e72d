//! The blocks of a configuration: each keyword with its arguments, and what its braces hold.

use std::ops::Range;

use super::diag::{Report, Stage};
use super::items::{ItemKind, Items};
use super::keywords::{self, ROOT};
use super::line::is_space;
use super::node::Node;
use super::parser::{Notes, Parser};

/// Reads items into top-level nodes, and virtual servers for later. Problems go to the report; warnings that are said once
/// for all places, after the last of the virtual servers.
pub(crate) fn build<'i>(items: &'i Items, report: &mut Report) -> (Vec<Node<'i>>, FoldedServers<'i>) {
    let (mut top, mut servers) = (Vec::new(), Vec::new());
    let mut notes = Notes::default();
    let mut parser = Parser::new(items, report, &mut notes);
    let mut keep = |node: Node<'i>, servers: &mut Vec<Server<'i>>| match node.braces && node.keyword.name == FOLDED {
        true => servers.push(Server::Open(node)),
        false => top.push(node),
    };
    let mut at = 0;
    while at < items.len() {
        if let Some(range) = parser.is_at_top().then(|| folded(items, at)).flatten() {
            at = range.end;
            servers.push(Server::Folded(range));
        } else {
            parser.item(at).into_iter().for_each(|node| keep(node, &mut servers));
            at = at.saturating_add(1);
        }
    }
    parser.end().into_iter().for_each(|node| keep(node, &mut servers));
    (top, FoldedServers { items, list: servers.into_iter(), notes })
}

/// Gives each top-level keyword to `take`, one after the other.
pub(crate) fn each(items: &Items, mut take: impl FnMut(&Node<'_>)) {
    let (mut report, mut notes) = (Report::default(), Notes::default());
    let mut parser = Parser::new(items, &mut report, &mut notes);
    for at in 0..items.len() {
        parser.item(at).iter().for_each(&mut take);
    }
    parser.end().iter().for_each(take);
}

/// Top-level blocks that are not kept as nodes but read when they are wanted: a file has a few of the others, but there
/// may be a thousand of these with ten thousand servers in them.
const FOLDED: &str = "virtual_server";

/// The virtual servers of a configuration, each made a node when its turn has come.
pub(crate) struct FoldedServers<'i> {
    items: &'i Items,
    list: std::vec::IntoIter<Server<'i>>,
    /// Those of the whole configuration.
    notes: Notes,
}

enum Server<'i> {
    /// Its items.
    Folded(Range<usize>),
    /// It had to be read to find its end.
    Open(Node<'i>),
}

impl<'i> FoldedServers<'i> {
    /// The next one, in the order of the file; what is wrong with it goes to the report.
    pub fn next(&mut self, report: &mut Report) -> Option<Node<'i>> {
        let next = self.read(report);
        report.stage = Stage::Building;
        next
    }

    fn read(&mut self, report: &mut Report) -> Option<Node<'i>> {
        loop {
            match self.list.next() {
                None => {
                    std::mem::take(&mut self.notes).tell(report);
                    return None;
                }
                Some(Server::Open(node)) => return Some(node),
                Some(Server::Folded(mut range)) => {
                    let mut parser = Parser::new(self.items, report, &mut self.notes);
                    let found = range.find_map(|at| parser.item(at));
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
    }
}

/// The items of a virtual server that begins here, if its end can be told from its braces alone.
fn folded(items: &Items, at: usize) -> Option<Range<usize>> {
    let opens = |n: usize| items.kind(n.saturating_add(1)) == Some(ItemKind::Open);
    let first = |n: usize| items.line(n).text.split(is_space).next().unwrap_or_default();
    if items.kind(at) != Some(ItemKind::Text) || first(at) != FOLDED || !opens(at) {
        return None;
    }
    let mut depth = 0_usize;
    for n in at..items.len() {
        match items.kind(n)? {
            ItemKind::Open => depth = depth.saturating_add(1),
            ItemKind::Close if depth <= 1 => return Some(at..n.saturating_add(1)),
            ItemKind::Close => depth = depth.saturating_sub(1),
            // A brace within an open quote, and a block of the top level: one of those before lacks its end.
            ItemKind::Text if items.line(n).text.ends_with('{') => return None,
            ItemKind::Text if n > at && opens(n) => {
                let word = first(n);
                if word.starts_with('"') || keywords::find(ROOT, word).is_some() {
                    return None;
                }
            }
            ItemKind::Text => {}
        }
    }
    None
}
