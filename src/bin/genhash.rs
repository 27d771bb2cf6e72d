//! `genhash`: the digest of a page, for `digest` of HTTP_GET and SSL_GET.

use std::process::ExitCode;

fn main() -> ExitCode {
    keepalived::genhash::run(std::env::args_os().collect())
}
