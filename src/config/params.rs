//! `$NAME` parameters: definitions, predefined ones, and their substitution.
//!
//! Substitution works as in C keepalived: the leftmost defined parameter is replaced by its value, and the result is searched
//! again, so that `${PRIO_${_INSTANCE}}` becomes the value of `PRIO_lb1`.

mod work;

use std::collections::HashMap;
use std::rc::Rc;

use super::diag::Class;
use super::line::{Line, Made, is_space};
use super::place::{At, NOWHERE, Sources};
use super::report::Report;
pub(crate) use work::MAX_LINE;
use work::{Reference, Work};

/// Most substitutions and repeated lines.
const MAX_STEPS: u32 = 500_000;
/// Most bytes of all files, each inclusion counted, and of the lines that are made from them.
const MAX_BYTES: usize = 32 << 20;

/// Bounds substitution and repetition over all files, so that a short file cannot cause unlimited work.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: u32,
    bytes: usize,
    exhausted: bool,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { steps: MAX_STEPS, bytes: MAX_BYTES, exhausted: false }
    }
}

impl Budget {
    /// Takes one step; false, with one error, when no steps are left.
    pub fn step(&mut self, line: &Line<'_>, report: &mut Report) -> bool {
        if let Some(left) = self.steps.checked_sub(1) {
            self.steps = left;
            return true;
        }
        if !std::mem::replace(&mut self.exhausted, true) {
            report
                .error(Class::Fatal, line.at_all(), "parameters and repetitions expand to too many lines")
                .help(format!("at most {MAX_STEPS} substitutions and repeated lines are allowed"));
        }
        false
    }

    /// Takes the bytes of a line; false, with one error, when no bytes are left.
    pub fn room(&mut self, line: &Line<'_>, report: &mut Report) -> bool {
        if let Some(left) = self.bytes.checked_sub(line.text.len()) {
            self.bytes = left;
            return true;
        }
        if !std::mem::replace(&mut self.exhausted, true) {
            report
                .error(Class::Fatal, line.at_all(), "the configuration is too large")
                .help(format!("at most {} MiB are read, parameters substituted", MAX_BYTES >> 20));
        }
        false
    }

    /// Bytes that are left.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a bound was reached, so that reading stops.
    pub fn exhausted(&self) -> bool {
        self.exhausted
    }
}

/// Value of a parameter.
#[derive(Debug)]
pub(crate) struct Definition {
    /// Its number in [`Sources::reference`], also different from that of a later definition of the same name.
    number: u32,
    /// Its lines, without comments; parameters in them are replaced at the use.
    pieces: Vec<Made>,
}

/// A use of a definition inside the use of another, to detect a definition that uses itself. Numbered from 1; `outer` is the
/// number of the outer use, or 0.
#[derive(Debug)]
struct Link {
    definition: u32,
    outer: u32,
    depth: u32,
}

/// Variables of one round of a repetition, and those of the repetitions around it.
#[derive(Debug)]
struct Round {
    vars: Vec<(String, String)>,
    outer: Option<Rc<Round>>,
    depth: u32,
}

impl Round {
    fn value(&self, name: &str) -> Option<&str> {
        let mut round = Some(self);
        while let Some(Round { vars, outer, .. }) = round {
            if let Some((_, value)) = vars.iter().rev().find(|(var, _)| var == name) {
                return Some(value);
            }
            round = outer.as_deref();
        }
        None
    }
}

/// The repetitions and definitions that a line comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// The round of a repetition that the line belongs to.
    round: Option<Rc<Round>>,
    /// The innermost use of a definition that the line belongs to, see [`Link`]; 0 = none.
    chain: u32,
}

impl Context {
    /// The context of the same line in a round of a repetition.
    pub fn in_round(&self, vars: Vec<(String, String)>) -> Context {
        let depth = self.depth().saturating_add(1);
        let round = Round { vars, outer: self.round.clone(), depth };
        Context { round: Some(Rc::new(round)), chain: self.chain }
    }

    /// Number of repetitions around the line.
    pub fn depth(&self) -> u32 {
        self.round.as_ref().map_or(0, |round| round.depth)
    }
}

