//! Lines of addresses.

use super::{Line, network};
use crate::vrrp::{Address, AddressId, Tables};

/// Scopes with a word (`RT_SCOPE_*`).
const SCOPES: [(u8, &str); 5] = [(0, "global"), (200, "site"), (253, "link"), (254, "host"), (255, "nowhere")];

/// An address: `10.1.0.111/24 dev vrrp.11@eth0 scope global set`.
pub(in crate::notify::dump) fn address(id: AddressId, row: &Address, tables: &Tables) -> String {
    let config = &row.config;
    let v6 = config.ip.is_ipv6();
    let mut line = Line::default();
    line.word(network((config.ip, config.prefix)));
    line.value("brd", config.broadcast);
    match tables.address_link(id) {
        Some(link) => line.word(format_args!("dev {}@{}", link.name, link.base)),
        None => line.word(format_args!("dev {}", config.device)),
    }
    line.flags(&[(config.own_vmac, "use_vmac")]);
    match SCOPES.iter().find(|(number, _)| *number == config.scope) {
        Some((_, scope)) => line.word(format_args!("scope {scope}")),
        None => line.word(format_args!("scope {}", config.scope)),
    }
    line.value("label", config.label.as_ref());
    line.value("peer", config.peer.map(|(ip, length)| format!("{ip}/{length}")));
    line.flags(&[
        (config.home, "home"),
        (v6 && !config.nodad, "-nodad"),
        (config.mngtmpaddr, "mngtmpaddr"),
        (config.noprefixroute, "noprefixroute"),
        (config.autojoin, "autojoin"),
        (config.no_track, "no_track"),
    ]);
    // The lifetime of an IPv4 address is not shown.
    let whole = config.prefix == 128;
    match config.preferred_lft.filter(|_| v6) {
        _ if !v6 => {}
        Some(0) => line.word("deprecated"),
        None if whole => line.word("deprecated"),
        None | Some(u32::MAX) => line.word("preferred_lft forever"),
        Some(seconds) => line.word(format_args!("preferred_lft {seconds}")),
    }
    let set = row.state.installed && row.state.ours;
    line.flags(&[(set, "set"), (tables.firewall.drops(config.ip, row.ifindex), "nftable_set")]);
    line.0
}
