//! The TLS context of `SSL_GET`. A separate thread loads it, since its files may be on a file system that hangs.

use std::io;
use std::time::Duration;

use super::{CheckerProcess, Loop, TLS, Timer};
use crate::config::lvs::{CheckerKind, TlsMaterial};
use crate::net::Loading;
use crate::notify::log::Log;
use crate::reactor::Interest;

/// Time after which it is logged that the files of the SSL block are still being read.
const LOADING_LIMIT: Duration = Duration::from_secs(5);

impl CheckerProcess {
    /// Starts to load the TLS context, if there is an SSL block or an SSL_GET check.
    pub(super) fn load_tls(&mut self, shell: &mut Loop) -> io::Result<()> {
        let tables = self.check.tables();
        let is_tls = |kind: &CheckerKind| matches!(kind, CheckerKind::Http(check) if check.tls);
        let needed =
            tables.lvs.tls != TlsMaterial::default() || tables.checkers.iter().any(|(_, row)| is_tls(&row.config.kind));
        let material = needed.then(|| tables.lvs.tls.clone());
        self.begin_loading(material, shell)
    }

    fn begin_loading(&mut self, material: Option<TlsMaterial>, shell: &mut Loop) -> io::Result<()> {
        shell.set_timer(Timer::Tls, None);
        if let Some(before) = self.loading.take() {
            // The kernel removes a closed descriptor anyway.
            let _ = shell.reactor.deregister(&before);
        }
        let Some(material) = material else { return Ok(()) };
        let loading = Loading::start(material)?;
        shell.reactor.register(&loading, TLS, Interest::READABLE)?;
        self.loading = Some(loading);
        shell.set_timer(Timer::Tls, Some(shell.now() + LOADING_LIMIT));
        Ok(())
    }

    /// Handles the loaded context, or the error.
    pub(super) fn tls_turn(&mut self, shell: &mut Loop) -> io::Result<()> {
        match self.loading.as_ref().and_then(Loading::outcome) {
            None => Ok(()),
            Some(Ok(tls)) => {
                self.connections.set_tls(tls);
                self.begin_loading(None, shell)
            }
            Some(Err(error)) if self.connections.has_tls() => {
                shell.log.error(format_args!("Cannot use the TLS settings: {error}; the old ones stay in use"));
                self.begin_loading(None, shell)
            }
            // A bad certificate must not stop the other checks.
            Some(Err(error)) => {
                shell.log.error(format_args!("Cannot use the SSL block: {error}; SSL_GET checks run without it"));
                self.begin_loading(Some(TlsMaterial::default()), shell)
            }
        }
    }

    pub(super) fn log_slow_loading(&self, log: &Log) {
        let meanwhile = if self.connections.has_tls() { "the old settings are used" } else { "SSL_GET checks wait" };
        log.error(format_args!(
            "Reading the files of the SSL block has taken {} s and continues; check their file system. Meanwhile {meanwhile}",
            LOADING_LIMIT.as_secs()
        ));
    }
}
