//! `interface_up_down_delays` and `linkbeat_interfaces`: the state of a link as it applies to the instances.
//!
//! The *reported* state is that of the kernel's messages. The *effective* state is the one that instances act on: it
//! follows the reported state and, for polled links, the carrier, after the configured delays.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::model::TrackInterface;

/// The links whose state is delayed or polled.
#[derive(Debug, Default)]
pub struct Links {
    configs: BTreeMap<String, TrackInterface>,
    /// By kernel index.
    links: BTreeMap<u32, Link>,
}

/// One link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link {
    /// State in the kernel's last message.
    reported: bool,
    /// Carrier at the last poll; true before the first poll.
    carrier: bool,
    /// Effective state.
    effective: bool,
    /// Time at which the effective state follows; `None` when no change is pending.
    pending: Option<Duration>,
}

/// The effective state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// Whether the link is up for the instances.
    pub up: bool,
    /// Time at which a delayed change takes effect; `None` when no change is pending.
    pub pending: Option<Duration>,
}

impl Links {
    /// Replaces the configuration.
    pub fn configure(&mut self, configs: Vec<TrackInterface>) {
        self.configs = configs.into_iter().map(|config| (config.name.clone(), config)).collect();
    }

    /// Names of the interfaces that are polled.
    pub fn polled(&self) -> impl Iterator<Item = &str> {
        self.configs.values().filter(|config| config.polled).map(|config| config.name.as_str())
    }

    /// The delays of a link, down and up. A VMAC has those of the interface `below`.
    pub fn delays(&self, name: &str, below: Option<&str>) -> (Duration, Duration) {
        let inherited = || below.and_then(|below| self.configs.get(below));
        self.configs.get(name).or_else(inherited).map(TrackInterface::delays).unwrap_or_default()
    }

    /// Whether a delayed change of a link is pending.
    pub fn is_pending(&self, index: u32) -> bool {
        self.links.get(&index).is_some_and(|link| link.pending.is_some())
    }

    /// Kernel indices of the links that are delayed or polled.
    pub fn indices(&self) -> Vec<u32> {
        self.links.keys().copied().collect()
    }

    /// Takes the state of a link that the kernel reports. `before` is the effective state so far, `None` for a new link.
    /// A VMAC has the delays of the interface `below`.
    pub fn report(
        &mut self,
        index: u32,
        (name, below): (&str, Option<&str>),
        up: bool,
        before: Option<bool>,
        now: Duration,
    ) -> LinkStatus {
        let own = self.configs.get(name);
        let inherited = below.and_then(|below| self.configs.get(below));
        let Some(delays) = own.or(inherited).map(TrackInterface::delays) else {
            self.links.remove(&index);
            return LinkStatus { up, pending: None };
        };
        let effective = before.unwrap_or(up);
        let link = self.links.entry(index).or_insert(Link { reported: up, carrier: true, effective, pending: None });
        link.reported = up;
        if own.is_none_or(|config| !config.polled) {
            link.carrier = true;
        }
        if before.is_none() {
            // The first state of a new link is not delayed.
            (link.effective, link.pending) = (link.reported && link.carrier, None);
        }
        link.follow(delays, now)
    }

    /// Takes the carrier of a link at a poll. `before` is the effective state so far. Returns `None` when the link is not
    /// to be polled.
    pub fn poll(&mut self, index: u32, name: &str, up: bool, before: bool, now: Duration) -> Option<LinkStatus> {
        let config = self.configs.get(name).filter(|config| config.polled)?;
        let new = Link { reported: before, carrier: true, effective: before, pending: None };
        let link = self.links.entry(index).or_insert(new);
        link.carrier = up;
        Some(link.follow(config.delays(), now))
    }

    /// Ends the delay of a link. Returns the effective state if the delay was over.
    pub fn expire(&mut self, index: u32, now: Duration) -> Option<bool> {
        let link = self.links.get_mut(&index)?;
        if link.pending.is_none_or(|at| at > now) {
            return None;
        }
        (link.pending, link.effective) = (None, link.reported && link.carrier);
        Some(link.effective)
    }

