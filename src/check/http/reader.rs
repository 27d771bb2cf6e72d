//! An incremental parser for HTTP replies (RFC 9112) in pieces of any size. It does not keep the body.

/// Greatest accepted length in octets of a header with the interim replies before it, and of the framing between two
/// pieces of a body.
pub const MAX_HEAD: usize = 64 * 1024;

/// A part of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The whole header.
    Head {
        /// Status code.
        status: u16,
        /// Status line and header fields, including the empty line at the end.
        octets: &'a [u8],
    },
    /// A piece of the body, without transfer coding.
    Body(&'a [u8]),
}

/// Parses one reply.
#[derive(Clone, Debug)]
pub struct Reader {
    head: Vec<u8>,
    state: State,
    /// Octets of header or framing since the start or since the last piece of the body.
    overhead: usize,
    /// An interim reply was received.
    interim: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Within the header; number of octets in the current line.
    Head(usize),
    /// In a body that ends when the connection is closed.
    UntilClose,
    /// In a body with Content-Length, of which this number of octets is left.
    Length(u64),
    /// In a body with `Transfer-Encoding: chunked`.
    Chunked(Chunk),
    /// The reply is complete; further octets are ignored.
    Complete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// In the chunk size: value and number of digits so far.
    Size(u64, u8),
    /// In the rest of the line with the chunk size.
    Extension(u64),
    /// In the data, of which this number of octets is left.
    Data(u64),
    /// In the line ending after the data.
    DataEnd,
    /// In the trailer: number of octets in the current line.
    Trailer(usize),
}

impl Default for Reader {
    fn default() -> Reader {
        Reader::new()
    }
}

impl Reader {
    /// Starts a reply.
    pub fn new() -> Reader {
        Reader { head: Vec::new(), state: State::Head(0), overhead: 0, interim: false }
    }

