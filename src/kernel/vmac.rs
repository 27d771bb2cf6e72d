//! The VMAC writer: creates and removes macvlans with the virtual router MAC address on a thread of its own
//! ([`Worker`]), with the interface settings that two interfaces in one network need.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::Ipv6Addr;

use nix::errno::Errno;

use super::address::AddressRequest;
use super::netlink::Refusal;
use super::nft::{NftSocket, OwnPorts};
use super::request_socket::RequestSocket;
use super::sysctl::{self, Tree};
use super::tables::Link;
use super::worker::Worker;
use super::{address_encode, link_request};
use crate::config::model::Address;
use crate::state::Op;
use crate::text::reason;
use crate::vrrp::{FirewallChange, FirewallLayout, WantedVmac};

/// `MACVLAN_MODE_PRIVATE`: no traffic to other macvlans on the same lower interface.
const PRIVATE: u32 = 1;
const KIND: &str = "macvlan";
/// Settings of the lower interface, so that it neither answers ARP requests for addresses of the VMAC with its own MAC
/// address nor sends ARP requests from those addresses.
const BASE_SETTINGS: [(&str, &str); 3] = [("arp_ignore", "1"), ("arp_filter", "1"), ("arp_announce", "2")];
/// Requests performed before their results are returned.
const BATCH: usize = 32;
/// Prefix length of a link-local address.
const LINK_LOCAL_PREFIX: u8 = 64;

/// A request to create or remove a VMAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmacRequest {
    /// Returned with the result.
    pub token: u64,
    /// Add: create the VMAC, or take over the existing one. Remove: success if it does not exist.
    pub op: Op,
    /// The VMAC. A name has at most 15 octets.
    pub link: WantedVmac,
    /// The firewall tables that get elements for the VMAC, before it is up and sends its first packet.
    pub guards: Vec<FirewallLayout>,
}

/// Result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmacResult {
    /// The request.
    pub request: VmacRequest,
    /// Index of the interface (0 when an interface to remove did not exist), or the kernel's refusal.
    pub outcome: Result<u32, Refusal>,
    /// A message about a setting that could not be changed. The interface works, with restrictions.
    pub complaint: Option<String>,
    /// Changed settings of other interfaces, with their values from before the first VMAC.
    pub settings: sysctl::Changes,
}

/// The event loop's handle of the VMAC writer.
pub type VmacWriter = Worker<VmacRequest, VmacResult>;

impl VmacWriter {
    /// Starts the thread, in the caller's network namespace. `capacity` limits the requests submitted whose results were
    /// not taken yet. `settings` are those that a predecessor of this process changed.
    /// `own` learns the ports of the sockets that change firewall tables.
    pub fn start_vmacs(capacity: usize, settings: sysctl::Changes, own: OwnPorts) -> io::Result<VmacWriter> {
        let mut maker = Maker {
            requests: RequestSocket::route()?,
            nft: NftSocket::new(own),
            settings,
            vmacs: BTreeMap::new(),
            removal_group: RandomState::new().build_hasher().finish() as u32 & 0x3fff_ffff | 0x4000_0000,
        };
        Worker::spawn("vmacs", capacity, BATCH, move |batch: Vec<VmacRequest>| {
            maker.remove_at_once(&batch);
            batch.into_iter().map(|request| maker.perform(request)).collect()
        })
    }
}

/// State of the thread.
struct Maker {
    requests: RequestSocket,
    nft: NftSocket,
    /// Changed settings of other interfaces, with their values from before the first VMAC.
    settings: sysctl::Changes,
    /// The existing VMACs, each with the name of its lower interface and its link-local address.
    vmacs: BTreeMap<String, (String, Option<Ipv6Addr>)>,
    /// Random number of an interface group, for removing several VMACs at once.
    removal_group: u32,
}

impl Maker {
    fn perform(&mut self, request: VmacRequest) -> VmacResult {
        let mut complaint = None;
        let outcome = match request.op {
            Op::Add => self.make(&request, &mut complaint),
            Op::Remove => self.remove(&request, &mut complaint),
        };
        VmacResult { request, outcome, complaint, settings: self.settings.clone() }
    }

