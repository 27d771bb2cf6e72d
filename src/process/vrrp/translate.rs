//! Conversion between the types of `kernel` and of the machines.

use crate::config::model::Family;
use crate::kernel::{
    Addr, AddressRequest, EntryKind, EntryRequest, EntryResult, KernelEvent, Link, OwnLinkRequest, OwnLinkResult,
    PROTOCOL_KEEPALIVED, RouteRequest, RuleRequest, Secondaries, Snapshot,
};
use crate::state::{Done, Op, RowId};
use crate::vrrp::{
    self, Address, AddressId, Event, FirewallLayout, InstanceId, Interface, InterfaceAddress, Interfaces,
    KernelAddress, ObjectId, OwnLinkId, Route, Rule, Upper, UpperKind, WantedLink,
};

/// A kernel event as events of the machines.
pub(super) fn events(event: KernelEvent) -> Vec<Event<'static>> {
    vec![match event {
        KernelEvent::Link(link) => Event::Link(interface(&link)),
        KernelEvent::LinkGone { index, .. } => Event::LinkGone(index),
        KernelEvent::Address(address) => Event::AddressAdded(kernel_address(&address)),
        KernelEvent::AddressGone(address) => Event::AddressGone(kernel_address(&address)),
        KernelEvent::Route { route, replaces } => Event::RouteAdded { route, replaces },
        KernelEvent::RouteGone(route) => Event::RouteGone(route),
        KernelEvent::Rule(rule) => Event::RuleAdded(rule),
        KernelEvent::RuleGone(rule) => Event::RuleGone(rule),
        KernelEvent::Snapshot(mut snapshot) => {
            let (routes, rules) = (std::mem::take(&mut snapshot.routes), std::mem::take(&mut snapshot.rules));
            return vec![Event::Routing { routes, rules }, Event::Interfaces(interfaces(snapshot))];
        }
    }]
}

fn interface(link: &Link) -> Interface {
    Interface {
        index: link.index,
        name: link.name.clone(),
        up: link.admin_up && link.running,
        // Known to the rows.
        seen_up: false,
        flags: link.flags,
        hardware: link.hardware,
        noarp: link.noarp,
        mtu: link.mtu,
        mac: link.mac,
        broadcast: link.broadcast,
        vrf_table: link.vrf_table,
        group: link.group,
        upper: upper(link),
        addresses: Default::default(),
    }
}

/// The properties of a macvlan or ipvlan.
fn upper(link: &Link) -> Option<Upper> {
    let kind = match link.kind.as_str() {
        "macvlan" => UpperKind::Macvlan { private: link.macvlan_mode == Some(1) },
        "ipvlan" => UpperKind::Ipvlan(link.ipvlan_mode),
        _ => return None,
    };
    Some(Upper { base: link.base, kind })
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
pub(super) const NO_ROW: RowId = (u32::MAX, u32::MAX);

/// The request for an operation on a route; `None` if an interface of it does not exist.
pub(super) fn route_request(id: RowId, op: Op, row: &Route) -> Option<EntryRequest> {
    let (route, devices) = (row.config.clone(), row.devices.clone()?);
    Some(EntryRequest::Route(RouteRequest { token: token(id), op, route, devices }))
}

/// The request for an operation on a policy rule.
pub(super) fn rule_request(id: RowId, op: Op, row: &Rule) -> EntryRequest {
    EntryRequest::Rule(RuleRequest { token: token(id), op, rule: row.config.clone() })
}

/// The request for an operation on an address; `None` if its interface does not exist.
pub(super) fn address_request(
    id: AddressId,
    op: Op,
    row: &Address,
    secondaries: vrrp::Secondaries,
    links: &Interfaces,
) -> Option<EntryRequest> {
    let config = &row.config;
    let ifindex = row.ifindex?;
    let interface = || links.name(ifindex).to_owned();
    let secondaries = (!secondaries.is_empty()).then(|| Secondaries { interface: interface(), addresses: secondaries });
    let request = AddressRequest::new(token(id), op, ifindex, config.clone());
    Some(EntryRequest::Address(AddressRequest { secondaries, ..request }))
}

/// The result of a request.
pub(super) fn done(result: EntryResult) -> Event<'static> {
    let outcome = result.outcome.map_err(|refusal| refusal.to_string());
    answer(result.kind, result.token, result.op, outcome)
}

/// The answer to a request, or its refusal.
pub(super) fn answer(kind: EntryKind, token: u64, op: Op, result: Result<Done, String>) -> Event<'static> {
    let row = row_of(token);
    let id = match kind {
        EntryKind::Address => ObjectId::Address(row),
        EntryKind::Route => ObjectId::Route(row),
        EntryKind::Rule => ObjectId::Rule(row),
        EntryKind::FirewallV4 | EntryKind::FirewallV6 => {
            let family = if kind == EntryKind::FirewallV4 { Family::V4 } else { Family::V6 };
            return Event::FirewallDone { family, number: token, result: result.map(drop) };
        }
    };
    Event::Done { id, op, result }
}

fn row_of(token: u64) -> RowId {
    ((token >> 32) as u32, token as u32)
}

fn token(id: RowId) -> u64 {
    u64::from(id.0) << 32 | u64::from(id.1)
}

/// The request for an operation on a link; without a row the result is ignored.
pub(super) fn own_link_request(
    id: Option<OwnLinkId>,
    op: Op,
    link: WantedLink,
    guards: Vec<FirewallLayout>,
) -> OwnLinkRequest {
    OwnLinkRequest {
        token: token(id.map_or(NO_ROW, |OwnLinkId(InstanceId(id), number)| (id, number))),
        op,
        link,
        guards,
    }
}

/// The result of a request for a link.
pub(super) fn own_link_done(result: OwnLinkResult) -> Option<Event<'static>> {
    let OwnLinkRequest { token, op, link, .. } = result.request;
    let row = row_of(token);
    let id = OwnLinkId(InstanceId(row.0), row.1);
    let made = result.outcome.map_err(|refusal| refusal.to_string());
    (row != NO_ROW).then(|| Event::OwnLinkDone { id, op, link: Box::new(link), made })
}
