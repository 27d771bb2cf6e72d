//! BFD control packets, version 1 (RFC 5880 section 4.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-----+---------+---+-----------+---------------+---------------+
//! |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
//! +-----+---------+---+-----------+---------------+---------------+
//! |                       My Discriminator                        |
//! |                      Your Discriminator                       |
//! |               Desired Min TX Interval, in us                  |
//! |               Required Min RX Interval, in us                 |
//! |             Required Min Echo RX Interval, in us              |
//! +---------------------------------------------------------------+
//! ```

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// UDP port of single-hop sessions (RFC 5881 section 4).
pub const PORT: u16 = 3784;
/// UDP port of multihop sessions (RFC 5883 section 5).
pub const MULTIHOP_PORT: u16 = 4784;
/// UDP source ports of control packets (RFC 5881 section 4).
pub const SOURCE_PORTS: RangeInclusive<u16> = 49152..=65535;
/// Length of a packet without authentication, in octets.
pub const LEN: usize = 24;

const VERSION: u8 = 1;

const POLL: u8 = 0x20;
const FINAL: u8 = 0x10;
const CONTROL_PLANE_INDEPENDENT: u8 = 0x08;
const AUTHENTICATION: u8 = 0x04;
const DEMAND: u8 = 0x02;
const MULTIPOINT: u8 = 0x01;

/// State of a session (RFC 5880 section 4.1, `Sta`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum State {
    /// Held down administratively.
    AdminDown = 0,
    /// Down, or just created.
    #[default]
    Down = 1,
    /// This end hears the other end, but does not know whether the other end hears it.
    Init = 2,
    /// Both ends hear each other.
    Up = 3,
}

impl State {
    /// The name of the state in the RFC.
    pub fn word(self) -> &'static str {
        match self {
            State::AdminDown => "AdminDown",
            State::Down => "Down",
            State::Init => "Init",
            State::Up => "Up",
        }
    }
}

/// Reason why a session last left Up (RFC 5880 section 4.1, `Diag`), 0..=31.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Diagnostic(pub u8);

impl Diagnostic {
    /// No diagnostic.
    pub const NONE: Diagnostic = Diagnostic(0);
    /// No packet was received for the detection time.
    pub const EXPIRED: Diagnostic = Diagnostic(1);
    /// The other end signaled that the session is down.
    pub const NEIGHBOR_DOWN: Diagnostic = Diagnostic(3);
    /// The session is held down administratively.
    pub const ADMIN_DOWN: Diagnostic = Diagnostic(7);
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "No Diagnostic",
            1 => "Control Detection Time Expired",
            2 => "Echo Function Failed",
            3 => "Neighbor Signaled Session Down",
            4 => "Forwarding Plane Reset",
            5 => "Path Down",
            6 => "Concatenated Path Down",
            7 => "Administratively Down",
            8 => "Reverse Concatenated Path Down",
            other => return write!(f, "Reserved ({other})"),
        })
    }
}

/// Reason for discarding a packet before its session is looked up (RFC 5880 section 6.8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Shorter than a control packet.
    #[error("it has {0} octets; a control packet has at least {LEN}")]
    Short(usize),
    /// A version other than 1.
    #[error("version {0}, not {VERSION}")]
    Version(u8),
    /// The length field is too small, or greater than the datagram.
    #[error("length {length} in a packet of {received} octets")]
    Length {
        /// Value of the length field.
        length: u8,
        /// Length of the datagram, in octets.
        received: usize,
    },
    /// The detection multiplier is 0.
    #[error("the detection multiplier is 0")]
    Multiplier,
    /// The multipoint bit is set.
    #[error("the multipoint bit is set")]
    Multipoint,
    /// My Discriminator is 0.
    #[error("My Discriminator is 0")]
    MyDiscriminator,
    /// Your Discriminator is 0 although the sender is in Init or Up.
    #[error("Your Discriminator is 0 in state {}", .0.word())]
    YourDiscriminator(State),
    /// The packet is authenticated, which no session supports.
    #[error("it is authenticated, which is not supported: turn authentication off at the other end")]
    Authentication,
}

