//! `vrrp_instance`.

use std::collections::HashSet;
use std::net::IpAddr;

use super::super::diag::Class;
use super::super::model::{
    Address, AdvertBuffer, Authentication, Family, Instance, StartState, Track, TrackerKind, Version,
};
use super::super::node::Node;
use super::super::place::At;
use super::super::report::Draft;
use super::super::value::Value;
use super::context::{Ctx, blocks};
use super::global::Defaults;
use super::{address, garp, route, routing, script, track};

/// Most addresses of an advert.
const MOST_ADDRESSES: usize = 255;

/// An instance with data for the checks between blocks.
pub(super) struct Built {
    pub instance: Instance,
    /// Place of `virtual_router_id`.
    pub vrid_at: At,
    /// Place of `unicast_peer`.
    pub peers_at: At,
    /// Whether it has a VRID and an interface.
    pub complete: bool,
    /// Whether C keepalived starts it.
    pub usable: bool,
}

pub(super) fn build(
    tree: &[Node<'_>],
    defaults: &Defaults,
    known: &routing::Known<'_>,
    trackers: &mut track::Defined,
    ctx: &mut Ctx<'_, '_>,
) -> Vec<Built> {
    let found = blocks(tree, "vrrp_instance", ctx);
    found.into_iter().map(|(name, node)| Maker { node, name, defaults, known, trackers, ctx }.make()).collect()
}

/// Builds one instance.
pub(super) struct Maker<'m, 'c, 'f> {
    pub(super) node: &'m Node<'m>,
    pub(super) name: &'m str,
    pub(super) defaults: &'m Defaults,
    /// What routes refer to.
    pub(super) known: &'m routing::Known<'m>,
    pub(super) trackers: &'m mut track::Defined,
    pub(super) ctx: &'m mut Ctx<'c, 'f>,
}

/// The family of an instance.
struct Decided {
    family: Family,
    /// The address or keyword that it follows from.
    by: String,
}

/// Properties that many other keywords depend on.
pub(super) struct Kind {
    pub version: Version,
    pub strict: bool,
    /// Priority 255.
    pub owner: bool,
}

