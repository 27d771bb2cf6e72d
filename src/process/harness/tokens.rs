//! The tokens of a loop's sources.

use crate::reactor::Token;

/// Token of the orders.
pub(super) const ORDERS: Token = Token(0);
/// The agent counts on from here, one for each socket it opens.
pub(super) const AGENT: Token = Token(1000);

/// The token of a process's own source: 0 is its first, and so on, up to 900.
pub(in crate::process) const fn token(source: usize) -> Token {
    Token(ORDERS.0 + 1 + source)
}
