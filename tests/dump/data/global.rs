//! Global definitions.

use std::time::Duration;

use super::{contains, data, started};

pub const GLOBAL: &str = "
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
