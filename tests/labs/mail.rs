//! Alert mail: the texts compared with those of C keepalived, and a relay with errors, which do not affect VRRP.
#![allow(clippy::expect_used, reason = "a test")]

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::conf::VRID;
use lab::director::Director;
use lab::machine::{self, Witness, longest_gap};
use lab::mail::Relay;
use lab::{Daemon, Lab, Protocol, now, wait_for, wait_until};

const LIMIT: Duration = Duration::from_secs(20);
const PROTOCOL: Protocol = Protocol::V3;
/// The client, which runs the relay in some labs.
const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 9, 0, 100)), 25);
/// A relay on the host of the daemon.
const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 25);

/// The configuration of one instance with additional `lines` in `global_defs`.
fn conf(relay: SocketAddr, lines: &str) -> String {
    let global =
        format!("{{\n  smtp_server {} {}\n  smtp_helo_name lab\n  smtp_alert\n  {lines}\n", relay.ip(), relay.port());
    PROTOCOL.conf(100, "").replacen('{', &global, 1)
}

const ADDRESSES: &str = "notification_email {\n    one@example.org\n    two@example.org\n  }\n  \
                         notification_email_from ka@example.org";

/// The mails of a daemon that becomes master, loses its link, and becomes master again.
fn mails_of(daemon: Daemon) -> Vec<String> {
    let mut lab = Lab::new(1);
    let directory = lab.dir().to_owned();
    lab.router(1).netns().ip("link set lo up");
    let relay = Relay::start(lab.router(1).netns(), LOCAL, &directory);
    let group = "vrrp_sync_group G {\n  group {\n    VI_51\n  }\n}\n";
    lab.router(1).configure(&(conf(LOCAL, ADDRESSES) + group));
    lab.router(1).start(daemon);
    let masters = |count| {
        wait_until(LIMIT, "mails of mastership", || {
            relay.subjects().iter().filter(|subject| subject.contains("MASTER")).count() == count
        });
    };
    masters(2);
    lab.cable(1, false);
    wait_until(LIMIT, "mails of the fault", || relay.subjects().iter().filter(|s| s.contains("FAULT")).count() == 2);
    lab.cable(1, true);
    masters(4);
    wait_until(LIMIT, "mails of all states", || relay.mails().len() == 10);
    relay.mails()
}

#[test]
fn texts_are_those_of_c_keepalived() {
    let _turn = machine::shared();
    let (theirs, ours) = (mails_of(C), mails_of(Ours));
    assert_eq!(ours, theirs);
    let entered = "Date\nFrom: ka@example.org\nSubject: [lab100] VRRP Instance VI_51 - Entering MASTER state\n\
                   X-Mailer: Keepalived\nTo: one@example.org, two@example.org\nX-MailFrom: ka@example.org\n\
                   X-RcptTo: one@example.org, two@example.org\n\n=> VRRP Instance is now owning VRRP VIPs <=\n";
    assert!(ours.iter().any(|mail| mail.trim_end() == entered.trim_end()), "{ours:#?}");
}

/// The lines that a daemon sends to its relay, by dialogue, without the date.
fn dialogues_of(daemon: Daemon) -> Vec<Vec<String>> {
    let mut lab = Lab::new(1);
    lab.router(1).netns().ip("link set lo up");
    let listener = lab.router(1).netns().enter(|| TcpListener::bind(LOCAL).expect("a free port"));
    let dialogues = Arc::new(Mutex::new(Vec::new()));
    let records = dialogues.clone();
    // The thread ends with the process; it handles one dialogue at a time.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lines = record(&stream);
            records.lock().expect("not poisoned").push(lines);
        }
    });
    lab.router(1).configure(&conf(LOCAL, ADDRESSES));
    lab.router(1).start(daemon);
    wait_until(LIMIT, "both mails are sent", || dialogues.lock().expect("not poisoned").len() == 2);
    let mut dialogues = dialogues.lock().expect("not poisoned").clone();
    dialogues.sort();
    dialogues
}

/// Accepts a mail as a relay does; returns the lines of the client.
fn record(stream: &TcpStream) -> Vec<String> {
    let mut writer = stream;
    let mut said = Vec::new();
    let mut in_data = false;
    let mut answer = |text: &str| writer.write_all(format!("{text}\r\n").as_bytes()).expect("a client that listens");
    answer("220 relay");
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        in_data &= line != ".\r";
        match line.trim_end() {
            _ if in_data => {}
            "DATA" => {
                in_data = true;
                answer("354 go on");
            }
            "QUIT" => answer("221 bye"),
            _ => answer("250 fine"),
        }
        said.push(if line.starts_with("Date: ") { "Date: \r".into() } else { line });
    }
    said
}

#[test]
fn the_dialogue_is_that_of_c_keepalived() {
    let _turn = machine::shared();
    let (theirs, ours) = (dialogues_of(C), dialogues_of(Ours));
    assert_eq!(ours, theirs);
    assert!(ours[0].contains(&"RCPT TO:<two@example.org>\r".to_owned()), "{ours:#?}");
}

