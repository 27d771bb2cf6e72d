//! HTTP_GET and SSL_GET: the request for a url, and the checks of the reply.

mod dialect;
mod reader;
pub(super) mod regex;
mod search;
#[cfg(test)]
mod tests;

use md5::{Digest, Md5};

use super::conversation::{Conversation, Verdict};
use crate::config::lvs::{HttpVersion, UrlCheck};

pub use reader::{MAX_HEAD, Part, Reader};
pub use regex::{Look, Looked, Pattern};
pub use search::Search;

/// Returns the request for a url. `host` is the value of the Host header.
pub fn request(path: &str, host: &str, version: HttpVersion) -> Vec<u8> {
    let (number, connection) = match version {
        HttpVersion::V10 => ("1.0", ""),
        HttpVersion::V10Close => ("1.0", "Connection: close\r\n"),
        HttpVersion::V11 => ("1.1", "Connection: close\r\n"),
    };
    format!("GET {path} HTTP/{number}\r\nUser-Agent: KeepAliveClient\r\n{connection}Host: {host}\r\n\r\n").into_bytes()
}

/// An attempt for one url. The reply must pass all configured checks: status, digest and regex.
#[derive(Debug)]
pub struct HttpConversation {
    request: Vec<u8>,
    status: Vec<(u16, u16)>,
    reader: Reader,
    digest: Option<([u8; 16], Md5)>,
    search: Option<(Search, bool)>,
    look: Option<Look>,
    /// The reply is complete and has passed the checks other than the regex.
    complete: bool,
}

impl HttpConversation {
    /// Starts an attempt. `pattern` is the compiled `regex` of the url.
    pub fn new(url: &UrlCheck, version: HttpVersion, pattern: Option<&Pattern>) -> HttpConversation {
        let no_match = url.regex.as_ref().is_some_and(|regex| regex.no_match);
        HttpConversation {
            request: request(&url.path, &url.host, version),
            status: url.status.clone(),
            reader: Reader::new(),
            digest: url.digest.map(|digest| (digest, Md5::new())),
            search: pattern.map(|pattern| (Search::new(pattern.clone()), no_match)),
            look: None,
            complete: false,
        }
    }

    /// Checks the digest of the complete reply, and ends the search.
    fn finish(&mut self) -> Option<Verdict> {
        if let Some((expected, digest)) = self.digest.take() {
            let got: [u8; 16] = digest.finalize().into();
            if got != expected {
                return Some(Err(format!("digest is {}", hex(&got))));
            }
        }
        self.complete = true;
        if let Some((search, _)) = &mut self.search {
            search.end();
        }
        self.verdict()
    }

    /// The verdict, if the reply is complete and was searched; otherwise prepares the next search, if any.
    fn verdict(&mut self) -> Option<Verdict> {
        let Some((search, no_match)) = &mut self.search else { return self.complete.then_some(Ok(())) };
        self.look = search.look();
        if !self.complete {
            return None;
        }
        search.outcome().map(|found| match (found, *no_match) {
            (false, false) => Err("regex does not match".into()),
            (true, true) => Err("regex matches".into()),
            _ => Ok(()),
        })
    }

    fn read(&mut self, octets: &[u8]) -> Result<bool, String> {
        let (status, digest, search) = (&self.status, &mut self.digest, &mut self.search);
        self.reader.push(octets, &mut |part| match part {
            Part::Head { status: code, .. } => {
                let expected = status.iter().any(|(first, last)| (*first..=*last).contains(&code));
                if expected { Ok(()) } else { Err(format!("status code {code}")) }
            }
            Part::Body(octets) => {
                if let Some((_, digest)) = digest {
                    digest.update(octets);
                }
                if let Some((search, _)) = search {
                    search.push(octets);
                }
                Ok(())
            }
        })
    }
}

impl Conversation for HttpConversation {
    fn connected(&mut self, send: &mut Vec<u8>) -> Option<Verdict> {
        send.append(&mut self.request);
        None
    }

    fn received(&mut self, octets: &[u8], _send: &mut Vec<u8>) -> Option<Verdict> {
        if self.complete {
            return None;
        }
        match self.read(octets) {
            Ok(false) => self.verdict(),
            Ok(true) => self.finish(),
            Err(reason) => Some(Err(reason)),
        }
    }

    fn look(&mut self) -> Option<Look> {
        self.look.take()
    }

    fn looked(&mut self, looked: Looked) -> Option<Verdict> {
        let (search, _) = self.search.as_mut()?;
        match search.looked(looked) {
            Ok(()) => self.verdict(),
            Err(reason) => Some(Err(reason)),
        }
    }

    fn closed(&mut self) -> Option<Verdict> {
        if self.complete {
            return None;
        }
        match self.reader.close() {
            Ok(()) => self.finish(),
            Err(reason) => Some(Err(reason)),
        }
    }

    /// Ignores a failure of the connection after the complete reply.
    fn failed(&mut self, reason: String) -> Option<Verdict> {
        (!self.complete).then_some(Err(reason))
    }

    fn expired(&mut self) -> Verdict {
        let looking = self.search.as_ref().is_some_and(|(search, _)| search.is_looking());
        Err(if looking { "regex: no result in time" } else { "timed out" }.into())
    }
}

/// Formats octets as lower-case hexadecimal digits, as digests are written in the configuration.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
