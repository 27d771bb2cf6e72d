//! The writer of links: creates and removes VMACs (macvlans with the virtual router MAC address) and ipvlans on a thread of
//! its own ([`Worker`]), with the interface settings that two interfaces in one network need.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::IpAddr;

use nix::errno::Errno;

use super::address::AddressRequest;
use super::netlink::Refusal;
use super::nft::{NftSocket, OwnPorts};
use super::request_socket::RequestSocket;
use super::sysctl::{self, Tree};
use super::tables::Link;
use super::worker::Worker;
use super::{address_encode, link_request};
use crate::config::model::{Address, OwnLinkKind};
use crate::state::Op;
use crate::text::reason;
use crate::vrrp::{FirewallChange, FirewallLayout, WantedLink};

/// Settings of the lower interface of a VMAC, so that it neither answers ARP requests for addresses of the VMAC with its own MAC
/// address nor sends ARP requests from those addresses.
const BASE_SETTINGS: [(&str, &str); 3] = [("arp_ignore", "1"), ("arp_filter", "1"), ("arp_announce", "2")];
const MACVLAN: &str = "macvlan";
const IPVLAN: &str = "ipvlan";
/// Requests performed before their results are returned.
const BATCH: usize = 32;

/// A request to create or remove a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLinkRequest {
    /// Returned with the result.
    pub token: u64,
    /// Add: create the link, or take over the existing one. Remove: success if it does not exist.
    pub op: Op,
    /// The link. A name has at most 15 octets.
    pub link: WantedLink,
    /// The firewall tables that get elements for the VMAC, before it is up and sends its first packet.
    pub guards: Vec<FirewallLayout>,
}

/// Result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLinkResult {
    /// The request.
    pub request: OwnLinkRequest,
    /// Index of the interface (0 when an interface to remove did not exist), or the kernel's refusal.
    pub outcome: Result<u32, Refusal>,
    /// A message about a setting that could not be changed. The interface works, with restrictions.
    pub complaint: Option<String>,
    /// Changed settings of other interfaces, with their values from before the first VMAC.
    pub settings: sysctl::Changes,
}

/// The event loop's handle of the writer of links.
pub type OwnLinkWriter = Worker<OwnLinkRequest, OwnLinkResult>;

impl OwnLinkWriter {
    /// Starts the thread, in the caller's network namespace. `capacity` limits the requests submitted whose results were
    /// not taken yet. `settings` are those that a predecessor of this process changed.
    /// `own` learns the ports of the sockets that change firewall tables.
    pub fn start_own_links(capacity: usize, settings: sysctl::Changes, own: OwnPorts) -> io::Result<OwnLinkWriter> {
        let mut maker = Maker {
            requests: RequestSocket::route()?,
            nft: NftSocket::new(own),
            settings,
            made: BTreeMap::new(),
            removal_group: RandomState::new().build_hasher().finish() as u32 & 0x3fff_ffff | 0x4000_0000,
        };
        Worker::spawn("links", capacity, BATCH, move |batch: Vec<OwnLinkRequest>| {
            maker.remove_at_once(&batch);
            batch.into_iter().map(|request| maker.perform(request)).collect()
        })
    }
}

/// A link that was created or taken over.
struct Made {
    /// Whether it is a VMAC, which changes settings of other interfaces.
    vmac: bool,
    /// Name of its lower interface.
    base: String,
    /// Address that was set on it.
    address: Option<(IpAddr, u8)>,
}

/// State of the thread.
struct Maker {
    requests: RequestSocket,
    nft: NftSocket,
    /// Changed settings of other interfaces, with their values from before the first VMAC.
    settings: sysctl::Changes,
    /// The existing links of ours.
    made: BTreeMap<String, Made>,
    /// Random number of an interface group, for removing several VMACs at once.
    removal_group: u32,
}

impl Maker {
    fn perform(&mut self, request: OwnLinkRequest) -> OwnLinkResult {
        let mut complaint = None;
        let outcome = match request.op {
            Op::Add => self.make(&request, &mut complaint),
            Op::Remove => self.remove(&request, &mut complaint),
        };
        OwnLinkResult { request, outcome, complaint, settings: self.settings.clone() }
    }

