//! `vrrp_instance`.

use std::net::IpAddr;
use std::time::Duration;

use super::super::diag::{At, Class};
use super::super::model::{Address, Authentication, Family, Instance, StartState, Version};
use super::super::tree::Node;
use super::super::value::Value;
use super::global::Defaults;
use super::{Ctx, address, blocks, garp, script, track_interfaces};

/// Addresses an advert can carry.
const MOST_ADDRESSES: usize = 255;

/// An instance with the places other checks point to.
pub(super) struct Built {
    pub instance: Instance,
    /// Place of `virtual_router_id`.
    pub vrid_at: At,
    /// Whether it has `unicast_peer`: then its VRID may be used again.
    pub unicast: bool,
    /// Whether its VRID, interface and family are all known.
    pub complete: bool,
}

pub(super) fn build(tree: &[Node<'_>], defaults: &Defaults, ctx: &mut Ctx<'_, '_>) -> Vec<Built> {
    let found = blocks(tree, "vrrp_instance", ctx);
    found.into_iter().map(|(name, node)| Maker { node, name, defaults, ctx }.make()).collect()
}

struct Maker<'m, 'a, 'c, 'f> {
    node: &'m Node<'a>,
    name: &'m str,
    defaults: &'m Defaults,
    ctx: &'m mut Ctx<'c, 'f>,
}

/// What decides most of the others.
struct Kind {
    version: Version,
    strict: bool,
    owner: bool,
}

impl Maker<'_, '_, '_, '_> {
    fn make(mut self) -> Built {
        let node = self.node;
        let strict = node.flag("strict_mode").unwrap_or(self.defaults.strict);
        let interface = self.interface();
        let (mut addresses, mut excluded) = self.addresses(&interface);
        let family = self.family(&addresses);
        self.one_family(&addresses, family);
        self.limit(&mut addresses, &mut excluded);
        let version = self.version(family);
        self.no_addresses(&addresses, version, strict);
        let (priority, start_state) = self.priority(strict);
        let kind = Kind { version, strict, owner: priority == 255 };
        let vrid = node.last("virtual_router_id");
        if vrid.is_none() {
            self.required("virtual_router_id", "virtual_router_id N, from 1 to 255");
        }
        let nopreempt = self.nopreempt(&kind, start_state);
        let source = self.of_family("mcast_src_ip", family);
        let group = self.of_family("mcast_dst_ip", family);
        let default_group = if family == Family::V4 { self.defaults.group4 } else { self.defaults.group6 };
        let track_interfaces = track_interfaces(node, self.defaults.global.dynamic_interfaces, self.ctx);
        let global = &self.defaults.global;
        let smtp_default = global.smtp_alert_vrrp.or(global.smtp_alert).unwrap_or(false);
        let instance = Instance {
            name: self.name.to_owned(),
            vrid: vrid.and_then(|n| n.uint(0)).and_then(|n| u8::try_from(n).ok()).unwrap_or(0),
            family,
            version,
            priority,
            start_state,
            advert_interval: self.advert_interval(version),
            track_source: self.track_source(source.is_some()),
            source,
            group: group.unwrap_or(default_group),
            preempt_delay: self.preempt_delay(&kind, start_state, nopreempt),
            nopreempt,
            authentication: self.authentication(&kind),
            v3_checksum_as_v2: node.flag("v3_checksum_as_v2").unwrap_or(global.v3_checksum_as_v2),
            accept: self.accept(&kind),
            strict,
            skip_check_adv_addr: node.flag("skip_check_adv_addr").unwrap_or(self.defaults.skip_check_adv_addr),
            promote_secondaries: node.has("promote_secondaries"),
            linkbeat: node.has("linkbeat_use_polling") || global.linkbeat_use_polling,
            down_timer_adverts: self.down_timer_adverts(strict),
            dont_track_primary: self.dont_track_primary(&interface, &track_interfaces),
            track_interfaces,
            garp: garp::of(node, self.defaults, strict, self.ctx),
            lower_prio_no_advert: self.forced("lower_prio_no_advert", self.defaults.lower_prio_no_advert, strict, true),
            higher_prio_send_advert: self.forced(
                "higher_prio_send_advert",
                Some(self.defaults.higher_prio_send_advert),
                strict,
                false,
            ),
            owner_ignore_adverts: self.forced("owner_ignore_adverts", self.defaults.owner_ignore_adverts, strict, true),
            smtp_alert: node.flag("smtp_alert").unwrap_or(smtp_default),
            scripts: script::scripts(node, self.ctx),
            notify_deleted: node.has("notify_deleted"),
            lvs_sync_interface: self.text("lvs_sync_daemon_interface"),
            addresses,
            excluded,
            interface,
        };
        Built {
            vrid_at: vrid.map_or_else(|| node.at_arg(0), |n| n.at_arg(0)),
            unicast: node.last("unicast_peer").is_some_and(|n| !n.children.is_empty()),
            complete: vrid.is_some() && node.has("interface"),
            instance,
        }
    }

    fn text(&self, keyword: &str) -> Option<String> {
        self.node.last(keyword).and_then(|n| n.text(0)).map(str::to_owned)
    }

    fn place(&self, keyword: &str) -> At {
        self.node.last(keyword).map_or_else(|| self.node.at_arg(0), |n| n.at())
    }

    /// A keyword the instance cannot be without. Nothing is said when it is there but wrong: that was reported.
    fn required(&mut self, keyword: &str, write: &str) {
        if self.node.children.iter().any(|n| n.keyword.name == keyword) {
            return;
        }
        let text = format!("vrrp_instance '{}' has no {keyword}", self.name);
        self.ctx.report.error(Class::General, self.node.at_arg(0), text).help(format!("write: {write}"));
    }

    /// Says that something written is changed.
    fn adjust(&mut self, keyword: &str, text: &str) {
        let at = self.place(keyword);
        self.ctx.adjusted(at, text);
    }

    fn interface(&mut self) -> String {
        let Some(node) = self.node.last("interface") else {
            self.required("interface", "interface IFNAME");
            return self.defaults.global.default_interface.clone();
        };
        let name = node.text(0).unwrap_or_default().to_owned();
        let at = node.at_arg(0);
        self.ctx.interface(&name, at, self.defaults.global.dynamic_interfaces);
        name
    }

    fn addresses(&mut self, interface: &str) -> (Vec<Address>, Vec<Address>) {
        let mut seen: Vec<(IpAddr, String)> = Vec::new();
        let mut list = |keyword: &str| {
            let mut out = Vec::new();
            for entry in self.node.all(keyword).flat_map(|n| n.children.iter()) {
                let dynamic = self.defaults.global.dynamic_interfaces;
                let Some(address) = address::address(entry, interface, dynamic, self.ctx) else {
                    continue;
                };
                let key = (address.ip, address.device.clone());
                if seen.contains(&key) {
                    let text = format!("{} is listed twice: the second is ignored", address.ip);
                    self.ctx.adjusted(entry.at(), text);
                } else {
                    seen.push(key);
                    out.push(address);
                }
            }
            out
        };
        (list("virtual_ipaddress"), list("virtual_ipaddress_excluded"))
    }

    /// The first address decides; without one, `native_ipv6`.
    fn family(&self, addresses: &[Address]) -> Family {
        match addresses.first() {
            Some(first) => Family::of(first.ip),
            None if self.node.has("native_ipv6") => Family::V6,
            None => Family::V4,
        }
    }

    fn one_family(&mut self, addresses: &[Address], family: Family) {
        let entries = self.node.all("virtual_ipaddress").flat_map(|n| n.children.iter());
        for entry in entries.filter(|n| !n.bad) {
            let Some(Value::Prefix(ip, _)) = entry.value(0) else {
                continue;
            };
            if Family::of(*ip) != family {
                let first = addresses.first().map_or_else(String::new, |a| a.ip.to_string());
                self.ctx
                    .report
                    .error(Class::General, entry.at(), format!("{ip} is not of the family of the first address, {first}"))
                    .help("all addresses of virtual_ipaddress have one family; put the others in virtual_ipaddress_excluded");
            }
        }
    }

    fn limit(&mut self, addresses: &mut Vec<Address>, excluded: &mut Vec<Address>) {
        if addresses.len() <= MOST_ADDRESSES {
            return;
        }
        let text =
            format!("{} addresses: those after the first {MOST_ADDRESSES} are treated as excluded", addresses.len());
        self.adjust("virtual_ipaddress", &text);
        let mut rest = addresses.split_off(MOST_ADDRESSES);
        rest.append(excluded);
        *excluded = rest;
    }

    fn no_addresses(&mut self, addresses: &[Address], version: Version, strict: bool) {
        let list_was_wrong =
            self.node.children.iter().any(|n| n.keyword.name == "virtual_ipaddress" && !n.children.is_empty());
        if !addresses.is_empty() || list_was_wrong {
            return;
        }
        let text = format!("vrrp_instance '{}' has no virtual_ipaddress", self.name);
        if strict && version == Version::V3 {
            let help = "strict mode with version 3 needs at least one address";
            self.ctx.report.error(Class::General, self.node.at_arg(0), text).help(help);
        } else if strict || !self.node.has("no_virtual_ipaddress") {
            let help = "add an address, or no_virtual_ipaddress to say that none is meant";
            self.ctx.report.warn(Class::General, self.node.at_arg(0), text).help(help);
        }
    }

    fn version(&mut self, family: Family) -> Version {
        let own =
            self.node.last("version").and_then(|n| n.uint(0)).map(|n| if n == 2 { Version::V2 } else { Version::V3 });
        if family == Family::V6 {
            if own == Some(Version::V2) {
                self.adjust("version", "version 2 is for IPv4: version 3 is used for IPv6 addresses");
            }
            return Version::V3;
        }
        own.or(self.defaults.version).unwrap_or(Version::V2)
    }

    fn priority(&mut self, strict: bool) -> (u8, StartState) {
        let states: Vec<&Node<'_>> = self.node.all("state").collect();
        if let [first, .., last] = states.as_slice()
            && first.text(0) != last.text(0)
        {
            self.ctx
                .adjusted(last.at(), "state is given twice: the last one counts")
                .also(first.at(), "first given here");
        }
        let state = self.text("state");
        let written = self.node.last("priority").and_then(|n| n.uint(0)).and_then(|n| u8::try_from(n).ok());
        let master = state.as_deref() == Some("MASTER");
        let bad_priority = self.node.children.iter().any(|n| n.keyword.name == "priority" && n.bad);
        let priority = written.unwrap_or(if master && !bad_priority { 255 } else { 100 });
        let owner = priority == 255;
        if strict && state.is_some() && master != owner {
            let text = if owner {
                "priority 255 means state MASTER"
            } else {
                "strict mode: state MASTER needs priority 255; BACKUP is used"
            };
            self.adjust("state", text);
        }
        let start = if owner || (master && !strict) { StartState::Master } else { StartState::Backup };
        (priority, start)
    }

    fn nopreempt(&mut self, kind: &Kind, start: StartState) -> bool {
        let last = self.node.children.iter().rev().find(|n| matches!(n.keyword.name, "preempt" | "nopreempt"));
        if last.is_none_or(|n| n.keyword.name == "preempt") {
            return false;
        }
        let why = match (kind.owner, start) {
            (true, _) => "nopreempt has no effect with priority 255",
            (false, StartState::Master) => "nopreempt has no effect with state MASTER: write state BACKUP",
            (false, StartState::Backup) => return true,
        };
        self.adjust("nopreempt", why);
        false
    }

    fn preempt_delay(&mut self, kind: &Kind, start: StartState, nopreempt: bool) -> Duration {
        let Some(micros) = self.node.last("preempt_delay").and_then(|n| n.uint(0)).filter(|n| *n > 0) else {
            return Duration::ZERO;
        };
        let why = if kind.strict {
            "preempt_delay is not allowed in strict mode: ignored"
        } else if start == StartState::Master {
            "preempt_delay has no effect with state MASTER: write state BACKUP"
        } else if nopreempt {
            "preempt_delay has no effect with nopreempt"
        } else {
            return Duration::from_micros(micros);
        };
        self.adjust("preempt_delay", why);
        Duration::ZERO
    }

    /// v2: whole seconds; v3: at most 40.95 s in steps of 10 ms. Halves are rounded up.
    fn advert_interval(&mut self, version: Version) -> Duration {
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
            self.ctx.adjusted(node.at_arg(0), text);
        }
        used
    }

    /// An address keyword of the instance's family.
    fn of_family(&mut self, keyword: &str, family: Family) -> Option<IpAddr> {
        let node = self.node.last(keyword)?;
        let ip = node.ip(0)?;
        if Family::of(ip) == family {
            return Some(ip);
        }
        let name = if family == Family::V4 { "IPv4" } else { "IPv6" };
        let text = format!("{keyword} {ip}: the addresses of this instance are {name}");
        self.ctx
            .report
            .error(Class::General, node.at_arg(0), text)
            .help(format!("write an {name} address, or remove it"));
        None
    }

    fn track_source(&mut self, has_source: bool) -> bool {
        let wanted = self.node.has("track_src_ip");
        let explicit = has_source || self.node.has("unicast_src_ip");
        if wanted && !explicit {
            self.adjust("track_src_ip", "track_src_ip has no effect without mcast_src_ip");
        }
        wanted && explicit
    }

    fn authentication(&mut self, kind: &Kind) -> Option<Authentication> {
        let block = self.node.last("authentication")?;
        let why = if kind.version == Version::V3 {
            Some("VRRP version 3 has no authentication: ignored")
        } else if kind.strict {
            Some("authentication is not allowed in strict mode: ignored")
        } else {
            None
        };
        if let Some(why) = why {
            self.ctx.adjusted(block.at(), why);
            return None;
        }
        let of_type = block.last("auth_type")?;
        let word = of_type.text(0).unwrap_or_default();
        if !matches!(word, "PASS" | "AH") {
            let text = format!("'{word}' is no authentication type: no authentication is used");
            self.ctx.report.error(Class::General, of_type.at_arg(0), text).help("write auth_type PASS or auth_type AH");
            return None;
        }
        let Some(pass) = block.last("auth_pass") else {
            self.ctx.adjusted(block.at(), "authentication has no auth_pass: ignored").help("add auth_pass PASSWORD");
            return None;
        };
        let written = pass.text(0).unwrap_or_default().as_bytes();
        let mut key = [0u8; 8];
        for (to, from) in key.iter_mut().zip(written) {
            *to = *from;
        }
        if written.len() > 8 {
            self.ctx.adjusted(pass.at_arg(0), "only the first 8 characters of the password are used");
        }
        if word == "PASS" {
            return Some(Authentication::Pass(key));
        }
        let text = "'auth_type AH' is not acted on yet";
        self.ctx.report.warn(Class::NotActedOn, of_type.at_arg(0), text);
        Some(Authentication::Ah(key))
    }

    /// On by default; in strict mode only for owners, and for others only where version 3 says so.
    fn accept(&mut self, kind: &Kind) -> bool {
        let last = self.node.children.iter().rev().find(|n| matches!(n.keyword.name, "accept" | "no_accept"));
        match last.map(|n| n.keyword.name) {
            Some("accept") if kind.strict && !kind.owner && kind.version == Version::V2 => {
                self.adjust("accept", "accept is for VRRP version 3 in strict mode: ignored");
                false
            }
            Some(name) => name == "accept",
            None => !kind.strict || kind.owner,
        }
    }

    fn down_timer_adverts(&mut self, strict: bool) -> u8 {
        let own = self.node.last("down_timer_adverts").and_then(|n| n.uint(0)).and_then(|n| u8::try_from(n).ok());
        if strict {
            if own.is_some_and(|n| n != 3) {
                self.adjust("down_timer_adverts", "strict mode: down_timer_adverts is 3");
            }
            return 3;
        }
        own.unwrap_or(self.defaults.down_timer_adverts)
    }

    fn dont_track_primary(&mut self, interface: &str, tracked: &[super::super::model::TrackedInterface]) -> bool {
        let wanted = self.node.has("dont_track_primary");
        let contradicted = wanted && tracked.iter().any(|t| t.name == interface);
        if contradicted {
            let text = "dont_track_primary has no effect: track_interface lists the same interface";
            self.adjust("dont_track_primary", text);
        }
        wanted && !contradicted
    }

    /// A setting that strict mode fixes.
    fn forced(&mut self, keyword: &str, default: Option<bool>, strict: bool, in_strict: bool) -> bool {
        let own = self.node.flag(keyword);
        if strict {
            if own.is_some_and(|v| v != in_strict) {
                let word = if in_strict { "on" } else { "off" };
                self.adjust(keyword, &format!("strict mode: {keyword} is {word}"));
            }
            return in_strict;
        }
        own.or(default).unwrap_or(false)
    }
}
