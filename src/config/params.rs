//! `$NAME` parameters: definitions, predefined ones, and their substitution.

use std::collections::HashMap;

use super::definition::{is_name, starts_name};
use super::diag::{Class, Report};
use super::line::{Line, Made, is_space};

/// Bytes a line may hold after substitution.
pub(crate) const MAX_LINE: usize = 1023;
/// Definitions used within definitions.
const MAX_DEPTH: u8 = 32;

/// What bounds substitution and repetition over all files, so that a short file cannot ask for endless work.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: u32,
    bytes: usize,
    exhausted: bool,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { steps: 1_000_000, bytes: 64 << 20, exhausted: false }
    }
}

impl Budget {
    /// Takes one step; false (and one error) when there are none left.
    pub fn step(&mut self, line: &Line<'_>, report: &mut Report) -> bool {
        if let Some(left) = self.steps.checked_sub(1) {
            self.steps = left;
            return true;
        }
        if !std::mem::replace(&mut self.exhausted, true) {
            report
                .error(Class::Fatal, line.at_all(), "parameters and repetitions expand to too many lines")
                .help("at most 1000000 substitutions and repeated lines are allowed");
        }
        false
    }

    /// Takes the bytes of a line that is kept; false (and one error) when there is no room left.
    pub fn room(&mut self, line: &Line<'_>, report: &mut Report) -> bool {
        if let Some(left) = self.bytes.checked_sub(line.text.len()) {
            self.bytes = left;
            return true;
        }
        if !std::mem::replace(&mut self.exhausted, true) {
            report
                .error(Class::Fatal, line.at_all(), "the configuration is too large")
                .help("at most 64 MiB are read, parameters substituted");
        }
        false
    }

    /// Whether a bound was hit: reading ends.
    pub fn exhausted(&self) -> bool {
        self.exhausted
    }
}

/// The parameters defined so far, and the sources of the predefined ones.
#[derive(Debug, Default)]
pub(crate) struct Params {
    defined: HashMap<String, Vec<String>>,
    /// `_INSTANCE`.
    pub config_id: String,
    /// `_PWD`: directory of the file being read.
    pub directory: String,
    /// `_ENV NAME`.
    pub env: Option<fn(&str) -> Option<String>>,
    random: u64,
    budget: Budget,
}

/// Variables of the loops around a line, innermost last.
pub(crate) type Scope = Vec<(String, String)>;

impl Params {
    /// Nothing defined yet.
    pub fn new(config_id: String, env: fn(&str) -> Option<String>, seed: u64) -> Params {
        Params { config_id, env: Some(env), random: seed, ..Params::default() }
    }

    /// Starts the `_RANDOM` series.
    pub fn seed(&mut self, seed: u64) {
        self.random = seed;
    }

    /// Defines or redefines a parameter; several pieces become several lines.
    pub fn define(&mut self, name: String, pieces: Vec<String>) {
        self.defined.insert(name, pieces);
    }

    /// The bound on all expansion.
    pub fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }

    /// Substitutes every parameter of a line; the result, not trimmed, is several lines when one was defined so.
    pub fn expand(&mut self, line: &Line<'_>, scope: &Scope, report: &mut Report) -> Vec<Made> {
        if !line.text.contains('$') {
            return vec![Made::from(line)];
        }
        let mut out =
            Expansion { done: Vec::new(), line: Made::at_place_of(line), origin: line, cut: false, stop: false };
        let chars: Vec<(usize, char)> = line.text.char_indices().collect();
        self.substitute(&chars, None, scope, 0, &mut out, report);
        if out.cut {
            report
                .error(Class::General, line.at_all(), "the line is too long once its parameters are substituted")
                .help("a line holds at most 1023 bytes");
        }
        out.done.push(out.line);
        out.done
    }

    /// `fixed` is the column of every character while within a definition's value.
    fn substitute(
        &mut self,
        chars: &[(usize, char)],
        fixed: Option<u32>,
        scope: &Scope,
        depth: u8,
        out: &mut Expansion<'_>,
        report: &mut Report,
    ) {
        let mut i = 0usize;
        while let Some(&(byte, c)) = chars.get(i).filter(|_| !out.stop) {
            let column = fixed.unwrap_or_else(|| out.origin.offset(byte));
            let after = chars.get(i.saturating_add(1)..).unwrap_or_default();
            let Some((name, used)) = (c == '$').then(|| reference(after)).flatten() else {
                out.push(c, column);
                i = i.saturating_add(1);
                continue;
            };
            let value = self.value(&name, scope, out.origin, report);
            let Some(pieces) = value else {
                out.push(c, column);
                i = i.saturating_add(1);
                continue;
            };
            i = i.saturating_add(1).saturating_add(used);
            if depth >= MAX_DEPTH {
                report
                    .error(Class::General, out.origin.at_all(), format!("the definition of ${name} refers to itself"))
                    .help("a definition may use others, but not itself");
                out.stop = true;
                return;
            }
            for (n, piece) in pieces.iter().enumerate() {
                if !self.budget.step(out.origin, report) {
                    return;
                }
                if n > 0 {
                    out.next_line();
                }
                let inner: Vec<(usize, char)> = piece.char_indices().collect();
                self.substitute(&inner, Some(column), scope, depth.saturating_add(1), out, report);
            }
        }
    }

    fn value(&mut self, name: &str, scope: &Scope, line: &Line<'_>, report: &mut Report) -> Option<Vec<String>> {
        if let Some((_, value)) = scope.iter().rev().find(|(n, _)| n == name) {
            return Some(vec![value.clone()]);
        }
        if let Some(pieces) = self.defined.get(name) {
            return Some(pieces.clone());
        }
        let mut words = name.split(is_space).filter(|w| !w.is_empty());
        let one = |s: String| Some(vec![s]);
        match words.next()? {
            "_PWD" => one(self.directory.clone()),
            "_INSTANCE" => one(self.config_id.clone()),
            "_HASH" => one("#".to_owned()),
            "_BANG" => one("!".to_owned()),
            "_ENV" => {
                let name = words.next()?;
                one(self.env.and_then(|env| env(name)).unwrap_or_default().replace(['\n', '\r', '\0'], " "))
            }
            "_RANDOM" => {
                let mut number = |default: i64| match words.next() {
                    None => Some(default),
                    Some(w) => w.parse().ok(),
                };
                let (low, high) = (number(0)?, number(32767)?);
                if low > high {
                    let text = format!("_RANDOM: {low} is larger than {high}; {low} is used");
                    report.warn(Class::InvalidNumber, line.at_all(), text);
                    return one(low.to_string());
                }
                let span = i128::from(high) - i128::from(low) + 1;
                let drawn = i128::from(self.next_random()).rem_euclid(span);
                one((i128::from(low) + drawn).to_string())
            }
            _ => None,
        }
    }

    /// SplitMix64: small, well mixed, and the same series for the same seed on every machine.
    fn next_random(&mut self) -> u32 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0)
    }
}

