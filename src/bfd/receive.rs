//! Received packets (RFC 5880 section 6.8.6).

use super::event::{Cause, Change, Received, Refusal};
use super::machine::{Bfd, Phase};
use super::rows::{Remote, Session, SessionId};
use super::session::{Turn, next_state};
use crate::wire::bfd::{Control, Diagnostic, MULTIHOP_PORT, PORT, State};

impl Bfd {
    pub(super) fn receive(&mut self, packet: Received<'_>) {
        if self.phase != Phase::Running {
            return;
        }
        let parsed = Control::parse(packet.payload).map_err(Refusal::Malformed);
        match parsed.and_then(|control| Ok((self.session_of(&packet, &control)?, control))) {
            Ok((id, control)) => self.with(id, |row, turn| turn.accept(row, &control)),
            Err(refusal) => self.refuse(&packet, refusal),
        }
    }

    /// Finds the session of a packet (RFC 5880 section 6.3, RFC 5881 section 3): by Your Discriminator, or by the source
    /// address while the other end has not learnt the discriminator.
    fn session_of(&self, packet: &Received<'_>, control: &Control) -> Result<SessionId, Refusal> {
        let id = match control.your_discriminator {
            0 => self.tables.neighbors.get(&packet.source),
            yours => self.tables.discriminators.get(&yours),
        };
        let row = id.and_then(|id| Some((*id, self.tables.sessions.get(id)?)));
        match row.filter(|(_, row)| row.config.multihop == packet.multihop) {
            None if control.your_discriminator == 0 => Err(Refusal::Neighbor { port: port(packet) }),
            None => Err(Refusal::Discriminator(control.your_discriminator)),
            Some((_, row)) if packet.ttl < row.config.least_ttl() => {
                Err(Refusal::Ttl { ttl: packet.ttl, least: row.config.least_ttl() })
            }
            Some((id, _)) => Ok(id),
        }
    }

    fn refuse(&mut self, packet: &Received<'_>, refusal: Refusal) {
        let source = packet.source;
        let id = self.tables.neighbors.get(&source).copied();
        let more = match id.and_then(|id| self.tables.sessions.get_mut(&id)) {
            Some(row) => {
                row.counters.refused = row.counters.refused.saturating_add(1);
                // Not reported, since it happens each time a session goes down: packets to its previous discriminator
                // are still under way.
                if matches!(refusal, Refusal::Discriminator(_)) {
                    return;
                }
                row.refusals.admit(self.now)
            }
            None => {
                self.tables.strangers = self.tables.strangers.saturating_add(1);
                self.strangers.admit(self.now)
            }
        };
        if let Some(more) = more {
            self.output.changes.push(Change::Refused { id, source, refusal, more });
        }
    }
}

fn port(packet: &Received<'_>) -> u16 {
    if packet.multihop { MULTIHOP_PORT } else { PORT }
}

impl Turn<'_> {
    /// Handles an accepted packet of the session.
    fn accept(&mut self, row: &mut Session, packet: &Control) {
        row.heard(Remote::from(packet), self.now);
        if packet.is_final && row.poll {
            row.poll = false;
            row.retune();
        }
        let (from, to) = (row.state, next_state(row.state, packet.state));
        if to == from {
            self.detection_changed(row);
        } else {
            let diagnostic = if to == State::Down { Diagnostic::NEIGHBOR_DOWN } else { Diagnostic::NONE };
            self.enter(row, to, diagnostic, Cause::Remote(packet.state));
        }
        if packet.poll {
            // Answer at once, regardless of timers. The answer also carries the new state.
            self.transmit(row, true);
        } else if to != from {
            self.expedite(row);
        }
        self.arm(row);
    }
}
