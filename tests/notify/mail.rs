//! Mails about changes, and the mailer with misbehaving relays.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::config_support;
use keepalived::check::{self, Pool, QuorumStatus, VirtualServerId};
use keepalived::config::model::{Config, Global, MailServer};
use keepalived::notify::log;
use keepalived::notify::mail::{Alert, Mailer, check_mail, mail};
use keepalived::vrrp::{self, Cause, Change, GroupId, InstanceId, State};

const LIMIT: Duration = Duration::from_secs(20);

fn config(text: &str) -> Config {
    let loaded = config_support::load_text(text);
    loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics))
}

/// A group of one instance, with additional lines in `global_defs` and in the instance.
fn vrrp(global: &str, instance: &str) -> vrrp::Tables {
    let text = format!(
        "global_defs {{\n router_id R\n {global}\n}}\nvrrp_sync_group G {{\n group {{\n VI\n }}\n}}\n\
         vrrp_instance VI {{\n interface eth0\n virtual_router_id 5\n {instance}\n virtual_ipaddress {{\n 10.0.0.1\n }}\n}}\n"
    );
    vrrp::Tables::new(config(&text), String::new())
}

fn instance(to: State, cause: Cause) -> Change {
    Change::Instance { id: InstanceId(1), from: State::Init, to, cause }
}

fn group(to: State) -> Change {
    Change::Group { id: GroupId(1), from: State::Init, to }
}

fn texts(alert: Option<Alert>) -> Option<(String, String)> {
    alert.map(|alert| (alert.subject, alert.body))
}

fn text(subject: &str, body: &str) -> Option<(String, String)> {
    Some((subject.into(), format!("=> {body} <=")))
}

#[test]
fn each_state_has_its_subject() {
    let tables = vrrp("smtp_alert", "");
    let mailed = |change: Change| texts(mail(&change, &tables));
    let gone = "VRRP Instance is no longer owning VRRP VIPs";
    for (to, ending, why) in [
        (State::Master, "Entering MASTER state", "VRRP Instance is now owning VRRP VIPs"),
        (State::Backup, "Entering BACKUP state", gone),
        (State::Fault, "Entering FAULT state", gone),
        (State::Stopped, "Stopping", gone),
        (State::Deleted, "Deleted", gone),
    ] {
        assert_eq!(mailed(instance(to, Cause::Silence)), text(&format!("[R] VRRP Instance VI - {ending}"), why));
    }
    let why = "All VRRP group instances are now in FAULT state";
    assert_eq!(mailed(group(State::Fault)), text("[R] VRRP Group G - Entering FAULT state", why));
    assert_eq!(mailed(instance(State::Init, Cause::Startup)), None);
}

#[test]
fn smtp_alert_and_no_email_faults_decide() {
    let master = instance(State::Master, Cause::Silence);
    let fault = instance(State::Fault, Cause::Silence);
    assert_eq!(mail(&master, &vrrp("", "")), None, "off by default");
    assert!(mail(&master, &vrrp("", "smtp_alert")).is_some());
    assert!(mail(&master, &vrrp("smtp_alert", "smtp_alert off")).is_none());
    assert!(mail(&group(State::Master), &vrrp("", "smtp_alert")).is_none(), "the group has its own");
    let quiet = vrrp("smtp_alert\n no_email_faults", "");
    assert!(mail(&fault, &quiet).is_none() && mail(&group(State::Fault), &quiet).is_none());
    assert!(mail(&master, &quiet).is_some());
}

#[test]
fn subject_and_body_are_cut() {
    let name = "ß".repeat(300);
    let tables = vrrp(&format!("smtp_alert\n router_id {name}"), "");
    let alert = mail(&instance(State::Master, Cause::Silence), &tables).unwrap();
    assert_eq!(alert.subject.len(), 255);
    assert!(alert.body.len() <= 511);
}

/// A service with one server.
fn checks(global: &str, service: &str, server: &str) -> check::Tables {
    let text = format!(
        "global_defs {{\n router_id R\n {global}\n}}\nvirtual_server 10.0.0.1 80 {{\n protocol TCP\n {service}\n \
         real_server 10.1.0.1 81 {{\n {server}\n TCP_CHECK {{\n }}\n }}\n}}\n"
    );
    let mut config = config(&text);
    let servers = std::mem::take(&mut config.lvs.virtual_servers).into_iter().map(Ok::<_, Infallible>);
    check::Tables::new(config, servers, String::new()).unwrap()
}

