//! Log lines about BFD sessions. Lines about state changes have the wording of C keepalived, which log watchers match.

use std::fmt::Write;
use std::time::Duration;

use super::log::Level;
use crate::bfd::{Cause, Change, Refusal, Session, SessionId, Tables};
use crate::wire::bfd::{Diagnostic, State};

/// The line for a change, or several lines.
pub fn line(change: &Change, tables: &Tables) -> (Level, String) {
    match change {
        Change::Timing { id, was } => (Level::Detail, timing(*id, *was, tables)),
        Change::State { id, to, cause, diagnostic, remote_diagnostic, .. } => {
            state(name(*id, tables), *to, *cause, (*diagnostic, *remote_diagnostic))
        }
        Change::Poll(id) => (Level::Detail, format!("({}) Starting poll sequence", name(*id, tables))),
        Change::Refused { id, source, refusal, more } => {
            (Level::Warning, refused(*id, tables, source, *refusal, *more))
        }
        Change::SendFailed { id, error } => {
            (Level::Error, format!("({}) Error sending packet: {error}; still trying", name(*id, tables)))
        }
        Change::SendWorks(id) => (Level::Info, format!("({}) Packets can be sent again", name(*id, tables))),
    }
}

fn state(name: &str, to: State, cause: Cause, (local, remote): (Diagnostic, Diagnostic)) -> (Level, String) {
    let mut text = String::new();
    let level = match (to, cause) {
        (State::Up, _) => Level::Notice,
        (State::Down, _) => Level::Warning,
        (State::Init, _) => Level::Detail,
        (State::AdminDown, _) => Level::Info,
    };
    // Writing to a string cannot fail, here and below.
    match cause {
        Cause::Silence { elapsed, overdue } => {
            let (elapsed, overdue) = (elapsed.as_millis(), overdue.as_micros());
            let _ = writeln!(text, "({name}) Expired after {elapsed} ms ({overdue} usec overdue)");
        }
        Cause::Reconfigured => {
            let _ = writeln!(text, "({name}) Restarting: its addresses have changed in the configuration");
        }
        Cause::Remote(_) | Cause::Shutdown => {}
    }
    let _ = write!(text, "({name}) Entering {} state", to.word());
    if to == State::Down && cause != Cause::Reconfigured {
        let _ = write!(text, " (Local diagnostic - {local}, Remote diagnostic - {remote})");
    }
    (level, text)
}

/// The intervals of both ends, and the detection time that follows, in microseconds.
fn timing(id: SessionId, was: Duration, tables: &Tables) -> String {
    let Some(row) = tables.sessions.get(&id) else { return String::new() };
    let (name, blank) = (name(id, tables), " ".repeat(name(id, tables).chars().count()));
    let mut text = format!("({name}) ---------------< Session parameters >--------------\n");
    let _ = writeln!(text, "{blank}            min_tx  min_rx  tx_intv  mult  detect_time");
    for (end, [min_tx, min_rx, tx, multiplier, detection]) in ends(row) {
        let _ = writeln!(text, "{blank}   {end:6} {min_tx:>8} {min_rx:>7} {tx:>8} {multiplier:>5} {detection:>12}");
    }
    let _ = write!(text, "{blank}   Detection time is {} us (was {} us)", us(row.detection_time), us(was));
    text
}

