//! System settings of the processes: `vrrp_priority` and the like.

use std::time::Duration;

use super::super::model::ProcessSettings;
use super::super::node::Node;
use super::super::value::Value;
use super::context::Ctx;

/// Longest name of a process, as in the kernel.
const LONGEST_NAME: usize = 15;

/// The settings of one process. `last` finds a keyword of `global_defs`; `usual` is the name with `process_names`.
pub(super) fn settings<'n, 'i: 'n>(
    prefix: &str,
    usual: &str,
    last: impl Fn(&str) -> Option<&'n Node<'i>>,
    ctx: &mut Ctx<'_, '_>,
) -> ProcessSettings {
    let own = |keyword: &str| last(&format!("{prefix}_{keyword}"));
    let named = own("process_name").and_then(|node| name(node, ctx));
    let rt_priority = own("rt_priority").and_then(|node| rt_priority(node, ctx));
    let cpu = |arg: &Value| match arg {
        Value::Uint(n) => u16::try_from(*n).ok(),
        _ => None,
    };
    ProcessSettings {
        name: named.or_else(|| last("process_names").map(|_| usual.to_owned())),
        nice: own("priority").and_then(|n| n.int(0)).and_then(|n| i8::try_from(n).ok()),
        rt_priority,
        auto_priority: auto_priority(last("max_auto_priority"), last("min_auto_priority_delay")),
        no_swap: own("no_swap").is_some(),
        cpus: own("cpu_affinity").into_iter().flat_map(|n| &n.args).filter_map(|arg| cpu(&arg.value)).collect(),
        // Half of the limit, rounded down, must not be 0.
        rttime: own("rlimit_rttime").and_then(|n| n.u32(0)).map(|micros| micros.max(2)),
    }
}

/// `max_auto_priority`, without a number the highest, and the lateness from which it counts. `None`: off.
fn auto_priority(most: Option<&Node<'_>>, delay: Option<&Node<'_>>) -> Option<(u8, Duration)> {
    let most = most?;
    let most = if most.args.is_empty() { 99 } else { u8::try_from(most.int(0)?).unwrap_or(0) };
    let micros = delay.and_then(|node| node.uint(0)).unwrap_or(1_000_000);
    (most > 0).then(|| (most, Duration::from_micros(micros)))
}

/// The name of a process, cut to the length in the kernel.
pub(super) fn name(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<String> {
    let written = node.text(0)?;
    let end = (0..=LONGEST_NAME).rev().find(|end| written.is_char_boundary(*end)).unwrap_or(0);
    let cut = written.get(..end).unwrap_or(written);
    if cut != written {
        let text = format!("the name of a process has at most {LONGEST_NAME} characters: '{cut}' is used");
        ctx.adjusted(node.at_arg(0), text).help("shorten it");
    }
    Some(cut.to_owned())
}

fn rt_priority(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<u8> {
    let written = node.uint(0)?;
    let used = written.clamp(1, 99);
    if used != written {
        let draft = ctx.adjusted(node.at_arg(0), format!("{} {written} is taken as {used}", node.keyword.name));
        draft.help("write a number from 1 to 99");
    }
    u8::try_from(used).ok()
}