/// A control packet without authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Reason why the sender last left Up.
    pub diagnostic: Diagnostic,
    /// State of the sender.
    pub state: State,
    /// The sender requests an answer with the final bit.
    pub poll: bool,
    /// Answer to a poll.
    pub is_final: bool,
    /// The sender's BFD keeps running when its control plane fails.
    pub control_plane_independent: bool,
    /// The sender is in demand mode: it wants no periodic packets while both ends are up.
    pub demand: bool,
    /// Number of missing packets after which the receiver takes the session down; not 0.
    pub multiplier: u8,
    /// The sender's discriminator of the session; not 0.
    pub my_discriminator: u32,
    /// The receiver's discriminator of the session; 0 when the sender does not know it.
    pub your_discriminator: u32,
    /// The shortest interval at which the sender wants to send. On the wire this and the next two fields are whole
    /// microseconds.
    pub desired_min_tx: Duration,
    /// The shortest interval at which the sender accepts packets; 0 = it wants no periodic packets.
    pub required_min_rx: Duration,
    /// The shortest interval at which the sender accepts echo packets; 0 = it accepts none.
    pub required_min_echo_rx: Duration,
}

impl Control {
    /// Parses the payload of a datagram. Octets beyond the packet's own length are ignored.
    ///
    /// # Errors
    /// When RFC 5880 section 6.8.6 requires the packet to be discarded regardless of the session.
    pub fn parse(octets: &[u8]) -> Result<Control, Malformed> {
        let Some(packet) = octets.first_chunk::<LEN>() else { return Err(Malformed::Short(octets.len())) };
        let [first, second, multiplier, length, ..] = *packet;
        if first >> 5 != VERSION {
            return Err(Malformed::Version(first >> 5));
        }
        let least = if second & AUTHENTICATION == 0 { LEN } else { LEN + 2 };
        if !(least..=octets.len()).contains(&usize::from(length)) {
            return Err(Malformed::Length { length, received: octets.len() });
        }
        if multiplier == 0 {
            return Err(Malformed::Multiplier);
        }
        if second & MULTIPOINT != 0 {
            return Err(Malformed::Multipoint);
        }
        let mut words = packet.chunks_exact(4).skip(1).map(|word| <[u8; 4]>::try_from(word).unwrap_or_default());
        let mut word = || words.next().map_or(0, u32::from_be_bytes);
        let (my_discriminator, your_discriminator) = (word(), word());
        let mut interval = || Duration::from_micros(word().into());
        let state = match second >> 6 {
            0 => State::AdminDown,
            1 => State::Down,
            2 => State::Init,
            _ => State::Up,
        };
        if my_discriminator == 0 {
            return Err(Malformed::MyDiscriminator);
        }
        if your_discriminator == 0 && !matches!(state, State::AdminDown | State::Down) {
            return Err(Malformed::YourDiscriminator(state));
        }
        if second & AUTHENTICATION != 0 {
            return Err(Malformed::Authentication);
        }
        Ok(Control {
            diagnostic: Diagnostic(first & 0x1f),
            state,
            poll: second & POLL != 0,
            is_final: second & FINAL != 0,
            control_plane_independent: second & CONTROL_PLANE_INDEPENDENT != 0,
            demand: second & DEMAND != 0,
            multiplier,
            my_discriminator,
            your_discriminator,
            desired_min_tx: interval(),
            required_min_rx: interval(),
            required_min_echo_rx: interval(),
        })
    }

