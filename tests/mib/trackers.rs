//! The tables of trackers, and of the track entries of instances and sync groups: the values for a configuration.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::time::Duration;

use crate::config_support;
use crate::mib_rows::rows;
use keepalived::mib;
use keepalived::track::ScriptEnd;
use keepalived::vrrp::{Event, Interface, Tables, Vrrp};

const TEXT: &str = "
vrrp_script s_zero {
    script \"/bin/true zero 'a 2'\"
    interval 1
}
vrrp_script s_plus {
    script /bin/true
    interval 1.5
    timeout 1
    weight 10
    rise 3
    fall 2
}
vrrp_script s_minus {
    script /bin/true
    weight -20 reverse
    init_fail
}
track_file t_plain {
    file /run/f_plain
}
track_file t_rev {
    file /run/f_rev
    weight 2 reverse
}
vrrp_track_process p_comm {
    process gcproc
}
vrrp_track_process p_exact {
    process gcproc 300 0
    quorum 2
    quorum_max 3
    weight 10
}
vrrp_track_process p_initial {
    process /w/gcproc 300
    param_match initial
    fork_delay 2
    terminate_delay 1.5
    weight 3
}
vrrp_track_process p_partial {
    process /w/gcproc 30
    param_match partial
    quorum_max 0
    weight 20 reverse
}
vrrp_track_process p_full {
    process /w/gcproc
    full_command
    delay 1
    weight -5
}
bfd_instance b4 {
    neighbor_ip 10.1.0.2
    source_ip 10.1.0.1
    weight 20
}
bfd_instance b6 {
    neighbor_ip fd00:1::2
    source_ip fd00:1::1
    weight 11 reverse
}
vrrp_instance A {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress {
        10.1.0.101
    }
    track_interface {
        eth3 weight 5
        eth1 weight -6 reverse
        absent
    }
    track_script {
        s_zero weight -5
        s_plus weight 7 reverse
        s_minus
    }
    track_process {
        p_comm
        p_exact weight -5
        p_initial
        p_partial
        p_full
    }
}
vrrp_instance B {
    interface eth0
    virtual_router_id 2
    virtual_ipaddress {
        10.1.0.102
    }
}
vrrp_instance C {
    interface eth0
    virtual_router_id 3
    virtual_ipaddress {
        10.1.0.103
    }
    track_script {
        s_plus
    }
    track_file {
        t_plain weight 5
        t_rev
    }
    track_bfd {
        b4 weight -5
        b6 weight 7 noreverse
    }
}
vrrp_instance D {
    interface eth0
    virtual_router_id 4
    virtual_ipaddress {
        10.1.0.104
    }
}
vrrp_sync_group G {
    group {
        D
    }
    sync_group_tracking_weight
    track_interface {
        eth1 weight 9
    }
    track_script {
        s_zero
        s_minus weight -7
    }
    track_file {
        t_rev weight 3
    }
    track_process {
        p_comm weight 2 reverse
    }
    track_bfd {
        b4 weight 0
    }
}
";

fn link(index: u32, name: &str) -> Interface {
    Interface { index, name: name.into(), up: true, ..Interface::default() }
}

fn vrrp() -> Vrrp {
    let loaded = config_support::load_text(TEXT.replace("interface eth0", "interface eth0\n    dont_track_primary"));
    let config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    let mut vrrp = Vrrp::new(Tables::new(config, "test".into()));
    let links = vec![link(2, "eth0"), link(7, "eth1"), link(4, "eth3")];
    vrrp.handle(Event::Interfaces(links), Duration::ZERO);
    vrrp.handle(Event::Start, Duration::ZERO);
    vrrp
}

#[test]
fn track_entries_of_instances() {
    let (mib, vrrp) = (mib::vrrp_mib().unwrap(), vrrp());
    // By ifIndex; an interface that does not exist has no entry.
    assert_eq!(rows(&mib, &vrrp, 4), ["1.4: 1=eth3 2=5 3=2", "1.7: 1=eth1 2=-6 3=1"]);
    // The weight of the entry; without one, that of the script.
    let scripts = ["1.1: 2=s_zero 3=-5 4=2", "1.2: 2=s_plus 3=7 4=1", "1.3: 2=s_minus 3=-20 4=1"];
    assert_eq!(rows(&mib, &vrrp, 5), [&scripts[..], &["3.1: 2=s_plus 3=10 4=2"]].concat());
    assert_eq!(rows(&mib, &vrrp, 12), ["3.1: 2=t_plain 3=5 4=2", "3.2: 2=t_rev 3=2 4=1"]);
    assert_eq!(rows(&mib, &vrrp, 17), ["3.1: 2=b4 3=-5 4=2", "3.2: 2=b6 3=7 4=2"]);
    let processes = [
        "1.1: 2=p_comm 3=0 4=2",
        "1.2: 2=p_exact 3=-5 4=2",
        "1.3: 2=p_initial 3=3 4=2",
        "1.4: 2=p_partial 3=20 4=1",
        "1.5: 2=p_full 3=-5 4=2",
    ];
    assert_eq!(rows(&mib, &vrrp, 20), processes);
}

