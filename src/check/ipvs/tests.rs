//! A kernel that changes, refuses and answers late, beside the director.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::check::tests::site;
use crate::check::{Tables, VirtualServerId};
use crate::config::lvs::{Endpoint, GroupEntry, Scheduler, VirtualServerGroup};
use crate::state::Done;

/// Addresses of the services that the configuration may have; the outsider has others too.
const ADDRESSES: u8 = 4;
/// Real servers of each virtual server.
const SERVERS: u8 = 4;

/// The state of a virtual server: the addresses of its group, its scheduler, and the weights of its real servers.
#[derive(Clone, Debug, Default)]
struct Virtual {
    addresses: BTreeSet<u8>,
    weighted: bool,
    weights: [Option<u32>; SERVERS as usize],
}

fn key(number: u8) -> ServiceKey {
    ServiceKey::Address { protocol: 6, ip: IpAddr::from([10, 0, 0, number]), port: 80 }
}

fn tables(servers: &[Virtual]) -> Tables {
    let mut lvs = site::lvs(Vec::new());
    for (number, server) in (1..).zip(servers) {
        let address = |address: &u8| GroupEntry::Address(format!("10.0.0.{address}:80").parse().unwrap());
        let name = format!("group{number}");
        let real = |host| site::server(&format!("192.168.{number}.{host}:80"));
        let mut config = site::service((1..=SERVERS).map(real).collect());
        config.endpoint = Endpoint::Group(name.clone());
        config.scheduler = if server.weighted { Scheduler::Wrr } else { Scheduler::Rr };
        lvs.groups.push(VirtualServerGroup { name, entries: server.addresses.iter().map(address).collect() });
        lvs.virtual_servers.push(config);
    }
    let mut tables = Tables::of(lvs);
    for (id, row) in tables.real_servers.iter_mut() {
        row.wanted = servers[(id.0).0 as usize - 1].weights[id.1 as usize - 1];
    }
    tables
}

#[derive(Clone, Debug)]
enum Request {
    Change(Change),
    Dump,
}

enum Answer {
    Changed(Result<Done, Failure>),
    Read(Table),
}

struct World {
    director: Director,
    wanted: Vec<Virtual>,
    tables: Tables,
    kernel: BTreeMap<ServiceKey, Installed>,
    requests: VecDeque<Request>,
    answers: VecDeque<Answer>,
    writes: usize,
}

impl World {
    fn new(kernel: BTreeMap<ServiceKey, Installed>, wanted: Vec<Virtual>, left: BTreeSet<ServiceKey>) -> World {
        let mut director = Director::new(false, [0; 3], None, left);
        (1..=wanted.len()).for_each(|id| director.mark(VirtualServerId(id as u32)));
        let (requests, answers) = (VecDeque::new(), VecDeque::new());
        World { director, tables: tables(&wanted), wanted, kernel, requests, answers, writes: 0 }
    }

    fn submit(&mut self, changes: Vec<Change>) {
        self.requests.extend(changes.into_iter().map(Request::Change));
    }

    fn reconcile(&mut self) {
        let changes = self.director.reconcile(&self.tables);
        self.submit(changes);
    }

    /// A reload or a check changes a virtual server.
    fn want(&mut self, at: usize, server: Virtual) {
        self.wanted[at] = server;
        self.tables = tables(&self.wanted);
        self.director.mark(VirtualServerId(at as u32 + 1));
    }

    fn read(&mut self) {
        let changes = self.director.before_read();
        self.submit(changes);
        self.requests.push_back(Request::Dump);
    }

    /// The kernel takes the oldest request; its answer is under way.
    fn perform(&mut self, refuse: Option<bool>) {
        let answer = match self.requests.pop_front() {
            None => return,
            Some(Request::Dump) => Answer::Read(self.dump()),
            Some(Request::Change(change)) => Answer::Changed(match refuse {
                Some(true) => Err(Failure::NoIpvs("no IPVS".into())),
                Some(false) => Err(Failure::Refused("refused".into())),
                None => self.change(change),
            }),
        };
        self.answers.push_back(answer);
    }

