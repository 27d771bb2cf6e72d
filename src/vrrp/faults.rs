//! Pure functions of the rows: source address, fault and effective priority of an instance, and the number of addresses in
//! its adverts.

use std::net::IpAddr;

use super::cause::Fault;
use super::ids::STATIC;
use super::interface::{Interface, is_link_local};
use super::lookup::role_of;
use super::own_link::OwnLink;
use super::rows::Instance;
use super::state::State;
use super::surroundings::Surroundings;
use crate::config::model::{Track, TrackerKind};
use crate::state::{Object, Objects};
use crate::track::{Effect, Reading};

/// The source address of adverts: the configured address, if this host has it and it is usable; without a configured
/// address, the address of the ipvlan, or an address of the interface.
pub(super) fn source(around: Surroundings<'_>, row: &Instance) -> Option<IpAddr> {
    if row.config.is_unbound() {
        let ip = row.config.source?;
        return around.interfaces.carriers(ip).any(|(_, known)| known.usable).then_some(ip);
    }
    let ipvlan = row.link().filter(|link| !link.config.is_vmac());
    let link = around.interfaces.get(ipvlan.map_or(row.ifindex, |link| link.ifindex)?)?;
    let of_ipvlan = ipvlan.and_then(|link| link.config.source(row.config.family));
    let Some(ip) = row.config.source.or(of_ipvlan) else {
        return link
            .source(row.config.family, &row.destinations(), |known| role_of(around.addresses, link.index, known));
    };
    // A link-local address is valid on its link only.
    let counts = |on: &Interface| !is_link_local(ip) || on.index == link.index;
    around.interfaces.carriers(ip).any(|(on, known)| known.usable && counts(on)).then_some(ip)
}

/// Name of the interface whose address is the source of adverts.
fn sender(row: &Instance) -> &str {
    let ipvlan = row.link().filter(|link| !link.config.is_vmac());
    ipvlan.map_or(&row.config.interface, |link| &link.name)
}

/// The first reason why an instance cannot take part in VRRP, if any.
pub(super) fn fault(around: Surroundings<'_>, row: &Instance, has_source: bool) -> Option<Fault> {
    if !around.lacking.is_empty() {
        return Some(Fault::Privileges(around.lacking.join(" and ")));
    }
    let interfaces = around.interfaces;
    if let Some(own) = row.config.device() {
        let Some(link) = row.ifindex.and_then(|index| interfaces.get(index)) else {
            return Some(Fault::InterfaceMissing(own.to_owned()));
        };
        if !link.up && !row.config.dont_track_primary {
            return Some(Fault::InterfaceDown(own.to_owned()));
        }
    }
    let own = row.link().and_then(|link| link_fault(around, link, row.config.dont_track_primary));
    let of_addresses = || {
        let mut others = row.links.range(1..).map(|(_, link)| link).filter(|link| link.tracked);
        others.find_map(|link| link_fault(around, link, false))
    };
    if let Some(fault) = own.or_else(|| device_fault(around, row)).or_else(of_addresses) {
        return Some(fault);
    }
    if !has_source {
        let missing = row.config.source.map(Fault::SourceMissing);
        return missing.or_else(|| Some(Fault::NoSource(sender(row).to_owned())));
    }
    if row.config.unicast.as_ref().is_some_and(|unicast| unicast.peers.is_empty()) {
        return Some(Fault::NoPeer);
    }
    if let Some(fault) = static_fault(around, row) {
        return Some(fault);
    }
    tracked(around, row).find_map(|entry| {
        let reading = reading(around, entry);
        let faulty = match reading.effect(entry) {
            Effect::Fault => true,
            // An instance does not leave fault before its trackers have a result.
            Effect::Undecided => row.state == State::Fault,
            Effect::Weight(_) => false,
        };
        faulty.then(|| Fault::Tracked { kind: entry.kind, name: entry.name.clone(), reading })
    })
}

/// Fault for a link that the daemon makes. A missing link is no fault while the kernel is creating it.
fn link_fault(around: Surroundings<'_>, link: &OwnLink, may_be_down: bool) -> Option<Fault> {
    if !link.state.wanted || around.awaits(link) {
        return None;
    }
    match link.ifindex.and_then(|index| around.interfaces.get(index)) {
        None => Some(Fault::LinkMissing { kind: link.config.word().into(), name: link.name.clone() }),
        Some(known) if !known.up && !may_be_down => Some(Fault::InterfaceDown(link.name.clone())),
        Some(_) => None,
    }
}

