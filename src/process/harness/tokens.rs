//! The tokens of a loop's sources.

use crate::reactor::Token;

/// Token of the orders.
pub(super) const ORDERS: Token = Token(0);
/// First token of the subagent; each socket that it opens uses the next.
pub(super) const AGENT: Token = Token(1000);

/// Number of tokens reserved for one subagent.
pub(super) const TOKENS: usize = 1 << 20;

/// The token of a process's own source, numbered from 0 to 900.
pub(in crate::process) const fn token(source: usize) -> Token {
    Token(ORDERS.0 + 1 + source)
}
