//! Tests of reloads and of replacement processes.

use proptest::collection::btree_map;
use proptest::prelude::*;

use super::site::{Behaviour, Site, checker, lvs, misc, rs, secs, server, service, sorry, target, wanted};
use crate::check::{Cause, Change, Event, QuorumStatus, VirtualServerId};
use crate::config::Compared;
use crate::config::lvs::{self, CheckerKind, Endpoint, Lvs, VirtualServer};
use crate::config::model::Config;
use crate::state::{from_sections, to_sections};

const A: &str = "10.1.0.1:80";
const B: &str = "10.1.0.2:80";
const C: &str = "10.1.0.3:80";

pub fn config(lvs: Lvs) -> Box<Config> {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let options = crate::config::Options {
        path: empty.path().into(),
        config_id: String::new(),
        directory: None,
        all_config: false,
        strict: false,
        outside: crate::config::Outside::fixed(),
    };
    let loaded = crate::config::load(&options);
    let config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    Box::new(Config { lvs, ..config })
}

/// A new configuration, none of whose virtual servers is known to be the same.
pub fn configure(lvs: Lvs) -> Event<'static> {
    let mut config = config(lvs);
    let servers = std::mem::take(&mut config.lvs.virtual_servers);
    Event::Configure { config, servers: servers.into_iter().map(|server| Compared::Other(Box::new(server))).collect() }
}

fn reload(site: &mut Site, virtual_servers: Vec<VirtualServer>) {
    site.event(configure(lvs(virtual_servers)));
}

fn pool() -> VirtualServer {
    service(vec![server(A), server(B)])
}

#[test]
fn an_unchanged_configuration_changes_nothing() {
    let mut site = Site::started(lvs(vec![pool()]));
    site.behave(B, Behaviour::Refuses);
    site.run(secs(5));
    site.take_changes();
    let (timers, kernel) = (site.timers.clone(), site.kernel.clone());
    site.attempt_times();
    reload(&mut site, vec![pool()]);
    assert_eq!((site.take_changes(), &site.timers, &site.kernel), (vec![], &timers, &kernel));
    assert!(!site.alive(rs(2)), "a dead server stays dead");
    site.run(secs(10));
    assert_eq!(site.attempt_times(), [11_001, 11_001]);
}

#[test]
fn a_running_attempt_continues() {
    let mut site = Site::started(lvs(vec![pool()]));
    site.latency = secs(1);
    site.run(secs(1));
    reload(&mut site, vec![pool()]);
    site.run(secs(2));
    assert_eq!(site.check.tables.real_servers.get(&rs(1)).unwrap().not_run, 0);
}

#[test]
fn rows_keep_their_index_when_others_are_added_and_removed() {
    let mut other = service(vec![server(C)]);
    other.endpoint = Endpoint::Address("10.0.0.2:80".parse().unwrap());
    let mut site = Site::started(lvs(vec![pool(), other.clone()]));
    site.run(secs(5));
    other.real_servers.insert(0, server("10.1.0.7:80"));
    let mut third = other.clone();
    third.endpoint = Endpoint::FwMark(1, crate::config::model::Family::V4);
    reload(&mut site, vec![third, other]);
    let tables = &site.check.tables;
    assert_eq!(tables.virtual_server_ids(), [VirtualServerId(2), VirtualServerId(3)]);
    let address = |id| tables.real_servers.get(&id).unwrap().address().to_string();
    assert_eq!(address((VirtualServerId(2), 1)), C);
    assert_eq!(address((VirtualServerId(2), 2)), "10.1.0.7:80");
    assert_eq!(site.kernel[&VirtualServerId(1)], [], "the removed service has no destinations");
    let news = site.take_changes();
    assert!(matches!(news[..], [Change::Quorum { id: VirtualServerId(3), cause: Cause::Initial, .. }]), "{news:?}");
    site.attempt_times();
    site.run(secs(20));
    assert!(site.attempt_times().len() >= 6);
    assert!(site.timers.keys().all(|crate::check::TimerKey::Checker(id)| id.0.0 != VirtualServerId(1)));
}