    fn dump(&self) -> Table {
        let rows = self.kernel.iter().map(|(key, installed)| {
            let mut row = ServiceRow::from(installed.service.clone());
            row.stats.connections = self.writes as u64;
            row.destinations =
                installed.destinations.iter().map(|(key, destination)| (*key, destination.clone().into())).collect();
            (*key, row)
        });
        Table { services: rows.collect(), ..Table::default() }
    }

    /// Changes the table as kernel and socket do.
    fn change(&mut self, change: Change) -> Result<Done, Failure> {
        self.writes += 1;
        let missing = || Failure::Refused("no such service".into());
        let there = match change {
            Change::NewService(service) => {
                match self.kernel.get_mut(&service.key) {
                    Some(row) => row.service = service,
                    None => drop(self.kernel.insert(service.key, service.into())),
                }
                true
            }
            Change::SetService(service) => {
                let row = self.kernel.get_mut(&service.key).ok_or_else(missing)?;
                row.service = service;
                true
            }
            Change::DelService(key) => self.kernel.remove(&key).is_some(),
            Change::NewDestination(key, destination) | Change::SetDestination(key, destination) => {
                let row = self.kernel.get_mut(&key).ok_or_else(missing)?;
                row.destinations.insert(destination.key, destination);
                true
            }
            Change::DelDestination(key, server) => {
                self.kernel.get_mut(&key).is_some_and(|row| row.destinations.remove(&server).is_some())
            }
            Change::Flush => {
                self.kernel.clear();
                true
            }
            other => panic!("{other:?}"),
        };
        Ok(if there { Done::Changed } else { Done::AlreadySo })
    }

    fn answer(&mut self) {
        match self.answers.pop_front() {
            None => {}
            Some(Answer::Changed(outcome)) => self.director.answered(outcome),
            Some(Answer::Read(table)) => {
                let changes = self.director.read(Ok(table), &self.tables);
                self.submit(changes);
            }
        }
    }

    /// The table is read until nothing is written any more.
    fn settle(&mut self) {
        for _ in 0..10 {
            let before = self.writes;
            self.read();
            while !self.requests.is_empty() || !self.answers.is_empty() {
                self.perform(None);
                self.answer();
                self.reconcile();
            }
            if self.writes == before && self.director.is_known() {
                return;
            }
        }
        panic!("no end of changes");
    }

    /// The services that the configuration says.
    fn goal(&self) -> BTreeMap<ServiceKey, Installed> {
        let mut goal = BTreeMap::new();
        for address in 0..ADDRESSES {
            let owners: Vec<usize> =
                (0..self.wanted.len()).filter(|at| self.wanted[*at].addresses.contains(&address)).collect();
            let Some(first) = owners.first() else { continue };
            let mut row = Installed::from(service(address, self.wanted[*first].weighted));
            for at in &owners {
                for (host, weight) in (1..).zip(self.wanted[*at].weights) {
                    if let Some(weight) = weight {
                        let destination = destination(*at as u8 + 1, host, weight);
                        row.destinations.insert(destination.key, destination);
                    }
                }
            }
            goal.insert(key(address), row);
        }
        goal
    }

    /// Number of changes that are necessary.
    fn necessary(&self, left: &BTreeSet<ServiceKey>) -> usize {
        let goal = self.goal();
        let gone = left.iter().filter(|key| !goal.contains_key(key) && self.kernel.contains_key(key)).count();
        let mut count = gone;
        for (key, row) in &goal {
            let now = self.kernel.get(key);
            count += usize::from(now.is_none_or(|now| now.service != row.service));
            let none = BTreeMap::new();
            let now = now.map_or(&none, |now| &now.destinations);
            count += row.destinations.iter().filter(|(key, wanted)| now.get(key) != Some(wanted)).count();
            count += now.keys().filter(|key| !row.destinations.contains_key(key)).count();
        }
        count
    }
}

fn service(address: u8, weighted: bool) -> Service {
    Service {
        key: key(address),
        scheduler: if weighted { "wrr" } else { "rr" }.to_owned(),
        flags: 0,
        timeout: 0,
        netmask: u32::MAX,
        engine: None,
    }
}