const SERVER: check::RealServerId = (VirtualServerId(1), 1);
const POOL: Pool = Pool { total: 1, up: 0, weight_sum: 0, quorum: 1, hysteresis: 0 };

fn checker(up: bool) -> check::Change {
    check::Change::Checker { id: (SERVER, 1), up, reason: if up { "" } else { "refused" }.into() }
}

fn server(up: bool, cause: check::Cause) -> check::Change {
    check::Change::RealServer { id: SERVER, up, cause, pool: POOL }
}

fn quorum(status: QuorumStatus) -> check::Change {
    check::Change::Quorum { id: VirtualServerId(1), status, cause: check::Cause::Checks, pool: POOL }
}

#[test]
fn servers_and_quorums_have_their_subjects() {
    let mut tables = checks("", "smtp_alert", "");
    let named = "[R] Realserver [10.1.0.1]:tcp:81 of virtual server [10.0.0.1]:tcp:80";
    assert_eq!(
        texts(check_mail(&checker(false), &tables)),
        text(&format!("{named} - DOWN"), "TCP_CHECK of [10.1.0.1]:tcp:81 failed: refused")
    );
    assert_eq!(
        texts(check_mail(&checker(true), &tables)),
        text(&format!("{named} - UP"), "TCP_CHECK of [10.1.0.1]:tcp:81 succeeded")
    );
    assert_eq!(check_mail(&server(false, check::Cause::Checks), &tables), None, "the checker has its own mail");
    assert_eq!(
        texts(check_mail(&quorum(QuorumStatus::NotMet), &tables)),
        text("[R] Virtualserver [10.0.0.1]:tcp:80 - DOWN", "Lost quorum 1-0=1 > 0 for VS [10.0.0.1]:tcp:80")
    );
    assert_eq!(check_mail(&quorum(QuorumStatus::Shutdown), &tables), None);

    // With no_checker_emails, one mail about the server, with the reason of the failed checker.
    tables.lvs.settings.no_checker_emails = true;
    let row = tables.checkers.get_mut(&(SERVER, 1)).unwrap();
    (row.up, row.reason) = (false, "refused".into());
    assert_eq!(check_mail(&checker(false), &tables), None);
    let mailed = check_mail(&server(false, check::Cause::Checks), &tables);
    assert_eq!(texts(mailed), text(&format!("{named} - DOWN"), "refused"));
    assert!(check_mail(&server(false, check::Cause::Shutdown { omega: true }), &tables).is_none());
}

#[test]
fn checks_have_their_own_smtp_alert() {
    let quorum = quorum(QuorumStatus::Met);
    let tables = checks("", "", "");
    assert!(check_mail(&checker(true), &tables).is_some() && check_mail(&quorum, &tables).is_none(), "the defaults");
    let tables = checks("", "smtp_alert", "smtp_alert off");
    assert!(check_mail(&checker(true), &tables).is_none() && check_mail(&quorum, &tables).is_some());
    let tables = checks("smtp_alert_checker off", "", "");
    assert!(check_mail(&checker(true), &tables).is_none() && check_mail(&quorum, &tables).is_none());
}

fn quiet() -> log::Writer {
    let facility = syslog::Facility::LOG_DAEMON;
    log::start(log::Options { syslog: false, facility, ..log::Options::syslog("test".into()) }).unwrap()
}

/// A relay's socket and a mailer that uses it for these recipients.
fn mailer(recipients: &[&str]) -> (TcpListener, Mailer) {
    let relay = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = MailServer::Address(relay.local_addr().unwrap());
    (relay, mailer_to(server, recipients))
}

/// A mailer that uses this relay.
fn mailer_to(server: MailServer, recipients: &[&str]) -> Mailer {
    let global = Global {
        notification_email: recipients.iter().map(|recipient| (*recipient).into()).collect(),
        notification_email_from: Some("me@here".into()),
        smtp_server: Some(server),
        smtp_helo_name: "host".into(),
        smtp_connect_timeout: Duration::from_secs(5),
        ..Global::default()
    };
    Mailer::start(Some(&global), quiet().log())
}

fn alert(number: u32) -> Alert {
    Alert { subject: format!("mail {number}"), body: "=> . <=".into() }
}

