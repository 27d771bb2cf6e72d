//! Trackers for the tests of other modules, and a test of the effects of readings.

use std::time::Duration;

use super::*;
use crate::config::model::{Script, Track, TrackFile, TrackScript};

/// A `vrrp_script` block with the defaults.
pub fn script(name: &str) -> TrackScript {
    TrackScript {
        name: name.to_owned(),
        script: Script { argv: vec![format!("/check/{name}")], user: None },
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        weight: 0,
        reverse: false,
        rise: 1,
        fall: 1,
        init_fail: false,
    }
}

/// A `track_file` block with the defaults.
pub fn file(name: &str) -> TrackFile {
    TrackFile { name: name.to_owned(), path: format!("/run/{name}"), weight: 1, reverse: false, init: None }
}

#[test]
fn effects_of_readings() {
    use Effect::{Fault, Undecided, Weight};
    use Reading::{Down, Number, Unknown, Up};
    for (reading, weight, reverse, wanted) in [
        (Unknown, 0, false, Undecided),
        (Unknown, 10, false, Weight(0)),
        (Up, 0, false, Weight(0)),
        (Down, 0, false, Fault),
        (Up, 0, true, Fault),
        (Down, 0, true, Weight(0)),
        (Up, 10, false, Weight(10)),
        (Down, 10, false, Weight(0)),
        (Up, -20, false, Weight(0)),
        (Down, -20, false, Weight(-20)),
        (Up, 10, true, Weight(-10)),
        (Down, 10, true, Weight(0)),
        (Down, -20, true, Weight(20)),
        (Number(0), 0, false, Weight(0)),
        (Number(-1), 0, false, Fault),
        (Number(0), 0, true, Fault),
        (Number(1), 0, true, Weight(0)),
        (Number(10), 1, false, Weight(10)),
        (Number(3), 2, true, Weight(-6)),
        (Number(-127), 2, false, Fault),
        (Number(-126), 2, false, Weight(-252)),
        (Number(127), -2, false, Fault),
        (Number(127), -2, true, Weight(254)),
        (Number(i32::MIN), 254, true, Weight(254)),
        (Number(i32::MAX), 254, true, Fault),
    ] {
        let entry = Track { kind: TrackerKind::File, name: "t".into(), weight, reverse };
        assert_eq!(reading.effect(&entry), wanted, "{reading:?} {weight} {reverse}");
    }
}