/// The remaining lines of a definition, to be read after the line with its use.
#[derive(Clone, Debug)]
pub(crate) struct Following {
    definition: Rc<Definition>,
    next: usize,
    used: u32,
    /// Their context.
    pub context: Context,
}

impl Following {
    /// The next line.
    pub fn line(&self) -> Option<Line<'_>> {
        self.definition.pieces.get(self.next).map(|piece| piece.line().used_at(self.used))
    }

    /// The lines after the next.
    pub fn after(&self) -> Following {
        Following { next: self.next.saturating_add(1), ..self.clone() }
    }
}

/// A line with its parameters replaced.
#[derive(Debug)]
pub(crate) struct Expanded {
    /// The first line, not trimmed.
    pub line: Made,
    /// Its context.
    pub context: Context,
    /// The lines after it, in reverse order.
    pub following: Vec<Following>,
}

/// The parameters defined so far, and the sources of the predefined ones.
#[derive(Debug, Default)]
pub(crate) struct Params {
    defined: HashMap<String, Rc<Definition>>,
    /// `_INSTANCE`.
    pub config_id: String,
    /// `_PWD`: directory of the file being read.
    pub directory: String,
    /// `_ENV NAME`.
    pub env: Option<fn(&str) -> Option<String>>,
    random: u64,
    budget: Budget,
    links: Vec<Link>,
}

/// Replacement of a parameter.
enum Value {
    Text(String),
    Defined(Rc<Definition>),
}

impl Params {
    /// No definitions yet.
    pub fn new(config_id: String, env: fn(&str) -> Option<String>, seed: u64) -> Params {
        Params { config_id, env: Some(env), random: seed, ..Params::default() }
    }

    /// Starts the `_RANDOM` series.
    pub fn seed(&mut self, seed: u64) {
        self.random = seed;
    }

    /// Defines or redefines a parameter. `number` = its place in the sources.
    pub fn define(&mut self, name: String, number: u32, pieces: Vec<Made>) {
        self.defined.insert(name, Rc::new(Definition { number, pieces }));
    }

