//! `HTTP_GET` and `SSL_GET`.

use super::super::super::lvs::{HttpCheck, HttpVersion, RegexCheck, Target, UrlCheck};
use super::super::super::node::Node;
use super::super::context::Ctx;
use super::around::owned;
use super::target::Server;

/// Keywords without effect when there is no `regex`.
const OF_REGEX: [&str; 4] = ["regex_no_match", "regex_options", "regex_min_offset", "regex_max_offset"];

/// Builds a web checker; `None` when no url is valid, which was reported.
pub(super) fn build(node: &Node<'_>, target: Target, server: &Server, ctx: &mut Ctx<'_, '_>) -> Option<HttpCheck> {
    let name = owned(node, "virtualhost").or_else(|| server.virtual_host.clone());
    let host = name.clone().unwrap_or_else(|| target.address.to_string());
    let close_notify = node.flag("tls_compliant").unwrap_or(false);
    ctx.require(node, "url", "url { path PATH }");
    let urls: Vec<UrlCheck> = node.all("url").filter_map(|n| url(n, &host, close_notify, ctx)).collect();
    if urls.is_empty() {
        return None;
    }
    let version = match node.last("http_protocol").and_then(|n| n.text(0)) {
        Some("1.0C" | "1.0c") => HttpVersion::V10Close,
        Some("1.1") => HttpVersion::V11,
        _ => HttpVersion::V10,
    };
    let enabled = node.flag("enable_sni").unwrap_or(false);
    let of_url = || node.all("url").find_map(|n| owned(n, "virtualhost"));
    Some(HttpCheck {
        tls: node.keyword.name == "SSL_GET",
        version,
        sni: owned(node, "sni_name").or_else(|| if enabled { name.or_else(of_url) } else { None }),
        fast_recovery: node.flag("fast_recovery").unwrap_or(false),
        close_notify,
        urls,
        target,
    })
}

fn url(node: &Node<'_>, host: &str, close_notify: bool, ctx: &mut Ctx<'_, '_>) -> Option<UrlCheck> {
    ctx.require(node, "path", "path PATH, such as /index.html");
    let path = owned(node, "path")?;
    let ranges = |n: &Node<'_>| (0..n.args.len()).filter_map(|at| n.text(at).and_then(codes)).collect();
    Some(UrlCheck {
        path,
        host: owned(node, "virtualhost").unwrap_or_else(|| host.to_owned()),
        digest: node.last("digest").and_then(|n| n.text(0)).and_then(digest),
        status: node.last("status_code").map_or_else(|| vec![(200, 299)], ranges),
        regex: regex(node, ctx),
        close_notify: node.flag("tls_compliant").unwrap_or(close_notify),
    })
}

/// `N` or `N-N`.
fn codes(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Some((low.parse().ok()?, high.parse().ok()?))
}

fn digest(text: &str) -> Option<[u8; 16]> {
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

fn regex(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<RegexCheck> {
    let Some(pattern) = owned(node, "regex") else {
        for keyword in OF_REGEX.into_iter().filter_map(|name| node.last(name)) {
            ctx.adjusted(keyword.at(), format!("there is no regex: '{}' is ignored", keyword.keyword.name));
        }
        return None;
    };
    let offset = |name: &str| node.last(name).and_then(|n| n.uint(0)).and_then(|n| usize::try_from(n).ok());
    let (mut min_offset, mut max_offset) = (offset("regex_min_offset").unwrap_or(0), offset("regex_max_offset"));
    if let Some(max) = max_offset
        && min_offset >= max
    {
        let at = node.last("regex_max_offset").map_or_else(|| node.at(), |n| n.at_arg(0));
        let text = format!("regex_min_offset {min_offset} is above regex_max_offset {max}: both are ignored");
        ctx.adjusted(at, text);
        (min_offset, max_offset) = (0, None);
    }
    let options = node.last("regex_options");
    Some(RegexCheck {
        pattern: pattern.into_bytes(),
        no_match: node.has("regex_no_match"),
        options: options
            .map_or_else(Vec::new, |n| (0..n.args.len()).filter_map(|at| n.text(at)).map(str::to_owned).collect()),
        min_offset,
        max_offset,
    })
}
