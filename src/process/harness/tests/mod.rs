//! Tests of the loop in virtual time, with fakes that record its calls.

mod fakes;

use std::time::Duration;

use nix::sys::signal::raise;

use super::super::ipc::Message;
use super::tokens::{AGENT, ORDERS, token};
use crate::reactor::Signal;
use crate::system::{Daemon, News};
use fakes::{Loop, config, ms};

/// Runs a test in a separate thread, since it blocks signals.
fn in_thread(test: impl FnOnce() + Send + 'static) {
    if let Err(panic) = std::thread::spawn(test).join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_turn_handles_packets_then_timers_then_orders_then_the_rest() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        lab.turn();
        lab.sent_to_parent();
        lab.set_timer("T", ms(10));
        lab.send(&Message::Config(config("B")));
        lab.arrive(ms(10), &[token(0), ORDERS, AGENT]);
        lab.turn();
        lab.assert_calls(&[
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
        ]);
        assert_eq!(lab.sent_to_parent(), ["indices B", "ready"]);
        assert!(lab.logged("The new configuration is in force"));
    });
}

/// The last checkpoint is exact: nothing happens after it. A process whose replacement does not begin in time goes on, and says that its
/// state is not exact any more before anything else happens.
#[test]
fn a_process_hands_over_and_goes_on_if_it_is_not_replaced() {
    for (limit, waits, says) in [(None, ms(250), None), (Some(400), ms(400), Some("resumed"))] {
        in_thread(move || {
            let mut lab = Loop::<false>::start(false);
            lab.turn();
            lab.sent_to_parent();
            lab.on_receive("A goes up");
            lab.send(&Message::HandOver(limit));
            lab.send(&Message::Config(config("B")));
            lab.arrive(ms(10), &[token(0), ORDERS, AGENT]);
            let begun = std::time::Instant::now();
            lab.turn();
            assert!(begun.elapsed() >= waits, "it waits for its end");
            let calls = lab.take_calls();
            let expected =
                ["view A goes up", "last checkpoint", "agent dropped", "keeps still", "resumes", "configure B"];
            assert_eq!(in_order(&calls, &expected), expected, "{calls:?}");
            let sent = ["checkpoint 1001", "handed over", "indices A", "checkpoint 1", "indices B", "ready"];
            let mut sent = sent.to_vec();
            says.into_iter().for_each(|says| sent.insert(2, says));
            assert_eq!(lab.sent_to_parent(), sent);
            assert!(lab.logged("The replacement of this process has not begun in time; continuing"));
        });
    }
}

/// The parent has it continue, and what has arrived meanwhile is not lost. It is not taken for hanging.
#[test]
fn a_process_that_keeps_still_answers_hellos_and_continues_on_order() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        lab.turn();
        lab.sent_to_parent();
        lab.send(&Message::HandOver(Some(60_000)));
        lab.arrive(ms(10), &[ORDERS]);
        let parent = lab.parent();
        let begun = std::time::Instant::now();
        let orders = std::thread::spawn(move || {
            let mut parent = parent;
            std::thread::sleep(ms(100));
            for message in [Message::Hello(7), Message::Config(config("B")), Message::Resume] {
                parent.send(&message).unwrap();
            }
            parent
        });
        lab.turn();
        assert!((ms(100)..ms(30_000)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        lab.give_back_parent(orders.join().unwrap());
        assert_eq!(lab.sent_to_parent(), ["checkpoint 1000", "handed over", "Hello(7)", "indices A", "checkpoint 0"]);
        lab.turn();
        assert_eq!(lab.sent_to_parent(), ["indices B", "ready"]);
    });
}

