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

/// Octets of a file at most: thousands of certificates.
const MOST: u64 = 1 << 20;

/// Every cipher a server of any age may want, but no finite-field Diffie-Hellman: a server could choose a group that
/// keeps us busy for a second.
const CIPHERS: &str = "DEFAULT:!kDHE:!kDHEPSK@SECLEVEL=0";

/// Client context, made once.
///
/// The server's certificate is **not verified**: a check asks whether the service answers. So that a server's age is
/// no failure either, every protocol version and security level the library has is taken.
#[derive(Clone)]
pub struct Tls(SslContext);

/// The material of the `SSL` block cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("SSL {keyword} {path}: {reason}")]
pub struct TlsError {
    /// `ca`, `certificate`, `key`; `context` when the library refuses its own defaults.
    pub keyword: &'static str,
    /// The file.
    pub path: String,
    /// What is wrong; never contains the pass phrase.
    pub reason: String,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads the files of the `SSL` block, regular ones of at most 1 MiB each; blocks on the file system, so that an
    /// event loop has a [`Loading`] do it.
    ///
    /// # Errors
    /// When a file cannot be read, the pass phrase is wrong, or key and certificate do not belong together.
    pub fn new(material: &TlsMaterial) -> Result<Tls, TlsError> {
        let wrong = |keyword, path: &str| {
            let path = path.to_owned();
            move |reason: String| TlsError { keyword, path: path.clone(), reason }
        };
        let of_library = |e: ErrorStack| wrong("context", "")(text(&e));
        let mut context = SslContext::builder(SslMethod::tls_client()).map_err(of_library)?;
        context.set_verify(SslVerifyMode::NONE);
        // The library looks for a chain all the same, and one of hundreds of certificates takes it long.
        context.set_verify_depth(0);
        context.set_cipher_list(CIPHERS).map_err(of_library)?;
        context.set_min_proto_version(Some(SslVersion::TLS1)).map_err(of_library)?;
        context.set_options(SslOptions::IGNORE_UNEXPECTED_EOF | SslOptions::NO_RENEGOTIATION);
        context.set_mode(SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER);
        if let Some(path) = &material.ca {
            let error = wrong("ca", path);
            let list = X509::stack_from_pem(&file(path).map_err(&error)?).map_err(|e| error(text(&e)))?;
            if list.is_empty() {
                return Err(error("there is no certificate in it".to_owned()));
            }
            let added = list.into_iter().try_for_each(|ca| context.cert_store_mut().add_cert(ca));
            added.map_err(|e| error(text(&e)))?;
        }
        if let Some(path) = &material.certificate {
            let error = wrong("certificate", path);
            let octets = file(path).map_err(&error)?;
            // One of DER, or a chain of PEM.
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

    /// A connection's state; `sni` is not sent when it is an address.
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
    regular::read(Path::new(path), MOST).map_err(|e| e.to_string())
}

/// A context on its way: a thread reads the files, which a file system may delay for as long as it likes.
///
/// Register it as readable; when it is ready, take the [`outcome`](Loading::outcome).
#[derive(Debug)]
pub struct Loading {
    done: Receiver<Result<Tls, TlsError>>,
    ready: Waker,
}

impl Loading {
    /// Starts the thread. Dropping the handle does not end it, for a thread in a file system cannot be ended.
    ///
    /// # Errors
    /// When the system has no descriptors or threads left.
    pub fn start(material: TlsMaterial) -> io::Result<Loading> {
        let (tell, done) = channel();
        let ready = Waker::new()?;
        let waker = ready.clone();
        background::spawn("tls", move || {
            if tell.send(Tls::new(&material)).is_ok() {
                waker.wake();
            }
        })?;
        Ok(Loading { done, ready })
    }

    /// The context, or why there is none; `None` while that is not known.
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

/// The last, most telling error of the library's stack.
pub(super) fn text(errors: &ErrorStack) -> String {
    let first = errors.errors().first().and_then(|e| e.reason());
    first.unwrap_or("unknown TLS error").to_owned()
}
