//! `snmp_trap_target` and `snmp_engine_id`.

use std::time::Duration;

use snmp::target::Destination;

use super::super::diag::Class;
use super::super::model::{Secret, TrapAuth, TrapHost, TrapSecurity, TrapTarget, TrapUser};
use super::super::node::Node;
use super::super::place::At;
use super::context::Ctx;
use super::secret_file;

/// Longest address of a target, in bytes: it is part of an object identifier.
const LONGEST_HOST: usize = 100;
/// Longest community, in bytes.
const LONGEST_COMMUNITY: usize = 255;
/// Longest name of a user, in bytes (RFC 3414 section 5).
const LONGEST_USER: usize = 32;
/// Shortest password, in octets (RFC 3414 section 11.2).
const SHORTEST_PASSWORD: usize = 8;
/// Lengths of engine IDs, in octets (RFC 3411 section 5).
const ENGINE_ID: std::ops::RangeInclusive<usize> = 5..=32;
/// Start of the default engine ID: an enterprise number in the form of RFC 3411, and that a text follows.
const ENGINE_START: [u8; 5] = [0x80, 0x00, 0x25, 0x72, 4];

/// Keywords for version 2c, for version 3, and for informs.
const OF_VERSION_2: [&str; 1] = ["community"];
const OF_VERSION_3: [&str; 5] = ["user", "auth_protocol", "auth_password", "priv_protocol", "priv_password"];
const OF_INFORMS: [&str; 2] = ["retries", "timeout"];

/// The usable targets; of several with the same host and port, the first counts.
pub(super) fn targets<'n>(nodes: impl Iterator<Item = &'n Node<'n>>, ctx: &mut Ctx<'_, '_>) -> Vec<TrapTarget> {
    let mut targets: Vec<(TrapTarget, At)> = Vec::new();
    for node in nodes {
        let Some(host) = host(node, ctx) else { continue };
        let at = node.at_arg(0);
        if let Some((_, first)) = targets.iter().find(|(target, _)| target.host == host) {
            let text = format!("snmp_trap_target {host} is defined already: this one is ignored");
            let draft = ctx.report.fault(Class::General, at, text);
            draft.also(*first, "first defined here").help("remove one of them");
            continue;
        }
        let Some(security) = security(node, ctx) else { continue };
        let number = |name: &str| node.last(name).and_then(|line| line.uint(0));
        let target = TrapTarget {
            host,
            inform: node.flag("inform").unwrap_or(false),
            retries: number("retries").and_then(|number| u32::try_from(number).ok()).unwrap_or(3),
            timeout: number("timeout").map_or(Duration::from_secs(2), Duration::from_micros),
            security,
        };
        if !target.inform {
            without_effect(node, &OF_INFORMS, "informs, and this target gets traps", "add inform", ctx);
        }
        targets.push((target, at));
    }
    targets.into_iter().map(|(target, _)| target).collect()
}

/// The engine ID, by default from the name of the router.
pub(super) fn engine_id(node: Option<&Node<'_>>, router_id: &str, ctx: &mut Ctx<'_, '_>) -> Vec<u8> {
    let by_default = || {
        let text = router_id.bytes().take(ENGINE_ID.end().saturating_sub(ENGINE_START.len()));
        ENGINE_START.into_iter().chain(text).collect()
    };
    let Some((node, text)) = node.and_then(|node| Some((node, node.text(0)?))) else { return by_default() };
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let value = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let octets: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(value(high)? << 4 | value(low)?),
            _ => None,
        })
        .collect();
    octets.filter(|octets| ENGINE_ID.contains(&octets.len())).unwrap_or_else(|| {
        let text = format!("'{text}' has not the form of an engine ID: the default is used");
        ctx.mistake(node.at_arg(0), text, "write 0x and 10 to 64 hexadecimal digits, two for each octet");
        by_default()
    })
}

/// Warns about lines of a target that are for something else.
fn without_effect(node: &Node<'_>, names: &[&str], purpose: &str, remedy: &str, ctx: &mut Ctx<'_, '_>) {
    for line in names.iter().filter_map(|name| node.last(name)) {
        let text = format!("{} is for {purpose}: it has no effect", line.keyword.name);
        ctx.adjusted(line.at(), text).help(format!("{remedy}, or remove the line"));
    }
}

