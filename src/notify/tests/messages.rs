//! The line of each change of VRRP.

use std::net::IpAddr;
use std::time::Duration;

use super::configuration;
use crate::config::model::{Family, Route, Rule, RuleAction, TrackerKind};
use crate::notify::log::Level::{self, Error, Info, Notice, Warning};
use crate::notify::messages::line;
use crate::state::Op;
use crate::track::{FlapReport, Reading, ScriptEnd, TrackerId};
use crate::vrrp::{
    Cause, Change, Complaint, Event, Fault, GroupId, InstanceId, Interface, LinkState, ObjectId, Occasion, OwnLinkId,
    Setting, State, Tables, Vrrp,
};

const TEXT: &str = "
global_defs {
    script_user root
}
static_ipaddress {
    10.0.0.9/24 dev eth0
}
vrrp_script chk {
    script /bin/true
}
vrrp_sync_group G {
    group {
        VI
    }
}
vrrp_instance VI {
    interface eth0
    virtual_router_id 51
    priority 150
    virtual_ipaddress {
        10.0.1.51/24
    }
    track_script {
        chk
    }
}
vrrp_instance VM {
    interface eth0
    virtual_router_id 52
    use_vmac
    virtual_ipaddress {
        10.0.1.52
    }
}
";
const VI: InstanceId = InstanceId(1);
const VM: InstanceId = InstanceId(2);

fn peer() -> IpAddr {
    "10.0.0.2".parse().unwrap()
}

/// Tables of a process that has seen the interface eth0 with index 2.
fn machine() -> Vrrp {
    let mut config = configuration(TEXT);
    let route = Route::plain(("10.20.0.0".parse().unwrap(), 16));
    let via = "10.0.0.254".parse().ok();
    config.instances[0].routes = vec![Route { via, device: Some("eth0".into()), ..route }];
    let rule = Rule::plain(Family::V4, 1000, RuleAction::Table(300));
    config.instances[0].rules = vec![Rule { from: Some(("10.30.0.0".parse().unwrap(), 16)), ..rule }];
    let mut vrrp = Vrrp::new(Tables::new(config, "Keepalived v0".into()));
    let eth0 = Interface { index: 2, name: "eth0".into(), up: true, ..Interface::default() };
    vrrp.handle(Event::Interfaces(vec![eth0]), std::time::Duration::ZERO);
    vrrp
}

