//! A source of events on a thread of its own, which depends on the configuration.

use std::io;

use crate::reactor::{Feed, Interest, Reactor, Token};

/// A feed with its configuration: it is restarted when the configuration changes, and stopped when that is empty.
pub(super) struct ConfiguredFeed<W, E> {
    token: Token,
    wanted: W,
    feed: Option<Feed<E>>,
}

impl<W: PartialEq + Default, E> ConfiguredFeed<W, E> {
    pub(super) fn new(token: Token) -> ConfiguredFeed<W, E> {
        ConfiguredFeed { token, wanted: W::default(), feed: None }
    }

    /// Restarts the feed if `wanted` has changed. `start` returns `None` if no feed is needed.
    pub(super) fn follow(
        &mut self,
        wanted: W,
        reactor: &Reactor,
        start: impl FnOnce(&W) -> io::Result<Option<Feed<E>>>,
    ) -> io::Result<()> {
        if wanted == self.wanted {
            return Ok(());
        }
        if let Some(feed) = self.feed.take() {
            reactor.deregister(&feed)?;
        }
        if let Some(feed) = start(&wanted)? {
            reactor.register(&feed, self.token, Interest::READABLE)?;
            self.feed = Some(feed);
        }
        self.wanted = wanted;
        Ok(())
    }

    pub(super) fn events(&self) -> Vec<E> {
        let mut events = Vec::new();
        if let Some(feed) = &self.feed {
            feed.events(&mut events);
        }
        events
    }
}
