//! Labs in user-mode Linux, whose kernel has IPVS, VRFs, ipvlans and encapsulations of routes. It is booted once for all of them.

#[path = "../support/beside_c.rs"]
mod beside_c;
#[path = "../support/ipvs_support.rs"]
mod ipvs_support;
#[path = "../support/mib_text.rs"]
mod mib_text;
#[path = "../support/routes_support.rs"]
mod routes_support;

mod check_mib;
mod ipvlan;
mod ipvs;
mod lvs;
mod processes_beside_c;
mod replaced;
mod route_tunnels;
mod unbound;
