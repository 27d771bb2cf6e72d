//! The dump of the checker process.

use std::convert::Infallible;
use std::time::Duration;

use keepalived::check::ipvs::Director;
use keepalived::check::{self, Check};
use keepalived::config::lvs::VirtualServer;
use keepalived::notify::dump::{self, Setting};
use keepalived::status::Clock;

use crate::config_support;

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
    assert_eq!(&text[at..], include_str!("../../data/keepalived_check.data"));
}
