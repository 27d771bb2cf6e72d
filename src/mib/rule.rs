//! vrrpRuleTable.

use std::net::IpAddr;

use snmp::{Column, Syntax, TableView, Value};

use super::routing::{self, Field, number};
use super::values::TRUTH;
use crate::config::model::RuleAction;
use crate::state::RowId;
use crate::vrrp::{Rule, Vrrp};

const STRING: Syntax = Syntax::DISPLAY_STRING;
const UNSIGNED: Syntax = Syntax::UNSIGNED32;
const ACTION: Syntax =
    Syntax::Enum(&[("table", 1), ("goto", 2), ("nop", 3), ("blackhole", 6), ("unreachable", 7), ("prohibit", 8)]);

/// A column of rules.
type RuleColumn = Column<Vrrp, RowId, Rule>;

/// vrrpRuleTable. The first index is 0 for static rules, else that of the instance.
pub(super) const RULES: TableView<Vrrp, RowId, Rule> = TableView {
    name: "vrrpRuleTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2, 8, 1],
    table: |data| data.tables().rules.rows(),
    columns: &[
        Column::new(2, "vrrpRuleDirection", STRING, |_, _, row| Some(Value::text(direction(row)))),
        routing::network_type::<_, _, Either>(3, "vrrpRuleAddressType"),
        routing::network_address::<_, _, Either>(4, "vrrpRuleAddress"),
        routing::network_length::<_, _, Either>(5, "vrrpRuleAddressMask"),
        table(6, "vrrpRuleRoutingTable"),
        routing::status(7, "vrrpRuleStatus"),
        Column::new(8, "vrrpRuleInvert", TRUTH, |_, _, row| Some(Value::truth(row.config.invert))),
        routing::network_type::<_, _, Destination>(9, "vrrpRuleDestinationAddressType"),
        routing::network_address::<_, _, Destination>(10, "vrrpRuleDestinationAddress"),
        routing::network_length::<_, _, Destination>(11, "vrrpRuleDestinationAddressMask"),
        routing::network_type::<_, _, Source>(12, "vrrpRuleSourceAddressType"),
        routing::network_address::<_, _, Source>(13, "vrrpRuleSourceAddress"),
        routing::network_length::<_, _, Source>(14, "vrrpRuleSourceAddressMask"),
        Column::new(15, "vrrpRuleTos", Syntax::Unsigned32 { min: 0, max: 255 }, |_, _, row| number(row.config.tos)),
        Column::new(16, "vrrpRuleFwmark", UNSIGNED, |_, _, row| number(row.config.mark?.0)),
        Column::new(17, "vrrpRuleFwmask", UNSIGNED, |_, _, row| number(row.config.mark?.1?)),
        routing::realm_of_destination(18, "vrrpRuleRealmDst"),
        routing::realm_of_source(19, "vrrpRuleRealmSrc"),
        Column::new(20, "vrrpRuleInInterface", STRING, |_, _, row| row.config.iif.as_ref().map(Value::text)),
        Column::new(21, "vrrpRuleOutInterface", STRING, |_, _, row| row.config.oif.as_ref().map(Value::text)),
        Column::new(22, "vrrpRuleTarget", UNSIGNED, |_, _, row| match row.config.action {
            RuleAction::Goto(preference) => number(preference),
            _ => None,
        }),
        Column::new(23, "vrrpRuleAction", ACTION, |_, _, row| Some(Value::Integer(row.config.action.number().into()))),
        table(24, "vrrpRuleTableNo"),
        Column::new(25, "vrrpRulePreference", UNSIGNED, |_, _, row| {
            number(Some(row.config.preference).filter(|preference| *preference != 0)?)
        }),
        Column::new(26, "vrrpRuleSuppressPrefixLen", Syntax::Unsigned32 { min: 0, max: 128 }, |_, _, row| {
            number(row.config.suppress_prefix?)
        }),
        Column::new(27, "vrrpRuleSuppressGroup", STRING, |_, _, row| {
            Some(Value::text(row.config.suppress_group?.to_string()))
        }),
        half::<true>(28, "vrrpRuleTunnelIdHigh"),
        half::<false>(29, "vrrpRuleTunnelIdLow"),
        first::<Users>(30, "vrrpRuleUidRangeStart"),
        last::<Users>(31, "vrrpRuleUidRangeEnd"),
        Column::new(32, "vrrpRuleL3mdev", TRUTH, |_, _, row| {
            (row.config.action == RuleAction::L3Mdev).then(|| Value::truth(true))
        }),
        // C keepalived does not serve the following ones.
        routing::protocol(33, "vrrpRuleProtocol"),
        Column::new(34, "vrrpRuleIPProto", UNSIGNED, |_, _, row| number(row.config.ip_protocol?)),
        first::<SourcePorts>(35, "vrrpRuleSrcPortStart"),
        last::<SourcePorts>(36, "vrrpRuleSrcPortEnd"),
        first::<DestinationPorts>(37, "vrrpRuleDstPortStart"),
        last::<DestinationPorts>(38, "vrrpRuleDstPortEnd"),
    ],
};

