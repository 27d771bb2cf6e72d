//! IPVS in a kernel that has it: the writer programs the same as `ipvsadm`.
#![allow(clippy::unwrap_used, reason = "a test")]

mod refusals;

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::ipvs_support::{
    Director, LIMIT, Real, WantedTable, add, at, changes, masquerading, real, same, server, talk, tcp,
};
use keepalived::check::ipvs::{
    self, Change, DestinationKey, ServiceKey, SyncRole, SyncThread, Timeouts, sync_difference,
};
use keepalived::config::lvs::{
    Endpoint, GroupEntry, Method, Protocol, Scheduler, SyncDaemon, Tunnel, TunnelChecksum, VirtualServer,
    VirtualServerGroup,
};
use keepalived::config::model::Family;
use keepalived::kernel::ipvs::Error;
use keepalived::state::Done;
use lab::ipvs::{ipvsadm, restore};
use lab::uml::inside;
use lab::wait_for;

/// All forwarding methods with ipvsadm's options.
const METHODS: [(Method, &str); 8] = [
    (Method::Nat, "-m"),
    (Method::Dr, "-g"),
    (Method::Tun(Tunnel::Ipip), "-i"),
    (Method::Tun(Tunnel::Gue(6080, TunnelChecksum::None)), "-i --tun-type gue --tun-port 6080 --tun-nocsum"),
    (Method::Tun(Tunnel::Gue(6081, TunnelChecksum::Checksum)), "-i --tun-type gue --tun-port 6081 --tun-csum"),
    (Method::Tun(Tunnel::Gue(6082, TunnelChecksum::Remote)), "-i --tun-type gue --tun-port 6082 --tun-remcsum"),
    (Method::Tun(Tunnel::Gre(TunnelChecksum::None)), "-i --tun-type gre --tun-nocsum"),
    (Method::Tun(Tunnel::Gre(TunnelChecksum::Checksum)), "-i --tun-type gre --tun-csum"),
];
/// The schedulers of this kernel: all except twos.
const SCHEDULERS: [Scheduler; 13] = [
    Scheduler::Rr,
    Scheduler::Wrr,
    Scheduler::Lc,
    Scheduler::Wlc,
    Scheduler::Lblc,
    Scheduler::Lblcr,
    Scheduler::Dh,
    Scheduler::Sh,
    Scheduler::Sed,
    Scheduler::Nq,
    Scheduler::Fo,
    Scheduler::Ovf,
    Scheduler::Mh,
];

#[test]
fn every_scheduler_flag_protocol_and_method() {
    inside(|| {
        let (mut wanted, mut lines) = (WantedTable::new(), String::new());
        let protocols = [(Protocol::Tcp, "-t"), (Protocol::Udp, "-u"), (Protocol::Sctp, "--sctp-service")];
        for (number, scheduler) in SCHEDULERS.into_iter().enumerate() {
            for (protocol, option) in protocols {
                for chosen in 0..8usize {
                    let address = format!("10.{number}.{chosen}.1:80");
                    let flags = [0, 1, 2].map(|flag| chosen & (1 << flag) != 0);
                    let mut server = server(at(&address), Some(protocol));
                    (server.scheduler, server.scheduler_flags) = (scheduler, flags);
                    let names: Vec<String> =
                        (1..=3).filter(|flag| flags[flag - 1]).map(|f| format!("flag-{f}")).collect();
                    let name = scheduler.name();
                    write!(lines, "-A {option} {address} -s {name}").unwrap();
                    lines += &if names.is_empty() { "\n".into() } else { format!(" -b {}\n", names.join(",")) };
                    let mut servers = Vec::new();
                    for (method, (kind, words)) in METHODS.into_iter().enumerate() {
                        let port = if kind == Method::Nat { 8080 } else { 80 };
                        let real_server = format!("192.168.{number}.{}:{port}", method + 1);
                        writeln!(lines, "-a {option} {address} -r {real_server} {words} -w {method}").unwrap();
                        servers.push(real(&real_server, kind, method.try_into().unwrap()));
                    }
                    add(&mut wanted, &server, &[], &servers);
                }
            }
        }
        assert_eq!(wanted.len(), 13 * 3 * 8);
        same(&wanted, &lines);
    });
}