    /// Returns the octets to send. Intervals above 2^32 - 1 us are sent as 2^32 - 1 us.
    pub fn to_octets(&self) -> [u8; LEN] {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let second = (self.state as u8) << 6
            | flag(self.poll, POLL)
            | flag(self.is_final, FINAL)
            | flag(self.control_plane_independent, CONTROL_PLANE_INDEPENDENT)
            | flag(self.demand, DEMAND);
        let micros = |interval: Duration| u32::try_from(interval.as_micros()).unwrap_or(u32::MAX);
        let words = [
            u32::from_be_bytes([VERSION << 5 | (self.diagnostic.0 & 0x1f), second, self.multiplier, LEN as u8]),
            self.my_discriminator,
            self.your_discriminator,
            micros(self.desired_min_tx),
            micros(self.required_min_rx),
            micros(self.required_min_echo_rx),
        ];
        let mut octets = [0; LEN];
        for (place, word) in octets.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        octets
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    /// A packet of a session that is coming up, with a receive interval of 300 ms.
    fn packet(state: State, your_discriminator: u32) -> Control {
        Control {
            diagnostic: Diagnostic::NONE,
            state,
            poll: false,
            is_final: false,
            control_plane_independent: false,
            demand: false,
            multiplier: 4,
            my_discriminator: 0x30f9_da12,
            your_discriminator,
            desired_min_tx: us(1_000_000),
            required_min_rx: us(300_000),
            required_min_echo_rx: Duration::ZERO,
        }
    }

    #[test]
    fn captured_packets_are_parsed_and_written() {
        let up = Control { desired_min_tx: us(200_000), ..packet(State::Up, 0x4490_6b17) };
        let expired = Control {
            diagnostic: Diagnostic::EXPIRED,
            multiplier: 3,
            my_discriminator: 0x9397_5533,
            ..packet(State::Down, 0)
        };
        for (octets, expected) in [
            ("2040041830f9da1200000000000f4240000493e000000000", packet(State::Down, 0)),
            ("2080041830f9da1244906b17000f4240000493e000000000", packet(State::Init, 0x4490_6b17)),
            ("20c0041830f9da1244906b1700030d40000493e000000000", up),
            ("20e0041830f9da1244906b1700030d40000493e000000000", Control { poll: true, ..up }),
            ("20d0041830f9da1244906b1700030d40000493e000000000", Control { is_final: true, ..up }),
            ("214003189397553300000000000f4240000493e000000000", expired),
        ] {
            assert_eq!(Control::parse(&hex(octets)), Ok(expected), "{octets}");
            assert_eq!(expected.to_octets().as_slice(), hex(octets), "{octets}");
        }
    }

    #[test]
    fn malformed_packets_are_refused() {
        use Malformed::*;
        let good = hex("20c0041830f9da1244906b1700030d40000493e000000000");
        let with = |at: usize, octet: u8| {
            let mut octets = good.clone();
            octets[at] = octet;
            octets
        };
        let cut = |octets: Vec<u8>, at: usize| octets.into_iter().take(at).collect::<Vec<_>>();
        let zero = |from: usize, mut octets: Vec<u8>| {
            octets[from..from + 4].fill(0);
            octets
        };
        let longer = |octets: Vec<u8>, more: usize| [octets, vec![0; more]].concat();
        for (octets, expected) in [
            (Vec::new(), Short(0)),
            (cut(good.clone(), 23), Short(23)),
            (with(0, 0x00), Version(0)),
            (with(0, 0x40), Version(2)),
            (with(3, 23), Length { length: 23, received: 24 }),
            (with(3, 25), Length { length: 25, received: 24 }),
            (with(2, 0), Multiplier),
            (with(1, 0xc1), Multipoint),
            (zero(4, good.clone()), MyDiscriminator),
            (zero(8, good.clone()), YourDiscriminator(State::Up)),
            (zero(8, with(1, 0x80)), YourDiscriminator(State::Init)),
            // Authenticated: the length covers at least the type and length of the authentication section.
            (longer(with(1, 0xc4), 2), Length { length: 24, received: 26 }),
            (longer(hex("20c4041a30f9da1244906b1700030d40000493e000000000"), 2), Authentication),
        ] {
            assert_eq!(Control::parse(&octets), Err(expected), "{octets:02x?}");
        }
        // Packets just within the bounds are accepted.
        for octets in [zero(8, with(1, 0x40)), zero(8, with(1, 0x00)), longer(good.clone(), 8)] {
            assert!(Control::parse(&octets).is_ok(), "{octets:02x?}");
        }
    }

    #[test]
    fn diagnostics_are_written_in_words() {
        assert_eq!(Diagnostic::EXPIRED.to_string(), "Control Detection Time Expired");
        assert_eq!(Diagnostic(31).to_string(), "Reserved (31)");
    }

    proptest! {
        #[test]
        fn any_octets_are_parsed_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(packet) = Control::parse(&octets) {
                // Writing the packet gives the same octets, without the trailing ones.
                prop_assert_eq!(Control::parse(&packet.to_octets()), Ok(packet));
                prop_assert!(octets.len() >= LEN && packet.multiplier > 0 && packet.my_discriminator != 0);
            }
        }

        #[test]
        fn flipping_one_bit_changes_the_packet_or_makes_it_malformed(bit in 0..LEN * 8) {
            let good = packet(State::Up, 7);
            let mut octets = good.to_octets();
            octets[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Control::parse(&octets) != Ok(good));
        }
    }
}
