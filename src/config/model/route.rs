//! Routes: entries of `static_routes` and `virtual_routes`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::address::Family;

/// Protocol number of the routes and rules that the daemon sets (`RTPROT_KEEPALIVED`).
pub const PROTOCOL_KEEPALIVED: u8 = 18;
/// Number of the table `main`.
pub const TABLE_MAIN: u32 = 254;

/// Type of a route: the kernel's `RTN_*` numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names of rtnetlink(7)")]
pub enum RouteKind {
    Unicast = 1,
    Local = 2,
    Broadcast = 3,
    Anycast = 4,
    Multicast = 5,
    Blackhole = 6,
    Unreachable = 7,
    Prohibit = 8,
    Throw = 9,
    Nat = 10,
    Xresolve = 11,
}

impl RouteKind {
    /// All types with their words.
    pub const ALL: [(&'static str, RouteKind); 11] = [
        ("unicast", RouteKind::Unicast),
        ("local", RouteKind::Local),
        ("broadcast", RouteKind::Broadcast),
        ("anycast", RouteKind::Anycast),
        ("multicast", RouteKind::Multicast),
        ("blackhole", RouteKind::Blackhole),
        ("unreachable", RouteKind::Unreachable),
        ("prohibit", RouteKind::Prohibit),
        ("throw", RouteKind::Throw),
        ("nat", RouteKind::Nat),
        ("xresolve", RouteKind::Xresolve),
    ];

    /// The type of a word.
    pub fn of(word: &str) -> Option<RouteKind> {
        RouteKind::ALL.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
    }

    /// The word of the type.
    pub fn word(self) -> &'static str {
        RouteKind::ALL.iter().find(|(_, kind)| *kind == self).map_or("unicast", |(name, _)| name)
    }
}

/// One line of `static_routes` or `virtual_routes`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// First word; default unicast.
    pub kind: RouteKind,
    /// Family of the addresses, or `inet` / `inet6`.
    pub family: Family,
    /// `to`: network and prefix length; `default` has length 0.
    pub destination: (IpAddr, u8),
    /// `from`: network and prefix length of the packets' source (IPv6 only).
    pub from: Option<(IpAddr, u8)>,
    /// `src`: preferred source address.
    pub source: Option<IpAddr>,
    /// `via`: gateway. Not with `hops`.
    pub via: Option<IpAddr>,
    /// `dev`. With `hops` it is that of each hop.
    pub device: Option<String>,
    /// `onlink`.
    pub onlink: bool,
    /// `encap`.
    pub encap: Option<Encap>,
    /// `realms`, as in [`NextHop::realms`].
    pub realms: Option<u32>,
    /// `nexthop`, with `or` as a short form.
    pub hops: Vec<NextHop>,
    /// `tos`.
    pub tos: u8,
    /// `table`; default [`TABLE_MAIN`].
    pub table: u32,
    /// `vrf`: the table is that of this device.
    pub vrf: Option<String>,
    /// `protocol`; default [`PROTOCOL_KEEPALIVED`].
    pub protocol: u8,
    /// `scope` as the kernel's number; `None`: 0, global. Set for IPv4 routes of the types local (host), broadcast and anycast
    /// (link).
    pub scope: Option<u8>,
    /// `metric`.
    pub metric: Option<u32>,
    /// `expires`: lifetime in seconds (IPv6 only).
    pub expires: Option<u32>,
    /// `pref` (IPv6 only).
    pub preference: Option<RoutePreference>,
    /// `ttl-propagate`.
    pub ttl_propagate: Option<bool>,
    /// `mtu`, `rtt` and the like, each once, in the order of their numbers.
    pub metrics: Vec<RouteMetric>,
    /// `congctl`.
    pub congestion_control: Option<CongestionControl>,
    /// `add`, `append`, `prepend`.
    pub placing: Placing,
    /// `no_track`.
    pub no_track: bool,
    /// `track_group` (static routes only).
    pub track_group: Option<String>,
}

impl Route {
    /// A unicast route with defaults for all else.
    pub fn plain(destination: (IpAddr, u8)) -> Route {
        Route {
            kind: RouteKind::Unicast,
            family: Family::of(destination.0),
            destination,
            from: None,
            source: None,
            via: None,
            device: None,
            onlink: false,
            encap: None,
            realms: None,
            hops: Vec::new(),
            tos: 0,
            table: TABLE_MAIN,
            vrf: None,
            protocol: PROTOCOL_KEEPALIVED,
            scope: None,
            metric: None,
            expires: None,
            preference: None,
            ttl_propagate: None,
            metrics: Vec::new(),
            congestion_control: None,
            placing: Placing::Usual,
            no_track: false,
            track_group: None,
        }
    }

    /// Names of the interfaces that the route leads to, each as often as it is used.
    pub fn devices(&self) -> impl Iterator<Item = &str> {
        self.device.iter().chain(self.hops.iter().filter_map(|hop| hop.device.as_ref())).map(String::as_str)
    }

    /// The value of a metric, if it is set.
    pub fn metric(&self, kind: MetricKind) -> Option<&RouteMetric> {
        self.metrics.iter().find(|metric| metric.kind == kind)
    }
}

