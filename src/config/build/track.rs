//! Trackers, and the track lists of instances and groups.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::super::diag::Class;
use super::super::model::{
    BfdInstance, InitFile, ParameterMatch, Track, TrackFile, TrackProcess, TrackScript, TrackSession, TrackerKind,
    Trackers,
};
use super::super::node::Node;
use super::super::value::Value;
use super::context::{Ctx, options, text};
use super::script;

/// Longest short name of a process, as in the kernel.
const COMM: usize = 15;

/// The track lists: keyword, kind, and the largest weight of an entry.
const LISTS: [(&str, TrackerKind, i64); 5] = [
    ("track_interface", TrackerKind::Interface, 253),
    ("track_script", TrackerKind::Script, 253),
    ("track_file", TrackerKind::File, 254),
    ("track_process", TrackerKind::Process, 254),
    ("track_bfd", TrackerKind::Bfd, 253),
];

/// Why a BFD session is not tracked, and the remedy.
type Silence = (&'static str, &'static str);
const LEFT_OUT: Silence = ("that session is not configured", "correct its bfd_instance block, or remove the entry");
const NOT_TO_VRRP: Silence = ("that session reports to the checkers only", "add 'vrrp' to its bfd_instance block");

/// All trackers of a configuration, with the default weights of entries.
#[derive(Default)]
pub(super) struct Defined {
    trackers: Trackers,
    weights: BTreeMap<(TrackerKind, String), (i16, bool)>,
    used: BTreeSet<(TrackerKind, String)>,
    /// BFD sessions that do not report to VRRP.
    silent: HashMap<String, Silence>,
    /// Members of sync groups without `sync_group_tracking_weight`.
    members: HashSet<String>,
}

