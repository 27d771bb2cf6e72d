//! Protocol settings of an instance: priority, preemption, timing, authentication, and the values that strict mode fixes.

use std::time::Duration;

use super::super::model::{Authentication, StartState, Version};
use super::super::node::Node;
use super::instance::{Kind, Maker};

impl Maker<'_, '_, '_> {
    pub(super) fn priority(&mut self, strict: bool) -> (u8, StartState) {
        let states: Vec<&Node<'_>> = self.node.all("state").collect();
        if let [first, .., last] = states.as_slice()
            && first.text(0) != last.text(0)
        {
            self.ctx
                .adjusted(last.at(), "state is given twice: the last one counts")
                .also(first.at(), "first given here")
                .help("remove one of them");
        }
        let state = self.text("state");
        let written = self.node.last("priority").and_then(|n| n.uint(0)).and_then(|n| u8::try_from(n).ok());
        let master = state.as_deref() == Some("MASTER");
        let bad_priority = self.node.children.iter().any(|n| n.keyword.name == "priority" && n.bad);
        let priority = written.unwrap_or(if master && !bad_priority { 255 } else { 100 });
        let owner = priority == 255;
        if strict && state.is_some() && master != owner {
            let text = if owner {
                "strict mode: priority 255 means state MASTER, which is used"
            } else {
                "strict mode: state MASTER needs priority 255; BACKUP is used"
            };
            self.drop("state", text, "write state MASTER with priority 255, and state BACKUP with any other");
        }
        let start = if owner || (master && !strict) { StartState::Master } else { StartState::Backup };
        (priority, start)
    }

    pub(super) fn nopreempt(&mut self, kind: &Kind, start: StartState) -> bool {
        let last = self.node.children.iter().rev().find(|n| matches!(n.keyword.name, "preempt" | "nopreempt"));
        if last.is_none_or(|n| n.keyword.name == "preempt") {
            return false;
        }
        let (why, remedy) = match (kind.owner, start) {
            (true, _) => ("priority 255", "remove it, or lower the priority"),
            (false, StartState::Master) => ("state MASTER", "write state BACKUP"),
            (false, StartState::Backup) => return true,
        };
        self.drop("nopreempt", &format!("nopreempt has no effect with {why}: it is ignored"), remedy);
        false
    }

    /// Without a number 254: a router of any other priority takes longer to become master.
    pub(super) fn timer_expired_backup(&mut self, nopreempt: bool) -> Option<u8> {
        let node = self.node.last("timer_expired_backup")?;
        if !nopreempt {
            let text = "timer_expired_backup has no effect without nopreempt: it is ignored";
            self.drop("timer_expired_backup", text, "write nopreempt too, or remove it");
            return None;
        }
        Some(node.uint(0).and_then(|n| u8::try_from(n).ok()).unwrap_or(254))
    }

    pub(super) fn preempt_delay(&mut self, kind: &Kind, start: StartState, nopreempt: bool) -> Duration {
        let Some(micros) = self.node.last("preempt_delay").and_then(|n| n.uint(0)).filter(|n| *n > 0) else {
            return Duration::ZERO;
        };
        let (why, remedy) = if kind.strict {
            ("is not allowed in strict mode", "remove it")
        } else if start == StartState::Master {
            ("has no effect with state MASTER", "write state BACKUP")
        } else if nopreempt {
            ("has no effect with nopreempt", "remove one of them")
        } else {
            return Duration::from_micros(micros);
        };
        self.drop("preempt_delay", &format!("preempt_delay {why}: it is ignored"), remedy);
        Duration::ZERO
    }

    /// `advert_int`, rounded to whole seconds in version 2, and to steps of 10 ms up to 40.95 s in version 3. Halves are rounded
    /// up.
    pub(super) fn advert_interval(&mut self, version: Version) -> Duration {
        let Some(node) = self.node.last("advert_int") else {
            return Duration::from_secs(1);
        };
        let written = node.uint(0).unwrap_or(1_000_000);
        let round =
            |unit: u64| written.saturating_add(unit >> 1).checked_div(unit).unwrap_or(0).max(1).saturating_mul(unit);
        let (used, rule) = match version {
            Version::V2 => (round(1_000_000), "VRRPv2 takes whole seconds"),
            Version::V3 => (round(10_000).min(40_950_000), "VRRPv3 takes at most 40.95 s in steps of 10 ms"),
        };
        let used = Duration::from_micros(used);
        if used != Duration::from_micros(written) {
            let text = format!("{rule}: {} s is used", used.as_secs_f64());
            let remedy = format!("write advert_int {}", used.as_secs_f64());
            self.ctx.adjusted(node.at_arg(0), text).help(remedy);
        }
        used
    }

    /// `authentication`, unless there is `auth_hmac`.
    pub(super) fn authentication(&mut self, kind: &Kind, has_hmac: bool) -> Option<Authentication> {
        let block = self.node.last("authentication")?;
        if has_hmac {
            let text = "authentication cannot be combined with auth_hmac: it is ignored";
            self.ctx.mistake(block.at(), text, "remove the block");
            return None;
        }
        let why = if kind.version == Version::V3 {
            Some("VRRP version 3 has no authentication")
        } else if kind.strict {
            Some("authentication is not allowed in strict mode")
        } else {
            None
        };
        if let Some(why) = why {
            let text = format!("{why}: the block is ignored, and adverts are not authenticated");
            self.ctx.mistake(block.at(), text, "remove the block");
            return None;
        }
        let of_type = block.last("auth_type")?;
        let word = of_type.text(0).unwrap_or_default();
        let Some(pass) = block.last("auth_pass") else {
            let text = "authentication has no auth_pass: the block is ignored, and adverts are not authenticated";
            self.ctx.mistake(block.at(), text, "add auth_pass PASSWORD");
            return None;
        };
        let written = pass.text(0).unwrap_or_default().as_bytes();
        let mut key = [0u8; 8];
        for (to, from) in key.iter_mut().zip(written) {
            *to = *from;
        }
        if written.len() > 8 {
            let text = "only the first 8 characters of the password are used";
            self.ctx.adjusted(pass.at_arg(0), text).help("write 8 characters, the same at every router");
        }
        Some(if word == "PASS" { Authentication::Pass(key) } else { Authentication::Ah(key) })
    }

    /// `accept`: on by default; in strict mode only for address owners, or with the keyword in version 3.
    pub(super) fn accept(&mut self, kind: &Kind) -> bool {
        let last = self.node.children.iter().rev().find(|n| matches!(n.keyword.name, "accept" | "no_accept"));
        match last.map(|n| n.keyword.name) {
            Some("accept") if kind.strict && !kind.owner && kind.version == Version::V2 => {
                let text = "strict mode: accept is for VRRP version 3; it is ignored";
                self.drop("accept", text, "remove it, or write version 3");
                false
            }
            Some(name) => name == "accept",
            None => !kind.strict || kind.owner,
        }
    }

    pub(super) fn down_timer_adverts(&mut self, strict: bool) -> u8 {
        let own = self.node.last("down_timer_adverts").and_then(|n| n.uint(0)).and_then(|n| u8::try_from(n).ok());
        if strict {
            if own.is_some_and(|n| n != 3) {
                self.drop("down_timer_adverts", "strict mode: down_timer_adverts 3 is used", "remove it");
            }
            return 3;
        }
        own.unwrap_or(self.defaults.down_timer_adverts)
    }

    /// A setting that strict mode fixes to `in_strict`.
    pub(super) fn forced(&mut self, keyword: &str, default: Option<bool>, strict: bool, in_strict: bool) -> bool {
        let own = self.node.flag(keyword);
        if strict {
            if own.is_some_and(|v| v != in_strict) {
                let word = if in_strict { "on" } else { "off" };
                self.drop(keyword, &format!("strict mode: {keyword} {word} is used"), "remove it");
            }
            return in_strict;
        }
        own.or(default).unwrap_or(false)
    }
}
