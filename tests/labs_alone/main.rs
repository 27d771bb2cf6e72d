//! Labs that measure time or load the machine: each has the machine for itself.

mod faults;
mod hostile;
mod kills;
mod snmpd_hurts;
mod tracker_load;
