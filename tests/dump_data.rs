//! The dump of SIGUSR1 in the layout of C keepalived 2.4.3; that of 2.2.7 is compared in a lab.
#![allow(clippy::unwrap_used, reason = "a test")]

mod config_support;

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use keepalived::check::ipvs::Director;
use keepalived::check::{self, Check};
use keepalived::config::lvs::VirtualServer;
use keepalived::config::model::{Config, Family};
use keepalived::notify::dump::vrrp::Wiring;
use keepalived::notify::dump::{self, Setting};
use keepalived::status::Clock;
use keepalived::track::ScriptEnd;
use keepalived::vrrp::{Event, Interface, InterfaceAddress, Tables, Vrrp};

#[path = "support/exporters.rs"]
mod exporters;

const TEXT: &str = "
track_file tf {
    file /run/track
    weight 2
}
vrrp_script sc {
    script \"/bin/true 'a b'\"
    timeout 2
    rise 2
    fall 3
    weight -20
}
vrrp_track_process tp {
    process sleep 12345
    param_match initial
    quorum_max 3
    fork_delay 0.5
    terminate_delay 0.25
    weight 3
}
bfd_instance bfd1 {
    neighbor_ip 10.1.0.2
    source_ip 10.1.0.1
    weight 5
}
vrrp_sync_group G1 {
    group {
        G1A
    }
    sync_group_tracking_weight
    track_interface {
        eth3
    }
    track_script {
        sc weight -7
    }
}
vrrp_instance G1A {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress {
        10.1.0.101
    }
    track_interface {
        eth2 weight 6
    }
    track_script {
        sc
    }
    track_file {
        tf
    }
    track_process {
        tp
    }
    track_bfd {
        bfd1
    }
}
vrrp_instance UNI {
    interface eth0
    virtual_router_id 2
    virtual_ipaddress {
        10.1.0.102
    }
    track_file {
        tf weight 3 reverse
    }
}
";

fn config(text: &str) -> Config {
    let loaded = config_support::load_text(text);
    loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics))
}

/// A started process on a host with lo and eth0.
fn started(text: &str) -> Vrrp {
    let mut vrrp = Vrrp::new(Tables::new(config(text), "test".into()));
    let address =
        |ip: &str, prefix| InterfaceAddress { ip: ip.parse::<IpAddr>().unwrap(), prefix, usable: true, marked: false };
    let lo = Interface {
        index: 1,
        name: "lo".into(),
        up: true,
        flags: 0x1_0049,
        hardware: 772,
        mtu: 65536,
        mac: Some([0; 6]),
        addresses: [address("127.0.0.1", 8)].into_iter().collect(),
        ..Interface::default()
    };
    let eth0 = Interface {
        index: 2,
        name: "eth0".into(),
        up: true,
        flags: 0x1_1043,
        hardware: 1,
        mtu: 1500,
        mac: Some([2, 0, 0, 0, 0x71, 1]),
        broadcast: Some([0xff; 6]),
        addresses: [address("10.1.0.1", 24), address("fe80::ff:fe00:7101", 64)].into_iter().collect(),
        ..Interface::default()
    };
    vrrp.handle(Event::Interfaces(vec![lo, eth0]), Duration::ZERO);
    vrrp.handle(Event::Start, Duration::ZERO);
    vrrp
}

fn vrrp() -> Vrrp {
    started(TEXT)
}

/// The dump at a time of the event loop.
fn data(tables: &Tables, now: Duration) -> String {
    let clock = Clock { now, utc: Duration::from_secs(1_796_034_985) + now };
    let wiring = Wiring { sockets: [((2, Family::V4, 112), 26)].into(), ..Wiring::default() };
    dump::vrrp::data(tables, clock, &Setting::default(), &wiring)
}

#[track_caller]
fn contains(text: &str, wanted: &str) {
    let wanted = wanted.trim_start_matches('\n');
    assert!(text.contains(wanted), "{wanted}\nis not in\n{text}");
}

#[test]
fn entries() {
    let text = data(vrrp().tables(), Duration::ZERO);
    let of_instance = "
   Tracked interfaces :
     eth2 weight 6
   Tracked scripts :
     sc weight -20
   Tracked files :
     tf, weight 2
   Tracked processes :
     tp, weight 3
   Tracked BFDs :
     bfd1: weight 5
";
    contains(&text, of_instance);
    let of_group = "
------< VRRP Sync groups >------
 VRRP Sync Group = G1, FAULT
   Num member fault 1, num member init 0
   VRRP member instances :
     G1A
   sync group tracking weight set
   Using smtp notification = no
   Tracked interfaces :
     eth3 weight 0
   Tracked scripts :
     sc weight -7
------< VRRP Scripts >------
";
    contains(&text, of_group);
    contains(&text, "   Tracked files :\n     tf, weight 3 reverse\n");
}

