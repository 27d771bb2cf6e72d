//! Dump of the BFD process, in the layout of C keepalived without file descriptors and memory addresses.

use std::fmt::{Display, Write};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Local};

use crate::bfd::{Remote, Session, Tables};
use crate::wire::bfd::{Diagnostic, State};

/// All rows. `now` is the time of the event loop, `clock` the wall clock at the same moment.
pub fn data(tables: &Tables, now: Duration, clock: SystemTime) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "{}", tables.system.version);
    let _ = writeln!(out, "------< BFD Data >------");
    let _ = writeln!(out, " Packets of no session = {}", tables.strangers);
    let _ = writeln!(out, "------< BFD Topology >------");
    for row in tables.sessions.values() {
        let _ = writeln!(out, " BFD Instance = {}", row.config.name);
        configured(&mut out, row);
        actual(&mut out, row);
        match row.last_heard.map(|heard| clock.checked_sub(now.saturating_sub(heard)).unwrap_or(clock)) {
            Some(heard) => item(&mut out, "last seen", Moment(heard)),
            None => item(&mut out, "last_seen", "[never]"),
        }
    }
    out
}

fn configured(out: &mut String, row: &Session) {
    let config = &row.config;
    item(out, "Neighbor IP", config.neighbor);
    if let Some(source) = config.source {
        item(out, "Source IP", source);
    }
    item(out, "Required min RX interval", us(config.min_rx));
    item(out, "Desired min TX interval", us(config.min_tx));
    item(out, "Desired idle TX interval", us(config.idle_tx));
    item(out, "Detection multiplier", config.multiplier);
    item(out, if config.neighbor.is_ipv4() { "TTL" } else { "hoplimit" }, config.ttl);
    item(out, "max_hops", config.max_hops.map_or(-1, i16::from));
    item(out, "passive", config.passive);
    item(out, "send event to VRRP process", yes(config.to_vrrp));
    item(out, "send event to checker process", yes(config.to_checker));
}

fn actual(out: &mut String, row: &Session) {
    // Before the first packet of the neighbor.
    let unknown = Remote {
        discriminator: 0,
        state: State::Down,
        diagnostic: Diagnostic::NONE,
        multiplier: 0,
        min_tx: Duration::ZERO,
        min_rx: Duration::ZERO,
        demand: false,
    };
    let remote = row.remote.unwrap_or(unknown);
    item(out, "send error", row.send_error.as_deref().unwrap_or("false"));
    item(out, "local state", row.state.word());
    item(out, "remote state", remote.state.word());
    item(out, "local discriminator", format_args!("{:#x}", row.discriminator));
    item(out, "remote discriminator", format_args!("{:#x}", remote.discriminator));
    item(out, "local diag", row.diagnostic);
    item(out, "remote diag", remote.diagnostic);
    item(out, "remote min tx intv", us(remote.min_tx));
    item(out, "remote min rx intv", us(remote.min_rx));
    item(out, "local demand", 0);
    item(out, "remote demand", u8::from(remote.demand));
    item(out, "remote detect multiplier", remote.multiplier);
    let _ = writeln!(out, "   {}poll, !final", if row.poll { "" } else { "!" });
    item(out, "local tx intv", us(row.tx_interval()));
    item(out, "remote tx intv", us(row.remote_tx_interval()));
    item(out, "local detection time", us(row.detection_time));
    item(out, "remote detection time", us(row.remote_detection_time()));
    item(out, "packets sent", row.counters.sent);
    item(out, "packets received", row.counters.received);
    item(out, "packets discarded", row.counters.refused);
}

fn item(out: &mut String, label: &str, value: impl Display) {
    let _ = writeln!(out, "   {label} = {value}");
}

fn us(time: Duration) -> String {
    format!("{} us", time.as_micros())
}

fn yes(flag: bool) -> &'static str {
    if flag { "Yes" } else { "No" }
}

/// A wall-clock time: seconds since 1970, and local date and time.
struct Moment(SystemTime);

impl Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let local: DateTime<Local> = self.0.into();
        let micros = local.timestamp_subsec_micros();
        write!(f, "{}.{micros:06} ({}.{micros:06})", local.timestamp(), local.format("%a %b %d %H:%M:%S %Y"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::bfd_messages::tests::{ms, up};

    #[test]
    fn both_ends_are_shown() {
        let (bfd, _) = up();
        let clock = SystemTime::UNIX_EPOCH + Duration::from_millis(1_796_033_705_895);
        let text = data(bfd.tables(), ms(1250), clock);
        let [first, second] = [1, 2].map(|id| bfd.tables().sessions.get(&crate::bfd::SessionId(id)).unwrap());
        let expected = format!(
            "\
Keepalived v0
------< BFD Data >------
 Packets of no session = 0
------< BFD Topology >------
 BFD Instance = b4
   Neighbor IP = 10.1.0.2
   Source IP = 10.1.0.1
   Required min RX interval = 300000 us
   Desired min TX interval = 200000 us
   Desired idle TX interval = 1000000 us
   Detection multiplier = 4
   TTL = 255
   max_hops = 0
   passive = false
   send event to VRRP process = Yes
   send event to checker process = Yes
   send error = false
   local state = Up
   remote state = Up
   local discriminator = {:#x}
   remote discriminator = 0x44906b17
   local diag = No Diagnostic
   remote diag = No Diagnostic
   remote min tx intv = 250000 us
   remote min rx intv = 150000 us
   local demand = 0
   remote demand = 0
   remote detect multiplier = 5
   poll, !final
   local tx intv = 200000 us
   remote tx intv = 300000 us
   local detection time = 1500000 us
   remote detection time = 800000 us
   packets sent = {}
   packets received = 3
   packets discarded = 0
   last seen = 1796033705.645000 (",
            first.discriminator, first.counters.sent
        );
        let at = text.find(" BFD Instance = far").unwrap();
        let (shown, rest) = text.split_at(at);
        assert_eq!(&shown[..expected.len()], expected);
        assert!(shown.ends_with(".645000)\n"), "{shown}");
        for line in [
            "   Neighbor IP = fd00::2\n   Required",
            "   hoplimit = 64\n   max_hops = -1\n   passive = true\n",
            "   send event to checker process = No\n",
            "   remote state = Down\n",
            &format!("   local discriminator = {:#x}\n   remote discriminator = 0x0\n", second.discriminator),
            "   local tx intv = 1000000 us\n   remote tx intv = 0 us\n",
            "   local detection time = 0 us\n   remote detection time = 0 us\n",
            "   last_seen = [never]\n",
        ] {
            assert!(rest.contains(line), "{line} is not in {rest}");
        }
    }
}