fn host(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<TrapHost> {
    let text = node.text(0)?;
    let problem = match text.parse::<Destination>() {
        Ok(_) if text.len() > LONGEST_HOST => format!("is longer than {LONGEST_HOST} bytes"),
        Ok(Destination::Address(address)) => return Some(TrapHost::Address(address)),
        Ok(Destination::Name { host, port }) => return Some(TrapHost::Name { host, port }),
        Err(error) => format!("is not usable, as {error}"),
    };
    ctx.mistake(
        node.at_arg(0),
        format!("'{text}' {problem}: the target gets no notifications"),
        "write ADDRESS, HOSTNAME, ADDRESS:PORT, HOSTNAME:PORT or [IPV6-ADDRESS]:PORT",
    );
    None
}

fn security(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<TrapSecurity> {
    let version3 = match node.last("version").and_then(|line| line.text(0)) {
        Some(version) => version == "3",
        None => node.has("user"),
    };
    if version3 {
        without_effect(node, &OF_VERSION_2, "version 2c, and this target has version 3", "write version 2c", ctx);
        return user(node, ctx).map(TrapSecurity::User);
    }
    without_effect(node, &OF_VERSION_3, "version 3, and this target has version 2c", "write version 3", ctx);
    let Some(line) = node.last("community") else {
        let text = "snmp_trap_target has no community: the target gets no notifications";
        ctx.mistake(node.at(), text, "add community NAME, with the name that the receiver accepts, or user NAME");
        return None;
    };
    let community = line.text(0).unwrap_or_default();
    if community.len() > LONGEST_COMMUNITY {
        let text = format!("the community is longer than {LONGEST_COMMUNITY} bytes: the target gets no notifications");
        ctx.mistake(line.at_arg(0), text, "write a shorter one");
        return None;
    }
    Some(TrapSecurity::Community(Secret(community.as_bytes().to_vec())))
}

fn user(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<TrapUser> {
    let Some((line, name)) = node.last("user").and_then(|line| Some((line, line.text(0)?))) else {
        let text = "snmp_trap_target of version 3 has no user: the target gets no notifications";
        ctx.mistake(node.at(), text, "add user NAME, with a user that the receiver knows");
        return None;
    };
    if name.is_empty() || name.len() > LONGEST_USER {
        let text =
            format!("the name of the user does not have 1 to {LONGEST_USER} bytes: the target gets no notifications");
        ctx.mistake(line.at_arg(0), text, "write another one");
        return None;
    }
    let auth_password = password(node, "auth_password", ctx)?;
    let privacy = password(node, "priv_password", ctx)?;
    // The security of the messages must not be less than what the lines say.
    let missing = match (&auth_password, &privacy) {
        (None, Some(_)) => Some(("priv_password", "auth_password")),
        (None, None) if node.has("auth_protocol") => Some(("auth_protocol", "auth_password")),
        (_, None) if node.has("priv_protocol") => Some(("priv_protocol", "priv_password")),
        _ => None,
    };
    if let Some((line, needed)) = missing.and_then(|(name, needed)| Some((node.last(name)?, needed))) {
        let text = format!("{} needs {needed}: the target gets no notifications", line.keyword.name);
        ctx.mistake(line.at(), text, format!("add {needed}, or remove the line"));
        return None;
    }
    let protocol = match node.last("auth_protocol").and_then(|line| line.text(0)) {
        Some("SHA") => TrapAuth::Sha1,
        Some("SHA-224") => TrapAuth::Sha224,
        Some("SHA-384") => TrapAuth::Sha384,
        Some("SHA-512") => TrapAuth::Sha512,
        _ => TrapAuth::Sha256,
    };
    Some(TrapUser { name: name.to_owned(), auth: auth_password.map(|password| (protocol, password)), privacy })
}

/// A password, `TEXT` or `file:PATH`; `None` outside if it is not usable.
fn password(node: &Node<'_>, name: &str, ctx: &mut Ctx<'_, '_>) -> Option<Option<Secret>> {
    let Some((line, word)) = node.last(name).and_then(|line| Some((line, line.text(0)?))) else { return Some(None) };
    let at = line.at_arg(0);
    let octets = match word.strip_prefix("file:") {
        Some(path) => secret_file::read(path, at, "password", "the target gets no notifications", ctx)?,
        None => word.as_bytes().to_vec(),
    };
    if octets.len() < SHORTEST_PASSWORD {
        let text = format!("{name} has less than {SHORTEST_PASSWORD} octets: the target gets no notifications");
        ctx.mistake(at, text, "write a longer one");
        return None;
    }
    Some(Some(Secret(octets)))
}
