//! Test fixtures: a machine in virtual time, and a link between two machines that can lose packets.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::bfd::{Action, Bfd, Change, Event, Received, Session, SessionId, Tables, TimerKey};
use crate::config::model::{BfdInstance, Config, Global};
use crate::state::Random;
use crate::wire::bfd::{Control, Diagnostic, MULTIHOP_PORT, State};

pub const ID: SessionId = SessionId(1);

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub fn address(end: usize) -> IpAddr {
    [10, 0, 0, u8::try_from(end + 1).unwrap()].into()
}

/// A session of end 0 with end 1: 100 ms both ways, multiplier 3.
pub fn session() -> BfdInstance {
    BfdInstance {
        name: "s".into(),
        neighbor: address(1),
        source: None,
        min_rx: ms(100),
        min_tx: ms(100),
        idle_tx: ms(1000),
        multiplier: 3,
        passive: false,
        ttl: 255,
        max_hops: Some(0),
        multihop: false,
        weight: 0,
        reverse: false,
        to_vrrp: true,
        to_checker: true,
    }
}

pub fn config(sessions: &[BfdInstance]) -> Config {
    Config {
        global: Global::default(),
        static_addresses: Vec::new(),
        static_routes: Vec::new(),
        static_rules: Vec::new(),
        instances: Vec::new(),
        sync_groups: Vec::new(),
        has_virtual_servers: false,
        lvs: Default::default(),
        trackers: Default::default(),
        bfd: sessions.to_vec(),
    }
}

/// A machine, with the output of its events.
pub struct End {
    pub bfd: Bfd,
    pub timers: BTreeMap<TimerKey, Duration>,
    pub changes: Vec<Change>,
    /// Packets sent; the link takes them from here.
    pub sent: Vec<Sent>,
    pub closed: Vec<SessionId>,
}

/// A packet that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Duration,
    pub destination: IpAddr,
    pub port: u16,
    pub ttl: u8,
    pub packet: Control,
}

impl End {
    pub fn new(config: Config, seed: u64) -> End {
        End::of(Bfd::new(Tables::new(config, "test".into()), seed))
    }

    pub fn of(bfd: Bfd) -> End {
        let (timers, changes, sent, closed) = Default::default();
        End { bfd, timers, changes, sent, closed }
    }

    /// An end with one session, started.
    pub fn started(session: BfdInstance) -> End {
        let mut end = End::new(config(&[session]), 7);
        end.handle(Event::Start, Duration::ZERO);
        end
    }

    pub fn handle(&mut self, event: Event<'_>, now: Duration) {
        self.bfd.handle(event, now);
        let output = self.bfd.take_output();
        self.changes.extend(output.changes);
        for action in output.actions {
            match action {
                Action::Send { id: _, destination, port, source: _, ttl, octets } => {
                    let packet = Control::parse(&octets).expect("a machine sends good packets");
                    self.sent.push(Sent { at: now, destination, port, ttl, packet });
                }
                Action::Close(id) => self.closed.push(id),
                Action::Timer(key, Some(at)) => drop(self.timers.insert(key, at)),
                Action::Timer(key, None) => drop(self.timers.remove(&key)),
            }
        }
    }

    /// Handles a packet of end 1.
    pub fn hear(&mut self, packet: Control, now: Duration) {
        self.hear_from(address(1), 255, &packet.to_octets(), now);
    }

    pub fn hear_from(&mut self, source: IpAddr, ttl: u8, payload: &[u8], now: Duration) {
        self.handle(Event::Packet(Received { multihop: false, source, ttl, payload }), now);
    }

    /// Handles the timers that expire until `until`, each at its time.
    pub fn run_until(&mut self, until: Duration) {
        while let Some((key, at)) = self.next_timer().filter(|(_, at)| *at <= until) {
            self.timers.remove(&key);
            self.handle(Event::Timer(key), at);
        }
    }

    pub fn next_timer(&self) -> Option<(TimerKey, Duration)> {
        self.timers.iter().min_by_key(|(_, at)| **at).map(|(key, at)| (*key, *at))
    }

    pub fn row(&self) -> &Session {
        self.bfd.tables().sessions.get(&ID).unwrap()
    }

    pub fn state(&self) -> State {
        self.row().state
    }

