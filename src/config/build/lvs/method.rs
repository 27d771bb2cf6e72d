//! `lb_kind`, `lvs_method` and `sorry_server_lvs_method`, with the options of tunnels.

use super::super::super::lvs::{Method, Tunnel, TunnelChecksum};
use super::super::super::node::Node;
use super::super::super::value::Value;
use super::super::context::{Ctx, options, text};

/// The forwarding method of a keyword.
pub(super) fn method(block: &Node<'_>, keyword: &str, ctx: &mut Ctx<'_, '_>) -> Option<Method> {
    let node = block.last(keyword)?;
    let kind = node.text(0)?;
    let (mut tunnel, mut port, mut checksum) = (None, None, None);
    for (name, args) in options(&node.args) {
        match name {
            "type" => {
                tunnel = args.first().and_then(|arg| text(&arg.value));
                port = options(args).find(|(name, _)| *name == "port").and_then(|(_, args)| {
                    args.first().and_then(|arg| match arg.value {
                        Value::Uint(port) => u16::try_from(port).ok(),
                        _ => None,
                    })
                });
            }
            "csum" => checksum = Some(TunnelChecksum::Checksum),
            "remcsum" => checksum = Some(TunnelChecksum::Remote),
            _ => checksum = Some(TunnelChecksum::None),
        }
    }
    match kind {
        "NAT" | "DR" if tunnel.is_some() || checksum.is_some() => {
            ctx.mistake(
                node.at(),
                format!("{kind} has no tunnel options: the line is ignored"),
                "remove them, or write TUN",
            );
            None
        }
        "NAT" => Some(Method::Nat),
        "DR" => Some(Method::Dr),
        _ => {
            let found = of_type(tunnel.unwrap_or("ipip"), port, checksum);
            if let Err((wrong, help)) = found {
                ctx.mistake(node.at(), format!("{wrong}: the line is ignored"), help);
            }
            found.ok().map(Method::Tun)
        }
    }
}

fn of_type(
    tunnel: &str,
    port: Option<u16>,
    checksum: Option<TunnelChecksum>,
) -> Result<Tunnel, (&'static str, &'static str)> {
    let plain = checksum.unwrap_or(TunnelChecksum::None);
    match (tunnel, port, checksum) {
        ("gue", Some(port), _) => Ok(Tunnel::Gue(port, plain)),
        ("gue", None, _) => Err(("gue needs a destination port", "write: TUN type gue port N")),
        (_, Some(_), _) => Err(("only gue has a port", "remove it, or write type gue")),
        ("gre", _, Some(TunnelChecksum::Remote)) => Err(("gre has no remote checksum", "write csum or nocsum")),
        ("gre", ..) => Ok(Tunnel::Gre(plain)),
        (_, _, Some(_)) => Err(("ipip has no checksum", "remove the word, or write type gue or gre")),
        _ => Ok(Tunnel::Ipip),
    }
}
