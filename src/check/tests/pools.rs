//! Tests of weights, quorum, sorry servers, suspension, start and stop.

use super::site::{Behaviour, Site, checker, lvs, misc, ms, rs, secs, server, service, sorry, wanted};
use crate::check::ipvs::{ServiceKey, service_keys};
use crate::check::{Cause, Change, Event, QuorumStatus, Setter, VirtualServerId};
use crate::config::lvs::{CheckerKind, Endpoint, GroupEntry, VirtualServer, VirtualServerGroup};
use crate::config::model::Family;

const A: &str = "10.1.0.1:80";
const B: &str = "10.1.0.2:80";
const C: &str = "10.1.0.3:80";
const S: &str = "10.1.0.9:80";

fn pool(edit: impl FnOnce(&mut VirtualServer)) -> Site {
    let mut row = service(vec![server(A), server(B), server(C)]);
    edit(&mut row);
    Site::started(lvs(vec![row]))
}

fn fall(site: &mut Site, address: &str) {
    site.behave(address, Behaviour::Refuses);
    site.run(secs(13));
}

fn rise(site: &mut Site, address: &str) {
    site.behave(address, Behaviour::Serves(Vec::new()));
    site.run(secs(13));
}

/// Quorum changes since the last call: status and weight.
fn quorums(site: &mut Site) -> Vec<(QuorumStatus, u64)> {
    let figures = |change| match change {
        Change::Quorum { status, pool, .. } => Some((status, pool.weight_sum)),
        _ => None,
    };
    site.take_changes().into_iter().filter_map(figures).collect()
}

#[test]
fn the_kernel_has_the_live_servers() {
    let mut site = pool(|_| {});
    assert_eq!(site.destinations(), [(1, 1), (2, 1), (3, 1)], "from the start");
    fall(&mut site, B);
    assert_eq!(site.destinations(), [(1, 1), (3, 1)]);
    let row = site.check.tables.virtual_servers.get(&VirtualServerId(1)).unwrap();
    assert_eq!((row.total, row.up, row.weight_sum, row.quorum_met), (3, 2, 2, true));
    rise(&mut site, B);
    assert_eq!(site.destinations(), [(1, 1), (2, 1), (3, 1)]);
    let reports = site.take_changes().into_iter().filter_map(|change| match change {
        Change::RealServer { id, up, cause: Cause::Checks, pool } => Some((id.1, up, pool.up)),
        _ => None,
    });
    assert_eq!(reports.collect::<Vec<_>>(), [(2, false, 2), (2, true, 3)]);
}

#[test]
fn inhibited_servers_stay_in_the_table_with_weight_zero() {
    let mut site = pool(|row| row.real_servers[1].inhibit = true);
    fall(&mut site, B);
    assert_eq!(site.destinations(), [(1, 1), (2, 0), (3, 1)]);
    rise(&mut site, B);
    assert_eq!(site.destinations(), [(1, 1), (2, 1), (3, 1)]);
}

#[test]
fn below_quorum_the_sorry_server_takes_over() {
    let mut site = pool(|row| {
        row.quorum = 2;
        row.sorry_server = Some(sorry(S));
        row.real_servers[2].inhibit = true;
    });
    assert_eq!(site.destinations(), [(1, 1), (2, 1), (3, 1)]);
    fall(&mut site, A);
    assert_eq!(quorums(&mut site), []);
    fall(&mut site, B);
    assert_eq!(site.destinations(), [(9, 1), (3, 0)], "live servers are removed, or stay with weight 0");
    assert_eq!(quorums(&mut site), [(QuorumStatus::NotMet, 1)]);
    fall(&mut site, C);
    assert_eq!(site.destinations(), [(9, 1), (3, 0)]);
    rise(&mut site, C);
    rise(&mut site, B);
    assert_eq!(site.destinations(), [(2, 1), (3, 1)]);
    assert_eq!(quorums(&mut site), [(QuorumStatus::Met, 2)]);
}

