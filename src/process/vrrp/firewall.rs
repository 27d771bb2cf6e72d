//! The firewall tables of the VRRP process: the watch for changes by other programs, and what must wait for the tables.

use std::io;

use super::configured_feed::ConfiguredFeed;
use crate::config::model::Firewall as Settings;
use crate::kernel::nft::{OwnPorts, TableTouched, WatchedTable, WatchedTables, watch_tables};
use crate::kernel::sysctl::{Changes, Tree};
use crate::kernel::{EntryRequest, EntryResult, OwnLinkRequest};
use crate::notify::log::Log;
use crate::reactor::{Reactor, Token};
use crate::vrrp::{Event, Tables};

/// The setting of `disable_local_igmp`: `net.ipv4.igmp_link_local_mcast_reports`.
const IGMP_REPORTS: &str = "igmp_link_local_mcast_reports";

/// State of the process about its firewall tables.
pub(super) struct Firewall {
    /// The sockets of this process that change tables.
    pub(super) own: OwnPorts,
    /// Runs once a table is wanted.
    watch: ConfiguredFeed<bool, TableTouched>,
    watched: WatchedTables,
    /// Requests that the kernel has not answered yet.
    in_flight: usize,
    /// Requests for links of ours, which wait for the tables: a VMAC must be in them before its first packet.
    requests: Vec<OwnLinkRequest>,
    /// Interfaces have changed, and their sockets wait for the tables too: a socket that joins a group makes the kernel
    /// report it.
    links: bool,
    /// It was logged that nftables is used without being asked for.
    said: bool,
}

impl Firewall {
    pub(super) fn new(token: Token) -> Firewall {
        Firewall {
            own: OwnPorts::default(),
            watch: ConfiguredFeed::new(token),
            watched: WatchedTables::default(),
            in_flight: 0,
            requests: Vec::new(),
            links: false,
            said: false,
        }
    }

    /// Watches the tables that are wanted. Call it before their requests are submitted.
    pub(super) fn follow(&mut self, tables: &Tables, reactor: &Reactor, log: &Log) {
        let layouts = tables.firewall.wanted();
        let wanted: Vec<WatchedTable> =
            layouts.map(|layout| WatchedTable { family: layout.family, name: layout.settings.table.clone() }).collect();
        let is_needed = !wanted.is_empty();
        self.watched.set(wanted);
        let start = || {
            watch_tables(self.watched.clone(), self.own.clone()).map_err(|error| {
                log.warning(format_args!(
                    "Cannot watch nftables: {error}; changes of our tables by others are not noticed"
                ));
            })
        };
        let result = self.watch.follow(is_needed, reactor, |needed| Ok(needed.then(start).and_then(Result::ok)));
        if let Err(error) = result {
            log.warning(format_args!("Cannot watch nftables: {error}"));
        }
        let asked = |settings: &Settings| settings.configured;
        if is_needed && !std::mem::replace(&mut self.said, true) {
            let settings = tables.system.global.as_ref().map(|global| &global.firewall);
            if !settings.is_some_and(asked) {
                log.info("use_vmac or no_accept/strict specified, but no firewall configured - using nftables");
            }
        }
    }

    /// Changes of tables by other programs.
    pub(super) fn events(&self) -> Vec<Event<'static>> {
        let touched = self.watch.events().into_iter();
        touched.map(|TableTouched { family, program }| Event::FirewallTouched { family, program }).collect()
    }

    /// Notes that a request is submitted.
    pub(super) fn submitted(&mut self, request: &EntryRequest) {
        self.in_flight = self.in_flight.saturating_add(usize::from(request.kind().is_firewall()));
    }

    /// Notes the answer to a request.
    pub(super) fn answered(&mut self, result: &EntryResult) {
        self.in_flight = self.in_flight.saturating_sub(usize::from(result.kind.is_firewall()));
    }

    /// Notes that a request could not be submitted.
    pub(super) fn failed(&mut self, request: &EntryRequest) {
        self.in_flight = self.in_flight.saturating_sub(usize::from(request.kind().is_firewall()));
    }

    /// Queues a request for a link.
    pub(super) fn push_link(&mut self, request: OwnLinkRequest) {
        self.requests.push(request);
    }

    /// The requests for links that need not wait any more.
    pub(super) fn ready_links(&mut self) -> Vec<OwnLinkRequest> {
        if self.in_flight > 0 { Vec::new() } else { std::mem::take(&mut self.requests) }
    }

    /// Notes that sockets must follow the interfaces.
    pub(super) fn links_changed(&mut self) {
        self.links = true;
    }

    /// Whether sockets must follow the interfaces now.
    pub(super) fn take_links(&mut self) -> bool {
        self.in_flight == 0 && std::mem::take(&mut self.links)
    }
}

/// Applies `disable_local_igmp`.
pub(super) fn apply_igmp(settings: Option<&Settings>, changes: &mut Changes, log: &Log) {
    let quiet = settings.is_some_and(|settings| settings.disable_local_igmp);
    let result: io::Result<()> = if quiet {
        changes.set(Tree::Net, "ipv4", IGMP_REPORTS, "0")
    } else {
        changes.restore("ipv4", &[IGMP_REPORTS])
    };
    if let Err(error) = result {
        log.error(format_args!("Cannot set net.ipv4.{IGMP_REPORTS} (disable_local_igmp): {error}"));
    }
}