#[test]
fn trackers() {
    let mut vrrp = vrrp();
    let at = Duration::from_secs(1);
    vrrp.handle(Event::ScriptEnded(1, ScriptEnd::Exited(0)), at);
    vrrp.handle(Event::ProcessesCounted { name: "tp".into(), count: 1 }, at);
    vrrp.handle(Event::ProcessesCounted { name: "tp".into(), count: 0 }, at);
    vrrp.handle(Event::Session { name: "bfd1".into(), up: true }, at);
    let text = data(vrrp.tables(), Duration::from_millis(1100));
    let script = "
------< VRRP Scripts >------
 VRRP Script = sc
   Command = '/bin/true' 'a b'
   Interval = 1 sec
   Timeout = 2 sec
   Weight = -20
   Rise = 2
   Fall = 3
   Result = 4
   Insecure = no
   Init state = unknown
   Status = GOOD
   Script uid:gid = 0:0
   VRRP instances :
   Tracking instances :
     G1A, weight -20
     G1A, weight -7
   State = idle
   Last run = succeeded
   Runs = 1
------< VRRP Track files >------
";
    contains(&text, script);
    let file = "
------< VRRP Track files >------
 Track file = tf
   File = /run/track
   Status = 0
   Weight = 2
   Tracking instances :
     G1A, weight 2
     UNI, weight 3 reverse
------< VRRP Track processes >------
";
    contains(&text, file);
    let process = "
------< VRRP Track processes >------
 VRRP Track process = tp
   Process = sleep
   Parameters = 12345
   Param match = initial
   Min processes = 1
   Max processes = 3
   Current processes = 0
   Have quorum = true
   Weight = 3
   Terminate delay = 0.250000s
   Fork delay = 0.500000s
   Fork delay timer not running
   Terminate delay timer running, 0.150000s left
   Full command = true
   Tracking instances :
     G1A, weight 3
------< VRRP Track BFDs >------
 VRRP Track BFD = bfd1
   Weight = 5
   Bfd is up
   Tracking VRRP instances :
   Tracking instances :
     G1A, weight 5
------< Interfaces >------
";
    contains(&text, process);
    assert_eq!(exporters::scripts(&text).unwrap()["sc"], (1, 0));
    vrrp.handle(Event::FileRead { name: "tf".into(), number: -4 }, at);
    contains(&data(vrrp.tables(), at), "   Status = -4\n");
}

const GLOBAL: &str = "
global_defs {
    router_id gold
    notification_email {
        admin@example.org
        \"Second Admin <b@example.org>\"
    }
    notification_email_from keepalived@example.org
    smtp_connect_timeout 20
    smtp_alert off
    json_version 2
    dynamic_interfaces
    vrrp_garp_master_repeat 1
    vrrp_garp_master_delay 3
    vrrp_garp_master_refresh 60
    vrrp_garp_interval 0.001
    vrrp_gna_interval 0.000001
    vrrp_notify_priority_changes
    vrrp_priority -5
    vrrp_rx_bufs_policy ADVERT
    vrrp_rx_bufs_multiplier 4
    vrrp_netlink_cmd_rcv_bufs 300000
    log_unknown_vrids
    checker_log_all_failures
    lvs_timeouts tcp 900 tcpfin 120 udp 300
    lvs_sync_daemon eth0 A id 11 maxlen 1400 port 8849 ttl 2 group 224.0.0.82
    lvs_flush
    rs_init_notifies
    no_email_faults
    nftables
    notify_fifo /run/all.fifo root
    snmp_vs_stats_update_interval 2
    max_auto_priority -1
    iproute_usr_dir /etc/iproute2
    process_names
}
garp_group {
    garp_interval 0.01
    gna_interval 0.02
    interface eth0
}
vrrp_instance A {
    interface eth0
    virtual_router_id 11
    priority 255
    version 3
    advert_int 0.5
    auth_hmac {
        key 1 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
        active_key 1
    }
    virtual_ipaddress {
        10.1.0.111/24
    }
}
vrrp_instance NODEV {
    interface nosuch0
    virtual_router_id 16
    authentication {
        auth_type PASS
        auth_pass hush4711
    }
    virtual_ipaddress {
        10.1.0.116
    }
}
";

