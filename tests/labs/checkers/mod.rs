//! Every kind of checker against real servers that are up, down, wrong, slow, hostile, and up again.
#![allow(clippy::expect_used, reason = "a test")]

mod kinds;
mod servers;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lab::process::output_of;
use lab::real::{self, HTTP, HTTPS, PAGE};
use lab::{Director, machine, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(30);

fn md5(file: &Path) -> String {
    output_of(Command::new("md5sum").arg(file)).split_whitespace().next().expect("a digest").to_owned()
}

#[test]
fn http_get_and_ssl_get() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let mut server = real::nginx(director.router());
    let page = director.file("www/page");
    let digest = md5(&page);
    let http = |urls: &str| format!("HTTP_GET {{ {urls} }}");
    let ssl = |urls: &str| format!("SSL_GET {{ {urls} }}");
    let echo = |regex: &str| format!("url {{\n path /told\n regex \"{regex}\"\n }}");
    let page_url = "url {\n path /page\n }";
    let services = [
        ("status", HTTP, http("url {\n path /page\n status_code 200\n }"), true),
        ("default status", HTTP, http(page_url), true),
        ("digest", HTTP, http(&format!("url {{\n path /page\n digest {digest}\n }}")), true),
        ("other digest", HTTP, http("url {\n path /page\n digest 0123456789abcdef0123456789abcdef\n }"), false),
        ("expected redirect", HTTP, http("url {\n path /moved\n status_code 302\n }"), true),
        ("redirect", HTTP, http("url {\n path /moved\n }"), false),
        ("server error", HTTP, http("url {\n path /broken\n }"), false),
        ("range of codes", HTTP, http("url {\n path /broken\n status_code 200-299 500-503\n }"), true),
        ("regex", HTTP, http("url {\n path /page\n regex \"^hello, h\"\n regex_options caseless\n }"), true),
        ("other regex", HTTP, http("url {\n path /page\n regex \"^health\"\n }"), false),
        ("no match", HTTP, http("url {\n path /page\n regex sickness\n regex_no_match\n }"), true),
        ("unwanted match", HTTP, http("url {\n path /page\n regex health\n regex_no_match\n }"), false),
        ("two urls", HTTP, http(&format!("{page_url}\n url {{\n path /second\n }}")), true),
        ("one bad url", HTTP, http(&format!("{page_url}\n url {{\n path /missing\n }}")), false),
        ("fast recovery", HTTP, http(&format!("fast_recovery\n {page_url}\n url {{\n path /second\n }}")), true),
        ("by address", HTTP, http(&echo("^default.example.com HTTP/1[.]0 .* 127[.]0[.]0[.]1:8080 $")), true),
        ("by name", HTTP, http(&format!("virtualhost sni.example.com\n {}", echo("^sni.example.com"))), true),
        ("1.0", HTTP, http(&format!("http_protocol 1.0\n {}", echo("HTTP/1[.]0 [[][]] "))), true),
        ("1.0C", HTTP, http(&format!("http_protocol 1.0C\n {}", echo("HTTP/1[.]0 [[]close[]]"))), true),
        ("1.1", HTTP, http(&format!("http_protocol 1.1\n {}", echo("HTTP/1[.]1 [[]close[]]"))), true),
        ("TLS", HTTPS, ssl(page_url), true),
        ("TLS digest", HTTPS, ssl(&format!("url {{\n path /page\n digest {digest}\n }}")), true),
        ("TLS without SNI", HTTPS, ssl(&echo("^default.example.com .* $")), true),
        (
            "SNI",
            HTTPS,
            ssl(&format!(
                "enable_sni\n virtualhost sni.example.com\n {}",
                echo("^sni.example.com .* sni.example.com$")
            )),
            true,
        ),
        (
            "SNI name",
            HTTPS,
            ssl(&format!("enable_sni\n sni_name sni.example.com\n {}", echo(" sni.example.com$"))),
            true,
        ),
        ("plain to TLS", HTTPS, http(page_url), false),
        ("TLS to plain", HTTP, ssl(page_url), false),
    ];
    for (name, port, checker, _) in &services {
        director.check(name, *port, checker);
    }
    director.start();
    let states: Vec<(&str, bool)> = services.iter().map(|(name, _, _, up)| (*name, *up)).collect();
    director.await_states(&states);

    // Other content of the same length fails only digest and regex.
    fs::write(&page, "Hello, hurtle\n").expect("our own file");
    director.await_states(&[("status", true), ("digest", false), ("TLS digest", false), ("unwanted match", true)]);
    fs::remove_file(&page).expect("our own file");
    director.await_states(&[("status", false), ("two urls", false), ("fast recovery", false), ("TLS", false)]);
    fs::write(&page, PAGE).expect("our own directory");
    director.await_states(&states);

    server.kill_group();
    director.await_states(&states.iter().map(|(name, _)| (*name, false)).collect::<Vec<_>>());
    let server = real::nginx(director.router());
    director.await_states(&states);
    // The server accepts connections but does not answer.
    server.signal(Signal::SIGSTOP);
    director.await_states(&states.iter().map(|(name, _)| (*name, false)).collect::<Vec<_>>());
    server.signal(Signal::SIGCONT);
    director.await_states(&states);
    assert!(director.log().contains("HTTP_GET of [127.0.0.1]:tcp:8080 failed: status code 302"), "{}", director.log());
}

