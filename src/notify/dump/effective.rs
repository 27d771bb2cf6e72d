//! The effective values (`-d`): the whole configuration of the processes, with defaults, and with secrets masked.
//!
//! The text is generated from the typed configuration, so that no value can be missing.

mod tree;

use std::fmt::{Display, Write};

use crate::config::Snapshot;
use crate::config::model::Config;
use tree::Node;

/// Indentation of a level.
const STEP: usize = 2;
/// Longest list on one line, in characters.
const SHORT: usize = 100;

/// Names of fields that differ from their keywords.
const KEYWORDS: [(&str, &str); 33] = [
    ("global", "global_defs"),
    ("static_addresses", "static_ipaddress"),
    ("instances", "vrrp_instance"),
    ("sync_groups", "vrrp_sync_group"),
    ("virtual_servers", "virtual_server"),
    ("real_servers", "real_server"),
    ("bfd", "bfd_instance"),
    ("vrid", "virtual_router_id"),
    ("advert_interval", "advert_int"),
    ("start_state", "state"),
    ("addresses", "virtual_ipaddress"),
    ("excluded", "virtual_ipaddress_excluded"),
    ("routes", "virtual_routes"),
    ("rules", "virtual_rules"),
    ("scheduler", "lb_algo"),
    ("method", "lvs_method"),
    ("persistence", "persistence_timeout"),
    ("granularity", "persistence_granularity"),
    ("one_packet", "ops"),
    ("inhibit", "inhibit_on_failure"),
    ("upper_threshold", "uthreshold"),
    ("lower_threshold", "lthreshold"),
    ("engine_id", "snmp_engine_id"),
    ("trap_targets", "snmp_trap_target"),
    ("snmp_vrrp", "enable_snmp_vrrp"),
    ("snmp_checker", "enable_snmp_checker"),
    ("script_security", "enable_script_security"),
    ("dbus", "enable_dbus"),
    ("service_name", "dbus_service_name"),
    ("no_interface_name", "dbus_no_interface_name"),
    ("active", "active_key"),
    ("others", "other_keys"),
    ("window", "time_window"),
];

/// The values, one a line, with the names of their keywords where they have one.
pub fn text(snapshot: &Snapshot) -> String {
    let mut out = String::from("------< Values in effect >------\n");
    // A configuration that was read can be serialised.
    match snapshot.clone().parse() {
        Ok(config) => node(&values(&config), "", 0, &mut out),
        Err(error) => out.push_str(&error.to_string()),
    }
    out
}

/// The tree of the values. Routes and rules are lines of the configuration, as most of their many fields are unset.
fn values(config: &Config) -> Node {
    let mut tree = tree::of(config);
    tree.replace("static_routes", lines(&config.static_routes));
    tree.replace("static_rules", lines(&config.static_rules));
    if let Some(Node::List(instances)) = tree.field("instances") {
        for (node, instance) in instances.iter_mut().zip(&config.instances) {
            node.replace("routes", lines(&instance.routes));
            node.replace("rules", lines(&instance.rules));
        }
    }
    tree
}

/// One line for each item.
fn lines(items: &[impl Display]) -> Node {
    if items.is_empty() {
        return Node::List(Vec::new());
    }
    let line = |(item, n): (_, usize)| (n.to_string(), Node::Word(format!("{item}")));
    Node::Fields(items.iter().zip(1..).map(line).collect())
}

fn node(node: &Node, name: &str, depth: usize, out: &mut String) {
    let name = KEYWORDS.iter().find(|(field, _)| *field == name).map_or(name, |(_, keyword)| keyword);
    let indent = " ".repeat(depth.saturating_mul(STEP));
    let inner = if name.is_empty() { depth } else { depth.saturating_add(1) };
    if let Some(line) = line(node) {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "{indent}{name} = {line}");
        return;
    }
    if !name.is_empty() {
        let _ = writeln!(out, "{indent}{name}:");
    }
    match node {
        Node::Word(_) | Node::Unset => {}
        Node::List(list) => {
            list.iter().zip(1_usize..).for_each(|(item, n)| self::node(item, &n.to_string(), inner, out))
        }
        Node::Fields(fields) => fields.iter().for_each(|(name, field)| self::node(field, name, inner, out)),
    }
}