fn ends(row: &Session) -> [(&'static str, [u128; 5]); 2] {
    let own = row.advertised();
    let (min_tx, min_rx, multiplier) =
        row.remote.map_or_else(Default::default, |remote| (remote.min_tx, remote.min_rx, remote.multiplier));
    let local =
        [us(own.min_tx), us(own.min_rx), us(row.tx_interval()), row.config.multiplier.into(), us(row.detection_time)];
    let remote =
        [us(min_tx), us(min_rx), us(row.remote_tx_interval()), multiplier.into(), us(row.remote_detection_time())];
    [("local", local), ("remote", remote)]
}

fn us(time: Duration) -> u128 {
    time.as_micros()
}

fn refused(id: Option<SessionId>, tables: &Tables, source: &std::net::IpAddr, refusal: Refusal, more: u64) -> String {
    let who = id.map_or_else(String::new, |id| format!("({}) ", name(id, tables)));
    let why = match refusal {
        Refusal::Malformed(why) => why.to_string(),
        Refusal::Ttl { ttl, least } => {
            format!("ttl({ttl}) < {least}; raise max_hops if there are routers in between")
        }
        Refusal::Neighbor { port } => {
            format!("no session with this neighbor on port {port}; add a bfd_instance, or correct multihop at one end")
        }
        Refusal::Discriminator(yours) => format!("no session has the discriminator {yours:#x}"),
    };
    let more = if more == 0 { String::new() } else { format!(" ({more} more since this was last reported)") };
    format!("{who}Packet from {source}: {why} - discarding{more}")
}

fn name(id: SessionId, tables: &Tables) -> &str {
    tables.name(id).unwrap_or("?")
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::bfd::{Action, Bfd, Event, Received};
    use crate::config::{Options, Outside, load};
    use crate::wire::bfd::Control;

    pub(in crate::notify) const TEXT: &str = "
bfd_instance b4 {
    neighbor_ip 10.1.0.2
    source_ip 10.1.0.1
    min_rx 300
    min_tx 200
    multiplier 4
}
bfd_instance far {
    neighbor_ip fd00::2
    max_hops -1
    passive
    vrrp
}
";

    pub(in crate::notify) fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// A started machine with two sessions; the first is up at 1 s.
    pub(in crate::notify) fn up() -> (Bfd, Vec<(Level, String)>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), TEXT).unwrap();
        let (path, config_id) = (file.path().to_owned(), String::new());
        let options =
            Options { path, config_id, directory: None, all_config: false, strict: false, outside: Outside::fixed() };
        let mut bfd = Bfd::new(Tables::new(load(&options).config.unwrap(), "Keepalived v0".into()), 1);
        bfd.handle(Event::Start, Duration::ZERO);
        let mut mine = 0;
        for action in bfd.take_output().actions {
            if let Action::Send { octets, .. } = action {
                mine = Control::parse(&octets).unwrap().my_discriminator;
            }
        }
        let mut lines = Vec::new();
        for (octets, with) in [
            ("2040051844906b1700000000000f4240000249f000000000", 0),
            ("2080051844906b1700000000000f4240000249f000000000", mine),
            ("20c0051844906b17000000000003d090000249f000000000", mine),
        ] {
            lines.extend(receive(&mut bfd, "10.1.0.2", 255, &packet(octets, with), ms(1000)));
        }
        (bfd, lines)
    }

    fn packet(hex: &str, your_discriminator: u32) -> Vec<u8> {
        let mut octets: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        octets[8..12].copy_from_slice(&your_discriminator.to_be_bytes());
        octets
    }

    fn receive(bfd: &mut Bfd, source: &str, ttl: u8, payload: &[u8], now: Duration) -> Vec<(Level, String)> {
        let source: IpAddr = source.parse().unwrap();
        bfd.handle(Event::Packet(Received { multihop: false, source, ttl, payload }), now);
        lines(bfd)
    }

    fn lines(bfd: &mut Bfd) -> Vec<(Level, String)> {
        let changes = bfd.take_output().changes;
        changes.iter().map(|change| line(change, bfd.tables())).collect()
    }

    #[test]
    fn a_session_comes_up_and_goes_down() {
        let (mut bfd, logged) = up();
        let coming: Vec<&str> = logged.iter().map(|(_, text)| text.as_str()).collect();
        let first = "\
(b4) ---------------< Session parameters >--------------
              min_tx  min_rx  tx_intv  mult  detect_time
     local   1000000  300000  1000000     4      5000000
     remote  1000000  150000  1000000     5      4000000
     Detection time is 5000000 us (was 0 us)";
        let last = "\
(b4) ---------------< Session parameters >--------------
              min_tx  min_rx  tx_intv  mult  detect_time
     local    200000  300000   200000     4      1500000
     remote   250000  150000   300000     5       800000
     Detection time is 1500000 us (was 5000000 us)";
        let expected =
            [first, "(b4) Entering Init state", "(b4) Entering Up state", "(b4) Starting poll sequence", last];
        assert_eq!(coming, expected);
        assert!(logged.iter().any(|line| *line == (Level::Notice, "(b4) Entering Up state".into())));
        bfd.handle(Event::Timer(crate::bfd::TimerKey::Detection(SessionId(1))), Duration::from_micros(2_501_108));
        let down = "\
(b4) Expired after 1501 ms (1108 usec overdue)
(b4) Entering Down state (Local diagnostic - Control Detection Time Expired, Remote diagnostic - No Diagnostic)";
        assert_eq!(lines(&mut bfd), [(Level::Warning, down.into())]);
    }

    #[test]
    fn refused_packets_are_logged_with_a_remedy() {
        let (mut bfd, _) = up();
        let good = packet("2040051844906b1700000000000f4240000249f000000000", 0);
        for (source, ttl, octets, expected) in [
            (
                "10.1.0.2",
                254,
                good.as_slice(),
                "(b4) Packet from 10.1.0.2: ttl(254) < 255; raise max_hops if there are routers in between - discarding",
            ),
            (
                "fd00::2",
                1,
                &good[..9],
                "(far) Packet from fd00::2: it has 9 octets; a control packet has at least 24 - discarding",
            ),
            (
                "10.1.0.9",
                255,
                &good,
                "Packet from 10.1.0.9: no session with this neighbor on port 3784; add a bfd_instance, or correct \
                 multihop at one end - discarding",
            ),
        ] {
            let logged = receive(&mut bfd, source, ttl, octets, ms(1100));
            assert_eq!(logged, [(Level::Warning, expected.to_owned())]);
        }
        receive(&mut bfd, "10.1.0.9", 255, &[], ms(1200));
        let logged = receive(
            &mut bfd,
            "10.1.0.9",
            255,
            &packet("20400518000000010000000000000000000000000000000000", 7),
            ms(70_000),
        );
        let expected = "Packet from 10.1.0.9: no session has the discriminator 0x7 - discarding (1 more since this was last \
                        reported)";
        assert_eq!(logged, [(Level::Warning, expected.to_owned())]);
    }

    #[test]
    fn send_errors_are_logged() {
        let (mut bfd, _) = up();
        bfd.handle(Event::Sent(SessionId(1), Err("Network is unreachable".into())), ms(1100));
        let failed = "(b4) Error sending packet: Network is unreachable; still trying".to_owned();
        assert_eq!(lines(&mut bfd), [(Level::Error, failed)]);
        bfd.handle(Event::Sent(SessionId(1), Ok(())), ms(1200));
        assert_eq!(lines(&mut bfd), [(Level::Info, "(b4) Packets can be sent again".to_owned())]);
    }
}