    /// The state of a link in the kernel's last message, regardless of delays; `None` when it is not delayed or polled.
    pub fn last_reported(&self, index: u32) -> Option<bool> {
        self.links.get(&index).map(|link| link.reported)
    }

    /// Removes a link that no longer exists.
    pub fn forget(&mut self, index: u32) {
        self.links.remove(&index);
    }
}

impl Link {
    /// Updates the effective state, at once or after the delay. A contrary report during the delay cancels the change.
    fn follow(&mut self, (down, up): (Duration, Duration), now: Duration) -> LinkStatus {
        let wanted = self.reported && self.carrier;
        let delay = if wanted { up } else { down };
        if wanted == self.effective {
            self.pending = None;
        } else if delay.is_zero() {
            (self.effective, self.pending) = (wanted, None);
        } else {
            self.pending.get_or_insert(now.saturating_add(delay));
        }
        LinkStatus { up: self.effective, pending: self.pending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn links(polled: bool) -> Links {
        let mut links = Links::default();
        let (down, up) = (at(1000), at(1500));
        links.configure(vec![TrackInterface { name: "eth0".into(), down, up, polled }]);
        links
    }

    fn status(up: bool, pending: Option<u64>) -> LinkStatus {
        LinkStatus { up, pending: pending.map(at) }
    }

    #[test]
    fn a_change_shorter_than_the_delay_has_no_effect() {
        let mut links = links(false);
        let report = |links: &mut Links, up, before, time| links.report(2, ("eth0", None), up, Some(before), at(time));
        assert_eq!(
            links.report(2, ("eth0", None), false, None, at(0)),
            status(false, None),
            "the first report is not delayed"
        );
        assert_eq!(report(&mut links, true, false, 100), status(false, Some(1600)));
        assert_eq!(
            report(&mut links, true, false, 900),
            status(false, Some(1600)),
            "a repeated report does not restart the delay"
        );
        assert_eq!(links.expire(2, at(1599)), None);
        assert_eq!(links.expire(2, at(1600)), Some(true));
        assert_eq!(report(&mut links, false, true, 2000), status(true, Some(3000)));
        assert_eq!(report(&mut links, true, true, 2600), status(true, None));
        assert_eq!(links.expire(2, at(3000)), None);
        assert_eq!(report(&mut links, false, true, 4000), status(true, Some(5000)));
        assert_eq!(links.expire(2, at(5000)), Some(false));
    }

    #[test]
    fn other_links_are_not_delayed_but_a_vmac_inherits_the_delays() {
        let mut links = links(false);
        assert_eq!(links.report(3, ("eth1", None), false, Some(true), at(0)), status(false, None));
        assert_eq!(links.report(4, ("vrrp.1", Some("eth0")), false, Some(true), at(0)), status(true, Some(1000)));
        links.configure(Vec::new());
        assert_eq!(links.report(4, ("vrrp.1", Some("eth0")), false, Some(true), at(1)), status(false, None));
    }

    #[test]
    fn a_polled_link_is_up_if_the_kernel_reports_it_up_and_it_has_a_carrier() {
        let mut links = links(true);
        assert_eq!(links.polled().collect::<Vec<_>>(), ["eth0"]);
        assert_eq!(links.poll(2, "eth1", false, true, at(0)), None);
        assert_eq!(links.poll(2, "eth0", false, true, at(0)), Some(status(true, Some(1000))));
        assert_eq!(links.report(2, ("eth0", None), false, Some(true), at(500)), status(true, Some(1000)));
        assert_eq!(
            links.poll(2, "eth0", true, true, at(600)),
            Some(status(true, Some(1000))),
            "the kernel still reports it down"
        );
        assert_eq!(links.expire(2, at(1000)), Some(false));
        assert_eq!(links.report(2, ("eth0", None), true, Some(false), at(1100)), status(false, Some(2600)));
    }
}
