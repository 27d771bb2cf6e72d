//! Tests of the firewall tables: what instances need, the order of requests, and convergence from any state.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;

use super::lan::{IFINDEX, Lan, address, config, instance, ms};
use crate::config::model::{Config, Family, Firewall as Settings, Instance};
use crate::state::Op;
use crate::vrrp::firewall::Firewall;
use crate::vrrp::{Change, Element, Event, FirewallChange, FirewallLayout, FirewallRequest, InstanceId, State};

const FAMILY: Family = Family::V4;

fn layout(number: usize) -> Option<FirewallLayout> {
    let settings = |table: &str| Settings { table: table.to_owned(), ..Settings::default() };
    match number {
        0 => None,
        1 => Some(FirewallLayout { family: FAMILY, settings: settings("a"), vmacs: true, drops: true }),
        2 => Some(FirewallLayout { family: FAMILY, settings: settings("a"), vmacs: false, drops: true }),
        _ => Some(FirewallLayout { family: FAMILY, settings: settings("b"), vmacs: true, drops: true }),
    }
}

/// Elements by the bits of a number: two addresses and two VMACs.
fn elements(bits: u8) -> BTreeSet<Element> {
    let all = [
        Element::Vip([10, 0, 0, 1].into()),
        Element::Vip([10, 0, 0, 2].into()),
        Element::Vmac { vmac: 5, base: 2 },
        Element::Vmac { vmac: 6, base: 2 },
    ];
    all.into_iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, element)| element).collect()
}

/// A kernel with the tables of one family. Each request succeeds as a whole or not at all.
#[derive(Debug, Default)]
struct Kernel {
    tables: Vec<(FirewallLayout, BTreeSet<Element>)>,
    queue: VecDeque<FirewallRequest>,
    /// Number of requests to refuse.
    refuse: usize,
    /// Number of elements added and removed, and of tables built.
    writes: (usize, usize),
}

impl Kernel {
    fn perform(&mut self, change: &FirewallChange) -> Result<(), String> {
        if let Some(left) = self.refuse.checked_sub(1) {
            self.refuse = left;
            return Err("refused".into());
        }
        match change {
            FirewallChange::Build(layout, elements) => {
                self.tables.retain(|(other, _)| other.settings.table != layout.settings.table);
                self.tables.push((layout.clone(), elements.iter().cloned().collect()));
                self.writes.1 += 1;
            }
            FirewallChange::Update { layout, remove, add } => {
                let table = self.tables.iter_mut().find(|(other, _)| other == layout);
                let (_, present) = table.ok_or("no such table")?;
                if !remove.iter().all(|element| present.contains(element)) {
                    return Err("no such element".into());
                }
                present.retain(|element| !remove.contains(element));
                present.extend(add.iter().cloned());
                self.writes.0 += remove.len() + add.len();
            }
            FirewallChange::Remove(_, name) => self.tables.retain(|(other, _)| other.settings.table != *name),
        }
        Ok(())
    }

    /// Answers the next request.
    fn step(&mut self, firewall: &mut Firewall, now: Duration) -> bool {
        let Some(request) = self.queue.pop_front() else { return false };
        let result = self.perform(&request.change);
        firewall.done(FAMILY, request.number, result, now);
        true
    }

    fn settle(&mut self, firewall: &mut Firewall, now: &mut Duration) {
        loop {
            self.queue.extend(firewall.requests(*now));
            if self.step(firewall, *now) {
                continue;
            }
            let Some(due) = firewall.due(*now) else { return };
            *now = due;
        }
    }
}

fn want(firewall: &mut Firewall, id: u32, bits: u8) {
    let needs = elements(bits).into_iter().map(|element| (FAMILY, element)).collect();
    firewall.want(InstanceId(id), needs);
}

#[derive(Clone, Debug)]
enum Happening {
    Want(u32, u8),
    Layout(usize),
    /// Another program removes all tables.
    Flush,
    /// Another program changes an element, if there is one.
    Meddle,
    Refuse(usize),
    Request,
    Answer,
    Wait(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (0..3u32, 0..16u8).prop_map(|(id, bits)| Happening::Want(id, bits)),
        (0..4usize).prop_map(Happening::Layout),
        Just(Happening::Flush),
        Just(Happening::Meddle),
        (1..4usize).prop_map(Happening::Refuse),
        Just(Happening::Request),
        Just(Happening::Answer),
        (0..100u64).prop_map(Happening::Wait),
    ]
}

