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
    let mut get = |name: &str| block.first(name, ctx).and_then(|n| script(n, ctx));
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

/// The command of a script keyword. After a command in quotes or of one word, `USER [GROUP]` may follow; an unquoted command
/// of a check script takes all words as arguments, as its block has the keyword `user`.
pub(super) fn script(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<Script> {
    let script = command(node, ctx)?;
    (has_user(node, &script, ctx) && usable(node, &script, ctx)).then_some(script)
}

/// Whether the script has a user to run as; reported when not.
pub(super) fn has_user(node: &Node<'_>, script: &Script, ctx: &mut Ctx<'_, '_>) -> bool {
    if script.user.is_some() || ctx.script_uid.is_some() {
        return true;
    }
    let program = script.argv.first().map_or("", String::as_str);
    let text = format!("there is no user to run the script '{program}' as: it is not run");
    let help = "create the user keepalived_script, or write script_user USER in global_defs";
    ctx.mistake(node.at_arg(0), text, help);
    false
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
        let text = format!("'{}' has an empty command: the line is ignored", node.keyword.name);
        ctx.mistake(node.at_arg(0), text, "write a program with its full path");
        return None;
    }
    warn_of_operators(node, &argv, ctx);
    let argv = with_input(argv);
    let identity = words.get(1..).filter(|words| takes_user && !words.is_empty());
    let user = match identity {
        // With an unknown user the script must not run as another user.
        Some(words) => Some(user(node, words, ctx)?),
        None => None,
    };
    Some(Script { argv, user })
}

/// A command that begins with `</FILE` is run by a shell with this file as its standard input. Without further words it tells
/// whether the file can be opened; with bash, `</dev/tcp/HOST/PORT` is a connection. The words after the first are passed
/// on as they are, as by C keepalived.
fn with_input(argv: Vec<String>) -> Vec<String> {
    let Some((file, words)) = argv.split_first().filter(|(first, _)| first.starts_with("</")) else {
        return argv;
    };
    let shell = ["/bin/sh", "-c", &format!("{file} \"$@\""), "sh"].map(str::to_owned);
    shell.into_iter().chain(words.iter().cloned()).collect()
}

/// Programs that may be given operators of the shell as arguments.
const TAKE_OPERATORS: [&str; 3] = ["expr", "find", "ssh"];

/// Warns about operators of the shell, which are plain arguments because no shell runs the command.
fn warn_of_operators(node: &Node<'_>, argv: &[String], ctx: &mut Ctx<'_, '_>) {
    let Some((program, arguments)) = argv.split_first() else { return };
    let name = program.rsplit('/').next().unwrap_or(program);
    let is_operator = |word: &&String| {
        matches!(word.as_str(), "|" | "||" | "&&" | "&" | ";" | "<") || word.starts_with('>') || word.starts_with("2>")
    };
    if let Some(operator) = arguments.iter().find(is_operator).filter(|_| !TAKE_OPERATORS.contains(&name)) {
        let text = format!("'{operator}' is an argument of '{program}': no shell reads it");
        ctx.adjusted(node.at_arg(0), text).help("write /bin/sh -c '...' around it, or put it into a script");
    }
}

/// Whether the word after the command is a user, not an argument.
pub(in super::super) fn takes_user(keyword: &Keyword, words: &[Word<'_>]) -> bool {
    words.first().is_some_and(|first| first.quoted) || !matches!(keyword.name, "misc_path" | "script")
}

/// Warns about a script that cannot be run at present; false for a script that must not run.
fn usable(node: &Node<'_>, script: &Script, ctx: &mut Ctx<'_, '_>) -> bool {
    let program = script.argv.first().map_or("", String::as_str);
    if let Some(problem) = ctx.answers.script_problem(program) {
        let text = format!("the script '{program}' {problem}: it cannot be run");
        ctx.report.warn(Class::General, node.at_arg(0), text).help("install it, or correct the path");
        return true;
    }
    is_secure(node, script, ctx)
}

/// Whether the script of a tracker can be run at present; reported when not, and then the script is not tracked.
pub(super) fn trackable(node: &Node<'_>, script: &Script, ctx: &mut Ctx<'_, '_>) -> bool {
    let program = script.argv.first().map_or("", String::as_str);
    if let Some(problem) = ctx.answers.script_problem(program) {
        let text = format!("the script '{program}' {problem}: track_script entries that list it are ignored");
        ctx.mistake(node.at_arg(0), text, "install it, or correct the path");
        return false;
    }
    is_secure(node, script, ctx)
}

/// Reports a script that runs as root but can be changed by others; with `enable_script_security` it is not run.
fn is_secure(node: &Node<'_>, script: &Script, ctx: &mut Ctx<'_, '_>) -> bool {
    let program = script.argv.first().map_or("", String::as_str);
    let uid = script.user.as_ref().map(|user| user.uid).or(ctx.script_uid);
    let insecure = if uid == Some(0) { ctx.answers.script_insecure(program) } else { None };
    let Some(why) = insecure else { return true };
    let help = "make root its owner without write permission for others, or write another user for the script";
    if ctx.script_security {
        let text = format!("the script '{program}' is not run as root: {why}");
        ctx.report.fault(Class::Security, node.at_arg(0), text).help(help);
        return false;
    }
    let text = format!("the script '{program}' is run as root but can be changed by others: {why}");
    ctx.report.warn(Class::General, node.at_arg(0), text).help(help);
    true
}

/// `script_user`; by default the user `keepalived_script`, if it exists.
pub(super) fn default_user(global: Option<&Node<'_>>, ctx: &mut Ctx<'_, '_>) -> Option<ScriptUser> {
    match global.and_then(|g| g.last("script_user")) {
        Some(node) => user(node, node.words().get(1..).unwrap_or_default(), ctx),
        None => ctx.answers.user("keepalived_script").map(|(uid, gid)| ScriptUser { uid, gid }),
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
    let found = ctx.answers.user(&named.text).or_else(|| number(named).map(|uid| (uid, uid)));
    let Some((uid, own)) = found else {
        let text = format!("the user '{}' does not exist: {}", named.text, without_user(node));
        ctx.report.fault(Class::General, named.at(&node.line), text).help(
            if node.keyword.name.starts_with("notify") || node.keyword.name.starts_with("quorum") {
                "create the user, or write another one; if arguments are meant, quote the whole command"
            } else {
                "create the user, or write another one"
            },
        );
        return None;
    };
    let Some(group) = group else {
        return Some(ScriptUser { uid, gid: own });
    };
    let Some(gid) = ctx.answers.group(&group.text).or_else(|| number(group)) else {
        let text = format!("the group '{}' does not exist: {}", group.text, without_user(node));
        ctx.mistake(group.at(&node.line), text, "create the group, or write another one");
        return None;
    };
    Some(ScriptUser { uid, gid })
}

/// The consequence of a user that does not exist.
fn without_user(node: &Node<'_>) -> &'static str {
    match node.keyword.name {
        "script_user" => "scripts without a user of their own are not run",
        _ => "the script is not run",
    }
}
