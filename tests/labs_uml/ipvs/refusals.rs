//! Changes that the kernel refuses, and a kernel that lacks IPVS.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use crate::ipvs_support::{Director, LIMIT, services, tcp};
use keepalived::check::ipvs::{self, Change};
use keepalived::config::lvs::{Method, Scheduler, VirtualServer};
use keepalived::kernel::ipvs::{Answer, Error, Request};
use keepalived::reactor::launcher::set_launcher;
use keepalived::state::Done;
use lab::ipvs::{ipvsadm, restore};
use lab::uml::{inside, is_inside, run};
use lab::wait_for;
use nix::sys::signal::{SigSet, Signal};

#[test]
fn redundant_changes_succeed_and_impossible_ones_are_refused() {
    inside(|| {
        let director = Director::new();
        let service = |scheduler| {
            let server = VirtualServer { scheduler, ..tcp("10.0.0.1:80") };
            services(&server, &[]).pop().unwrap()
        };
        let key = service(Scheduler::Rr).key;
        let destination =
            |address: &str, weight| ipvs::destination(&key, address.parse().unwrap(), Method::Nat, weight, 0, 0);
        let absent = destination("192.168.0.2:80", 1);
        restore(&director.netns, "-A -t 10.0.0.1:80 -s wlc\n-a -t 10.0.0.1:80 -r 192.168.0.1:80 -m -w 1\n");
        let outcomes = director.outcomes(vec![
            Change::NewService(service(Scheduler::Rr)),
            Change::NewDestination(key, destination("192.168.0.1:80", 5)),
            Change::SetDestination(key, absent.clone()),
        ]);
        assert_eq!(outcomes, vec![Ok(Done::Changed); 3]);
        let saved = ipvsadm(&director.netns, "-S -n");
        assert_eq!(
            saved,
            "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 192.168.0.1:80 -m -w 5\n\
             -a -t 10.0.0.1:80 -r 192.168.0.2:80 -m -w 1\n"
        );
        // A service that is removed later in the same batch is not added again.
        let outcomes = director.outcomes(vec![
            Change::DelDestination(key, absent.key),
            Change::DelDestination(key, absent.key),
            Change::SetDestination(key, absent.clone()),
            Change::DelDestination(key, absent.key),
            Change::NewService(service(Scheduler::Wlc)),
            Change::DelService(key),
            Change::DelService(key),
            Change::DelDestination(key, absent.key),
        ]);
        let so = || Ok(Done::AlreadySo);
        let done = || Ok(Done::Changed);
        assert!(matches!(&outcomes[2], Err(Error::Refused(refusal)) if refusal.errno == 2), "{outcomes:?}");
        assert_eq!(outcomes[..2], [done(), so()]);
        assert_eq!(outcomes[3..], [so(), so(), done(), so(), so()]);
        assert_eq!(ipvsadm(&director.netns, "-S -n"), "");
        // A destination of a missing service, and a scheduler that this kernel does not have.
        let outcomes = director.outcomes(vec![
            Change::NewDestination(key, absent),
            Change::SetService(service(Scheduler::Rr)),
            Change::NewService(service(Scheduler::Twos)),
        ]);
        let errno = |outcome: &Result<Done, Error>| match outcome {
            Err(Error::Refused(refusal)) => refusal.errno,
            other => panic!("{other:?}"),
        };
        assert_eq!(outcomes.iter().map(errno).collect::<Vec<_>>(), [3, 3, 2]);
    });
}

/// The kernel returns each refused request; the socket has room for those of a whole batch.
#[test]
fn every_refusal_of_a_long_batch_is_received() {
    inside(|| {
        let director = Director::new();
        let of = services(&tcp("10.0.0.1:80"), &[]).pop().unwrap().key;
        let changes = (0..400_u16).map(|port| {
            let address = ([192, 168, 0, 1], 1000 + port).into();
            Change::NewDestination(of, ipvs::destination(&of, address, Method::Nat, 1, 0, 0))
        });
        for outcome in director.outcomes(changes.collect()) {
            assert!(matches!(&outcome, Err(Error::Refused(refusal)) if refusal.errno == 3), "{outcome:?}");
        }
    });
}

#[test]
fn a_kernel_without_the_module() {
    inside(|| {
        let loader = fs::read_to_string("/proc/sys/kernel/modprobe").unwrap();
        let loaded = || fs::read_to_string("/proc/modules").unwrap().contains("ip_vs");
        let service = services(&tcp("10.0.0.1:80"), &[]).pop().unwrap();
        let (before, key) = (Director::new(), service.key);
        before.apply(vec![Change::NewService(service.clone()), Change::DelService(key)]);
        fs::write("/proc/sys/kernel/modprobe", "/bin/false").unwrap();
        // Modules are unloaded after those that depend on them.
        wait_for(LIMIT, "the modules are unloaded", || {
            let modules = fs::read_to_string("/proc/modules").unwrap();
            let modules =
                modules.lines().filter_map(|line| line.split(' ').next()).filter(|name| name.starts_with("ip_vs"));
            Command::new("rmmod").args(modules).output().unwrap();
            (!loaded()).then_some(())
        });
        let after = Director::new();
        for director in [&before, &after] {
            assert_eq!(
                director.answers(vec![Request::Change(1, Change::NewService(service.clone())), Request::Dump(2)]),
                [
                    Answer::Changed { token: 1, outcome: Err(Error::NoIpvs) },
                    Answer::Dumped { token: 2, table: Err(Error::NoIpvs) }
                ]
            );
        }
        assert!(Error::NoIpvs.to_string().contains("modprobe ip_vs"));
        assert!(!loaded());
        // A writer loads the module if possible, and earlier writers use it too.
        // modprobe runs in a clean process, although this one blocks a signal. The kernel runs it first, for the alias of the
        // family, which a kernel may not know.
        set_launcher(env!("CARGO_BIN_EXE_keepalived").into());
        let (recorder, runs) = ("/run/tmp/modprobe", "/run/tmp/runs");
        let record = format!("echo $* $(grep ^SigBlk: /proc/self/status) >> {runs}");
        let lines = format!("{record}\ncase $* in *-IPVS) exit 1 ;; esac\nexec {} \"$@\"\n", loader.trim());
        fs::write(recorder, format!("#!/bin/sh\n{lines}")).unwrap();
        fs::set_permissions(recorder, PermissionsExt::from_mode(0o755)).unwrap();
        fs::write("/proc/sys/kernel/modprobe", recorder).unwrap();
        SigSet::from(Signal::SIGTERM).thread_block().unwrap();
        assert_eq!(Director::new().table().services.len(), 0);
        assert!(loaded());
        let runs = fs::read_to_string(runs).unwrap();
        assert!(runs.lines().any(|run| run == "-q -- ip_vs SigBlk: 0000000000000000"), "{runs}");
        fs::write("/proc/sys/kernel/modprobe", loader.trim()).unwrap();
        for director in [&before, &after] {
            director.apply(vec![Change::NewService(service.clone())]);
            assert_eq!(director.table().services.len(), 1);
        }
    });
}

#[test]
fn a_kernel_that_does_not_exit_is_killed() {
    if is_inside() {
        return;
    }
    let report = run("echo on; sleep 600", Duration::from_secs(15));
    assert_eq!((report.status, report.output.as_str()), (None, "on\n"), "{}", report.console);
    let report = run("exit 3", Duration::from_secs(60));
    assert_eq!(report.status, Some(3), "{}", report.console);
}
