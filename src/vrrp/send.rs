//! Sending of adverts.

use std::net::IpAddr;

use super::event::Action;
use super::router::Router;
use super::rows::Instance;
use super::sequence_blocks::another_block;
use crate::config::model::{Authentication, Family, HmacMode, Version};
use crate::wire::vrrp::{AUTH_AH, AUTH_NONE, AUTH_PASS, Advertisement, Checksum, VersionFields};
use crate::wire::{ah, auth_hmac};

impl Router<'_> {
    /// Sends an advert with the effective priority.
    pub(super) fn send_advert(&mut self) {
        self.row.counters.adverts_sent += 1;
        self.send(self.row.priority);
    }

    /// Sends an advert with priority 0: this router gives up mastership.
    pub(super) fn send_priority_zero(&mut self) {
        self.row.counters.priority_zero_sent += 1;
        self.row.counters.adverts_sent += 1;
        self.send(0);
    }

    fn send(&mut self, priority: u8) {
        let row = &mut *self.row;
        let (Some(ifindex), Some(source)) = (row.wire(), row.source) else { return };
        let seal = match row.config.authentication {
            // The numbers are used up. Lower numbers would be refused.
            Some(Authentication::Ah(_)) if row.sequence >= ah::LAST_SEQUENCE => return,
            Some(Authentication::Ah(key)) => {
                let sequence = row.sequence + 1;
                self.site.turn.output.save |= another_block(row.sequence, sequence);
                row.sequence = sequence;
                Some(ah::Seal { key, sequence })
            }
            _ => None,
        };
        let message = |destination: &IpAddr| (*destination, advert_bytes(row, priority, source, *destination));
        let mut messages: Vec<(IpAddr, Vec<u8>)> = row.destinations().iter().map(message).collect();
        let signed = row.config.auth_hmac.as_ref().filter(|settings| settings.mode != HmacMode::ReceiveOnly);
        if let (Some(settings), Some((_, first))) = (signed, messages.first()) {
            let number = row.hmac.next_number(settings, self.site.turn.utc());
            self.site.turn.output.save |= row.hmac.take_unsaved();
            // The messages differ in their checksums only, which the HMAC does not cover. Without a trailer they would be
            // refused.
            let key = &settings.active;
            let Some(trailer) = auth_hmac::seal(key.id, &key.octets, number, source, first) else { return };
            messages.iter_mut().for_each(|(_, message)| message.extend(trailer));
        }
        row.sent_at = Some(self.site.turn.now);
        let ttl = row.config.unicast.as_ref().map_or(u8::MAX, |unicast| unicast.ttl);
        self.site.turn.act(Action::Send { instance: self.id, ifindex, source, ttl, messages, seal });
    }
}

fn advert_bytes(row: &Instance, priority: u8, source: IpAddr, destination: IpAddr) -> Vec<u8> {
    let config = &row.config;
    let version = match config.version {
        Version::V2 => {
            let (auth_type, auth_data) = match config.authentication {
                Some(Authentication::Pass(password)) => (AUTH_PASS, password),
                Some(Authentication::Ah(_)) => (AUTH_AH, [0; 8]),
                None => (AUTH_NONE, [0; 8]),
            };
            let interval_seconds = u8::try_from(config.advert_interval.as_secs()).unwrap_or(u8::MAX);
            VersionFields::V2 { interval_seconds, auth_type, auth_data }
        }
        Version::V3 => {
            let centiseconds = config.advert_interval.as_millis() / 10;
            let checksum = match config.family {
                Family::V4 if config.v3_checksum_as_v2 => Checksum::Message,
                _ => Checksum::PseudoHeader,
            };
            VersionFields::V3 { interval_centiseconds: u16::try_from(centiseconds).unwrap_or(0x0fff), checksum }
        }
    };
    let addresses: Vec<IpAddr> = row.carried().iter().map(|address| address.ip).collect();
    let destination = if row.sends_old_checksum() { config.group } else { destination };
    Advertisement { vrid: config.vrid, priority, version, addresses: &addresses }.to_bytes(source, destination)
}
