//! A socket filter that drops notifications of foreign routes in the kernel, so that they neither fill the socket nor wake
//! the thread.

use std::collections::BTreeSet;

use socket2::SockFilter;

use super::rtnetlink::{RTM_DELROUTE, RTM_NEWROUTE};

// Instructions of classic BPF (linux/filter.h): code, jump if true, jump if false, operand.
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF: u16 = 0x28;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_SET: u16 = 0x45;
const RETURN: u16 = 0x06;
/// Offsets in a message: `nlmsg_type`, `nlmsg_flags`, and `rtm_protocol` after the header.
const TYPE: u32 = 4;
const FLAGS: u32 = 6;
const PROTOCOL: u32 = 16 + 5;
/// Part of a dump, which may contain several messages.
const NLM_F_MULTI: u16 = 2;
/// Jumps are limited to 255 instructions.
const MOST: usize = 200;

/// The filter that accepts the notifications of routes with these protocols, and all other messages. `None`: too many
/// protocols.
pub(super) fn filter(protocols: &BTreeSet<u8>) -> Option<Vec<SockFilter>> {
    let count = u8::try_from(protocols.len()).ok().filter(|_| protocols.len() <= MOST)?;
    // From the second of the checks below.
    let to_accept = count.saturating_add(4);
    let mut program = vec![
        SockFilter::new(LOAD_HALF, 0, 0, TYPE),
        SockFilter::new(JUMP_IF_EQUAL, 1, 0, half(RTM_NEWROUTE)),
        SockFilter::new(JUMP_IF_EQUAL, 0, to_accept, half(RTM_DELROUTE)),
        SockFilter::new(LOAD_HALF, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_SET, to_accept.saturating_sub(2), 0, half(NLM_F_MULTI)),
        SockFilter::new(LOAD_BYTE, 0, 0, PROTOCOL),
    ];
    let checks = (1..=count).rev().zip(protocols);
    program.extend(checks.map(|(left, protocol)| SockFilter::new(JUMP_IF_EQUAL, left, 0, u32::from(*protocol))));
    program.push(SockFilter::new(RETURN, 0, 0, 0));
    program.push(SockFilter::new(RETURN, 0, 0, u32::MAX));
    Some(program)
}

/// A number as the filter loads it: it takes all fields for big-endian.
fn half(number: u16) -> u32 {
    u16::from_be_bytes(number.to_ne_bytes()).into()
}
