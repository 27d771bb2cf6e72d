//! Decodes notifications and the rows of dumps.

use super::event::KernelEvent;
use super::netlink::{Message, NLM_F_REPLACE};
use super::rtnetlink::{
    RTM_DELADDR, RTM_DELLINK, RTM_DELROUTE, RTM_DELRULE, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWROUTE, RTM_NEWRULE,
};
use super::tables::{Addr, Link};
use super::watched::WatchedTables;
use super::{route_decode, rule_decode};

/// The event of a message; `None` for messages that do not concern the watched tables and protocols.
pub(super) fn decode(message: &Message<'_>, tables: &WatchedTables) -> Option<KernelEvent> {
    let payload = message.payload;
    match message.kind {
        RTM_NEWLINK => Link::read(payload).map(KernelEvent::Link),
        RTM_DELLINK => Link::read(payload).map(|link| KernelEvent::LinkGone { index: link.index, name: link.name }),
        RTM_NEWADDR => Addr::read(payload).map(KernelEvent::Address),
        RTM_DELADDR => Addr::read(payload).map(KernelEvent::AddressGone),
        // First of all the protocol: a router changes thousands of routes at once.
        RTM_NEWROUTE | RTM_DELROUTE if !tables.protocols.contains(&route_decode::protocol(payload)?) => None,
        RTM_NEWROUTE => {
            let replaces = message.flags & NLM_F_REPLACE != 0;
            route_decode::decode(payload).map(|route| KernelEvent::Route { route, replaces })
        }
        RTM_DELROUTE => route_decode::decode(payload).map(KernelEvent::RouteGone),
        RTM_NEWRULE | RTM_DELRULE => {
            let rule = rule_decode::decode(payload).filter(|rule| tables.protocols.contains(&rule.protocol()))?;
            Some(if message.kind == RTM_NEWRULE { KernelEvent::Rule(rule) } else { KernelEvent::RuleGone(rule) })
        }
        _ => None,
    }
}
