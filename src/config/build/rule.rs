//! `static_rules` and `virtual_rules`.

use std::collections::{BTreeSet, HashMap};

use super::super::iproute::{self, NameKind};
use super::super::model::{Family, PROTOCOL_KEEPALIVED, Rule, RuleAction};
use super::super::node::Node;
use super::super::place::At;
use super::super::value::Value;
use super::context::Ctx;
use super::routing::{Entry, Known, Word, everything};

/// Preference of the first rule without one; further ones count down.
const FIRST_PREFERENCE: u32 = 16384;

/// The rules of a configuration.
pub(super) struct Rules {
    /// `static_rules`.
    pub statics: Vec<Rule>,
    /// `virtual_rules` by the name of the instance.
    pub of: HashMap<String, Vec<Rule>>,
}

/// Builds all rules in the order of the file, as those without a preference count down.
pub(super) fn build(tree: &[Node<'_>], known: &Known<'_>, ctx: &mut Ctx<'_, '_>) -> Rules {
    let mut rules = Rules { statics: Vec::new(), of: HashMap::new() };
    let mut next = FIRST_PREFERENCE;
    for node in tree {
        let mut list = |block: &Node<'_>| -> Vec<Rule> {
            block.children.iter().filter_map(|entry| rule(entry, known, &mut next, ctx)).collect()
        };
        match (node.keyword.name, node.text(0)) {
            ("static_rules", _) => rules.statics.extend(list(node)),
            // Of two instances with one name, the second is ignored.
            ("vrrp_instance", Some(name)) if !node.bad && !rules.of.contains_key(name) => {
                let found = node.all("virtual_rules").flat_map(list).collect();
                rules.of.insert(name.to_owned(), found);
            }
            _ => {}
        }
    }
    rules
}

fn rule(node: &Node<'_>, known: &Known<'_>, next: &mut u32, ctx: &mut Ctx<'_, '_>) -> Option<Rule> {
    if node.bad {
        return None;
    }
    let maker = Maker {
        entry: Entry { node, known, family: None, ctx },
        rule: Rule::plain(Family::V4, 0, RuleAction::Nop),
        action: None,
        actions: BTreeSet::new(),
        all: [false; 2],
        protocol_at: node.at(),
        group: None,
    };
    maker.make(next)
}

/// A rule that is being built.
struct Maker<'e, 'c, 'f> {
    entry: Entry<'e, 'c, 'f>,
    rule: Rule,
    action: Option<RuleAction>,
    /// Words of actions.
    actions: BTreeSet<&'static str>,
    /// `from all` and `to all`, which are networks of the family.
    all: [bool; 2],
    protocol_at: At,
    group: Option<(&'e str, At)>,
}

impl<'e> Maker<'e, '_, '_> {
    fn make(mut self, next: &mut u32) -> Option<Rule> {
        let node = self.entry.node;
        for arg in &node.args {
            match (&arg.value, Word::of(node.line, arg)) {
                (_, Some(word)) => self.word(&word)?,
                (Value::Choice(kind), None) => self.kind(kind),
                _ => {}
            }
        }
        self.rule.action = self.action()?;
        self.rule.family = self.entry.family.unwrap_or(Family::V4);
        for (network, all) in [&mut self.rule.from, &mut self.rule.to].into_iter().zip(self.all) {
            *network = network.or_else(|| all.then(|| everything(self.rule.family)));
        }
        self.suppressors()?;
        self.protocol();
        let needs = self.rule.iif.is_none().then_some("iif");
        self.rule.track_group = self.entry.track_group(self.group, needs);
        self.preference(next)?;
        Some(self.rule)
    }

    /// `blackhole`, `prohibit` or `unreachable`; `unicast` rules have another action.
    fn kind(&mut self, kind: &'static str) {
        let action = match kind {
            "blackhole" => RuleAction::Blackhole,
            "prohibit" => RuleAction::Prohibit,
            "unreachable" => RuleAction::Unreachable,
            _ => return,
        };
        self.act(kind, action);
    }

    fn act(&mut self, word: &'static str, action: RuleAction) {
        self.actions.insert(word);
        self.action = Some(action);
    }

    fn word(&mut self, word: &Word<'e>) -> Option<()> {
        let rule = &mut self.rule;
        match word.name {
            "inet" => self.entry.of_family(Family::V4, word.at)?,
            "inet6" => self.entry.of_family(Family::V6, word.at)?,
            "not" => rule.invert = true,
            "from" => {
                rule.from = self.entry.prefix(word.value()?, word.at)?;
                self.all[0] = rule.from.is_none();
            }
            "to" => {
                rule.to = self.entry.prefix(word.value()?, word.at)?;
                self.all[1] = rule.to.is_none();
            }
            "table" => {
                let table = self.entry.number(NameKind::Table, word)?;
                if table == 0 {
                    return self.entry.refuse(word.at, "a rule cannot look up table 0", "write another table");
                }
                self.act(word.keyword.name, RuleAction::Table(table));
            }
            "preference" => rule.preference = word.u32()?,
            "tos" => rule.tos = self.entry.octet(NameKind::DsField, word)?,
            "fwmark" => match mark(word.text()) {
                Some(mark) => rule.mark = Some(mark),
                None => {
                    let text = format!("fwmark takes a number, not '{}'", word.text());
                    return self.entry.refuse(
                        word.at,
                        text,
                        "write fwmark MARK or fwmark MARK/MASK with 32-bit numbers",
                    );
                }
            },
            "realms" => rule.realms = Some(self.entry.realms(word)?),
            "suppress_prefixlength" => rule.suppress_prefix = word.u8(),
            "suppress_ifgroup" => rule.suppress_group = Some(self.entry.number(NameKind::Group, word)?),
            "dev" => rule.iif = self.entry.device(word),
            "oif" => rule.oif = self.entry.device(word),
            "tunnel-id" => rule.tunnel_id = word.u64(),
            "uidrange" => rule.users = range(word.text()),
            "l3mdev" => self.act(word.name, RuleAction::L3Mdev),
            "protocol" => self.own_protocol(word),
            "ipproto" => self.ip_protocol(word),
            "sport" => rule.source_ports = range(word.text()),
            "dport" => rule.destination_ports = range(word.text()),
            "goto" => self.act(word.name, RuleAction::Goto(word.u32()?)),
            "nop" => self.act(word.name, RuleAction::Nop),
            "type" => self.kind(word.choice()?),
            "blackhole" | "prohibit" | "unreachable" => self.kind(word.name),
            "no_track" => rule.no_track = true,
            "track_group" => self.group = Some((word.text(), word.at)),
            _ => {}
        }
        Some(())
    }