#[test]
fn a_removed_server_is_removed_from_the_kernel_and_no_longer_checked() {
    let mut site = Site::started(lvs(vec![pool()]));
    site.latency = secs(1);
    site.run(secs(1));
    reload(&mut site, vec![service(vec![server(B)])]);
    assert_eq!(site.destinations(), [(2, 1)]);
    site.run(secs(5));
    assert!(!site.check.tables.real_servers.contains_key(&rs(1)));
    assert_eq!(site.timers.len(), 1);
    assert_eq!(site.take_changes(), []);
}

#[test]
fn a_changed_checker_starts_again_but_a_dead_server_stays_dead() {
    let mut site = Site::started(lvs(vec![pool()]));
    site.behave(B, Behaviour::Refuses);
    site.run(secs(5));
    site.take_changes();
    let mut changed = pool();
    for server in &mut changed.real_servers {
        server.checkers[0].delay_loop = secs(20);
    }
    reload(&mut site, vec![changed]);
    assert_eq!((site.alive(rs(1)), site.alive(rs(2))), (true, false));
    assert_eq!(site.destinations(), [(1, 1)]);
    site.behave(A, Behaviour::Refuses);
    site.behave(B, Behaviour::Serves(Vec::new()));
    site.run(secs(3));
    assert_eq!((site.alive(rs(1)), site.alive(rs(2))), (false, true), "the first failure of a new checker counts");
}

#[test]
fn a_reload_resets_weights_set_by_snmp_and_updates_the_quorum() {
    let mut site = Site::started(lvs(vec![pool()]));
    site.event(Event::SetWeight(rs(1), 50, crate::check::Setter::Snmp));
    site.take_changes();
    let mut strict = pool();
    strict.quorum = 3;
    strict.real_servers[1].weight = 1;
    reload(&mut site, vec![strict]);
    assert_eq!(site.destinations(), [(1, 1), (2, 1)]);
    let news = site.take_changes();
    assert!(news.contains(&Change::Weight { id: rs(1), from: 50, to: 1 }));
    assert!(news.iter().any(|change| matches!(change, Change::Quorum { status: QuorumStatus::NotMet, .. })));
    reload(&mut site, vec![pool()]);
    assert!(
        site.take_changes().iter().any(|change| matches!(change, Change::Quorum { status: QuorumStatus::Met, .. }))
    );
}

#[test]
fn a_new_sorry_server_does_not_move_the_real_servers() {
    let mut site = Site::started(lvs(vec![pool()]));
    site.run(secs(5));
    let mut row = pool();
    row.sorry_server = Some(sorry("10.1.0.9:80"));
    reload(&mut site, vec![row]);
    let tables = &site.check.tables;
    let addresses: Vec<_> = tables.real_servers.values().map(|row| row.address().to_string()).collect();
    assert_eq!(addresses, [A, B, "10.1.0.9:80"]);
    site.attempt_times();
    site.run(secs(20));
    assert_eq!(site.attempt_times().len(), 4, "both are still checked");
    reload(&mut site, vec![pool()]);
    assert_eq!(site.destinations(), [(1, 1), (2, 1)]);
    assert_eq!(site.take_changes(), []);
}

#[test]
fn a_new_file_check_uses_the_known_number() {
    let kind = |weight| checker(CheckerKind::File { track_file: "f".into(), weight, reverse: false });
    let with = |weight| {
        let mut row = pool();
        row.real_servers[0].checkers = vec![kind(weight), misc("m", false)];
        row
    };
    let mut site = Site::started(lvs(vec![with(2)]));
    site.event(Event::FileValue { name: "f", value: 5 });
    assert_eq!(site.destinations()[0], (1, 11));
    reload(&mut site, vec![with(3)]);
    assert_eq!(site.destinations()[0], (1, 16));
    reload(&mut site, vec![with(0)]);
    assert!(!site.alive(rs(1)));
}