#[test]
fn families_marks_persistence_and_thresholds() {
    inside(|| {
        let mut wanted = WantedTable::new();
        let v4 = [("192.168.0.1:8080".parse().unwrap(), Method::Nat, 3, 100, 50)];
        let v6 = [("[fd00::1]:8080".parse().unwrap(), Method::Nat, 65535, 7, 0)];
        let marked = [real("192.168.0.2:0", Method::Dr, 1)];
        add(&mut wanted, &tcp("10.0.0.1:80"), &[], &v4);
        add(&mut wanted, &tcp("[fd01::1]:80"), &[], &v6);
        add(&mut wanted, &server(Endpoint::FwMark(1, Family::V4), None), &[], &marked);
        add(&mut wanted, &server(Endpoint::FwMark(2, Family::V6), None), &[], &[real("[fd00::2]:0", Method::Dr, 1)]);
        let persistent = |address: &str, timeout, granularity| VirtualServer {
            persistence: Some(timeout),
            granularity,
            ..tcp(address)
        };
        add(&mut wanted, &persistent("10.0.0.2:0", 360, None), &[], &marked);
        add(&mut wanted, &persistent("10.0.0.3:80", 50, Some(24)), &[], &[]);
        add(&mut wanted, &persistent("[fd01::3]:80", 51, Some(64)), &[], &[]);
        let mark = VirtualServer {
            persistence: Some(600),
            granularity: Some(16),
            ..server(Endpoint::FwMark(3, Family::V4), None)
        };
        add(&mut wanted, &mark, &[], &[]);
        let sip = VirtualServer {
            persistence: Some(60),
            persistence_engine: Some("sip".into()),
            ..server(at("10.0.0.4:5060"), Some(Protocol::Udp))
        };
        add(&mut wanted, &sip, &[], &[]);
        let ops = VirtualServer { one_packet: true, hashed: true, ..server(at("10.0.0.5:53"), Some(Protocol::Udp)) };
        add(&mut wanted, &ops, &[], &[]);
        // Of another family than the service.
        let mixed = Method::Tun(Tunnel::Ipip);
        add(
            &mut wanted,
            &tcp("[fd01::6]:80"),
            &[],
            &[real("192.168.0.6:80", mixed, 1), real("[fd00::6]:80", mixed, 1)],
        );
        let groups = [VirtualServerGroup {
            name: "g".into(),
            entries: vec![
                GroupEntry::Address("10.1.0.1:80".parse().unwrap()),
                GroupEntry::Range("10.1.0.254".parse().unwrap(), "10.1.1.1".parse().unwrap(), 81),
                GroupEntry::FwMark(9, None),
                GroupEntry::Address("10.1.0.1:80".parse().unwrap()),
            ],
        }];
        add(&mut wanted, &server(Endpoint::Group("g".into()), Some(Protocol::Udp)), &groups, &marked);
        same(
            &wanted,
            "-A -t 10.0.0.1:80 -s wlc\n-a -t 10.0.0.1:80 -r 192.168.0.1:8080 -m -w 3 -x 100 -y 50\n\
             -A -t [fd01::1]:80 -s wlc\n-a -t [fd01::1]:80 -r [fd00::1]:8080 -m -w 65535 -x 7\n\
             -A -f 1 -s wlc\n-a -f 1 -r 192.168.0.2:0 -g -w 1\n\
             -A -f 2 -6 -s wlc\n-a -f 2 -6 -r [fd00::2]:0 -g -w 1\n\
             -A -t 10.0.0.2:0 -s wlc -p 360\n-a -t 10.0.0.2:0 -r 192.168.0.2:0 -g -w 1\n\
             -A -t 10.0.0.3:80 -s wlc -p 50 -M 255.255.255.0\n-A -t [fd01::3]:80 -s wlc -p 51 -M 64\n\
             -A -f 3 -s wlc -p 600 -M 255.255.0.0\n-A -u 10.0.0.4:5060 -s wlc -p 60 --pe sip\n\
             -A -u 10.0.0.5:53 -s wlc -o\n\
             -A -t [fd01::6]:80 -s wlc\n-a -t [fd01::6]:80 -r 192.168.0.6:80 -i -w 1\n\
             -a -t [fd01::6]:80 -r [fd00::6]:80 -i -w 1\n\
             -A -u 10.1.0.1:80 -s wlc\n-a -u 10.1.0.1:80 -r 192.168.0.2:0 -g -w 1\n\
             -A -u 10.1.0.254:81 -s wlc\n-a -u 10.1.0.254:81 -r 192.168.0.2:0 -g -w 1\n\
             -A -u 10.1.0.255:81 -s wlc\n-a -u 10.1.0.255:81 -r 192.168.0.2:0 -g -w 1\n\
             -A -u 10.1.1.0:81 -s wlc\n-a -u 10.1.1.0:81 -r 192.168.0.2:0 -g -w 1\n\
             -A -u 10.1.1.1:81 -s wlc\n-a -u 10.1.1.1:81 -r 192.168.0.2:0 -g -w 1\n\
             -A -f 9 -s wlc\n-a -f 9 -r 192.168.0.2:0 -g -w 1\n",
        );
    });
}