/// A display name is not part of the envelope, faults are not mailed if so configured, and mails at the stop are still
/// sent.
#[test]
fn names_faults_and_the_stop() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let relay = Relay::start(&lab.client, CLIENT, lab.dir());
    let addresses = "notification_email {\n    \"Admin Person <admin@example.org>\"\n  }\n  \
                     notification_email_from \"Kee <ka@example.org>\"\n  no_email_faults";
    lab.router(1).configure(&conf(CLIENT, addresses));
    lab.router(1).start(Ours);
    let [backup, master, stopping] = ["Entering BACKUP state", "Entering MASTER state", "Stopping"]
        .map(|ending| format!("[lab100] VRRP Instance VI_51 - {ending}"));
    relay.await_subjects(&[&backup, &master]);
    let mail = relay.mails().remove(0);
    for line in [
        "From: Kee <ka@example.org>",
        "To: Admin Person <admin@example.org>",
        "X-MailFrom: ka@example.org",
        "X-RcptTo: admin@example.org",
    ] {
        assert!(mail.lines().any(|has| has == line), "no {line:?} in {mail}");
    }
    lab.cable(1, false);
    wait_until(LIMIT, "the instance is in fault", || lab.router(1).log().contains("Entering FAULT STATE"));
    lab.cable(1, true);
    relay.await_subjects(&[&backup, &backup, &master, &master]);
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    relay.await_subjects(&[&backup, &backup, &master, &master, &stopping]);
}

/// The relay refuses connections, then accepts them silently, then fails in the dialogue, then works: both mails arrive
/// once, and adverts are on time.
#[test]
fn a_failing_relay_delays_only_mail() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let addresses = format!("{ADDRESSES}\n  smtp_connect_timeout 1");
    lab.router(1).configure(&conf(CLIENT, &addresses));
    lab.router(1).start(Ours);
    let since = lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    let witness = Witness::start();
    let await_log = |lab: &mut Lab, what: &str| {
        wait_until(LIMIT, &format!("the log has: {what}"), || lab.router(1).log().contains(what));
    };
    await_log(&mut lab, "refused");

    let listen = || wait_for(LIMIT, "the port is free", || TcpListener::bind(CLIENT).ok());
    let silent = lab.client.enter(listen);
    await_log(&mut lab, "no answer in time");

    silent.set_nonblocking(true).expect("a socket");
    wait_until(LIMIT, "a connection is closed within the dialogue", || silent.accept().is_ok_and(|one| drive(&one.0)));
    await_log(&mut lab, "451 changed my mind");
    drop(silent);

    let relay = Relay::start(&lab.client, CLIENT, lab.dir());
    relay.await_subjects(
        &["BACKUP", "MASTER"]
            .map(|state| format!("[lab100] VRRP Instance VI_51 - Entering {state} state"))
            .each_ref()
            .map(String::as_str),
    );
    let (end, stalls) = (now(), witness.stop());
    let times: Vec<Duration> = lab.wire.adverts(1, VRID, since).iter().map(|(at, _)| *at).collect();
    let limit = PROTOCOL.interval() * 3;
    let longest = longest_gap(&times, since, end, limit, &stalls);
    assert!(longest < limit, "a gap of {longest:?}");
}

/// A dialogue that refuses the recipients temporarily; returns whether it got that far.
fn drive(stream: &TcpStream) -> bool {
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let mut writer = stream;
    let mut lines = BufReader::new(stream).lines();
    for reply in ["220 relay", "250 relay", "250 fine", "451 changed my mind", "451 changed my mind"] {
        if writer.write_all(format!("{reply}\r\n").as_bytes()).is_err() || !matches!(lines.next(), Some(Ok(_))) {
            return false;
        }
    }
    true
}

/// Real server and quorum: one mail for each verdict of a checker and each change of the quorum.
#[test]
fn checks_are_mailed() {
    let _turn = machine::shared();
    let mut director = Director::new();
    director.configure(&format!(
        "global_defs {{\n  smtp_server {}\n  smtp_alert_checker\n  {ADDRESSES}\n}}\n",
        CLIENT.ip()
    ));
    let directory = director.file("");
    let relay = Relay::start(director.client(), CLIENT, &directory);
    director.netns().ip("link set lo up");
    director.check("web", 8080, "TCP_CHECK { }");
    director.start();
    let server = "[director] Realserver [127.0.0.1]:tcp:8080 of virtual server [10.1.0.1]:tcp:80";
    let service = "[director] Virtualserver [10.1.0.1]:tcp:80";
    let [server_down, server_up] = ["DOWN", "UP"].map(|state| format!("{server} - {state}"));
    let [down, up] = ["DOWN", "UP"].map(|state| format!("{service} - {state}"));
    // Real servers are up until the first check.
    relay.await_subjects(&[&server_down, &down, &up]);
    let bodies = relay.mails().concat();
    assert!(bodies.contains("=> TCP_CHECK of [127.0.0.1]:tcp:8080 failed: "), "{bodies}");
    assert!(bodies.contains("=> Lost quorum 1-0=1 > 0 for VS [10.1.0.1]:tcp:80 <="), "{bodies}");

    let _web = director.netns().enter(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 8080))).expect("a free port");
    relay.await_subjects(&[&server_down, &server_up, &down, &up, &up]);
}
