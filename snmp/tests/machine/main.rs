//! The session state machine and the MIB in virtual time, without a socket, against a mock master.

#[cfg(test)]
mod mock;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod session;
