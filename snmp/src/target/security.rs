//! The security model of the messages for a target, and its state.
//!
//! With SNMPv3 one engine is authoritative: that of the sender for traps, that of the receiver for informs. The latter is
//! discovered by a message that the receiver answers with a report (RFC 3414 section 4): first its identifier, then, as the
//! first inform is outside of its time window, its boots and time.

use std::fmt;
use std::time::Duration;

use crate::message::secure::{self, Header, Keys, Received};
use crate::message::usm::Auth;
use crate::message::{Answer, Kind, Malformed, Notice, community, pdu};

/// Version of the messages, and who sends them. `Debug` never shows secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Security {
    /// SNMPv2c with this community.
    Community(Vec<u8>),
    /// SNMPv3 with the User-based Security Model.
    User(User),
}

/// A user of SNMPv3.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// msgUserName.
    pub name: Vec<u8>,
    /// Authentication protocol and password; `None`: messages are neither authenticated nor encrypted.
    pub auth: Option<(Auth, Vec<u8>)>,
    /// Password of encryption with AES-128, which needs authentication.
    pub privacy: Option<Vec<u8>>,
    /// The engine of the sender.
    pub engine: Engine,
}

/// The SNMP engine of the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// snmpEngineID, 5 to 32 octets.
    pub id: Vec<u8>,
    /// snmpEngineBoots, which must grow from one start to the next.
    pub boots: i32,
    /// The zero of snmpEngineTime, by the owner's clock.
    pub started: Duration,
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Security::Community(_) => f.write_str("Community(..)"),
            Security::User(_) => f.write_str("User(..)"),
        }
    }
}

/// A datagram that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A valid answer.
    Answer(Answer),
    /// The notification is to be sent again at once.
    Again,
    /// A report of a lasting problem: a clause.
    Trouble(&'static str),
    /// Nothing of importance.
    Nothing,
}

/// The counters of RFC 3414 that reports contain, below this.
const USM_STATS: [u32; 9] = [1, 3, 6, 1, 6, 3, 15, 1, 1];
/// Their numbers.
const UNSUPPORTED_LEVEL: u32 = 1;
const NOT_IN_WINDOW: u32 = 2;
const UNKNOWN_USER: u32 = 3;
const UNKNOWN_ENGINE: u32 = 4;
const WRONG_DIGEST: u32 = 5;
const DECRYPTION: u32 = 6;

/// Tag of GetRequest-PDU, which is sent to discover an engine.
const GET: u32 = 0;

/// Allowed difference of clocks, in seconds (RFC 3414 section 2.2.3).
const WINDOW: i32 = 150;

/// Most reports for a notification after which it is sent again at once.
const RESYNCS: u32 = 3;

/// State of the security model.
#[derive(Debug)]
pub(super) struct Peer {
    /// The keys of the user before they are localized; `None` before the first message.
    secrets: Option<Secrets>,
    /// The keys for the sender's own engine; `None` before the first trap.
    own: Option<Keys>,
    /// The receiver's engine; `None` before it is discovered.
    remote: Option<Remote>,
    /// The last salt.
    salt: u64,
    /// Reports since the last answer after which the notification was sent again at once.
    resyncs: u32,
}

/// The keys of a user. `Debug` never shows them.
#[derive(Clone)]
struct Secrets {
    auth: Option<(Auth, Vec<u8>)>,
    privacy: Option<Vec<u8>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    fn of(user: &User) -> Result<Self, Malformed> {
        let Some((auth, password)) = &user.auth else { return Ok(Secrets { auth: None, privacy: None }) };
        let privacy = user.privacy.as_ref().map(|password| auth.key(password)).transpose()?;
        Ok(Secrets { auth: Some((*auth, auth.key(password)?)), privacy })
    }

    fn localized(&self, engine: &[u8]) -> Result<Keys, Malformed> {
        let Some((auth, key)) = &self.auth else { return Ok(Keys::default()) };
        let privacy = self.privacy.as_ref().map(|key| auth.localized(key, engine)).transpose()?;
        Ok(Keys { auth: Some((*auth, auth.localized(key, engine)?)), privacy })
    }
}

