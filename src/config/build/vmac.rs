//! `use_vmac` and `vmac_xmit_base`.

use std::collections::HashMap;

use super::super::model::{Family, Vmac};
use super::super::node::Node;
use super::context::text;
use super::instance::Maker;

/// Longest name of an interface.
const NAME_MAX: usize = 15;

/// The names on `use_vmac` lines, each with the first instance that has it.
pub(super) fn names(tree: &[Node<'_>]) -> HashMap<String, String> {
    let mut names = HashMap::new();
    for node in tree.iter().filter(|node| node.keyword.name == "vrrp_instance" && !node.bad) {
        let Some(instance) = node.text(0) else { continue };
        if let Some(name) = node.last("use_vmac").and_then(|node| Line::read(&words(node)).name) {
            names.entry(name.to_owned()).or_insert_with(|| instance.to_owned());
        }
    }
    names
}

/// The words of a `use_vmac` line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line<'w> {
    name: Option<&'w str>,
    mac: Option<&'w str>,
    group: Option<&'w str>,
    /// Other words.
    left_over: Vec<&'w str>,
}

impl<'w> Line<'w> {
    fn read(words: &[&'w str]) -> Line<'w> {
        let mut line = Line::default();
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            match word {
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

fn words<'n>(node: &'n Node<'_>) -> Vec<&'n str> {
    node.args.iter().filter_map(|arg| text(&arg.value)).collect()
}

impl Maker<'_, '_, '_> {
    pub(super) fn vmac(&mut self, vrid: u8, family: Family, unicast: bool, strict: bool) -> Option<Vmac> {
        let Some(node) = self.node.last("use_vmac") else {
            if self.node.has("vmac_xmit_base") {
                self.adjust("vmac_xmit_base", "vmac_xmit_base has no effect without use_vmac");
            }
            return None;
        };
        let words = words(node);
        let line = Line::read(&words);
        for word in &line.left_over {
            self.adjust("use_vmac", &format!("use_vmac takes one name and one MAC address: '{word}' is ignored"));
        }
        if line.group.is_some() {
            self.adjust("use_vmac", "the group of use_vmac is not acted on yet");
        }
        let mac = line.mac.and_then(|word| self.mac(word, vrid, strict));
        let of_family = if family == Family::V4 { 1 } else { 2 };
        Some(Vmac {
            name: line.name.and_then(|name| self.vmac_name(name)),
            prefix: self.defaults.vmac_prefix.clone(),
            mac: mac.unwrap_or([0, 0, 0x5e, 0, of_family, vrid]),
            xmit_base: self.xmit_base(unicast, strict),
        })
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

    fn vmac_name(&mut self, name: &str) -> Option<String> {
        let ours = self.ctx.vmacs.get(name).is_none_or(|instance| instance == self.name);
        let why = if name.len() > NAME_MAX
            || name.contains(['/', ':'])
            || name.contains(char::is_whitespace)
            || matches!(name, "" | "." | "..")
        {
            format!("'{name}' cannot be the name of an interface (at most {NAME_MAX} characters, no '/')")
        } else if !ours {
            format!("another instance uses '{name}' for its VMAC")
        } else if self.ctx.answers.is_foreign_interface(name) {
            // A warning only: the interface may be removed later, and just the name changes.
            let text = format!(
                "the interface '{name}' exists and is not a VMAC: the name is ignored, and another one generated"
            );
            let place = self.node.last("use_vmac").map_or_else(|| self.node.at(), Node::at);
            self.ctx.adjusted(place, text).help("write an unused name, such as vrrp.51, or none");
            return None;
        } else {
            return Some(name.to_owned());
        };
        let text = format!("{why}: the name is ignored, and another one generated");
        self.drop("use_vmac", &text, "write an unused name of at most 15 characters, such as vrrp.51, or none");
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
            let want =
                Line { name: Some("mv0"), mac: Some("02:00:00:00:00:05"), group: Some("7"), left_over: Vec::new() };
            assert_eq!(line(text), want, "{text}");
        }
        assert_eq!(line("a b").left_over, ["b"]);
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
