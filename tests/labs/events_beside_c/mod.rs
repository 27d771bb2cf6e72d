//! What happens over time, beside C keepalived: states as told to the FIFO, addresses, routes, rules and adverts after each
//! event, for the same configurations and events. LAB_SEEDS=FROM-TO runs other random scenarios than the usual one, up to
//! TO - 1; what they show may be a documented difference.
#![allow(clippy::unwrap_used, reason = "a test")]

mod cases;
mod random;
mod scenario;

use self::scenario::differences;
use lab::machine;

/// The seeds of usual runs.
const SEEDS: std::ops::Range<u64> = 1..2;

fn seeds() -> std::ops::Range<u64> {
    let given = std::env::var("LAB_SEEDS").ok();
    let range = given.as_deref().and_then(|text| text.split_once('-'));
    range.map_or(SEEDS, |(from, to)| from.parse().unwrap()..to.parse().unwrap())
}

#[test]
fn what_once_differed_is_the_same_as_with_c_keepalived() {
    let _turn = machine::shared();
    let threads = cases::all().map(|(name, scenario)| (name, std::thread::spawn(move || differences(&scenario))));
    // All at the same time.
    let threads: Vec<_> = threads.collect();
    let found =
        threads.into_iter().map(|(name, thread)| (name, thread.join().unwrap())).filter(|(_, found)| !found.is_empty());
    let found: Vec<String> = found.map(|(name, found)| format!("{name}:\n{}", found.join("\n"))).collect();
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

#[test]
fn random_events_have_the_same_effects_as_with_c_keepalived() {
    let _turn = machine::shared();
    let mut found = Vec::new();
    for seed in seeds() {
        let scenario = random::scenario(seed);
        let differences = differences(&scenario);
        if !differences.is_empty() {
            found.push(format!("seed {seed}: {scenario:#?}\n{}", differences.join("\n")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}
