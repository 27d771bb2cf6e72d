//! The dump in JSON, for exporters: the members of C keepalived in its order, followed by ours.

mod instance;
mod object;
mod trackers;

use crate::status::Clock;
use crate::vrrp::Tables;
use object::{Object, array};

/// The instances, on one line; with `json_version` 2 also the trackers. `None` without instances.
pub fn json(tables: &Tables, version: u32, clock: Clock) -> Option<String> {
    tables.instances.values().next()?;
    let instances = array(tables.instances.iter().map(|(id, row)| instance::element(*id, row, tables, clock)));
    if version < 2 {
        return Some(instances + "\n");
    }
    let mut object = Object::default();
    object.raw("vrrp", &instances);
    trackers::members(&mut object, tables);
    Some(object.finish() + "\n")
}