    /// A packet of end 1 to this session, as a default session would send it.
    pub fn packet(&self, state: State) -> Control {
        Control {
            diagnostic: Diagnostic::NONE,
            state,
            poll: false,
            is_final: false,
            control_plane_independent: false,
            demand: false,
            multiplier: 3,
            my_discriminator: 0xb0b,
            your_discriminator: self.row().discriminator,
            desired_min_tx: if state == State::Up { ms(100) } else { ms(1000) },
            required_min_rx: ms(100),
            required_min_echo_rx: Duration::ZERO,
        }
    }

    /// Brings the session up and answers its poll sequence.
    pub fn up(&mut self, now: Duration) {
        self.hear(self.packet(State::Down), now);
        self.hear(self.packet(State::Init), now);
        self.hear(Control { is_final: true, ..self.packet(State::Up) }, now);
        assert_eq!((self.state(), self.row().poll), (State::Up, false));
        self.sent.clear();
        self.changes.clear();
    }

    /// The states entered, in order.
    pub fn states(&self) -> Vec<State> {
        let entered = |change: &Change| match change {
            Change::State { to, .. } => Some(*to),
            _ => None,
        };
        self.changes.iter().filter_map(entered).collect()
    }
}

/// Two ends with the addresses [`address`]`(0)` and [`address`]`(1)`.
pub struct Link {
    pub ends: [End; 2],
    pub now: Duration,
    /// Packets under way by time of arrival, with the end that receives them.
    under_way: BTreeMap<(Duration, u64), (usize, Sent)>,
    serial: u64,
    pub delay: Duration,
    /// Packets lost out of a thousand.
    pub loss: u64,
    /// Whether all packets of an end are lost.
    pub mute: [bool; 2],
    random: Random,
    /// All packets sent, with the end that sent them.
    pub log: Vec<(usize, Sent)>,
}

impl Link {
    /// Two started ends. Their sessions get each other as neighbours.
    pub fn new(sessions: [BfdInstance; 2]) -> Link {
        let [a, b] = sessions;
        let [a, b] = [BfdInstance { neighbor: address(1), ..a }, BfdInstance { neighbor: address(0), ..b }];
        let mut link = Link {
            ends: [End::new(config(&[a]), 11), End::new(config(&[b]), 12)],
            now: Duration::ZERO,
            under_way: BTreeMap::new(),
            serial: 0,
            delay: ms(1),
            loss: 0,
            mute: [false; 2],
            random: Random::new(3),
            log: Vec::new(),
        };
        for end in 0..2 {
            link.handle(end, Event::Start);
        }
        link
    }

    pub fn handle(&mut self, end: usize, event: Event<'_>) {
        self.ends[end].handle(event, self.now);
        for sent in std::mem::take(&mut self.ends[end].sent) {
            self.log.push((end, sent.clone()));
            let lost = self.mute[end] || self.random.number() % 1000 < self.loss;
            if !lost && sent.destination == address(1 - end) {
                self.serial += 1;
                self.under_way.insert((self.now + self.delay, self.serial), (1 - end, sent));
            }
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
        self.now = until;
    }

    /// Handles the next packet or timer. Packets go first, as the machine requires.
    fn step(&mut self, until: Duration) -> bool {
        let packet = self.under_way.first_key_value().map(|((at, _), _)| *at);
        let timers = [0, 1].map(|end| self.ends[end].next_timer());
        let timer = (0..2).filter_map(|end| timers[end].map(|(key, at)| (at, end, key))).min();
        let first = packet.into_iter().chain(timer.map(|(at, ..)| at)).min();
        let Some(at) = first.filter(|at| *at <= until) else { return false };
        self.now = self.now.max(at);
        if packet == Some(at) {
            let Some((_, (to, sent))) = self.under_way.pop_first() else { return false };
            let octets = sent.packet.to_octets();
            let source = address(1 - to);
            let multihop = sent.port == MULTIHOP_PORT;
            self.handle(to, Event::Packet(Received { multihop, source, ttl: sent.ttl, payload: &octets }));
        } else if let Some((_, end, key)) = timer {
            self.ends[end].timers.remove(&key);
            self.handle(end, Event::Timer(key));
        }
        true
    }

    pub fn states(&self) -> [State; 2] {
        [self.ends[0].state(), self.ends[1].state()]
    }

    /// Forgets the packets and changes so far.
    pub fn forget(&mut self) {
        self.log.clear();
        self.ends.iter_mut().for_each(|end| end.changes.clear());
    }

    /// Packets that an end has sent.
    pub fn packets(&self, end: usize) -> Vec<&Sent> {
        self.log.iter().filter(|(from, _)| *from == end).map(|(_, sent)| sent).collect()
    }
}
