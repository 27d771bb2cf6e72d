//! The TLS client context of all SSL_GET checkers.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslMode, SslOptions, SslVerifyMode, SslVersion};
use openssl::x509::X509;

use super::regular;
use crate::config::lvs::TlsMaterial;
use crate::reactor::{Waker, background};
use crate::text::reason;

/// Longest file in octets, enough for thousands of certificates.
const MOST: u64 = 1 << 20;

/// All ciphers, for servers of any age, but no finite-field Diffie-Hellman: a server could choose a group that takes a
/// second of processor time.
const CIPHERS: &str = "DEFAULT:!kDHE:!kDHEPSK@SECLEVEL=0";

/// TLS client context, shared by all connections.
///
/// The server's certificate is **not verified**: a check tests whether the service answers. All protocol versions and
/// security levels of the library are allowed, so that checks of old servers do not fail.
#[derive(Clone)]
pub struct Tls(SslContext);

/// A file of the `SSL` block cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("SSL {keyword} {path}: {reason}")]
pub struct TlsError {
    /// `ca`, `certificate`, `key`, or `context` for an error of the library.
    pub keyword: &'static str,
    /// The file.
    pub path: String,
    /// The error; never contains the pass phrase.
    pub reason: String,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads the files of the `SSL` block, which must be regular files of at most 1 MiB. Blocks on the file system: event
    /// loops use [`Loading`].
    ///
    /// # Errors
    /// When a file cannot be read, the pass phrase is wrong, or key and certificate do not match.
    pub fn new(material: &TlsMaterial) -> Result<Tls, TlsError> {
        let wrong = |keyword, path: &str| {
            let path = path.to_owned();
            move |reason: String| TlsError { keyword, path: path.clone(), reason }
        };
        let of_library = |e: ErrorStack| wrong("context", "")(text(&e));
        let mut context = SslContext::builder(SslMethod::tls_client()).map_err(of_library)?;
        context.set_verify(SslVerifyMode::NONE);
        // The library builds the chain even without verification, which takes long with hundreds of certificates.
        context.set_verify_depth(0);
        context.set_cipher_list(CIPHERS).map_err(of_library)?;
        context.set_min_proto_version(Some(SslVersion::TLS1)).map_err(of_library)?;
        context.set_options(SslOptions::IGNORE_UNEXPECTED_EOF | SslOptions::NO_RENEGOTIATION);
        context.set_mode(SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER);
        if let Some(path) = &material.ca {
            let error = wrong("ca", path);
            let list = X509::stack_from_pem(&file(path).map_err(&error)?).map_err(|e| error(text(&e)))?;
            if list.is_empty() {
                return Err(error("it contains no certificate".to_owned()));
            }
            let added = list.into_iter().try_for_each(|ca| context.cert_store_mut().add_cert(ca));
            added.map_err(|e| error(text(&e)))?;
        }
        if let Some(path) = &material.certificate {
            let error = wrong("certificate", path);
            let octets = file(path).map_err(&error)?;
            // A PEM chain or one DER certificate.
            let mut chain = match X509::stack_from_pem(&octets) {
                Ok(chain) if !chain.is_empty() => chain.into_iter(),
                _ => vec![X509::from_der(&octets).map_err(|e| error(text(&e)))?].into_iter(),
            };
            let used = chain
                .next()
                .map_or(Ok(()), |own| context.set_certificate(&own))
                .and_then(|()| chain.try_for_each(|issuer| context.add_extra_chain_cert(issuer)));
            used.map_err(|e| error(text(&e)))?;
        }
        if let Some(path) = &material.key {
            let error = wrong("key", path);
            let pem = file(path).map_err(&error)?;
            let password = material.password.as_ref().map_or("", |password| &password.0);
            let used = PKey::private_key_from_pem_passphrase(&pem, password.as_bytes())
                .and_then(|key| context.set_private_key(&key))
                .and_then(|()| if material.certificate.is_some() { context.check_private_key() } else { Ok(()) });
            used.map_err(|e| error(text(&e)))?;
        }
        Ok(Tls(context.build()))
    }

    /// The TLS state of a connection. `sni` is not sent when it is an address.
    pub(super) fn client(&self, sni: Option<&str>) -> Result<Ssl, ErrorStack> {
        let mut ssl = Ssl::new(&self.0)?;
        if let Some(name) = sni.filter(|name| name.parse::<std::net::IpAddr>().is_err()) {
            ssl.set_hostname(name)?;
        }
        ssl.set_connect_state();
        Ok(ssl)
    }
}

fn file(path: &str) -> Result<Vec<u8>, String> {
    regular::read(Path::new(path), MOST).map_err(|e| reason(&e))
}

/// A context being loaded: a thread reads the files, which a file system may delay without limit.
///
/// Register it for reading; when it is readable, take the [`outcome`](Loading::outcome).
#[derive(Debug)]
pub struct Loading {
    done: Receiver<Result<Tls, TlsError>>,
    ready: Waker,
}

impl Loading {
    /// Starts the thread. Dropping the handle does not end it, as a thread blocked in a file system cannot be ended.
    ///
    /// # Errors
    /// When the system has no descriptors or threads left.
    pub fn start(material: TlsMaterial) -> io::Result<Loading> {
        let (sender, done) = channel();
        let ready = Waker::new()?;
        let waker = ready.clone();
        background::spawn("tls", move || {
            if sender.send(Tls::new(&material)).is_ok() {
                waker.wake();
            }
        })?;
        Ok(Loading { done, ready })
    }

    /// The context or the error; `None` while the files are being read.
    pub fn outcome(&self) -> Option<Result<Tls, TlsError>> {
        self.ready.clear();
        self.done.try_recv().ok()
    }
}

impl AsRawFd for Loading {
    fn as_raw_fd(&self) -> RawFd {
        self.ready.as_raw_fd()
    }
}

/// The text of the first error on the library's stack, which is the cause.
pub(super) fn text(errors: &ErrorStack) -> String {
    let first = errors.errors().first().and_then(|e| e.reason());
    first.unwrap_or("unknown TLS error").to_owned()
}