    /// Parses octets and passes parts to `sink`. Returns true when the reply is complete.
    ///
    /// # Errors
    /// The error in the reply, or the error of `sink`.
    pub fn push(
        &mut self,
        mut octets: &[u8],
        sink: &mut dyn FnMut(Part<'_>) -> Result<(), String>,
    ) -> Result<bool, String> {
        while let Some((first, rest)) = octets.split_first() {
            match &mut self.state {
                State::Complete => break,
                State::Head(line) => {
                    let end_of_line = *first == b'\n';
                    let end_of_head = end_of_line && *line == 0;
                    if end_of_line {
                        *line = 0;
                    } else if *first != b'\r' {
                        *line += 1;
                    }
                    self.overhead += 1;
                    if self.overhead > MAX_HEAD {
                        let what = if self.interim { "interim replies" } else { "header" };
                        return Err(format!("endless {what}"));
                    }
                    self.head.push(*first);
                    octets = rest;
                    if end_of_head {
                        self.head_done(sink)?;
                    }
                }
                State::UntilClose => {
                    sink(Part::Body(octets))?;
                    octets = &[];
                }
                State::Length(left) => {
                    let (body, rest) = split(octets, *left);
                    *left = left.saturating_sub(body.len() as u64);
                    if *left == 0 {
                        self.state = State::Complete;
                    }
                    sink(Part::Body(body))?;
                    octets = rest;
                }
                State::Chunked(Chunk::Data(left)) => {
                    let (body, rest) = split(octets, *left);
                    *left = left.saturating_sub(body.len() as u64);
                    if *left == 0 {
                        self.state = State::Chunked(Chunk::DataEnd);
                    }
                    self.overhead = 0;
                    sink(Part::Body(body))?;
                    octets = rest;
                }
                State::Chunked(chunk) => {
                    self.overhead += 1;
                    if self.overhead > MAX_HEAD {
                        let what = if matches!(chunk, Chunk::Trailer(_)) { "trailer" } else { "chunk header" };
                        return Err(format!("endless {what}"));
                    }
                    self.state = chunk.frame(*first)?;
                    octets = rest;
                }
            }
        }
        Ok(self.state == State::Complete)
    }

    /// Ends the reply because the connection was closed. A body shorter than announced is accepted, as in C keepalived:
    /// status, digest and regex decide.
    ///
    /// # Errors
    /// When the header is incomplete.
    pub fn close(&self) -> Result<(), String> {
        match self.state {
            State::Head(_) if self.head.is_empty() && !self.interim => Err("empty reply".into()),
            State::Head(_) => Err("closed within the header".into()),
            State::Length(_) | State::Chunked(_) | State::UntilClose | State::Complete => Ok(()),
        }
    }

    fn head_done(&mut self, sink: &mut dyn FnMut(Part<'_>) -> Result<(), String>) -> Result<(), String> {
        let head = Head::parse(&self.head)?;
        // Interim replies (RFC 9110 section 15.2) precede the final reply.
        if matches!(head.status, 100 | 102..=199) {
            self.head.clear();
            self.interim = true;
            self.state = State::Head(0);
            return Ok(());
        }
        self.state = match head {
            Head { status: 101 | 204 | 304, .. } | Head { chunked: false, length: Some(0), .. } => State::Complete,
            Head { chunked: true, .. } => State::Chunked(Chunk::Size(0, 0)),
            Head { length: Some(length), .. } => State::Length(length),
            Head { length: None, .. } => State::UntilClose,
        };
        self.overhead = 0;
        sink(Part::Head { status: head.status, octets: &self.head })?;
        self.head = Vec::new();
        Ok(())
    }
}

/// Splits octets into at most `most` octets and the rest.
fn split(octets: &[u8], most: u64) -> (&[u8], &[u8]) {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    octets.split_at_checked(most).unwrap_or((octets, &[]))
}

impl Chunk {
    /// The state after one octet of framing (RFC 9112 section 7.1).
    fn frame(self, octet: u8) -> Result<State, String> {
        let end_of_size = |size| if size == 0 { Chunk::Trailer(0) } else { Chunk::Data(size) };
        Ok(State::Chunked(match (self, octet) {
            (Chunk::Size(_, 0), b' ' | b'\t') => self,
            (Chunk::Size(_, 0), octet) if !octet.is_ascii_hexdigit() => return Err("bad chunk size".into()),
            (Chunk::Size(size, _), b'\n') => end_of_size(size),
            (Chunk::Size(_, 15), _) => return Err("huge chunk".into()),
            (Chunk::Size(size, digits), octet) => match char::from(octet).to_digit(16) {
                Some(digit) => Chunk::Size(size.wrapping_mul(16) | u64::from(digit), digits + 1),
                None => Chunk::Extension(size),
            },
            (Chunk::Extension(size), b'\n') => end_of_size(size),
            (Chunk::Extension(size), _) => Chunk::Extension(size),
            (Chunk::DataEnd, b'\r') => Chunk::DataEnd,
            (Chunk::DataEnd, b'\n') => Chunk::Size(0, 0),
            (Chunk::DataEnd, _) => return Err("bad end of a chunk".into()),
            (Chunk::Trailer(0), b'\n') => return Ok(State::Complete),
            (Chunk::Trailer(_), b'\n') => Chunk::Trailer(0),
            (Chunk::Trailer(line), b'\r') => Chunk::Trailer(line),
            (Chunk::Trailer(line), _) => Chunk::Trailer(line + 1),
            (Chunk::Data(left), _) => Chunk::Data(left),
        }))
    }
}

/// The relevant contents of a header.
struct Head {
    status: u16,
    length: Option<u64>,
    chunked: bool,
}

impl Head {
    fn parse(octets: &[u8]) -> Result<Head, String> {
        let mut lines = octets.split(|octet| *octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let status = lines.next().and_then(status_code).ok_or("not an HTTP reply")?;
        let mut head = Head { status, length: None, chunked: false };
        for line in lines {
            let mut parts = line.splitn(2, |octet| *octet == b':');
            let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
            let value = value.trim_ascii();
            if name.eq_ignore_ascii_case(b"content-length") {
                // As in C keepalived, the first valid field counts, and a value that is no number is ignored.
                let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
                head.length = head.length.or(digits.and_then(|text| text.parse().ok()));
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                let last = value.rsplit(|octet| *octet == b',').next().unwrap_or(value);
                head.chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
            }
        }
        Ok(head)
    }
}

/// Parses a status line such as `HTTP/1.1 200 OK`.
fn status_code(line: &[u8]) -> Option<u16> {
    let mut words = line.strip_prefix(b"HTTP/")?.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    let _version = words.next()?;
    let code = words.next().filter(|code| code.len() == 3 && code.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(code).ok()?.parse().ok()
}