#[test]
fn statistics_of_masqueraded_connections() {
    inside(|| {
        let (director, client) = masquerading();
        let mut wanted = WantedTable::new();
        add(&mut wanted, &tcp("10.2.0.100:80"), &[], &[real("10.3.0.2:8080", Method::Nat, 1)]);
        director.reconcile(&wanted);
        let vip: SocketAddr = "10.2.0.100:80".parse().unwrap();
        let mut streams: Vec<TcpStream> = client.enter(|| (0..5).map(|_| TcpStream::connect(vip).unwrap()).collect());
        streams.iter_mut().for_each(talk);
        let row = || {
            let (_, service) = director.table().services.pop_first().unwrap();
            let (_, destination) = service.destinations.clone().pop_first().unwrap();
            (service.stats, destination)
        };
        // The kernel adds up its counters every two seconds.
        wait_for(LIMIT, "the connections are counted", || (row().0.packets_in >= 15).then_some(()));
        let (service, destination) = row();
        assert_eq!((service.connections, destination.stats.connections), (5, 5));
        assert_eq!((destination.active, destination.inactive, destination.persistent), (5, 0, 0));
        assert_eq!(destination.stats, service, "there is only one destination");
        // SYN, ACK, data and the ACK of the echo from the client; SYN-ACK, ACK and the echo to it.
        assert!(service.packets_in >= 15 && service.packets_out >= 10, "{service:?}");
        assert!(service.octets_in > 15 * 52 && service.octets_out > 10 * 52, "{service:?}");
        drop(streams);
        wait_for(LIMIT, "the connections are closed", || (row().1.inactive == 5).then_some(()));
        // Without traffic the figures become equal to those of ipvsadm.
        wait_for(LIMIT, "ipvsadm shows the same figures", || {
            let shown = ipvsadm(&director.netns, "-ln --stats --exact");
            let line = shown.lines().find(|line| line.starts_with("TCP")).unwrap();
            let figures: Vec<u64> = line.split_whitespace().skip(2).map(|word| word.parse().unwrap()).collect();
            let s = row().0;
            (figures == [s.connections, s.packets_in, s.packets_out, s.octets_in, s.octets_out]).then_some(())
        });
        let (_, destination) = row();
        assert_eq!(destination.active, 0);
        wait_for(LIMIT, "the rates are estimated", || (row().0.octet_rate_in > 0).then_some(()));
    });
}

#[test]
fn connections_survive_changes_of_the_table() {
    inside(|| {
        let (director, client) = masquerading();
        let mut wanted = WantedTable::new();
        let mut web = tcp("10.2.0.100:80");
        let servers: Vec<Real> = (2..=250).map(|host| real(&format!("10.3.0.{host}:8080"), Method::Nat, 1)).collect();
        add(&mut wanted, &web, &[], &servers);
        assert_eq!(director.reconcile(&wanted), 250);
        // A restarted director with the same configuration changes nothing.
        assert_eq!(director.reconcile(&wanted), 0);

        // All connections go to the server that answers.
        let key = ServiceKey::Address { protocol: 6, ip: [10, 2, 0, 100].into(), port: 80 };
        ipvsadm(&director.netns, "-E -t 10.2.0.100:80 -s fo");
        ipvsadm(&director.netns, "-e -t 10.2.0.100:80 -r 10.3.0.2:8080 -m -w 1000");
        let mut stream = client.enter(|| TcpStream::connect("10.2.0.100:80").unwrap());
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        talk(&mut stream);

        // Changes by another program: two settings, one server removed, one added.
        ipvsadm(&director.netns, "-d -t 10.2.0.100:80 -r 10.3.0.9:8080");
        ipvsadm(&director.netns, "-a -t 10.2.0.100:80 -r 10.3.1.9:8080 -m");
        let changes = changes(&director.table(), &wanted);
        let server = |host| DestinationKey { ip: IpAddr::from([10, 3, 0, host]), port: 8080 };
        assert!(matches!(&changes[0], Change::SetService(service) if service.scheduler == "wlc"));
        assert!(matches!(&changes[1], Change::SetDestination(_, d) if d.key == server(2) && d.weight == 1));
        assert!(matches!(&changes[2], Change::NewDestination(_, d) if d.key == server(9)));
        let outsider = DestinationKey { ip: [10, 3, 1, 9].into(), port: 8080 };
        assert_eq!(changes[3..], [Change::DelDestination(key, outsider)]);
        director.apply(changes);
        talk(&mut stream);

        // Another scheduler and weight; nothing else changes.
        web.scheduler = Scheduler::Rr;
        let mut wanted = WantedTable::new();
        add(&mut wanted, &web, &[], &servers);
        add(&mut wanted, &web, &[], &[real("10.3.0.2:8080", Method::Nat, 0)]);
        assert_eq!(director.reconcile(&wanted), 2);
        talk(&mut stream);
        let connections = director.table().services[&key].destinations[&server(2)].active;
        assert_eq!(connections, 1);
    });
}

