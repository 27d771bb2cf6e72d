//! The TLS client context of all SSL_GET checkers.

use std::fmt;

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslContext, SslFiletype, SslMethod, SslMode, SslOptions, SslVerifyMode, SslVersion};

use crate::config::lvs::TlsMaterial;

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
    /// Reads the files of the `SSL` block; blocks on the file system.
    ///
    /// # Errors
    /// When a file cannot be read, the pass phrase is wrong, or key and certificate do not belong together.
    pub fn new(material: &TlsMaterial) -> Result<Tls, TlsError> {
        let wrong = |keyword, path: &str| {
            let path = path.to_owned();
            move |reason: String| TlsError { keyword, path, reason }
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
            context.set_ca_file(path).map_err(|e| wrong("ca", path)(text(&e)))?;
        }
        if let Some(path) = &material.certificate {
            let taken = context
                .set_certificate_chain_file(path)
                .or_else(|_| context.set_certificate_file(path, SslFiletype::ASN1));
            taken.map_err(|e| wrong("certificate", path)(text(&e)))?;
        }
        if let Some(path) = &material.key {
            let error = wrong("key", path);
            let pem = match std::fs::read(path) {
                Ok(pem) => pem,
                Err(e) => return Err(error(e.to_string())),
            };
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

/// The last, most telling error of the library's stack.
pub(super) fn text(errors: &ErrorStack) -> String {
    let first = errors.errors().first().and_then(|e| e.reason());
    first.unwrap_or("unknown TLS error").to_owned()
}