#[test]
fn an_inhibited_sorry_server_stays_in_the_table_with_weight_zero() {
    let mut site = pool(|row| {
        row.quorum = 3;
        row.sorry_server = Some(sorry(S));
        row.sorry_server.as_mut().unwrap().inhibit = true;
    });
    assert_eq!(site.destinations(), [(9, 0), (1, 1), (2, 1), (3, 1)]);
    fall(&mut site, A);
    assert_eq!(site.destinations(), [(9, 1)]);
    rise(&mut site, A);
    assert_eq!(site.destinations(), [(9, 0), (1, 1), (2, 1), (3, 1)]);
}

#[test]
fn a_sorry_server_may_also_be_a_real_server() {
    let mut site = pool(|row| {
        row.quorum = 3;
        row.sorry_server = Some(sorry(A));
        for server in &mut row.real_servers {
            server.inhibit = true;
        }
    });
    fall(&mut site, B);
    assert_eq!(site.destinations(), [(1, 1), (2, 0), (3, 0)]);
    rise(&mut site, B);
    assert_eq!(site.destinations(), [(1, 1), (2, 1), (3, 1)]);
}

#[test]
fn below_quorum_without_a_sorry_server_live_servers_stay_in_the_table() {
    let mut site = pool(|row| row.quorum = 3);
    fall(&mut site, A);
    assert_eq!(quorums(&mut site), [(QuorumStatus::NotMet, 2)]);
    assert_eq!(site.destinations(), [(2, 1), (3, 1)]);
}

#[test]
fn hysteresis_delays_loss_and_gain_of_the_quorum() {
    let mut site = pool(|row| {
        row.quorum = 20;
        row.hysteresis = 10;
        for server in &mut row.real_servers {
            server.weight = 10;
        }
    });
    fall(&mut site, A);
    fall(&mut site, B);
    assert_eq!(quorums(&mut site), [], "10 is not below 20 - 10");
    fall(&mut site, C);
    assert_eq!(quorums(&mut site), [(QuorumStatus::NotMet, 0)]);
    rise(&mut site, A);
    rise(&mut site, B);
    assert_eq!(quorums(&mut site), [], "20 is below 20 + 10");
    rise(&mut site, C);
    assert_eq!(quorums(&mut site), [(QuorumStatus::Met, 30)]);
}

#[test]
fn a_weight_can_be_set_by_snmp() {
    let mut site = pool(|row| row.quorum = 3);
    site.event(Event::SetWeight(rs(1), 250, Setter::Snmp));
    assert_eq!(site.destinations()[0], (1, 250));
    let set = Change::WeightSet { id: rs(1), from: 1, to: 250, by: Setter::Snmp };
    assert_eq!(site.take_changes(), [set, Change::Weight { id: rs(1), from: 1, to: 250 }]);
    site.event(Event::SetWeight(rs(1), u32::MAX, Setter::Snmp));
    assert_eq!(site.destinations()[0], (1, 2_147_483_647));
    site.event(Event::SetWeight(rs(1), 0, Setter::Snmp));
    assert_eq!(site.destinations()[0], (1, 0));
    assert_eq!(quorums(&mut site), [(QuorumStatus::NotMet, 2)]);
    fall(&mut site, A);
    site.event(Event::SetWeight(rs(1), 7, Setter::Snmp));
    assert_eq!(site.destinations(), [(2, 1), (3, 1)], "the weight of a dead server is only stored");
    rise(&mut site, A);
    assert_eq!(site.destinations()[0], (1, 7));
    site.event(Event::SetWeight((VirtualServerId(9), 1), 7, Setter::Snmp));
}

