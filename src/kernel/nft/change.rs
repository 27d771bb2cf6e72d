//! Encodes a change of a table as the requests of one transaction.

use std::net::{IpAddr, Ipv6Addr};

use super::super::attributes::Attributes;
use super::super::netlink::{NLM_F_APPEND, NLM_F_CREATE};
use super::super::request_socket::Request;
use super::layout::{self, Chain, Key, LINK_LOCAL_VIPS, NAME_SIZE, PARENTS, Set, VIPS, VMAC_MAP, VMAC_SET};
use super::wire::{
    DELSETELEM, DELTABLE, NEWCHAIN, NEWRULE, NEWSET, NEWSETELEM, NEWTABLE, NF_ACCEPT, TABLE, header, kind, put_number,
};
use crate::config::model::Family;
use crate::vrrp::{Element, ElementDevice, FirewallChange, FirewallLayout};

/// Elements per message; the length of their list must fit into 16 bits.
const CHUNK: usize = 500;
/// `NFTA_LIST_ELEM`.
const LIST_ELEM: u16 = 1;
/// `NFTA_DATA_VALUE`.
const VALUE: u16 = 1;

/// The requests for a change.
pub(super) fn encode(change: &FirewallChange) -> Vec<Request> {
    match change {
        FirewallChange::Remove(family, name) => removal(*family, name),
        FirewallChange::Build(layout, elements) => {
            let mut requests = removal(layout.family, &layout.settings.table);
            requests.push(table(NEWTABLE, layout.family, &layout.settings.table));
            requests.extend(structure(layout));
            requests.extend(element_lists(NEWSETELEM, layout, elements));
            requests
        }
        FirewallChange::Update { layout, remove, add } => {
            let mut requests = element_lists(DELSETELEM, layout, remove);
            requests.extend(element_lists(NEWSETELEM, layout, add));
            requests
        }
    }
}

/// Removes a table; it is created first, so that there is one to remove.
pub(super) fn removal(family: Family, name: &str) -> Vec<Request> {
    vec![table(NEWTABLE, family, name), table(DELTABLE, family, name)]
}

pub(super) fn request(message: u8, family: Family, table: &str, fields: impl FnOnce(&mut Attributes)) -> Request {
    let flags = match message {
        DELTABLE | DELSETELEM => 0,
        NEWRULE => NLM_F_CREATE | NLM_F_APPEND,
        _ => NLM_F_CREATE,
    };
    let mut payload = header(family);
    payload.put_text(TABLE, table);
    fields(&mut payload);
    Request { kind: kind(message), flags, payload }
}

pub(super) fn table(message: u8, family: Family, name: &str) -> Request {
    request(message, family, name, |_| {})
}

/// The sets, chains and rules of a table.
fn structure(layout: &FirewallLayout) -> Vec<Request> {
    let (family, name) = (layout.family, layout.settings.table.as_str());
    let mut requests = Vec::new();
    for (id, set) in (1..).zip(layout::sets(layout)) {
        requests.push(request(NEWSET, family, name, |out| put_set(out, id, &set)));
        if !set.constants.is_empty() {
            let keys: Vec<_> = set.constants.iter().map(|key| (vec![*key], None)).collect();
            requests.push(element_list(NEWSETELEM, layout, set.name, &keys));
        }
    }
    let chains = layout::chains(layout);
    for chain in &chains {
        requests.push(request(NEWCHAIN, family, name, |out| put_chain(out, chain, layout.settings.priority)));
    }
    for chain in chains {
        for (expressions, verdict) in chain.rules {
            let list = expressions.verdict(verdict, layout.settings.counters);
            requests.push(request(NEWRULE, family, name, |out| {
                out.put_text(2, chain.name);
                out.nest(4, |out| out.append(&list));
            }));
        }
    }
    requests
}

fn put_set(out: &mut Attributes, id: u32, set: &Set) {
    let Key { number, length, user_data } = set.key;
    out.put_text(2, set.name);
    put_number(out, 3, set.flags);
    put_number(out, 4, number);
    put_number(out, 5, length);
    if set.is_map() {
        put_number(out, 6, number);
        put_number(out, 7, length);
    }
    if let Some(size) = u32::try_from(set.constants.len()).ok().filter(|size| *size > 0) {
        out.nest(9, |out| put_number(out, 1, size));
    }
    put_number(out, 10, id);
    out.put_octets(13, user_data);
}

pub(super) fn put_chain(out: &mut Attributes, chain: &Chain, priority: i32) {
    out.put_text(3, chain.name);
    let Some(hook) = chain.hook else { return };
    out.put_text(7, "filter");
    put_number(out, 5, NF_ACCEPT.unsigned_abs());
    out.nest(4, |out| {
        put_number(out, 1, hook);
        out.put(2, priority.to_be_bytes());
    });
}

/// A key, and the value in a map.
type Pair = (Vec<u8>, Option<[u8; 4]>);

/// Changes of the elements of all sets.
fn element_lists(message: u8, layout: &FirewallLayout, elements: &[Element]) -> Vec<Request> {
    let mut requests = Vec::new();
    for set in layout::sets(layout) {
        let pairs: Vec<Pair> = elements.iter().filter_map(|element| pair(set.name, element)).collect();
        requests.extend(pairs.chunks(CHUNK).map(|chunk| element_list(message, layout, set.name, chunk)));
    }
    requests
}

fn element_list(message: u8, layout: &FirewallLayout, set: &str, pairs: &[Pair]) -> Request {
    request(message, layout.family, &layout.settings.table, |out| {
        out.put_text(2, set);
        out.nest(3, |out| {
            for (key, value) in pairs {
                out.nest(LIST_ELEM, |out| {
                    out.nest(1, |out| out.put_octets(VALUE, key));
                    if let Some(value) = value {
                        out.nest(2, |out| out.put(VALUE, *value));
                    }
                });
            }
        });
    })
}

/// The key of an element in a set, and its value in a map.
fn pair(set: &str, element: &Element) -> Option<Pair> {
    let index = |index: u32| index.to_ne_bytes();
    Some(match (set, element) {
        (VIPS, Element::Vip(IpAddr::V4(ip))) => (ip.octets().to_vec(), None),
        (VIPS, Element::Vip(IpAddr::V6(ip))) => (ip.octets().to_vec(), None),
        (LINK_LOCAL_VIPS, Element::LinkLocalVip(ip, device)) => (key(ip, &index(*device)), None),
        (VMAC_MAP, Element::Vmac { vmac, base }) => (index(*vmac).to_vec(), Some(index(*base))),
        (VMAC_SET, Element::Vmac { vmac, .. }) => (index(*vmac).to_vec(), None),
        (PARENTS, Element::ParentLinkLocal(ip, ElementDevice::Index(device))) => (key(ip, &index(*device)), None),
        (PARENTS, Element::ParentLinkLocal(ip, ElementDevice::Name(name))) => {
            let mut padded = name.as_bytes().to_vec();
            padded.resize(NAME_SIZE, 0);
            (key(ip, &padded), None)
        }
        _ => return None,
    })
}

fn key(ip: &Ipv6Addr, device: &[u8]) -> Vec<u8> {
    [&ip.octets()[..], device].concat()
}
