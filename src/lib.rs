//! keepalived in Rust: VRRP and LVS health checks from a `keepalived.conf`.
//!
//! Everything the daemon knows lives in tables, one row per MIB row. A row is written by one state
//! machine and then seen by every view: the kernel, KEEPALIVED-MIB, traps, scripts, mail, logs.
//!
//! The floor plan, imports running downwards only:
//!
//! | floor | modules |
//! |---|---|
//! | 5 | `process`: parent and watchdog, the harness of its children, VRRP and checker process, wiring only; `genhash` the digest of a page |
//! | 4 | `reactor` the event loop; `kernel` rtnetlink, IPVS and raw sockets; `net` connections of the checkers; `mib` tables as KEEPALIVED-MIB; `notify` log, scripts and mail |
//! | 3 | `vrrp`, `check`, `bfd`, and below the first two `track`, the trackers: tables and state machines, no I/O and no clock |
//! | 2 | `state` row indices, and records from one process to the next; `system` what belongs to the daemon as a whole |
//! | 1 | `config` text to typed configuration; `wire` packet formats; crate `snmp` the AgentX subagent |
//!
//! `ARCHITECTURE.md` says more, and `tests/layers` sees to it.
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
pub mod track;
pub mod vrrp;
pub mod wire;
