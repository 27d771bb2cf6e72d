//! keepalived in Rust: VRRP and LVS health checks from a `keepalived.conf`.
//!
//! Everything the daemon knows lives in tables, one row per MIB row. A row is written by one state
//! machine and then seen by every view: the kernel, KEEPALIVED-MIB, traps, scripts, mail, logs.
//!
//! The floor plan, imports running downwards only:
//!
//! | floor | modules |
//! |---|---|
//! | 4 | `genhash` the digest of a page; `process`: parent and watchdog, VRRP process; wiring only |
//! | 3 | `reactor` the event loop; `kernel` rtnetlink and raw sockets; `net` connections of the checkers; `mib` tables as KEEPALIVED-MIB; `notify` log and scripts |
//! | 2 | `vrrp`, `check`, `bfd`: tables and state machines, no I/O and no clock |
//! | 1 | `config` text to typed configuration; `system` what belongs to the daemon as a whole; `state` row indices, and records from one process to the next; `wire` packet formats; crate `snmp` the AgentX subagent |
//!
//! **Time** is a [`std::time::Duration`] since an arbitrary epoch of `CLOCK_MONOTONIC`, handed in
//! from outside; no machine reads a clock.

pub mod bfd;
pub mod check;
pub mod config;
pub mod genhash;
pub mod kernel;
pub mod mib;
pub mod net;
pub mod notify;
pub mod process;
pub mod reactor;
pub mod state;
pub mod system;
pub mod vrrp;
pub mod wire;
