//! Requests for links: to find, create, set up and remove them.

use nix::errno::Errno;

use super::attributes::Attributes;
use super::netlink::{NLM_F_CREATE, NLM_F_EXCL, Refusal};
use super::request_socket::{Request, RequestSocket};
use super::rtnetlink::{
    IFF_UP, IFLA_ADDRESS, IFLA_GROUP, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_IPVLAN_FLAGS, IFLA_IPVLAN_MODE,
    IFLA_LINK, IFLA_LINKINFO, IFLA_MACVLAN_MODE, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK,
};
use super::tables::{IPVLAN_L2, Link, ipvlan_flags};
use crate::config::model::OwnLinkKind;
use crate::vrrp::WantedLink;

/// `MACVLAN_MODE_PRIVATE`: no traffic to other macvlans on the same lower interface.
pub(super) const MACVLAN_PRIVATE: u32 = 1;

/// The link with this name.
pub(super) fn find(socket: &mut RequestSocket, name: &str) -> Result<Option<Link>, Refusal> {
    let mut payload = Attributes::after(&header(0, 0));
    payload.put_text(IFLA_IFNAME, name);
    match socket.rows(&Request { kind: RTM_GETLINK, flags: 0, payload }, Link::read) {
        Ok(mut links) => Ok(links.pop()),
        Err(refusal) if refusal.errno == Errno::ENODEV as i32 => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// Creates a macvlan or ipvlan over the interface with index `base`; success if there is an interface of this name.
pub(super) fn create(socket: &mut RequestSocket, wanted: &WantedLink) -> Result<(), Refusal> {
    let mut payload = Attributes::after(&header(0, 0));
    payload.put_text(IFLA_IFNAME, &wanted.name);
    payload.put(IFLA_LINK, wanted.base.to_ne_bytes());
    payload.put(IFLA_GROUP, wanted.group.to_ne_bytes());
    if let OwnLinkKind::Vmac { mac, .. } = wanted.kind {
        payload.put(IFLA_ADDRESS, mac);
    }
    payload.nest(IFLA_LINKINFO, |info| match wanted.kind {
        OwnLinkKind::Vmac { .. } => {
            info.put_text(IFLA_INFO_KIND, "macvlan");
            info.nest(IFLA_INFO_DATA, |data| data.put(IFLA_MACVLAN_MODE, MACVLAN_PRIVATE.to_ne_bytes()));
        }
        OwnLinkKind::Ipvlan { mode, .. } => {
            info.put_text(IFLA_INFO_KIND, "ipvlan");
            info.nest(IFLA_INFO_DATA, |data| {
                data.put(IFLA_IPVLAN_MODE, IPVLAN_L2.to_ne_bytes());
                data.put(IFLA_IPVLAN_FLAGS, ipvlan_flags(mode).to_ne_bytes());
            });
        }
    });
    let request = Request { kind: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, payload };
    socket.change(request, &[Errno::EEXIST]).map(drop)
}

/// Sets a link up.
pub(super) fn set_up(socket: &mut RequestSocket, index: u32) -> Result<(), Refusal> {
    let payload = Attributes::after(&header(index, IFF_UP));
    socket.change(Request { kind: RTM_NEWLINK, flags: 0, payload }, &[]).map(drop)
}

/// Puts a link in a group of interfaces.
pub(super) fn put_in_group(socket: &mut RequestSocket, index: u32, group: u32) -> Result<(), Refusal> {
    socket.change(Request { kind: RTM_NEWLINK, flags: 0, payload: of_group(index, group) }, &[]).map(drop)
}

/// Removes all links of a group.
pub(super) fn delete_group(socket: &mut RequestSocket, group: u32) -> Result<(), Refusal> {
    socket.change(Request { kind: RTM_DELLINK, flags: 0, payload: of_group(0, group) }, &[]).map(drop)
}

/// Removes a link; success if it does not exist.
pub(super) fn delete(socket: &mut RequestSocket, index: u32) -> Result<(), Refusal> {
    let payload = Attributes::after(&header(index, 0));
    socket.change(Request { kind: RTM_DELLINK, flags: 0, payload }, &[Errno::ENODEV]).map(drop)
}

/// `struct ifinfomsg`, with `flags` to set.
fn header(index: u32, flags: u32) -> Vec<u8> {
    let family_and_type = 0u32;
    [family_and_type, index, flags, flags].map(u32::to_ne_bytes).concat()
}

fn of_group(index: u32, group: u32) -> Attributes {
    let mut payload = Attributes::after(&header(index, 0));
    payload.put(IFLA_GROUP, group.to_ne_bytes());
    payload
}
