//! All rows of the VRRP process.

use std::net::IpAddr;
use std::ops::Bound;
use std::time::Duration;

use snmp::Table;

use super::address::Address;
use super::cause::Cause;
use super::counters::RouterCounters;
use super::event::Change;
use super::faults::{self, Share};
use super::firewall::Firewall;
use super::gateways::Gateways;
use super::history::{History, Transition};
use super::ids::{AddressId, GroupId, InstanceId, RouterKey, STATIC};
use super::indices::{Indices, Next};
use super::interface::Interfaces;
use super::lookup::Lookups;
use super::own_link::OwnLink;
use super::recent::Recent;
use super::route::Route;
use super::routing::Routing;
use super::rows::{Group, Instance, Member};
use super::rule::Rule;
use super::surroundings::Surroundings;
use crate::config::lvs::SyncDaemon;
use crate::state::{self, Objects};
use crate::system::System;
use crate::track::{Links, Trackers};

/// The tables of the VRRP process. The machine writes them, the views read them.
#[derive(Debug, Default)]
pub struct Tables {
    /// Data about the daemon as a whole.
    pub system: System,
    /// Counters of the router as a whole.
    pub router_counters: RouterCounters,
    /// Rate limit for reports of packets with an unknown VRID, by interface, sender and VRID.
    pub(super) unknown: Recent<(u32, IpAddr, u8)>,
    /// vrrpSyncGroupTable.
    pub groups: Table<GroupId, Group>,
    /// vrrpSyncGroupMemberTable.
    pub members: Table<(GroupId, u32), Member>,
    /// vrrpInstanceTable.
    pub instances: Table<InstanceId, Instance>,
    /// vrrpAddressTable.
    pub addresses: Objects<Address>,
    /// vrrpRouteTable, with the next hops of vrrpRouteNextHopTable.
    pub routes: Objects<Route>,
    /// vrrpRuleTable.
    pub rules: Objects<Rule>,
    /// The routes and rules of the kernel with protocols of ours.
    pub(super) routing: Routing,
    /// The firewall tables.
    pub firewall: Firewall,
    /// Capabilities that VRRP needs and the process does not have, for example `CAP_NET_ADMIN`.
    pub lacking: Vec<String>,
    /// `lvs_sync_daemon`.
    pub sync_daemon: Option<SyncDaemon>,
    /// vrrpScriptTable, vrrpFileTable, vrrpProcessTable and vrrpBfdTable.
    pub trackers: Trackers,
    /// Links whose state is delayed or polled.
    pub links: Links,
    /// The interface table: links and addresses of the kernel.
    pub interfaces: Interfaces,
    /// The last transitions of all instances.
    pub history: History,
    /// The interfaces to the gateways of routes.
    pub(super) gateways: Gateways,
    /// Look-up indexes derived from the rows.
    pub(super) lookups: Lookups,
    /// Next free row indices.
    pub(super) next: Next,
}

impl Tables {
    /// Ids of all instances, in index order.
    pub fn instance_ids(&self) -> Vec<InstanceId> {
        self.instances.keys().copied().collect()
    }

    /// Ids of the address rows of an instance, in index order.
    pub fn address_ids(&self, owner: InstanceId) -> Vec<AddressId> {
        self.addresses.ids(owner.0)
    }

    /// All tables except the instances, for reading.
    pub(super) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            groups: &self.groups,
            addresses: &self.addresses,
            routes: &self.routes,
            rules: &self.rules,
            interfaces: &self.interfaces,
            gateways: &self.gateways,
            trackers: &self.trackers,
            lacking: &self.lacking,
        }
    }

    /// The trackers of an instance and of its sync group, with their shares in its priority.
    pub fn shares<'t>(&'t self, row: &'t Instance) -> Vec<Share<'t>> {
        faults::shares(self.surroundings(), row)
    }

    /// Records the transitions among the changes of the last events. To resume the state of a predecessor is none.
    pub(super) fn record(&mut self, changes: &[Change], now: Duration) {
        for change in changes {
            let Change::Instance { id, from, to, cause } = change else { continue };
            let Some(row) = self.instances.get(id).filter(|_| *cause != Cause::Resumed) else { continue };
            let (instance, cause) = (row.config.name.clone(), cause.clone());
            let transition = Transition { at: now, instance, priority: row.priority, from: *from, to: *to, cause };
            self.history.add(transition);
        }
    }

    /// Name of the interface for an address, `?` for an unknown address.
    pub fn device(&self, id: AddressId) -> &str {
        let Some(row) = self.addresses.get(&id) else { return "?" };
        self.address_link(id).map_or(&row.config.device, |link| &link.name)
    }

    /// The link of ours that an address is on, once it has a name.
    pub fn address_link(&self, id: AddressId) -> Option<&OwnLink> {
        let owner = self.instances.get(&InstanceId(id.0))?;
        owner.link_of(&self.addresses.get(&id)?.config).filter(|link| !link.name.is_empty())
    }

    /// Names of the interfaces to the gateway of a tracked route.
    pub fn gateway_devices(&self, gateway: IpAddr) -> impl Iterator<Item = &str> {
        self.gateways.links_to(gateway).map(|(_, name)| name)
    }

    /// The instances of which `shown` is true, under their index in the MIBs of the RFCs and in its order. If several have
    /// the same index, it is the first of them.
    pub fn routers(
        &self,
        from: Bound<RouterKey>,
        shown: impl Fn(&Instance) -> bool,
    ) -> impl Iterator<Item = (RouterKey, &Instance)> {
        let indices = self.lookups.by_router.range((from, Bound::Unbounded));
        indices.filter_map(move |(key, ids)| {
            let mut rows = ids.iter().filter_map(|id| self.instances.get(id));
            Some((*key, rows.find(|row| shown(row))?))
        })
    }

    /// The first instance with this index in the MIBs of the RFCs of which `shown` is true.
    pub fn router_at(&self, key: &RouterKey, shown: impl Fn(&Instance) -> bool) -> Option<&Instance> {
        let ids = self.lookups.by_router.get(key)?;
        ids.iter().filter_map(|id| self.instances.get(id)).find(|row| shown(row))
    }

    /// Name of a sync group.
    pub fn group_name(&self, id: GroupId) -> Option<&str> {
        self.groups.get(&id).map(|group| group.config.name.as_str())
    }

    /// Returns the present row indices. They only change with the configuration.
    pub fn indices(&self) -> Indices {
        let rows = self.instances.iter().map(|(id, row)| (row.config.name.clone(), id.0)).collect();
        let owners = || self.instances.keys().map(|id| id.0).chain([STATIC]);
        Indices {
            instances: state::Indices { rows, next: self.next.instance },
            groups: self.group_indices(),
            trackers: self.trackers.indices(),
            addresses: owners().map(|owner| (owner, self.addresses.indices(owner))).collect(),
            routes: owners().map(|owner| (owner, self.routes.indices(owner))).collect(),
            rules: owners().map(|owner| (owner, self.rules.indices(owner))).collect(),
        }
    }

    pub(super) fn group_indices(&self) -> state::Indices<String> {
        let rows = self.groups.iter().map(|(id, row)| (row.config.name.clone(), id.0)).collect();
        state::Indices { rows, next: self.next.group }
    }
}
