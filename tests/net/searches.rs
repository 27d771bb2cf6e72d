//! Searches by regular expression in threads: their results, time limit and cancelling, and that they do not delay each
//! other.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use keepalived::check::http::{Look, Looked, Pattern, Search};
use keepalived::config::lvs::RegexCheck;
use keepalived::net::{Key, Searches};
use keepalived::reactor::{Events, Interest, Reactor, Token, clock};

/// Time limit of a step, on a busy machine.
/// The threads of searches have the lowest priority, and other tests run at the same time.
const LIMIT: Duration = Duration::from_secs(60);

/// A pattern without a match that scans the rest of the body at each position.
const SCANS: &str = r"(?>a*)(?>a*)(?>a*)\d";

fn key(id: u64, generation: u64) -> Key {
    Key { id: id.into(), generation }
}

/// A search in this body, and its only [`Look`].
fn search(pattern: &str, body: &[u8]) -> (Search, Look) {
    let pattern = pattern.as_bytes().to_vec();
    let check = RegexCheck { pattern, no_match: false, options: Vec::new(), min_offset: 0, max_offset: None };
    let mut search = Search::new(Pattern::new(&check));
    search.push(body);
    search.end();
    let look = search.look().unwrap();
    (search, look)
}

struct Bed {
    searches: Searches,
    reactor: Reactor,
    done: HashMap<Key, Looked>,
}

impl Bed {
    fn new() -> Bed {
        let (searches, reactor) = (Searches::new().unwrap(), Reactor::new().unwrap());
        reactor.register(&searches, Token(1), Interest::READABLE).unwrap();
        Bed { searches, reactor, done: HashMap::new() }
    }

    /// Waits for the result of a search.
    fn result(&mut self, key: Key) -> Looked {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(looked) = self.done.remove(&key) {
                return looked;
            }
            assert!(Instant::now() < until, "no result of {key:?}");
            self.reactor.wait(Some(clock::now() + LIMIT), &mut Events::with_capacity(4)).unwrap();
            let mut out = Vec::new();
            self.searches.events(&mut out);
            self.done.extend(out);
        }
    }
}

#[test]
fn searches_match_and_do_not_match() {
    let mut bed = Bed::new();
    for (id, (pattern, found)) in (1..).zip([("b.d", true), ("bad", false), ("^body$", true)]) {
        let (mut search, look) = search(pattern, b"body");
        assert!(bed.searches.begin(key(id, 1), look));
        search.looked(bed.result(key(id, 1))).unwrap();
        assert_eq!(search.outcome(), Some(found), "{pattern}");
    }
}

#[test]
fn a_slow_search_is_stopped_and_delays_no_other() {
    let mut bed = Bed::new();
    let body = vec![b'a'; 65_000];
    let slow: Vec<_> = (0..3)
        .map(|id| (id, search(SCANS, &body)))
        .map(|(id, (search, look))| {
            let begin = Instant::now();
            assert!(bed.searches.begin(key(id, 1), look));
            assert!(begin.elapsed() < Duration::from_secs(1), "begin blocks");
            (id, search)
        })
        .collect();
    for id in 10..20 {
        let (mut search, look) = search("b", b"body");
        assert!(bed.searches.begin(key(id, 1), look));
        search.looked(bed.result(key(id, 1))).unwrap();
        assert_eq!(search.outcome(), Some(true));
    }
    assert!(bed.done.is_empty(), "the slow searches are still running");
    for (id, mut search) in slow {
        let reason = search.looked(bed.result(key(id, 1))).unwrap_err();
        assert_eq!(reason, "regex: the search takes more than 500 ms of processor time");
    }
}

#[test]
fn a_cancelled_search_has_no_result_and_uses_one_thread_at_most() {
    let mut bed = Bed::new();
    let body = vec![b'a'; 65_000];
    assert!(bed.searches.begin(key(1, 1), search(SCANS, &body).1));
    // Another generation: no effect.
    bed.searches.cancel(key(1, 9));
    bed.searches.cancel(key(1, 1));
    let (mut next, look) = search("b", b"body");
    assert!(bed.searches.begin(key(1, 2), look));
    assert_eq!(next.looked(bed.result(key(1, 2))), Err("regex: the last search is still running".into()));
    // The thread soon notices that the search is cancelled.
    let until = Instant::now() + LIMIT;
    for generation in 3.. {
        assert!(Instant::now() < until, "the id is never free again");
        let (mut next, look) = search("b", b"body");
        assert!(bed.searches.begin(key(1, generation), look));
        if next.looked(bed.result(key(1, generation))).is_ok() {
            assert_eq!(next.outcome(), Some(true));
            break;
        }
    }
    assert!(bed.done.is_empty(), "no result of the cancelled search");
}

#[test]
fn the_queue_of_searches_is_bounded() {
    let mut bed = Bed::new();
    let body = vec![b'a'; 65_000];
    let begun = (0..5000).take_while(|id| bed.searches.begin(key(*id, 1), search(SCANS, &body).1)).count();
    assert!((1024..1100).contains(&begun), "{begun}");
}