/// Text after `=`; `None` for a value of several lines.
fn line(node: &Node) -> Option<String> {
    match node {
        Node::Word(word) => Some(word.clone()),
        Node::Unset => Some("unset".to_owned()),
        Node::List(list) if list.is_empty() => Some("none".to_owned()),
        Node::List(list) => {
            let words: Option<Vec<&str>> = list.iter().map(word).collect();
            Some(words?.join(" ")).filter(|line| line.len() <= SHORT)
        }
        Node::Fields(_) => None,
    }
}

fn word(node: &Node) -> Option<&str> {
    match node {
        Node::Word(word) => Some(word),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Options, Outside, load_recorded};

    #[test]
    fn routes_and_rules_are_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k.conf");
        let conf = "static_routes {\n 10.1.0.0/16 dev eth1\n}\nstatic_rules {\n to 10.1.0.0/16 table 5 preference 7\n}\n\
            vrrp_instance A {\n interface eth0\n virtual_router_id 5\n virtual_ipaddress {\n  10.0.0.1\n }\n \
            virtual_routes {\n  default via 10.0.0.9 rtt lock 1s\n  10.2.0.0/16 nexthop via 10.0.0.8 nexthop via 10.0.0.9\n }\n}\n";
        std::fs::write(&path, conf).unwrap();
        let options = Options { outside: Outside::fixed(), ..Options::system(path, None) };
        let (_, snapshot) = load_recorded(&options).unwrap().config.unwrap();
        let text = text(&snapshot);
        for line in [
            "static_routes:\n  1 = 10.1.0.0/16 dev eth1 table 254 protocol 18\nstatic_rules:\n  \
             1 = to 10.1.0.0/16 table 5 preference 7 protocol 18\n",
            "    virtual_routes:\n      1 = 0.0.0.0/0 via 10.0.0.9 table 254 protocol 18 rtt lock 1000ms\n      \
             2 = 10.2.0.0/16 table 254 protocol 18 nexthop via 10.0.0.8 nexthop via 10.0.0.9\n    virtual_rules = none\n",
            "  iproute_usr_dir = /usr/share/iproute2\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in {text}");
        }
    }

    #[test]
    fn defaults_are_filled_in_and_secrets_masked() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k.conf");
        let conf = "global_defs {\n router_id lb1\n smtp_connect_timeout 7\n}\nSSL {\n password hush4711\n}\n\
            vrrp_instance A {\n interface eth0\n virtual_router_id 5\n advert_int 0.5\n version 3\n virtual_ipaddress {\n  10.0.0.1\n }\n \
            notify_master \"/bin/sh -c 'x y'\"\n}\n\
            vrrp_instance B {\n interface eth0\n virtual_router_id 6\n authentication {\n  auth_type PASS\n  auth_pass hush\n }\n \
            virtual_ipaddress {\n  10.0.0.2\n }\n}\n\
            vrrp_instance C {\n interface eth0\n virtual_router_id 7\n auth_hmac {\n  key 9 hush-hush-hush-hush-hush-hush-hush\n  \
            key 8 hex:6868686868686868686868686868686868686868686868686868686868686868\n  active_key 9\n }\n \
            virtual_ipaddress {\n  10.0.0.3\n }\n}\n\
            virtual_server 10.0.0.9 80 {\n protocol TCP\n real_server 10.0.1.1 80 {\n  TCP_CHECK {\n  }\n }\n}\n";
        std::fs::write(&path, conf).unwrap();
        let options = Options { outside: Outside::fixed(), ..Options::system(path, None) };
        let loaded = load_recorded(&options).unwrap();
        let (_, snapshot) = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
        let text = text(&snapshot);
        for line in [
            "global_defs:\n  router_id = lb1\n",
            "    virtual_router_id = 5\n",
            "  smtp_connect_timeout = 7 s\n",
            "  child_wait_time = 5 s\n",
            "  smtp_server = unset\n",
            "    name = A\n",
            "    priority = 100\n",
            "    advert_int = 0.5 s\n",
            "    advert_int = 1 s\n",
            "    password = ********\n",
            "    authentication = Pass ********\n",
            "    auth_hmac:\n      active_key = ********\n",
            "      time_window = 5 s\n",
            "10.0.1.1:80\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in {text}");
        }
        assert!(!text.contains("hush") && !text.contains("104"), "{text}");
    }
}
