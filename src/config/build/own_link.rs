//! `use_vmac`, `vmac_xmit_base`, `use_ipvlan` and `use_vmac_addr`.

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::iproute::{self, NameKind};
use super::super::model::{Address, AddressLink, Family, IpvlanMode, OwnLink, OwnLinkKind, virtual_mac};
use super::super::node::Node;
use super::context::text;
use super::instance::{Built, Maker};
use super::routing::whole;

/// Longest name of an interface.
const NAME_MAX: usize = 15;
/// The keywords of the links that instances run on.
const KEYWORDS: [&str; 2] = ["use_vmac", "use_ipvlan"];

/// The names on `use_vmac` and `use_ipvlan` lines, each with the first instance that has it.
pub(super) fn names(tree: &[Node<'_>]) -> HashMap<String, String> {
    let mut names = HashMap::new();
    for node in tree.iter().filter(|node| node.keyword.name == "vrrp_instance" && !node.bad) {
        let Some(instance) = node.text(0) else { continue };
        for line in KEYWORDS.into_iter().filter_map(|keyword| node.last(keyword)) {
            let name = match line.keyword.name {
                "use_vmac" => Line::read(&words(line)).name,
                _ => IpvlanLine::read(&words(line)).name,
            };
            if let Some(name) = name {
                names.entry(name.to_owned()).or_insert_with(|| instance.to_owned());
            }
        }
    }
    names
}

/// Leaves addresses without a VMAC of their own if another instance has one with the same MAC address on the interface. Both
/// instances may be master at once on different routers, and switches would send to one of them only.
pub(super) fn without_clashes(instances: &mut [Built], ctx: &mut super::context::Ctx<'_, '_>) {
    let mut seen: HashMap<(String, [u8; 6]), String> = HashMap::new();
    for built in instances.iter() {
        let own = built.instance.link.as_ref().and_then(OwnLink::mac);
        if let Some(mac) = own {
            seen.entry((built.instance.interface.clone(), mac)).or_insert_with(|| built.instance.name.clone());
        }
    }
    for built in instances {
        let instance = &mut built.instance;
        let mut refused = Vec::new();
        instance.address_links.retain(|link| {
            let Some(mac) = link.link.mac() else { return true };
            let owner = seen.entry((link.base.clone(), mac)).or_insert_with(|| instance.name.clone());
            let free = *owner == instance.name;
            if !free {
                refused.push((link.clone(), owner.clone()));
            }
            free
        });
        for (link, owner) in refused {
            let base = &link.base;
            let text = format!(
                "the VMAC for addresses on {base} would have the MAC address of that of '{owner}': they are put on {base} itself"
            );
            ctx.adjusted(built.vrid_at, text).help("give each virtual router of an interface its own VRID");
            let addresses = instance.addresses.iter_mut().chain(&mut instance.excluded);
            addresses.filter(|address| link.carries(address)).for_each(|address| address.own_vmac = false);
        }
    }
}

/// The words of a `use_vmac` line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line<'w> {
    name: Option<&'w str>,
    mac: Option<&'w str>,
    group: Option<&'w str>,
    /// `name` or `group` at the end of the line.
    unfinished: Option<&'w str>,
    /// Other words.
    left_over: Vec<&'w str>,
}

impl<'w> Line<'w> {
    fn read(words: &[&'w str]) -> Line<'w> {
        let mut line = Line::default();
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            match word {
                "name" | "group" if words.len() == 0 => line.unfinished = Some(word),
                "name" => line.name = words.next(),
                "group" => line.group = words.next(),
                // Accepted without effect: our view of the interfaces does not need it.
                "netlink_notify_msg" => {}
                mac if mac.contains(':') && line.mac.is_none() => line.mac = Some(mac),
                name if line.name.is_none() => line.name = Some(name),
                other => line.left_over.push(other),
            }
        }
        line
    }
}

/// The words of a `use_ipvlan` line.
#[derive(Debug, Default, PartialEq, Eq)]
struct IpvlanLine<'w> {
    name: Option<&'w str>,
    address: Option<(IpAddr, u8)>,
    mode: Option<IpvlanMode>,
    group: Option<&'w str>,
    /// `name` or `group` at the end of the line.
    unfinished: Option<&'w str>,
    /// Other words.
    left_over: Vec<&'w str>,
}

