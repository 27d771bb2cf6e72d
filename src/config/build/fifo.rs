//! `notify_fifo` and related keywords.

use super::super::diag::Class;
use super::super::model::{Fifo, Fifos, ScriptUser};
use super::super::node::Node;
use super::context::Ctx;
use super::script;

/// The FIFOs; `last` finds the last line of a keyword, `default_owner` is `script_user`.
pub(super) fn fifos<'n, 'i: 'n>(
    last: impl Fn(&str) -> Option<&'n Node<'i>>,
    default_owner: Option<&ScriptUser>,
    ctx: &mut Ctx<'_, '_>,
) -> Fifos {
    let mut paths: Vec<(String, &str)> = Vec::new();
    let [all, vrrp, lvs] = ["notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo"].map(|keyword| {
        let of_script = format!("{keyword}_script");
        let reader = last(&of_script);
        let Some((node, path)) = last(keyword).and_then(|node| Some((node, node.text(0)?.to_owned()))) else {
            if let Some(reader) = reader {
                let text = format!("{of_script} without {keyword}: the script is not started");
                ctx.report
                    .warn(Class::General, reader.at_arg(0), text)
                    .help(format!("add {keyword} with the path of the FIFO"));
            }
            return None;
        };
        if let Some((_, other)) = paths.iter().find(|(known, _)| *known == path) {
            let text = format!("'{path}' is the FIFO of {other} already: the line is ignored");
            ctx.report.warn(Class::General, node.at_arg(0), text).help("write another path");
            return None;
        }
        // After the keyword and the path.
        let words = node.words();
        let owner = match words.get(2..).unwrap_or_default() {
            [] => default_owner.cloned(),
            // With an unknown user the FIFO must not belong to another one.
            words => Some(script::user(node, words, ctx)?),
        };
        let script = reader.and_then(|reader| script::script(reader, ctx));
        paths.push((path.clone(), keyword));
        Some(Fifo { path, owner, script })
    });
    Fifos { all, vrrp, lvs, states_on_reload: last("fifo_write_vrrp_states_on_reload").is_some() }
}
