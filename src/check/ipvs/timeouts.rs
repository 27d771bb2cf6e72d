//! `lvs_timeouts`: the time-outs to set, and those to restore.

use super::table::Timeouts;

/// The time-outs of IPVS.
#[derive(Debug, Default)]
pub(super) struct TimeoutSettings {
    /// tcp, tcpfin, udp in seconds; 0 leaves the kernel's value.
    wanted: [u32; 3],
    /// Time-outs before the start of the daemon.
    first_found: Option<Timeouts>,
    /// As last set; `None` until the kernel's values are known.
    set: Option<Timeouts>,
}

impl TimeoutSettings {
    pub(super) fn new(wanted: [u32; 3], first_found: Option<Timeouts>) -> TimeoutSettings {
        TimeoutSettings { wanted, first_found, set: None }
    }

    pub(super) fn first_found(&self) -> Option<Timeouts> {
        self.first_found
    }

    /// Takes the kernel's values. Returns those to set, the first time.
    pub(super) fn found(&mut self, found: Timeouts) -> Option<Timeouts> {
        if self.set.is_some() {
            return None;
        }
        self.first_found.get_or_insert(found);
        self.set = Some(found);
        self.set(self.wanted)
    }

    /// Changes the wanted time-outs. Returns those to set, once the kernel's values are known.
    pub(super) fn set(&mut self, wanted: [u32; 3]) -> Option<Timeouts> {
        self.wanted = wanted;
        let (found, set) = (self.first_found?, self.set.as_mut()?);
        let or = |wanted: u32, found: u32| if wanted == 0 { found } else { wanted };
        let [tcp, tcp_fin, udp] = wanted;
        let wanted = Timeouts { tcp: or(tcp, found.tcp), tcp_fin: or(tcp_fin, found.tcp_fin), udp: or(udp, found.udp) };
        (std::mem::replace(set, wanted) != wanted).then_some(wanted)
    }

    /// Returns the time-outs that restore those before the start of the daemon, if they may differ.
    pub(super) fn restore(&mut self) -> Option<Timeouts> {
        match self.set {
            Some(_) => self.set([0; 3]),
            None => self.first_found,
        }
    }
}
