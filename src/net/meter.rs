//! A socket that gives a library which reads by itself no more than an allowance.
//!
//! OpenSSL reads until the socket is dry, and a server can see to it that it never is: by messages that carry no data,
//! as requests for a handshake (RFC 5246 section 7.4.1.1) or session tickets (RFC 8446 section 4.6.1). Once the
//! allowance of a turn is used up the socket seems dry, and the library returns.

use std::io::{self, Read, Write};

use socket2::Socket;

/// Cost of the reads of one turn.
const A_TURN: usize = 32 * 1024;
/// Cost of the reads of one attempt that bring the caller no data: a handshake with the longest chain of certificates
/// that OpenSSL takes costs less than half of it.
const WITHOUT_DATA: usize = 256 * 1024;
/// Least cost of a read: many short messages take more time than a long one.
const A_READ: usize = 128;

/// A socket with an allowance. The cost of a read is its number of octets, at least 128.
#[derive(Debug)]
pub(super) struct Metered {
    socket: Socket,
    /// Left in this turn.
    left: usize,
    /// Cost of the reads since the last data.
    without_data: usize,
    /// A read was refused in this turn though there may be more to read.
    cut: bool,
}

impl Metered {
    pub fn new(socket: Socket) -> Metered {
        Metered { socket, left: A_TURN, without_data: 0, cut: false }
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// A new turn, with its own allowance.
    pub fn begin_turn(&mut self) {
        self.left = A_TURN;
        self.cut = false;
    }

    /// Whether the turn ended before the socket was dry.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The reads so far were of use.
    pub fn data_came(&mut self) {
        self.without_data = 0;
    }

    /// Whether the reads have cost more without data than an attempt may.
    pub fn is_exhausted(&self) -> bool {
        self.without_data > WITHOUT_DATA
    }
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || self.is_exhausted() {
            self.cut = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = buffer.len().min(self.left);
        let count = self.socket.read(buffer.get_mut(..most).unwrap_or_default())?;
        let cost = count.max(A_READ);
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

    use super::{A_READ, A_TURN, Metered, WITHOUT_DATA};

    /// A metered socket and its other end.
    fn pair() -> (Metered, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        (Metered::new(socket2::Socket::from(std::os::fd::OwnedFd::from(here))), there)
    }

    /// Reads, 4 KiB at a time, until there is no more; gives the number of octets.
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
    fn a_turn_gives_its_octets_and_no_more() {
        let (mut metered, mut there) = pair();
        there.write_all(&[7; A_TURN + 1000]).unwrap();
        assert_eq!((drain(&mut metered), metered.is_cut()), (A_TURN, true));
        metered.begin_turn();
        assert_eq!((drain(&mut metered), metered.is_cut()), (1000, false), "the socket is dry");
    }

    #[test]
    fn short_reads_are_counted_too() {
        let (mut metered, mut there) = pair();
        there.write_all(&[7; A_TURN]).unwrap();
        let reads = (0..).take_while(|_| metered.read(&mut [0; 5]).is_ok()).count();
        assert_eq!(reads, A_TURN / A_READ);
    }

    #[test]
    fn an_attempt_without_data_is_exhausted() {
        let (mut metered, mut there) = pair();
        let mut turn = |metered: &mut Metered| {
            there.write_all(&[7; A_TURN]).unwrap();
            metered.begin_turn();
            drain(metered);
        };
        for _ in 0..2 * WITHOUT_DATA / A_TURN {
            turn(&mut metered);
            metered.data_came();
        }
        assert!(!metered.is_exhausted(), "data came all the time");
        for _ in 0..=WITHOUT_DATA / A_TURN {
            assert!(!metered.is_exhausted());
            turn(&mut metered);
        }
        assert!(metered.is_exhausted());
    }
}
