//! A mock master agent: encodes the PDUs of a master and decodes the subagent's.

use std::time::Duration;

use snmp::pdu::{Body, Head, decode, frame};
use snmp::{Column, Config, Mib, Oid, Registration, ScalarView, Session, SetError, Setter, Syntax, Table, TableView};
use snmp::{SessionNumber, Value, VarBind};

pub const OPEN: u8 = 1;
pub const CLOSE: u8 = 2;
pub const REGISTER: u8 = 3;
pub const UNREGISTER: u8 = 4;
pub const GET: u8 = 5;
pub const GET_NEXT: u8 = 6;
pub const GET_BULK: u8 = 7;
pub const TEST_SET: u8 = 8;
pub const COMMIT_SET: u8 = 9;
pub const UNDO_SET: u8 = 10;
pub const CLEANUP_SET: u8 = 11;
pub const NOTIFY: u8 = 12;
pub const PING: u8 = 13;
pub const ADD_AGENT_CAPS: u8 = 16;
pub const REMOVE_AGENT_CAPS: u8 = 17;
pub const RESPONSE: u8 = 18;

/// Session ID that the mock assigns.
pub const SESSION: u32 = 77;

pub const ROOT: [u32; 7] = [1, 3, 6, 1, 4, 1, 99];

/// A PDU in network byte order.
pub fn pdu(kind: u8, session: u32, transaction: u32, packet: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut bytes = vec![1, kind, 0x10, 0];
    for number in [session, transaction, packet, length] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

pub fn oid(sub_ids: &[u32], include: bool) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(sub_ids.len()).unwrap(), 0, u8::from(include), 0];
    bytes.extend(sub_ids.iter().flat_map(|id| id.to_be_bytes()));
    bytes
}

pub fn range(start: &[u32], include: bool, end: &[u32]) -> Vec<u8> {
    [oid(start, include), oid(end, false)].concat()
}

pub fn integer(name: &[u32], number: i32) -> Vec<u8> {
    [vec![0, 2, 0, 0], oid(name, false), number.to_be_bytes().to_vec()].concat()
}

pub fn octets(name: &[u32], octets: &[u8]) -> Vec<u8> {
    let length = u32::try_from(octets.len()).unwrap();
    let padding = vec![0; octets.len().next_multiple_of(4) - octets.len()];
    [vec![0, 4, 0, 0], oid(name, false), length.to_be_bytes().to_vec(), octets.to_vec(), padding].concat()
}

pub fn response(packet: u32, up_time: u32, error: u16) -> Vec<u8> {
    let payload = [&up_time.to_be_bytes()[..], &error.to_be_bytes(), &[0, 0]].concat();
    pdu(RESPONSE, SESSION, 0, packet, &payload)
}

/// A PDU received from the subagent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub head: Head,
    pub payload: Vec<u8>,
}

impl Received {
    /// Error and index of a Response.
    pub fn error(&self) -> (u16, u16) {
        let field = |at: usize| u16::from_be_bytes([self.payload[at], self.payload[at + 1]]);
        (field(4), field(6))
    }

    /// The bindings of a Response or a Notify.
    pub fn binds(&self) -> Vec<VarBind> {
        let payload = if self.head.kind == RESPONSE { &self.payload[8..] } else { &self.payload };
        let frame = frame::Frame { head: Head { kind: TEST_SET, ..self.head }, payload };
        match decode::body(&frame) {
            Ok(Body::TestSet(binds)) => binds,
            other => panic!("{other:?}"),
        }
    }
}

/// Takes all PDUs that the session has to send.
pub fn take_output(session: &mut Session) -> Vec<Received> {
    let mut received = Vec::new();
    let mut bytes = session.output();
    while let Some(frame) = frame::next(bytes).unwrap() {
        received.push(Received { head: frame.head, payload: frame.payload.to_vec() });
        bytes = &bytes[frame.length()..];
    }
    assert!(bytes.is_empty(), "an incomplete PDU");
    let length = session.output().len();
    session.consume(length);
    received
}

pub fn kinds(received: &[Received]) -> Vec<u8> {
    received.iter().map(|received| received.head.kind).collect()
}

/// Rows with one writable number. TestSet refuses the value 13, and CommitSet fails for 99.
#[derive(Default)]
pub struct Data {
    pub rows: Table<u32, i32>,
    /// The value of `since`, which only row 1 has, unless it is 0.
    pub since: Duration,
}

const COLUMNS: &[Column<Data, u32, i32>] = &[
    Column::writable(
        2,
        "number",
        Syntax::INTEGER32,
        |_, _, row| Some(Value::Integer(*row)),
        Setter {
            test: |_, _, value| match value {
                Value::Integer(13) => Err(SetError::InconsistentValue),
                _ => Ok(()),
            },
            commit: |data, index, value| match (value, data.rows.get_mut(index)) {
                (Value::Integer(number), Some(row)) if *number != 99 => {
                    *row = *number;
                    Ok(())
                }
                _ => Err(SetError::CommitFailed),
            },
        },
    ),
    Column::new(3, "odd", Syntax::TRUTH_VALUE, |_, index, _| (index % 2 == 1).then(|| Value::truth(true))),
    Column::new(5, "since", Syntax::TimeTicks, |data, index, _| {
        (*index == 1 && !data.since.is_zero()).then_some(Value::TimeStamp(data.since))
    }),
    Column::new(7, "text", Syntax::DISPLAY_STRING, |_, index, _| Some(Value::text("x".repeat(*index as usize % 9)))),
];

