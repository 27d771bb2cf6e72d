//! Encodes requests to add and remove addresses.

use nix::errno::Errno;

use super::address::AddressRequest;
use super::attributes::Attributes;
use super::netlink::{NLM_F_CREATE, NLM_F_EXCL, Refusal};
use super::request_socket::{Request, RequestSocket};
use super::rtnetlink::{
    AF_INET, AF_INET6, IFA_ADDRESS, IFA_BROADCAST, IFA_CACHEINFO, IFA_F_HOMEADDRESS, IFA_F_MANAGETEMPADDR,
    IFA_F_MCAUTOJOIN, IFA_F_NODAD, IFA_F_NOPREFIXROUTE, IFA_FLAGS, IFA_LABEL, IFA_LOCAL, IFA_PROTO, RTM_DELADDR,
    RTM_NEWADDR,
};
use crate::config::model::Address;
use crate::state::{Done, Op};

/// Unlimited lifetime.
const FOREVER: u32 = u32::MAX;
/// Longest label, `IFNAMSIZ` without the NUL.
const LABEL_MAX: usize = 15;

/// Performs all requests in order; returns their outcomes in the same order.
pub(super) fn perform(socket: &mut RequestSocket, batch: &[AddressRequest]) -> Vec<Result<Done, Refusal>> {
    let encoded: Vec<_> = batch.iter().map(encode).collect();
    let answers = socket.perform(&encoded).into_iter().zip(batch);
    answers.map(|(answer, request)| answer.outcome(nothing_to_change(request.op))).collect()
}

/// The errors that mean that there is nothing to change.
pub(super) fn nothing_to_change(op: Op) -> &'static [Errno] {
    match op {
        Op::Add => &[Errno::EEXIST],
        Op::Remove => &[Errno::EADDRNOTAVAIL, Errno::ENODEV, Errno::ESRCH],
    }
}

/// Encodes a request.
pub(super) fn encode(request: &AddressRequest) -> Result<Request, Refusal> {
    let address = &request.address;
    let invalid = |why: &str| Refusal { errno: Errno::EINVAL as i32, text: why.to_owned() };
    if let Some((peer, _)) = address.peer
        && peer.is_ipv4() != address.ip.is_ipv4()
    {
        return Err(invalid("the peer is of another family"));
    }
    if address.label.as_ref().is_some_and(|label| label.len() > LABEL_MAX) {
        return Err(invalid("the label is too long"));
    }
    let (peer, prefix) = address.peer.unwrap_or((address.ip, address.prefix));
    let [a, b, c, d] = request.ifindex.to_ne_bytes();
    let family = if address.ip.is_ipv4() { AF_INET } else { AF_INET6 };
    // struct ifaddrmsg: family, prefix length, the old eight flags, scope, index.
    let mut payload = Attributes::after(&[family, prefix, 0, address.scope, a, b, c, d]);
    payload.put_ip(IFA_LOCAL, address.ip);
    if request.op == Op::Add {
        put_settings(&mut payload, address, request.protocol);
    }
    if address.peer.is_some() {
        payload.word("peer");
    }
    payload.put_ip(IFA_ADDRESS, peer);
    Ok(match request.op {
        Op::Add => Request { kind: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, payload },
        Op::Remove => Request { kind: RTM_DELADDR, flags: 0, payload },
    })
}

fn put_settings(payload: &mut Attributes, address: &Address, protocol: Option<u8>) {
    let v4 = address.ip.is_ipv4();
    payload.put(IFA_FLAGS, flags(address).to_ne_bytes());
    // Kernels before 5.18 ignore this attribute, as all unknown ones.
    if let Some(protocol) = protocol {
        payload.put(IFA_PROTO, [protocol]);
    }
    let preferred = preferred_lifetime(address);
    if preferred != FOREVER {
        payload.word("preferred_lft");
        // struct ifa_cacheinfo: preferred and valid lifetime, and two times that only the kernel fills in.
        payload.put_words(IFA_CACHEINFO, [preferred, FOREVER, 0, 0]);
    }
    if let Some(broadcast) = address.broadcast.filter(|ip| v4 && ip.is_ipv4()) {
        payload.word("brd");
        payload.put_ip(IFA_BROADCAST, broadcast);
    }
    if let Some(label) = address.label.as_ref().filter(|_| v4) {
        payload.word("label");
        payload.put_text(IFA_LABEL, label);
    }
}

/// `IFA_FLAGS` of an address.
fn flags(address: &Address) -> u32 {
    let v6 = address.ip.is_ipv6();
    [
        (address.nodad && v6, IFA_F_NODAD),
        (address.home && v6, IFA_F_HOMEADDRESS),
        (address.mngtmpaddr && v6, IFA_F_MANAGETEMPADDR),
        (address.noprefixroute, IFA_F_NOPREFIXROUTE),
        (address.autojoin, IFA_F_MCAUTOJOIN),
    ]
    .into_iter()
    .fold(0, |flags, (set, flag)| if set { flags | flag } else { flags })
}

fn preferred_lifetime(address: &Address) -> u32 {
    let host_v6 = address.ip.is_ipv6() && address.peer.is_none() && address.prefix == 128;
    address.preferred_lft.unwrap_or(if host_v6 { 0 } else { FOREVER })
}