/// Builds all tracker blocks. Unusable blocks, and the entries that refer to them, are reported and left out.
pub(super) fn defined(tree: &[Node<'_>], bfd: &[BfdInstance], ctx: &mut Ctx<'_, '_>) -> Defined {
    let mut defined = Defined { members: members(tree), ..Defined::default() };
    for (name, block) in named(tree, "vrrp_script") {
        let Some(tracker) = vrrp_script(name, block, ctx) else { continue };
        defined.note(TrackerKind::Script, name, (tracker.weight, tracker.reverse));
        defined.trackers.scripts.push(tracker);
    }
    for kind in ["track_file", "vrrp_track_file"] {
        for (name, block) in named(tree, kind) {
            let Some(tracker) = file(name, block, ctx) else { continue };
            if defined.trackers.files.iter().any(|known| known.name == name) {
                let text = format!("{kind} '{name}' is defined already: this one is ignored");
                ctx.report.fault(Class::General, block.at_arg(0), text).help("give each a name of its own");
                continue;
            }
            let weight = i16::try_from(tracker.weight).unwrap_or(1);
            defined.note(TrackerKind::File, name, (weight, tracker.reverse));
            defined.trackers.files.push(tracker);
        }
    }
    for (name, block) in named(tree, "vrrp_track_process") {
        let Some(tracker) = process(name, block, ctx) else { continue };
        defined.note(TrackerKind::Process, name, (tracker.weight, tracker.reverse));
        defined.trackers.processes.push(tracker);
    }
    for (name, _) in named(tree, "bfd_instance") {
        match bfd.iter().find(|session| session.name == name) {
            Some(session) if session.to_vrrp => {
                defined.note(TrackerKind::Bfd, name, (session.weight, session.reverse));
                let BfdInstance { weight, reverse, .. } = *session;
                defined.trackers.sessions.push(TrackSession { name: name.to_owned(), weight, reverse });
            }
            Some(_) => drop(defined.silent.insert(name.to_owned(), NOT_TO_VRRP)),
            None => drop(defined.silent.insert(name.to_owned(), LEFT_OUT)),
        }
    }
    defined
}

fn members(tree: &[Node<'_>]) -> HashSet<String> {
    let groups = tree.iter().filter(|n| n.keyword.name == "vrrp_sync_group" && !n.has("sync_group_tracking_weight"));
    let listed = groups.flat_map(|group| {
        let direct = group.children.iter().filter(|n| n.keyword.name == "INSTANCE");
        group.all("group").flat_map(|n| n.children.iter()).chain(direct)
    });
    listed.filter_map(|n| n.text(0)).map(str::to_owned).collect()
}

/// The first block of each name of a kind; further ones are reported with the lists.
fn named<'t, 'i>(tree: &'t [Node<'i>], kind: &'static str) -> impl Iterator<Item = (&'t str, &'t Node<'i>)> {
    let mut seen = HashSet::new();
    let blocks = tree.iter().filter(move |n| n.keyword.name == kind && !n.bad);
    blocks.filter_map(|block| Some((block.text(0)?, block))).filter(move |(name, _)| seen.insert(*name))
}

impl Defined {
    fn note(&mut self, kind: TrackerKind, name: &str, weight: (i16, bool)) {
        self.weights.insert((kind, name.to_owned()), weight);
    }

    /// The effect of the weights of the entries of an instance that is no address owner.
    pub(super) fn weights_of(&self, instance: &str) -> Weights {
        if self.members.contains(instance) { Weights::OfMember } else { Weights::Count }
    }

    /// The `track_file` blocks, which FILE_CHECK uses too.
    pub(super) fn files(&self) -> &[TrackFile] {
        &self.trackers.files
    }

    /// The trackers that are in a track list, with warnings about unused scripts and files; `checked` are the files that a FILE_CHECK
    /// uses. Processes are counted in any case, as C keepalived does.
    pub(super) fn into_used(self, tree: &[Node<'_>], checked: &[TrackFile], ctx: &mut Ctx<'_, '_>) -> Trackers {
        let Defined { mut trackers, used, .. } = self;
        let is_used = |kind, name: &str| used.contains(&(kind, name.to_owned()));
        for (name, block) in named(tree, "vrrp_script") {
            if !is_used(TrackerKind::Script, name) && trackers.scripts.iter().any(|s| s.name == name) {
                let text = format!("vrrp_script '{name}' is not run: no track_script lists it");
                ctx.report.warn(Class::General, block.at_arg(0), text).help("list it, or remove it");
            }
        }
        for (name, block) in ["track_file", "vrrp_track_file"].into_iter().flat_map(|kind| named(tree, kind)) {
            let of_name = |file: &TrackFile| file.name == name;
            let idle = !is_used(TrackerKind::File, name) && !checked.iter().any(of_name);
            if idle && trackers.files.iter().any(of_name) {
                let text =
                    format!("{} '{name}' is not read: no track_file list and no FILE_CHECK has it", block.keyword.name);
                ctx.report.warn(Class::General, block.at_arg(0), text).help("list it, or remove it");
            }
        }
        trackers.scripts.retain(|tracker| is_used(TrackerKind::Script, &tracker.name));
        trackers.files.retain(|tracker| is_used(TrackerKind::File, &tracker.name));
        trackers
    }
}

/// Rules for the entries of an instance or a group.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// Whether interfaces may be created later.
    pub dynamic: bool,
    /// The effect of the weights.
    pub weights: Weights,
}

/// The effect of the weights of entries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weights {
    /// They change the priority.
    Count,
    /// Those of an address owner have no effect.
    OfOwner,
    /// In a member of a sync group without `sync_group_tracking_weight` only those of interfaces and processes count.
    OfMember,
}

impl Weights {
    fn why(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::OfOwner => "the priority of an address owner does not change",
            Self::OfMember => "its sync group has no sync_group_tracking_weight",
        }
    }

    /// The weight that counts for an entry of `weight`, as in C keepalived; `None` if the entry has no effect.
    fn of(self, kind: TrackerKind, weight: i16) -> Option<i16> {
        match (self, kind) {
            (Self::Count, _) => Some(weight),
            (Self::OfMember, TrackerKind::Interface | TrackerKind::Process) => Some(weight),
            // 1 is the default of files: the entry may be meant without a weight.
            (_, TrackerKind::File) if weight == 1 => Some(0),
            _ => (weight == 0).then_some(0),
        }
    }
}

