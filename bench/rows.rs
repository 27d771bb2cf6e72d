//! The cost of a row's place among many.

use std::convert::Infallible;
use std::time::Instant;

use keepalived::check::{Check, Tables};
use keepalived::config::{self, Options, Outside};
use keepalived::mib;
use snmp::{Mib, Oid};

use crate::farm;
use crate::report::spread;

/// The table: one GETNEXT of realServerTable by the number of its rows, without master agent and sockets.
pub fn rows() {
    println!("\n## GETNEXT by the number of rows of realServerTable, in the program alone\n");
    println!("| virtual x real servers | median ns (min-max) |");
    println!("|---|---|");
    let mib = mib::check_mib().expect("the modules are in order");
    for (services, servers) in [(10, 10), (10, 100), (100, 100), (1000, 100), (1, 100_000)] {
        let check = Check::new(tables(services, servers), 1);
        let results = (0..5).map(|_| getnext(&mib, &check, services, servers));
        println!("| {services} x {servers} | {} |", spread(results, 0));
    }
}

/// Time of one GETNEXT in nanoseconds: 100,000 of them, at rows that are spread over the table.
fn getnext(mib: &Mib<Check>, check: &Check, services: usize, servers: usize) -> f64 {
    const TIMES: usize = 100_000;
    let columns = [4, 6, 14];
    let names: Vec<Oid> = (0..TIMES)
        .map(|n| {
            let row = n.wrapping_mul(7919) % (services * servers);
            let index = [row / servers + 1, row % servers + 1].map(|part| u32::try_from(part).unwrap_or(1));
            let column = columns.get(n % columns.len()).copied().unwrap_or(4);
            Oid::from([&mib::BASE[..], &[3, 4, 1, column], &index].concat())
        })
        .collect();
    let (start, end) = (Instant::now(), Oid::default());
    let found = names.iter().filter(|name| !mib.next(check, name, false, &end).value.is_exception()).count();
    assert_eq!(found, TIMES);
    start.elapsed().as_secs_f64() * 1e9 / TIMES as f64
}

/// The rows of a configuration with `services` virtual servers of `servers` real servers.
fn tables(services: usize, servers: usize) -> Tables {
    let path = std::env::temp_dir().join(format!("keepalived-bench-{}", std::process::id()));
    std::fs::write(&path, farm::text(services, servers, 60, None)).expect("a writable directory");
    let options = Options {
        path: path.clone(),
        config_id: String::new(),
        directory: None,
        all_config: false,
        strict: false,
        outside: Outside::fixed(),
    };
    let loaded = config::load(&options);
    std::fs::remove_file(&path).expect("the file of this process");
    let mut config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    let servers = std::mem::take(&mut config.lvs.virtual_servers).into_iter().map(Ok::<_, Infallible>);
    Tables::new(config, servers, "bench".into()).expect("servers that are in memory can be read")
}
