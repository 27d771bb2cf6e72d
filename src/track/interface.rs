//! `interface_up_down_delays` and link beat: what the instances see of a link.

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
    /// What the kernel told of it last.
    told: bool,
    /// What the last poll found; up before the first.
    beat: bool,
    /// What the instances see.
    seen: bool,
    /// When they see what is reported.
    pending: Option<Duration>,
}

/// What has become of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What the instances see now.
    pub up: bool,
    /// When they may see something else.
    pub pending: Option<Duration>,
}

impl Links {
    /// Puts a configuration in place of the one before.
    pub fn configure(&mut self, configs: Vec<TrackInterface>) {
        self.configs = configs.into_iter().map(|config| (config.name.clone(), config)).collect();
    }

    /// Names of the interfaces that are polled.
    pub fn polled(&self) -> impl Iterator<Item = &str> {
        self.configs.values().filter(|config| config.polled).map(|config| config.name.as_str())
    }

    /// Kernel indices of the links that are delayed or polled.
    pub fn indices(&self) -> Vec<u32> {
        self.links.keys().copied().collect()
    }

    /// The kernel tells of the link `index`, called `name`, that it is up or down; `before` is what was seen of it, if it is
    /// known. A VMAC has the delays of the interface `below`.
    pub fn told(
        &mut self,
        index: u32,
        (name, below): (&str, Option<&str>),
        up: bool,
        before: Option<bool>,
        now: Duration,
    ) -> Seen {
        let own = self.configs.get(name);
        let inherited = below.and_then(|below| self.configs.get(below));
        let Some(delays) = own.or(inherited).map(TrackInterface::delays) else {
            self.links.remove(&index);
            return Seen { up, pending: None };
        };
        let seen = before.unwrap_or(up);
        let link = self.links.entry(index).or_insert(Link { told: up, beat: true, seen, pending: None });
        link.told = up;
        if own.is_none_or(|config| !config.polled) {
            link.beat = true;
        }
        if before.is_none() {
            // It has just come: there is nothing to be delayed.
            (link.seen, link.pending) = (link.told && link.beat, None);
        }
        link.follow(delays, now)
    }

    /// A poll has found the link, which the kernel knows by this name, up or down; `None` when it is not polled.
    pub fn beat(&mut self, index: u32, name: &str, up: bool, seen: bool, now: Duration) -> Option<Seen> {
        let config = self.configs.get(name).filter(|config| config.polled)?;
        let link = self.links.entry(index).or_insert(Link { told: seen, beat: true, seen, pending: None });
        link.beat = up;
        Some(link.follow(config.delays(), now))
    }

    /// The time of a link has come. True or false when something else is seen now.
    pub fn expire(&mut self, index: u32, now: Duration) -> Option<bool> {
        let link = self.links.get_mut(&index)?;
        if link.pending.is_none_or(|at| at > now) {
            return None;
        }
        (link.pending, link.seen) = (None, link.told && link.beat);
        Some(link.seen)
    }

    /// What the kernel told of a link last, whatever is seen of it.
    pub fn last_told(&self, index: u32) -> Option<bool> {
        self.links.get(&index).map(|link| link.told)
    }

    /// A link does not exist any more.
    pub fn forget(&mut self, index: u32) {
        self.links.remove(&index);
    }
}

impl Link {
    /// Sees what is reported, at once or later. A report to the contrary before that undoes it.
    fn follow(&mut self, (down, up): (Duration, Duration), now: Duration) -> Seen {
        let reported = self.told && self.beat;
        let delay = if reported { up } else { down };
        if reported == self.seen {
            self.pending = None;
        } else if delay.is_zero() {
            (self.seen, self.pending) = (reported, None);
        } else {
            self.pending.get_or_insert(now.saturating_add(delay));
        }
        Seen { up: self.seen, pending: self.pending }
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

    fn seen(up: bool, pending: Option<u64>) -> Seen {
        Seen { up, pending: pending.map(at) }
    }

    #[test]
    fn a_state_that_does_not_last_is_not_seen() {
        let mut links = links(false);
        let told = |links: &mut Links, up, before, time| links.told(2, ("eth0", None), up, Some(before), at(time));
        assert_eq!(
            links.told(2, ("eth0", None), false, None, at(0)),
            seen(false, None),
            "the first look is not delayed"
        );
        assert_eq!(told(&mut links, true, false, 100), seen(false, Some(1600)));
        assert_eq!(told(&mut links, true, false, 900), seen(false, Some(1600)), "told twice");
        assert_eq!(links.expire(2, at(1599)), None);
        assert_eq!(links.expire(2, at(1600)), Some(true));
        assert_eq!(told(&mut links, false, true, 2000), seen(true, Some(3000)));
        assert_eq!(told(&mut links, true, true, 2600), seen(true, None));
        assert_eq!(links.expire(2, at(3000)), None);
        assert_eq!(told(&mut links, false, true, 4000), seen(true, Some(5000)));
        assert_eq!(links.expire(2, at(5000)), Some(false));
    }

    #[test]
    fn others_are_seen_as_they_are_but_a_vmac_inherits() {
        let mut links = links(false);
        assert_eq!(links.told(3, ("eth1", None), false, Some(true), at(0)), seen(false, None));
        assert_eq!(links.told(4, ("vrrp.1", Some("eth0")), false, Some(true), at(0)), seen(true, Some(1000)));
        links.configure(Vec::new());
        assert_eq!(links.told(4, ("vrrp.1", Some("eth0")), false, Some(true), at(1)), seen(false, None));
    }

    #[test]
    fn a_link_is_up_if_both_the_kernel_and_the_poll_say_so() {
        let mut links = links(true);
        assert_eq!(links.polled().collect::<Vec<_>>(), ["eth0"]);
        assert_eq!(links.beat(2, "eth1", false, true, at(0)), None);
        assert_eq!(links.beat(2, "eth0", false, true, at(0)), Some(seen(true, Some(1000))));
        assert_eq!(links.told(2, ("eth0", None), false, Some(true), at(500)), seen(true, Some(1000)));
        assert_eq!(links.beat(2, "eth0", true, true, at(600)), Some(seen(true, Some(1000))), "still told down");
        assert_eq!(links.expire(2, at(1000)), Some(false));
        assert_eq!(links.told(2, ("eth0", None), true, Some(false), at(1100)), seen(false, Some(2600)));
    }
}