#[test]
fn track_entries_of_sync_groups() {
    let (mib, vrrp) = (mib::vrrp_mib().unwrap(), vrrp());
    assert_eq!(rows(&mib, &vrrp, 14), ["1.7: 1=eth1 2=9 3=2"]);
    assert_eq!(rows(&mib, &vrrp, 15), ["1.1: 2=s_zero 3=0 4=2", "1.2: 2=s_minus 3=-7 4=1"]);
    assert_eq!(rows(&mib, &vrrp, 16), ["1.1: 2=t_rev 3=3 4=1"]);
    assert_eq!(rows(&mib, &vrrp, 19), ["1.1: 2=b4 3=0 4=2"]);
    assert_eq!(rows(&mib, &vrrp, 22), ["1.1: 2=p_comm 3=2 4=1"]);
}

#[test]
fn entries_follow_the_existing_interfaces() {
    let (mib, mut vrrp) = (mib::vrrp_mib().unwrap(), vrrp());
    vrrp.handle(Event::Link(link(3, "absent")), Duration::from_secs(1));
    vrrp.handle(Event::LinkGone(7), Duration::from_secs(2));
    assert_eq!(rows(&mib, &vrrp, 4), ["1.3: 1=absent 2=0 3=2", "1.4: 1=eth3 2=5 3=2"]);
}

#[test]
fn scripts() {
    let (mib, mut vrrp) = (mib::vrrp_mib().unwrap(), vrrp());
    let line = |result: [i32; 3]| {
        let [zero, plus, minus] = result;
        [
            format!(
                "1: 2=s_zero 3='/bin/true' 'zero' 'a 2' 4=1 5=0 6={zero} 7=1 8=1 9=2 10=/bin/true 11=1000000 12=1000000"
            ),
            format!("2: 2=s_plus 3='/bin/true' 4=1 5=10 6={plus} 7=3 8=2 9=2 10=/bin/true 11=1500000 12=1000000"),
            format!("3: 2=s_minus 3='/bin/true' 4=1 5=-20 6={minus} 7=1 8=1 9=1 10=/bin/true 11=1000000 12=1000000"),
        ]
    };
    assert_eq!(rows(&mib, &vrrp, 9), line([1, 1, 5]), "none has run");
    for (id, status) in [(1, 0), (2, 1), (3, 0)] {
        vrrp.handle(Event::ScriptEnded(id, ScriptEnd::Exited(status)), Duration::from_secs(1));
    }
    assert_eq!(rows(&mib, &vrrp, 9), line([3, 2, 3]));
    vrrp.handle(Event::ScriptEnded(3, ScriptEnd::TimedOut), Duration::from_secs(2));
    assert_eq!(rows(&mib, &vrrp, 9), line([3, 2, 2]));
}

#[test]
fn files() {
    let (mib, mut vrrp) = (mib::vrrp_mib().unwrap(), vrrp());
    let unread = ["1: 2=t_plain 3=/run/f_plain 5=1 6=2", "2: 2=t_rev 3=/run/f_rev 5=2 6=1"];
    assert_eq!(rows(&mib, &vrrp, 13), unread);
    vrrp.handle(Event::FileRead { name: "t_plain".into(), number: -3 }, Duration::ZERO);
    assert_eq!(rows(&mib, &vrrp, 13), ["1: 2=t_plain 3=/run/f_plain 4=-3 5=1 6=2", unread[1]]);
}

#[test]
fn sessions() {
    let (mib, mut vrrp) = (mib::vrrp_mib().unwrap(), vrrp());
    assert_eq!(rows(&mib, &vrrp, 18), ["1: 2=b4 3=0 4=20 5=2", "2: 2=b6 3=0 4=11 5=1"]);
    vrrp.handle(Event::Session { name: "b6".into(), up: true }, Duration::ZERO);
    assert_eq!(rows(&mib, &vrrp, 18), ["1: 2=b4 3=0 4=20 5=2", "2: 2=b6 3=1 4=11 5=1"]);
}

#[test]
fn processes() {
    let (mib, mut vrrp) = (mib::vrrp_mib().unwrap(), vrrp());
    for (name, count) in [("p_comm", 1), ("p_exact", 1), ("p_initial", 0), ("p_partial", 0)] {
        vrrp.handle(Event::ProcessesCounted { name: name.into(), count }, Duration::ZERO);
    }
    // vrrpProcessParamMatch as the MIB defines it: partial(2), initial(3).
    let expected = [
        "1: 2=p_comm 3=gcproc 4= 5=0 6=0 7=2 8=1 9=-1 10=0 11=0 12=2 13=1 14=1",
        "2: 2=p_exact 3=gcproc 4=300 0 5=1 6=10 7=2 8=2 9=3 10=0 11=0 12=1 13=1 14=2",
        "3: 2=p_initial 3=/w/gcproc 4=300 5=3 6=3 7=2 8=1 9=-1 10=2000000 11=1500000 12=1 13=0 14=2",
        "4: 2=p_partial 3=/w/gcproc 4=30 5=2 6=20 7=1 8=0 9=0 10=0 11=0 12=1 13=0 14=1",
        "5: 2=p_full 3=/w/gcproc 4= 5=0 6=-5 7=2 8=1 9=-1 10=1000000 11=1000000 12=1 14=2",
    ];
    assert_eq!(rows(&mib, &vrrp, 21), expected);
    vrrp.handle(Event::ProcessesCounted { name: "p_exact".into(), count: 4 }, Duration::ZERO);
    assert!(rows(&mib, &vrrp, 21)[1].ends_with("13=4 14=2"));
}