#[test]
fn scripts_and_files_contribute_to_the_weight() {
    let mut site = pool(|row| {
        row.real_servers[0].weight = 10;
        let file = CheckerKind::File { track_file: "f".into(), weight: 2, reverse: true };
        row.real_servers[0].checkers = vec![misc("a", true), checker(file), misc("b", true)];
    });
    site.script("a", 52);
    site.run(secs(2));
    assert_eq!(site.destinations()[0], (1, 50));
    site.event(Event::FileValue { name: "f", value: 3 });
    assert_eq!(site.destinations()[0], (1, 44));
    site.script("b", 7);
    site.run(secs(10));
    assert_eq!(site.destinations()[0], (1, 39), "10 + 40 - 6 - 5");
    site.script("a", 0);
    site.run(secs(10));
    assert_eq!(site.destinations()[0], (1, 0), "10 - 6 - 5 is limited to 0, and the server stays in the table");
    site.event(Event::FileValue { name: "f", value: 0 });
    assert_eq!(site.destinations()[0], (1, 5), "10 - 5");
}

#[test]
fn extreme_weights_are_limited() {
    let mut site = pool(|row| {
        let file = CheckerKind::File { track_file: "f".into(), weight: 1, reverse: false };
        row.real_servers[0].checkers = vec![checker(file)];
    });
    for (value, weight) in
        [(5, Some(6)), (-1, Some(0)), (-7, Some(0)), (i64::MAX, Some(2_147_483_647)), (i64::MIN, None)]
    {
        site.event(Event::FileValue { name: "f", value });
        let of_first = site.destinations().into_iter().find(|(last, _)| *last == 1).map(|(_, weight)| weight);
        assert_eq!(of_first, weight, "{value}");
    }
}

#[test]
fn with_alpha_the_service_starts_with_its_sorry_server() {
    let mut row = service(vec![server(A), server(B)]);
    row.alpha = true;
    row.sorry_server = Some(sorry(S));
    for server in &mut row.real_servers {
        server.checkers[0].alpha = true;
    }
    let mut site = Site::started(lvs(vec![row]));
    assert_eq!(site.destinations(), [(9, 1)]);
    let news = site.take_changes();
    assert!(
        matches!(
            news[..],
            [
                Change::Quorum { status: QuorumStatus::NotMet, cause: Cause::Initial, .. },
                Change::Sorry { in_use: true, .. }
            ]
        ),
        "{news:?}"
    );
    site.run(secs(2));
    assert_eq!(site.destinations(), [(1, 1), (2, 1)]);
    assert_eq!(quorums(&mut site), [(QuorumStatus::Met, 1)]);
}

/// The reports at the start: servers as (position, up), and the status of quorums.
fn start_reports(site: &mut Site) -> (Vec<(u32, bool)>, Vec<QuorumStatus>) {
    site.event(Event::Start);
    let (mut servers, mut quorums) = (Vec::new(), Vec::new());
    for change in site.take_changes() {
        match change {
            Change::RealServer { id, up, cause: Cause::Initial, .. } => servers.push((id.1, up)),
            Change::Quorum { status, cause: Cause::Initial, .. } => quorums.push(status),
            Change::Sorry { in_use: true, .. } => {}
            other => panic!("{other:?}"),
        }
    }
    (servers, quorums)
}

