//! Real servers for the checkers on the loopback interface of a router: nginx, aiosmtpd, dnsmasq.

use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::time::Duration;

use crate::process::Proc;
use crate::router::Router;
use crate::wait_until;

/// Port of [`nginx`].
pub const HTTP: u16 = 8080;
/// Port of [`nginx`] with TLS.
pub const HTTPS: u16 = 8443;
/// Port of [`smtp`].
pub const SMTP: u16 = 2525;
/// Port of [`dns`].
pub const DNS: u16 = 5353;
/// The initial content of `/page` of [`nginx`].
pub const PAGE: &str = "Hello, health\n";
/// Time limit for the start of a server.
const LIMIT: Duration = Duration::from_secs(30);

/// Starts nginx with two server names on each of its ports; returns when it listens.
pub fn nginx(router: &Router) -> Proc {
    let conf = router.file("nginx.conf");
    let dir = conf.parent().expect("a directory").to_owned();
    if !conf.exists() {
        for name in ["default.example.com", "sni.example.com"] {
            router.certificate(name);
        }
        let www = router.file("www");
        fs::create_dir(&www).expect("our own directory");
        fs::write(www.join("page"), PAGE).expect("our own directory");
        fs::write(www.join("second"), "second\n").expect("our own directory");
        fs::File::create(www.join("huge")).and_then(|file| file.set_len(2 << 30)).expect("a sparse file");
        fs::write(&conf, nginx_conf(&dir)).expect("our own directory");
    }
    let server = router.run("nginx", &["-c", &conf.display().to_string()]);
    await_port(router, HTTP);
    server
}

fn nginx_conf(dir: &Path) -> String {
    let dir = dir.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {dir}/nginx_{kind};\n"))
        .concat();
    let server = |listen: &str, name: &str| {
        format!(
            "  server {{\n    listen 127.0.0.1:{listen};\n    server_name {name};\n    root {dir}/www;\n    \
             ssl_certificate {dir}/{name}.pem;\n    ssl_certificate_key {dir}/{name}.key;\n    \
             location = /moved {{ return 302 /page; }}\n    \
             location = /broken {{ return 503; }}\n    \
             location = /told {{ return 200 \"{name} $server_protocol [$http_connection] $http_host $ssl_server_name\"; }}\n  }}\n"
        )
    };
    format!(
        "daemon off;\nmaster_process off;\nuser root;\npid {dir}/nginx.pid;\nerror_log {dir}/nginx.errors;\nevents {{}}\n\
         http {{\n  access_log off;\n{temporary}{}{}{}{}}}\n",
        server(&format!("{HTTP} default_server"), "default.example.com"),
        server(&HTTP.to_string(), "sni.example.com"),
        server(&format!("{HTTPS} ssl default_server"), "default.example.com"),
        server(&format!("{HTTPS} ssl"), "sni.example.com"),
    )
}

/// Starts aiosmtpd, which accepts mails and discards them.
pub fn smtp(router: &Router) -> Proc {
    let server = router.run("aiosmtpd", &["-n", "-l", &format!("127.0.0.1:{SMTP}"), "-c", "aiosmtpd.handlers.Sink"]);
    await_port(router, SMTP);
    server
}

/// Starts dnsmasq as the authoritative server of the zone lab.test.
pub fn dns(router: &Router) -> Proc {
    let port = format!("--port={DNS}");
    let server = router.run(
        "dnsmasq",
        &[
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--user=root",
            "--pid-file=",
            "--bind-interfaces",
            "--listen-address=127.0.0.1",
            &port,
            "--host-record=www.lab.test,192.0.2.1,2001:db8::1",
            "--mx-host=lab.test,www.lab.test",
            "--local=/lab.test/",
        ],
    );
    let netns = router.netns();
    wait_until(LIMIT, "dnsmasq listens", || netns.enter(|| UdpSocket::bind(("127.0.0.1", DNS)).is_err()));
    server
}

fn await_port(router: &Router, port: u16) {
    let netns = router.netns();
    wait_until(LIMIT, "the server listens", || netns.enter(|| TcpStream::connect(("127.0.0.1", port)).is_ok()));
}
