//! Typed configuration of virtual servers, real servers and checkers.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;
use std::time::Duration;

use crate::config_support::load_text;
use keepalived::config::lvs::{
    Checker, CheckerKind, Endpoint, GroupEntry, HttpCheck, HttpVersion, Lvs, Method, Protocol, RealServer, Scheduler,
    Tunnel, TunnelChecksum, VirtualServer,
};
use keepalived::config::model::{Config, Family, IpvsMarks, IpvsNamespace, ScriptUser};

const SECOND: Duration = Duration::from_secs(1);

/// The configuration of a text; reading its dump must give the same.
fn config(text: &str) -> Config {
    let loaded = load_text(text);
    let config = loaded.config.unwrap_or_else(|| panic!("{text}\n{}", loaded.diagnostics));
    let dump = loaded.shown;
    let again = load_text(dump.to_string());
    let again = again.config.unwrap_or_else(|| panic!("{dump}\n{}", again.diagnostics));
    if !text.contains("password") {
        assert_eq!(again.lvs, config.lvs, "{dump}");
    }
    config
}

fn lvs(text: &str) -> Lvs {
    config(text).lvs
}

fn to(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A service of 10.0.0.1:80 by NAT with the given lines.
fn service(lines: &str) -> VirtualServer {
    let text = format!("virtual_server 10.0.0.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n{lines}\n}}\n");
    lvs(&text).virtual_servers.remove(0)
}

/// A real server 10.0.1.1:8080 with the given lines.
fn server(lines: &str) -> RealServer {
    service(&format!("real_server 10.0.1.1 8080 {{\n{lines}\n}}")).real_servers.remove(0)
}

fn checker(lines: &str) -> Checker {
    server(lines).checkers.remove(0)
}

fn http(lines: &str) -> HttpCheck {
    match checker(&format!("SSL_GET {{\n{lines}\n}}")).kind {
        CheckerKind::Http(check) => *check,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_configured_without_virtual_servers() {
    let c = config("virtual_server_group g { 10.0.0.1 80 }\n");
    assert!(!c.has_virtual_servers);
    assert_eq!(c.lvs.groups[0].entries, [GroupEntry::Address(to("10.0.0.1:80"))]);
    assert_eq!(
        (c.lvs.settings.timeouts, c.lvs.settings.sync_daemon, c.lvs.settings.vs_stats_interval),
        ([0; 3], None, 5 * SECOND)
    );
    assert!(!config("virtual_server 10.0.0.1 80 { }").has_virtual_servers);
    assert!(config("virtual_server 10.0.0.1 80 { sorry_server 10.0.0.2 80 }").has_virtual_servers);
}

#[test]
fn defaults_of_a_service() {
    let vs = lvs("virtual_server 10.0.0.1 80 {\n real_server 10.0.1.1 { }\n}").virtual_servers.remove(0);
    assert_eq!(vs.endpoint, Endpoint::Address(to("10.0.0.1:80")));
    assert_eq!((vs.scheduler, vs.method, vs.protocol), (Scheduler::Wlc, Method::Nat, Some(Protocol::Udp)));
    assert_eq!((vs.quorum, vs.hysteresis, vs.weight, vs.persistence, vs.granularity), (1, 0, 1, None, None));
    assert!(!vs.alpha && !vs.omega && !vs.inhibit && !vs.smtp_alert && !vs.one_packet && !vs.ha_suspend && !vs.hashed);
    assert_eq!((vs.timing.delay_loop, vs.timing.connect_timeout, vs.timing.warmup), (60 * SECOND, 5 * SECOND, None));
    assert_eq!((vs.timing.retry, vs.timing.delay_before_retry), (None, None));
    let rs = &vs.real_servers[0];
    assert_eq!((rs.address, rs.weight, rs.method), (to("10.0.1.1:80"), 1, Method::Nat));
    assert!(rs.smtp_alert && !rs.alpha && !rs.inhibit && rs.checkers.is_empty());
}

#[test]
fn one_line_of_a_service_each() {
    type Check = fn(&VirtualServer) -> bool;
    let cases: &[(&str, Check)] = &[
        ("lvs_sched mh\n mh-port\n mh-fallback", |v| {
            v.scheduler == Scheduler::Mh && v.scheduler_flags == [true, true, false]
        }),
        ("lb_algo sh\n sh-port", |v| v.scheduler_flags == [false, true, false]),
        ("lb_algo sh\n mh-port", |v| v.scheduler_flags == [false; 3]),
        ("sh-port\n lb_algo sh", |v| v.scheduler_flags == [false; 3]),
        ("flag-1\n flag-3", |v| v.scheduler_flags == [true, false, true]),
        ("lb_kind DR", |v| v.method == Method::Dr && v.real_servers[0].method == Method::Dr),
        ("lb_kind TUN", |v| v.method == Method::Tun(Tunnel::Ipip)),
        ("lvs_method TUN type gue port 6080 remcsum", |v| {
            v.method == Method::Tun(Tunnel::Gue(6080, TunnelChecksum::Remote))
        }),
        ("lb_kind TUN type gre csum", |v| v.method == Method::Tun(Tunnel::Gre(TunnelChecksum::Checksum))),
        ("lb_kind TUN type gre nocsum", |v| v.method == Method::Tun(Tunnel::Gre(TunnelChecksum::None))),
        ("protocol UDP\n ops", |v| v.one_packet),
        ("ops", |v| !v.one_packet),
        ("protocol SCTP", |v| v.protocol == Some(Protocol::Sctp)),
        ("persistence_timeout", |v| v.persistence == Some(360)),
        ("persistence_timeout 50", |v| v.persistence == Some(50)),
        ("persistence_granularity 255.255.255.0", |v| (v.persistence, v.granularity) == (Some(360), Some(24))),
        ("protocol UDP\n persistence_engine sip", |v| v.persistence_engine.as_deref() == Some("sip")),
        ("persistence_engine sip", |v| v.persistence_engine.is_none()),
        ("quorum 9", |v| v.quorum == 1),
        ("weight 5\n quorum 9\n hysteresis 7", |v| (v.quorum, v.hysteresis) == (5, 4)),
        ("quorum_up \"/bin/up a\" root\n quorum_down /bin/down", |v| {
            let up = v.quorum_up.as_ref().unwrap();
            up.argv == ["/bin/up", "a"] && up.user == Some(ScriptUser { uid: 0, gid: 0 }) && v.quorum_down.is_some()
        }),
        ("alpha\n omega\n ha_suspend\n inhibit_on_failure\n smtp_alert", |v| {
            v.alpha && v.omega && v.ha_suspend && v.inhibit && v.smtp_alert && v.real_servers[0].inhibit
        }),
        ("virtualhost www\n snmp_name web", |v| {
            v.virtual_host.as_deref() == Some("www") && v.snmp_name.as_deref() == Some("web")
        }),
        ("sorry_server 10.0.9.9", |v| v.sorry_server.as_ref().unwrap().address == to("10.0.9.9:80")),
        ("sorry_server 10.0.9.9 81\n sorry_server_inhibit\n sorry_server_lvs_method DR", |v| {
            let sorry = v.sorry_server.as_ref().unwrap();
            (sorry.address, sorry.method, sorry.inhibit) == (to("10.0.9.9:80"), Method::Dr, true)
        }),
        ("delay_loop 6\n connect_timeout 1.5\n retry 4\n delay_before_retry 0.25\n warmup 0", |v| {
            let t = v.timing;
            t.delay_loop == 6 * SECOND
                && t.connect_timeout == Duration::from_millis(1500)
                && (t.retry, t.delay_before_retry) == (Some(4), Some(Duration::from_millis(250)))
                && t.warmup == Some(Duration::ZERO)
                && v.real_servers[0].timing.is_none()
        }),
    ];
    for (lines, good) in cases {
        let vs = service(&format!("{lines}\n real_server 10.0.1.1 {{ }}"));
        assert!(good(&vs), "{lines}: {vs:?}");
    }
}

#[test]
fn endpoints_of_services() {
    for (text, endpoint, family, protocol) in [
        ("2001:db8::1 443", Endpoint::Address(to("[2001:db8::1]:443")), Family::V6, Some(Protocol::Tcp)),
        ("fwmark 7", Endpoint::FwMark(7, Family::V4), Family::V4, None),
        ("group marks", Endpoint::Group("marks".into()), Family::V6, None),
        ("group web", Endpoint::Group("web".into()), Family::V4, Some(Protocol::Tcp)),
    ] {
        let server = if family == Family::V4 { "10.0.1.1" } else { "2001:db8::9" };
        let text = format!(
            "virtual_server_group marks {{\n fwmark 8 inet6\n}}\nvirtual_server_group web {{\n 10.0.0.1-3 80-81\n fwmark 3\n}}\n\
             virtual_server {text} {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server {server} 80 {{ }}\n}}"
        );
        let lvs = lvs(&text);
        let vs = &lvs.virtual_servers[0];
        assert_eq!((&vs.endpoint, vs.family(&lvs.groups), vs.protocol), (&endpoint, family, protocol), "{text}");
        let range = |port| GroupEntry::Range("10.0.0.1".parse().unwrap(), "10.0.0.3".parse().unwrap(), port);
        assert_eq!(lvs.groups[0].entries, [GroupEntry::FwMark(8, Some(Family::V6))]);
        assert_eq!(lvs.groups[1].entries, [range(80), range(81), GroupEntry::FwMark(3, None)]);
    }
}

#[test]
fn family_of_a_firewall_mark() {
    for (lines, family) in [
        ("lb_kind NAT\n real_server 2001:db8::1 80 { }", Family::V6),
        ("lb_kind TUN\n real_server 2001:db8::1 { }", Family::V4),
        ("lb_kind TUN\n ip_family inet6\n real_server 10.0.0.1 { }", Family::V6),
        ("lb_kind TUN\n real_server 10.0.0.1 { }\n real_server 2001:db8::1 { lvs_method DR }", Family::V6),
    ] {
        let vs = lvs(&format!("virtual_server fwmark 1 {{\n lb_algo rr\n{lines}\n}}")).virtual_servers.remove(0);
        assert_eq!(vs.endpoint, Endpoint::FwMark(1, family), "{lines}");
    }
}

#[test]
fn ports_of_real_servers_and_of_their_checkers() {
    for (service, kind, port, in_ipvs, checked) in [
        ("10.0.0.1 80", "NAT", "", 80, 80),
        ("10.0.0.1 80", "NAT", "8080", 8080, 8080),
        ("10.0.0.1 80", "DR", "", 80, 80),
        ("10.0.0.1 80", "DR", "8080", 80, 8080),
        ("10.0.0.1 80", "TUN", "8080", 80, 8080),
        ("10.0.0.1", "DR", "8080", 0, 8080),
        ("fwmark 1", "NAT", "8080", 8080, 8080),
        ("fwmark 1", "DR", "8080", 0, 8080),
        ("group one", "NAT", "", 80, 80),
        ("group one", "DR", "", 80, 80),
        ("group two", "NAT", "8080", 8080, 8080),
        ("group two", "DR", "8080", 0, 8080),
    ] {
        let text = format!(
            "virtual_server_group one {{\n 10.0.0.1 80\n 10.0.0.2 80\n}}\nvirtual_server_group two {{\n 10.0.0.1 80\n 10.0.0.2 81\n}}\n\
             virtual_server {service} {{\n lb_kind {kind}\n real_server 10.0.1.1 {port} {{\n TCP_CHECK {{ }}\n }}\n}}"
        );
        let lvs = lvs(&text);
        let rs = &lvs.virtual_servers[0].real_servers[0];
        let CheckerKind::Tcp(target) = &rs.checkers[0].kind else { panic!() };
        assert_eq!((rs.address.port(), target.address.port()), (in_ipvs, checked), "{service} {kind} {port}");
    }
}

#[test]
fn settings_are_inherited_level_by_level() {
    let vs = service(
        "delay_loop 6\n retry 2\n weight 3\n virtualhost vs\n inhibit_on_failure\n alpha\n\
         real_server 10.0.1.1 80 {\n delay_loop 7\n TCP_CHECK {\n delay_loop 8\n retry 0\n alpha no\n }\n TCP_CHECK { }\n }\n\
         real_server 10.0.1.2 80 {\n weight 0\n inhibit_on_failure off\n alpha off\n TCP_CHECK {\n warmup 1\n }\n }",
    );
    let [first, second] = &vs.real_servers[..] else { panic!() };
    assert_eq!((first.weight, second.weight, vs.quorum), (3, 0, 1));
    assert_eq!((first.inhibit, first.alpha, second.inhibit, second.alpha), (true, true, false, false));
    let seen: Vec<_> = vs
        .real_servers
        .iter()
        .flat_map(|rs| &rs.checkers)
        .map(|c| (c.delay_loop.as_secs(), c.warmup.as_secs(), c.retry, c.alpha))
        .collect();
    assert_eq!(seen, [(8, 8, 0, false), (7, 7, 2, true), (6, 1, 2, false)]);
}

#[test]
fn checkers_differ_in_their_defaults() {
    for (lines, retry, pause) in [
        ("TCP_CHECK { }", 1, 1),
        ("HTTP_GET {\n url { path / }\n }", 1, 3),
        ("SSL_GET {\n url { path / }\n }", 1, 3),
        ("SMTP_CHECK { }", 1, 1),
        ("DNS_CHECK { }", 3, 60),
        ("MISC_CHECK { misc_path /bin/true }", 0, 1),
        ("UDP_CHECK { }", 1, 1),
        ("PING_CHECK { }", 1, 1),
    ] {
        let c = checker(lines);
        assert_eq!((c.retry, c.delay_before_retry), (retry, pause * SECOND), "{lines}");
        assert_eq!((c.delay_loop, c.timeout, c.warmup), (60 * SECOND, 5 * SECOND, 60 * SECOND), "{lines}");
        assert!(!c.alpha && !c.log_all_failures);
    }
}

#[test]
fn target_and_source_of_a_checker() {
    let c = checker(
        "TCP_CHECK {\n connect_ip 10.9.9.9\n connect_port 99\n bindto 10.1.1.1\n bind_port 5\n bind_if eth0\n fwmark 6\n }",
    );
    let CheckerKind::Tcp(target) = c.kind else { panic!() };
    let source = *target.source.unwrap();
    assert_eq!((target.address, source.bind), (to("10.9.9.9:99"), Some(to("10.1.1.1:5"))));
    assert_eq!((source.interface.as_deref(), source.fwmark), (Some("eth0"), 6));
    for (lines, bind) in [
        ("", None),
        ("bind_port 5", Some("0.0.0.0:5")),
        ("bindto 10.1.1.1", Some("10.1.1.1:0")),
        ("connect_ip 2001:db8::1\n bind_port 5", Some("[::]:5")),
    ] {
        let CheckerKind::Tcp(target) = checker(&format!("TCP_CHECK {{\n{lines}\n}}")).kind else { panic!() };
        assert_eq!(target.source.and_then(|source| source.bind), bind.map(to), "{lines}");
    }
}

#[test]
fn web_checkers() {
    let check = http("url { path / }");
    assert!(check.tls && !check.fast_recovery && !check.close_notify && check.sni.is_none());
    assert_eq!(check.version, HttpVersion::V10);
    let url = &check.urls[0];
    assert_eq!((url.path.as_str(), url.host.as_str()), ("/", "10.0.1.1:8080"));
    assert_eq!((&url.status, &url.digest, &url.regex), (&vec![(200, 299)], &None, &None));
    let check = http(
        "virtualhost www\n enable_sni\n http_protocol 1.0c\n fast_recovery\n tls_compliant\n\
         url {\n path /a\n digest 00112233445566778899AABBCCDDEEFF\n status_code 200 301-304\n tls_compliant off\n }\n\
         url {\n path \"/b c\"\n virtualhost other\n regex \"a\\d+ b\"\n regex_no_match\n regex_options caseless dotall\n\
         regex_min_offset 3\n regex_max_offset 9\n }",
    );
    assert_eq!((check.version, check.sni.as_deref()), (HttpVersion::V10Close, Some("www")));
    assert!(check.fast_recovery && check.close_notify);
    let [a, b] = &check.urls[..] else { panic!() };
    assert_eq!(
        a.digest,
        Some([0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff])
    );
    assert_eq!((&a.status, a.host.as_str(), a.close_notify), (&vec![(200, 200), (301, 304)], "www", false));
    assert_eq!((b.path.as_str(), b.host.as_str(), b.close_notify), ("/b c", "other", true));
    let regex = b.regex.as_ref().unwrap();
    assert_eq!((regex.no_match, regex.min_offset, regex.max_offset), (true, 3, Some(9)));
    assert_eq!(regex.options, ["caseless", "dotall"]);
    assert_eq!(http("sni_name a.b\n http_protocol 1.1\n url { path / }").sni.as_deref(), Some("a.b"));
    assert_eq!(http("enable_sni\n url {\n path /\n virtualhost u\n }").sni.as_deref(), Some("u"));
    assert_eq!(http("connect_ip 2001:db8::1\n url { path / }").urls[0].host, "[2001:db8::1]:8080");
}

#[test]
fn other_checkers() {
    type Check = fn(&CheckerKind) -> bool;
    let cases: &[(&str, Check)] = &[
        ("SMTP_CHECK {\n helo_name me\n host {\n connect_ip 10.0.0.5\n connect_port 26\n }\n }", |k| {
            matches!(k, CheckerKind::Smtp(check) if check.helo_name == "me"
                && check.targets.iter().map(|t| t.address.to_string()).collect::<Vec<_>>() == ["10.0.1.1:8080", "10.0.0.5:26"])
        }),
        (
            "DNS_CHECK {\n type AAAA\n name www.example.com.\n }",
            |k| matches!(k, CheckerKind::Dns(c) if (c.query_type, c.name.as_str()) == (28, "www.example.com")),
        ),
        ("DNS_CHECK { }", |k| matches!(k, CheckerKind::Dns(c) if c.query_type == 6 && c.name.is_empty())),
        ("DNS_CHECK { name . }", |k| matches!(k, CheckerKind::Dns(c) if c.name.is_empty())),
        ("MISC_CHECK {\n misc_path \"/bin/c a\"\n misc_timeout 9\n misc_dynamic\n user root\n }", |k| {
            matches!(k, CheckerKind::Misc(c) if c.dynamic
                && c.script.argv == ["/bin/c", "a"] && c.script.user.is_some() && c.run_limit.as_secs() == 9)
        }),
        ("MISC_CHECK {\n misc_path /bin/c\n delay_loop 4\n misc_timeout 0\n }", |k| {
            matches!(k, CheckerKind::Misc(c) if !c.dynamic
                && c.script.user.is_none() && c.run_limit.as_secs() == 4)
        }),
        ("UDP_CHECK {\n payload 0a1 ff\n require_reply 1x XX 7\n min_reply_length 2\n max_reply_length 600\n }", |k| {
            matches!(k, CheckerKind::Udp(c) if (c.min_reply, c.max_reply) == (2, 600)
                && c.payload == [0x0a, 1, 0xff] && c.reply == Some(vec![(0x10, 0xf0), (0, 0), (7, 0xff)]))
        }),
        ("UDP_CHECK { require_reply }", |k| {
            matches!(k, CheckerKind::Udp(c) if (c.min_reply, c.max_reply) == (0, 255)
                && c.payload.is_empty() && c.reply == Some(Vec::new()))
        }),
        ("UDP_CHECK { }", |k| matches!(k, CheckerKind::Udp(c) if c.reply.is_none())),
        ("PING_CHECK { }", |k| matches!(k, CheckerKind::Ping(_))),
    ];
    for (lines, good) in cases {
        let kind = checker(lines).kind;
        assert!(good(&kind), "{lines}: {kind:?}");
    }
}

#[test]
fn well_known_ports_replace_a_missing_port() {
    let text =
        "virtual_server fwmark 1 {\n real_server 10.0.0.1 {\n SMTP_CHECK { }\n DNS_CHECK { }\n PING_CHECK { }\n }\n}";
    let lvs = lvs(text);
    let ports: Vec<u16> = lvs.virtual_servers[0].real_servers[0]
        .checkers
        .iter()
        .map(|c| match &c.kind {
            CheckerKind::Smtp(check) => check.targets[0].address.port(),
            CheckerKind::Dns(check) => check.target.address.port(),
            CheckerKind::Ping(target) => target.address.port(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ports, [25, 53, 0]);
}

#[test]
fn only_files_in_use_are_tracked() {
    let files = "track_file a {\n file /run/a\n weight 3 reverse\n}\nvrrp_track_file b {\n file /run/b\n}\n";
    for (lines, weight, reverse) in
        [("", 3, true), ("weight -5", -5, true), ("weight 4 noreverse", 4, false), ("weight 4 reverse", 4, true)]
    {
        let text = format!(
            "{files}virtual_server 10.0.0.1 80 {{\n real_server 10.0.1.1 80 {{\n FILE_CHECK {{\n track_file a\n {lines}\n }}\n }}\n}}"
        );
        let lvs = lvs(&text);
        assert_eq!(
            lvs.track_files.iter().map(|f| (f.name.as_str(), f.path.as_str())).collect::<Vec<_>>(),
            [("a", "/run/a")]
        );
        let wanted = CheckerKind::File { track_file: "a".into(), weight, reverse };
        assert_eq!(lvs.virtual_servers[0].real_servers[0].checkers[0].kind, wanted, "{lines}");
    }
}

#[test]
fn mail_defaults() {
    for (global, service, server) in [
        ("", false, true),
        ("smtp_alert off", false, false),
        ("smtp_alert", true, true),
        ("smtp_alert\n smtp_alert_checker no", false, false),
        ("smtp_alert_checker", true, true),
    ] {
        let lvs = lvs(&format!(
            "global_defs {{\n{global}\n}}\nvirtual_server 10.0.0.1 80 {{\n real_server 10.0.1.1 80 {{ }}\n}}"
        ));
        let vs = &lvs.virtual_servers[0];
        assert_eq!((vs.smtp_alert, vs.real_servers[0].smtp_alert), (service, server), "{global}");
    }
}

#[test]
fn global_settings() {
    let lvs = lvs(
        "global_defs {\n lvs_timeouts udp 30 tcp 900\n lvs_sync_daemon eth0 VI id 9 maxlen 1400 port 8849 ttl 3 group 224.0.0.99\n\
         snmp_vs_stats_update_interval 0.5\n rs_init_notifies\n no_checker_emails\n checker_priority -5\n checker_rt_priority 4\n\
         checker_no_swap\n checker_log_all_failures\n}\n\
         SSL {\n ca /ca\n certificate /cert\n key /key\n password hunter2\n}\n\
         vrrp_instance VI {\n interface eth0\n virtual_router_id 55\n virtual_ipaddress { 10.0.0.9 }\n}\n\
         virtual_server 10.0.0.1 80 {\n real_server 10.0.1.1 80 { TCP_CHECK { } }\n}\n",
    );
    assert_eq!(lvs.settings.timeouts, [900, 0, 30]);
    let daemon = lvs.settings.sync_daemon.unwrap();
    assert_eq!((daemon.interface.as_str(), daemon.instance.as_deref(), daemon.id), ("eth0", Some("VI"), 9));
    assert_eq!((daemon.max_len, daemon.port, daemon.ttl), (Some(1400), Some(8849), Some(3)));
    assert_eq!(daemon.group, Some("224.0.0.99".parse().unwrap()));
    assert_eq!((lvs.settings.vs_stats_interval, lvs.settings.rs_stats_interval), (SECOND / 2, 5 * SECOND));
    assert!(lvs.settings.init_notifies && lvs.settings.no_checker_emails && lvs.settings.process.no_swap);
    assert_eq!((lvs.settings.process.nice, lvs.settings.process.rt_priority), (Some(-5), Some(4)));
    assert!(lvs.virtual_servers[0].real_servers[0].checkers[0].log_all_failures);
    assert_eq!(lvs.tls.certificate.as_deref(), Some("/cert"));
    assert_eq!(lvs.tls.password.as_ref().unwrap().0, "hunter2");
    assert!(!format!("{lvs:?}", lvs = lvs.tls).contains("hunter2"));
}

#[test]
fn the_sync_daemon_has_the_id_of_its_instance() {
    let instance = "vrrp_instance VI {\n interface eth0\n virtual_router_id 55\n virtual_ipaddress { 10.0.0.9 }\n";
    for (global, line, wanted) in [
        ("lvs_sync_daemon eth1 VI", "", ("eth1", Some("VI"), 55)),
        ("lvs_sync_daemon eth1 inst VI", "", ("eth1", Some("VI"), 55)),
        ("lvs_sync_daemon eth1", "", ("eth1", None, 0)),
        ("lvs_sync_daemon eth1 id 7", "", ("eth1", None, 7)),
        ("", "lvs_sync_daemon_interface eth2", ("eth2", Some("VI"), 55)),
    ] {
        let daemon =
            lvs(&format!("global_defs {{\n{global}\n}}\n{instance}{line}\n}}\n")).settings.sync_daemon.unwrap();
        assert_eq!((daemon.interface.as_str(), daemon.instance.as_deref(), daemon.id), wanted, "{global}{line}");
    }
}

#[test]
fn generated_marks_and_the_namespace_of_ipvs() {
    let marks = |lines: &str| config(&format!("global_defs {{\n{lines}\n}}\n")).global.ipvs_marks;
    let of = |table: &str, priority, first, counters| IpvsMarks { table: table.into(), priority, first, counters };
    assert_eq!(marks("nftables_ipvs_priority 7"), None, "only nftables_ipvs turns them on");
    assert_eq!(marks("nftables_ipvs"), Some(of("keepalived_ipvs", -1, 1000, false)));
    let all = "nftables_ipvs mine\n nftables_ipvs_priority -200\n nftables_ipvs_start_fwmark 7\n nftables_counters";
    assert_eq!(marks(all), Some(of("mine", -200, 7, true)));
    // The tables of VRRP are removed and built without regard to these.
    let loaded = load_text("global_defs {\n nftables fw\n nftables_ipvs fw\n}\n");
    assert!(loaded.diagnostics.to_string().contains("nftables has the table 'fw' already"), "{}", loaded.diagnostics);
    assert_eq!(loaded.config.unwrap().global.ipvs_marks, Some(of("keepalived_ipvs", -1, 1000, false)));

    let namespace = |text: &str| config(text).global.net_namespace_ipvs;
    assert_eq!(namespace("net_namespace blue\n"), None);
    assert_eq!(namespace("net_namespace_ipvs\n"), Some(IpvsNamespace::Default));
    assert_eq!(namespace("net_namespace_ipvs blue\n"), Some(IpvsNamespace::Named("blue".into())));
    let loaded = load_text("namespace_with_ipsets\n");
    assert!(loaded.diagnostics.to_string().contains("'namespace_with_ipsets' has no effect"), "{}", loaded.diagnostics);
    assert_eq!(loaded.diagnostics.exit_code(), 0);
}
