//! `control_socket` and `control_group`.

use std::path::Path;

use super::super::model::{ControlSocket, LONGEST_SOCKET};
use super::super::node::Node;
use super::context::Ctx;

/// `control_socket`.
pub(super) fn socket(node: Option<&Node<'_>>, ctx: &mut Ctx<'_, '_>) -> ControlSocket {
    let Some((node, text)) = node.and_then(|node| Some((node, node.text(0)?))) else {
        return ControlSocket::Beside;
    };
    let path = Path::new(text);
    let (problem, help) = match () {
        () if text == "none" => return ControlSocket::Off,
        () if path.is_relative() => ("is not an absolute path", "write a path from /, or none"),
        () if path.file_name().is_none() => ("does not name a file", "write the path of a socket"),
        () if text.len() > LONGEST_SOCKET => ("is longer than 99 bytes", "write a shorter path"),
        () => return ControlSocket::At(path.into()),
    };
    ctx.mistake(node.at_arg(0), format!("'{text}' {problem}: the default socket is used"), help);
    ControlSocket::Beside
}

/// The group id of `control_group`, by name or number.
pub(super) fn group(node: Option<&Node<'_>>, ctx: &mut Ctx<'_, '_>) -> Option<u32> {
    let node = node?;
    let name = node.text(0)?;
    let found = ctx.answers.group(name).or_else(|| name.parse().ok().filter(|number| *number != u32::MAX));
    if found.is_none() {
        let text = format!("the group '{name}' does not exist: the line is ignored");
        ctx.mistake(
            node.at_arg(0),
            text,
            "create the group, or write another one; without a group, root uses the socket",
        );
    }
    found
}
