//! The objects of notifications have the same values as in a walk.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::config_support;
use keepalived::mib::{self, Trap};
use keepalived::vrrp::{Cause, Change, GroupId, InstanceId, State, Tables, Vrrp};
use snmp::{Oid, Value, VarBind};

const TEXT: &str = "global_defs {\n router_id R\n enable_traps\n}\nvrrp_sync_group G {\n group {\n VI\n }\n}\n\
    vrrp_instance VI {\n state MASTER\n interface eth0\n virtual_router_id 5\n virtual_ipaddress {\n 10.0.0.1\n }\n}\n";

fn vrrp(text: &str) -> Vrrp {
    let loaded = config_support::load_text(text);
    let config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    Vrrp::new(Tables::new(config, "test".into()))
}

fn instance(to: State) -> Change {
    Change::Instance { id: InstanceId(1), from: State::Init, to, cause: Cause::Silence }
}

fn group(to: State) -> Change {
    Change::Group { id: GroupId(1), from: State::Init, to }
}

/// The column or scalar below the base, and the value.
fn tail(object: &VarBind) -> (Vec<u32>, Value) {
    (object.name.as_slice()[mib::BASE.len()..].to_vec(), object.value.clone())
}

fn check(trap: Trap, tail_of_oid: &[u32], expected: &[(&[u32], Value)]) {
    assert_eq!(trap.oid, Oid::from([&mib::BASE[..], tail_of_oid].concat()));
    let expected: Vec<_> = expected.iter().map(|(tail, value)| (tail.to_vec(), value.clone())).collect();
    assert_eq!(trap.objects.iter().map(tail).collect::<Vec<_>>(), expected);
}

#[test]
fn a_notification_has_the_state_of_its_change_and_the_rest_of_its_row() {
    let vrrp = vrrp(TEXT);
    let router_id = (&[1, 2, 0][..], Value::text("R"));
    // Several changes in one turn: each notification has its own state, not that of the row.
    for to in [State::Backup, State::Master, State::Fault, State::Stopped, State::Deleted] {
        let state = Value::Integer(to as i32);
        let expected = [
            (&[2, 3, 1, 2][..], Value::text("VI")),
            (&[2, 3, 1, 4], state.clone()),
            (&[2, 3, 1, 5], Value::Integer(2)),
            router_id.clone(),
        ];
        check(mib::trap(&instance(to), &vrrp).unwrap(), &[2, 10, 0, 2], &expected);
        let expected = [(&[2, 1, 1, 2][..], Value::text("G")), (&[2, 1, 1, 3], state), router_id.clone()];
        check(mib::trap(&group(to), &vrrp).unwrap(), &[2, 10, 0, 1], &expected);
    }
}

#[test]
fn a_notification_agrees_with_a_walk() {
    let vrrp = vrrp(TEXT);
    let walked = mib::vrrp_mib().unwrap();
    let objects: Vec<_> = walked.objects().collect();
    let mut compared = 0;
    // Changes to the state that the rows have.
    for change in [instance(State::Init), group(State::Init)] {
        for object in mib::trap(&change, &vrrp).unwrap().objects {
            let scalar = object.name.as_slice().ends_with(&[1, 2, 0]);
            let instance = if scalar { object.name.clone() } else { object.name.child(1) };
            assert_eq!(walked.get(&vrrp, &instance), object.value, "{instance}");
            let defined = objects.iter().find(|defined| object.name.as_slice().starts_with(defined.oid.as_slice()));
            defined.unwrap().syntax.check(&object.value).unwrap();
            compared += 1;
        }
    }
    assert_eq!(compared, 7);
}