    fn own_protocol(&mut self, word: &Word<'_>) {
        self.protocol_at = word.at;
        let found = self.entry.lookup(NameKind::Protocol, word.text()).and_then(|n| u8::try_from(n).ok());
        match found {
            Some(protocol) => self.rule.protocol = protocol,
            None => {
                let text = format!("there is no protocol '{}': the word is ignored", word.text());
                self.entry.ctx.mistake(word.at, text, "write 0 to 255, or a name of rt_protos");
            }
        }
    }

    fn ip_protocol(&mut self, word: &Word<'_>) {
        let name = word.text();
        let number = iproute::number(name).and_then(|n| u8::try_from(n).ok());
        let found = number.or_else(|| self.entry.ctx.answers.ip_protocol(name));
        match found {
            Some(protocol) => self.rule.ip_protocol = Some(protocol),
            None => {
                let text =
                    format!("there is no IP protocol '{name}': the word is ignored, and the rule is for all protocols");
                self.entry.ctx.mistake(word.at, text, "write 0 to 255, or a name of /etc/protocols");
            }
        }
    }

    fn action(&mut self) -> Option<RuleAction> {
        let at = self.entry.node.at();
        let action = self.action;
        if self.actions.len() > 1 {
            let words: Vec<&str> = self.actions.iter().copied().collect();
            let text = format!("the rule has more than one action ({})", words.join(", "));
            return self.entry.refuse(at, text, "keep one of them");
        }
        if action.is_none() {
            return self.entry.refuse(
                at,
                "the rule has no action",
                "add table, goto, nop, blackhole, prohibit or unreachable",
            );
        }
        action
    }

    /// Words that restrict the look-up of a table.
    fn suppressors(&mut self) -> Option<()> {
        let rule = &self.rule;
        let restricted = rule.suppress_prefix.is_some() || rule.suppress_group.is_some() || rule.realms.is_some();
        if restricted && !matches!(rule.action, RuleAction::Table(_) | RuleAction::L3Mdev) {
            let text = "suppress_prefixlength, suppress_ifgroup and realms need a rule with a table";
            return self.entry.refuse(self.entry.node.at(), text, "remove them, or write table TABLE");
        }
        if rule.realms.is_some() && rule.family == Family::V6 {
            return self.entry.refuse(self.entry.node.at(), "realms are for IPv4 rules only", "remove realms");
        }
        Some(())
    }

    /// Only the daemon's own protocol tells its rules from those of others.
    fn protocol(&mut self) {
        if self.rule.protocol != PROTOCOL_KEEPALIVED && !self.rule.no_track {
            let text = format!("a rule that is tracked has the protocol keepalived: {PROTOCOL_KEEPALIVED} is used");
            self.entry.ctx.mistake(self.protocol_at, text, "remove protocol, or add no_track");
            self.rule.protocol = PROTOCOL_KEEPALIVED;
        }
    }

    fn preference(&mut self, next: &mut u32) -> Option<()> {
        let at = self.entry.node.at();
        let preference = self.rule.preference;
        if let RuleAction::Goto(target) = self.rule.action {
            if preference == 0 {
                return self.entry.refuse(
                    at,
                    "a rule with goto needs a preference",
                    "add preference N, less than the target",
                );
            }
            if target <= preference {
                let text = format!("goto {target} does not lead past the rule's own preference {preference}");
                return self.entry.refuse(at, text, "write a greater target, or a lower preference");
            }
        }
        if preference == 0 {
            let text = format!("the rule has no preference: {next} is used");
            self.entry.ctx.mistake(at, text, "write preference N; rules with lower numbers come first");
            self.rule.preference = *next;
            *next = next.saturating_sub(1).max(1);
        }
        Some(())
    }
}

/// `MARK[/MASK]`.
fn mark(text: &str) -> Option<(u32, Option<u32>)> {
    match text.split_once('/') {
        Some((mark, mask)) => Some((iproute::number(mark)?, Some(iproute::number(mask)?))),
        None => Some((iproute::number(text)?, None)),
    }
}

/// `N` or `N-N`, checked before.
fn range<N: std::str::FromStr + Copy>(text: &str) -> Option<(N, N)> {
    let number = |text: &str| text.parse().ok();
    match text.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)),
        None => number(text).map(|n| (n, n)),
    }
}