#[test]
fn a_new_bfd_check_uses_the_known_state_of_its_session() {
    let with = |session: &str| {
        let mut row = pool();
        row.real_servers[0].checkers = vec![checker(CheckerKind::Bfd { session: session.into() })];
        row
    };
    let mut site = Site::started(lvs(vec![with("up")]));
    for name in ["up", "down"] {
        site.event(Event::Session { name, up: name == "up" });
    }
    assert!(site.alive(rs(1)));
    reload(&mut site, vec![with("down")]);
    assert!(!site.alive(rs(1)));
    reload(&mut site, vec![with("up")]);
    assert!(site.alive(rs(1)));
}

#[test]
fn a_reload_can_add_and_remove_ha_suspend() {
    let mut row = pool();
    row.ha_suspend = true;
    let mut site = Site::started(lvs(vec![row.clone()]));
    site.run(secs(20));
    assert_eq!(site.attempt_times(), []);
    reload(&mut site, vec![pool()]);
    site.run(secs(5));
    assert_eq!(site.attempt_times().len(), 2);
    reload(&mut site, vec![row]);
    site.run(secs(60));
    assert_eq!(site.attempt_times(), []);
}

#[test]
fn a_failing_new_checker_takes_a_live_server_down() {
    let mut site = Site::started(lvs(vec![pool()]));
    site.run(secs(5));
    let mut row = pool();
    row.real_servers[0].checkers.push(checker(CheckerKind::Tcp(target("10.1.0.1:443"))));
    site.behave("10.1.0.1:443", Behaviour::Refuses);
    reload(&mut site, vec![row]);
    assert!(site.alive(rs(1)));
    site.run(secs(2));
    assert!(!site.alive(rs(1)));
}

#[test]
fn a_replacement_resumes_with_the_verdicts_of_its_predecessor() {
    let mut site = Site::started(lvs(vec![pool()]));
    site.behave("10.1.0.2:80", Behaviour::Refuses);
    site.run(secs(15));
    assert!(!site.alive(rs(2)));
    let checkpoint = site.check.checkpoint();

    let mut other = Site::new(lvs(vec![pool()]));
    other.check.resume(&checkpoint);
    other.event(Event::Start);
    assert!(!other.alive(rs(2)), "still down, before any check");
    assert_eq!(other.destinations(), site.destinations());
    assert_eq!(other.take_changes(), []);
    // The server comes back when its checker succeeds.
    other.run(secs(15));
    assert!(other.alive(rs(2)));
}

/// Times and results go on; after a crash the results of the last attempts are not known.
#[test]
fn a_replacement_shows_the_past_of_its_predecessor() {
    let mut site = Site::started(lvs(vec![pool()]));
    site.behave("10.1.0.2:80", Behaviour::Refuses);
    site.run(secs(15));
    site.check.tables.late = 7;
    let shown = |site: &Site| -> Vec<_> {
        let rows = site.check.tables.real_servers.iter();
        rows.map(|(id, row)| (row.alive, row.since, site.check.tables.last_attempt(id))).collect()
    };
    let failures = |site: &Site| -> Vec<_> {
        site.check.tables.checkers.values().map(|row| (row.up, row.failures, row.reason.clone())).collect()
    };
    let before = shown(&site);
    assert!(before.iter().any(|(alive, since, last)| !alive && !since.is_zero() && last.is_some()), "{before:?}");
    let replaced = |octets: Vec<u8>| {
        let mut other = Site::new(lvs(vec![pool()]));
        other.check.resume(&from_sections(&octets).unwrap().record);
        other.event(Event::Start);
        assert_eq!(other.take_changes(), []);
        other
    };
    let other = replaced(to_sections(&site.check.last_checkpoint()).unwrap());
    assert_eq!((shown(&other), failures(&other), other.check.tables.late), (before.clone(), failures(&site), 7));
    let crashed = replaced(to_sections(&site.check.checkpoint()).unwrap());
    let without: Vec<_> = before.into_iter().map(|(alive, since, _)| (alive, since, None)).collect();
    assert_eq!((shown(&crashed), crashed.check.tables.late), (without, 0));
}