fn destination(number: u8, host: u8, weight: u32) -> Destination {
    let address = format!("192.168.{number}.{host}:80").parse().unwrap();
    super::destination(&key(1), address, crate::config::lvs::Method::Nat, weight, 0, 0)
}

#[derive(Clone, Debug)]
enum Doing {
    Want(usize, Virtual),
    Perform(Option<bool>),
    Answer,
    Read,
    Outsider(u8, Option<Installed>),
    Crash,
}

fn virtual_server() -> impl Strategy<Value = Virtual> {
    let weights = prop::array::uniform4(prop::option::of(0..3_u32));
    (prop::collection::btree_set(0..ADDRESSES, 0..3), any::<bool>(), weights)
        .prop_map(|(addresses, weighted, weights)| Virtual { addresses, weighted, weights })
}

fn installed(address: u8) -> impl Strategy<Value = Installed> {
    let destination =
        (1..4_u8, 1..=SERVERS, 0..3_u32).prop_map(|(number, host, weight)| destination(number, host, weight));
    (any::<bool>(), prop::collection::vec(destination, 0..4)).prop_map(move |(weighted, destinations)| Installed {
        service: service(address, weighted),
        destinations: destinations.into_iter().map(|destination| (destination.key, destination)).collect(),
    })
}

/// A table with services of the configuration and of others.
fn kernel() -> impl Strategy<Value = BTreeMap<ServiceKey, Installed>> {
    let row = (0..ADDRESSES + 2).prop_flat_map(installed);
    prop::collection::vec(row, 0..5).prop_map(|rows| rows.into_iter().map(|row| (row.service.key, row)).collect())
}

fn doings() -> impl Strategy<Value = Vec<Doing>> {
    let outsider = (0..ADDRESSES + 2).prop_flat_map(|address| (Just(address), prop::option::of(installed(address))));
    let doing = prop_oneof![
        2 => (0..2_usize, virtual_server()).prop_map(|(at, server)| Doing::Want(at, server)),
        4 => prop::option::weighted(0.3, prop::bool::weighted(0.2)).prop_map(Doing::Perform),
        4 => Just(Doing::Answer),
        2 => Just(Doing::Read),
        1 => outsider.prop_map(|(address, row)| Doing::Outsider(address, row)),
        1 => Just(Doing::Crash),
    ];
    prop::collection::vec(doing, 0..60)
}

proptest! {
    /// Whatever the kernel refuses, however late it answers and whatever others do: in the end IPVS has the wanted services,
    /// nothing that was ours otherwise, and the services of others.
    #[test]
    fn the_table_becomes_the_wanted_one(
        kernel in kernel(),
        wanted in prop::collection::vec(virtual_server(), 2),
        doings in doings(),
    ) {
        let mut world = World::new(kernel, wanted, BTreeSet::new());
        for doing in doings {
            match doing {
                Doing::Want(at, server) => world.want(at, server),
                Doing::Perform(refuse) => world.perform(refuse),
                Doing::Answer => world.answer(),
                Doing::Read => world.read(),
                Doing::Outsider(address, Some(row)) => drop(world.kernel.insert(key(address), row)),
                Doing::Outsider(address, None) => drop(world.kernel.remove(&key(address))),
                // The requests of a dead process are not made, and what it held is known.
                Doing::Crash => {
                    let held = world.director.held().collect();
                    world = World::new(world.kernel, world.wanted, held);
                }
            }
            world.reconcile();
        }
        let others = |world: &World| (ADDRESSES..ADDRESSES + 2).map(|address| world.kernel.get(&key(address)).cloned()).collect::<Vec<_>>();
        let before = others(&world);
        world.settle();
        let goal = world.goal();
        for address in 0..ADDRESSES {
            let (now, goal) = (world.kernel.get(&key(address)), goal.get(&key(address)));
            prop_assert!(now == goal || goal.is_none() && !world.director.held().any(|held| held == key(address)));
            let row = world.director.row(&key(address));
            prop_assert_eq!(row.and_then(|row| row.installed.as_ref()), now);
            prop_assert!(row.is_none_or(|row| row.pending == 0 && row.refused.is_empty()));
        }
        prop_assert_eq!(&others(&world), &before);
        prop_assert_eq!(world.director.held().collect::<Vec<_>>(), goal.into_keys().collect::<Vec<_>>());
        // A replacement writes nothing.
        let held = world.director.held().collect();
        let mut next = World::new(world.kernel, world.wanted, held);
        next.settle();
        prop_assert_eq!(next.writes, 0);
        // A stop removes what is ours.
        let changes = next.director.clear(&next.tables, false);
        next.submit(changes);
        next.settle();
        let left: Vec<ServiceKey> = next.kernel.keys().copied().collect();
        prop_assert!(next.goal().keys().all(|key| !left.contains(key)));
        prop_assert_eq!(&others(&next), &before);
        prop_assert!(next.director.is_clear() && next.director.held().next().is_none());
    }

    /// A start makes the necessary changes, each once.
    #[test]
    fn a_start_writes_the_differences(
        kernel in kernel(),
        wanted in prop::collection::vec(virtual_server(), 2),
        left in prop::collection::btree_set(0..ADDRESSES + 2, 0..4),
    ) {
        let left: BTreeSet<ServiceKey> = left.into_iter().map(key).collect();
        let mut world = World::new(kernel, wanted, left.clone());
        let necessary = world.necessary(&left);
        world.settle();
        prop_assert_eq!(world.writes, necessary);
    }
}

