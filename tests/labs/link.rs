//! Interfaces that lose their link, go down or are removed, and recover: FAULT and recovery.

use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::conf::{SECOND_VRID, VRID};
use lab::{Lab, Protocol, Stamp, machine, now, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// Two running routers: ours, with the higher priority, is master; C keepalived is backup.
fn lab_with_master_ours(protocol: Protocol, globals: &str, extra: &str) -> Lab {
    let mut lab = Lab::new(2);
    let ours = protocol.conf(200, extra).replacen('{', &format!("{{\n{globals}"), 1);
    lab.router(1).configure(&ours);
    lab.router(2).configure(&protocol.conf(100, ""));
    lab.router(1).start(Ours);
    lab.router(2).start(C);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    await_holder(&lab, protocol, 1);
    lab
}

fn await_holder(lab: &Lab, protocol: Protocol, router: usize) {
    for vip in protocol.all_vips() {
        wait_until(LIMIT, &format!("{vip} is on router {router} alone"), || lab.holders(vip) == [router]);
    }
}

/// The other router takes over, until the link has recovered.
fn lost_and_found(protocol: Protocol, lose: impl FnOnce(&mut Lab), find: impl FnOnce(&mut Lab)) {
    let _turn = machine::shared();
    let mut lab = lab_with_master_ours(protocol, "  dynamic_interfaces\n", "");
    let lost: Stamp = now();
    lose(&mut lab);
    lab.wire.await_advert(2, VRID, lost, LIMIT);
    await_holder(&lab, protocol, 2);
    let found = now();
    find(&mut lab);
    lab.wire.await_advert(1, VRID, found, LIMIT);
    await_holder(&lab, protocol, 1);
}

#[test]
fn carrier_lost_and_back() {
    lost_and_found(Protocol::V3, |lab| lab.cable(1, false), |lab| lab.cable(1, true));
}

#[test]
fn carrier_lost_and_back_ip6() {
    lost_and_found(Protocol::V3Ip6, |lab| lab.cable(1, false), |lab| lab.cable(1, true));
}

#[test]
fn interface_down_and_up() {
    lost_and_found(
        Protocol::V3,
        |lab| {
            lab.router(1).netns().ip("link set eth0 down");
        },
        |lab| {
            lab.router(1).netns().ip("link set eth0 up");
        },
    );
}

#[test]
fn interface_removed_and_created_again() {
    lost_and_found(
        Protocol::V3,
        |lab| {
            lab.router(1).netns().ip("link delete eth0");
        },
        |lab| lab.replug(1),
    );
}

/// An interface that only one member of a sync group tracks takes the whole group to FAULT.
#[test]
fn a_tracked_interface_takes_the_sync_group_to_fault() {
    let _turn = machine::shared();
    let protocol = Protocol::SyncGroup;
    let mut lab = Lab::new(2);
    lab.router(1).netns().ip("link add uplink type veth peer name internet");
    lab.router(1).netns().ip("link set internet up");
    lab.router(1).netns().ip("link set uplink up");
    let ours = protocol.conf(200, "");
    let (head, tail) = ours.split_once("virtual_router_id 51").expect("the first instance");
    lab.router(1).configure(&format!("{head}virtual_router_id 51\n  track_interface {{\n    uplink\n  }}{tail}"));
    lab.router(2).configure(&protocol.conf(100, ""));
    lab.router(1).start(Ours);
    lab.router(2).start(C);
    await_holder(&lab, protocol, 1);

    let lost = now();
    lab.router(1).netns().ip("link set uplink down");
    for vrid in [VRID, SECOND_VRID] {
        lab.wire.await_advert(2, vrid, lost, LIMIT);
    }
    await_holder(&lab, protocol, 2);

    let found = now();
    lab.router(1).netns().ip("link set uplink up");
    for vrid in [VRID, SECOND_VRID] {
        lab.wire.await_advert(1, vrid, found, LIMIT);
    }
    await_holder(&lab, protocol, 1);
}

/// An address that another program has removed is added again (the instance passes through BACKUP).
#[test]
fn an_address_removed_by_another_program_is_added_again() {
    let _turn = machine::shared();
    let protocol = Protocol::V3;
    let mut lab = lab_with_master_ours(protocol, "", "");
    let vip = protocol.vips(VRID)[0];
    lab.router(1).netns().ip(&format!("address delete {vip}/32 dev eth0"));
    await_holder(&lab, protocol, 1);
}
