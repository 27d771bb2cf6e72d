//! What a monitor watches.

use std::collections::BTreeSet;

use super::sources::{ADDRESSES, LINKS, ROUTES4, ROUTES6, RULES4, RULES6, Source};
use super::tables::PROTOCOL_KEEPALIVED;
use crate::config::model::ReceiveBuffer;

/// The tables to watch besides links and addresses, and the receive buffer. Other tables cost nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedTables {
    /// Watch routes.
    pub routes: bool,
    /// Watch rules.
    pub rules: bool,
    /// The protocols of the routes and rules that are reported; all others are dropped, those of routes by the kernel.
    pub protocols: BTreeSet<u8>,
    /// Receive buffer of the socket; without a size the monitor's default.
    pub buffer: ReceiveBuffer,
}

impl Default for WatchedTables {
    /// Links and addresses only; if routes or rules are watched, those of this daemon.
    fn default() -> WatchedTables {
        WatchedTables {
            routes: false,
            rules: false,
            protocols: BTreeSet::from([PROTOCOL_KEEPALIVED]),
            buffer: ReceiveBuffer::default(),
        }
    }
}

impl WatchedTables {
    /// The watched tables, in the order of their dumps.
    pub(super) fn sources(&self) -> Vec<&'static Source> {
        let mut sources: Vec<&'static Source> = vec![&LINKS, &ADDRESSES];
        if self.routes {
            sources.extend([&ROUTES4, &ROUTES6]);
        }
        if self.rules {
            sources.extend([&RULES4, &RULES6]);
        }
        sources
    }
}
