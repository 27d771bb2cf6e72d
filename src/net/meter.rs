//! A socket with an allowance of octets per turn, for OpenSSL.
//!
//! OpenSSL reads until the socket is empty, and a server can keep it busy for ever with messages that carry no data, such
//! as handshake requests (RFC 5246 section 7.4.1.1) or session tickets (RFC 8446 section 4.6.1). When the allowance of a
//! turn is used up, reads return `WouldBlock`, and the library returns.

use std::io::{self, Read, Write};

use socket2::Socket;

/// Allowance of one turn.
const TURN_ALLOWANCE: usize = 32 * 1024;
/// Allowance of one attempt for reads that return no data to the caller. A handshake with the longest certificate chain
/// that OpenSSL accepts costs less than half of it.
const MAX_WITHOUT_DATA: usize = 256 * 1024;
/// Least cost of a read, as many short reads take more time than a long one.
const MIN_READ_COST: usize = 128;

/// A socket with an allowance. The cost of a read is its number of octets, at least 128.
#[derive(Debug)]
pub(super) struct Metered {
    socket: Socket,
    /// Rest of the allowance of this turn.
    left: usize,
    /// Cost of the reads since the last data.
    without_data: usize,
    /// A read of this turn was refused because the allowance was used up.
    limited: bool,
}

impl Metered {
    pub fn new(socket: Socket) -> Metered {
        Metered { socket, left: TURN_ALLOWANCE, without_data: 0, limited: false }
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Starts a turn with a new allowance.
    pub fn begin_turn(&mut self) {
        self.left = TURN_ALLOWANCE;
        self.limited = false;
    }

    /// Whether the allowance was used up before the socket was empty.
    pub fn is_limited(&self) -> bool {
        self.limited
    }

    /// To be called when the library has returned data.
    pub fn data_received(&mut self) {
        self.without_data = 0;
    }

    /// Whether the allowance for reads without data is used up.
    pub fn is_exhausted(&self) -> bool {
        self.without_data > MAX_WITHOUT_DATA
    }
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || self.is_exhausted() {
            self.limited = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = buffer.len().min(self.left);
        let count = self.socket.read(buffer.get_mut(..most).unwrap_or_default())?;
        let cost = count.max(MIN_READ_COST);
        self.left = self.left.saturating_sub(cost);
        self.without_data = self.without_data.saturating_add(cost);
        Ok(count)
    }
}

impl Write for Metered {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.socket.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::os::unix::net::UnixStream;

    use super::{MAX_WITHOUT_DATA, MIN_READ_COST, Metered, TURN_ALLOWANCE};

    /// A metered socket and its other end.
    fn pair() -> (Metered, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        (Metered::new(socket2::Socket::from(std::os::fd::OwnedFd::from(here))), there)
    }

    /// Reads 4 KiB at a time until `WouldBlock`; returns the number of octets.
    fn drain(metered: &mut Metered) -> usize {
        let mut taken = 0;
        loop {
            match metered.read(&mut [0; 4096]) {
                Ok(count) => taken += count,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    return taken;
                }
            }
        }
    }

    #[test]
    fn a_turn_reads_no_more_than_its_allowance() {
        let (mut metered, mut there) = pair();
        there.write_all(&[7; TURN_ALLOWANCE + 1000]).unwrap();
        assert_eq!((drain(&mut metered), metered.is_limited()), (TURN_ALLOWANCE, true));
        metered.begin_turn();
        assert_eq!((drain(&mut metered), metered.is_limited()), (1000, false), "the socket is empty");
    }

    #[test]
    fn short_reads_have_a_minimum_cost() {
        let (mut metered, mut there) = pair();
        there.write_all(&[7; TURN_ALLOWANCE]).unwrap();
        let reads = (0..).take_while(|_| metered.read(&mut [0; 5]).is_ok()).count();
        assert_eq!(reads, TURN_ALLOWANCE / MIN_READ_COST);
    }

    #[test]
    fn an_attempt_without_data_is_exhausted() {
        let (mut metered, mut there) = pair();
        let mut turn = |metered: &mut Metered| {
            there.write_all(&[7; TURN_ALLOWANCE]).unwrap();
            metered.begin_turn();
            drain(metered);
        };
        for _ in 0..2 * MAX_WITHOUT_DATA / TURN_ALLOWANCE {
            turn(&mut metered);
            metered.data_received();
        }
        assert!(!metered.is_exhausted(), "data was received in every turn");
        for _ in 0..=MAX_WITHOUT_DATA / TURN_ALLOWANCE {
            assert!(!metered.is_exhausted());
            turn(&mut metered);
        }
        assert!(metered.is_exhausted());
    }
}