#[test]
fn services_of_others_stay() {
    inside(|| {
        let director = Director::new();
        let (mut ours, mut others) = (WantedTable::new(), WantedTable::new());
        add(&mut ours, &tcp("10.0.0.1:80"), &[], &[real("192.168.0.1:80", Method::Nat, 1)]);
        add(&mut others, &tcp("10.0.0.2:80"), &[], &[real("192.168.0.1:80", Method::Nat, 1)]);
        director.reconcile(&ours);
        restore(&director.netns, "-A -t 10.0.0.2:80 -s wlc\n-a -t 10.0.0.2:80 -r 192.168.0.1:80 -m -w 1\n");
        director.apply(ours.keys().map(|key| Change::DelService(*key)).collect());
        assert_eq!(changes(&director.table(), &others), []);
        director.apply(vec![Change::Flush]);
        assert_eq!(director.table().services.len(), 0);
    });
}

#[test]
fn timeouts() {
    inside(|| {
        let director = Director::new();
        director.apply(vec![Change::SetTimeouts(Timeouts { tcp: 7200, tcp_fin: 30, udp: 60 })]);
        assert_eq!(ipvsadm(&director.netns, "-l --timeout").trim(), "Timeout (tcp tcpfin udp): 7200 30 60");
        director.apply(vec![Change::SetTimeouts(Timeouts { tcp: 0, tcp_fin: 31, udp: 0 })]);
        assert_eq!(director.table().timeouts, Timeouts { tcp: 7200, tcp_fin: 31, udp: 60 });
    });
}

#[test]
fn synchronisation() {
    inside(|| {
        let (ours, theirs) = (Director::new(), Director::new());
        for director in [&ours, &theirs] {
            director.netns.ip("link add eth0 type veth peer name eth1");
            director.netns.ip("address add 10.4.0.1/24 dev eth0");
            director.netns.ip("link set eth0 up");
            director.netns.ip("link set eth1 up");
        }
        let daemon = SyncDaemon {
            interface: "eth0".into(),
            instance: None,
            id: 51,
            max_len: Some(1000),
            port: Some(8849),
            ttl: Some(3),
            group: Some([224, 0, 0, 83].into()),
        };
        let wanted = [ipvs::sync(&daemon, SyncRole::Master), ipvs::sync(&daemon, SyncRole::Backup)];
        ours.apply(sync_difference(&[], &wanted));
        for role in ["master", "backup"] {
            let options = "--mcast-interface eth0 --syncid 51 --sync-maxlen 1000 --mcast-port 8849 --mcast-ttl 3";
            ipvsadm(&theirs.netns, &format!("--start-daemon {role} {options} --mcast-group 224.0.0.83"));
        }
        let daemons = ipvsadm(&ours.netns, "-l --daemon");
        assert!(daemons.contains("syncid=51"), "{daemons}");
        assert_eq!(daemons, ipvsadm(&theirs.netns, "-l --daemon"));
        assert_eq!(sync_difference(&ours.table().sync, &wanted), []);
        assert_eq!(ours.outcomes(vec![Change::StartSync(wanted[0].clone())]), [Ok(Done::AlreadySo)]);

        // Other settings of one role, with the kernel's defaults, and without the other role.
        let plain = SyncThread { max_len: None, port: None, ttl: None, group: None, id: 5, ..wanted[0].clone() };
        ours.apply(sync_difference(&ours.table().sync, std::slice::from_ref(&plain)));
        let shown = ours.table().sync;
        assert_eq!(shown.len(), 1);
        assert_eq!((shown[0].id, shown[0].port, shown[0].group), (5, Some(8848), Some([224, 0, 0, 81].into())));
        assert_eq!(sync_difference(&shown, &[plain]), []);
        ours.apply(vec![Change::StopSync(SyncRole::Master)]);
        assert_eq!(ours.outcomes(vec![Change::StopSync(SyncRole::Master)]), [Ok(Done::AlreadySo)]);
        assert_eq!(ours.table().sync, []);
        let gone = SyncThread { interface: "nosuch".into(), ..wanted[0].clone() };
        assert!(matches!(&ours.outcomes(vec![Change::StartSync(gone)])[..], [Err(Error::Refused(r))] if r.errno == 19));
    });
}