/// Reloads move SNMP to another master and switch it off.
#[test]
fn an_old_agent_closes_its_session_while_the_next_works() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        let reload = |lab: &mut Loop<false>, id: &str, at: u64| {
            lab.send(&Message::Config(config(id)));
            lab.arrive(ms(at), &[ORDERS]);
            lab.turn();
            lab.take_calls()
        };
        lab.turn();
        assert!(!reload(&mut lab, "B", 10).iter().any(|line| line.contains("closes")), "its settings have not changed");
        let calls = reload(&mut lab, "to_C", 20);
        assert!(calls.iter().any(|line| line == "agent closes by 520ms"), "{calls:?}");
        // Only the new agent gets notifications; both have turns.
        lab.on_receive("A goes up");
        lab.agent_deadline(Some(ms(30)));
        lab.arrive(ms(30), &[token(0)]);
        lab.turn();
        let calls = lab.take_calls();
        assert_eq!(
            calls.iter().filter(|line| line.contains("shows")).collect::<Vec<_>>(),
            ["agent to_C shows A goes up"]
        );
        assert_eq!(in_order(&calls, &["agent", "agent to_C"]), ["agent", "agent to_C"]);
        // An agent that never closes is dropped after its time.
        lab.agent_deadline(None);
        lab.until(ms(1100));
        lab.agent_deadline(Some(Duration::ZERO));
        lab.turn();
        let calls = lab.take_calls();
        assert!(
            !calls.iter().any(|line| line == "agent") && calls.iter().any(|line| line == "agent to_C"),
            "{calls:?}"
        );
        lab.agent_deadline(None);
        let calls = reload(&mut lab, "off", 1200);
        assert!(calls.iter().any(|line| line == "agent to_C closes by 1.7s"), "{calls:?}");
        lab.agent_is_closed();
        lab.until(ms(1290));
        assert!(!lab.take_calls().iter().any(|line| line.starts_with("agent")));
        lab.agent_deadline(Some(ms(1300)));
        let calls = reload(&mut lab, "D", 1300);
        assert!(calls.iter().any(|line| line == "agent"), "SNMP is on again: {calls:?}");
    });
}

#[test]
fn a_change_is_sent_to_the_parent_and_then_shown_once_by_each_view() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        lab.turn();
        lab.on_receive("A goes up");
        lab.arrive(ms(10), &[token(0)]);
        lab.turn();
        let calls = lab.take_calls();
        let expected =
            ["checkpoint", "reconcile true", "parent has checkpoint 1", "view A goes up", "agent shows A goes up"];
        assert_eq!(in_order(&calls, &expected), expected, "{calls:?}");
        assert!(lab.logged("A goes up"));
        // An unchanged checkpoint is not sent again.
        lab.save();
        lab.turn();
        assert!(lab.take_calls().iter().any(|line| line == "checkpoint"));
        assert!(lab.sent_to_parent().is_empty());
    });
}

/// The calls that are in `expected`, in the order of the calls.
fn in_order<'s>(calls: &'s [String], expected: &[&str]) -> Vec<&'s str> {
    calls.iter().map(String::as_str).filter(|line| expected.contains(line)).collect()
}

#[test]
fn a_delayed_checkpoint_covers_many_changes() {
    in_thread(|| {
        let mut lab = Loop::<true>::start(false);
        // The first checkpoint is sent without a change: by it a replacement knows that it is one.
        lab.until(ms(600));
        assert_eq!(lab.sent_to_parent(), ["indices A", "ready", "checkpoint 0"]);
        lab.take_calls();
        for at in [700, 800, 900] {
            lab.on_receive("A goes up");
            lab.arrive(ms(at), &[token(0)]);
        }
        lab.until(ms(1150));
        assert_eq!(lab.take_calls().iter().filter(|line| *line == "view A goes up").count(), 3);
        assert!(lab.sent_to_parent().is_empty());
        lab.until(ms(1250));
        assert_eq!(lab.sent_to_parent(), ["checkpoint 3"], "500 ms after the first");
        // A checkpoint that must not be delayed.
        lab.save_at_once();
        lab.turn();
        assert!(lab.take_calls().iter().any(|line| line == "checkpoint"));
    });
}

#[test]
fn a_coarse_turn_has_a_fixed_time_and_a_limited_number_of_timers() {
    in_thread(|| {
        let mut lab = Loop::<true>::start(false);
        lab.turn();
        lab.receiving_takes(ms(5));
        for (name, at) in [("A", 10), ("B", 10), ("C", 10), ("D", 18)] {
            lab.set_timer(name, ms(at));
        }
        // D becomes due while the second turn reads packets; it waits for the next turn, which first reads the packets
        // that have arrived by then.
        for (at, expected) in [(10, "AB"), (15, "C"), (20, "D")] {
            lab.arrive(ms(at), &[token(0)]);
            lab.turn();
            let timers: String = lab.take_calls().iter().filter_map(|line| line.strip_prefix("timer ")).collect();
            assert_eq!(timers, expected, "at {at} ms");
        }
    });
}

