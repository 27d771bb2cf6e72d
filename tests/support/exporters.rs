//! What two exporters for Prometheus make of the dump files, re-expressed: mehdy/keepalived-exporter (MIT), which reads
//! `keepalived.data` with its scripts and `keepalived.stats`, and gen2brain/keepalived_exporter, which joins the two by order.
//! Where a parser has an error, so have these.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

/// States by their numbers in the metrics.
const STATES: [&str; 4] = ["INIT", "BACKUP", "MASTER", "FAULT"];
const SCRIPT_STATUSES: [&str; 2] = ["BAD", "GOOD"];
const SCRIPT_STATES: [&str; 4] = ["idle", "running", "requested termination", "forcing termination"];

/// An instance as the first exporter reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    pub state: usize,
    pub wanted: usize,
    pub interface: String,
    pub garp_delay: u64,
    pub vrid: u64,
    /// Address and interface of each virtual address.
    pub addresses: Vec<(String, String)>,
    pub excluded: Vec<(String, String)>,
}

/// The key and the value of a line, each without blanks around it; only the part up to the next separator is the value.
fn pair(line: &str, separator: char) -> Option<(&str, &str)> {
    let mut parts = line.trim().split(separator);
    Some((parts.next()?.trim(), parts.next()?.trim()))
}

fn number(value: &str) -> Result<u64, String> {
    value.parse().map_err(|_| format!("'{value}' is no number"))
}

fn state(value: &str) -> Result<usize, String> {
    STATES.iter().position(|state| *state == value).ok_or_else(|| format!("'{value}' is no state"))
}

/// The address and the interface of a virtual address: the first and the third word.
fn address(value: &str) -> Result<(String, String), String> {
    let words: Vec<&str> = value.split(' ').collect();
    match words.as_slice() {
        [ip, _, interface, ..] => Ok(((*ip).to_owned(), (*interface).to_owned())),
        _ => Err(format!("'{value}' is no virtual address")),
    }
}

/// The instances in `keepalived.data`, by the first exporter.
///
/// # Errors
/// A value that the exporter cannot use, upon which it exports nothing.
pub fn instances(data: &str) -> Result<BTreeMap<String, Instance>, String> {
    let mut all: BTreeMap<String, Instance> = BTreeMap::new();
    let (mut name, mut key) = (String::new(), String::new());
    for line in data.lines() {
        if line.starts_with(" VRRP Instance") && line.contains('=') {
            name = pair(line, '=').unwrap().1.to_owned();
            all.insert(name.clone(), Instance::default());
        } else if line.starts_with("   ") && !name.is_empty() {
            let value = if line.starts_with("     ") {
                line.trim()
            } else {
                let separator = if line.contains('=') { '=' } else { ':' };
                let Some((found, value)) = pair(line, separator) else { continue };
                key = found.to_owned();
                value
            };
            let row = all.get_mut(&name).unwrap();
            if key.starts_with("Virtual IP (") && !value.is_empty() {
                row.addresses.push(address(value)?);
            }
            if key.starts_with("Virtual IP Excluded") && !value.is_empty() {
                row.excluded.push(address(value)?);
            }
            match key.as_str() {
                "State" => row.state = state(value)?,
                "Wantstate" => row.wanted = state(value)?,
                "Interface" => row.interface = value.to_owned(),
                "Gratuitous ARP delay" => row.garp_delay = number(value)?,
                "Virtual Router ID" => row.vrid = number(value)?,
                _ => {}
            }
        } else if !line.starts_with(" VRRP Version") && !line.starts_with(" VRRP Script") {
            name.clear();
        }
    }
    Ok(all)
}

/// Status and state of each script in `keepalived.data`, by the first exporter.
///
/// # Errors
/// A word that it does not know, upon which it leaves the metric out.
pub fn scripts(data: &str) -> Result<BTreeMap<String, (usize, usize)>, String> {
    let mut all: BTreeMap<String, [String; 2]> = BTreeMap::new();
    let mut name = String::new();
    for line in data.lines() {
        if line.starts_with(" VRRP Script") && line.contains('=') {
            name = pair(line, '=').unwrap().1.to_owned();
            all.insert(name.clone(), Default::default());
        } else if line.starts_with("   ") && !name.is_empty() {
            let row = all.get_mut(&name).unwrap();
            match pair(line, '=') {
                Some(("Status", value)) => row[0] = value.to_owned(),
                Some(("State", value)) => row[1] = value.to_owned(),
                _ => {}
            }
        } else {
            name.clear();
        }
    }
    let known = |words: &[&str], word: &str| {
        words.iter().position(|known| *known == word).ok_or_else(|| format!("'{word}' is unknown"))
    };
    let row = |(name, [status, state]): (String, [String; 2])| {
        Ok((name, (known(&SCRIPT_STATUSES, &status)?, known(&SCRIPT_STATES, &state)?)))
    };
    all.into_iter().map(row).collect()
}

/// An instance with its counters, by `SECTION/LABEL`.
pub type Counters = (String, BTreeMap<String, u64>);

/// The counters of each instance in `keepalived.stats`; both exporters read them alike.
///
/// # Errors
/// A value that is no number, upon which they export nothing.
pub fn statistics(stats: &str) -> Result<Vec<Counters>, String> {
    let mut all: Vec<Counters> = Vec::new();
    let mut section = String::new();
    for line in stats.lines() {
        if line.starts_with("VRRP Instance") && line.contains(':') {
            all.push((pair(line, ':').unwrap().1.to_owned(), BTreeMap::new()));
        } else if line.starts_with("  ") && line.ends_with(':') {
            section = line.trim().trim_end_matches(':').to_owned();
        } else if line.starts_with("  ") {
            if !line.starts_with("    ") {
                section.clear();
            }
            let (key, value) = pair(line, ':').ok_or_else(|| format!("'{line}' has no value"))?;
            let counters = &mut all.last_mut().ok_or_else(|| format!("'{line}' is of no instance"))?.1;
            counters.insert(format!("{section}/{key}"), number(value)?);
        }
    }
    Ok(all)
}

/// The instances in `keepalived.data` by the second exporter, in their order: name and state. It ends an instance at the first
/// line without `=`, which comes soon after the state.
///
/// # Errors
/// A value that it cannot use, upon which it exports nothing.
pub fn in_order(data: &str) -> Result<Vec<(String, usize)>, String> {
    let mut all = Vec::new();
    let (mut name, mut found) = (String::new(), 0);
    for line in data.lines() {
        if line.starts_with(" VRRP Instance") && line.contains('=') {
            name = pair(line, '=').unwrap().1.to_owned();
        } else if line.starts_with("   ") && line.contains('=') && !name.is_empty() {
            match pair(line, '=').unwrap() {
                ("Virtual Router ID", value) => {
                    number(value)?;
                }
                ("Last transition", value) => {
                    let seconds = value.split(' ').next().unwrap();
                    seconds.parse::<f64>().map_err(|_| format!("'{seconds}' is no time"))?;
                }
                ("State", value) => found = STATES.iter().position(|state| *state == value).unwrap_or(found),
                _ => {}
            }
        } else if !line.starts_with(" VRRP Version") && !name.is_empty() {
            all.push((std::mem::take(&mut name), std::mem::take(&mut found)));
        }
    }
    Ok(all)
}