#[test]
fn the_start_reports_the_quorum_and_with_rs_init_notifies_the_servers() {
    use QuorumStatus::{Met, NotMet};
    let both = |up| vec![(1, up), (2, up)];
    // alpha, quorum, hysteresis, sorry server, rs_init_notifies; reported servers and quorums, the first destination.
    for (alpha, quorum, hysteresis, has_sorry, init_notifies, servers, quorums, first) in [
        (false, 1, 0, false, false, vec![], vec![Met], 1),
        (false, 2, 0, false, false, vec![], vec![Met], 1),
        (false, 3, 0, false, false, vec![], vec![NotMet], 1),
        (false, 3, 0, true, false, vec![], vec![NotMet], 9),
        // Not enough weight to gain the quorum, but enough to keep it.
        (false, 2, 1, true, false, vec![], vec![NotMet], 9),
        (false, 2, 1, false, false, vec![], vec![], 1),
        (true, 1, 0, true, false, vec![], vec![NotMet], 9),
        (false, 1, 0, false, true, both(true), vec![Met], 1),
        (true, 1, 0, true, true, vec![(2, false), (3, false)], vec![NotMet], 9),
    ] {
        let mut row = service(vec![server(A), server(B)]);
        (row.quorum, row.hysteresis, row.alpha) = (quorum, hysteresis, alpha);
        row.sorry_server = has_sorry.then(|| sorry(S));
        row.real_servers.iter_mut().for_each(|server| server.checkers[0].alpha = alpha);
        let mut lvs = lvs(vec![row]);
        lvs.settings.init_notifies = init_notifies;
        let mut site = Site::new(lvs);
        let case = format!("alpha {alpha}, quorum {quorum}, {hysteresis}, sorry {has_sorry}, init {init_notifies}");
        assert_eq!(start_reports(&mut site), (servers, quorums), "{case}");
        assert_eq!(site.destinations()[0].0, first, "{case}");
    }
}

/// With `alpha` a server starts as down without a report. The first failed check is reported once.
#[test]
fn with_alpha_the_first_failure_is_reported_once() {
    let mut row = service(vec![server(A)]);
    let second = row.real_servers[0].checkers[0].clone();
    row.real_servers[0].checkers.push(second);
    row.real_servers[0].checkers.iter_mut().for_each(|checker| checker.alpha = true);
    let mut site = Site::new(lvs(vec![row]));
    site.behave(A, Behaviour::Refuses);
    start_reports(&mut site);
    site.run(secs(60));
    let reports = |site: &mut Site| {
        let news = site.take_changes().into_iter();
        let of_servers = news.filter_map(|change| match change {
            Change::RealServer { id, up, cause, .. } => Some((id.1, up, cause)),
            _ => None,
        });
        of_servers.collect::<Vec<_>>()
    };
    assert_eq!(reports(&mut site), [(1, false, Cause::Initial)]);
    site.behave(A, Behaviour::Serves(Vec::new()));
    site.run(secs(60));
    assert_eq!(reports(&mut site), [(1, true, Cause::Checks)]);
}

#[test]
fn a_server_without_checkers_is_always_up() {
    let mut row = service(vec![server(A)]);
    row.alpha = true;
    row.real_servers[0].checkers.clear();
    let site = Site::started(lvs(vec![row]));
    assert_eq!(site.destinations(), [(1, 1)]);
    assert!(site.check.tables.virtual_servers.get(&VirtualServerId(1)).unwrap().quorum_met);
}

#[test]
fn the_stop_reports_live_servers_and_runs_scripts_with_omega() {
    for omega in [false, true] {
        let mut site = pool(|row| row.omega = omega);
        fall(&mut site, B);
        site.take_changes();
        site.event(Event::Stop);
        let news = site.take_changes();
        let causes = news.iter().map(|change| match change {
            Change::RealServer { up: false, cause, .. } => (true, cause.runs_scripts()),
            Change::Quorum { status: QuorumStatus::Shutdown, cause, .. } => (false, cause.runs_scripts()),
            other => panic!("{other:?}"),
        });
        assert_eq!(causes.collect::<Vec<_>>(), [(true, omega), (true, omega), (false, omega)]);
        assert!(site.timers.is_empty());
        site.run(secs(60));
        assert_eq!((site.take_changes(), site.destinations()), (vec![], vec![(1, 1), (3, 1)]));
    }
}