#[test]
fn a_punctual_turn_handles_all_timers_that_are_due() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        lab.turn();
        for name in ["A", "B", "C"] {
            lab.set_timer(name, ms(10));
        }
        lab.set_timer("F", ms(12));
        lab.receiving_takes(ms(5));
        lab.turn();
        let calls = lab.take_calls();
        assert_eq!(in_order(&calls, &["timer A", "timer B", "timer C", "timer F"]).len(), 4, "{calls:?}");
    });
}

#[test]
fn the_loop_sleeps_until_the_earliest_deadline() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        // The first turn does not sleep, nor does one requested by again().
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
fn an_agent_that_always_has_more_work_does_not_delay_timers() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        lab.turn();
        lab.agent_deadline(Some(Duration::ZERO));
        lab.agent_takes(ms(3));
        let mut late = Duration::ZERO;
        for n in 1..=100 {
            let due = ms(n * 10);
            lab.set_timer("T", due);
            let calls = loop {
                lab.turn();
                let calls = lab.take_calls();
                // The agent has one turn, after the timers.
                assert_eq!(calls.iter().filter(|line| *line == "agent").count(), 1);
                if calls.iter().any(|line| line == "timer T") {
                    break calls;
                }
            };
            assert_eq!(in_order(&calls, &["timer T", "agent"]), ["timer T", "agent"]);
            late = late.max(lab.timer_came() - due);
        }
        assert!(late <= ms(3), "{late:?}");
    });
}

#[test]
fn a_turn_for_the_master_alone_only_answers_it() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        lab.until(ms(200));
        lab.arrive(ms(300), &[AGENT]);
        lab.turn();
        assert_eq!(lab.take_calls(), ["agent"]);
        lab.agent_sets("A is set");
        lab.arrive(ms(400), &[AGENT]);
        lab.turn();
        assert_eq!(lab.take_calls(), ["agent", "settle"]);
        lab.turn();
        // A timer that is due, or another source, makes it a turn like any other.
        lab.set_timer("T", ms(500));
        for (at, sources) in [(500, &[AGENT][..]), (600, &[AGENT, token(7)])] {
            lab.arrive(ms(at), sources);
            lab.turn();
            let calls = lab.take_calls();
            assert_eq!(in_order(&calls, &["settle", "agent"]), ["settle", "settle", "agent"], "{calls:?}");
        }
    });
}

#[test]
fn a_set_request_is_shown_by_the_views_without_delay() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        lab.until(ms(200));
        lab.agent_sets("A is set");
        lab.arrive(ms(300), &[AGENT]);
        lab.turn();
        lab.take_calls();
        // There is no deadline: the loop would sleep for ever if pending changes did not prevent it.
        lab.turn();
        assert!(lab.take_calls().iter().any(|line| line == "view A is set"));
        assert_eq!(lab.now(), ms(300));
    });
}

#[test]
fn a_stop_waits_for_the_kernel_then_for_the_agent() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        lab.until(ms(200));
        raise(Signal::SIGTERM).unwrap();
        lab.arrive(ms(1000), &[ORDERS]);
        lab.turn();
        let calls = lab.take_calls();
        let stop = ["stop", "parent has checkpoint 1", "view stopping"];
        assert_eq!(in_order(&calls, &stop), stop, "{calls:?}");
        lab.until(ms(1500));
        assert!(!lab.is_done());
        lab.release();
        lab.arrive(ms(2000), &[token(0)]);
        lab.turn();
        assert!(lab.take_calls().iter().any(|line| line == "agent closes by 2.5s"));
        assert!(!lab.is_done(), "the agent has not closed");
        lab.agent_is_closed();
        lab.arrive(ms(2200), &[AGENT]);
        lab.turn();
        assert!(lab.is_done());
        let (calls, outcome) = lab.end();
        // child_wait_time is 5 s; 300 ms of it are a margin.
        assert_eq!(calls, ["held", "end true", "view finishes: 3.5s for scripts, 1s for others"]);
        outcome.unwrap();
    });
}

