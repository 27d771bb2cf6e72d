//! The objects that the VRRP and checker processes serve agree with the modules in `mibs/` in name, type, access and
//! enumeration, and all objects of the registered branches are served.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::Path;

use crate::mib_text;
use crate::mib_text::MibObject;
use keepalived::mib;
use snmp::{Access, Object, Syntax};

fn definitions() -> BTreeMap<Vec<u32>, MibObject> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("mibs");
    let base = ["SNMPv2-SMI", "SNMPv2-TC", "SNMPv2-CONF", "INET-ADDRESS-MIB", "IF-MIB"];
    let mut paths: Vec<_> = base.iter().map(|name| root.join("base").join(format!("{name}.txt"))).collect();
    paths.extend(
        ["KEEPALIVED-MIB", "VRRP-MIB", "VRRPV3-MIB", "KEEPALIVED-HA-MIB"].map(|name| root.join(format!("{name}.txt"))),
    );
    let paths: Vec<&Path> = paths.iter().map(|path| path.as_path()).collect();
    mib_text::load(&paths).into_iter().map(|object| (object.oid.clone(), object)).collect()
}

fn served() -> Vec<Object> {
    mib::vrrp_mib().unwrap().objects().chain(mib::check_mib().unwrap().objects()).collect()
}

/// The difference between an object as served and as defined, if any.
fn difference(object: &Object, defined: &MibObject) -> Option<String> {
    let syntax = defined.syntax.as_ref()?;
    let names =
        |names: &[(&str, i32)]| names.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect::<Vec<_>>();
    let (base, listed, range) = match object.syntax {
        Syntax::Integer32 { min, max } => ("Integer32", Vec::new(), Some((i64::from(min), i64::from(max)))),
        Syntax::Unsigned32 { min, max } => ("Unsigned32", Vec::new(), Some((i64::from(min), i64::from(max)))),
        Syntax::Enum(list) => ("INTEGER", names(list), None),
        Syntax::OctetString { min, max } => ("OCTET STRING", Vec::new(), Some((i64::from(min), i64::from(max)))),
        Syntax::ObjectId => ("OBJECT IDENTIFIER", Vec::new(), None),
        Syntax::IpAddress => ("IpAddress", Vec::new(), None),
        Syntax::Counter32 => ("Counter32", Vec::new(), None),
        Syntax::Gauge32 => ("Gauge32", Vec::new(), None),
        Syntax::TimeTicks => ("TimeTicks", Vec::new(), None),
        Syntax::Counter64 => ("Counter64", Vec::new(), None),
    };
    // Both modules of the IETF permit agents that cannot be configured by SNMP.
    let may_be_read_only =
        defined.module.starts_with("VRRP") && ["read-write", "read-create"].contains(&&*defined.access);
    let access = match object.access {
        Access::ReadOnly if may_be_read_only => &defined.access,
        Access::ReadOnly => "read-only",
        Access::ReadWrite => "read-write",
    };
    let whole = |range: Option<(i64, i64)>| match range {
        Some((min, max)) if min == i64::from(i32::MIN) && max == i64::from(i32::MAX) => None,
        Some((0, max)) if max == i64::from(u32::MAX) => None,
        range => range,
    };
    // INTEGER without names is Integer32 (RFC 2578 section 7.1.1).
    let defined_base = if syntax.base == "INTEGER" && syntax.names.is_empty() { "Integer32" } else { &syntax.base };
    let ours = (object.name, base, &listed, whole(range), access);
    let theirs = (defined.name.as_str(), defined_base, &syntax.names, whole(syntax.range), defined.access.as_str());
    (ours != theirs).then(|| format!("served {ours:?}\ndefined {theirs:?}"))
}

#[test]
fn each_served_object_agrees_with_its_definition() {
    let definitions = definitions();
    for object in served() {
        let oid = object.oid.as_slice().to_vec();
        let defined =
            definitions.get(&oid).unwrap_or_else(|| panic!("{} at {} is not in the MIB", object.name, object.oid));
        if let Some(difference) = difference(&object, defined) {
            panic!("{difference}");
        }
    }
}

#[test]
fn each_defined_object_is_served() {
    let served: Vec<Vec<u32>> = served().iter().map(|object| object.oid.as_slice().to_vec()).collect();
    let of_vrrp = mib::VRRP_MODULES.iter().flat_map(|module| module.subtrees);
    let of_check = mib::CHECK_MODULES.iter().flat_map(|module| module.subtrees);
    let branches: Vec<&[u32]> = of_vrrp.chain(of_check).map(|(subtree, _)| *subtree).collect();
    let mut checked = 0;
    for object in definitions().values() {
        let readable = matches!(object.access.as_str(), "read-only" | "read-write" | "read-create");
        if !readable || !branches.iter().any(|branch| object.oid.starts_with(branch)) {
            continue;
        }
        checked += 1;
        assert!(served.contains(&object.oid), "{} is not served", object.name);
    }
    assert_eq!(checked, 407 + 32 + 29 + 59, "objects were found in the modules");
}

#[test]
fn a_difference_is_detected() {
    let definitions = definitions();
    let mut object = served().into_iter().find(|object| object.name == "vrrpInstanceState").unwrap();
    let defined = &definitions[object.oid.as_slice()];
    assert_eq!(difference(&object, defined), None);
    object.access = Access::ReadWrite;
    assert!(difference(&object, defined).is_some());
    object.access = Access::ReadOnly;
    object.syntax = Syntax::Enum(&[("init", 0)]);
    assert!(difference(&object, defined).is_some());
}