/// A state that a predecessor or the previous configuration has reported is not reported again, only changes of it.
#[test]
fn the_initial_state_of_a_service_is_reported_once() {
    let mut alpha = pool();
    alpha.alpha = true;
    alpha.real_servers.iter_mut().for_each(|server| server.checkers[0].alpha = true);
    let mut row = pool();
    row.endpoint = Endpoint::Address("10.0.0.2:80".parse().unwrap());
    let quorums = |site: &mut Site| {
        let figures = site.take_changes().into_iter().filter_map(|change| match change {
            Change::Quorum { id, status, cause, .. } => Some((id.0, status, cause)),
            _ => None,
        });
        figures.collect::<Vec<_>>()
    };
    let mut site = Site::new(lvs(vec![alpha.clone()]));
    site.behave(A, Behaviour::Refuses);
    site.behave(B, Behaviour::Refuses);
    site.event(Event::Start);
    assert_eq!(quorums(&mut site), [(1, QuorumStatus::NotMet, Cause::Initial)]);
    reload(&mut site, vec![alpha.clone()]);
    assert_eq!(quorums(&mut site), []);
    reload(&mut site, vec![alpha.clone(), row.clone()]);
    assert_eq!(quorums(&mut site), [(2, QuorumStatus::Met, Cause::Initial)]);
    site.run(secs(15));
    site.take_changes();

    let mut lvs = lvs(vec![alpha.clone(), row.clone()]);
    lvs.settings.init_notifies = true;
    let mut other = Site::new(lvs);
    other.check.resume(&site.check.checkpoint());
    other.servers.clone_from(&site.servers);
    other.event(Event::Start);
    assert_eq!(other.take_changes(), [], "nothing is reported after a replacement, even with rs_init_notifies");
    other.run(secs(15));
    assert_eq!(other.take_changes(), [], "both are down as before");
    // A changed configuration of the replacement may change the quorum, which is reported.
    let mut strict = pool();
    strict.quorum = 5;
    let mut site = Site::started(super::site::lvs(vec![pool()]));
    let mut other = Site::new(super::site::lvs(vec![strict]));
    other.check.resume(&site.check.checkpoint());
    other.event(Event::Start);
    assert_eq!(quorums(&mut other), [(1, QuorumStatus::NotMet, Cause::Checks)]);
    assert_eq!(quorums(&mut site), []);
}

#[test]
fn servers_go_into_ipvs_in_the_order_of_the_file() {
    let addresses = |site: &Site| -> Vec<String> {
        wanted(&site.check.tables, VirtualServerId(1)).iter().map(|(address, _)| address.to_string()).collect()
    };
    let mut site = Site::started(lvs(vec![service(vec![server(B), server(A)])]));
    assert_eq!(addresses(&site), [B, A]);
    reload(&mut site, vec![service(vec![server(B), server(C), server(A)])]);
    assert_eq!(addresses(&site), [B, C, A], "the new server has the last index");
}

#[test]
fn a_reload_compares_only_services_that_have_changed_with_ipvs() {
    let at = |octet: u8, servers: Vec<lvs::RealServer>| VirtualServer {
        endpoint: Endpoint::Address(format!("10.0.0.{octet}:80").parse().unwrap()),
        ..service(servers)
    };
    let all = || vec![at(1, vec![server(A), server(B)]), at(2, vec![server(A)]), at(3, vec![server(A), server(B)])];
    let mut site = Site::started(lvs(all()));
    let mut compared = |virtual_servers: Vec<VirtualServer>| -> Vec<u32> {
        site.kernel.clear();
        reload(&mut site, virtual_servers);
        let ids = site.kernel.keys().map(|id| id.0).collect();
        reload(&mut site, all());
        ids
    };
    assert!(compared(all()).is_empty());
    let changed = |edit: fn(&mut Vec<VirtualServer>)| {
        let mut all = all();
        edit(&mut all);
        all
    };
    assert_eq!(compared(changed(|all| all[1].real_servers[0].weight = 9)), [2]);
    assert_eq!(compared(changed(|all| all[1].real_servers[0].upper_threshold = 9)), [2]);
    assert_eq!(compared(changed(|all| all[2].scheduler = lvs::Scheduler::Rr)), [3]);
    assert_eq!(compared(changed(|all| drop(all[0].real_servers.pop()))), [1]);
    assert_eq!(compared(changed(|all| all[1].real_servers.push(server(B)))), [2]);
    assert_eq!(compared(changed(|all| drop(all.remove(1)))), [2]);
}