/// `from`.
struct Source;

impl Field<Rule> for Source {
    type Value = (IpAddr, u8);

    fn of(row: &Rule) -> Option<(IpAddr, u8)> {
        row.config.from
    }
}

/// `to`.
struct Destination;

impl Field<Rule> for Destination {
    type Value = (IpAddr, u8);

    fn of(row: &Rule) -> Option<(IpAddr, u8)> {
        row.config.to
    }
}

/// `to`, or else `from`.
struct Either;

impl Field<Rule> for Either {
    type Value = (IpAddr, u8);

    fn of(row: &Rule) -> Option<(IpAddr, u8)> {
        row.config.to.or(row.config.from)
    }
}

/// `uidrange`.
struct Users;

impl Field<Rule> for Users {
    type Value = (u32, u32);

    fn of(row: &Rule) -> Option<(u32, u32)> {
        row.config.users
    }
}

/// `sport`.
struct SourcePorts;

impl Field<Rule> for SourcePorts {
    type Value = (u32, u32);

    fn of(row: &Rule) -> Option<(u32, u32)> {
        row.config.source_ports.map(|(first, last)| (first.into(), last.into()))
    }
}

/// `dport`.
struct DestinationPorts;

impl Field<Rule> for DestinationPorts {
    type Value = (u32, u32);

    fn of(row: &Rule) -> Option<(u32, u32)> {
        row.config.destination_ports.map(|(first, last)| (first.into(), last.into()))
    }
}

impl routing::Originated for Rule {
    fn protocol(&self) -> u8 {
        self.config.protocol
    }
}

impl routing::Realms for Rule {
    fn realms(&self) -> Option<u32> {
        self.config.realms
    }
}

/// The first number of a range.
const fn first<P: Field<Rule, Value = (u32, u32)>>(column: u32, name: &'static str) -> RuleColumn {
    Column::new(column, name, UNSIGNED, |_, _, row| number(P::of(row)?.0))
}

/// The last number of a range.
const fn last<P: Field<Rule, Value = (u32, u32)>>(column: u32, name: &'static str) -> RuleColumn {
    Column::new(column, name, UNSIGNED, |_, _, row| number(P::of(row)?.1))
}

/// The upper or lower half of the tunnel identifier.
const fn half<const UPPER: bool>(column: u32, name: &'static str) -> RuleColumn {
    Column::new(column, name, UNSIGNED, |_, _, row| {
        let id = row.config.tunnel_id?;
        u32::try_from(if UPPER { id >> 32 } else { id & u64::from(u32::MAX) }).ok().map(Value::Gauge32)
    })
}

/// The table that is searched; 0 with `l3mdev`, as in the kernel.
const fn table(column: u32, name: &'static str) -> RuleColumn {
    Column::new(column, name, UNSIGNED, |_, _, row| match row.config.action {
        RuleAction::Table(table) => number(table),
        RuleAction::L3Mdev => number(0_u32),
        _ => None,
    })
}

/// The selectors of addresses.
fn direction(row: &Rule) -> &'static str {
    match (row.config.from, row.config.to) {
        (Some(_), Some(_)) => "both",
        (Some(_), None) => "from",
        (None, Some(_)) => "to",
        (None, None) => "",
    }
}
