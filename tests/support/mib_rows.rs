//! Walks of tables of KEEPALIVED-MIB, as text.

use std::net::{Ipv4Addr, Ipv6Addr};

use keepalived::mib;
use keepalived::vrrp::Vrrp;
use snmp::{Mib, Oid, Value};

/// The rows of a table of branch `vrrp` from a walk: the index, then the columns. Absent instances are left out.
pub fn rows(mib: &Mib<Vrrp>, vrrp: &Vrrp, table: u32) -> Vec<String> {
    let entry = [&mib::BASE[..], &[2, table, 1]].concat();
    let mut rows: Vec<(Vec<u32>, Vec<String>)> = Vec::new();
    let mut from = Oid::from(entry.clone());
    loop {
        let found = mib.next(vrrp, &from, false, &Oid::new(&[]));
        let Some([column, index @ ..]) = found.name.as_slice().strip_prefix(&entry[..]).filter(|_| found.name != from)
        else {
            break;
        };
        assert_eq!(mib.get(vrrp, &found.name), found.value, "GET and GETNEXT of {}", found.name);
        assert!(found.name > from, "{} after {from}", found.name);
        let value = match &found.value {
            Value::OctetString(octets) => format!("{column}={}", text(octets)),
            Value::Integer(number) => format!("{column}={number}"),
            Value::Gauge32(number) => format!("{column}={number}"),
            Value::Counter64(number) => format!("{column}={number}"),
            other => panic!("{other:?}"),
        };
        match rows.iter_mut().find(|(known, _)| known == index) {
            Some((_, cells)) => cells.push(value),
            None => rows.push((index.to_vec(), vec![value])),
        }
        from = found.name;
    }
    rows.sort();
    let line = |(index, cells): (Vec<u32>, Vec<String>)| {
        format!("{}: {}", &Oid::from(index).to_string()[1..], cells.join(" "))
    };
    rows.into_iter().map(line).collect()
}

/// A DisplayString, or an InetAddress.
fn text(octets: &[u8]) -> String {
    let printable = octets.iter().all(|octet| (b' '..=b'~').contains(octet));
    if let (false, Ok(octets)) = (printable, <[u8; 4]>::try_from(octets)) {
        return Ipv4Addr::from(octets).to_string();
    }
    if let (false, Ok(octets)) = (printable, <[u8; 16]>::try_from(octets)) {
        return Ipv6Addr::from(octets).to_string();
    }
    String::from_utf8_lossy(octets).into_owned()
}
