//! Labs: daemons in network namespaces. They run side by side with each other and with all other tests.

#[path = "../support/beside_c.rs"]
mod beside_c;
#[path = "../support/config_support.rs"]
mod config_support;
#[path = "../support/exporters.rs"]
mod exporters;
#[path = "../support/mib_text.rs"]
mod mib_text;

mod address_flags;
mod bad_input;
mod bfd;
mod buffers;
mod check_cost;
mod checkers;
mod command_line;
mod control;
mod dbus;
mod dump;
mod election;
mod event_time;
mod events_beside_c;
mod fifos;
mod files;
mod firewall;
mod firewall_beside_c;
mod garp_extra;
mod hmac;
mod host;
mod indices;
mod interfaces;
mod launcher;
mod link;
mod lookups;
mod mail;
mod marks;
mod mibs_beside_c;
mod pools;
mod privileges;
mod process;
mod process_settings;
mod processes;
mod reload;
mod rfc_mibs;
mod routes;
mod samples;
mod scripts;
mod sequences;
mod snmp;
mod snmp_contexts;
mod snmp_reload;
mod static_entries;
mod status;
mod stop;
mod systemd;
mod timed_scripts;
mod trackers;
mod trap_targets;
mod upgrade;
mod values_beside_c;
mod vmac;
mod vmac_addresses;
mod vrrp;