proptest! {
    /// Whatever happened, the kernel ends with the wanted table and no other, and a further change costs its elements only.
    #[test]
    fn the_tables_converge(happenings in prop::collection::vec(happening(), 0..60), last in 0..4usize, bits in 0..16u8) {
        let (mut firewall, mut kernel, mut now) = (Firewall::default(), Kernel::default(), Duration::ZERO);
        let mut needs = [0u8; 3];
        for happening in happenings {
            match happening {
                Happening::Want(id, bits) => {
                    needs[id as usize] = bits;
                    want(&mut firewall, id, bits);
                }
                Happening::Layout(number) => firewall.want_layouts([layout(number), None]),
                Happening::Flush => {
                    kernel.tables.clear();
                    firewall.touched(FAMILY, now);
                }
                Happening::Meddle => {
                    let touched = kernel.tables.first_mut().map(|(_, elements)| elements.pop_last());
                    if touched.is_some() {
                        firewall.touched(FAMILY, now);
                    }
                }
                Happening::Refuse(times) => kernel.refuse += times,
                Happening::Request => kernel.queue.extend(firewall.requests(now)),
                Happening::Answer => drop(kernel.step(&mut firewall, now)),
                Happening::Wait(seconds) => now += Duration::from_secs(seconds),
            }
        }
        kernel.refuse = 0;
        firewall.want_layouts([layout(last), None]);
        kernel.settle(&mut firewall, &mut now);
        let visible = |needs: [u8; 3]| -> Vec<(FirewallLayout, BTreeSet<Element>)> {
            let wanted = elements(needs[0] | needs[1] | needs[2]);
            let layout = layout(last);
            let taken = |layout: &FirewallLayout| wanted.iter().filter(|element| layout.takes(element)).cloned().collect();
            layout.iter().map(|layout| (layout.clone(), taken(layout))).collect()
        };
        prop_assert_eq!(&kernel.tables, &visible(needs));

        let before = kernel.tables.first().map(|(_, elements)| elements.clone()).unwrap_or_default();
        kernel.writes = (0, 0);
        needs[0] = bits;
        want(&mut firewall, 0, bits);
        kernel.settle(&mut firewall, &mut now);
        prop_assert_eq!(&kernel.tables, &visible(needs));
        let after = kernel.tables.first().map(|(_, elements)| elements.clone()).unwrap_or_default();
        prop_assert_eq!(kernel.writes, (before.symmetric_difference(&after).count(), 0));

        firewall.drop_all();
        kernel.settle(&mut firewall, &mut now);
        prop_assert!(kernel.tables.is_empty() && firewall.is_gone() && firewall.held().next().is_none());
    }
}

#[test]
fn the_pause_before_a_rebuild_grows_with_each_foreign_change() {
    let (mut firewall, mut kernel, mut now) = (Firewall::default(), Kernel::default(), Duration::ZERO);
    firewall.want_layouts([layout(1), None]);
    kernel.settle(&mut firewall, &mut now);
    let mut builds = Vec::new();
    for _ in 0..8 {
        assert!(firewall.touched(FAMILY, now));
        assert!(!firewall.touched(FAMILY, now), "known already");
        let before = now;
        kernel.settle(&mut firewall, &mut now);
        builds.push((now - before).as_secs());
    }
    assert_eq!(builds, [0, 1, 2, 4, 8, 16, 32, 64]);
    assert_eq!(kernel.writes.1, 9);
    now += Duration::from_secs(300);
    let before = now;
    firewall.touched(FAMILY, now);
    kernel.settle(&mut firewall, &mut now);
    assert_eq!(now, before, "after a calm time it is built again at once");
}

#[test]
fn a_refusal_is_reported_once() {
    let mut firewall = Firewall::default();
    firewall.want_layouts([layout(1), None]);
    let mut now = Duration::ZERO;
    let mut reports = Vec::new();
    for _ in 0..5 {
        let requests = firewall.requests(now);
        for request in requests {
            reports.extend(firewall.done(FAMILY, request.number, Err("not supported".into()), now));
        }
        now = firewall.due(now).unwrap_or(now);
    }
    assert_eq!(reports, ["not supported"]);
    assert_eq!(firewall.held().count(), 0, "a table that was never there need not be removed");
    assert!(firewall.is_gone());
}

fn silent(name: &str, vrid: u8) -> Instance {
    Instance { accept: false, ..instance(name, vrid) }
}

fn alone(instances: Vec<Instance>) -> Config {
    config(instances, Vec::new())
}

