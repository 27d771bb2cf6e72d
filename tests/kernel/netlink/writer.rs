//! Changes of addresses by the writer.

use keepalived::config::model::Address;
use keepalived::kernel::nft::OwnPorts;
use keepalived::kernel::{AddressRequest, EntryRequest, EntryResult, PROTOCOL_KEEPALIVED, Writer};
use keepalived::state::{Done, Op};
use lab::wait_until;

use super::{LIMIT, Mirror, Wanted, listing, pair};

pub(super) fn wanted(ifindex: u32, ip: &str, prefix: u8) -> Wanted {
    (ifindex, Address::plain(ip.parse().unwrap(), prefix, ""))
}

pub(super) fn with((ifindex, mut address): Wanted, set: impl FnOnce(&mut Address)) -> Wanted {
    set(&mut address);
    (ifindex, address)
}

pub(super) fn request(token: u64, op: Op, (ifindex, address): Wanted) -> EntryRequest {
    EntryRequest::Address(AddressRequest::new(token, op, ifindex, address))
}

/// Submits requests with the tokens 0, 1, ... and waits for their results.
fn perform(writer: &Writer, requests: impl IntoIterator<Item = (Op, Wanted)>) -> Vec<EntryResult> {
    let requests: Vec<_> = (0..).zip(requests).map(|(token, (op, address))| request(token, op, address)).collect();
    let count = requests.len();
    writer.submit(requests).unwrap();
    let mut results = Vec::new();
    wait_until(LIMIT, "all results", || {
        writer.results(&mut results);
        results.len() == count
    });
    results
}

#[test]
fn a_thousand_addresses_are_added_and_removed_in_order() {
    let netns = pair();
    let mut mirror = Mirror::open(&netns);
    let a = mirror.index("va");
    let writer = netns.enter(|| Writer::start(4000, OwnPorts::default()).unwrap());
    let address = |n: u32| match n % 2 {
        0 => wanted(a, &format!("10.7.{}.{}", n / 250, n % 250), 32),
        _ => wanted(a, &format!("2001:db8:7::{n:x}"), 128),
    };
    let added = perform(&writer, (0..1000).map(|n| (Op::Add, address(n))));
    assert!(added.iter().all(|result| result.outcome == Ok(Done::Changed)));
    assert!(added.iter().map(|result| result.token).eq(0..1000));
    assert_eq!(listing(&netns).iter().filter(|line| line.contains("10.7.")).count(), 500);
    assert_eq!(listing(&netns).iter().filter(|line| line.contains("2001:db8:7:")).count(), 500);
    wait_until(LIMIT, "the monitor agrees", || mirror.listing() == listing(&netns));

    let again = perform(&writer, (0..1000).map(|n| (Op::Add, address(n))));
    assert!(again.iter().all(|result| result.outcome == Ok(Done::AlreadySo)));
    let removed = perform(&writer, (0..1000).map(|n| (Op::Remove, address(n))));
    assert!(removed.iter().all(|result| result.outcome == Ok(Done::Changed)));
    assert!(!listing(&netns).iter().any(|line| line.contains("10.7.") || line.contains("2001:db8:7:")));
    let missing = perform(&writer, (0..1000).map(|n| (Op::Remove, address(n))));
    assert!(missing.iter().all(|result| result.outcome == Ok(Done::AlreadySo)));
    assert_eq!(writer.in_flight(), 0);
}

