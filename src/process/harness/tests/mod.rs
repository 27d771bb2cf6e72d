//! The loop in virtual time, with sources, an agent and views that write down what becomes of them.

mod fakes;

use std::time::Duration;

use nix::sys::signal::raise;

use super::super::ipc::Message;
use super::tokens::{AGENT, ORDERS, token};
use crate::reactor::Signal;
use fakes::{Loop, config, ms};

/// Runs a test in a thread of its own: the signals that it blocks stay with it.
fn alone(test: impl FnOnce() + Send + 'static) {
    if let Err(panic) = std::thread::spawn(test).join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn in_a_turn_packets_come_first_then_timers_then_orders_and_the_rest() {
    alone(|| {
        let mut lab = Loop::<false>::start(false);
        lab.turn();
        lab.told();
        lab.set_timer("T", ms(10));
        lab.send(&Message::Config(config("B")));
        lab.arrive(ms(10), &[token(0), ORDERS, AGENT]);
        lab.turn();
        lab.said(&[
            "receive [1]",
            "timer T",
            "settle",
            "configure B",
            "indices",
            "view configured B",
            "settle",
            "checkpoint",
            "reconcile true",
            "work [1]",
            "settle",
            "reconcile false",
            "rest",
            "agent",
            "settle",
        ]);
        assert_eq!(lab.told(), ["indices B", "ready"]);
        assert!(lab.logged("The new configuration is in force"));
    });
}

#[test]
fn a_change_is_told_to_the_parent_then_to_each_view_once() {
    alone(|| {
        let mut lab = Loop::<false>::start(false);
        lab.turn();
        lab.on_receive("A goes up");
        lab.arrive(ms(10), &[token(0)]);
        lab.turn();
        let story = lab.story();
        let told =
            ["checkpoint", "reconcile true", "parent has checkpoint 1", "view A goes up", "agent shows A goes up"];
        assert_eq!(in_order(&story, &told), told, "{story:?}");
        assert!(lab.logged("A goes up"));
        // What does not change is not sent again.
        lab.save();
        lab.turn();
        assert!(lab.story().iter().any(|line| line == "checkpoint"));
        assert!(lab.told().is_empty());
    });
}

/// The lines of a story that are expected, in its order.
fn in_order<'s>(story: &'s [String], expected: &[&str]) -> Vec<&'s str> {
    story.iter().map(String::as_str).filter(|line| expected.contains(line)).collect()
}

#[test]
fn many_changes_make_one_checkpoint_where_that_may_wait() {
    alone(|| {
        let mut lab = Loop::<true>::start(false);
        // The first of all: a replacement is to know that it is none.
        lab.until(ms(600));
        assert_eq!(lab.told(), ["indices A", "ready", "checkpoint 0"]);
        lab.story();
        for at in [700, 800, 900] {
            lab.on_receive("A goes up");
            lab.arrive(ms(at), &[token(0)]);
        }
        lab.until(ms(1150));
        assert_eq!(lab.story().iter().filter(|line| *line == "view A goes up").count(), 3);
        assert!(lab.told().is_empty());
        lab.until(ms(1250));
        assert_eq!(lab.told(), ["checkpoint 3"], "500 ms after the first");
        // Unless it cannot wait.
        lab.save_at_once();
        lab.turn();
        assert!(lab.story().iter().any(|line| line == "checkpoint"));
    });
}

#[test]
fn a_coarse_turn_has_one_time_and_a_few_timers() {
    alone(|| {
        let mut lab = Loop::<true>::start(false);
        lab.turn();
        lab.receiving_takes(ms(5));
        for (name, at) in [("A", 10), ("B", 10), ("C", 10), ("D", 18)] {
            lab.set_timer(name, ms(at));
        }
        // While packets are taken in the second turn D becomes due: what came by then has not been heard yet.
        for (at, expected) in [(10, "AB"), (15, "C"), (20, "D")] {
            lab.arrive(ms(at), &[token(0)]);
            lab.turn();
            let timers: String = lab.story().iter().filter_map(|line| line.strip_prefix("timer ")).collect();
            assert_eq!(timers, expected, "at {at} ms");
        }
    });
}

