//! Track lists of instances and groups.

use std::collections::HashSet;

use super::super::model::{Track, TrackerKind};
use super::super::node::Node;
use super::super::value::Value;
use super::context::{Ctx, options, text};

/// `track_interface` of an instance or a group.
pub(super) fn entries(block: &Node<'_>, dynamic: bool, ctx: &mut Ctx<'_, '_>) -> Vec<Track> {
    let mut list: Vec<Track> = Vec::new();
    let mut seen = HashSet::new();
    for entry in block.all("track_interface").flat_map(|n| n.children.iter()).filter(|n| !n.bad) {
        let Some(name) = entry.text(0) else { continue };
        ctx.interface(name, entry.at_arg(0), dynamic);
        let (mut weight, mut reverse) = (0i64, false);
        for (option, args) in options(&entry.args) {
            if option == "weight" {
                weight = match args.first().map(|a| &a.value) {
                    Some(Value::Int(n)) => *n,
                    _ => 0,
                };
                reverse = args.get(1).and_then(|a| text(&a.value)) == Some("reverse");
            }
        }
        if weight.abs() > 253 {
            ctx.adjusted(entry.at(), format!("weight {weight} is taken as {}", weight.clamp(-253, 253)));
            weight = weight.clamp(-253, 253);
        }
        if !seen.insert(name) {
            ctx.adjusted(entry.at(), format!("'{name}' is tracked twice; the first entry counts"));
            continue;
        }
        let weight = i16::try_from(weight).unwrap_or(0);
        list.push(Track { kind: TrackerKind::Interface, name: name.to_owned(), weight, reverse });
    }
    list
}