/// A virtual server of a random configuration: its address, and which of three sets of real servers it has. So most files have
/// virtual servers in common.
type Sketch = (u8, usize);

/// Last octet and weight of the real servers; those of weight 2 have a FILE_CHECK too.
const SETS: [&[(u8, u32)]; 3] = [&[(1, 1), (2, 1)], &[(1, 2), (3, 1)], &[(2, 2)]];

fn drawn(sketch: &[Sketch]) -> Vec<VirtualServer> {
    let one = |(octet, set): &Sketch| {
        let servers = SETS[*set].iter().map(|(last, weight)| {
            let mut one = server(&format!("10.1.{octet}.{last}:80"));
            one.weight = *weight;
            if *weight == 2 {
                let kind = CheckerKind::File { track_file: "f".into(), weight: 1, reverse: false };
                one.checkers.push(lvs::Checker { kind, ..one.checkers[0].clone() });
            }
            one
        });
        let endpoint = Endpoint::Address(format!("10.9.0.{octet}:80").parse().unwrap());
        VirtualServer { endpoint, ..service(servers.collect()) }
    };
    sketch.iter().map(one).collect()
}

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    btree_map(1..5_u8, 0..SETS.len(), 0..5).prop_map(|all| all.into_iter().collect::<Vec<_>>()).prop_shuffle()
}

/// The rows as text.
fn rows(site: &Site) -> String {
    let tables = &site.check.tables;
    format!(
        "{:#?}\n{:#?}\n{:#?}\n{:?}\n{:?}",
        tables.virtual_servers, tables.real_servers, tables.checkers, tables.by_file, tables.order
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Virtual servers that are kept as unchanged end up as if all had been built again.
    #[test]
    fn kept_rows_are_as_those_built_again(
        files in proptest::collection::vec((sketches(), 0..3000_u64, 1..4_u8, 1..4_u8, 0..9_u32), 2..6),
    ) {
        let mut before = drawn(&files[0].0);
        let mut sites = [(); 2].map(|()| Site::started(lvs(before.clone())));
        for (sketch, time, service, down, weight) in &files[1..] {
            let after = drawn(sketch);
            let place = |server: &VirtualServer| before.iter().position(|known| known == server);
            let compared: Vec<Compared> = after
                .iter()
                .map(|server| place(server).map_or_else(|| Compared::Other(Box::new(server.clone())), Compared::Same))
                .collect();
            for site in &mut sites {
                site.behave(&format!("10.1.{service}.{down}:80"), Behaviour::Refuses);
                site.event(Event::FileValue { name: "f", value: i64::from(*weight) });
                site.event(Event::SetWeight((VirtualServerId(u32::from(*service)), 1), *weight, crate::check::Setter::Snmp));
                site.run(std::time::Duration::from_millis(*time));
            }
            let [kept, built] = &mut sites;
            let config = config(Lvs::default());
            kept.event(Event::Configure { config, servers: compared });
            built.event(configure(lvs(after.clone())));
            prop_assert_eq!(rows(kept), rows(built));
            prop_assert_eq!(kept.take_changes(), built.take_changes());
            prop_assert_eq!((&kept.timers, &kept.kernel), (&built.timers, &built.kernel));
            before = after;
        }
    }
}