fn one_server() -> World {
    let server = Virtual { addresses: [1].into(), weighted: false, weights: [Some(1), Some(1), None, None] };
    World::new(BTreeMap::new(), vec![server], BTreeSet::new())
}

#[test]
fn a_refused_service_is_reported_once_and_retried_after_each_read() {
    let mut world = one_server();
    let refuse_all = |world: &mut World| {
        let mut count = 0;
        while !world.requests.is_empty() || !world.answers.is_empty() {
            count += usize::from(matches!(world.requests.front(), Some(Request::Change(_))));
            world.perform(Some(false));
            world.answer();
            world.reconcile();
        }
        count
    };
    world.read();
    assert_eq!(refuse_all(&mut world), 3, "the service and its destinations");
    let refused = &world.director.row(&key(1)).unwrap().refused;
    assert_eq!(refused[&None].reason, "refused");
    assert_eq!(world.director.take_messages(), ["service 10.0.0.1:80 TCP with scheduler rr: refused"]);
    world.want(0, Virtual { weights: [Some(2); 4], ..world.wanted[0].clone() });
    world.reconcile();
    assert_eq!(refuse_all(&mut world), 0, "the service would be refused again");
    world.read();
    assert_eq!(refuse_all(&mut world), 5);
    assert_eq!(world.director.take_messages(), [""; 0]);
    world.want(0, Virtual { weighted: true, ..world.wanted[0].clone() });
    world.reconcile();
    assert_eq!(refuse_all(&mut world), 5, "the service has another scheduler");
    world.settle();
    assert_eq!(world.kernel, world.goal());
}

#[test]
fn a_change_while_another_is_pending_is_written_once() {
    let mut world = one_server();
    world.read();
    (0..1).for_each(|_| world.perform(None));
    world.answer();
    world.reconcile();
    assert_eq!(world.requests.len(), 3);
    for weight in 5..10 {
        world.want(0, Virtual { weights: [Some(weight), Some(1), None, None], ..world.wanted[0].clone() });
        world.reconcile();
    }
    assert_eq!(world.requests.len(), 3, "until the answer");
    world.settle();
    assert_eq!((world.writes, &world.kernel), (4, &world.goal()));
}

#[test]
fn a_table_read_before_a_change_causes_no_second_write() {
    let mut world = one_server();
    world.settle();
    world.read();
    world.want(0, Virtual { weights: [Some(9), Some(1), None, None], ..world.wanted[0].clone() });
    world.reconcile();
    // The table is read before the change is made, and arrives when that has been made.
    world.perform(None);
    world.perform(None);
    world.answer();
    world.reconcile();
    world.answer();
    world.reconcile();
    assert_eq!((world.requests.len(), world.writes), (0, 4));
    assert_eq!(world.kernel, world.goal());
}