#[test]
fn the_drop_precedes_the_address_and_outlasts_it() {
    let backup = Instance { priority: 90, ..silent("A", 51) };
    let mut lan = Lan::new(vec![alone(vec![backup]), alone(vec![instance("A", 51)])]);
    lan.run(ms(1000));
    let router = &lan.routers[0];
    assert_eq!((router.state("A"), router.requests.len()), (State::Backup, 0));
    let [(0, FirewallChange::Build(layout, elements))] = &router.firewall[..] else { panic!("{:?}", router.firewall) };
    assert_eq!((layout.family, layout.drops, layout.vmacs, elements.len()), (Family::V4, true, false, 0));
    let layout = layout.clone();

    lan.kill(1);
    lan.run(ms(1000));
    let vip = vec![Element::Vip([10, 0, 1, 51].into())];
    let update = |layout: &FirewallLayout, remove: &[Element], add: &[Element]| FirewallChange::Update {
        layout: layout.clone(),
        remove: remove.to_vec(),
        add: add.to_vec(),
    };
    assert_eq!(lan.routers[0].firewall[1..], [(0, update(&layout, &[], &vip))], "before the request for the address");
    assert_eq!(lan.routers[0].requests.len(), 1);

    lan.set_link(0, false);
    lan.run(ms(1000));
    let router = &lan.routers[0];
    assert_eq!(router.state("A"), State::Fault);
    assert_eq!(router.requests.last().map(|(_, op)| *op), Some(Op::Remove));
    assert_eq!(router.firewall[2..], [(2, update(&layout, &vip, &[]))], "after the request to remove the address");

    lan.event(0, Event::Stop { keep_addresses: false });
    lan.run(ms(100));
    let router = &lan.routers[0];
    assert_eq!(router.firewall[3..], [(2, FirewallChange::Remove(Family::V4, "keepalived".into()))]);
    assert!(router.vrrp.is_stopped() && router.vrrp.held().is_empty());
}

#[test]
fn an_owner_and_an_instance_that_accepts_need_no_table() {
    let owner = Instance { priority: 255, ..silent("A", 51) };
    let mut lan = Lan::new(vec![alone(vec![owner, instance("B", 52)])]);
    lan.run(ms(2000));
    assert_eq!(lan.routers[0].firewall, []);
    // SNMP takes the ownership away.
    let id = *lan.routers[0].vrrp.tables.instances.keys().next().unwrap();
    lan.event(0, Event::SetBasePriority(id, 100));
    let [(_, FirewallChange::Build(_, elements))] = &lan.routers[0].firewall[..] else { panic!() };
    assert_eq!(elements[..], [Element::Vip([10, 0, 1, 51].into())]);
}

#[test]
fn link_local_addresses_are_dropped_on_their_interface_only() {
    let six = Instance {
        family: Family::V6,
        addresses: vec![address("fe80::51"), address("2001:db8::51")],
        ..silent("A", 51)
    };
    let mut lan = Lan::new(vec![alone(vec![six])]);
    lan.host_adds(0, "fe80::1", 64);
    lan.run(ms(2000));
    assert_eq!(lan.routers[0].state("A"), State::Master);
    let (_, FirewallChange::Update { add, .. }) = lan.routers[0].firewall.last().unwrap() else { panic!() };
    let link_local = Element::LinkLocalVip("fe80::51".parse().unwrap(), IFINDEX);
    assert_eq!(add[..], [Element::Vip("2001:db8::51".parse().unwrap()), link_local]);
}

#[test]
fn a_table_changed_by_another_program_is_built_again() {
    let mut lan = Lan::new(vec![alone(vec![silent("A", 51)])]);
    lan.run(ms(2000));
    lan.event(0, Event::FirewallTouched { family: Family::V6, program: "nft".into() });
    let before = lan.routers[0].firewall.len();
    lan.event(0, Event::FirewallTouched { family: Family::V4, program: "nft".into() });
    let router = &lan.routers[0];
    let [(_, FirewallChange::Build(_, elements))] = &router.firewall[before..] else { panic!("{:?}", router.firewall) };
    assert_eq!(elements.len(), 1);
    let touched = |(_, change): &&(_, Change)| matches!(change, Change::FirewallTouched { .. });
    assert_eq!(router.changes.iter().filter(touched).count(), 1);
}

#[test]
fn a_removed_instance_leaves_no_table() {
    let mut lan = Lan::new(vec![alone(vec![silent("A", 51), instance("B", 52)])]);
    lan.run(ms(2000));
    lan.event(0, Event::Configure(Box::new(alone(vec![instance("B", 52)]))));
    lan.run(ms(500));
    let last = lan.routers[0].firewall.last().map(|(_, change)| change.clone());
    assert_eq!(last, Some(FirewallChange::Remove(Family::V4, "keepalived".into())));
}