#[test]
fn a_stop_ends_at_its_time_limit_even_if_the_kernel_is_not_done() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        lab.until(ms(200));
        raise(Signal::SIGTERM).unwrap();
        lab.arrive(ms(1000), &[ORDERS]);
        lab.until_done();
        // 4 s for the kernel, then 1 s for an agent that does not close.
        assert_eq!(lab.now(), ms(6000));
        assert!(lab.logged("The kernel has not removed all addresses in time"));
        let (calls, outcome) = lab.end();
        assert!(calls.contains(&"end false".to_owned()));
        assert_eq!(outcome.unwrap_err().to_string(), "not all addresses could be removed");
    });
}

#[test]
fn a_stopping_process_ignores_further_orders() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        lab.until(ms(200));
        lab.sent_to_parent();
        raise(Signal::SIGTERM).unwrap();
        lab.arrive(ms(1000), &[ORDERS]);
        lab.turn();
        lab.until(ms(1500));
        lab.take_calls();
        // A reload, and another stop.
        lab.send(&Message::Config(config("B")));
        raise(Signal::SIGTERM).unwrap();
        lab.arrive(ms(2000), &[ORDERS]);
        lab.turn();
        let calls = lab.take_calls();
        assert!(!calls.iter().any(|line| line.starts_with("configure") || line == "stop"), "{calls:?}");
        assert!(lab.sent_to_parent().is_empty(), "it does not report that it is ready");
        lab.until_done();
        assert_eq!(lab.now(), ms(6000), "the limit is that of the first order");
    });
}

#[test]
fn a_process_stops_when_its_parent_is_gone() {
    in_thread(|| {
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
fn a_cleanup_process_stops_at_once_and_sends_no_indices() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(true);
        let calls = lab.take_calls();
        assert_eq!(in_order(&calls, &["start true", "stop"]), ["start true", "stop"]);
        assert!(!lab.sent_to_parent().iter().any(|message| message.starts_with("indices")));
        // Its limit is longer than that of a usual stop, since no other process cleans up afterwards.
        assert_eq!(lab.deadline(), Some(ms(100)), "the timer of the record of held state");
        lab.clear_timers();
        assert_eq!(lab.deadline(), Some(ms(20_000)));
    });
}

#[test]
fn held_state_is_recorded_soon_after_a_change_and_at_the_exit() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        lab.until(ms(200));
        lab.take_calls();
        for at in [300, 350] {
            lab.on_receive("A goes up");
            lab.arrive(ms(at), &[token(0)]);
        }
        lab.until(ms(390));
        assert!(!lab.take_calls().contains(&"held".to_owned()));
        lab.until(ms(450));
        assert_eq!(lab.take_calls().iter().filter(|line| *line == "held").count(), 1, "many changes, one record");
        let record = lab.record();
        lab.end().1.unwrap_err();
        assert!(std::fs::read_to_string(record.path().join("held")).unwrap().contains("\"record\":[\"A\"]"));
    });
}

#[test]
fn lateness_is_reported_with_each_hello_and_news_by_the_agent() {
    in_thread(|| {
        let mut lab = Loop::<false>::start(false);
        lab.turn();
        lab.sent_to_parent();
        lab.set_timer("T", ms(10));
        lab.receiving_takes(ms(5));
        lab.turn();
        lab.receiving_takes(Duration::ZERO);
        lab.send(&Message::Hello(3));
        lab.arrive(ms(20), &[ORDERS]);
        lab.turn();
        let sent = lab.sent_to_parent();
        assert_eq!(in_order(&sent, &["Hello(3)", "Late(Lateness { max: 5ms, p99: 5ms })"]).len(), 2, "{sent:?}");

        let news = serde_json::to_vec(&(Daemon::default(), [News::ReloadRefused])).unwrap();
        lab.send(&Message::Daemon(news));
        lab.arrive(ms(30), &[ORDERS]);
        lab.turn();
        let calls = lab.take_calls();
        assert_eq!(in_order(&calls, &["agent notifies ReloadRefused"]).len(), 1, "{calls:?}");
    });
}