#[test]
fn global_definitions() {
    let text = data(started(GLOBAL).tables(), Duration::from_millis(1500));
    let definitions = "
------< Global definitions >------
 Network namespace = (default)
 Network namespace ipvs = (main namespace)
 VRRP process name = keepalived_vrrp
 LVS process name = keepalived_lvs
 BFD process name = keepalived_bfd
 Replace symlinks in script paths
 Don't set supplementary groups for all scripts
 Router ID = gold
 Smtp server connection timeout = 20
 Email notification from = keepalived@example.org
 Email notification to:
   admin@example.org
   Second Admin <b@example.org>
 Default smtp_alert = off
 Default smtp_alert_vrrp = unset
 Default smtp_alert_checker = unset
 Checkers log all failures = true
 No test config before reload
 Dynamic interfaces = true
 Allow interface changes = false
 Send emails for fault transitions = off
 LVS TCP timeout = 900
 LVS TCP FIN timeout = 120
 LVS TCP timeout = 300
 Default interface = eth0
 Disable local IGMP = no
 Use VRRPv2 checksum for VRRPv3 IPv4 = no
 LVS syncd vrrp instance = A
 LVS syncd interface = eth0
 LVS syncd syncid = 11
 LVS syncd maxlen = 1400
 LVS mcast group 224.0.0.82
 LVS syncd mcast port = 8849
 LVS syncd mcast ttl = 2
 LVS flush = true
 LVS flush on stop = disabled
 Global notify fifo = /run/all.fifo, uid:gid 0:0
 FIFO write vrrp states on reload = false
 VRRP notify priority changes = true
 VRRP IPv4 mcast group = 224.0.0.18
 VRRP IPv6 mcast group = ff02::12
 Gratuitous ARP delay = 3
 Gratuitous ARP repeat = 1
 Gratuitous ARP refresh timer = 60
 Gratuitous ARP refresh repeat = 1
 Gratuitous ARP lower priority delay = 3
 Gratuitous ARP lower priority repeat = 1
 Num adverts before down = 3
 Gratuitous ARP for each secondary VMAC = 0s
 Send advert after receive lower priority advert = true
 Send advert after receive higher priority advert = false
 Gratuitous ARP interval = 0.001000
 Gratuitous NA interval = 0.000001
 VRRP default protocol version = 2
 nftables table name = keepalived
 nftables base chain priority = -1
 nftables don't force use ifindex for link local IPv6
 nftables without counters
 VRRP check unicast_src = false
 VRRP skip check advert addresses = false
 VRRP strict mode = false
 Max auto priority = Disabled
 Min auto priority delay = 1000000 usecs
 VRRP process priority = -5
 VRRP don't swap = false
 VRRP realtime priority = 0
 VRRP realtime limit = 10000
 Checker process priority = 0
 Checker don't swap = false
 Checker realtime priority = 0
 Checker realtime limit = 10000
 BFD process priority = 0
 BFD don't swap = false
 BFD realtime priority = 0
 BFD realtime limit = 10000
 SNMP vrrp disabled
 SNMP checker disabled
 SNMP RFCv2 disabled
 SNMP RFCv3 disabled
 SNMP traps disabled
 SNMP socket = default (unix:/var/agentx/master)
 SNMP VS stats update interval = 2.000000
 SNMP RS stats update interval = 5.000000
 DBus disabled
 Script security disabled
 vrrp_netlink_cmd_rcv_bufs = 300000
 vrrp_netlink_cmd_rcv_bufs_force = 0
 vrrp_netlink_monitor_rcv_bufs = 0
 vrrp_netlink_monitor_rcv_bufs_force = 0
 process_monitor_rcv_bufs = 0
 process_monitor_rcv_bufs_force = 0
 lvs_netlink_cmd_rcv_bufs = 0
 lvs_netlink_cmd_rcv_bufs_force = 0
 lvs_netlink_monitor_rcv_bufs = 0
 lvs_netlink_monitor_rcv_bufs_force = 0
 rs_init_notifies = 1
 no_checker_emails = 0
 rx_bufs_policy = ADVERT
 rx_bufs_multiples = 4
 log_unknown_vrids
 json_version 2
 iproute usr directory /etc/iproute2
 iproute etc directory /etc/iproute2
------< Gratuitous ARP delays >------
------< GARP delay group >------
 GARP interval = 0.010000
 GARP next time 0.000000 (";
    assert!(text.starts_with(definitions.trim_start()), "{text}");
    let groups = [
        " GNA interval = 0.020000\n",
        " Interfaces\n  eth0\n",
        " Interfaces\n  nosuch0\n",
        " GARP interval = 0.001000\n",
    ];
    groups.iter().for_each(|wanted| contains(&text, wanted));
}

/// The text without the dates, which depend on the time zone.
fn without_dates(text: &str) -> String {
    text.lines().map(|line| line.split(" (").next().unwrap().to_owned() + "\n").collect()
}

#[test]
fn instances() {
    let vrrp = started(GLOBAL);
    let text = data(vrrp.tables(), Duration::from_millis(1500));
    let plain = without_dates(&text);
    let owner = "
------< VRRP Topology >------
 VRRP Instance = A
   VRRP Version = 3
   State = MASTER
   Flags: none
   Wantstate = MASTER
   Number of config faults = 0
   Number of tracker faults = 0
   Flags of interface faults -
   Number of track scripts init = 0
   Last transition = 1796034985.000000
   Read timeout = 1796034985.500000
   Master down timer = 1 usecs
   Interface = eth0
   Using src_ip = 10.1.0.1
   Multicast address 224.0.0.18
   Gratuitous ARP delay = 3
   Gratuitous ARP repeat = 1
   Gratuitous ARP refresh = 60
   Gratuitous ARP refresh repeat = 1
   Gratuitous ARP lower priority delay = 3
   Gratuitous ARP lower priority repeat = 1
   Down timer adverts = 3
   Send advert after receive lower priority advert = true
   Send advert after receive higher priority advert = false
   Address owner ignores received adverts = false
   Virtual Router ID = 11
   Priority = 255
   Effective priority = 255
   Total priority = 255
   Advert interval = 500 milli-sec
   Last advert sent = 1796034985.000000
   Accept = enabled
   Preempt = enabled
   Promote_secondaries = disabled
   VRRPv3 uses VRRPv2 checksum = disabled
   Authentication extension = HMAC-SHA256-128
     Keys = 1, active key id = 1
     Mode = enforce
     Anti replay = time, window = 5 sec
   Virtual IP
     10.1.0.111/24 dev eth0 scope global
   fd_in 26, fd_out 26
   Using smtp notification = no
   Notify deleted = Fault
   Notify priority changes = true
 VRRP Instance = NODEV
   VRRP Version = 2
   State = FAULT
   Flags: none
   Wantstate = FAULT
   Number of config faults = 0
   Number of tracker faults = 0
   Flags of interface faults:
     i/f down
     no source IP address
   Fault = interface nosuch0 does not exist
   Number of track scripts init = 0
   Last transition = 1796034985.000000
   Read timeout = DISABLED
   Master down timer = 3609375 usecs
   Interface = nosuch0
   Using src_ip =
";
    contains(&plain, owner);
    contains(&text, "   Virtual IP (1):\n");
    contains(&text, "   Flags of interface faults - (none)\n");
    contains(&plain, "   Last advert sent = 0.000000\n");
    contains(&text, "   Authentication type = SIMPLE_PASSWORD\n   Password = ********\n   Virtual IP (1):\n");
    contains(&text, "   fd_in -1, fd_out -1\n   Using smtp");
    assert!(!text.contains("hush") && !text.contains("0102"), "{text}");
    let sockets = "
------< VRRP Sockpool >------
 fd_in 26 fd_out = 26
   Interface = eth0
   Family = IPv4
   Protocol = VRRP
   Type = Multicast
   Rx buf size = 240
   VRRP instances
     A vrid 11
 fd_in -1 fd_out = -1
   Interface = nosuch0
   Family = IPv4
   Protocol = VRRP
   Type = Multicast
   Rx buf size = 160
   VRRP instances
     NODEV vrid 16
------< Interfaces >------
";
    contains(&text, sockets);
    let read = exporters::instances(&text).unwrap();
    assert_eq!((read["A"].state, read["NODEV"].state, read["NODEV"].interface.as_str()), (2, 3, "nosuch0"));
    assert_eq!(exporters::in_order(&text).unwrap(), [("A".to_owned(), 2), ("NODEV".to_owned(), 3)]);
    let counters = exporters::statistics(&dump::vrrp::statistics(vrrp.tables())).unwrap();
    assert_eq!((counters[0].0.as_str(), counters[0].1["/Became master"]), ("A", 1), "{counters:?}");
    assert_eq!(counters[0].1["Advertisements/Sent"], 1, "{counters:?}");
}

#[test]
fn interfaces() {
    let text = data(started(GLOBAL).tables(), Duration::ZERO);
    let section = "
------< Interfaces >------
 Name = lo
   index = 1
   IPv4 address = 127.0.0.1
   IPv6 address = (none)
   State = UP, RUNNING, no broadcast, loopback, no multicast
   Seen up = 1
   Delayed state change running = false
   Up debounce timer = 0us
   Down debounce timer = 0us
   Group = 0
   MTU = 65536
   HW Type = LOOPBACK
   NIC netlink status update
   Reset ARP config counter 0
   Original arp_ignore 0
   Original arp_filter 0
   Original promote_secondaries 0
   Reset promote_secondaries counter 0
 Name = eth0
   index = 2
   IPv4 address = 10.1.0.1
   IPv6 address = fe80::ff:fe00:7101
   MAC = 02:00:00:00:71:01
   MAC broadcast = ff:ff:ff:ff:ff:ff
   State = UP, RUNNING
   Seen up = 1
   Delayed state change running = false
   Up debounce timer = 0us
   Down debounce timer = 0us
   Group = 0
   MTU = 1500
   HW Type = ETHERNET
   NIC netlink status update
   Gratuitous ARP interval 10ms
   Gratuitous NA interval 20ms
   Reset ARP config counter 0
   Original arp_ignore 0
   Original arp_filter 0
   Original promote_secondaries 0
   Reset promote_secondaries counter 0
   Tracking VRRP instances :
     A, weight 0
 Name = nosuch0
   index = 0 (deleted)
   Tracking VRRP instances :
     NODEV, weight 0
";
    assert!(text.ends_with(section), "{text}");
}

const SERVERS: &str = "
bfd_instance bf {
    neighbor_ip 10.1.0.3
    source_ip 10.1.0.1
}
track_file tf {
    file /run/track
    weight 2
}
virtual_server_group VSG {
    10.3.0.210 80
    10.3.0.211-213 81
    fwmark 5
}
virtual_server 10.3.0.201 80 {
    delay_loop 2
    lb_algo wrr
    lb_kind NAT
    persistence_timeout 60
    persistence_granularity 255.255.255.0
    protocol TCP
    quorum 2
    hysteresis 1
    quorum_up \"/bin/true quorum-up\"
    virtualhost vs.example.org
    alpha
    omega
    retry 1
    delay_before_retry 1
    warmup 0
    sorry_server 10.3.0.1 8080
    sorry_server_inhibit
    real_server 10.3.0.2 80 {
        weight 3
        inhibit_on_failure
        uthreshold 1000
        lthreshold 10
        notify_up \"/bin/true rs-up\"
        HTTP_GET {
            url {
                path /a
                status_code 200-204 301
                digest 0f723ae7f9bf07744445e93ac5595156
            }
            url {
                path /b
                regex \"wor.d\"
                regex_options caseless
                virtualhost u.example.org
            }
            connect_timeout 2
        }
    }
}
virtual_server fwmark 7 {
    delay_loop 4
    lb_algo mh
    mh-port
    mh-fallback
    lb_kind TUN
    real_server 10.3.0.2 {
        weight 2
        lvs_method TUN type gue port 6080 csum
        MISC_CHECK {
            misc_path \"/bin/true 'arg one'\"
            misc_dynamic
            misc_timeout 3
        }
        FILE_CHECK {
            track_file tf
            weight 2
        }
        BFD_CHECK {
            name bf
        }
    }
}
virtual_server group VSG {
    lb_algo sh
    sh-port
    lb_kind DR
    protocol UDP
    real_server 10.3.0.2 53 {
        DNS_CHECK {
            type A
            name www.example.org
            retry 1
        }
        UDP_CHECK {
            connect_port 9000
            fwmark 3
            payload 0102
            require_reply 01xx
            min_reply_length 2
            max_reply_length 10
        }
    }
}
";

#[test]
fn checkers() {
    let loaded = config_support::load_text(SERVERS);
    let mut config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    let servers = std::mem::take(&mut config.lvs.virtual_servers);
    let servers = servers.into_iter().map(Ok::<VirtualServer, Infallible>);
    let check = Check::new(check::Tables::new(config, servers, "test".into()).unwrap(), 0);
    let director = Director::default();
    let clock = Clock { now: Duration::ZERO, utc: Duration::from_secs(1_796_034_985) };
    let text = dump::check::data(check.tables(), &director, ["bf"].into_iter(), clock, &Setting::default());
    assert!(text.starts_with("------< Global definitions >------\n"), "{text}");
    let at = text.find("------< LVS Topology >------").unwrap();
    assert_eq!(&text[at..], include_str!("data/keepalived_check.data"));
}
