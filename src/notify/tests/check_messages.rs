//! The line of each change of the checkers.

use super::configuration;
use crate::check::{Cause, Change, Pool, QuorumStatus, Setter, Tables, VirtualServerId};
use crate::notify::check_messages::line;
use crate::notify::log::Level::{self, Info, Notice};

const TEXT: &str = "
virtual_server 10.0.0.1 80 {
    lb_algo wlc
    lb_kind NAT
    protocol TCP
    sorry_server 10.1.0.9 80
    real_server 10.1.0.1 8080 {
        TCP_CHECK {
        }
    }
    real_server 10.1.0.2 8080 {
        inhibit_on_failure
        SSL_GET {
            url {
                path /
                status_code 200
            }
        }
    }
}
virtual_server fwmark 7 {
    lb_algo wlc
    lb_kind NAT
    real_server 10.1.0.3 53 {
        DNS_CHECK {
        }
    }
}
virtual_server_group web {
    10.0.0.2 80
}
virtual_server group web {
    lb_algo wlc
    lb_kind NAT
    protocol TCP
    real_server 10.1.0.4 80 {
        MISC_CHECK {
            misc_path /bin/true
        }
    }
}
";

fn check(cases: impl IntoIterator<Item = (Change, Level, &'static str)>) {
    let tables = Tables::of(configuration(TEXT).lvs);
    for (change, level, text) in cases {
        assert_eq!(line(&change, &tables), (level, text.to_owned()), "{change:?}");
    }
}

const WEB: VirtualServerId = VirtualServerId(1);
const POOL: Pool = Pool { total: 2, up: 1, weight_sum: 1, quorum: 1, hysteresis: 0 };

#[test]
fn servers_come_and_go() {
    let server = |id, up, cause| Change::RealServer { id, up, cause, pool: POOL };
    let stop = Cause::Shutdown { omega: false };
    // Row 1 of a service with a sorry server is the sorry server.
    check([
        (server((WEB, 2), true, Cause::Checks), Notice, "Adding service [10.1.0.1]:tcp:8080 to VS [10.0.0.1]:tcp:80"),
        (
            server((WEB, 2), false, Cause::Checks),
            Notice,
            "Removing service [10.1.0.1]:tcp:8080 from VS [10.0.0.1]:tcp:80",
        ),
        (
            server((WEB, 2), false, Cause::Initial),
            Notice,
            "Service [10.1.0.1]:tcp:8080 of VS [10.0.0.1]:tcp:80 starts down",
        ),
        (server((WEB, 2), false, stop), Notice, "Shutting down service [10.1.0.1]:tcp:8080 from VS [10.0.0.1]:tcp:80"),
        (
            server((WEB, 3), false, stop),
            Notice,
            "Shutting down (inhibited) service [10.1.0.2]:tcp:8080 from VS [10.0.0.1]:tcp:80",
        ),
        (server((VirtualServerId(2), 1), true, Cause::Checks), Notice, "Adding service [10.1.0.3]:none:53 to VS FWM 7"),
        (
            server((VirtualServerId(3), 1), true, Cause::Checks),
            Notice,
            "Adding service [10.1.0.4]:tcp:80 to VS [web]:0",
        ),
    ]);
}

#[test]
fn checks_and_weights() {
    let checker = |id, up, reason: &str| Change::Checker { id, up, reason: reason.into() };
    check([
        (checker(((WEB, 2), 1), true, ""), Notice, "TCP_CHECK of [10.1.0.1]:tcp:8080 succeeded"),
        (
            checker(((WEB, 3), 1), false, "connection refused"),
            Notice,
            "SSL_GET of [10.1.0.2]:tcp:8080 failed: connection refused",
        ),
        (
            Change::AttemptFailed { id: ((WEB, 2), 1), reason: "time-out".into(), left: 2 },
            Info,
            "TCP_CHECK of [10.1.0.1]:tcp:8080: attempt failed: time-out; 2 attempts left",
        ),
        (
            Change::WeightSet { id: (WEB, 2), from: 1, to: 5, by: Setter::Snmp },
            Notice,
            "SNMP has set the weight of [10.1.0.1]:tcp:8080 in VS [10.0.0.1]:tcp:80 from 1 to 5",
        ),
        (
            Change::Weight { id: (WEB, 2), from: 1, to: 0 },
            Info,
            "Weight of [10.1.0.1]:tcp:8080 in VS [10.0.0.1]:tcp:80 changes from 1 to 0",
        ),
    ]);
}

#[test]
fn quorums_and_sorry_servers() {
    let quorum = |status, cause, weight_sum| {
        let pool = Pool { weight_sum, quorum: 4, hysteresis: 1, ..POOL };
        Change::Quorum { id: WEB, status, cause, pool }
    };
    let suspended = |suspended| Change::Suspended { id: WEB, suspended };
    check([
        (quorum(QuorumStatus::Met, Cause::Checks, 5), Notice, "Gained quorum 4+1=5 <= 5 for VS [10.0.0.1]:tcp:80"),
        (quorum(QuorumStatus::NotMet, Cause::Checks, 2), Notice, "Lost quorum 4-1=3 > 2 for VS [10.0.0.1]:tcp:80"),
        (
            quorum(QuorumStatus::NotMet, Cause::Initial, 0),
            Notice,
            "Starting with quorum down 4+1=5 > 0 for VS [10.0.0.1]:tcp:80",
        ),
        (quorum(QuorumStatus::Shutdown, Cause::Shutdown { omega: true }, 5), Notice, "VS [10.0.0.1]:tcp:80 stops"),
        (Change::Sorry { id: WEB, in_use: true }, Notice, "Adding sorry server of VS [10.0.0.1]:tcp:80"),
        (Change::Sorry { id: WEB, in_use: false }, Notice, "Removing sorry server of VS [10.0.0.1]:tcp:80"),
        (suspended(true), Info, "Checkers of VS [10.0.0.1]:tcp:80 are suspended: this host has none of its addresses"),
        (suspended(false), Info, "Checkers of VS [10.0.0.1]:tcp:80 are resumed"),
    ]);
}