/// The entries of all track lists of an instance or a group, in the order of [`LISTS`]. Names without a block were reported
/// before.
pub(super) fn entries(block: &Node<'_>, rules: Rules, defined: &mut Defined, ctx: &mut Ctx<'_, '_>) -> Vec<Track> {
    let mut list: Vec<Track> = Vec::new();
    for (keyword, kind, most) in LISTS {
        let mut seen = HashSet::new();
        for entry in block.all(keyword).flat_map(|n| n.children.iter()).filter(|n| !n.bad) {
            let Some(name) = entry.text(0) else { continue };
            let key = (kind, name.to_owned());
            let default = if kind == TrackerKind::Interface {
                ctx.interface(name, entry.at_arg(0), rules.dynamic);
                (0, false)
            } else {
                if kind == TrackerKind::Bfd
                    && let Some((why, remedy)) = defined.silent.get(name)
                {
                    ctx.mistake(entry.at(), format!("'{name}' is not tracked: {why}"), *remedy);
                }
                let Some(default) = defined.weights.get(&key) else { continue };
                *default
            };
            let (weight, reverse) = entry_weight(entry, most, default, ctx);
            if !seen.insert(name) {
                let text = format!("'{name}' is tracked twice: the first entry counts, this one is ignored");
                ctx.adjusted(entry.at(), text).help("remove one of them");
                continue;
            }
            if kind != TrackerKind::Interface {
                defined.used.insert(key);
            }
            let why = rules.weights.why();
            let Some(counted) = rules.weights.of(kind, weight) else {
                ctx.adjusted(entry.at(), format!("'{name}' with weight {weight} has no effect: {why}"))
                    .help("write weight 0, or remove the entry");
                continue;
            };
            if counted != weight {
                let text = format!("'{name}' is taken with weight 0, so that a wrong number is a fault: {why}");
                ctx.adjusted(entry.at(), text).help("write weight 0");
            } else if rules.weights == Weights::OfMember && weight != 0 {
                let text = format!("'{name}' with weight {weight} changes the priority of this instance alone: {why}");
                ctx.adjusted(entry.at(), text).help("add sync_group_tracking_weight, or track it in the sync group");
            }
            let weight = counted;
            list.push(Track { kind, name: name.to_owned(), weight, reverse });
        }
    }
    list
}

/// `weight N [reverse|noreverse]` of an entry; the defaults are those of the tracker.
fn entry_weight(entry: &Node<'_>, most: i64, default: (i16, bool), ctx: &mut Ctx<'_, '_>) -> (i16, bool) {
    let Some((_, args)) = options(&entry.args).filter(|(option, _)| *option == "weight").last() else {
        return default;
    };
    let weight = match args.first().map(|a| &a.value) {
        Some(Value::Int(n)) => *n,
        _ => 0,
    };
    let reverse = match args.get(1).and_then(|a| text(&a.value)) {
        Some(word) => word == "reverse",
        None => default.1,
    };
    (limited(entry, weight, most, ctx), reverse)
}

/// `weight N [reverse]` of a tracker; default 0.
fn weight(block: &Node<'_>, most: i64, ctx: &mut Ctx<'_, '_>) -> (i16, bool) {
    let Some(node) = block.last("weight") else { return (0, false) };
    (limited(node, node.int(0).unwrap_or(0), most, ctx), node.text(1) == Some("reverse"))
}

fn limited(node: &Node<'_>, weight: i64, most: i64, ctx: &mut Ctx<'_, '_>) -> i16 {
    let taken = weight.clamp(-most, most);
    if taken != weight {
        let draft = ctx.adjusted(node.at(), format!("weight {weight} is taken as {taken}"));
        draft.help(format!("write weight {taken}"));
    }
    i16::try_from(taken).unwrap_or(0)
}

