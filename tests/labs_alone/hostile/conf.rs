//! Configurations of the two routers, and the servers that router 1 checks.

use std::time::Duration;

use lab::conf::many;
use lab::real::{DNS, HTTP, HTTPS, SMTP};
use lab::servers::{Answer, Datagrams, Manner, Relay};
use lab::{Netns, Router};

/// Instances of each router.
pub const INSTANCES: u8 = 50;
/// Addresses of each instance.
pub const ADDRESSES: usize = 3;
/// `advert_int`.
pub const INTERVAL: Duration = Duration::from_millis(100);

/// Keyword and port of each check of a healthy server, and its lines.
pub const HEALTHY: [(&str, u16, &str); 5] = [
    ("TCP_CHECK", HTTP, ""),
    ("HTTP_GET", HTTP, "url {\n path /page\n status_code 200\n }"),
    ("SSL_GET", HTTPS, "url {\n path /page\n status_code 200\n }"),
    ("SMTP_CHECK", SMTP, ""),
    ("DNS_CHECK", DNS, "type A\n name www.lab.test"),
];

/// Keyword of each check of a hostile server, behaviour of the server, and further lines. Ports count from
/// [`FIRST_PORT`].
const HOSTILE: [(&str, Manner, &str); 14] = [
    ("SSL_GET", Manner::HelloRequests, URL),
    ("SSL_GET", Manner::Tickets, URL),
    // A TLS record without end.
    ("SSL_GET", Manner::Drips(b"", b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"), URL),
    ("SSL_GET", Manner::Endless(b"\x16\x03\x03\x40\x00", b"\0"), URL),
    ("HTTP_GET", Manner::Endless(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n"), URL),
    ("HTTP_GET", Manner::Endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), URL),
    ("HTTP_GET", Manner::Endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"), URL),
    ("HTTP_GET", Manner::Endless(b"HTTP/1.0 200 OK\r\n\r\n", b"0123456789abcdef"), URL),
    ("HTTP_GET", Manner::Endless(b"HTTP/1.0 200 OK\r\n\r\n", b"a"), "url {\n path /\n regex \"(?>a*)(?>a*)\\d\"\n }"),
    ("HTTP_GET", Manner::Drips(b"HTTP/1.0 200 OK\r\n\r\n", b"a"), URL),
    ("SMTP_CHECK", Manner::Endless(b"", b"220-more\r\n"), ""),
    ("SMTP_CHECK", Manner::Drips(b"220-", b"more "), ""),
    ("TCP_CHECK", Manner::Resets, ""),
    ("HTTP_GET", Manner::Silent, URL),
];
const URL: &str = "url {\n path /\n status_code 200\n }";
const FIRST_PORT: u16 = 9001;
/// Port of the hostile DNS server.
const HOSTILE_DNS: u16 = 7053;

/// Replies of the hostile DNS server: empty, too short for a header, garbage, and an answer to another question.
const FORGED_ANSWERS: &[Answer] = &[
    |_| Some(Vec::new()),
    |query| Some(query.iter().copied().take(11).collect()),
    |_| Some(vec![0xff; 1400]),
    |query| {
        let mut reply = query.to_vec();
        *reply.first_mut()? ^= 1;
        *reply.get_mut(2)? |= 0x80;
        Some(reply)
    },
];
/// How often each of them is sent for one question.
const FORGED_TIMES: usize = 1000;

/// Keyword and port of each check that has to fail.
///
/// TCP_CHECK only needs the connection, which the server resets afterwards.
pub fn failing() -> impl Iterator<Item = (&'static str, u16)> {
    let tcp =
        (FIRST_PORT..).zip(HOSTILE).map(|(port, (kind, ..))| (kind, port)).filter(|(kind, _)| *kind != "TCP_CHECK");
    tcp.chain([("DNS_CHECK", HOSTILE_DNS)])
}

/// Starts the hostile servers of all checks.
pub fn hostile_servers(netns: &Netns) -> (Vec<Relay>, Datagrams) {
    let relays = (FIRST_PORT..).zip(HOSTILE).map(|(port, (_, manner, _))| {
        let relay = Relay::start(netns, port, HTTP);
        relay.be(manner);
        relay
    });
    let dns = Datagrams::start(netns, HOSTILE_DNS, |_| None);
    dns.precede(FORGED_ANSWERS, FORGED_TIMES);
    (relays.collect(), dns)
}

/// Writes the configuration of a router: its instances, scripts that never exit, and mails to a relay whose name cannot
/// be looked up.
pub fn configure(router: &Router, priority: u8, checks: &str) {
    let script = router.script("endless.sh", "echo began >> $0.ran\nexec sleep 100000\n");
    let script = script.display();
    let globals = "script_user root\n  smtp_server mail.lab\n  smtp_alert\n  notification_email {\n    admin@lab\n  }";
    let text = many(INSTANCES, ADDRESSES, priority, INTERVAL).replacen('{', &format!("{{\n  {globals}"), 1);
    let notify = format!("interface eth0\n  notify {script}\n  notify_master \"{script} master\"");
    router.configure(&(text.replace("interface eth0", &notify) + checks));
}

/// The virtual servers of all checks.
pub fn checks() -> String {
    let hostile = (FIRST_PORT..).zip(HOSTILE).map(|(port, (kind, _, lines))| (kind, port, lines));
    let all = HEALTHY.into_iter().chain(hostile).chain([("DNS_CHECK", HOSTILE_DNS, "type A\n name www.lab.test")]);
    let services = (1..).zip(all).map(|(number, (kind, port, lines))| {
        format!(
            "virtual_server 10.1.0.{number} 80 {{\n  delay_loop 1\n  connect_timeout 1\n  retry 1\n  \
             delay_before_retry 0.5\n  warmup 0\n  protocol TCP\n  lb_kind NAT\n  \
             real_server 127.0.0.1 {port} {{\n    weight 1\n    {kind} {{\n {lines}\n }}\n  }}\n}}\n"
        )
    });
    services.collect()
}
