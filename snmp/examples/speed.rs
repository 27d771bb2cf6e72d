//! Measures the session's time per request: `cargo run --release -p snmp --example speed`.
//!
//! A walk with GetNext over a table of 100 000 rows and 5 columns, from octets received to octets to be sent.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use snmp::pdu::{Head, encode};
use snmp::{Column, Config, Mib, Oid, Session, Syntax, Table, TableView, Value};

const ENTRY: [u32; 12] = [1, 3, 6, 1, 4, 1, 9586, 100, 5, 9, 9, 1];
const ROWS: u32 = 100_000;

struct Data {
    rows: Table<(u32, u32), String>,
}

const fn column(number: u32) -> Column<Data, (u32, u32), String> {
    Column::new(number, "text", Syntax::DISPLAY_STRING, |_, _, row| Some(Value::text(row)))
}

const COLUMNS: &[Column<Data, (u32, u32), String>] = &[column(2), column(3), column(4), column(5), column(6)];

/// A GetNext with one range, as net-snmp's master sends it.
fn get_next(session: u32, start: &[u32]) -> Vec<u8> {
    let mut payload = vec![u8::try_from(start.len().saturating_sub(5)).unwrap_or(0), 4, 0, 0];
    payload.extend(start.iter().skip(5).flat_map(|id| id.to_be_bytes()));
    payload.extend([2, 4, 0, 0, 0, 0, 0x25, 0x72, 0, 0, 0, 101]);
    let mut pdu = vec![1, 6, 0x10, 0];
    for number in [session, 1, 1, u32::try_from(payload.len()).unwrap_or(0)] {
        pdu.extend(number.to_be_bytes());
    }
    pdu.extend(payload);
    pdu
}

fn main() -> Result<(), Box<dyn Error>> {
    let mib = Mib::builder()
        .table(TableView { name: "table", entry: &ENTRY, table: |data: &Data| &data.rows, columns: COLUMNS })
        .build()?;
    let mut data = Data { rows: (0..ROWS).map(|id| ((id / 100, id % 100), format!("row {id}"))).collect() };
    let now = Duration::from_secs(1);
    let mut session = Session::new(Config::default());
    session.poll_connect(now);
    session.connected(now);
    // The master's answer to Open, our first PDU.
    let open = Head { kind: 1, flags: 0x10, session: 7, transaction: 0, packet: 1, payload: 0 };
    let mut answer = Vec::new();
    encode::Response::to(&open, &mut answer).fail(0, 0);
    session.receive(&answer);
    session.serve(&mib, &mut data, now, 8);
    if !session.is_up() {
        return Err("no session".into());
    }

    let requests: Vec<Vec<u8>> =
        (0..ROWS).map(|id| get_next(7, Oid::new(&ENTRY).join(&[2 + id % 5, id / 100, id % 100]).as_slice())).collect();
    for _ in 0..5 {
        let written = session.output().len();
        session.consume(written);
        let start = Instant::now();
        for request in &requests {
            session.receive(request);
            session.serve(&mib, &mut data, now, 8);
            let written = black_box(session.output()).len();
            session.consume(written);
        }
        println!("{:.2} us per GetNext", start.elapsed().as_secs_f64() * 1e6 / f64::from(ROWS));
    }
    println!("{} bindings", session.stats().binds);
    Ok(())
}
