//! HTTP_GET and SSL_GET: a request for one url, and whether the reply is the expected one.

mod dialect;
mod reader;
mod regex;
#[cfg(test)]
mod tests;

use md5::{Digest, Md5};

use super::conversation::{Conversation, Verdict};
use crate::config::lvs::{HttpVersion, UrlCheck};

pub use reader::{MAX_HEAD, Part, Reader};
pub use regex::{Pattern, Search};

/// The request for a url as it is sent. `host` is the value of the Host header.
pub fn request(path: &str, host: &str, version: HttpVersion) -> Vec<u8> {
    let (number, connection) = match version {
        HttpVersion::V10 => ("1.0", ""),
        HttpVersion::V10Close => ("1.0", "Connection: close\r\n"),
        HttpVersion::V11 => ("1.1", "Connection: close\r\n"),
    };
    format!("GET {path} HTTP/{number}\r\nUser-Agent: KeepAliveClient\r\n{connection}Host: {host}\r\n\r\n").into_bytes()
}

/// An attempt for one url. Status, digest and regex must all hold, those that are configured.
#[derive(Debug)]
pub struct HttpConversation {
    request: Vec<u8>,
    status: Vec<(u16, u16)>,
    reader: Reader,
    digest: Option<([u8; 16], Md5)>,
    search: Option<(Search, bool)>,
}

impl HttpConversation {
    /// `pattern` is the compiled `regex` of the url.
    pub fn new(url: &UrlCheck, version: HttpVersion, pattern: Option<&Pattern>) -> HttpConversation {
        let no_match = url.regex.as_ref().is_some_and(|regex| regex.no_match);
        HttpConversation {
            request: request(&url.path, &url.host, version),
            status: url.status.clone(),
            reader: Reader::new(),
            digest: url.digest.map(|digest| (digest, Md5::new())),
            search: pattern.map(|pattern| (Search::new(pattern.clone()), no_match)),
        }
    }

    /// The whole reply is there.
    fn judge(&mut self) -> Verdict {
        if let Some((expected, digest)) = self.digest.take() {
            let got: [u8; 16] = digest.finalize().into();
            if got != expected {
                return Err(format!("digest is {}", hex(&got)));
            }
        }
        match self.search.take() {
            Some((search, no_match)) => match (search.finish()?, no_match) {
                (false, false) => Err("regex does not match".into()),
                (true, true) => Err("regex matches".into()),
                _ => Ok(()),
            },
            None => Ok(()),
        }
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
                match search {
                    Some((search, _)) => search.push(octets),
                    None => Ok(()),
                }
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
        match self.read(octets) {
            Ok(false) => None,
            Ok(true) => Some(self.judge()),
            Err(reason) => Some(Err(reason)),
        }
    }

    fn closed(&mut self) -> Verdict {
        self.reader.close()?;
        self.judge()
    }
}

/// Lower case hexadecimal digits, as digests are written in the configuration.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