/// Replies to each line by `answer`, and sends the lines of each dialogue to the returned channel.
fn serve(relay: TcpListener, answer: impl Fn(&str) -> &'static str + Send + 'static) -> Receiver<String> {
    let (dialogues, all) = channel();
    std::thread::spawn(move || {
        for stream in relay.incoming().flatten() {
            let received = converse(&stream, &answer);
            if dialogues.send(received).is_err() {
                break;
            }
        }
    });
    all
}

fn converse(stream: &TcpStream, answer: &impl Fn(&str) -> &'static str) -> String {
    let mut received = String::new();
    let mut writer = stream;
    let mut in_message = false;
    let _ = writer.write_all(b"220 test\r\n");
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        received += &format!("{line}\n");
        in_message &= line != ".";
        if !in_message {
            let _ = writer.write_all(format!("{}\r\n", answer(&line)).as_bytes());
            in_message = line == "DATA";
        }
    }
    received
}

fn friendly(line: &str) -> &'static str {
    match line {
        "DATA" => "354 go on",
        _ => "250 fine",
    }
}

#[test]
fn only_a_temporarily_refused_recipient_is_tried_again() {
    let (relay, mut mailer) = mailer(&["a@b", "Late <c@d>"]);
    let first = std::sync::atomic::AtomicBool::new(true);
    let dialogues = serve(relay, move |line| {
        let late = line == "RCPT TO:<c@d>" && first.swap(false, std::sync::atomic::Ordering::Relaxed);
        if late { "451 come back" } else { friendly(line) }
    });
    mailer.submit(alert(1));
    let (one, two) = (dialogues.recv_timeout(LIMIT).unwrap(), dialogues.recv_timeout(LIMIT).unwrap());
    assert!(one.starts_with("HELO host\nMAIL FROM:<me@here>\nRCPT TO:<a@b>\nRCPT TO:<c@d>\nDATA\n"), "{one}");
    assert!(two.starts_with("HELO host\nMAIL FROM:<me@here>\nRCPT TO:<c@d>\nDATA\n"), "{two}");
    assert!(two.contains("\nTo: a@b, Late <c@d>\n") && two.ends_with("\n.\nQUIT\n"), "{two}");
}

#[test]
fn a_permanently_refused_mail_is_not_tried_again() {
    let (relay, mut mailer) = mailer(&["a@b"]);
    let dialogues = serve(relay, |line| if line.starts_with("MAIL") { "550 go away" } else { friendly(line) });
    mailer.submit(alert(1));
    dialogues.recv_timeout(LIMIT).unwrap();
    // Longer than the pause before a second attempt.
    assert!(dialogues.recv_timeout(Duration::from_millis(1500)).is_err());
}

#[test]
fn queued_mails_are_sent_in_order_at_the_stop() {
    let (relay, mut mailer) = mailer(&["a@b"]);
    let dialogues = serve(relay, friendly);
    (1..=5).for_each(|number| mailer.submit(alert(number)));
    mailer.finish(LIMIT);
    for number in 1..=5 {
        assert!(dialogues.recv_timeout(LIMIT).unwrap().contains(&format!("\nSubject: mail {number}\n")));
    }
}

/// The name is an old notation of an address, which needs no name server.
#[test]
fn the_host_name_of_a_relay_is_resolved() {
    let relay = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = MailServer::Name { host: "127.1".into(), port: relay.local_addr().unwrap().port() };
    let mut mailer = mailer_to(server, &["a@b"]);
    let dialogues = serve(relay, friendly);
    mailer.submit(alert(1));
    assert!(dialogues.recv_timeout(LIMIT).unwrap().contains("\nSubject: mail 1\n"));
}

/// A relay that accepts connections and never replies: submitting does not wait, and the stop is in time.
#[test]
fn a_silent_relay_delays_nothing() {
    let (relay, mut mailer) = mailer(&["a@b"]);
    let since = Instant::now();
    (0..3000).for_each(|number| mailer.submit(alert(number)));
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    let (mut stream, _) = relay.accept().unwrap();
    let since = Instant::now();
    mailer.finish(Duration::from_secs(1));
    assert!(since.elapsed() < Duration::from_millis(1500), "{:?}", since.elapsed());
    let mut received = String::new();
    stream.read_to_string(&mut received).unwrap();
    assert_eq!(received, "", "without a greeting no command is sent");
}