/// A scalar that the session fills in.
fn number(oid: &'static [u32], syntax: Syntax, get: fn(&Data) -> Option<Value>) -> ScalarView<Data> {
    ScalarView::new(oid, "number", syntax, get)
}

pub fn mib() -> Mib<Data> {
    Mib::builder()
        .scalars([ScalarView::new(&[1, 3, 6, 1, 4, 1, 99, 1], "count", Syntax::Gauge32, |data: &Data| {
            Some(Value::Gauge32(data.rows.len() as u32))
        })])
        .table(TableView {
            name: "rows",
            entry: &[1, 3, 6, 1, 4, 1, 99, 2, 1],
            table: |data: &Data| &data.rows,
            columns: COLUMNS,
        })
        .build()
        .unwrap()
}

/// Scalars that the session fills in: lost, queued, acknowledged, refused, dropped and waiting.
pub fn session_mib() -> Mib<Data> {
    Mib::builder()
        .scalars([
            number(&[1, 3, 6, 1, 4, 1, 99, 9, 1], Syntax::Counter32, |_| Some(Value::OfSession(SessionNumber::Lost))),
            number(&[1, 3, 6, 1, 4, 1, 99, 9, 2], Syntax::Counter32, |_| Some(Value::OfSession(SessionNumber::Queued))),
            number(&[1, 3, 6, 1, 4, 1, 99, 9, 3], Syntax::Counter32, |_| {
                Some(Value::OfSession(SessionNumber::Acknowledged))
            }),
            number(&[1, 3, 6, 1, 4, 1, 99, 9, 4], Syntax::Counter32, |_| {
                Some(Value::OfSession(SessionNumber::Refused))
            }),
            number(&[1, 3, 6, 1, 4, 1, 99, 9, 5], Syntax::Counter32, |_| {
                Some(Value::OfSession(SessionNumber::Dropped))
            }),
            number(&[1, 3, 6, 1, 4, 1, 99, 9, 6], Syntax::Gauge32, |_| Some(Value::OfSession(SessionNumber::Waiting))),
        ])
        .build()
        .unwrap()
}

/// A cell's name.
pub fn cell(column: u32, row: u32) -> Oid {
    Oid::new(&ROOT).join(&[2, 1, column, row])
}

/// A session, a master and a clock.
pub struct Bench {
    pub session: Session,
    pub mib: Mib<Data>,
    pub data: Data,
    pub now: Duration,
    pub up_time: u32,
}

impl Bench {
    pub fn new(config: Config) -> Self {
        let rows = (1..=9).map(|id| (id, id as i32 * 10)).collect();
        let data = Data { rows, since: Duration::ZERO };
        Bench { session: Session::new(config), mib: mib(), data, now: Duration::from_secs(1000), up_time: 4000 }
    }

    /// A bench whose session is up.
    pub fn up() -> Self {
        let registrations = vec![Registration { subtree: Oid::new(&ROOT), priority: 127 }];
        let mut bench = Bench::new(Config { registrations, ..Config::default() });
        bench.reconnect();
        assert!(bench.session.is_up());
        while bench.session.poll_event().is_some() {}
        bench
    }

    /// Connects and answers all PDUs of the session without an error.
    pub fn reconnect(&mut self) {
        assert!(self.session.poll_connect(self.now));
        self.session.connected(self.now);
        for _ in 0..3 {
            self.answer_all(0);
        }
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        self.serve();
    }

    pub fn serve(&mut self) {
        while self.session.serve(&self.mib, &mut self.data, self.now, 8) {}
    }

    /// Passes octets to the session and handles them.
    pub fn send(&mut self, bytes: &[u8]) {
        assert_eq!(self.session.receive(bytes), bytes.len());
        self.serve();
    }

    pub fn take_output(&mut self) -> Vec<Received> {
        take_output(&mut self.session)
    }

    /// Answers all PDUs of the session with `error`; returns the PDUs.
    pub fn answer_all(&mut self, error: u16) -> Vec<Received> {
        let received = self.take_output();
        for asked in received.iter().filter(|received| received.head.kind != RESPONSE) {
            self.send(&response(asked.head.packet, self.up_time, error));
        }
        received
    }

    /// Sends a request and returns its answer.
    pub fn ask(&mut self, kind: u8, payload: &[u8]) -> Received {
        self.send(&pdu(kind, SESSION, 5, 6, payload));
        let mut received = self.take_output();
        assert_eq!(kinds(&received), [RESPONSE]);
        let received = received.remove(0);
        assert_eq!((received.head.session, received.head.transaction, received.head.packet), (SESSION, 5, 6));
        received
    }
}