#[test]
fn addresses_have_all_requested_settings() {
    let netns = pair();
    let mut mirror = Mirror::open(&netns);
    let a = mirror.index("va");
    let writer = netns.enter(|| Writer::start(100, OwnPorts::default()).unwrap());
    let requests = [
        with(wanted(a, "10.8.0.1", 24), |to| {
            to.label = Some("va:vip".to_owned());
            to.broadcast = Some("10.8.0.255".parse().unwrap());
            to.scope = 253;
            to.noprefixroute = true;
        }),
        with(wanted(a, "10.8.1.1", 32), |to| to.peer = Some(("10.8.1.9".parse().unwrap(), 30))),
        with(wanted(a, "10.8.2.1", 32), |to| to.preferred_lft = Some(0)),
        with(wanted(a, "239.1.8.1", 32), |to| to.autojoin = true),
        wanted(a, "2001:db8:8::1", 128),
        with(wanted(a, "2001:db8:8::2", 128), |to| to.preferred_lft = Some(u32::MAX)),
        with(wanted(a, "2001:db8:8::3", 64), |to| {
            to.preferred_lft = Some(1000);
            to.home = true;
        }),
        with(wanted(a, "2001:db8:8::4", 64), |to| {
            to.nodad = false;
            to.mngtmpaddr = true;
        }),
        with(wanted(a, "2001:db8:8::5", 128), |to| to.peer = Some(("2001:db8:9::1".parse().unwrap(), 128))),
    ];
    let results = perform(&writer, requests.clone().map(|address| (Op::Add, address)));
    for result in &results {
        assert_eq!(result.outcome, Ok(Done::Changed), "{result:?}");
    }
    wait_until(LIMIT, "the last address", || mirror.address("2001:db8:8::5").is_some());
    // Deprecated 20, permanent 80, nodad 02, home 10, mngtmpaddr 100, noprefixroute 200, mcautojoin 400.
    let shown = |mirror: &mut Mirror, ip| {
        let address = mirror.address(ip).unwrap();
        assert_eq!(address.protocol, PROTOCOL_KEEPALIVED, "{ip}");
        (address.flags & 0x732, address.preferred_lft)
    };
    assert_eq!(shown(&mut mirror, "10.8.0.1"), (0x200, u32::MAX));
    assert_eq!(shown(&mut mirror, "10.8.1.1"), (0, u32::MAX));
    assert_eq!(shown(&mut mirror, "10.8.2.1").0, 0x20);
    assert_eq!(shown(&mut mirror, "2001:db8:8::1"), (0x22, 0));
    assert_eq!(shown(&mut mirror, "2001:db8:8::2"), (0x02, u32::MAX));
    let (flags, left) = shown(&mut mirror, "2001:db8:8::3");
    assert!(flags == 0x12 && (1..=1000).contains(&left), "{flags:x} {left}");
    assert_eq!(shown(&mut mirror, "2001:db8:8::4").0, 0x100);
    assert_eq!(shown(&mut mirror, "239.1.8.1").0, 0x400);
    assert_eq!(shown(&mut mirror, "2001:db8:8::5").0, 0x02);
    let text = netns.ip("-o addr show va");
    let line = |ip: &str| text.lines().find(|line| line.contains(ip)).unwrap();
    for words in ["10.8.0.1/24 brd 10.8.0.255 scope link", "noprefixroute va:vip"] {
        assert!(line("10.8.0.1/").contains(words), "{}", line("10.8.0.1/"));
    }
    assert!(line("10.8.1.1").contains("10.8.1.1 peer 10.8.1.9/30 scope global va"), "{}", line("10.8.1.1"));
    assert!(line("2001:db8:8::1/").contains("/128 scope global nodad deprecated"), "{}", line("2001:db8:8::1/"));
    assert!(line("2001:db8:8::5").contains("peer 2001:db8:9::1/128"), "{}", line("2001:db8:8::5"));
    let results = perform(&writer, requests.map(|address| (Op::Remove, address)));
    for result in &results {
        assert_eq!(result.outcome, Ok(Done::Changed), "{result:?}");
    }
    assert!(!listing(&netns).iter().any(|line| line.contains("10.8.") || line.contains("2001:db8:8:")));
}

#[test]
fn a_refusal_has_its_reason_and_does_not_stop_the_rest() {
    let netns = pair();
    let a = Mirror::open(&netns).index("va");
    let writer = netns.enter(|| Writer::start(100, OwnPorts::default()).unwrap());
    let results = perform(
        &writer,
        [
            (Op::Add, wanted(999, "10.8.0.1", 32)),
            (Op::Add, with(wanted(a, "10.8.0.2", 32), |to| to.label = Some("x".repeat(16)))),
            (Op::Add, wanted(a, "10.8.0.3", 33)),
            (Op::Add, with(wanted(a, "10.8.0.4", 32), |to| to.peer = Some(("::1".parse().unwrap(), 64)))),
            (Op::Remove, wanted(999, "10.8.0.5", 32)),
            (Op::Add, wanted(a, "10.8.0.6", 32)),
        ],
    );
    let errno = |n: usize| results[n].outcome.as_ref().unwrap_err().errno;
    assert_eq!([errno(0), errno(1), errno(2), errno(3)], [19, 22, 22, 22]);
    let refusal = results[0].outcome.as_ref().unwrap_err().to_string();
    assert_eq!(refusal, "No such device (ipv4: Device not found)");
    assert_eq!(results[4].outcome, Ok(Done::AlreadySo));
    assert_eq!(results[5].outcome, Ok(Done::Changed));
    assert!(listing(&netns).contains("va 10.8.0.6/32"));
}

#[test]
fn a_full_queue_returns_the_batch() {
    let netns = pair();
    let a = Mirror::open(&netns).index("va");
    let writer = netns.enter(|| Writer::start(3, OwnPorts::default()).unwrap());
    let request = |token| request(token, Op::Add, wanted(a, "10.8.0.1", 32));
    writer.submit(vec![request(1), request(2)]).unwrap();
    let refused = writer.submit(vec![request(3), request(4)]).unwrap_err();
    assert_eq!((refused.in_flight, refused.requests.len()), (2, 2));
    writer.submit(vec![request(3)]).unwrap();
    // The queue has room again only after the results are taken.
    let mut results = Vec::new();
    wait_until(LIMIT, "results", || {
        writer.results(&mut results);
        results.len() == 3
    });
    writer.submit(refused.requests).unwrap();
}