    /// Removes all links of a batch of removals with one request. For each request the kernel waits until no CPU uses the
    /// interface, so 255 separate removals would take seconds. Links that are not removed here are removed one by one.
    fn remove_at_once(&mut self, batch: &[OwnLinkRequest]) {
        if batch.len() < 2 || batch.iter().any(|request| request.op != Op::Remove) {
            return;
        }
        let mut any = false;
        for request in batch {
            let found = link_request::find(&mut self.requests, &request.link.name)
                .ok()
                .flatten()
                .filter(|link| is_right(link, request));
            any |= found.is_some_and(|link| {
                link_request::put_in_group(&mut self.requests, link.index, self.removal_group).is_ok()
            });
        }
        if any {
            // On failure each VMAC is removed on its own later.
            let _ = link_request::delete_group(&mut self.requests, self.removal_group);
        }
    }

    fn make(&mut self, request: &OwnLinkRequest, complaint: &mut Option<String>) -> Result<u32, Refusal> {
        let mut found = link_request::find(&mut self.requests, &request.link.name)?;
        // One left by an earlier run may be in another group.
        if let Some(link) = found.as_ref().filter(|link| is_right(link, request) && link.group != request.link.group) {
            link_request::put_in_group(&mut self.requests, link.index, request.link.group)?;
        }
        if let Some(link) = found.take_if(|link| !is_right(link, request)) {
            if !request.link.replace || link.kind != kind(&request.link) {
                return Err(taken(&link));
            }
            link_request::delete(&mut self.requests, link.index)?;
        }
        let index = match found {
            Some(link) => link.index,
            None => self.create(request)?,
        };
        let (vmac, base, address) = (is_vmac(&request.link), request.link.base_name.clone(), request.link.address);
        let before = self.made.insert(request.link.name.clone(), Made { vmac, base, address });
        // Before the interface is up, so that it never answers or sends with wrong settings.
        *complaint = self.apply_settings(request).err();
        self.guard(index, request);
        if let Some(address) = address.filter(|_| !vmac) {
            self.change_address(Op::Add, index, address)?;
        }
        link_request::set_up(&mut self.requests, index)?;
        if let Some(old) = before.and_then(|made| made.address).filter(|old| address != Some(*old)) {
            self.change_address(Op::Remove, index, old)?;
        }
        if let Some(address) = address.filter(|_| vmac) {
            self.change_address(Op::Add, index, address)?;
        }
        Ok(index)
    }

    /// Puts a VMAC into the firewall tables. Errors are not reported here: the writer of the tables gets the same request.
    fn guard(&mut self, index: u32, request: &OwnLinkRequest) {
        let WantedLink { name, base, .. } = &request.link;
        for layout in &request.guards {
            let add = layout.elements_of_vmac(index, *base, name, request.link.link_local());
            let change = FirewallChange::Update { layout: layout.clone(), remove: Vec::new(), add };
            let _ = self.nft.perform(&change);
        }
    }

    /// Creates a link; returns its index.
    fn create(&mut self, request: &OwnLinkRequest) -> Result<u32, Refusal> {
        link_request::create(&mut self.requests, &request.link)?;
        // The answer does not contain the index.
        let made = link_request::find(&mut self.requests, &request.link.name)?.filter(|link| is_right(link, request));
        made.map(|link| link.index).ok_or_else(|| Refusal::new(Errno::ENODEV as i32))
    }

    fn remove(&mut self, request: &OwnLinkRequest, complaint: &mut Option<String>) -> Result<u32, Refusal> {
        let found = link_request::find(&mut self.requests, &request.link.name)?.filter(|link| is_right(link, request));
        let index = found.map_or(0, |link| link.index);
        if index != 0 {
            link_request::delete(&mut self.requests, index)?;
        }
        let gone = self.made.remove(&request.link.name).filter(|made| made.vmac);
        let mut vmacs = self.made.values().filter(|made| made.vmac);
        let restored = match gone {
            None => Ok(()),
            Some(_) if vmacs.next().is_none() => self.settings.restore_all(),
            Some(gone) if self.made.values().any(|other| other.vmac && other.base == gone.base) => Ok(()),
            // The rp_filter settings stay while any VMAC exists.
            Some(gone) => self.settings.restore(&gone.base, &BASE_SETTINGS.map(|(setting, _)| setting)),
        };
        *complaint = restored.err().map(|error| format!("Cannot restore interface settings: {}", reason(&error)));
        Ok(index)
    }

