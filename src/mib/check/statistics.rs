//! The statistics of virtual and real servers as quantities of a row.

use super::super::forms::Has;
use crate::check::{RealServer, Statistics, VirtualServer};

impl Has<Statistics> for VirtualServer {
    fn numbers(&self) -> &Statistics {
        &self.statistics
    }
}

impl Has<Statistics> for RealServer {
    fn numbers(&self) -> &Statistics {
        &self.statistics
    }
}

quantities! {
    Statistics;
    Connections: |numbers| numbers.connections;
    InPackets: |numbers| numbers.in_packets;
    OutPackets: |numbers| numbers.out_packets;
    InBytes: |numbers| numbers.in_bytes;
    OutBytes: |numbers| numbers.out_bytes;
    ConnectionRate: |numbers| numbers.connection_rate;
    InPacketRate: |numbers| numbers.in_packet_rate;
    OutPacketRate: |numbers| numbers.out_packet_rate;
    InByteRate: |numbers| numbers.in_byte_rate;
    OutByteRate: |numbers| numbers.out_byte_rate;
    Active: |numbers| numbers.active.into();
    Inactive: |numbers| numbers.inactive.into();
    Persistent: |numbers| numbers.persistent.into();
}