struct Expansion<'a> {
    done: Vec<Made>,
    line: Made,
    origin: &'a Line<'a>,
    /// The line is too long: the rest is cut off.
    cut: bool,
    /// Nothing more is substituted in this line.
    stop: bool,
}

impl Expansion<'_> {
    fn push(&mut self, c: char, column: u32) {
        if self.line.len().saturating_add(c.len_utf8()) > MAX_LINE {
            self.cut = true;
            self.stop = true;
        } else {
            self.line.push(c, column);
        }
    }

    fn next_line(&mut self) {
        let next = Made::at_place_of(self.origin);
        self.done.push(std::mem::replace(&mut self.line, next));
    }
}

/// The name after a `$` and the characters it takes: `{NAME}`, or `NAME` ended by blank, comma, `)` or the end.
fn reference(after: &[(usize, char)]) -> Option<(String, usize)> {
    if after.first()?.1 == '{' {
        let inner: String = after.iter().skip(1).map(|(_, c)| *c).take_while(|c| *c != '}').collect();
        let used = inner.chars().count().saturating_add(2);
        let closed = after.get(used.saturating_sub(1)).is_some();
        return (closed && !inner.is_empty()).then_some((inner, used));
    }
    let name: String = after.iter().map(|(_, c)| *c).take_while(|c| is_name(*c)).collect();
    let used = name.chars().count();
    let ended = after.get(used).is_none_or(|(_, c)| is_space(*c) || matches!(c, ',' | ')'));
    (ended && starts_name(&name)).then_some((name, used))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(params: &mut Params, text: &str) -> Vec<String> {
        let mut report = Report::default();
        let made = params.expand(&Line::new(0, 1, text), &Vec::new(), &mut report);
        made.iter().map(|made| made.line().rest(0).text.to_owned()).collect()
    }

    fn params() -> Params {
        let mut p = Params { config_id: "lb1".into(), directory: "/etc/k".into(), ..Params::default() };
        for (name, pieces) in
            [("A", vec!["hello world"]), ("B", vec!["x$A"]), ("C", vec![""]), ("M", vec!["foo a", "foo $A", "foo c"])]
        {
            p.define(name.into(), pieces.into_iter().map(String::from).collect());
        }
        p
    }

    #[test]
    fn substitution() {
        for (text, want) in [
            ("f1 $A", vec!["f1 hello world"]),
            ("f2$A", vec!["f2hello world"]),
            ("$B", vec!["xhello world"]),
            ("${A}f3", vec!["hello worldf3"]),
            ("f4$C;", vec!["f4$C;"]),
            ("f4${C};", vec!["f4;"]),
            ("$A,$A)", vec!["hello world,hello world)"]),
            ("pre $M", vec!["pre foo a", "foo hello world", "foo c"]),
            ("$UNDEF ${UNDEF}", vec!["$UNDEF ${UNDEF}"]),
            ("${_HASH}${_BANG} ${_INSTANCE} $_PWD", vec!["#! lb1 /etc/k"]),
            ("${_RANDOM 5 5}", vec!["5"]),
            ("${", vec!["${"]),
            ("${} $", vec!["${} $"]),
        ] {
            assert_eq!(expand(&mut params(), text), want, "{text}");
        }
    }

    #[test]
    fn a_definition_of_itself_is_an_error() {
        let mut p = params();
        p.define("S".into(), vec!["a ${S}${S}".into()]);
        let mut report = Report::default();
        p.expand(&Line::new(0, 1, "$S"), &Vec::new(), &mut report);
        assert!(report.has_errors());
    }

    #[test]
    fn the_same_seed_gives_the_same_series() {
        let draw = |seed| {
            let mut p = params();
            p.seed(seed);
            expand(&mut p, "${_RANDOM} ${_RANDOM} ${_RANDOM}")
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn columns_point_to_the_use() {
        let mut report = Report::default();
        let line = Line::new(0, 1, "ab $A cd");
        let made = params().expand(&line, &Vec::new(), &mut report);
        let out = made[0].line().rest(0);
        assert_eq!(out.at(3, 5).offset, 3);
        assert_eq!(out.at(out.text.find("cd").unwrap(), 2).offset, 6);
    }
}