#[test]
fn a_punctual_turn_takes_all_timers_that_are_due() {
    alone(|| {
        let mut lab = Loop::<false>::start(false);
        lab.turn();
        for name in ["A", "B", "C"] {
            lab.set_timer(name, ms(10));
        }
        lab.set_timer("F", ms(12));
        lab.receiving_takes(ms(5));
        lab.turn();
        let story = lab.story();
        assert_eq!(in_order(&story, &["timer A", "timer B", "timer C", "timer F"]).len(), 4, "{story:?}");
    });
}

#[test]
fn the_loop_sleeps_until_the_first_deadline_of_all() {
    alone(|| {
        let mut lab = Loop::<false>::start(false);
        // The first turn and one that is asked for do not sleep.
        lab.turn();
        lab.until(ms(200));
        lab.set_timer("T", ms(1000));
        assert_eq!(lab.deadline(), Some(ms(1000)));
        lab.process_deadline(Some(ms(900)));
        assert_eq!(lab.deadline(), Some(ms(900)));
        lab.agent_deadline(Some(ms(800)));
        assert_eq!(lab.deadline(), Some(ms(800)));
        lab.turn();
        assert_eq!(lab.slept_until(), Some(ms(800)));
        lab.agent_deadline(None);
        lab.again();
        lab.turn();
        assert_eq!(lab.slept_until(), Some(Duration::ZERO));
        lab.turn();
        assert_eq!(lab.slept_until(), Some(ms(900)));
        lab.process_deadline(None);
        raise(Signal::SIGTERM).unwrap();
        lab.arrive(ms(950), &[ORDERS]);
        lab.turn();
        assert_eq!(lab.now(), ms(950));
        lab.clear_timers();
        assert_eq!(lab.deadline(), Some(ms(950) + ms(4000)), "the limit of the stop");
    });
}

#[test]
fn an_agent_that_always_has_more_to_do_holds_up_nothing() {
    alone(|| {
        let mut lab = Loop::<false>::start(false);
        lab.turn();
        lab.agent_deadline(Some(Duration::ZERO));
        lab.agent_takes(ms(3));
        let mut late = Duration::ZERO;
        for n in 1..=100 {
            let due = ms(n * 10);
            lab.set_timer("T", due);
            let story = loop {
                lab.turn();
                let story = lab.story();
                // One turn of the agent, after the timers.
                assert_eq!(story.iter().filter(|line| *line == "agent").count(), 1);
                if story.iter().any(|line| line == "timer T") {
                    break story;
                }
            };
            assert_eq!(in_order(&story, &["timer T", "agent"]), ["timer T", "agent"]);
            late = late.max(lab.timer_came() - due);
        }
        assert!(late <= ms(3), "{late:?}");
    });
}

#[test]
fn what_a_manager_sets_is_shown_without_waiting_for_anything() {
    alone(|| {
        let mut lab = Loop::<false>::start(false);
        lab.until(ms(200));
        lab.agent_sets("A is set");
        lab.arrive(ms(300), &[AGENT]);
        lab.turn();
        lab.story();
        // There is no deadline: without a change to show it would sleep for ever.
        lab.turn();
        assert!(lab.story().iter().any(|line| line == "view A is set"));
        assert_eq!(lab.now(), ms(300));
    });
}

#[test]
fn a_stop_waits_for_the_kernel_then_for_the_agent() {
    alone(|| {
        let mut lab = Loop::<false>::start(false);
        lab.until(ms(200));
        raise(Signal::SIGTERM).unwrap();
        lab.arrive(ms(1000), &[ORDERS]);
        lab.turn();
        let story = lab.story();
        let stop = ["stop", "parent has checkpoint 1", "view stopping"];
        assert_eq!(in_order(&story, &stop), stop, "{story:?}");
        lab.until(ms(1500));
        assert!(!lab.is_done());
        lab.release();
        lab.arrive(ms(2000), &[token(0)]);
        lab.turn();
        assert!(lab.story().iter().any(|line| line == "agent closes by 2.5s"));
        assert!(!lab.is_done(), "the agent has not closed");
        lab.agent_is_closed();
        lab.arrive(ms(2200), &[AGENT]);
        lab.turn();
        assert!(lab.is_done());
        let (story, outcome) = lab.end();
        // child_wait_time is 5 s; 300 ms of it are a margin.
        assert_eq!(story, ["held", "end true", "view finishes: 3.5s for scripts, 1s for others"]);
        outcome.unwrap();
    });
}