    /// Removes all VMACs of a batch of removals with one request. For each request the kernel waits until no CPU uses the
    /// interface, so 255 separate removals would take seconds. VMACs that are not removed here are removed one by one.
    fn remove_at_once(&mut self, batch: &[VmacRequest]) {
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

    fn make(&mut self, request: &VmacRequest, complaint: &mut Option<String>) -> Result<u32, Refusal> {
        let mut found = link_request::find(&mut self.requests, &request.link.name)?;
        if let Some(link) = found.take_if(|link| !is_right(link, request)) {
            if !request.link.replace || link.kind != KIND {
                return Err(taken(&link));
            }
            link_request::delete(&mut self.requests, link.index)?;
        }
        let index = match found {
            Some(link) => link.index,
            None => self.create(request)?,
        };
        let now = (request.link.base_name.clone(), request.link.link_local);
        let before = self.vmacs.insert(request.link.name.clone(), now);
        // Before the interface is up, so that it never answers or sends with wrong settings.
        *complaint = self.apply_settings(request).err();
        self.guard(index, request);
        link_request::set_up(&mut self.requests, index)?;
        if let Some(old) = before.and_then(|(_, ip)| ip).filter(|old| request.link.link_local != Some(*old)) {
            self.change_link_local(Op::Remove, index, old)?;
        }
        if let Some(ip) = request.link.link_local {
            self.change_link_local(Op::Add, index, ip)?;
        }
        Ok(index)
    }

    /// Puts a VMAC into the firewall tables. Errors are not reported here: the writer of the tables gets the same request.
    fn guard(&mut self, index: u32, request: &VmacRequest) {
        let WantedVmac { name, base, link_local, .. } = &request.link;
        for layout in &request.guards {
            let add = layout.elements_of_vmac(index, *base, name, *link_local);
            let change = FirewallChange::Update { layout: layout.clone(), remove: Vec::new(), add };
            let _ = self.nft.perform(&change);
        }
    }

    /// Creates a VMAC; returns its index.
    fn create(&mut self, request: &VmacRequest) -> Result<u32, Refusal> {
        link_request::create_macvlan(
            &mut self.requests,
            &request.link.name,
            request.link.mac,
            request.link.base,
            PRIVATE,
        )?;
        // The answer does not contain the index.
        let made = link_request::find(&mut self.requests, &request.link.name)?.filter(|link| is_right(link, request));
        made.map(|link| link.index).ok_or_else(|| Refusal::new(Errno::ENODEV as i32))
    }

    fn remove(&mut self, request: &VmacRequest, complaint: &mut Option<String>) -> Result<u32, Refusal> {
        let found = link_request::find(&mut self.requests, &request.link.name)?.filter(|link| is_right(link, request));
        let index = found.map_or(0, |link| link.index);
        if index != 0 {
            link_request::delete(&mut self.requests, index)?;
        }
        let base = self.vmacs.remove(&request.link.name);
        let restored = if self.vmacs.is_empty() {
            self.settings.restore_all()
        } else if let Some((base, _)) = base.filter(|(base, _)| !self.vmacs.values().any(|(other, _)| other == base)) {
            // The rp_filter settings stay while any VMAC exists.
            self.settings.restore(&base, &BASE_SETTINGS.map(|(setting, _)| setting))
        } else {
            Ok(())
        };
        *complaint = restored.err().map(|error| format!("Cannot restore interface settings: {}", reason(&error)));
        Ok(index)
    }

    /// Applies the settings of the VMAC and of its lower interface, and moves `rp_filter` from `all` to the interfaces.
    fn apply_settings(&mut self, request: &VmacRequest) -> Result<(), String> {
        let (name, base) = (request.link.name.as_str(), request.link.base_name.as_str());
        let mut worst = Ok(());
        let mut check = |interface: &str, setting: &str, result: io::Result<()>| {
            if let Err(error) = result {
                worst = Err(format!("Cannot set {setting} of {interface}: {}", reason(&error)));
            }
        };
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
        let without_ipv6 = [("addr_gen_mode", "1"), ("disable_ipv6", "1")];
        // No automatic link-local address, and no router solicitations, whose source may be in use on another router.
        let with_ipv6 = [("addr_gen_mode", "1"), ("router_solicitations", "0"), ("disable_ipv6", "0")];
        for (setting, value) in if request.link.ipv6 { &with_ipv6[..] } else { &without_ipv6[..] } {
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
            let is_vmac = self.vmacs.contains_key(&interface);
            if interface != "all" && !is_vmac && number(&interface).unwrap_or(u8::MAX) < all {
                self.settings.set(Tree::Ipv4, &interface, "rp_filter", &all.to_string())?;
            }
        }
        self.settings.set(Tree::Ipv4, "all", "rp_filter", "0")
    }

    fn change_link_local(&mut self, op: Op, ifindex: u32, ip: Ipv6Addr) -> Result<(), Refusal> {
        let plain = Address::plain(ip.into(), LINK_LOCAL_PREFIX, "");
        let address = Address { preferred_lft: Some(0), ..plain };
        let request = address_encode::encode(&AddressRequest::new(0, op, ifindex, address))?;
        self.requests.change(request, address_encode::nothing_to_change(op)).map(drop)
    }
}

/// Whether there is an interface of this name that is no macvlan. Asks the kernel and waits for its answer; false when
/// there is none.
pub fn is_foreign(name: &str) -> bool {
    let link = RequestSocket::route().ok().and_then(|mut socket| link_request::find(&mut socket, name).ok().flatten());
    link.is_some_and(|link| link.kind != KIND)
}

/// Whether a link has the settings of the requested VMAC.
fn is_right(link: &Link, request: &VmacRequest) -> bool {
    link.kind == KIND
        && link.macvlan_mode == Some(PRIVATE)
        && link.mac == Some(request.link.mac)
        && link.base == Some(request.link.base)
}

fn taken(link: &Link) -> Refusal {
    let kind = if link.kind.is_empty() { "interface" } else { &link.kind };
    Refusal { errno: Errno::EEXIST as i32, text: format!("another {kind} has this name") }
}