impl<'w> IpvlanLine<'w> {
    fn read(words: &[&'w str]) -> IpvlanLine<'w> {
        let mut line = IpvlanLine::default();
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            let mode = match word {
                "bridge" => Some(IpvlanMode::Bridge),
                "private" => Some(IpvlanMode::Private),
                "vepa" => Some(IpvlanMode::Vepa),
                _ => None,
            };
            match (word, mode, parse_address(word)) {
                ("name" | "group", ..) if words.len() == 0 => line.unfinished = Some(word),
                ("name", ..) => line.name = words.next(),
                ("group", ..) => line.group = words.next(),
                (_, Some(mode), _) if line.mode.is_none() => line.mode = Some(mode),
                (_, _, Some(address)) if line.address.is_none() => line.address = Some(address),
                (name, None, None) if line.name.is_none() => line.name = Some(name),
                (other, ..) => line.left_over.push(other),
            }
        }
        line
    }
}

/// `ADDR[/LEN]`.
fn parse_address(word: &str) -> Option<(IpAddr, u8)> {
    let (ip, length) = word.split_once('/').map_or((word, None), |(ip, length)| (ip, Some(length)));
    let ip: IpAddr = ip.parse().ok()?;
    let length = length.map_or(Some(whole(ip)), |length| length.parse().ok())?;
    (length <= whole(ip)).then_some((ip, length))
}

fn words<'n>(node: &'n Node<'_>) -> Vec<&'n str> {
    node.args.iter().filter_map(|arg| text(&arg.value)).collect()
}

impl Maker<'_, '_, '_> {
    /// The link that the instance runs on.
    pub(super) fn own_link(
        &mut self,
        (interface, vrid, family): (&str, u8, Family),
        unicast: bool,
        strict: bool,
    ) -> Option<OwnLink> {
        let (vmac, ipvlan) = (self.node.last("use_vmac"), self.node.last("use_ipvlan"));
        if let Some(keyword) = KEYWORDS.into_iter().find(|keyword| self.node.has(keyword) && interface.is_empty()) {
            let text = format!("{keyword} needs an interface: it is ignored");
            self.drop(keyword, &text, "write interface IFNAME, or remove it");
            return None;
        }
        if let (Some(_), Some(_)) = (vmac, ipvlan) {
            self.adjust("use_vmac", "use_vmac is ignored: the instance runs on the link of use_ipvlan");
        }
        if self.node.has("vmac_xmit_base") && (vmac.is_none() || ipvlan.is_some()) {
            self.adjust("vmac_xmit_base", "vmac_xmit_base has no effect without use_vmac");
        }
        match (vmac, ipvlan) {
            (_, Some(node)) => Some(self.ipvlan(node, family)),
            (Some(node), None) => Some(self.vmac(node, vrid, family, unicast, strict)),
            (None, None) => None,
        }
    }

    fn vmac(&mut self, node: &Node<'_>, vrid: u8, family: Family, unicast: bool, strict: bool) -> OwnLink {
        let words = words(node);
        let line = Line::read(&words);
        for word in &line.left_over {
            self.adjust("use_vmac", &format!("use_vmac takes one name and one MAC address: '{word}' is ignored"));
        }
        self.unfinished("use_vmac", line.unfinished);
        let group = line.group.and_then(|word| self.group("use_vmac", word));
        let mac = line.mac.and_then(|word| self.mac(word, vrid, strict)).unwrap_or(virtual_mac(vrid, family));
        OwnLink {
            name: line.name.and_then(|name| self.link_name("use_vmac", name)),
            prefix: self.defaults.vmac_prefix.clone(),
            group,
            kind: OwnLinkKind::Vmac { mac, xmit_base: self.xmit_base(unicast, strict) },
        }
    }