/// A number that the kernel keeps with a route (`RTA_METRICS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RouteMetric {
    /// Which number.
    pub kind: MetricKind,
    /// Value in the unit of the keyword; times in milliseconds, from 200 to 536870911.
    pub value: u32,
    /// `lock`: the kernel does not adjust it.
    pub lock: bool,
}

/// Which number: the kernel's `RTAX_*` numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MetricKind {
    /// `mtu`.
    Mtu = 2,
    /// `window`.
    Window = 3,
    /// `rtt`, in milliseconds. The kernel's unit is an eighth of that.
    Rtt = 4,
    /// `rttvar`, in milliseconds. The kernel's unit is a quarter of that.
    RttVar = 5,
    /// `ssthresh`.
    SsThresh = 6,
    /// `cwnd`.
    Cwnd = 7,
    /// `advmss`.
    AdvMss = 8,
    /// `reordering`.
    Reordering = 9,
    /// `hoplimit`.
    HopLimit = 10,
    /// `initcwnd`.
    InitCwnd = 11,
    /// `features`: 1 = ECN.
    Features = 12,
    /// `rto_min`, in milliseconds.
    RtoMin = 13,
    /// `initrwnd`.
    InitRwnd = 14,
    /// `quickack`: 0 or 1.
    QuickAck = 15,
    /// `fastopen_no_cookie`: 0 or 1.
    FastOpenNoCookie = 17,
}

impl MetricKind {
    /// All metrics with their keywords, in the order of their numbers.
    pub const ALL: [(&'static str, MetricKind); 15] = [
        ("mtu", MetricKind::Mtu),
        ("window", MetricKind::Window),
        ("rtt", MetricKind::Rtt),
        ("rttvar", MetricKind::RttVar),
        ("ssthresh", MetricKind::SsThresh),
        ("cwnd", MetricKind::Cwnd),
        ("advmss", MetricKind::AdvMss),
        ("reordering", MetricKind::Reordering),
        ("hoplimit", MetricKind::HopLimit),
        ("initcwnd", MetricKind::InitCwnd),
        ("features", MetricKind::Features),
        ("rto_min", MetricKind::RtoMin),
        ("initrwnd", MetricKind::InitRwnd),
        ("quickack", MetricKind::QuickAck),
        ("fastopen_no_cookie", MetricKind::FastOpenNoCookie),
    ];

    /// The metric of a keyword.
    pub fn of(word: &str) -> Option<MetricKind> {
        MetricKind::ALL.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
    }

    /// Its keyword.
    pub fn word(self) -> &'static str {
        MetricKind::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// `congctl`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CongestionControl {
    /// Name of the algorithm.
    pub name: String,
    /// `lock`.
    pub lock: bool,
}

/// `pref`: the kernel's `ICMPV6_ROUTER_PREF_*` numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the words of the keyword")]
pub enum RoutePreference {
    Medium = 0,
    High = 1,
    Low = 3,
}

/// The place of a route among equal ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Placing {
    /// No word: as `prepend`. Routes of the host with the same key stay, and count again when this one is removed.
    #[serde(rename = "Replace")]
    Usual,
    /// `add`: only if there is no equal route.
    Add,
    /// `prepend`: before equal routes.
    Prepend,
    /// `append`: after equal routes.
    Append,
}

/// `nexthop`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NextHop {
    /// `via`.
    pub via: Option<IpAddr>,
    /// `dev`.
    pub device: Option<String>,
    /// `weight`, 1..=256; `None`: 1.
    pub weight: Option<u16>,
    /// `onlink`.
    pub onlink: bool,
    /// `encap`.
    pub encap: Option<Encap>,
    /// `realms`: the source realm in the upper and the destination realm in the lower 16 bits.
    pub realms: Option<u32>,
}

/// `encap`: a tunnel that the route leads into.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encap {
    /// `mpls`: labels of 20 bits, the outermost first; one or two.
    Mpls(Vec<u32>),
    /// `ip`.
    Ip(Tunnel),
    /// `ip6`.
    Ip6(Tunnel),
    /// `ila`: the locator; its first group is in the highest bits.
    Ila(u64),
}

/// Options of `encap ip` and `encap ip6`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tunnel {
    /// `id`.
    pub id: Option<u64>,
    /// `dst`.
    pub destination: Option<IpAddr>,
    /// `src`.
    pub source: Option<IpAddr>,
    /// `tos` / `tc`.
    pub tos: Option<u8>,
    /// `ttl` / `hoplimit`.
    pub ttl: Option<u8>,
    /// `flags`.
    pub flags: Option<u16>,
}

impl Route {
    /// The gateways without `dev`.
    pub fn gateways(&self) -> impl Iterator<Item = IpAddr> {
        let own = self.via.filter(|_| self.device.is_none());
        own.into_iter().chain(self.hops.iter().filter(|hop| hop.device.is_none()).filter_map(|hop| hop.via))
    }

    /// Destination and next hop, for messages.
    pub fn brief(&self) -> String {
        let (ip, length) = self.destination;
        let via = self.via.map_or(String::new(), |via| format!(" via {via}"));
        let device = self.device.as_ref().map_or(String::new(), |device| format!(" dev {device}"));
        let table = if self.table == TABLE_MAIN { String::new() } else { format!(" table {}", self.table) };
        format!("{ip}/{length}{via}{device}{table}")
    }
}
