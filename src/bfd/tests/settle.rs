//! Property tests: any two sessions on any link come up, and go down when the link is cut.

use std::time::Duration;

use proptest::prelude::*;

use super::link::{Link, ms, session};
use crate::config::model::BfdInstance;
use crate::wire::bfd::State;

fn any_session() -> impl Strategy<Value = BfdInstance> {
    let intervals = (1u64..2000, 1u64..2000, 1000u64..3000);
    (intervals, 1u8..12, any::<bool>()).prop_map(|((min_rx, min_tx, idle_tx), multiplier, multihop)| BfdInstance {
        min_rx: ms(min_rx),
        min_tx: ms(min_tx),
        idle_tx: ms(idle_tx),
        multiplier,
        multihop,
        ..session()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sessions_settle_and_detect_silence_in_time(
        a in any_session(),
        b in any_session(),
        passive in 0usize..3,
        loss in 0u64..400,
        delay in 0u64..20,
    ) {
        let kind = a.multihop;
        let [a, b] = [(a, 0), (b, 1)].map(|(session, end)| BfdInstance {
            multihop: kind,
            passive: passive == end,
            ..session
        });
        let mut link = Link::new([a, b]);
        link.delay = ms(delay);
        link.loss = loss;
        // On a lossy link, sessions with a small multiplier may flap; on a good link they stay up.
        link.run(Duration::from_secs(20));
        link.loss = 0;
        link.run(Duration::from_secs(60));
        prop_assert_eq!(link.states(), [State::Up; 2]);
        for end in &link.ends {
            prop_assert!(!end.row().poll);
            prop_assert_eq!(end.row().in_force, end.row().advertised());
        }
        link.forget();
        link.run(Duration::from_secs(30));
        prop_assert!(link.ends.iter().all(|end| end.states().is_empty()), "{:?}", link.ends[0].changes);

        let detections = [0, 1].map(|end: usize| link.ends[end].row().detection_time);
        prop_assert_eq!(detections, [1, 0].map(|end: usize| link.ends[end].row().remote_detection_time()));
        link.mute = [true; 2];
        let under_way = ms(delay);
        link.run(detections[0].max(detections[1]) + under_way);
        prop_assert!(!link.states().contains(&State::Up), "{:?}", link.states());
        for (end, detection) in link.ends.iter().zip(detections) {
            let heard = end.row().last_heard.unwrap();
            // Down at the detection time after the last packet, to the microsecond.
            let since = end.changes.iter().any(|_| end.row().since >= heard + detection);
            prop_assert!(since && end.row().since == heard + detection, "{:?}", end.changes);
        }
        link.mute = [false; 2];
        link.run(Duration::from_secs(60));
        prop_assert_eq!(link.states(), [State::Up; 2]);
    }
}
