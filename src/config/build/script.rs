//! Notify scripts and the users they run as.

use super::super::diag::Class;
use super::super::keywords::Keyword;
use super::super::line::is_space;
use super::super::model::{Script, ScriptUser, Scripts};
use super::super::node::Node;
use super::super::value::Value;
use super::super::words::{Word, split_script};
use super::context::Ctx;

/// All notify scripts of an instance or a group.
pub(super) fn scripts(block: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Scripts {
    let mut get = |name: &str| block.last(name).and_then(|n| script(n, ctx));
    Scripts {
        master: get("notify_master"),
        backup: get("notify_backup"),
        fault: get("notify_fault"),
        stop: get("notify_stop"),
        any: get("notify"),
        deleted: get("notify_deleted"),
        master_rx_lower_pri: get("notify_master_rx_lower_pri"),
    }
}

/// One script keyword: a command of one word, which is quoted if it has arguments, may be followed by `USER [GROUP]`.
/// Check scripts have a keyword of their own for that; there an unquoted command takes every word as an argument.
pub(super) fn script(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<Script> {
    let script = command(node, ctx)?;
    usable(node, &script, ctx).then_some(script)
}

/// The command of a script keyword, whether or not it can be run.
pub(super) fn command(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<Script> {
    let Some(Value::Script(words)) = node.value(0) else {
        return None;
    };
    let first = words.first()?;
    let takes_user = takes_user(node.keyword, words);
    let whole = first.quoted && first.text.contains(is_space);
    let argv: Vec<String> = if whole {
        split_script(&first.text, 0).0.into_iter().map(|w| w.text.into_owned()).collect()
    } else if takes_user {
        vec![first.text.to_string()]
    } else {
        words.iter().map(|w| w.text.to_string()).collect()
    };
    if argv.first().is_none_or(|program| program.is_empty()) {
        ctx.report
            .error(Class::MissingParameter, node.at_arg(0), format!("'{}' has an empty command", node.keyword.name))
            .help("name a program with its full path");
        return None;
    }
    let identity = words.get(1..).filter(|words| takes_user && !words.is_empty());
    let user = match identity {
        // An unknown user is an error: the script must not run as somebody else.
        Some(words) => Some(user(node, words, ctx)?),
        None => None,
    };
    Some(Script { argv, user })
}

/// Whether what follows the first word of a command is a user, and not an argument.
pub(in super::super) fn takes_user(keyword: &Keyword, words: &[Word<'_>]) -> bool {
    words.first().is_some_and(|first| first.quoted) || !matches!(keyword.name, "misc_path" | "script")
}

/// Warns about a script that cannot be run now; false for one that must not run.
fn usable(node: &Node<'_>, script: &Script, ctx: &mut Ctx<'_, '_>) -> bool {
    let program = script.argv.first().map_or("", String::as_str);
    if let Some(problem) = ctx.facts.script_problem(program) {
        let text = format!("the script '{program}' {problem}: it cannot be run");
        ctx.report.warn(Class::General, node.at_arg(0), text).help("install it, or correct the path");
        return true;
    }
    is_secure(node, script, ctx)
}

/// Whether the script of a tracker can be run, as things are now; a message when not: then nothing is tracked.
pub(super) fn trackable(node: &Node<'_>, script: &Script, ctx: &mut Ctx<'_, '_>) -> bool {
    let program = script.argv.first().map_or("", String::as_str);
    if let Some(problem) = ctx.facts.script_problem(program) {
        let text = format!("the script '{program}' {problem}: track_script entries that list it are ignored");
        ctx.report.warn(Class::General, node.at_arg(0), text).help("install it, or correct the path");
        return false;
    }
    is_secure(node, script, ctx)
}

/// With `enable_script_security` a script that others than root can change does not run as root; a message says so.
fn is_secure(node: &Node<'_>, script: &Script, ctx: &mut Ctx<'_, '_>) -> bool {
    let program = script.argv.first().map_or("", String::as_str);
    let uid = script.user.as_ref().map_or(ctx.scripts.1, |user| user.uid);
    let insecure = if ctx.scripts.0 && uid == 0 { ctx.facts.script_insecure(program) } else { None };
    let Some(why) = insecure else { return true };
    let text = format!("the script '{program}' is not run as root: {why}");
    let help = "give that to root without write permission for others, or name another user for the script";
    ctx.report.warn(Class::Security, node.at_arg(0), text).help(help);
    false
}

/// `script_user`; without it the user `keepalived_script` if there is one.
pub(super) fn default_user(global: Option<&Node<'_>>, ctx: &mut Ctx<'_, '_>) -> Option<ScriptUser> {
    match global.and_then(|g| g.last("script_user")) {
        Some(node) => user(node, node.words().get(1..).unwrap_or_default(), ctx),
        None => ctx.facts.user("keepalived_script").map(|(uid, gid)| ScriptUser { uid, gid }),
    }
}

/// `USER [[:] GROUP]`, by name or number.
pub(super) fn user(node: &Node<'_>, words: &[Word<'_>], ctx: &mut Ctx<'_, '_>) -> Option<ScriptUser> {
    let named = words.first()?;
    let colon = usize::from(words.get(1).is_some_and(|word| word.text == ":"));
    let group = words.get(colon.saturating_add(1));
    if let Some(extra) = words.get(colon.saturating_add(2)) {
        let text = format!("'{}' after the group is ignored", extra.text);
        let draft = ctx.report.warn(Class::General, extra.at(&node.line), text);
        draft.help("remove it; if arguments are meant, quote the whole command");
    }
    let number = |w: &Word<'_>| w.text.parse::<u32>().ok();
    let found = ctx.facts.user(&named.text).or_else(|| number(named).map(|uid| (uid, uid)));
    let Some((uid, own)) = found else {
        ctx.report
            .fault(Class::General, named.at(&node.line), format!("the user '{}' does not exist", named.text))
            .help(if node.keyword.name.starts_with("notify") || node.keyword.name.starts_with("quorum") {
                "create the user, or name another one; if arguments are meant, quote the whole command"
            } else {
                "create the user, or name another one"
            });
        return None;
    };
    let Some(group) = group else {
        return Some(ScriptUser { uid, gid: own });
    };
    let Some(gid) = ctx.facts.group(&group.text).or_else(|| number(group)) else {
        ctx.report
            .fault(Class::General, group.at(&node.line), format!("the group '{}' does not exist", group.text))
            .help("create the group, or name another one");
        return None;
    };
    Some(ScriptUser { uid, gid })
}