    fn ipvlan(&mut self, node: &Node<'_>, family: Family) -> OwnLink {
        let words = words(node);
        let line = IpvlanLine::read(&words);
        for word in &line.left_over {
            let text = format!("use_ipvlan takes one name, one address and one mode: '{word}' is ignored");
            self.drop("use_ipvlan", &text, "remove the word");
        }
        self.unfinished("use_ipvlan", line.unfinished);
        let group = line.group.and_then(|word| self.group("use_ipvlan", word));
        let address = line.address.filter(|(ip, _)| self.is_of_family("use_ipvlan", *ip, family, node.at()));
        if family == Family::V4 && address.is_none() {
            let text = "an ipvlan for IPv4 needs an address, the source of adverts: the instance will be in fault";
            let place = self.node.last("use_ipvlan").map_or_else(|| self.node.at(), Node::at);
            self.ctx.adjusted(place, text).help("write use_ipvlan ADDR/LEN");
        }
        OwnLink {
            name: line.name.and_then(|name| self.link_name("use_ipvlan", name)),
            prefix: self.defaults.vmac_prefix.clone(),
            group,
            kind: OwnLinkKind::Ipvlan { address, mode: line.mode.unwrap_or(IpvlanMode::Bridge) },
        }
    }

    /// Warns about a word at the end of the line whose value is missing.
    fn unfinished(&mut self, keyword: &str, word: Option<&str>) {
        if let Some(word) = word {
            let draft = self.adjust(keyword, &format!("{keyword}: '{word}' has no value: it is ignored"));
            draft.help(format!("write {word} and its value, or remove the word"));
        }
    }

    /// The number of an interface group.
    fn group(&mut self, keyword: &str, word: &str) -> Option<u32> {
        let names = self.known.names();
        let number = iproute::number(word).or_else(|| self.ctx.answers.routing_name(NameKind::Group, names, word));
        if number.is_none() {
            let text = format!("there is no interface group '{word}': it is ignored");
            self.drop(keyword, &text, "write a number, or define the name in the files of iproute2");
        }
        number
    }

    /// Decides which addresses are on VMACs of their own, by their words `use_vmac` and by `use_vmac_addr`. Returns these
    /// VMACs.
    pub(super) fn address_links(
        &mut self,
        addresses: &mut [Address],
        link: Option<&OwnLink>,
        (interface, vrid, family): (&str, u8, Family),
    ) -> Vec<AddressLink> {
        let everywhere = self.node.has("use_vmac_addr");
        let mut links: Vec<AddressLink> = Vec::new();
        for address in addresses {
            let named = link.is_some_and(|link| link.name.as_deref() == Some(&address.device));
            let home = named || address.device == interface;
            let (ip, of) = (address.ip, Family::of(address.ip));
            let suits = home && of == family;
            if address.own_vmac && suits && link.is_some() {
                let text = format!("use_vmac of {ip} is ignored: the instance has a link of its own on {interface}");
                let keyword = KEYWORDS.into_iter().find(|keyword| self.node.has(keyword)).unwrap_or("use_vmac");
                self.drop(keyword, &text, "remove use_vmac from the address");
                address.own_vmac = false;
            }
            address.own_vmac |= everywhere && !suits;
            if address.own_vmac && home && link.is_some_and(|link| !link.is_vmac()) {
                let text = format!("no VMAC for {ip}: an interface cannot have VMACs beside an ipvlan");
                self.adjust("use_ipvlan", &text);
                address.own_vmac = false;
            }
            if !address.own_vmac {
                continue;
            }
            if named {
                address.device = interface.to_owned();
            }
            match links.iter_mut().find(|link| link.carries(address)) {
                Some(link) => link.tracked |= !address.no_track,
                None => {
                    let kind = OwnLinkKind::Vmac { mac: virtual_mac(vrid, of), xmit_base: false };
                    let prefix = self.defaults.vmac_addr_prefix.clone();
                    let link = OwnLink { name: None, prefix, group: None, kind };
                    let (base, tracked) = (address.device.clone(), !address.no_track);
                    links.push(AddressLink { base, family: of, tracked, link });
                }
            }
        }
        links
    }

    fn mac(&mut self, word: &str, vrid: u8, strict: bool) -> Option<[u8; 6]> {
        let why = match parse_mac(word, vrid) {
            Some(_) if strict => "strict mode uses the MAC address of the virtual router".to_owned(),
            Some(mac) if mac[0] & 1 != 0 => format!("{word} is a multicast MAC address"),
            Some(mac) => return Some(mac),
            None => format!("'{word}' is not a MAC address of 5 or 6 octets"),
        };
        self.drop(
            "use_vmac",
            &format!("{why}: it is ignored"),
            "remove it, or write six octets, such as 02:00:5e:00:53:01",
        );
        None
    }

