//! Changes of nftables tables in a network namespace, and the watch for changes by others.

use std::net::Ipv6Addr;
use std::time::Duration;

use keepalived::config::model::{Family, Firewall};
use keepalived::kernel::nft::{OwnPorts, TableTouched, WatchedTable, WatchedTables, watch_tables};
use keepalived::kernel::{EntryRequest, EntryResult, Writer};
use keepalived::vrrp::{Element, FirewallChange, FirewallLayout, FirewallRequest};
use lab::netns::{Netns, next_lab};
use lab::{holds_for, process, wait_until};

const LIMIT: Duration = Duration::from_secs(20);

fn layout(table: &str) -> FirewallLayout {
    let settings = Firewall { table: table.to_owned(), ..Firewall::default() };
    FirewallLayout { family: Family::V6, settings, vmacs: true, drops: true }
}

fn vip(number: u32) -> Element {
    Element::Vip(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number)).into())
}

/// Performs a change; its refusal, if any.
fn perform(writer: &Writer, change: FirewallChange) -> Result<(), String> {
    let request = EntryRequest::Firewall(Box::new(FirewallRequest { number: 7, change }));
    assert!(writer.submit(vec![request]).is_ok());
    let mut results: Vec<EntryResult> = Vec::new();
    wait_until(LIMIT, "an answer", || {
        writer.results(&mut results);
        !results.is_empty()
    });
    let [result] = &results[..] else { panic!("{results:?}") };
    assert_eq!(result.token, 7);
    result.outcome.clone().map(drop).map_err(|refusal| refusal.to_string())
}

fn nft(netns: &Netns, command: &str) -> String {
    process::output_of(netns.command("nft").args(command.split(' ')))
}

/// More elements than one message, and one transaction, can have.
#[test]
fn large_sets_are_written_in_parts() {
    let netns = Netns::new(next_lab(), "nft");
    let writer = netns.enter(|| Writer::start(10, OwnPorts::default()).expect("a writer"));
    let count = |netns: &Netns| nft(netns, "list set ip6 k vips").matches("2001:db8::").count();
    let elements: Vec<Element> = (1..=12_000).map(vip).collect();
    assert_eq!(perform(&writer, FirewallChange::Build(layout("k"), elements.clone())), Ok(()));
    assert_eq!(count(&netns), 12_000);
    let update = |remove: &[Element], add: &[Element]| FirewallChange::Update {
        layout: layout("k"),
        remove: remove.to_vec(),
        add: add.to_vec(),
    };
    assert_eq!(perform(&writer, update(&elements[10..], &[])), Ok(()));
    assert_eq!(count(&netns), 10);
    // Either all of a change or nothing.
    assert_eq!(perform(&writer, update(&[vip(1), vip(5000)], &[vip(6000)])), Err("No such file or directory".into()));
    assert_eq!(count(&netns), 10);
    assert_eq!(perform(&writer, FirewallChange::Build(layout("k"), vec![vip(3)])), Ok(()));
    assert_eq!(count(&netns), 1);
    assert_eq!(perform(&writer, FirewallChange::Remove(Family::V6, "k".into())), Ok(()));
    assert_eq!(perform(&writer, FirewallChange::Remove(Family::V6, "k".into())), Ok(()), "it is gone already");
    assert_eq!(nft(&netns, "list ruleset"), "");
    let refused = perform(&writer, update(&[], &[vip(1)])).expect_err("there is no table");
    assert!(refused.starts_with("No such file or directory"), "{refused}");
}

/// Own changes, and those of other tables, are not reported; the others once per transaction, with the program.
#[test]
fn changes_by_others_are_reported() {
    let netns = Netns::new(next_lab(), "nftwatch");
    let own = OwnPorts::default();
    let watched = WatchedTables::default();
    watched.set(vec![WatchedTable { family: Family::V6, name: "k".into() }]);
    let (writer, feed) = netns.enter(|| {
        let writer = Writer::start(10, own.clone()).expect("a writer");
        (writer, watch_tables(watched, own).expect("a watch"))
    });
    let mut events: Vec<TableTouched> = Vec::new();
    assert_eq!(perform(&writer, FirewallChange::Build(layout("k"), vec![vip(3)])), Ok(()));
    nft(&netns, "add table ip6 other");
    nft(&netns, "add table ip k");
    holds_for(Duration::from_millis(300), "no event", || {
        feed.events(&mut events);
        events.is_empty()
    });
    let touched = TableTouched { family: Family::V6, program: "nft".into() };
    for command in ["add element ip6 k vips { 2001:db8::4, 2001:db8::5 }", "add chain ip6 k mine", "flush ruleset"] {
        nft(&netns, command);
        wait_until(LIMIT, command, || {
            feed.events(&mut events);
            !events.is_empty()
        });
        assert_eq!(std::mem::take(&mut events), std::slice::from_ref(&touched), "{command}");
    }
}