    /// Applies the settings of the link and, for a VMAC, of its lower interface, and moves `rp_filter` from `all` to the interfaces.
    fn apply_settings(&mut self, request: &OwnLinkRequest) -> Result<(), String> {
        let (name, base) = (request.link.name.as_str(), request.link.base_name.as_str());
        let mut worst = Ok(());
        let mut check = |interface: &str, setting: &str, result: io::Result<()>| {
            if let Err(error) = result {
                worst = Err(format!("Cannot set {setting} of {interface}: {}", reason(&error)));
            }
        };
        if is_vmac(&request.link) {
            for (setting, value) in BASE_SETTINGS {
                check(base, setting, self.settings.set(Tree::Ipv4, base, setting, value));
            }
            // The VMAC answers ARP for its own addresses only. Packets arrive on it with sources that are routed through
            // another interface, or that are our own.
            check("all", "rp_filter", self.spread_rp_filter());
            for (setting, value) in
                [("arp_ignore", "1"), ("accept_local", "1"), ("rp_filter", "0"), ("promote_secondaries", "1")]
            {
                check(name, setting, sysctl::write(Tree::Ipv4, name, setting, value));
            }
        }
        let without_ipv6 = [("addr_gen_mode", "1"), ("disable_ipv6", "1")];
        // No automatic link-local address, and no router solicitations, whose source may be in use on another router.
        let with_ipv6 = [("addr_gen_mode", "1"), ("router_solicitations", "0"), ("disable_ipv6", "0")];
        let of_ipv6 = match (is_vmac(&request.link), request.link.ipv6) {
            (true, true) => &with_ipv6[..],
            (_, false) => &without_ipv6[..],
            // It has a link-local address of its own.
            (false, true) => &[("disable_ipv6", "0")],
        };
        for (setting, value) in of_ipv6 {
            match sysctl::write(Tree::Ipv6, name, setting, value) {
                // A kernel without IPv6.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => check(name, setting, result),
            }
        }
        worst
    }

    /// The effective `rp_filter` of an interface is the greater of its own value and that of `all`. This sets the value of
    /// `all` on each other interface and clears it in `all`, so that it is off on the VMAC.
    fn spread_rp_filter(&mut self) -> io::Result<()> {
        let number = |interface: &str| -> io::Result<u8> {
            let value = sysctl::read(Tree::Ipv4, interface, "rp_filter")?;
            value.parse().map_err(io::Error::other)
        };
        let all = number("all")?;
        if all == 0 {
            return Ok(());
        }
        for interface in sysctl::interfaces(Tree::Ipv4)? {
            let is_vmac = self.made.get(&interface).is_some_and(|made| made.vmac);
            if interface != "all" && !is_vmac && number(&interface).unwrap_or(u8::MAX) < all {
                self.settings.set(Tree::Ipv4, &interface, "rp_filter", &all.to_string())?;
            }
        }
        self.settings.set(Tree::Ipv4, "all", "rp_filter", "0")
    }

    fn change_address(&mut self, op: Op, ifindex: u32, (ip, prefix): (IpAddr, u8)) -> Result<(), Refusal> {
        let plain = Address::plain(ip, prefix, "");
        let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let address = Address { preferred_lft: link_local.then_some(0), ..plain };
        let request = address_encode::encode(&AddressRequest::new(0, op, ifindex, address))?;
        self.requests.change(request, address_encode::nothing_to_change(op)).map(drop)
    }
}

/// The kernel's word for the kind of a link.
fn kind(link: &WantedLink) -> &'static str {
    if is_vmac(link) { MACVLAN } else { IPVLAN }
}

fn is_vmac(link: &WantedLink) -> bool {
    matches!(link.kind, OwnLinkKind::Vmac { .. })
}

/// Whether there is an interface of this name that is neither a macvlan nor an ipvlan. Asks the kernel and waits for its answer; false when
/// there is none.
pub fn is_foreign(name: &str) -> bool {
    let link = RequestSocket::route().ok().and_then(|mut socket| link_request::find(&mut socket, name).ok().flatten());
    link.is_some_and(|link| link.kind != MACVLAN && link.kind != IPVLAN)
}

/// Whether a link has the properties of the requested one.
fn is_right(link: &Link, request: &OwnLinkRequest) -> bool {
    let wanted = &request.link;
    let alike = match wanted.kind {
        OwnLinkKind::Vmac { mac, .. } => {
            link.macvlan_mode == Some(link_request::MACVLAN_PRIVATE) && link.mac == Some(mac)
        }
        OwnLinkKind::Ipvlan { mode, .. } => link.ipvlan_mode == Some(mode),
    };
    alike && link.kind == kind(wanted) && link.base == Some(wanted.base)
}

fn taken(link: &Link) -> Refusal {
    let kind = if link.kind.is_empty() { "interface" } else { &link.kind };
    Refusal { errno: Errno::EEXIST as i32, text: format!("another {kind} has this name") }
}
