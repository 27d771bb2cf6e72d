//! Copies the kernel's statistics to the rows.

use std::time::Duration;

use crate::check::ipvs::{ServiceRow, Stats, Table, destination_key, service_keys};
use crate::check::{Check, Event, RealServer, Statistics};

/// Sets the statistics of all rows from a dump, as sums over the services of each virtual server.
pub(super) fn adopt(table: &Table, check: &mut Check, now: Duration) {
    for id in check.tables().virtual_server_ids() {
        let rows: Vec<&ServiceRow> =
            service_keys(check.tables(), id).iter().filter_map(|key| table.services.get(key)).collect();
        let mut sum = Statistics::default();
        for row in &rows {
            add(&mut sum, &row.stats);
        }
        check.handle(Event::VirtualServerStatistics(id, sum), now);
        let servers = check.tables().real_servers.of(&id).filter_map(|(id, row)| {
            let sum = server_statistics(&rows, row);
            (*row.statistics != sum).then_some((*id, sum))
        });
        for (server, sum) in servers.collect::<Vec<_>>() {
            check.handle(Event::RealServerStatistics(server, sum), now);
        }
    }
}

/// Statistics of a real server, as the sum over the services of its virtual server.
fn server_statistics(services: &[&ServiceRow], server: &RealServer) -> Statistics {
    let mut sum = Statistics::default();
    for service in services {
        let key = destination_key(&service.service.key, server);
        let Some(row) = service.destinations.get(&key) else { continue };
        add(&mut sum, &row.stats);
        sum.active = sum.active.saturating_add(row.active);
        sum.inactive = sum.inactive.saturating_add(row.inactive);
        sum.persistent = sum.persistent.saturating_add(row.persistent);
    }
    sum
}

fn add(sum: &mut Statistics, stats: &Stats) {
    sum.connections += stats.connections;
    sum.in_packets += stats.packets_in;
    sum.out_packets += stats.packets_out;
    sum.in_bytes += stats.octets_in;
    sum.out_bytes += stats.octets_out;
    sum.connection_rate += stats.connection_rate;
    sum.in_packet_rate += stats.packet_rate_in;
    sum.out_packet_rate += stats.packet_rate_out;
    sum.in_byte_rate += stats.octet_rate_in;
    sum.out_byte_rate += stats.octet_rate_out;
}
