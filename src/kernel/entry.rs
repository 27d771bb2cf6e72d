//! Requests for addresses, routes, rules and firewall tables, which one thread performs in the order submitted, and their results.

use super::address::AddressRequest;
use super::address_encode;
use super::netlink::Refusal;
use super::request_socket::{Answer, Request};
use super::route::RouteRequest;
use super::route_encode;
use super::rule::RuleRequest;
use super::rule_encode;
use crate::config::model::Family;
use crate::state::{Done, Op};
use crate::vrrp::{FirewallChange, FirewallRequest};

/// A request to add or remove an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryRequest {
    /// An address.
    Address(AddressRequest),
    /// A route.
    Route(RouteRequest),
    /// A rule.
    Rule(RuleRequest),
    /// A firewall table.
    Firewall(Box<FirewallRequest>),
}

/// Kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// An address.
    Address,
    /// A route.
    Route,
    /// A rule.
    Rule,
    /// The firewall table of IPv4.
    FirewallV4,
    /// The firewall table of IPv6.
    FirewallV6,
}

/// Result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryResult {
    /// Kind of the entry.
    pub kind: EntryKind,
    /// Token of the request.
    pub token: u64,
    /// Operation of the request.
    pub op: Op,
    /// Success, or the error of the kernel with the word that it refused.
    pub outcome: Result<Done, Refusal>,
    /// A problem to log although the request succeeded.
    pub complaint: Option<String>,
}

impl EntryKind {
    /// Whether it is a firewall table.
    pub fn is_firewall(self) -> bool {
        matches!(self, EntryKind::FirewallV4 | EntryKind::FirewallV6)
    }
}

impl EntryRequest {
    /// Kind of the entry.
    pub fn kind(&self) -> EntryKind {
        match self {
            EntryRequest::Address(_) => EntryKind::Address,
            EntryRequest::Route(_) => EntryKind::Route,
            EntryRequest::Rule(_) => EntryKind::Rule,
            EntryRequest::Firewall(request) => match request.change.family() {
                Family::V4 => EntryKind::FirewallV4,
                Family::V6 => EntryKind::FirewallV6,
            },
        }
    }

    /// Token of the request.
    pub fn token(&self) -> u64 {
        match self {
            EntryRequest::Address(request) => request.token,
            EntryRequest::Route(request) => request.token,
            EntryRequest::Rule(request) => request.token,
            EntryRequest::Firewall(request) => request.number,
        }
    }

    /// Operation of the request.
    pub fn op(&self) -> Op {
        match self {
            EntryRequest::Address(request) => request.op,
            EntryRequest::Route(request) => request.op,
            EntryRequest::Rule(request) => request.op,
            EntryRequest::Firewall(_) => Op::Add,
        }
    }

    /// The request to rtnetlink; `None` for a firewall table.
    pub(super) fn encode(&self) -> Option<Result<Request, Refusal>> {
        match self {
            EntryRequest::Address(request) => Some(address_encode::encode(request)),
            EntryRequest::Route(request) => Some(route_encode::encode(request)),
            EntryRequest::Rule(request) => Some(Ok(rule_encode::encode(request))),
            EntryRequest::Firewall(_) => None,
        }
    }

    pub(super) fn outcome(&self, answer: Answer) -> Result<Done, Refusal> {
        let op = self.op();
        answer.outcome(match self {
            EntryRequest::Address(_) => address_encode::nothing_to_change(op),
            EntryRequest::Route(_) => route_encode::nothing_to_change(op),
            EntryRequest::Rule(_) => rule_encode::nothing_to_change(op),
            EntryRequest::Firewall(_) => &[],
        })
    }

    pub(super) fn address(&self) -> Option<&AddressRequest> {
        match self {
            EntryRequest::Address(request) => Some(request),
            EntryRequest::Route(_) | EntryRequest::Rule(_) | EntryRequest::Firewall(_) => None,
        }
    }

    pub(super) fn firewall(&self) -> Option<&FirewallChange> {
        match self {
            EntryRequest::Firewall(request) => Some(&request.change),
            EntryRequest::Address(_) | EntryRequest::Route(_) | EntryRequest::Rule(_) => None,
        }
    }
}
