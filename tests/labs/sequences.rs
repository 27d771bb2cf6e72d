//! `auth_type AH`: sequence numbers continue after a restart of the daemon.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::Duration;

use lab::Daemon::Ours;
use lab::conf::VRID;
use lab::{Lab, Protocol, Stamp, machine, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// The sequence numbers that the router has sent since then, once there are two.
fn sent(lab: &Lab, since: Stamp) -> Vec<u32> {
    let numbers = || lab.wire.adverts(1, VRID, since).iter().filter_map(|(_, advert)| advert.sequence).collect();
    wait_until(LIMIT, "it is master", || Vec::<u32>::len(&numbers()) > 1);
    numbers()
}

#[test]
fn sequence_numbers_continue_after_a_stop_or_a_kill() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let protocol = Protocol::V2Ah;
    lab.router(1).configure(&protocol.conf(100, ""));
    lab.router(1).start(Ours);
    let mut last = *sent(&lab, Duration::ZERO).last().unwrap();

    let (_, status) = lab.router(1).stop();
    assert!(status.success());
    let file = lab.router(1).file("vrrp.sequences");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(r#""version":2"#) && text.contains(r#""name":"VI_51""#), "{text}");
    assert!(text.contains(r#""reserved":0"#), "exact at a stop: {text}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!text.contains(std::str::from_utf8(lab::conf::PASSWORD).unwrap()));

    for deed in ["stopped", "killed"] {
        let since = lab::now();
        lab.router(1).start(Ours);
        let numbers = sent(&lab, since);
        assert!(numbers.is_sorted() && numbers[0] > last, "{deed}: {numbers:?} after {last}");
        last = *numbers.last().unwrap();
        lab.router(1).kill9();
    }

    chown(&file, Some(65534), None).unwrap();
    lab.router(1).start(Ours);
    wait_until(LIMIT, "the reason why the file is not used is logged", || {
        let log = lab.router(1).log();
        log.contains("vrrp.sequences: it belongs to user 65534") && log.contains("auth_type AH")
    });
    assert!(lab.router(1).stop().1.success());
}