    /// The bound on expansion.
    pub fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }

    /// Replaces every parameter of a line; `None` when there is nothing to replace.
    pub fn expand(
        &mut self,
        line: &Line<'_>,
        context: &Context,
        sources: &mut Sources,
        report: &mut Report,
    ) -> Option<Expanded> {
        let mut work = Work::new(line, context.chain);
        let mut following = Vec::new();
        let mut from = 0usize;
        let mut changed = false;
        // Number of `following` when the line became one of a definition.
        let mut before = 0;
        while let Some(found) = work.next_reference(from) {
            let Reference { start, end, name } = found;
            from = start.saturating_add(1);
            let Some(value) = self.value(&name, context, &work.at(start, end), report) else { continue };
            if !self.budget.step(line, report) {
                break;
            }
            // Text after the use of a definition is not part of the definition.
            let chain = work.chain(end.saturating_sub(1));
            match value {
                Value::Text(text) => work.replace(start, end, &text, NOWHERE, chain),
                Value::Defined(definition) => {
                    let several = definition.pieces.len() > 1;
                    if several && !work.is_blank(end, work.text.len()) {
                        let text =
                            format!("'${name}' has several lines and is followed by other text: it is not replaced");
                        report.fault(Class::General, work.at(start, end), text).help("put it at the end of its line");
                        work.leave(start);
                        continue;
                    }
                    let Some(inner) = self.enter(&definition, chain) else {
                        report
                            .error(
                                Class::General,
                                work.at(start, end),
                                format!("the definition of ${name} refers to itself"),
                            )
                            .help("a definition may use others, but not itself");
                        work.leave(start);
                        continue;
                    };
                    let whole = work.is_blank(0, start) && work.is_blank(end, work.text.len());
                    let used = if several || whole { sources.refer(work.at(start, end)) } else { 0 };
                    if several {
                        let context = Context { round: context.round.clone(), chain: inner };
                        following.push(Following { definition: Rc::clone(&definition), next: 1, used, context });
                    }
                    let Some(first) = definition.pieces.first() else { continue };
                    if whole {
                        // From here on the line is a line of the definition.
                        work = Work::new(&first.line().used_at(used), inner);
                        before = following.len();
                    } else {
                        work.replace(start, end, first.line().text, definition.number, inner);
                    }
                }
            }
            changed = true;
            if work.is_cut {
                report
                    .fault(
                        Class::General,
                        line.at_all(),
                        "the line is too long with its definitions replaced: the rest is cut off",
                    )
                    .help(format!("a line has at most {MAX_LINE} bytes"));
                break;
            }
            // The replacement may complete the name of a parameter to its left.
            from = work.text.get(..start).and_then(|text| text.rfind('$')).unwrap_or(start);
        }
        if !changed {
            return None;
        }
        let chain = work.line_chain;
        work.cut_comment(following.len() > before, report);
        Some(Expanded { line: work.made(), context: Context { round: context.round.clone(), chain }, following })
    }

    /// Replaces the variables of repetitions only: a definition remains after its repetition.
    pub fn expand_variables(&mut self, line: &Line<'_>, context: &Context, report: &mut Report) -> Made {
        let mut work = Work::new(line, 0);
        let mut from = 0usize;
        while let Some(found) = work.next_reference(from) {
            let Reference { start, end, name } = found;
            from = start.saturating_add(1);
            let value = context.round.as_ref().and_then(|round| round.value(&name)).map(str::to_owned);
            let Some(value) = value else { continue };
            if !self.budget.step(line, report) || work.is_cut {
                break;
            }
            work.replace(start, end, &value, NOWHERE, 0);
        }
        work.made()
    }

    /// Adds the use of a definition inside another use, and gives its number; `None` when the definition is in use already.
    fn enter(&mut self, definition: &Definition, outer: u32) -> Option<u32> {
        let link = |number: u32| (number as usize).checked_sub(1).and_then(|n| self.links.get(n));
        let depth = link(outer).map_or(0, |link| link.depth).saturating_add(1);
        // A definition that uses itself nests without end, so it is enough to check at some depths.
        if depth.is_power_of_two() {
            let mut at = link(outer);
            while let Some(Link { definition: number, outer, .. }) = at {
                if *number == definition.number {
                    return None;
                }
                at = link(*outer);
            }
        }
        self.links.push(Link { definition: definition.number, outer, depth });
        u32::try_from(self.links.len()).ok()
    }

    fn value(&mut self, name: &str, context: &Context, at: &At, report: &mut Report) -> Option<Value> {
        if let Some(value) = context.round.as_ref().and_then(|round| round.value(name)) {
            return Some(Value::Text(value.to_owned()));
        }
        if let Some(definition) = self.defined.get(name) {
            return Some(Value::Defined(Rc::clone(definition)));
        }
        let mut words = name.split(is_space).filter(|w| !w.is_empty());
        let text = match words.next()? {
            "_PWD" => self.directory.clone(),
            "_INSTANCE" => self.config_id.clone(),
            "_HASH" => "#".to_owned(),
            "_BANG" => "!".to_owned(),
            "_ENV" => {
                let name = words.next()?;
                self.env.and_then(|env| env(name)).unwrap_or_default().replace(['\n', '\r', '\0'], " ")
            }
            "_RANDOM" => {
                let mut number = |default: i64| match words.next() {
                    None => Some(default),
                    Some(w) => w.parse().ok(),
                };
                let (low, high) = (number(0)?, number(32767)?);
                if low > high {
                    let text = format!("_RANDOM: {low} is larger than {high}; {low} is used");
                    report.warn(Class::InvalidNumber, *at, text);
                    return Some(Value::Text(low.to_string()));
                }
                let span = i128::from(high) - i128::from(low) + 1;
                let drawn = i128::from(self.next_random()).rem_euclid(span);
                (i128::from(low) + drawn).to_string()
            }
            _ => return None,
        };
        Some(Value::Text(text))
    }

    /// SplitMix64: the same series for the same seed on every machine.
    fn next_random(&mut self) -> u32 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
