//! Numbers of `linux/netfilter/nf_tables.h`, `linux/netfilter/nfnetlink.h` and `linux/netfilter.h`. Numbers in attributes are
//! in network byte order.

use super::super::attributes::Attributes;
use super::super::rtnetlink::{AF_INET, AF_INET6};
use crate::config::model::Family;

/// `NFNL_SUBSYS_NFTABLES`: the upper octet of message types.
pub(super) const SUBSYSTEM: u8 = 10;
/// `NFNLGRP_NFTABLES`: the multicast group of notifications.
pub(super) const GROUP: u32 = 7;

pub(super) const NEWTABLE: u8 = 0;
pub(super) const DELTABLE: u8 = 2;
pub(super) const NEWCHAIN: u8 = 3;
pub(super) const NEWRULE: u8 = 6;
pub(super) const NEWSET: u8 = 9;
pub(super) const NEWSETELEM: u8 = 12;
pub(super) const DELSETELEM: u8 = 14;
/// The end of a transaction in notifications.
pub(super) const NEWGEN: u8 = 15;

/// `NFTA_*_TABLE`: in all types of messages except [`NEWGEN`].
pub(super) const TABLE: u16 = 1;
/// `NFTA_GEN_PROC_NAME`.
pub(super) const GEN_PROGRAM: u16 = 3;

/// `NF_INET_LOCAL_IN`.
pub(super) const HOOK_INPUT: u32 = 1;
/// `NF_INET_LOCAL_OUT`.
pub(super) const HOOK_OUTPUT: u32 = 3;
pub(super) const NF_DROP: i32 = 0;
pub(super) const NF_ACCEPT: i32 = 1;
/// `NFT_GOTO`.
pub(super) const GOTO: i32 = -4;
/// `NFT_RETURN`.
pub(super) const RETURN: i32 = -5;

/// The header of messages, `struct nfgenmsg`, for tables of a family.
pub(super) fn header(family: Family) -> Attributes {
    Attributes::after(&[number(family), 0, 0, 0])
}

/// `NFPROTO_IPV4`, `NFPROTO_IPV6`.
pub(super) fn number(family: Family) -> u8 {
    match family {
        Family::V4 => AF_INET,
        Family::V6 => AF_INET6,
    }
}

/// The type of a message.
pub(super) fn kind(message: u8) -> u16 {
    u16::from_be_bytes([SUBSYSTEM, message])
}

/// Appends a number.
pub(super) fn put_number(out: &mut Attributes, kind: u16, number: u32) {
    out.put(kind, number.to_be_bytes());
}
