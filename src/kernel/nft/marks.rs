//! The tables of `nftables_ipvs`: a map for each protocol, from addresses and ports to marks, and a chain that looks them up.

use std::net::IpAddr;

use super::super::attributes::Attributes;
use super::super::request_socket::Request;
use super::super::worker::Worker;
use super::change::{put_chain, removal, request, table};
use super::expression::{Base, Expressions, Meta, Register, Verdict};
use super::layout::{Chain, DESTINATION4, DESTINATION6};
use super::socket::{NftSocket, OwnPorts};
use super::wire::{HOOK_INPUT, NEWCHAIN, NEWRULE, NEWSET, NEWSETELEM, NEWTABLE, put_number};
use crate::check::ipvs::{MarkChange, MarkElement, MarkMap, MarkTable};
use crate::config::lvs::Protocol;
use crate::config::model::Family;

/// Elements per message; the length of their list must fit into 16 bits.
const CHUNK: usize = 500;
/// `NFTA_LIST_ELEM`.
const LIST_ELEM: u16 = 1;
/// `NFTA_DATA_VALUE`.
const VALUE: u16 = 1;
/// nft's numbers of types; a concatenation has 6 bits for each part.
const TYPE_IPV4: u32 = 7;
const TYPE_IPV6: u32 = 8;
const TYPE_SERVICE: u32 = 13;
const TYPE_MARK: u32 = 19;
/// `NFT_SET_INTERVAL`, `NFT_SET_MAP`, `NFT_SET_CONCAT`.
const FLAGS: u32 = 0x4 | 0x8 | 0x80;
/// nft's data about the byte order of keys and values: that of the host.
const USER_DATA: &[u8] = &[0, 4, 1, 0, 0, 0, 1, 4, 1, 0, 0, 0];
/// Length of a port in a key.
const PORT: u32 = 2;
/// The chain.
const IN: &str = "in";
/// Changes sent at once.
const BATCH: usize = 8;

/// The event loop's handle of the writer of mark tables.
pub type MarkWriter = Worker<MarkChange, Result<(), String>>;

impl MarkWriter {
    /// Starts the thread, in the caller's network namespace. `own` learns the ports of its sockets.
    pub fn start_marks(capacity: usize, own: OwnPorts) -> std::io::Result<MarkWriter> {
        let mut socket = NftSocket::new(own);
        Worker::spawn("marks", capacity, BATCH, move |batch: Vec<MarkChange>| {
            let mut make = |change| socket.perform_all(&encode(change)).map_err(|refusal| refusal.to_string());
            batch.iter().map(&mut make).collect()
        })
    }
}

/// The requests for a change.
fn encode(change: &MarkChange) -> Vec<Request> {
    let (family, name) = change.table();
    let mut requests = removal(family, name);
    let MarkChange::Build(wanted) = change else { return requests };
    requests.push(table(NEWTABLE, family, name));
    let chain = Chain { name: IN, hook: Some(HOOK_INPUT), rules: Vec::new() };
    requests.push(request(NEWCHAIN, family, name, |out| put_chain(out, &chain, wanted.settings.priority)));
    for (id, map) in (1..).zip(&wanted.maps) {
        requests.push(request(NEWSET, family, name, |out| put_map(out, id, wanted, map)));
        requests.push(request(NEWRULE, family, name, |out| {
            out.put_text(2, IN);
            out.nest(4, |out| out.append(&rule(wanted, map)));
        }));
        for elements in map.elements.chunks(CHUNK) {
            requests.push(request(NEWSETELEM, family, name, |out| {
                out.put_text(2, map_name(map));
                out.nest(3, |out| elements.iter().for_each(|element| put_element(out, element)));
            }));
        }
    }
    requests
}

fn map_name(map: &MarkMap) -> &'static str {
    match map.protocol {
        Protocol::Tcp => "tcp_map",
        Protocol::Udp => "udp_map",
        Protocol::Sctp => "sctp_map",
    }
}

fn put_map(out: &mut Attributes, id: u32, table: &MarkTable, map: &MarkMap) {
    let (kind, length) = match table.family {
        Family::V4 => (TYPE_IPV4, 4),
        Family::V6 => (TYPE_IPV6, 16),
    };
    out.put_text(2, map_name(map));
    put_number(out, 3, FLAGS);
    put_number(out, 4, kind << 6 | TYPE_SERVICE);
    // Each part of a key takes a multiple of 4 octets.
    put_number(out, 5, length + 4);
    put_number(out, 6, TYPE_MARK);
    put_number(out, 7, 4);
    out.nest(9, |out| {
        out.nest(2, |out| {
            for part in [length, PORT] {
                out.nest(LIST_ELEM, |out| put_number(out, 1, part));
            }
        });
    });
    put_number(out, 10, id);
    out.put_octets(13, USER_DATA);
    if table.settings.counters {
        out.nest(17, |out| {
            out.put_text(1, "counter");
            out.nest(2, |_| {});
        });
    }
}

/// Sets the mark of a packet to an address of the map, and ends the chain then.
fn rule(table: &MarkTable, map: &MarkMap) -> Attributes {
    let protocol = match map.protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    };
    let (address, length, next) = match table.family {
        Family::V4 => (DESTINATION4, 4, Register::SecondWord),
        Family::V6 => (DESTINATION6, 16, Register::Second),
    };
    let expressions = Expressions::default()
        .meta(Meta::L4Protocol, Register::First)
        .equals(&[protocol])
        .load(Base::Network, address, length)
        .load_to(next, Base::Transport, 2, PORT)
        .look_up(map_name(map))
        .set_meta(Meta::Mark);
    expressions.verdict(Verdict::Return, table.settings.counters)
}

fn put_element(out: &mut Attributes, element: &MarkElement) {
    let key = |ip: IpAddr, port: u16| {
        let mut key = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        key.extend(port.to_be_bytes());
        key.extend([0, 0]);
        key
    };
    out.nest(LIST_ELEM, |out| {
        out.nest(1, |out| out.put_octets(VALUE, &key(element.addresses.0, element.ports.0)));
        out.nest(10, |out| out.put_octets(VALUE, &key(element.addresses.1, element.ports.1)));
        out.nest(2, |out| out.put(VALUE, element.mark.to_ne_bytes()));
    });
}