/// Fault for an interface of the instance's addresses and routes, which must be up like its own interface, unless the address
/// or route has `no_track`. The interface of a route without `dev` is that to its gateway.
fn device_fault(around: Surroundings<'_>, row: &Instance) -> Option<Fault> {
    let config = &row.config;
    let addresses = config.addresses.iter().chain(&config.excluded).filter(|address| !address.no_track);
    // Those on the VMAC of the instance may have its name as device.
    let addresses = addresses.filter(|address| address.own_vmac || row.link_of(address).is_none());
    let addresses = addresses.map(|address| address.device.as_str());
    let own = row.vmac().and_then(|vmac| vmac.config.name.as_deref());
    let is_own_vmac = |name: &str| Some(name) == own;
    let mut checked = config.interface.as_str();
    for name in addresses.chain(config.route_devices()) {
        // Most have the same interface as the one before.
        if name == checked || name == config.interface || is_own_vmac(name) {
            continue;
        }
        match around.interfaces.named(name) {
            None => return Some(Fault::InterfaceMissing(name.to_owned())),
            Some(link) if !link.up => return Some(Fault::InterfaceDown(name.to_owned())),
            Some(_) => checked = name,
        }
    }
    config.gateways().find_map(|gateway| gateway_fault(around, row, gateway))
}

/// Fault for a gateway whose interfaces are down. Interfaces that the instance does not track are no reason.
fn gateway_fault(around: Surroundings<'_>, row: &Instance, gateway: IpAddr) -> Option<Fault> {
    let own = [row.ifindex, row.link().and_then(|link| link.ifindex)];
    let mut fault = None;
    for (index, name) in around.gateways.links_to(gateway) {
        match around.interfaces.get(index) {
            Some(link) if link.up || own.contains(&Some(index)) => return None,
            Some(link) => fault = Some(Fault::InterfaceDown(link.name.clone())),
            None => fault = fault.or_else(|| Some(Fault::InterfaceMissing(name.to_owned()))),
        }
    }
    fault
}

/// Fault for a static object that cannot be set and whose `track_group` lists the instance. An object that is about to be set
/// is no fault.
fn static_fault(around: Surroundings<'_>, row: &Instance) -> Option<Fault> {
    let groups = &row.config.track_groups;
    if groups.is_empty() {
        return None;
    }
    let address = missing(around.addresses, groups, |row| {
        (&row.config.track_group, format!("address {}/{} on {}", row.config.ip, row.config.prefix, row.config.device))
    });
    let route =
        || missing(around.routes, groups, |row| (&row.config.track_group, format!("route {}", row.config.brief())));
    let rule =
        || missing(around.rules, groups, |row| (&row.config.track_group, format!("rule {}", row.config.brief())));
    address.or_else(route).or_else(rule)
}

/// The fault for the first static row that cannot be set and belongs to one of the groups. `describe` returns the group of a
/// row, and its object in words.
fn missing<R: Object>(
    rows: &Objects<R>,
    groups: &[String],
    describe: impl Fn(&R) -> (&Option<String>, String),
) -> Option<Fault> {
    let is_missing = |row: &&R| {
        let state = row.state();
        state.wanted && !state.installed && (row.key().is_none() || state.refusal.is_some())
    };
    rows.of(&STATIC).map(|(_, row)| row).filter(is_missing).find_map(|row| {
        let (group, object) = describe(row);
        let refusal = row.state().refusal.clone().filter(|_| row.key().is_some());
        group.as_ref().is_some_and(|group| groups.contains(group)).then_some(Fault::Static { object, refusal })
    })
}

/// The tracker entries of the instance and of its group.
fn tracked<'t>(around: Surroundings<'t>, row: &'t Instance) -> impl Iterator<Item = &'t Track> {
    let of_group = around.group_of(row).map_or(&[][..], |group| &group.config.trackers);
    own(row, of_group).chain(of_group)
}

/// The entries of the instance, without those of trackers for which its group has an entry: that holds for all members.
fn own<'t>(row: &'t Instance, of_group: &'t [Track]) -> impl Iterator<Item = &'t Track> {
    let replaced = |entry: &&Track| of_group.iter().any(|of| (of.kind, &of.name) == (entry.kind, &entry.name));
    row.config.trackers.iter().filter(move |entry| !replaced(entry))
}

