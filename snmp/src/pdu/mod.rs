//! AgentX protocol data units (RFC 2741 section 6): decoding and encoding.
//!
//! Headers and administrative PDUs come from the `agentx` crate. Variable bindings are our own: the
//! crate's octet strings are UTF-8, which addresses are not.
//!
//! The decoder accepts either byte order, as flagged in each header; the encoder writes network byte order.

use crate::oid::Oid;
use crate::value::VarBind;

pub mod decode;
pub mod encode;
pub mod frame;

/// Length of every header in octets (RFC 2741 section 6.1).
pub const HEADER_LEN: usize = 20;

/// Longest payload accepted, in octets. An SNMP message over UDP has at most 64 KiB and less than
/// doubles in AgentX encoding; a header with a greater length is invalid.
pub const MAX_PAYLOAD: usize = 128 * 1024;

/// Most search ranges or variable bindings accepted in one PDU; more are answered with `tooBig`. This
/// bounds the time that one request can take.
pub const MAX_BINDS: usize = 2048;

/// Header flag: a context name comes first in the payload.
pub(crate) const FLAG_CONTEXT: u8 = 1 << agentx::pdu::NON_DEFAULT_CONTEXT;
/// Header flag: numbers are in network byte order.
pub(crate) const FLAG_NETWORK_ORDER: u8 = 1 << agentx::pdu::NETWORK_BYTE_ORDER;

/// Values of `res.error` besides the error-status of a SET (RFC 2741 section 6.2.16).
pub mod error {
    /// No error.
    pub const NONE: u16 = 0;
    /// The answer would not fit (RFC 3416).
    pub const TOO_BIG: u16 = 1;
    /// Any other failure (RFC 3416).
    pub const GEN_ERR: u16 = 5;
    /// The master refused the session.
    pub const OPEN_FAILED: u16 = 256;
    /// There is no such session.
    pub const NOT_OPEN: u16 = 257;
    /// The context is unknown.
    pub const UNSUPPORTED_CONTEXT: u16 = 262;
    /// Another session has registered the same subtree at the same priority.
    pub const DUPLICATE_REGISTRATION: u16 = 263;
    /// The PDU could not be parsed.
    pub const PARSE_ERROR: u16 = 266;
    /// The master refused the request by its policy.
    pub const REQUEST_DENIED: u16 = 267;
    /// Any other failure in handling an AgentX PDU.
    pub const PROCESSING_ERROR: u16 = 268;

    /// The name of an error number in RFC 2741 or RFC 3416, or "error" if it has none.
    pub fn name(error: u16) -> &'static str {
        match error {
            0 => "noAgentXError",
            1 => "tooBig",
            5 => "genErr",
            256 => "openFailed",
            257 => "notOpen",
            258 => "indexWrongType",
            259 => "indexAlreadyAllocated",
            260 => "indexNoneAvailable",
            261 => "indexNotAllocated",
            262 => "unsupportedContext",
            263 => "duplicateRegistration",
            264 => "unknownRegistration",
            265 => "unknownAgentCaps",
            266 => "parseError",
            267 => "requestDenied",
            268 => "processingError",
            _ => "error",
        }
    }
}

/// `res.index` of the binding at position `at`, which is counted from 0.
pub(crate) fn index(at: usize) -> u16 {
    u16::try_from(at + 1).unwrap_or(u16::MAX)
}

/// A PDU's header (RFC 2741 section 6.1). The type is a number, as it may be unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// `h.type`.
    pub kind: u8,
    /// `h.flags`.
    pub flags: u8,
    /// `h.sessionID`.
    pub session: u32,
    /// `h.transactionID`.
    pub transaction: u32,
    /// `h.packetID`.
    pub packet: u32,
    /// `h.payload_length`, in octets.
    pub payload: usize,
}

/// A range of a search (RFC 2741 section 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRange {
    /// Start of the search; for a Get, the name of the instance.
    pub start: Oid,
    /// Whether `start` itself may be the answer.
    pub include: bool,
    /// End of the search, exclusive; null for no end.
    pub end: Oid,
}

/// The payload of a PDU a master sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Requests the values of these instances.
    Get(Vec<SearchRange>),
    /// Requests the next instance in each range.
    GetNext(Vec<SearchRange>),
    /// GetNext for the first ranges, repeated for the others.
    GetBulk {
        /// Number of ranges requested once.
        non_repeaters: u16,
        /// Number of repetitions for the others.
        max_repetitions: u16,
        /// The ranges.
        ranges: Vec<SearchRange>,
    },
    /// First phase of a SET: checks the values.
    TestSet(Vec<VarBind>),
    /// Second phase: sets the values.
    CommitSet,
    /// Restores the values from before CommitSet.
    UndoSet,
    /// Ends the transaction; not answered.
    CleanupSet,
    /// The master ends the session, for this reason.
    Close(u8),
    /// Answer to a PDU of ours.
    Response {
        /// The master's sysUpTime, in hundredths of a second.
        sys_uptime: u32,
        /// [`error`].
        error: u16,
        /// The variable binding with the error, from 1; 0 for none.
        index: u16,
    },
}