impl Maker<'_, '_, '_> {
    fn make(mut self) -> Built {
        let node = self.node;
        let strict = node.flag("strict_mode").unwrap_or(self.defaults.strict);
        let interface = self.interface();
        let vrf = self.vrf(&interface);
        let device =
            if interface.is_empty() { self.defaults.global.default_interface.clone() } else { interface.clone() };
        let (mut addresses, mut excluded) = self.addresses(&device, interface.is_empty());
        let decided = self.family();
        let family = decided.family;
        self.one_family(&mut addresses, &decided);
        if node.has("native_ipv6") && family == Family::V4 {
            self.drop("native_ipv6", "native_ipv6 is ignored: the instance is IPv4", "remove it");
        }
        self.limit(&mut addresses, &mut excluded);
        let version = self.version(family);
        let advert_interval = self.advert_interval(version);
        let auth_hmac = self.auth_hmac(advert_interval, strict);
        let mut unicast = self.unicast(family, strict);
        if let (Some(unicast), Some(_)) = (&mut unicast, &auth_hmac) {
            // Other senders of authentic adverts would have no place in the state against replay.
            unicast.check_source = true;
        }
        self.no_addresses(&addresses, version, strict);
        let (priority, start_state) = self.priority(strict);
        let kind = Kind { version, strict, owner: priority == 255 };
        let vrid = node.last("virtual_router_id");
        if vrid.is_none() {
            self.required("virtual_router_id", "virtual_router_id N, from 1 to 255");
        }
        let vrid_number = vrid.and_then(|n| n.uint(0)).and_then(|n| u8::try_from(n).ok()).unwrap_or(0);
        let nopreempt = self.nopreempt(&kind, start_state);
        let multicast_source = self.of_family("mcast_src_ip", family);
        let own_source = self.of_family("unicast_src_ip", family);
        let complete = vrid.is_some() && (node.has("interface") || self.may_be_unbound(own_source));
        let source = own_source.or(multicast_source);
        self.check_track_source(source.is_some());
        let group = self.of_family("mcast_dst_ip", family);
        let default_group = if family == Family::V4 { self.defaults.group4 } else { self.defaults.group6 };
        let weights = if kind.owner { track::Weights::OfOwner } else { self.trackers.weights_of(self.name) };
        let rules = track::Rules { dynamic: self.defaults.global.dynamic_interfaces, weights };
        let mut trackers = track::entries(node, rules, self.trackers, self.ctx);
        self.without_own(&interface, &mut trackers);
        let advertised = addresses.len();
        let global = &self.defaults.global;
        let smtp_default = global.smtp_alert_vrrp.or(global.smtp_alert).unwrap_or(false);
        let link = self.own_link((&interface, vrid_number, family), unicast.is_some(), strict);
        let mut all: Vec<Address> = addresses.drain(..).chain(excluded.drain(..)).collect();
        let address_links = self.address_links(&mut all, link.as_ref(), (&interface, vrid_number, family));
        let excluded = all.split_off(advertised);
        let addresses = all;
        let mut instance = Instance {
            name: self.name.to_owned(),
            link,
            address_links,
            vrid: vrid_number,
            family,
            version,
            priority,
            start_state,
            advert_interval,
            source,
            group: group.unwrap_or(default_group),
            unicast,
            preempt_delay: self.preempt_delay(&kind, start_state, nopreempt),
            timer_expired_backup: self.timer_expired_backup(nopreempt),
            nopreempt,
            authentication: self.authentication(&kind, auth_hmac.is_some()),
            auth_hmac,
            v3_checksum_as_v2: node.flag("v3_checksum_as_v2").unwrap_or(global.v3_checksum_as_v2),
            accept: self.accept(&kind),
            strict,
            skip_check_adv_addr: node.flag("skip_check_adv_addr").unwrap_or(self.defaults.skip_check_adv_addr),
            promote_secondaries: node.has("promote_secondaries"),
            track_groups: Vec::new(),
            linkbeat: node.has("linkbeat_use_polling"),
            down_timer_adverts: self.down_timer_adverts(strict),
            dont_track_primary: node.has("dont_track_primary"),
            trackers,
            garp: garp::of(node, self.defaults, strict, self.ctx),
            buffer: self.buffer(),
            lower_prio_no_advert: self.forced("lower_prio_no_advert", self.defaults.lower_prio_no_advert, strict, true),
            higher_prio_send_advert: self.forced(
                "higher_prio_send_advert",
                Some(self.defaults.higher_prio_send_advert),
                strict,
                false,
            ),
            owner_ignore_adverts: self.forced("owner_ignore_adverts", self.defaults.owner_ignore_adverts, strict, true),
            smtp_alert: node.flag("smtp_alert").unwrap_or(smtp_default),
            scripts: script::scripts(node, self.ctx),
            notify_deleted: node.has("notify_deleted"),
            notify_priority_changes: node
                .flag("notify_priority_changes")
                .unwrap_or(self.defaults.notify_priority_changes),
            lvs_sync_interface: self.text("lvs_sync_daemon_interface"),
            addresses,
            excluded,
            routes: route::of(node, self.known, self.ctx),
            // Built in the order of the file, see `rule`.
            rules: Vec::new(),
            interface,
            vrf,
        };
        // It has to learn the sequence number of an earlier run from the current master first.
        let ah = matches!(instance.authentication, Some(Authentication::Ah(_)));
        if ah && !kind.owner && instance.start_state == StartState::Master {
            let text = "auth_type AH starts as BACKUP, to learn sequence numbers";
            self.adjust("state", text).help("write state BACKUP");
            instance.start_state = StartState::Backup;
        }
        let no_addresses = strict && version == Version::V3 && instance.addresses.is_empty();
        let strict_unicast = strict && instance.unicast.as_ref().is_some_and(|unicast| !unicast.peers.is_empty());
        Built {
            usable: !strict_unicast && !no_addresses,
            vrid_at: vrid.map_or_else(|| node.at_arg(0), |n| n.at_arg(0)),
            peers_at: self.place("unicast_peer"),
            complete,
            instance,
        }
    }

    /// `kernel_rx_buf_size`; 0 is the default, as without the keyword.
    fn buffer(&self) -> AdvertBuffer {
        let own = self.node.last("kernel_rx_buf_size").and_then(|n| n.u32(0)).filter(|octets| *octets > 0);
        own.map_or(self.defaults.advert_buffer, AdvertBuffer::Octets)
    }

    pub(super) fn text(&self, keyword: &str) -> Option<String> {
        self.node.last(keyword).and_then(|n| n.text(0)).map(str::to_owned)
    }

    fn place(&self, keyword: &str) -> At {
        self.node.last(keyword).map_or_else(|| self.node.at_arg(0), |n| n.at())
    }

    /// Reports a missing keyword without which C keepalived does not start.
    fn required(&mut self, keyword: &str, write: &str) {
        let usable = if self.node.children.iter().any(|n| n.keyword.name == keyword) { "usable " } else { "" };
        let text = format!("vrrp_instance '{}' has no {usable}{keyword}", self.name);
        self.ctx.report.error(Class::General, self.node.at_arg(0), text).help(format!("write: {write}"));
    }

    /// Reports a fault at a keyword that is dropped, or whose default is used.
    pub(super) fn drop(&mut self, keyword: &str, text: &str, remedy: &str) {
        let at = self.place(keyword);
        self.ctx.mistake(at, text, remedy);
    }

    /// Warns at a keyword whose value is adjusted.
    pub(super) fn adjust(&mut self, keyword: &str, text: &str) -> &mut Draft {
        let at = self.place(keyword);
        self.ctx.adjusted(at, text)
    }

    /// The name of the interface; empty for a unicast instance without one.
    fn interface(&mut self) -> String {
        let Some(node) = self.node.last("interface") else {
            if self.has_peers() {
                return String::new();
            }
            self.required("interface", "interface IFNAME");
            return self.defaults.global.default_interface.clone();
        };
        let name = node.text(0).unwrap_or_default().to_owned();
        let at = node.at_arg(0);
        self.ctx.interface(&name, at, self.defaults.global.dynamic_interfaces);
        name
    }

    /// The addresses; `check` tells to check the existence of `interface`, the default of `dev`.
    fn addresses(&mut self, interface: &str, check: bool) -> (Vec<Address>, Vec<Address>) {
        let mut seen: HashSet<(IpAddr, String)> = HashSet::new();
        let mut list = |keyword: &str| {
            let mut out = Vec::new();
            for entry in self.node.all(keyword).flat_map(|n| n.children.iter()) {
                let dynamic = self.defaults.global.dynamic_interfaces;
                let Some(address) = address::address(entry, interface, dynamic, self.ctx) else {
                    continue;
                };
                if check && address.device == interface {
                    self.ctx.interface(interface, entry.at(), dynamic);
                }
                let ip = address.ip;
                let key = (ip, address.device.clone());
                if seen.insert(key) {
                    out.push(address);
                } else {
                    let text = format!("{ip} is listed twice: the second is ignored");
                    self.ctx.adjusted(entry.at(), text).help("remove it");
                }
            }
            out
        };
        (list("virtual_ipaddress"), list("virtual_ipaddress_excluded"))
    }

    /// The family of the first line that has one, IPv4 by default.
    fn family(&self) -> Decided {
        let of = |ip: IpAddr| Decided { family: Family::of(ip), by: ip.to_string() };
        let address = |entry: &Node<'_>| match entry.value(0) {
            Some(Value::Prefix(ip, _)) => Some(*ip),
            _ => entry.ip(0),
        };
        let first = |list: &Node<'_>| list.children.iter().filter(|entry| !entry.bad).find_map(address);
        let decides = |node: &&Node<'_>| match node.keyword.name {
            "native_ipv6" => Some(Decided { family: Family::V6, by: "native_ipv6".to_owned() }),
            "mcast_src_ip" | "unicast_src_ip" => node.ip(0).map(of),
            "virtual_ipaddress" | "unicast_peer" => first(node).map(of),
            _ => None,
        };
        let lines = self.node.children.iter().filter(|node| !node.bad);
        let decided = lines.filter_map(|node| decides(&node)).next();
        decided.unwrap_or(Decided { family: Family::V4, by: String::new() })
    }

    /// Removes addresses of the other family.
    fn one_family(&mut self, addresses: &mut Vec<Address>, decided: &Decided) {
        let Decided { family, by } = decided;
        let others = addresses.iter().filter(|address| Family::of(address.ip) != *family).count();
        if others == 0 {
            return;
        }
        let entries = self.node.all("virtual_ipaddress").flat_map(|n| n.children.iter()).filter(|n| !n.bad);
        let of_other = |n: &&Node<'_>| matches!(n.value(0), Some(Value::Prefix(ip, _)) if Family::of(*ip) != *family);
        let at = entries.into_iter().find(of_other).map_or_else(|| self.node.at_arg(0), Node::at);
        let name = family.name();
        let text = match others {
            1 => format!("this address is not {name}, as the instance is by {by}: it is ignored"),
            _ => format!(
                "this address and {} more are not {name}, as the instance is by {by}: they are ignored",
                others - 1
            ),
        };
        let help = "all addresses of virtual_ipaddress have one family; put the others in virtual_ipaddress_excluded";
        self.ctx.report.fault(Class::General, at, text).help(help);
        addresses.retain(|address| Family::of(address.ip) == *family);
    }

    fn limit(&mut self, addresses: &mut Vec<Address>, excluded: &mut Vec<Address>) {
        if addresses.len() <= MOST_ADDRESSES {
            return;
        }
        let text =
            format!("{} addresses: those after the first {MOST_ADDRESSES} are treated as excluded", addresses.len());
        self.adjust("virtual_ipaddress", &text);
        let mut rest = addresses.split_off(MOST_ADDRESSES);
        rest.append(excluded);
        *excluded = rest;
    }

    fn no_addresses(&mut self, addresses: &[Address], version: Version, strict: bool) {
        let list_was_wrong =
            self.node.children.iter().any(|n| n.keyword.name == "virtual_ipaddress" && !n.children.is_empty());
        if !addresses.is_empty() || list_was_wrong {
            return;
        }
        let text = format!("vrrp_instance '{}' has no virtual_ipaddress", self.name);
        if strict && version == Version::V3 {
            let text = format!("{text}, which strict mode requires: it is not started");
            self.ctx.mistake(self.node.at_arg(0), text, "add at least one address");
        } else if strict || !self.node.has("no_virtual_ipaddress") {
            let help = "add an address, or write no_virtual_ipaddress to confirm";
            self.ctx.report.warn(Class::General, self.node.at_arg(0), text).help(help);
        }
    }

    fn version(&mut self, family: Family) -> Version {
        let own =
            self.node.last("version").and_then(|n| n.uint(0)).map(|n| if n == 2 { Version::V2 } else { Version::V3 });
        if family == Family::V6 {
            if own == Some(Version::V2) {
                self.adjust("version", "version 2 is for IPv4: version 3 is used for IPv6 addresses");
            }
            return Version::V3;
        }
        own.or(self.defaults.version).unwrap_or(Version::V2)
    }

    /// The address of a keyword, if it is of the family of the instance.
    fn of_family(&mut self, keyword: &str, family: Family) -> Option<IpAddr> {
        let node = self.node.last(keyword)?;
        let ip = node.ip(0)?;
        self.is_of_family(keyword, ip, family, node.at_arg(0)).then_some(ip)
    }

    /// Whether an address is of the family of the instance; reported when not.
    pub(super) fn is_of_family(&mut self, keyword: &str, ip: IpAddr, family: Family, at: At) -> bool {
        let same = Family::of(ip) == family;
        if !same {
            let name = family.name();
            let text = format!("{keyword} {ip}: this instance is {name}, so it is ignored");
            self.ctx.report.fault(Class::General, at, text).help(format!("write an {name} address, or remove it"));
        }
        same
    }

    /// Warns about `track_src_ip` without a source address. The source address is tracked with or without the keyword.
    fn check_track_source(&mut self, has_source: bool) {
        if self.node.has("track_src_ip") && !has_source {
            self.adjust("track_src_ip", "track_src_ip has no effect without mcast_src_ip or unicast_src_ip");
        }
    }

    /// Drops an entry for the interface of the instance, which is tracked without one.
    fn without_own(&mut self, interface: &str, trackers: &mut Vec<Track>) {
        let is_own = |kind: TrackerKind, name: &str| kind == TrackerKind::Interface && name == interface;
        let before = trackers.len();
        trackers.retain(|entry| !is_own(entry.kind, &entry.name));
        if trackers.len() == before {
            return;
        }
        let entries = self.node.all("track_interface").flat_map(|list| list.children.iter());
        let at = entries.into_iter().find(|n| n.text(0) == Some(interface)).map_or_else(|| self.node.at(), Node::at);
        let text = format!("'{interface}' is the interface of the instance: the entry is ignored");
        let help = match self.node.has("dont_track_primary") {
            true => "remove it; without dont_track_primary the instance is in fault while its interface is down",
            false => "remove it: the instance is in fault while its interface is down in any case",
        };
        self.ctx.adjusted(at, text).help(help);
    }
}
