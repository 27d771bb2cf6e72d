//! The blocks of a configuration as nodes.

use std::ops::Range;

use super::items::{ItemKind, Items};
use super::keywords::{self, ROOT};
use super::line::is_space;
use super::node::Node;
use super::notes::Notes;
use super::parser::Parser;
use super::report::{Report, Stage};

/// Reads items into top-level nodes, and finds the virtual servers, to be read later. Warnings that are given once for all
/// places are reported after the last virtual server.
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

/// Passes each top-level node to `take`.
pub(crate) fn each(items: &Items, mut take: impl FnMut(&Node<'_>)) {
    let (mut report, mut notes) = (Report::default(), Notes::default());
    let mut parser = Parser::new(items, &mut report, &mut notes);
    for at in 0..items.len() {
        parser.item(at).iter().for_each(&mut take);
    }
    parser.end().iter().for_each(take);
}

/// The top-level block that is read on demand, to save memory: a file may have a thousand of them with ten thousand real
/// servers.
const FOLDED: &str = "virtual_server";

/// The virtual servers of a configuration, each read into a node on demand.
pub(crate) struct FoldedServers<'i> {
    items: &'i Items,
    list: std::vec::IntoIter<Server<'i>>,
    /// Notes of the whole configuration.
    notes: Notes,
}

enum Server<'i> {
    /// Range of its items.
    Folded(Range<usize>),
    /// Read already, to find its end.
    Open(Node<'i>),
}

impl<'i> FoldedServers<'i> {
    /// The next virtual server, in the order of the file; its problems go to the report.
    pub fn next(&mut self, report: &mut Report) -> Option<Node<'i>> {
        let next = self.read(report);
        report.stage = Stage::Building;
        next
    }

    fn read(&mut self, report: &mut Report) -> Option<Node<'i>> {
        loop {
            match self.list.next() {
                None => {
                    std::mem::take(&mut self.notes).report_to(report);
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

/// The items of a virtual server that begins here, if the braces alone show its end.
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
            // A brace inside an open quote, or a top-level keyword: an earlier block is not closed.
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