#[test]
fn the_stop_runs_no_script_for_a_quorum_that_is_already_lost() {
    let mut site = pool(|row| {
        row.omega = true;
        row.quorum = 3;
    });
    fall(&mut site, B);
    site.take_changes();
    site.event(Event::Stop);
    let scripts = site.take_changes().into_iter().map(|change| match change {
        Change::RealServer { cause, .. } | Change::Quorum { cause, .. } => cause.runs_scripts(),
        other => panic!("{other:?}"),
    });
    assert_eq!(scripts.collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn with_ha_suspend_checkers_are_suspended_without_an_address_of_the_service() {
    let mut row = service(vec![server(A)]);
    row.ha_suspend = true;
    let mut site = Site::new(lvs(vec![row]));
    site.event(Event::Addresses(vec!["10.9.9.9".parse().unwrap()]));
    site.start();
    site.run(secs(60));
    assert_eq!(site.attempt_times(), []);
    assert!(site.check.tables.virtual_servers.get(&VirtualServerId(1)).unwrap().suspended);
    site.event(Event::AddressPresent("10.0.0.1".parse().unwrap()));
    site.run(secs(15));
    assert_eq!(site.attempt_times(), [60_000, 70_001]);
    site.behave(A, Behaviour::Silent);
    site.run(secs(6));
    assert_eq!(site.attempt_times().len(), 1, "an attempt is running");
    site.event(Event::AddressGone("10.0.0.1".parse().unwrap()));
    site.run(secs(60));
    assert!(site.alive(rs(1)), "the attempt was cancelled");
    assert!(site.timers.is_empty());
    let suspended = |suspended| Change::Suspended { id: VirtualServerId(1), suspended };
    assert_eq!(site.take_changes(), [suspended(false), suspended(true)]);
}

fn group(entries: Vec<GroupEntry>) -> Site {
    let mut row = service(vec![server(A)]);
    row.endpoint = Endpoint::Group("g".into());
    row.ha_suspend = true;
    let mut lvs = lvs(vec![row]);
    lvs.groups = vec![
        VirtualServerGroup { name: "other".into(), entries: vec![GroupEntry::FwMark(1, None)] },
        VirtualServerGroup { name: "g".into(), entries },
    ];
    Site::started(lvs)
}

#[test]
fn a_group_has_one_service_per_address_and_mark() {
    let site = group(vec![
        GroupEntry::Address("10.0.0.1:80".parse().unwrap()),
        GroupEntry::FwMark(7, None),
        GroupEntry::Range("10.0.0.254".parse().unwrap(), "10.0.1.1".parse().unwrap(), 81),
        GroupEntry::FwMark(8, Some(Family::V6)),
    ]);
    let address = |ip: &str, port| ServiceKey::Address { protocol: 6, ip: ip.parse().unwrap(), port };
    let expected = [
        ServiceKey::FwMark { mark: 7, family: Family::V4 },
        ServiceKey::FwMark { mark: 8, family: Family::V6 },
        address("10.0.0.1", 80),
        address("10.0.0.254", 81),
        address("10.0.0.255", 81),
        address("10.0.1.0", 81),
        address("10.0.1.1", 81),
    ];
    assert_eq!(service_keys(&site.check.tables, VirtualServerId(1)), expected);
    assert_eq!(wanted(&site.check.tables, VirtualServerId(1)).len(), 1);
    assert_eq!(service_keys(&site.check.tables, VirtualServerId(2)), []);
}

#[test]
fn any_address_of_a_group_resumes_its_checkers() {
    let range = GroupEntry::Range("10.0.0.254".parse().unwrap(), "10.0.1.1".parse().unwrap(), 81);
    let mut site = group(vec![GroupEntry::FwMark(7, None), range]);
    site.run(secs(5));
    assert_eq!(site.attempt_times(), []);
    site.event(Event::AddressPresent("10.0.1.2".parse().unwrap()));
    site.event(Event::AddressPresent("10.0.0.255".parse().unwrap()));
    site.run(ms(10));
    assert_eq!(site.attempt_times(), [5000]);
    let mut site = group(vec![GroupEntry::FwMark(7, None)]);
    site.run(secs(5));
    assert_eq!(site.attempt_times(), [1000], "a group with marks only is never suspended");
}
