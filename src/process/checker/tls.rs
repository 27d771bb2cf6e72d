//! The context of `SSL_GET`: made beside the loop, for its files may be on a file system that hangs.

use std::io;
use std::time::Duration;

use super::{CheckerProcess, Loop, TLS, Timer};
use crate::config::lvs::{CheckerKind, TlsMaterial};
use crate::net::Loading;
use crate::notify::log::Log;
use crate::reactor::Interest;

/// After this time it is told that the files of the SSL block are still being read.
const LOADING_LIMIT: Duration = Duration::from_secs(5);

impl CheckerProcess {
    /// Has the context of `SSL_GET` made, if anything asks for it: that takes its time, and the files may be anywhere.
    pub(super) fn load_tls(&mut self, shell: &mut Loop) -> io::Result<()> {
        let tables = self.check.tables();
        let is_tls = |kind: &CheckerKind| matches!(kind, CheckerKind::Http(check) if check.tls);
        let asked =
            tables.lvs.tls != TlsMaterial::default() || tables.checkers.iter().any(|(_, row)| is_tls(&row.config.kind));
        let material = asked.then(|| tables.lvs.tls.clone());
        self.begin_loading(material, shell)
    }

    fn begin_loading(&mut self, material: Option<TlsMaterial>, shell: &mut Loop) -> io::Result<()> {
        shell.set_timer(Timer::Tls, None);
        if let Some(before) = self.loading.take() {
            // Gone with its descriptor in any case.
            let _ = shell.reactor.deregister(&before);
        }
        let Some(material) = material else { return Ok(()) };
        let loading = Loading::start(material)?;
        shell.reactor.register(&loading, TLS, Interest::READABLE)?;
        self.loading = Some(loading);
        shell.set_timer(Timer::Tls, Some(shell.now() + LOADING_LIMIT));
        Ok(())
    }

    /// The context is there, or why it is not.
    pub(super) fn tls_turn(&mut self, shell: &mut Loop) -> io::Result<()> {
        match self.loading.as_ref().and_then(Loading::outcome) {
            None => Ok(()),
            Some(Ok(tls)) => {
                self.connections.set_tls(tls);
                self.begin_loading(None, shell)
            }
            Some(Err(error)) if self.connections.has_tls() => {
                shell.log.error(format_args!("The TLS settings cannot be used, the old ones stay: {error}"));
                self.begin_loading(None, shell)
            }
            // A bad certificate must not end the checks of others.
            Some(Err(error)) => {
                shell.log.error(format_args!("The SSL block cannot be used, SSL_GET goes without: {error}"));
                self.begin_loading(Some(TlsMaterial::default()), shell)
            }
        }
    }

    pub(super) fn tell_slow_loading(&self, log: &Log) {
        let meanwhile = if self.connections.has_tls() { "the old settings are used" } else { "SSL_GET checks wait" };
        log.error(format_args!(
            "The files of the SSL block are not read after {} s; is their file system there? Meanwhile {meanwhile}",
            LOADING_LIMIT.as_secs()
        ));
    }
}
