//! Conversion between the types of `kernel` and of the machines.

use crate::kernel::{
    Addr, AddressRequest, AddressResult, KernelEvent, Link, PROTOCOL_KEEPALIVED, Secondaries, Snapshot, VmacRequest,
    VmacResult, WantedAddr,
};
use crate::state::Op;
use crate::vrrp::{
    self, Address, AddressId, Event, InstanceId, Interface, InterfaceAddress, Interfaces, KernelAddress, Macvlan,
    ObjectId, WantedVmac,
};

/// A kernel event as an event of the machines. `None` for tables that they do not watch.
pub(super) fn event(event: KernelEvent) -> Option<Event<'static>> {
    Some(match event {
        KernelEvent::Link(link) => Event::Link(interface(&link)),
        KernelEvent::LinkGone { index, .. } => Event::LinkGone(index),
        KernelEvent::Address(address) => Event::AddressAdded(kernel_address(&address)),
        KernelEvent::AddressGone(address) => Event::AddressGone(kernel_address(&address)),
        KernelEvent::Snapshot(snapshot) => Event::Interfaces(interfaces(snapshot)),
        KernelEvent::Route { .. } | KernelEvent::RouteGone(_) | KernelEvent::Rule(_) | KernelEvent::RuleGone(_) => {
            return None;
        }
    })
}

fn interface(link: &Link) -> Interface {
    Interface {
        index: link.index,
        name: link.name.clone(),
        up: link.admin_up && link.running,
        noarp: link.noarp,
        mtu: link.mtu,
        mac: link.mac,
        vrf_table: None,
        macvlan: (link.kind == "macvlan").then(|| Macvlan { base: link.base, private: link.macvlan_mode == Some(1) }),
        addresses: Default::default(),
    }
}

fn usable(address: &Addr) -> bool {
    !address.tentative() && !address.dadfailed()
}

/// Whether it was added by this daemon, a predecessor or another keepalived; always false before Linux 5.18.
fn marked(address: &Addr) -> bool {
    address.protocol == PROTOCOL_KEEPALIVED
}

fn kernel_address(address: &Addr) -> KernelAddress {
    let Addr { ifindex, ip, prefix, .. } = *address;
    KernelAddress { ifindex, ip, prefix, usable: usable(address), marked: marked(address) }
}

fn interfaces(snapshot: Snapshot) -> Vec<Interface> {
    let mut interfaces: Vec<Interface> = snapshot.links.iter().map(interface).collect();
    interfaces.sort_by_key(|interface| interface.index);
    for address in &snapshot.addresses {
        let at = interfaces.binary_search_by_key(&address.ifindex, |interface| interface.index);
        if let Some(interface) = at.ok().and_then(|at| interfaces.get_mut(at)) {
            let (usable, marked) = (usable(address), marked(address));
            interface.addresses.add(InterfaceAddress { ip: address.ip, prefix: address.prefix, usable, marked });
        }
    }
    interfaces
}

/// Identifier for requests whose rows have been removed: no row has it, so the answer is ignored.
const NO_ROW: AddressId = (u32::MAX, u32::MAX);

/// The request that removes the address of a removed row.
pub(super) fn withdrawal(row: &Address, secondaries: vrrp::Secondaries, links: &Interfaces) -> Option<AddressRequest> {
    request(NO_ROW, Op::Remove, row, secondaries, links)
}

/// The request for an operation on a row; `None` if its interface does not exist.
pub(super) fn request(
    id: AddressId,
    op: Op,
    row: &Address,
    secondaries: vrrp::Secondaries,
    links: &Interfaces,
) -> Option<AddressRequest> {
    let config = &row.config;
    let ifindex = row.ifindex?;
    let interface = || links.name(ifindex).to_owned();
    let secondaries = (!secondaries.is_empty()).then(|| Secondaries { interface: interface(), addresses: secondaries });
    let address = WantedAddr {
        ifindex,
        ip: config.ip,
        prefix: config.prefix,
        scope: config.scope,
        label: config.label.clone(),
        broadcast: config.broadcast,
        peer: config.peer,
        nodad: config.nodad,
        home: config.home,
        mngtmpaddr: config.mngtmpaddr,
        noprefixroute: config.noprefixroute,
        autojoin: config.autojoin,
        preferred_lft: config.preferred_lft,
        protocol: Some(PROTOCOL_KEEPALIVED),
    };
    Some(AddressRequest { token: token(id), op, address, secondaries })
}

/// The result of an address request.
pub(super) fn address_done(result: AddressResult) -> Event<'static> {
    let result_of_row = result.outcome.map_err(|refusal| refusal.to_string());
    Event::Done { id: address_id(result.token), op: result.op, result: result_of_row }
}

fn token(id: AddressId) -> u64 {
    u64::from(id.0) << 32 | u64::from(id.1)
}

/// The row of a result.
pub(super) fn address_id(token: u64) -> ObjectId {
    ObjectId::Address(((token >> 32) as u32, token as u32))
}

/// The request for an operation on a VMAC; without an instance the result is ignored.
pub(super) fn vmac_request(id: Option<InstanceId>, op: Op, link: WantedVmac) -> VmacRequest {
    VmacRequest {
        token: id.map_or(u64::MAX, |id| id.0.into()),
        op,
        name: link.name,
        mac: link.mac,
        base: link.base,
        base_name: link.base_name,
        ipv6: link.ipv6,
        link_local: link.link_local,
        replace: link.replace,
    }
}

/// The result of a VMAC request.
pub(super) fn vmac_done(result: VmacResult) -> Option<Event<'static>> {
    let request = result.request;
    let id = InstanceId(u32::try_from(request.token).ok()?);
    let link = WantedVmac {
        name: request.name,
        mac: request.mac,
        base: request.base,
        base_name: request.base_name,
        ipv6: request.ipv6,
        link_local: request.link_local,
        replace: request.replace,
    };
    let made = result.outcome.map_err(|refusal| refusal.to_string());
    Some(Event::VmacDone { id, op: request.op, link: Box::new(link), made })
}
