//! Receive buffers: `vrrp_netlink_cmd_rcv_bufs`, `vrrp_rx_bufs_policy` and the like.

use super::super::model::{AdvertBuffer, NetlinkBuffers, ReceiveBuffer};
use super::super::node::Node;
use super::context::Ctx;

/// `vrrp_rx_bufs_multiplier` without the keyword.
pub(super) const MULTIPLIER: u32 = 3;

/// The receive buffer of a keyword with its `_force`. `last` finds a keyword of `global_defs`.
pub(super) fn receive<'n, 'i: 'n>(last: impl Fn(&str) -> Option<&'n Node<'i>>, name: &str) -> ReceiveBuffer {
    let force = last(&format!("{name}_force")).is_some_and(|node| node.boolean(0).unwrap_or(true));
    ReceiveBuffer { octets: last(name).and_then(|node| node.u32(0)), force }
}

/// The buffers of the netlink sockets of a process; `prefix` is `vrrp` or `lvs`.
pub(super) fn netlink<'n, 'i: 'n>(last: impl Fn(&str) -> Option<&'n Node<'i>>, prefix: &str) -> NetlinkBuffers {
    NetlinkBuffers {
        requests: receive(&last, &format!("{prefix}_netlink_cmd_rcv_bufs")),
        monitor: receive(&last, &format!("{prefix}_netlink_monitor_rcv_bufs")),
    }
}

/// `vrrp_rx_bufs_policy` with `vrrp_rx_bufs_multiplier`.
pub(super) fn adverts<'n, 'i: 'n>(last: impl Fn(&str) -> Option<&'n Node<'i>>, ctx: &mut Ctx<'_, '_>) -> AdvertBuffer {
    let factor = last("vrrp_rx_bufs_multiplier");
    let policy = last("vrrp_rx_bufs_policy").map_or(AdvertBuffer::Default, |node| policy(node, ctx));
    let multiplier = factor.and_then(|node| node.u32(0)).unwrap_or(MULTIPLIER);
    match policy {
        AdvertBuffer::Mtu(_) => AdvertBuffer::Mtu(multiplier),
        AdvertBuffer::Advert(_) => AdvertBuffer::Advert(multiplier),
        other => {
            if let Some(node) = factor {
                let text = "vrrp_rx_bufs_multiplier has no effect without vrrp_rx_bufs_policy MTU or ADVERT";
                ctx.adjusted(node.at(), text);
            }
            other
        }
    }
}

/// The policy of a line, with the default multiplier.
fn policy(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> AdvertBuffer {
    let (mut mtu, mut advert, mut size) = (false, false, None);
    for at in 0..node.args.len() {
        let word = node.text(at).unwrap_or_default();
        match word.parse::<u32>() {
            Ok(octets) if octets > 0 => size = Some(octets),
            _ if word.eq_ignore_ascii_case("MTU") => mtu = true,
            _ if word.eq_ignore_ascii_case("ADVERT") => advert = true,
            _ => {
                let text = format!("'{word}' is not MTU, ADVERT or a number of octets: the line is ignored");
                ctx.mistake(node.at_arg(at), text, "write MTU, ADVERT or a number");
                return AdvertBuffer::Default;
            }
        }
    }
    match (size, mtu, advert) {
        (Some(octets), false, false) => AdvertBuffer::Octets(octets),
        (Some(_), ..) => {
            let text = "a number of octets together with MTU or ADVERT: the line is ignored";
            ctx.mistake(node.at(), text, "write one of them");
            AdvertBuffer::Default
        }
        (None, true, _) => AdvertBuffer::Mtu(MULTIPLIER),
        (None, false, _) => AdvertBuffer::Advert(MULTIPLIER),
    }
}