    fn link_name(&mut self, keyword: &str, name: &str) -> Option<String> {
        let ours = self.ctx.own_links.get(name).is_none_or(|instance| instance == self.name);
        let why = if name.len() > NAME_MAX
            || name.contains(['/', ':'])
            || name.contains(char::is_whitespace)
            || matches!(name, "" | "." | "..")
        {
            format!("'{name}' cannot be the name of an interface (at most {NAME_MAX} characters, no '/')")
        } else if !ours {
            format!("another instance uses '{name}' for its link")
        } else if self.ctx.answers.is_foreign_interface(name) {
            // A warning only: the interface may be removed later, and just the name changes.
            let text = format!(
                "the interface '{name}' exists and is no VMAC or ipvlan: the name is ignored, and another one generated"
            );
            let place = self.node.last(keyword).map_or_else(|| self.node.at(), Node::at);
            self.ctx.adjusted(place, text).help("write an unused name, such as vrrp.51, or none");
            return None;
        } else {
            return Some(name.to_owned());
        };
        let text = format!("{why}: the name is ignored, and another one generated");
        self.drop(keyword, &text, "write an unused name of at most 15 characters, such as vrrp.51, or none");
        None
    }

    fn xmit_base(&mut self, unicast: bool, strict: bool) -> bool {
        let wanted = self.node.has("vmac_xmit_base");
        if wanted && strict {
            self.drop(
                "vmac_xmit_base",
                "strict mode sends adverts from the VMAC: vmac_xmit_base is ignored",
                "remove it",
            );
            return false;
        }
        if unicast && !wanted {
            self.adjust(
                "use_vmac",
                "with unicast_peer, adverts are sent from the lower interface: write vmac_xmit_base",
            );
        }
        wanted || unicast
    }
}

/// Six octets, or five with the VRID as the sixth.
fn parse_mac(word: &str, vrid: u8) -> Option<[u8; 6]> {
    let octet = |part: &str| {
        (part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| u8::from_str_radix(part, 16).ok())
            .flatten()
    };
    let mut octets: Vec<u8> = word.split(':').map(octet).collect::<Option<_>>()?;
    if octets.len() == 5 {
        octets.push(vrid);
    }
    octets.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_any_order() {
        let line = |text: &'static str| Line::read(&text.split(' ').collect::<Vec<_>>());
        for text in ["mv0 02:00:00:00:00:05 group 7", "02:00:00:00:00:05 group 7 netlink_notify_msg name mv0"] {
            let want = Line {
                name: Some("mv0"),
                mac: Some("02:00:00:00:00:05"),
                group: Some("7"),
                unfinished: None,
                left_over: Vec::new(),
            };
            assert_eq!(line(text), want, "{text}");
        }
        assert_eq!(line("a b").left_over, ["b"]);
    }

    #[test]
    fn words_of_ipvlans_in_any_order() {
        let line = |text: &'static str| IpvlanLine::read(&text.split(' ').collect::<Vec<_>>());
        for text in ["ipvl 10.0.0.5/24 private group 7", "group 7 private 10.0.0.5/24 name ipvl"] {
            let address = Some(("10.0.0.5".parse().unwrap(), 24));
            let (name, mode, group) = (Some("ipvl"), Some(IpvlanMode::Private), Some("7"));
            assert_eq!(
                line(text),
                IpvlanLine { name, address, mode, group, unfinished: None, left_over: Vec::new() },
                "{text}"
            );
        }
        assert_eq!(line("10.0.0.5").address, Some(("10.0.0.5".parse().unwrap(), 32)));
        assert_eq!(line("a vepa bridge 10.0.0.5 fd00::1 b").left_over, ["bridge", "fd00::1", "b"]);
    }

    #[test]
    fn addresses() {
        assert_eq!(parse_mac("02:11:22:33:44", 51), Some([2, 0x11, 0x22, 0x33, 0x44, 51]));
        assert_eq!(parse_mac("02:11:22:33:44:ff", 51), Some([2, 0x11, 0x22, 0x33, 0x44, 0xff]));
        for bad in
            ["", "02:11:22:33", "02:11:22:33:44:55:66", "02:11:22:33:44:5g", "02:11:22:33:44:555", "+2:1:2:3:4:5"]
        {
            assert_eq!(parse_mac(bad, 1), None, "{bad}");
        }
    }
}
