//! A subagent in a thread, with edge-triggered polling as in the daemon.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Poll, Token, Waker};
use snmp::link::Interest;
use snmp::session::Stats;
use snmp::{Column, Config, Event, Link, MasterAddress, Mib, Notification, Oid, Registration, ScalarView, Session};
use snmp::{SetError, Setter, Syntax, Table, TableView, Value, VarBind};

pub const ROOT: [u32; 9] = [1, 3, 6, 1, 4, 1, 8072, 9999, 78];

/// Number of rows in the table.
pub const ROWS: u32 = 200;

struct Data {
    rows: Table<(u32, u32), i32>,
}

const COLUMNS: &[Column<Data, (u32, u32), i32>] = &[
    Column::writable(
        2,
        "number",
        Syntax::Integer32 { min: 0, max: 1000 },
        |_, _, row| Some(Value::Integer(*row)),
        Setter {
            test: |_, _, _| Ok(()),
            commit: |data, index, value| match (value, data.rows.get_mut(index)) {
                (Value::Integer(number), Some(row)) if *number != 999 => {
                    *row = *number;
                    Ok(())
                }
                _ => Err(SetError::CommitFailed),
            },
        },
    ),
    Column::new(3, "address", Syntax::INET_ADDRESS, |_, _, _| Some(Value::OctetString(vec![192, 168, 200, 255]))),
    Column::new(4, "sparse", Syntax::Counter64, |_, (_, b), _| (b % 7 == 0).then_some(Value::Counter64(u64::MAX))),
];

fn mib() -> Mib<Data> {
    Mib::builder()
        .scalars([ScalarView::new(&[1, 3, 6, 1, 4, 1, 8072, 9999, 78, 1], "rows", Syntax::Gauge32, |data: &Data| {
            Some(Value::Gauge32(data.rows.len() as u32))
        })])
        .table(TableView {
            name: "table",
            entry: &[1, 3, 6, 1, 4, 1, 8072, 9999, 78, 2, 1],
            table: |data: &Data| &data.rows,
            columns: COLUMNS,
        })
        .build()
        .unwrap()
}

/// A request to the thread.
enum Order {
    Trap(u32),
    Report(Sender<Report>),
    Stop,
}

#[derive(Debug)]
pub struct Report {
    pub stats: Stats,
    pub waiting: usize,
    pub events: Vec<Event>,
    /// Number and generation of every socket so far.
    pub sockets: Vec<(i32, u64)>,
}

pub struct Agent {
    orders: Sender<Order>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Agent {
    pub fn start(master: MasterAddress, priority: u8) -> Self {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), Token(1)).unwrap();
        let (orders, received) = channel();
        let thread = std::thread::spawn(move || run(poll, master, priority, &received));
        Agent { orders, waker, thread: Some(thread) }
    }

    pub fn trap(&self, number: u32) {
        self.order(Order::Trap(number));
    }

    pub fn report(&self) -> Report {
        let (sender, report) = channel();
        self.order(Order::Report(sender));
        report.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
        self.waker.wake().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(mut poll: Poll, address: MasterAddress, priority: u8, orders: &Receiver<Order>) {
    let mib = mib();
    let mut data = Data { rows: (1..=ROWS).map(|id| ((id / 10, id), id as i32)).collect() };
    let session = Session::new(Config {
        description: "test agent".to_owned(),
        registrations: vec![Registration { subtree: Oid::new(&ROOT), priority }],
        ..Config::default()
    });
    let mut link = Link::new(address, session);
    let start = Instant::now();
    let (mut events_so_far, mut sockets) = (Vec::new(), Vec::new());
    let mut events = Events::with_capacity(8);
    let mut watched: Option<Interest> = None;
    loop {
        let now = start.elapsed();
        for order in orders.try_iter() {
            match order {
                Order::Trap(number) => link.session.notify(now, trap(number)),
                Order::Stop => return,
                Order::Report(to) => {
                    let (stats, waiting) = (*link.session.stats(), link.session.notifications_waiting());
                    let _ = to.send(Report { stats, waiting, events: events_so_far.clone(), sockets: sockets.clone() });
                }
            }
        }
        let more = link.turn(&mib, &mut data, now, 32);
        events_so_far.extend(std::iter::from_fn(|| link.session.poll_event()));
        let interest = link.interest();
        if let Some(new) = interest
            && watched != interest
        {
            let known = watched.is_some_and(|watched| watched.generation == new.generation);
            let readiness = mio::Interest::READABLE | mio::Interest::WRITABLE;
            match known {
                true => poll.registry().reregister(&mut SourceFd(&new.fd), Token(0), readiness).unwrap(),
                false => {
                    sockets.push((new.fd, new.generation));
                    poll.registry().register(&mut SourceFd(&new.fd), Token(0), readiness).unwrap();
                }
            }
        }
        watched = interest;
        let wait = link.deadline().map(|deadline| deadline.saturating_sub(start.elapsed()));
        // The only possible error is EINTR, after which the loop continues anyway.
        let _ = poll.poll(&mut events, if more { Some(Duration::ZERO) } else { wait });
    }
}

fn trap(number: u32) -> Notification {
    let object = Oid::new(&ROOT).child(1);
    Notification { trap: Oid::new(&ROOT).join(&[0, 1]), binds: vec![VarBind::new(object, Value::Gauge32(number))] }
}
