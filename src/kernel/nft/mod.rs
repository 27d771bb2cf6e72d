//! nf_tables, the packet filter of the kernel, over `NETLINK_NETFILTER` (`linux/netfilter/nf_tables.h`).
//!
//! | file | content |
//! |---|---|
//! | `wire` | numbers of the protocol |
//! | `expression` | expressions of rules |
//! | `layout` | the sets, chains and rules of a table |
//! | `change` | encoding of a [`FirewallChange`](crate::vrrp::FirewallChange) |
//! | `socket` | performs changes, each as one transaction |
//! | `marks` | the tables of `nftables_ipvs` |
//! | `watch` | reports changes of our tables by other programs |

mod change;
mod expression;
mod layout;
mod marks;
mod socket;
mod watch;
mod wire;

pub use marks::MarkWriter;
pub(super) use socket::NftSocket;
pub use socket::OwnPorts;
pub use watch::{TableTouched, WatchedTable, WatchedTables, watch_tables};