fn vrrp_script(name: &str, block: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<TrackScript> {
    let node = block.last("script")?;
    let mut script = script::command(node, ctx)?;
    if let Some(node) = block.last("user") {
        // With an unknown user the script must not run as another user.
        script.user = Some(script::user(node, node.words().get(1..).unwrap_or_default(), ctx)?);
    }
    if !script::has_user(node, &script, ctx) || !script::trackable(node, &script, ctx) {
        return None;
    }
    let (weight, reverse) = weight(block, 253, ctx);
    let interval = period(block, "interval", ctx).unwrap_or(Duration::from_secs(1));
    Some(TrackScript {
        name: name.to_owned(),
        script,
        interval,
        timeout: period(block, "timeout", ctx).unwrap_or(interval),
        weight,
        reverse,
        rise: block.last("rise").and_then(|n| n.u32(0)).unwrap_or(1),
        fall: block.last("fall").and_then(|n| n.u32(0)).unwrap_or(1),
        init_fail: block.has("init_fail"),
    })
}

/// `interval` or `timeout`; 0 is taken as 1 s.
fn period(block: &Node<'_>, keyword: &str, ctx: &mut Ctx<'_, '_>) -> Option<Duration> {
    let node = block.last(keyword)?;
    let millis = node.uint(0)?;
    if millis == 0 {
        ctx.adjusted(node.at(), format!("{keyword} 0 is taken as 1")).help(format!("write {keyword} 1"));
        return Some(Duration::from_secs(1));
    }
    Some(Duration::from_millis(millis))
}

fn file(name: &str, block: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<TrackFile> {
    let path = block.last("file").and_then(|n| n.text(0))?.to_owned();
    let weight = block.last("weight");
    let init = block.last("init_file").map(|node| {
        let words = [node.text(0), node.text(1)];
        let number = words.iter().flatten().find(|word| **word != "overwrite");
        let value = number.map(|word| word.parse::<i32>());
        if let Some(Err(_)) = value {
            let text = format!("'{}' is not a 32-bit number; 0 is written", number.copied().unwrap_or_default());
            ctx.adjusted(node.at_arg(0), text).help("write init_file NUMBER");
        }
        let value = value.and_then(Result::ok).unwrap_or(0);
        if !(-254..=254).contains(&value) {
            let text = format!("{value} is more than a priority can change by");
            ctx.adjusted(node.at_arg(0), text).help("use -254 to 254");
        }
        InitFile { value, overwrite: words.contains(&Some("overwrite")) }
    });
    Some(TrackFile {
        name: name.to_owned(),
        path,
        weight: weight.and_then(|n| n.int(0)).and_then(|n| i32::try_from(n).ok()).unwrap_or(1),
        reverse: weight.and_then(|n| n.text(1)) == Some("reverse"),
        init,
    })
}

fn process(name: &str, block: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<TrackProcess> {
    let node = block.last("process")?;
    let mut words = node.args.iter().filter_map(|arg| text(&arg.value)).map(str::to_owned);
    let command = words.next()?;
    let parameters: Vec<String> = words.collect();
    let matched = block.last("param_match");
    let by_command_line = matched.is_some() || !parameters.is_empty() || block.has("full_command");
    if !by_command_line {
        let remedy = if command.contains('/') {
            Some("the short name of a process has no '/'")
        } else if command.len() > COMM {
            Some("the short name of a process has at most 15 characters")
        } else {
            None
        };
        if let Some(why) = remedy {
            ctx.adjusted(node.at_arg(0), format!("'{command}' matches no process: {why}"))
                .help("add full_command to compare the command line");
        }
    }
    let (weight, reverse) = weight(block, 254, ctx);
    let delay = |keyword: &str| block.last(keyword).and_then(|n| n.uint(0)).map(Duration::from_micros);
    let both = delay("delay").unwrap_or(Duration::ZERO);
    let quorum_max = block.last("quorum_max").and_then(|n| n.u32(0));
    let quorum = block.last("quorum").and_then(|n| n.u32(0));
    let quorum = if quorum_max == Some(0) { 0 } else { quorum.unwrap_or(1) };
    if let Some(most) = quorum_max.filter(|most| *most < quorum) {
        let text = format!("quorum_max {most} is less than quorum {quorum}; there is no upper limit");
        ctx.adjusted(block.last("quorum_max").unwrap_or(block).at(), text).help("write at least the quorum");
    }
    Some(TrackProcess {
        name: name.to_owned(),
        command,
        matching: match matched.map(|n| n.text(0)) {
            Some(Some("initial")) => ParameterMatch::Initial,
            Some(Some("partial")) => ParameterMatch::Partial,
            _ => ParameterMatch::Exact,
        },
        parameters: (matched.is_some() || !parameters.is_empty()).then_some(parameters),
        full_command: block.has("full_command"),
        weight,
        reverse,
        quorum,
        quorum_max: quorum_max.filter(|most| *most >= quorum),
        fork_delay: delay("fork_delay").unwrap_or(both),
        terminate_delay: delay("terminate_delay").unwrap_or(both),
    })
}