fn check(cases: impl IntoIterator<Item = (Change, Level, &'static str)>) {
    let vrrp = machine();
    for (change, level, text) in cases {
        assert_eq!(line(&change, vrrp.tables()), (level, text.to_owned()), "{change:?}");
    }
}

fn instance(to: State, cause: Cause) -> Change {
    Change::Instance { id: VI, from: State::Init, to, cause }
}

#[test]
fn a_master_says_why_it_became_one() {
    let timeout = "(VI) Receive advertisement timeout\n(VI) Entering MASTER STATE";
    for (cause, reason) in [
        (Cause::Silence, "no advert from a master"),
        (Cause::MasterLeft(peer()), "master 10.0.0.2 gave up with priority 0"),
        (Cause::LowerAdverts(peer(), 99), "preempting 10.0.0.2, which has priority 99, ours is 150"),
    ] {
        let logged = line(&instance(State::Master, cause), machine().tables());
        assert_eq!(logged, (Notice, format!("{timeout} ({reason})")));
    }
    check([
        (instance(State::Master, Cause::Owner), Notice, "(VI) Entering MASTER STATE (owner of the addresses)"),
        (instance(State::Master, Cause::SyncGroup), Notice, "(VI) Entering MASTER STATE (following its sync group)"),
        (
            instance(State::Master, Cause::Resumed),
            Notice,
            "(VI) Entering MASTER STATE (resuming the state of the previous process)",
        ),
    ]);
}

#[test]
fn other_transitions_say_why_too() {
    check([
        (instance(State::Backup, Cause::Startup), Notice, "(VI) Entering BACKUP STATE (init)"),
        (
            instance(State::Backup, Cause::BetterAdvert(peer(), 200)),
            Notice,
            "(VI) Entering BACKUP STATE (master 10.0.0.2 has priority 200, ours is 150)",
        ),
        (
            instance(State::Backup, Cause::Recovered),
            Notice,
            "(VI) Entering BACKUP STATE (the cause of the fault is gone)",
        ),
        (
            instance(State::Backup, Cause::SequenceExhausted),
            Notice,
            "(VI) Entering BACKUP STATE (the sequence numbers of its adverts are used up)",
        ),
        (
            instance(State::Backup, Cause::AdvertLate(Duration::from_millis(3210))),
            Notice,
            "(VI) Entering BACKUP STATE (its advert is 3.21 s late, so that another router may be master)",
        ),
        (instance(State::Stopped, Cause::Shutdown), Notice, "(VI) Stopped (shutting down)"),
        // Scripts and traps report FAULT.
        (instance(State::Fault, Cause::Deleted), Notice, "(VI) Removed: the new configuration does not have it"),
        (instance(State::Deleted, Cause::Deleted), Notice, "(VI) Removed: the new configuration does not have it"),
    ]);
}

#[test]
fn a_fault_names_its_cause() {
    let tracked = |kind, name: &str, reading| Fault::Tracked { kind, name: name.into(), reading };
    let fixed = |refusal: Option<&str>| Fault::Static {
        object: "route 10.20.0.0/16".into(),
        refusal: refusal.map(str::to_owned),
    };
    for (fault, reason) in [
        (Fault::InterfaceMissing("eth0".into()), "interface eth0 does not exist"),
        (Fault::InterfaceDown("eth0".into()), "interface eth0 is down"),
        (Fault::LinkMissing { kind: "VMAC".into(), name: "vrrp.51".into() }, "VMAC vrrp.51 does not exist"),
        (Fault::LinkMissing { kind: "VMAC".into(), name: String::new() }, "its VMAC does not exist"),
        (Fault::NoSource("eth0".into()), "interface eth0 has no address to send adverts from"),
        (Fault::SourceMissing(peer()), "its source address 10.0.0.2 is not on this host, or not usable yet"),
        (Fault::NoPeer, "it has no unicast_peer"),
        (tracked(TrackerKind::Script, "chk", Reading::Down), "tracked script chk failed"),
        (tracked(TrackerKind::Process, "web", Reading::Down), "tracked process web has no quorum"),
        (tracked(TrackerKind::File, "load", Reading::Number(-254)), "tracked file load has the number -254"),
        (tracked(TrackerKind::Bfd, "b4", Reading::Down), "tracked BFD session b4 is down"),
        (tracked(TrackerKind::Interface, "eth1", Reading::Down), "tracked interface eth1 is down"),
        (tracked(TrackerKind::Script, "chk", Reading::Unknown), "tracked script chk has no result yet"),
        (fixed(None), "cannot set static route 10.20.0.0/16: an interface does not exist"),
        (fixed(Some("File exists")), "cannot set static route 10.20.0.0/16: File exists"),
        (Fault::Privileges("CAP_NET_ADMIN".into()), "this process lacks CAP_NET_ADMIN"),
        (Fault::SyncGroup("VM".into()), "VM, of the same sync group, is in fault"),
    ] {
        let logged = line(&instance(State::Fault, Cause::Fault(fault)), machine().tables());
        assert_eq!(logged, (Notice, format!("(VI) Entering FAULT STATE ({reason})")));
    }
}

#[test]
fn a_sync_group_says_that_it_moves_its_instances() {
    let group = |to| Change::Group { id: GroupId(1), from: State::Init, to };
    check([
        (
            group(State::Master),
            Notice,
            "VRRP_Group(G) Syncing instances to MASTER state\nVRRP_Group(G) Entering MASTER STATE",
        ),
        (
            group(State::Backup),
            Notice,
            "VRRP_Group(G) Syncing instances to BACKUP state\nVRRP_Group(G) Entering BACKUP STATE",
        ),
        (
            group(State::Fault),
            Notice,
            "VRRP_Group(G) Syncing instances to FAULT state\nVRRP_Group(G) Entering FAULT STATE",
        ),
        (group(State::Stopped), Notice, "VRRP_Group(G) Stopped"),
        (group(State::Deleted), Notice, "VRRP_Group(G) Removed"),
    ]);
}

#[test]
fn a_priority_changes_for_a_reason() {
    let tracker = |kind, name: &str, reading| Occasion::Tracker { kind, name: name.into(), reading, counted: false };
    let link = |to| Occasion::Link("eth1".into(), to);
    for (occasion, reason) in [
        (Occasion::Interfaces, "state of the interfaces"),
        (Occasion::Reload, "new configuration"),
        (Occasion::Set(150, 90), "SNMP has set the base priority from 150 to 90"),
        (link(LinkState::Up), "interface eth1 is up"),
        (link(LinkState::Down), "interface eth1 is down"),
        (link(LinkState::Gone), "interface eth1 was deleted"),
        (tracker(TrackerKind::Script, "chk", Reading::Up), "tracked script chk succeeded"),
        (tracker(TrackerKind::Process, "web", Reading::Up), "tracked process web has its quorum"),
        (tracker(TrackerKind::Bfd, "b4", Reading::Up), "tracked BFD session b4 is up"),
    ] {
        let logged = line(&Change::Priority { id: VI, from: 150, to: 90, occasion }, machine().tables());
        assert_eq!(logged, (Info, format!("(VI) Changing effective priority from 150 to 90 ({reason})")));
    }
}

#[test]
fn adverts_of_others() {
    let lower = |master, more| Change::LowerAdvert { id: VI, source: peer(), priority: 99, master, more };
    let complaint = |complaint, more| Change::Complaint { id: VI, source: peer(), complaint, detail: None, more };
    check([
        (
            Change::MasterLeaves { id: VI, source: peer() },
            Info,
            "(VI) Backup received priority 0 advertisement from 10.0.0.2",
        ),
        (lower(false, 0), Info, "(VI) received lower priority (99) advert from 10.0.0.2 - discarding"),
        (
            lower(false, 12),
            Info,
            "(VI) received lower priority (99) advert from 10.0.0.2 - discarding (12 more since this was last reported)",
        ),
        (
            lower(true, 0),
            Info,
            "(VI) Received advert from 10.0.0.2 with lower priority 99, ours 150, forcing new election",
        ),
        (
            lower(true, 7),
            Info,
            "(VI) Received advert from 10.0.0.2 with lower priority 99, ours 150, forcing new election (7 more since \
             this was last reported)",
        ),
        (
            complaint(Complaint::AuthFailure, 0),
            Warning,
            "(VI) Advert from 10.0.0.2: authentication failure, wrong password (dropped; reported once)",
        ),
        (
            complaint(Complaint::Addresses, 3),
            Warning,
            "(VI) Advert from 10.0.0.2: its addresses are not those configured here (used; reported once) (3 more since \
             this was last reported)",
        ),
        (
            Change::UnknownVrid { ifindex: 2, source: peer(), vrid: 77, more: 0 },
            Info,
            "Unknown VRID 77 received on eth0 from 10.0.0.2",
        ),
    ]);
}

/// A deleted interface is not `down`.
#[test]
fn interfaces_as_netlink_reports_them() {
    let link = |to| Change::Link { name: "eth1".into(), to };
    check([
        (link(LinkState::Up), Notice, "Netlink reports eth1 up"),
        (link(LinkState::Down), Notice, "Netlink reports eth1 down"),
        (link(LinkState::Gone), Notice, "Netlink reports eth1 deleted"),
    ]);
}

#[test]
fn every_set_leaves_a_line() {
    let set = |what| Change::Set { id: VI, what };
    check([
        (set(Setting::BasePriority(150, 90)), Notice, "(VI) SNMP has set the base priority from 150 to 90"),
        (set(Setting::Preempt(true, false)), Notice, "(VI) SNMP has set preemption from on to off"),
        (set(Setting::NotifyDeleted(false, true)), Notice, "(VI) SNMP has set notify_deleted from off to on"),
    ]);
}

#[test]
fn entries_of_the_kernel() {
    let [address, fixed] = [(1, 1), (0, 1)].map(ObjectId::Address);
    let refused = |id, op| Change::Refused { id, op, error: "Permission denied".into() };
    let vmac_refused = |op| Change::OwnLinkRefused { id: OwnLinkId(VM, 0), op, error: "File exists".into() };
    check([
        (
            refused(address, Op::Add),
            Error,
            "(VI) Cannot set 10.0.1.51/24 on eth0: Permission denied; trying again every second",
        ),
        (
            refused(ObjectId::Route((1, 1)), Op::Add),
            Error,
            "(VI) Cannot set route 10.20.0.0/16 via 10.0.0.254 dev eth0: Permission denied; trying again every second",
        ),
        (
            refused(ObjectId::Rule((1, 1)), Op::Remove),
            Error,
            "(VI) Cannot remove rule of preference 1000 from 10.30.0.0/16: Permission denied; trying again every second",
        ),
        (
            refused(fixed, Op::Add),
            Error,
            "(static) Cannot set 10.0.0.9/24 on eth0: Permission denied; trying again every second",
        ),
        (Change::Stolen(address), Warning, "(VI) 10.0.1.51/24 on eth0 was removed by someone else; putting it back"),
        (
            Change::Stays(address),
            Warning,
            "(VI) 10.0.1.51/24 on eth0 was not set by keepalived and stays although this router is not master; remove \
             it from the host's own configuration",
        ),
        (
            Change::OwnLinkStolen(OwnLinkId(VM, 0)),
            Warning,
            "(VM) VMAC vrrp.52 was removed or set down by someone else; putting it back",
        ),
        (vmac_refused(Op::Add), Error, "(VM) Cannot create VMAC vrrp.52: File exists; trying again every second"),
        (vmac_refused(Op::Remove), Error, "(VM) Cannot remove VMAC vrrp.52: File exists; trying again every second"),
        (
            Change::AddressesCut { id: VI, fit: 9, of: 10, mtu: 1280 },
            Warning,
            "(VI) Only 9 of 10 virtual addresses fit an advert at MTU 1280; the last one is set but not advertised; move \
             the rest to virtual_ipaddress_excluded on all routers",
        ),
    ]);
}

#[test]
fn scripts_and_other_trackers() {
    let mut vrrp = machine();
    let script = TrackerId(TrackerKind::Script, 1);
    let report = |reading, report| Change::Tracker { id: script, reading, report };
    for (end, reading, tracker, result) in [
        (ScriptEnd::Exited(0), Reading::Up, "VRRP_Script(chk) succeeded", (Info, "Script `chk` now returning 0")),
        (
            ScriptEnd::Exited(7),
            Reading::Down,
            "VRRP_Script(chk) failed (exited with status 7)",
            (Info, "Script `chk` now returning 7"),
        ),
        (
            ScriptEnd::Signalled(9),
            Reading::Down,
            "VRRP_Script(chk) failed (ended by signal 9)",
            (Info, "Script `chk` failed (ended by signal 9)"),
        ),
        (ScriptEnd::TimedOut, Reading::Down, "VRRP_Script(chk) timed_out", (Info, "Script `chk` timed_out")),
        (
            ScriptEnd::NotStarted("No such file or directory".into()),
            Reading::Down,
            "VRRP_Script(chk) failed (cannot run: No such file or directory)",
            (Error, "Cannot run script `chk`: No such file or directory"),
        ),
    ] {
        vrrp.handle(Event::ScriptEnded(1, end.clone()), std::time::Duration::ZERO);
        assert_eq!(line(&report(reading, FlapReport::Single), vrrp.tables()), (Info, tracker.to_owned()), "{end:?}");
        assert_eq!(line(&Change::ScriptResult(1), vrrp.tables()), (result.0, result.1.to_owned()), "{end:?}");
    }
    let flapping = line(&report(Reading::Down, FlapReport::Flapping), vrrp.tables()).1;
    assert!(flapping.ends_with("; it flaps, and further changes are reported once a minute"), "{flapping}");
    let summary = line(&report(Reading::Down, FlapReport::Summary(41)), vrrp.tables()).1;
    assert!(summary.ends_with(" (41 changes in the last minute)"), "{summary}");
}
