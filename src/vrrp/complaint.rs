//! What is wrong or odd with received packets, and how often it is told.

use std::collections::BTreeMap;
use std::time::Duration;

/// What is wrong or odd with a received packet. The order is that of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Complaint {
    /// Shorter or longer than its own header says.
    Length,
    /// TTL or hop limit is not 255, or for a unicast peer not within its limits.
    Ttl,
    /// Another protocol version than ours.
    Version,
    /// Version 2: unknown authentication type.
    AuthType,
    /// Version 2: another authentication type than ours.
    AuthMismatch,
    /// Version 2: wrong password, or a check value that is not of our key or not of this packet.
    AuthFailure,
    /// `auth_type AH`: authentic, but its sequence number was seen before or is older.
    Replay,
    /// Version 2: another advertisement interval than ours.
    Interval,
    /// Not an advertisement.
    Type,
    /// Wrong checksum.
    Checksum,
    /// Multicast to an instance with `unicast_peer`, or unicast to one without.
    Cast,
    /// `check_unicast_src`: the sender is not a peer.
    NoPeer,
    /// Version 3: another interval; adopted while backup.
    LearntInterval,
    /// Other addresses than ours; the advert is used.
    Addresses,
    /// Right checksum, but in the other of the two forms of version 3 over IPv4; the advert is used.
    ChecksumForm,
    /// Right checksum as of C keepalived before 1.3.6 for unicast; the advert is used, and answered in kind.
    OldChecksum,
    /// Equal priority from our own address: two routers share an address, or the network echoes.
    OwnAddress,
}

impl Complaint {
    /// Whether the packet is dropped.
    pub fn refuses(self) -> bool {
        !matches!(
            self,
            Complaint::LearntInterval
                | Complaint::Addresses
                | Complaint::ChecksumForm
                | Complaint::OldChecksum
                | Complaint::OwnAddress
        )
    }
}

/// A complaint of the same kind is not told again before, whoever changes the master.
const COMPLAINT_REST: Duration = Duration::from_secs(10);

/// The complaints that were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaints {
    told: BTreeMap<Complaint, Told>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    at: Duration,
    /// Another master has come since.
    again: bool,
    more: u64,
}

impl Complaints {
    /// Whether a complaint is to be told: the first of its kind about a master. Gives the number of those since the
    /// last one told.
    pub fn tell(&mut self, complaint: Complaint, now: Duration) -> Option<u64> {
        let Some(told) = self.told.get_mut(&complaint) else {
            self.told.insert(complaint, Told { at: now, again: false, more: 0 });
            return Some(0);
        };
        if !told.again || now.saturating_sub(told.at) < COMPLAINT_REST {
            told.more = told.more.saturating_add(1);
            return None;
        }
        (told.at, told.again) = (now, false);
        Some(std::mem::take(&mut told.more))
    }

    /// Another master: what is wrong with it may be told.
    pub fn another_master(&mut self) {
        self.told.values_mut().for_each(|told| told.again = true);
    }
}