/// What is known of the receiver's engine.
#[derive(Debug)]
struct Remote {
    engine: Vec<u8>,
    keys: Keys,
    boots: i32,
    /// Its time, at a time of ours.
    time: i32,
    at: Duration,
}

impl Remote {
    fn time(&self, now: Duration) -> i32 {
        self.time.saturating_add(seconds(now.saturating_sub(self.at)))
    }
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

impl Peer {
    /// `seed` distinguishes the salts of senders.
    pub(super) fn new(seed: u64) -> Self {
        Peer { secrets: None, own: None, remote: None, salt: seed, resyncs: 0 }
    }

    /// Drops the keys and what is known of the receiver: the user is another one.
    pub(super) fn forget(&mut self) {
        *self = Peer::new(self.salt);
    }

    /// The message with a notification, or one that has to come before it.
    pub(super) fn encode(
        &mut self,
        security: &Security,
        kind: Kind,
        request: i32,
        notice: &Notice,
        now: Duration,
    ) -> Result<Vec<u8>, Malformed> {
        let user = match security {
            Security::Community(community) => {
                return community::encode(community, &pdu::notification(kind, request, notice)?);
            }
            Security::User(user) => user,
        };
        let secrets = match &self.secrets {
            Some(known) => known,
            None => self.secrets.insert(Secrets::of(user)?),
        };
        self.salt = self.salt.wrapping_add(1);
        let salt = self.salt.to_be_bytes();
        let Engine { id, boots, started } = &user.engine;
        let (header, keys) = match kind {
            Kind::Trap => {
                let keys = match &self.own {
                    Some(known) => known,
                    None => self.own.insert(secrets.localized(id)?),
                };
                let time = seconds(now.saturating_sub(*started));
                let engine = id.as_slice();
                (Header { id: request, reportable: false, engine, boots: *boots, time, user: &user.name }, keys)
            }
            Kind::Inform => match &self.remote {
                Some(remote) => {
                    let (engine, boots, time) = (remote.engine.as_slice(), remote.boots, remote.time(now));
                    (Header { id: request, reportable: true, engine, boots, time, user: &user.name }, &remote.keys)
                }
                None => {
                    let header = Header { id: request, reportable: true, engine: &[], boots: 0, time: 0, user: &[] };
                    let probe = pdu::encode(GET, request, &[])?;
                    return secure::encode(&header, &[], &probe, &Keys::default(), salt);
                }
            },
        };
        secure::encode(&header, id, &pdu::notification(kind, request, notice)?, keys, salt)
    }

    /// Handles a datagram; `request` is that of the notification that was sent last.
    pub(super) fn receive(&mut self, security: &Security, request: i32, octets: &[u8], now: Duration) -> Incoming {
        match security {
            Security::Community(_) => community::decode(octets).map_or(Incoming::Nothing, Incoming::Answer),
            Security::User(user) => match Received::decode(octets) {
                Ok(received) if received.id == request => self.read(user, &received, now).unwrap_or(Incoming::Nothing),
                _ => Incoming::Nothing,
            },
        }
    }

