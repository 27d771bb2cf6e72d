//! `reload_time_file` and related keywords.

use super::super::model::Reloads;
use super::super::node::Node;
use super::context::Ctx;

/// The settings. `last` finds a keyword of `global_defs`.
pub(super) fn settings<'n, 'i: 'n>(last: impl Fn(&str) -> Option<&'n Node<'i>>, ctx: &mut Ctx<'_, '_>) -> Reloads {
    let reload_time_file = last("reload_time_file").and_then(|node| path(node, ctx));
    let reload_repeat = last("reload_repeat");
    if let (Some(node), None) = (reload_repeat, &reload_time_file) {
        let text = "reload_repeat has no effect without reload_time_file";
        ctx.adjusted(node.at(), text).help("add reload_time_file PATH, or remove it");
    }
    let reload_file = last("reload_file").and_then(|node| match node.args.is_empty() {
        true => Some(String::new()),
        false => path(node, ctx),
    });
    Reloads { reload_time_file, reload_repeat: reload_repeat.is_some(), reload_file }
}

/// An absolute path.
fn path(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<String> {
    let path = node.text(0)?;
    if !path.starts_with('/') || path.ends_with('/') {
        let text = format!("{}: '{path}' is not the absolute path of a file: the line is ignored", node.keyword.name);
        ctx.mistake(node.at_arg(0), text, "write a path that begins with /");
        return None;
    }
    Some(path.to_owned())
}
