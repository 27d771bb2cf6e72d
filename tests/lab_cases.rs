//! The case study of failover: conf/keepalived.conf.ah-two-groups on two routers that both work, of which each part
//! fails in turn. (Those with IPVS are in `lab_lvs`.)

use std::fs;

use lab::case::Group;
use lab::case::Side::{Inside, Outside};
use lab::case::State::{Backup, Fault, Master};
use lab::daemon::workspace;
use lab::{Case, Site, machine};

#[test]
fn failover_with_two_groups_on_two_routers() {
    let _turn = machine::shared();
    let conf = fs::read_to_string(workspace().join("conf/keepalived.conf.ah-two-groups")).expect("a sample");
    let mut site = Site::new(2);
    site.add_host(11, "198.51.100.10");
    site.add_host(21, "198.51.100.20");
    let groups = vec![
        Group {
            name: "staff",
            instances: vec![("staff_outside", "192.0.2.10", "eth0"), ("staff_inside", "198.51.100.10", "eth1")],
        },
        Group {
            name: "guests",
            instances: vec![("guests_outside", "192.0.2.20", "eth0"), ("guests_inside", "198.51.100.20", "eth1")],
        },
    ];
    let mut case = Case::new(site, groups, 2);

    case.start(1, &conf);
    case.see("the first is alone", &[(1, "staff", Master), (1, "guests", Master)]);
    case.start(2, &conf);
    case.see("both share", &[(2, "staff", Backup), (2, "guests", Master), (1, "guests", Backup)]);

    case.cable(2, Inside, false);
    let both = [(2, "staff", Fault), (2, "guests", Fault), (1, "guests", Master)];
    case.see("the second lost its inside", &both);
    case.cable(2, Inside, true);
    let back = [(2, "staff", Backup), (2, "guests", Master), (1, "guests", Backup)];
    case.see("its inside is back", &back);

    case.relay(false);
    case.cable(1, Outside, false);
    case.see(
        "the first lost its outside, and nobody takes mail",
        &[(1, "staff", Fault), (1, "guests", Fault), (2, "staff", Master)],
    );
    case.cable(1, Outside, true);
    case.see(
        "its outside is back, and still nobody takes mail",
        &[(1, "staff", Master), (1, "guests", Backup), (2, "staff", Backup)],
    );
    case.relay(true);
    case.see("all mail is there", &[]);

    case.kill(1);
    case.see("the first is dead", &[(2, "staff", Master)]);
    case.start(1, &conf);
    case.see("the first is back", &[(1, "staff", Master), (1, "guests", Backup), (2, "staff", Backup)]);

    case.stop(1);
    case.see("the first was stopped", &[(2, "staff", Master)]);
    case.stop(2);
    case.see("nothing is left", &[]);
}