    fn read(&mut self, user: &User, received: &Received<'_>, now: Duration) -> Result<Incoming, Malformed> {
        let Some(remote) = &mut self.remote else { return self.discover(received, now) };
        let opened = received.open(&remote.keys)?;
        let expected = (remote.keys.auth.is_some(), remote.keys.privacy.is_some());
        let known = received.engine == remote.engine;
        let trusted = known && (opened.authentic || !expected.0);
        let number = match opened.answer {
            Answer::Response { .. } => {
                let level = (opened.authentic, opened.private) == expected;
                let age = remote.time(now).saturating_sub(received.time);
                let in_time = !expected.0 || (received.boots == remote.boots && age <= WINDOW);
                let ours = trusted && level && in_time && received.user == user.name;
                if ours {
                    self.resyncs = 0;
                }
                return Ok(if ours { Incoming::Answer(opened.answer) } else { Incoming::Nothing });
            }
            Answer::Report(counter) => match counter.as_slice().strip_prefix(&USM_STATS) {
                Some([number, ..]) => *number,
                _ => return Ok(Incoming::Nothing),
            },
        };
        // All but the report about the time may be without authentication (RFC 3414 section 3.2).
        Ok(match number {
            NOT_IN_WINDOW if trusted => {
                (remote.boots, remote.time, remote.at) = (received.boots, received.time, now);
                self.again("it does not accept the time in our messages")
            }
            UNKNOWN_ENGINE => {
                // It has another engine ID since a restart: discover it.
                self.remote = None;
                self.again("it does not know the engine ID that it has reported")
            }
            UNKNOWN_USER => Incoming::Trouble("it does not know the user"),
            WRONG_DIGEST => Incoming::Trouble("its auth_password or auth_protocol for the user is another one"),
            DECRYPTION => Incoming::Trouble("its priv_password or priv_protocol for the user is another one"),
            UNSUPPORTED_LEVEL => Incoming::Trouble("it does not authenticate or encrypt messages of the user"),
            _ => Incoming::Nothing,
        })
    }

    /// Learns the receiver's engine.
    fn discover(&mut self, received: &Received<'_>, now: Duration) -> Result<Incoming, Malformed> {
        let opened = received.open(&Keys::default())?;
        let secrets = self.secrets.as_ref().ok_or(Malformed)?;
        if !matches!(opened.answer, Answer::Report(_)) || !(5..=32).contains(&received.engine.len()) {
            return Ok(Incoming::Nothing);
        }
        let keys = secrets.localized(received.engine)?;
        // Its time comes in a report that is authenticated.
        self.remote = Some(Remote { engine: received.engine.to_vec(), keys, boots: 0, time: 0, at: now });
        Ok(self.again("it does not take our messages"))
    }