#[test]
fn the_first_reading_follows_the_flush() {
    let mut director = Director::new(true, [7, 0, 0], None, []);
    assert_eq!(director.before_read(), [Change::Flush]);
    assert_eq!(director.before_read(), []);
    director.answered(Ok(Done::Changed));
    let found = Timeouts { tcp: 900, tcp_fin: 120, udp: 300 };
    let table = Table { timeouts: found, ..Table::default() };
    let set = Timeouts { tcp: 7, ..found };
    assert_eq!(director.read(Ok(table), &Tables::default()), [Change::SetTimeouts(set)]);
    assert_eq!(director.first_found(), Some(found));
    assert_eq!(director.set_timeouts([7, 0, 0]), []);
    assert_eq!(director.clear(&Tables::default(), false), [Change::SetTimeouts(found)]);
}

#[test]
fn a_removal_that_fails_at_the_stop_is_known() {
    for (failure, clear) in [(Failure::Refused("busy".into()), false), (Failure::NoIpvs("none".into()), true)] {
        let mut world = one_server();
        world.settle();
        assert_eq!(world.director.clear(&world.tables, false), [Change::DelService(key(1))]);
        world.director.answered(Err(failure));
        assert_eq!(world.director.is_clear(), clear);
    }
}

/// Otherwise a record of them would be left.
#[test]
fn no_service_is_held_after_a_stop_that_flushes_or_without_ipvs() {
    for (everything, without_ipvs) in [(true, None), (false, Some(true)), (true, Some(true))] {
        let mut world = one_server();
        if without_ipvs.is_none() {
            world.settle();
        }
        let changes = world.director.clear(&world.tables, everything);
        world.submit(changes);
        assert_eq!(world.director.held().count(), 1);
        while !world.requests.is_empty() {
            world.perform(without_ipvs);
            world.answer();
        }
        assert_eq!(world.director.held().count(), 0, "{everything} {without_ipvs:?}");
        assert!(world.director.is_clear());
    }
}

#[test]
fn a_removed_service_is_no_longer_ours_even_if_another_program_adds_it() {
    let mut world = one_server();
    world.settle();
    world.want(0, Virtual::default());
    world.reconcile();
    assert_eq!(world.director.held().collect::<Vec<_>>(), [key(1)], "until the answer");
    world.perform(None);
    world.answer();
    world.kernel.insert(key(1), service(1, true).into());
    world.settle();
    assert!(world.kernel.contains_key(&key(1)) && world.director.held().next().is_none());
}

#[test]
fn the_next_read_repairs_a_full_queue() {
    let mut world = one_server();
    world.read();
    world.perform(None);
    world.answer();
    let changes = world.director.reconcile(&world.tables);
    world.director.not_submitted(changes.len());
    assert_eq!(world.director.reconcile(&world.tables), []);
    world.settle();
    assert_eq!(world.kernel, world.goal());
    world.want(0, Virtual::default());
    let changes = world.director.reconcile(&world.tables);
    world.director.not_submitted(changes.len());
    world.settle();
    assert!(world.kernel.is_empty());
}

proptest! {
    /// Every change has an effect, the result is the wanted service, and a service that has servers before and after is not
    /// without servers in between.
    #[test]
    fn the_changes_lead_to_the_wanted_service(now in prop::option::of(installed(1)), wanted in prop::option::of(installed(1))) {
        let goal = wanted.clone();
        let wanted = wanted.map(|row| Wanted { service: row.service, destinations: row.destinations.into_values().collect() });
        let served = |row: &Option<Installed>| row.as_ref().is_some_and(|row| !row.destinations.is_empty());
        let mut world = one_server();
        world.kernel = now.iter().map(|row| (key(1), row.clone())).collect();
        for change in difference(key(1), now.as_ref(), wanted.as_ref()) {
            let before = world.kernel.clone();
            prop_assert_eq!(world.change(change), Ok(Done::Changed));
            prop_assert_ne!(&world.kernel, &before);
            let between = world.kernel.get(&key(1)).cloned();
            prop_assert!(served(&between) || !served(&now) || !served(&goal));
        }
        prop_assert_eq!(world.kernel.get(&key(1)), goal.as_ref());
        prop_assert_eq!(difference(key(1), goal.as_ref(), wanted.as_ref()), []);
    }
}