/// Without an SSL_GET there is no TLS context; a reload creates the first.
#[test]
fn a_reload_adds_the_first_ssl_get() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let _server = real::nginx(director.router());
    director.check("page", HTTPS, "HTTP_GET { url {\n path /page\n } }");
    director.start();
    director.await_states(&[("page", false)]);
    director.reload("HTTP_GET", "SSL_GET");
    director.await_states(&[("page", true)]);
}

/// A certificate that is not a file: the check runs without it, then with the certificate of a reload.
#[test]
fn a_fifo_as_certificate_blocks_nothing() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let _server = real::nginx(director.router());
    let fifo = director.file("fifo").display().to_string();
    nix::unistd::mkfifo(fifo.as_str(), nix::sys::stat::Mode::S_IRWXU).expect("our own directory");
    director.configure(&format!("SSL {{\n  certificate {fifo}\n  ca {fifo}\n}}\n"));
    director.check("TLS", HTTPS, "SSL_GET { url {\n path /page\n } }");
    director.check("TCP", HTTP, "TCP_CHECK { }");
    director.start();
    director.await_states(&[("TLS", true), ("TCP", true)]);
    let reason =
        format!("Cannot use the SSL block: SSL ca {fifo}: it is not a regular file; SSL_GET checks run without it");
    wait_until(LIMIT, "the reason is logged", || director.log().contains(&reason));
    let ca = director.file("default.example.com.pem").display().to_string();
    director.reload(&format!("  ca {fifo}"), &format!("  ca {ca}"));
    // The log line depends on whether the reload or the end of the first loading comes first; both have this reason.
    let reason = format!("SSL certificate {fifo}: it is not a regular file");
    wait_until(LIMIT, "the reason is logged", || director.log().contains(&reason));
    director.await_states(&[("TLS", true), ("TCP", true)]);
}

/// The digest that genhash prints is the one that the check expects.
#[test]
fn digests_of_genhash() {
    let _turn = machine::shared();
    let mut director = Director::new();
    let _server = real::nginx(director.router());
    let cases = [
        ("page", HTTP, "/page", None),
        ("page by TLS", HTTPS, "/page", None),
        ("page by name", HTTP, "/told", Some("sni.example.com")),
    ];
    for (name, port, path, host) in cases {
        let mut command = director.netns().command(env!("CARGO_BIN_EXE_genhash"));
        command.args(["-s", "127.0.0.1", "-p", &port.to_string(), "-u", path]);
        let kind = if port == HTTPS { "SSL_GET" } else { "HTTP_GET" };
        if port == HTTPS {
            command.arg("-S");
        }
        let lines = host.map(|host| format!("virtualhost {host}")).unwrap_or_default();
        if let Some(host) = host {
            command.args(["-V", host]);
        }
        let printed = output_of(&mut command);
        let is_digest = |word: &&str| word.len() == 32 && word.bytes().all(|octet| octet.is_ascii_hexdigit());
        let digest = printed.split_whitespace().find(is_digest).expect("a digest").to_owned();
        director.check(name, port, &format!("{kind} {{ {lines}\n url {{\n path {path}\n digest {digest}\n }} }}"));
    }
    director.start();
    director.await_states(&cases.map(|(name, ..)| (name, true)));
    wait_until(LIMIT, "all have run", || director.real_servers(63).values().all(|left| left == "0"));
    director.await_states(&cases.map(|(name, ..)| (name, true)));
    fs::write(director.file("www/page"), "Hello, hurtle\n").expect("our own file");
    director.await_states(&[("page", false), ("page by TLS", false), ("page by name", true)]);
}