#[test]
fn a_stop_ends_at_its_limit_whatever_the_kernel_does() {
    alone(|| {
        let mut lab = Loop::<false>::start(false);
        lab.until(ms(200));
        raise(Signal::SIGTERM).unwrap();
        lab.arrive(ms(1000), &[ORDERS]);
        lab.until_done();
        // 4 s for the kernel, then 1 s for an agent that does not close.
        assert_eq!(lab.now(), ms(6000));
        assert!(lab.logged("The kernel has not removed all addresses in time"));
        let (story, outcome) = lab.end();
        assert!(story.contains(&"end false".to_owned()));
        assert_eq!(outcome.unwrap_err().to_string(), "not all addresses could be removed");
    });
}

#[test]
fn nothing_but_its_end_matters_to_a_process_that_stops() {
    alone(|| {
        let mut lab = Loop::<false>::start(false);
        lab.until(ms(200));
        lab.told();
        raise(Signal::SIGTERM).unwrap();
        lab.arrive(ms(1000), &[ORDERS]);
        lab.turn();
        lab.until(ms(1500));
        lab.story();
        // A reload, and another stop.
        lab.send(&Message::Config(config("B")));
        raise(Signal::SIGTERM).unwrap();
        lab.arrive(ms(2000), &[ORDERS]);
        lab.turn();
        let story = lab.story();
        assert!(!story.iter().any(|line| line.starts_with("configure") || line == "stop"), "{story:?}");
        assert!(lab.told().is_empty(), "it does not say that it is ready");
        lab.until_done();
        assert_eq!(lab.now(), ms(6000), "the limit is that of the first order");
    });
}

#[test]
fn without_a_parent_it_stops() {
    alone(|| {
        let mut lab = Loop::<false>::start(false);
        lab.until(ms(200));
        lab.release();
        lab.agent_is_closed();
        lab.lose_parent();
        lab.arrive(ms(1000), &[ORDERS]);
        lab.turn();
        assert!(lab.is_done() && lab.logged("The parent process is gone; stopping"));
    });
}

#[test]
fn a_process_that_cleans_up_stops_at_once_and_claims_no_rows() {
    alone(|| {
        let mut lab = Loop::<false>::start(true);
        let story = lab.story();
        assert_eq!(in_order(&story, &["begin true", "stop"]), ["begin true", "stop"]);
        assert!(!lab.told().iter().any(|message| message.starts_with("indices")));
        // It has more time than a process that stops: nobody does it afterwards.
        assert_eq!(lab.deadline(), Some(ms(100)), "the record of what is held");
        lab.clear_timers();
        assert_eq!(lab.deadline(), Some(ms(20_000)));
    });
}

#[test]
fn what_is_held_is_on_record_soon_after_a_change_and_at_the_end() {
    alone(|| {
        let mut lab = Loop::<false>::start(false);
        lab.until(ms(200));
        lab.story();
        for at in [300, 350] {
            lab.on_receive("A goes up");
            lab.arrive(ms(at), &[token(0)]);
        }
        lab.until(ms(390));
        assert!(!lab.story().contains(&"held".to_owned()));
        lab.until(ms(450));
        assert_eq!(lab.story().iter().filter(|line| *line == "held").count(), 1, "many changes, one record");
        let record = lab.record();
        lab.end().1.unwrap_err();
        assert!(std::fs::read_to_string(record.path().join("held")).unwrap().contains("\"record\":[\"A\"]"));
    });
}
