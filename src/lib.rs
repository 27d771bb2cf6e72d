//! keepalived in Rust: VRRP and LVS health checks from a `keepalived.conf`.
//!
//! The state of the daemon is in tables, one row per MIB row. One state machine writes a row, and all views show it:
//! the kernel, KEEPALIVED-MIB, traps, scripts, mail, logs.
//!
//! The layers; a module imports only from lower layers, or from its own:
//!
//! | layer | modules |
//! |---|---|
//! | 5 | `process` the parent, the event loop of its children, and the VRRP, checker and BFD processes; `genhash` the digest of a page |
//! | 4 | `reactor` the event loop; `kernel` rtnetlink, IPVS and raw sockets; `net` connections of the checkers; `mib` the tables as KEEPALIVED-MIB; `notify` log, scripts and mail; `control` the control socket |
//! | 3 | `vrrp`, `check` and `bfd`, tables and state machines without I/O and clock; `track` the trackers, used by `vrrp` and `check` |
//! | 2 | `state` row indices, and records from one process to the next; `status` the document of `--status`; `system` properties of the daemon as a whole |
//! | 1 | `config` from text to typed configuration; `wire` packet formats; crate `snmp` the AgentX subagent; `terminal` messages on the terminal |
//! | 0 | `text` text of errors and counts |
//!
//! See `ARCHITECTURE.md`; `tests/layers` enforces the layers.
//!
//! **Time** is a [`std::time::Duration`] since an arbitrary epoch of `CLOCK_MONOTONIC`. It is an argument of the
//! machines, which read no clock.

pub mod bfd;
pub mod check;
pub mod config;
pub mod control;
pub mod genhash;
pub mod kernel;
pub mod mib;
pub mod net;
pub mod notify;
pub mod process;
pub mod reactor;
pub mod state;
pub mod status;
pub mod system;
pub mod terminal;
pub mod text;
pub mod track;
pub mod vrrp;
pub mod wire;