    /// The notification is to be sent again at once, unless that was of no use several times.
    fn again(&mut self, trouble: &'static str) -> Incoming {
        self.resyncs = self.resyncs.saturating_add(1);
        if self.resyncs > RESYNCS { Incoming::Trouble(trouble) } else { Incoming::Again }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oid::Oid;

    const USER: &[u8] = b"keepalived";
    const REMOTE: &[u8] = b"receiver";

    fn user(privacy: bool) -> User {
        User {
            name: USER.to_vec(),
            auth: Some((Auth::Sha256, b"maplesyrup".to_vec())),
            privacy: privacy.then(|| b"sugarcane".to_vec()),
            engine: Engine { id: b"ourselves".to_vec(), boots: 9, started: Duration::from_secs(100) },
        }
    }

    fn notice() -> Notice {
        let notification = crate::session::Notification { trap: Oid::new(&[1, 3, 6, 1]), binds: Vec::new() };
        Notice::new(&notification, Duration::ZERO, &crate::message::Stamp::new(Duration::ZERO)).unwrap()
    }

    fn remote_keys(user: &User) -> Keys {
        Secrets::of(user).unwrap().localized(REMOTE).unwrap()
    }

    /// A message of the receiver at its time 500 after 4 boots.
    fn from_remote(user: &[u8], keys: &Keys, pdu: &[u8]) -> Vec<u8> {
        let header = Header { id: 7, reportable: false, engine: REMOTE, boots: 4, time: 500, user };
        secure::encode(&header, REMOTE, pdu, keys, *b"saltsalt").unwrap()
    }

    fn report(number: u32) -> Vec<u8> {
        let mut bind = Vec::new();
        crate::message::ber::object_id(&mut bind, &[&USM_STATS[..], &[number, 0]].concat()).unwrap();
        crate::message::ber::value(&mut bind, &crate::Value::Counter32(1)).unwrap();
        let mut binds = Vec::new();
        crate::message::ber::sequence(&mut binds, &bind).unwrap();
        pdu::encode(8, 7, &binds).unwrap()
    }

    fn response() -> Vec<u8> {
        pdu::encode(2, 7, &[]).unwrap()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_engine_of_a_receiver_is_discovered_and_its_time_is_learnt() {
        let user = user(true);
        let (security, keys) = (Security::User(user.clone()), remote_keys(&user));
        let mut peer = Peer::new(1);
        let send = |peer: &mut Peer, now| peer.encode(&security, Kind::Inform, 7, &notice(), now).unwrap();
        let probe = send(&mut peer, at(10));
        let probe = Received::decode(&probe).unwrap();
        assert_eq!((probe.engine, probe.user, probe.boots), (&[][..], &[][..], 0));
        let receive = |peer: &mut Peer, octets: &[u8], now| peer.receive(&security, 7, octets, now);
        let unknown = from_remote(&[], &Keys::default(), &report(UNKNOWN_ENGINE));
        assert_eq!(receive(&mut peer, &unknown, at(10)), Incoming::Again);
        let first = send(&mut peer, at(10));
        let first = Received::decode(&first).unwrap();
        assert_eq!((first.engine, first.user, first.boots, first.time), (REMOTE, USER, 0, 0));

        let authenticated = Keys { privacy: None, ..keys.clone() };
        let late = report(NOT_IN_WINDOW);
        let forged = from_remote(USER, &Keys::default(), &late);
        assert_eq!(receive(&mut peer, &forged, at(10)), Incoming::Nothing, "it must be authentic");
        assert_eq!(receive(&mut peer, &from_remote(USER, &authenticated, &late), at(10)), Incoming::Again);
        let second = send(&mut peer, at(15));
        let second = Received::decode(&second).unwrap();
        assert_eq!((second.boots, second.time), (4, 505));

        for (keys, name, octets) in [
            (&Keys::default(), USER, response()),
            (&authenticated, USER, response()),
            (&keys, b"somebody", response()),
            (&keys, USER, pdu::encode(3, 7, &[]).unwrap()),
        ] {
            assert_eq!(receive(&mut peer, &from_remote(name, keys, &octets), at(15)), Incoming::Nothing);
        }
        let answer = from_remote(USER, &keys, &response());
        assert_eq!(peer.receive(&security, 8, &answer, at(15)), Incoming::Nothing, "to another message");
        assert_eq!(receive(&mut peer, &answer, at(161)), Incoming::Nothing, "too old");
        let expected = Incoming::Answer(Answer::Response { request: 7, error: 0 });
        assert_eq!(receive(&mut peer, &answer, at(160)), expected);
    }

    #[test]
    fn each_problem_of_the_user_has_its_own_report() {
        let security = Security::User(user(false));
        let mut peer = Peer::new(1);
        peer.encode(&security, Kind::Inform, 7, &notice(), at(1)).unwrap();
        let from = |number| from_remote(&[], &Keys::default(), &report(number));
        peer.receive(&security, 7, &from(UNKNOWN_ENGINE), at(1));
        for (number, part) in [(UNKNOWN_USER, "user"), (WRONG_DIGEST, "auth_password"), (UNSUPPORTED_LEVEL, "encrypt")]
        {
            let Incoming::Trouble(clause) = peer.receive(&security, 7, &from(number), at(1)) else {
                panic!("{number}")
            };
            assert!(clause.contains(part), "{clause}");
        }
        // A receiver with another engine ID is discovered again, but not without end.
        let mut again = 0;
        for _ in 0..20 {
            peer.encode(&security, Kind::Inform, 7, &notice(), at(1)).unwrap();
            again += u32::from(peer.receive(&security, 7, &from(UNKNOWN_ENGINE), at(1)) == Incoming::Again);
        }
        assert_eq!(again, RESYNCS - 1);
    }

    #[test]
    fn traps_have_the_engine_of_the_sender_and_are_never_encrypted_alike() {
        let user = user(true);
        let security = Security::User(user.clone());
        let mut peer = Peer::new(1);
        let mut send = || peer.encode(&security, Kind::Trap, 7, &notice(), at(160)).unwrap();
        let (first, second) = (send(), send());
        assert_ne!(first, second);
        let received = Received::decode(&first).unwrap();
        let fields = (received.engine, received.boots, received.time, received.user);
        assert_eq!(fields, (&b"ourselves"[..], 9, 60, USER));
    }
}
