//! The session machine and the MIB in virtual time, without a socket: what a master by hand sees.

#[cfg(test)]
mod mock;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod session;