/// The present reading of an entry's tracker. A script with `init_fail` is no fault before its first result, as in C
/// keepalived: a start is not reported as a fault, and a master stays master when a reload adds the script.
fn reading(around: Surroundings<'_>, entry: &Track) -> Reading {
    if entry.kind == TrackerKind::Interface {
        return Reading::of(around.interfaces.named(&entry.name).is_some_and(|link| link.up));
    }
    let Some(id) = around.trackers.find(entry.kind, &entry.name) else { return Reading::Unknown };
    let is_initial = || around.trackers.scripts.get(&id.1).is_some_and(|script| script.row.initial);
    if entry.kind == TrackerKind::Script && entry.weight == 0 && is_initial() {
        return Reading::Unknown;
    }
    around.trackers.reading(id)
}

/// Whether the first state of an instance cannot be decided yet: a link is being created, or a tracker with weight 0 has
/// no result, or a file or process with any weight, which have one at once.
pub(super) fn is_undecided(around: Surroundings<'_>, row: &Instance) -> bool {
    let undecided = || {
        tracked(around, row).any(|entry| {
            let reading = reading(around, entry);
            let prompt = matches!(entry.kind, TrackerKind::File | TrackerKind::Process);
            (prompt && reading == Reading::Unknown) || reading.effect(entry) == Effect::Undecided
        })
    };
    around.awaits_links(row) || (row.fault.is_none() && !row.resumes_master && undecided())
}

/// The entries whose weights count for the priority, and whether they are those of the group.
fn counted<'t>(around: Surroundings<'t>, row: &'t Instance) -> impl Iterator<Item = (&'t Track, bool)> {
    let group = around.group_of(row);
    // Without `tracking_weight`, weights of single members do not count, except those of interfaces and processes as in
    // C keepalived.
    let tracking_weight = group.is_none_or(|group| group.config.tracking_weight);
    let counts =
        move |entry: &&Track| tracking_weight || matches!(entry.kind, TrackerKind::Interface | TrackerKind::Process);
    let of_group = group.map_or(&[][..], |group| &group.config.trackers);
    // A member that is in fault when its interface is down has nothing of the weight of that interface.
    let is_own = move |entry: &&Track| {
        let own = row.config.device().filter(|_| !row.config.dont_track_primary);
        entry.kind == TrackerKind::Interface && own == Some(entry.name.as_str())
    };
    let own = own(row, of_group).filter(counts).map(|entry| (entry, false));
    own.chain(of_group.iter().filter(move |entry| !is_own(entry)).map(|entry| (entry, true)))
}

/// A tracker entry and its share in the priority of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share<'t> {
    /// The entry.
    pub entry: &'t Track,
    /// The present reading of its tracker.
    pub reading: Reading,
    /// The effect of the reading.
    pub effect: Effect,
    /// The entry is that of the sync group.
    pub of_group: bool,
}

/// The shares of the trackers in the priority of an instance.
pub(super) fn shares<'t>(around: Surroundings<'t>, row: &'t Instance) -> Vec<Share<'t>> {
    let share = |(entry, of_group)| {
        let reading = reading(around, entry);
        Share { entry, reading, effect: reading.effect(entry), of_group }
    };
    let mut shares: Vec<Share<'t>> = counted(around, row).map(share).collect();
    if row.is_owner() {
        // Its priority never changes.
        shares.retain(|share| !matches!(share.effect, Effect::Weight(_)));
    }
    shares
}

/// The base priority plus the weights of trackers, 1..=254; 255 for an owner.
pub(super) fn effective_priority(around: Surroundings<'_>, row: &Instance) -> u8 {
    if row.is_owner() {
        return 255;
    }
    let weights = counted(around, row).map(|(entry, _)| match reading(around, entry).effect(entry) {
        Effect::Weight(weight) => i64::from(weight),
        Effect::Fault | Effect::Undecided => 0,
    });
    let sum = i64::from(row.base_priority).saturating_add(weights.sum());
    u8::try_from(sum.clamp(1, 254)).unwrap_or(254)
}

/// The number of configured addresses that fit into an advert without fragmentation, given the MTU of its interface.
/// Routers that only read the first fragment would refuse a fragmented advert.
pub(super) fn advertised(around: Surroundings<'_>, row: &Instance) -> usize {
    let all = row.config.addresses.len();
    let link = row.wire().and_then(|index| around.interfaces.get(index));
    // No limit if the interface does not exist, or its MTU is 0.
    let Some(mtu) = link.map(|link| link.mtu as usize).filter(|mtu| *mtu > 0) else { return all };
    let (without, address) = row.octets();
    all.min(mtu.saturating_sub(without) / address)
}
