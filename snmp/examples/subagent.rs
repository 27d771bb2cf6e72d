//! A small subagent with a scalar, a table and a trap.
//!
//! ```text
//! cargo run -p snmp --example subagent -- unix:/var/agentx/master [ROWS]
//! snmpwalk -v2c -c public localhost .1.3.6.1.4.1.8072.9999.77
//! ```
//!
//! Each line read from standard input is sent as a trap. Exits at the end of standard input.

use std::error::Error;
use std::io::BufRead;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Poll, Token, Waker};
use snmp::link::Interest;
use snmp::{Column, Config, Link, Mib, Notification, Oid, Registration, ScalarView, Session};
use snmp::{SetError, Setter, Syntax, Table, TableView, Value, VarBind};

const BASE: [u32; 9] = [1, 3, 6, 1, 4, 1, 8072, 9999, 77];
const MASTER: Token = Token(0);
const INPUT: Token = Token(1);

struct Counter {
    name: String,
    weight: i32,
}

struct Tables {
    started: Instant,
    counters: Table<u32, Counter>,
    sets: u32,
}

const COLUMNS: &[Column<Tables, u32, Counter>] = &[
    Column::new(2, "counterName", Syntax::DISPLAY_STRING, |_, _, row| Some(row.name.as_str().into())),
    Column::writable(
        3,
        "counterWeight",
        Syntax::Integer32 { min: 0, max: 253 },
        |_, _, row| Some(row.weight.into()),
        Setter {
            test: |_, _, value| match value {
                Value::Integer(13) => Err(SetError::InconsistentValue),
                _ => Ok(()),
            },
            commit: |tables, index, value| match (tables.counters.get_mut(index), value) {
                (_, Value::Integer(99)) => Err(SetError::CommitFailed),
                (Some(row), Value::Integer(weight)) => {
                    row.weight = *weight;
                    tables.sets += 1;
                    Ok(())
                }
                _ => Err(SetError::CommitFailed),
            },
        },
    ),
    // Only rows with an even index have this instance.
    Column::new(4, "counterEven", Syntax::TRUTH_VALUE, |_, index, _| (index % 2 == 0).then(|| Value::truth(true))),
    Column::new(5, "counterAddress", Syntax::INET_ADDRESS, |_, index, _| {
        Some(Value::OctetString(index.to_be_bytes().to_vec()))
    }),
    Column::new(6, "counterValue", Syntax::Counter64, |_, index, _| Some(Value::Counter64(u64::from(*index) << 33))),
];

fn mib() -> Result<Mib<Tables>, snmp::MibError> {
    Mib::builder()
        .scalars([
            ScalarView::new(&[1, 3, 6, 1, 4, 1, 8072, 9999, 77, 1], "upTime", Syntax::TimeTicks, |tables: &Tables| {
                Some(Value::TimeTicks(u32::try_from(tables.started.elapsed().as_millis() / 10).ok()?))
            }),
            ScalarView::new(&[1, 3, 6, 1, 4, 1, 8072, 9999, 77, 2], "sets", Syntax::Counter32, |tables: &Tables| {
                Some(Value::Counter32(tables.sets))
            }),
        ])
        .table(TableView {
            name: "counterTable",
            entry: &[1, 3, 6, 1, 4, 1, 8072, 9999, 77, 3, 1],
            table: |tables: &Tables| &tables.counters,
            columns: COLUMNS,
        })
        .build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: subagent MASTER [ROWS]")?.parse()?;
    let rows: u32 = arguments.next().map_or(Ok(4), |rows| rows.parse())?;
    let mib = mib()?;
    let row = |index: u32| (index, Counter { name: format!("counter {index}"), weight: 100 });
    let mut tables = Tables { started: Instant::now(), counters: (1..=rows).map(row).collect(), sets: 0 };

    let session = Session::new(Config {
        description: "example subagent".to_owned(),
        capabilities: vec![(Oid::new(&BASE), "The example's objects".to_owned())],
        registrations: vec![Registration { subtree: Oid::new(&BASE), priority: 127 }],
        ..Config::default()
    });
    let mut link = Link::new(address, session);

    let mut poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), INPUT)?;
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = sender.send(Some(line));
            let _ = waker.wake();
        }
        let _ = sender.send(None);
        let _ = waker.wake();
    });

    let start = Instant::now();
    let mut events = Events::with_capacity(8);
    let mut watched: Option<Interest> = None;
    while !link.session.is_closed() {
        let now = start.elapsed();
        for line in lines.try_iter() {
            match line {
                Some(text) => link.session.notify(now, trap(&text)),
                None => link.session.close(now, now + Duration::from_secs(2)),
            }
        }
        let more = link.turn(&mib, &mut tables, now, 64);
        while let Some(event) = link.session.poll_event() {
            println!("{event:?}");
        }
        let interest = link.interest();
        watch(&poll, watched, interest)?;
        watched = interest;
        let wait = link.deadline().map(|deadline| deadline.saturating_sub(start.elapsed()));
        let wait = if more { Some(Duration::ZERO) } else { wait };
        match poll.poll(&mut events, wait) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn trap(text: &str) -> Notification {
    let name = Oid::new(&BASE).join(&[3, 1, 2]);
    Notification { trap: Oid::new(&BASE).join(&[0, 1]), binds: vec![VarBind::new(name, text)] }
}

/// Watches the link's socket. A new socket is registered even if its number is the previous one's.
fn watch(poll: &Poll, before: Option<Interest>, now: Option<Interest>) -> std::io::Result<()> {
    let same_socket = |a: Interest, b: Interest| a.generation == b.generation;
    let readiness = |interest: Interest| {
        let write = interest.write.then_some(mio::Interest::WRITABLE);
        write.map_or(mio::Interest::READABLE, |write| mio::Interest::READABLE | write)
    };
    let Some(now) = now else { return Ok(()) };
    match before {
        Some(before) if before == now => Ok(()),
        Some(before) if same_socket(before, now) => {
            poll.registry().reregister(&mut SourceFd(&now.fd), MASTER, readiness(now))
        }
        _ => poll.registry().register(&mut SourceFd(&now.fd), MASTER, readiness(now)),
    }
}
