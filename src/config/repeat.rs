//! `~SEQ`, `~SEQx` and `~LST`: lines repeated with a variable.

use super::line::is_space;

/// A parsed repetition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// Names of the variables.
    pub vars: Vec<String>,
    /// Their values.
    pub values: Values,
}

/// Values of the rounds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// From, step, number of rounds, hexadecimal.
    Sequence(i64, i64, u64, bool),
    /// A row for each round, with a value for each variable.
    List(Vec<Vec<String>>),
}

impl Repeat {
    /// Number of rounds.
    pub fn rounds(&self) -> u64 {
        match &self.values {
            Values::Sequence(_, _, rounds, _) => *rounds,
            Values::List(rows) => rows.len() as u64,
        }
    }

    /// The variables of a round with their values.
    pub fn round(&self, n: u64) -> Vec<(String, String)> {
        match &self.values {
            Values::Sequence(from, step, _, hex) => {
                let value = i128::from(*from).saturating_add(i128::from(*step).saturating_mul(i128::from(n)));
                let text = if *hex { format!("{value:x}") } else { value.to_string() };
                self.vars.iter().map(|v| (v.clone(), text.clone())).collect()
            }
            Values::List(rows) => {
                let row = usize::try_from(n).ok().and_then(|n| rows.get(n));
                self.vars.iter().cloned().zip(row.into_iter().flatten().cloned()).collect()
            }
        }
    }
}

/// Splits the start of a repetition: keyword, offset after `(`, offset of `)`.
pub(crate) fn prefix(text: &str) -> Option<(&'static str, usize, usize)> {
    let keyword = ["~SEQx", "~SEQ", "~LST"].into_iter().find(|k| text.starts_with(k))?;
    let inside = text.get(keyword.len()..)?;
    let blanks = inside.len().saturating_sub(inside.trim_start_matches(is_space).len());
    let open = keyword.len().saturating_add(blanks);
    if text.get(open..)?.starts_with('(') {
        let start = open.saturating_add(1);
        let close = text.get(start..)?.find(')')?;
        return Some((keyword, start, start.saturating_add(close)));
    }
    None
}

/// Parses the text between the parentheses.
pub(crate) fn parse(keyword: &str, args: &str) -> Result<Repeat, String> {
    let fields: Vec<&str> = fields(args)?;
    let (first, rest) = fields.split_first().ok_or("it has no variable")?;
    if keyword == "~LST" { list(first, rest) } else { sequence(first, rest, keyword == "~SEQx") }
}

fn sequence(var: &str, numbers: &[&str], hex: bool) -> Result<Repeat, String> {
    let var = variable(var)?;
    let numbers: Vec<i64> = numbers.iter().map(|n| number(n)).collect::<Result<_, _>>()?;
    let natural = |from: i64, to: i64| if to < from { -1 } else { 1 };
    let (from, step, to) = match *numbers.as_slice() {
        [to] => {
            let from = if to < 0 { -1 } else { 1 };
            (from, natural(from, to), to)
        }
        [from, to] => (from, natural(from, to), to),
        [from, step, to] => (from, step, to),
        _ => return Err("write (VAR, [START, [STEP,]] END)".into()),
    };
    let distance = i128::from(to) - i128::from(from);
    let step_wide = i128::from(step);
    if step == 0 || distance.signum() * step_wide.signum() < 0 {
        return Err(format!("from {from} in steps of {step} never reaches {to}"));
    }
    if hex && (from < 0 || to < 0) {
        return Err("numbers of ~SEQx are not negative".into());
    }
    let rounds = distance.checked_div(step_wide).unwrap_or(0).saturating_add(1);
    let rounds = u64::try_from(rounds).unwrap_or(u64::MAX);
    Ok(Repeat { vars: vec![var], values: Values::Sequence(from, step, rounds, hex) })
}

fn list(vars: &str, values: &[&str]) -> Result<Repeat, String> {
    let inner = braces(vars);
    let names: Vec<&str> = inner.map_or(vec![vars], |i| i.split(',').map(str::trim).collect());
    let vars: Vec<String> = names.into_iter().map(variable).collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    for value in values {
        let mut row: Vec<String> = match braces(value) {
            Some(inner) if vars.len() > 1 => inner.split(',').map(|v| v.trim().to_owned()).collect(),
            _ => vec![(*value).to_owned()],
        };
        if row.len() > vars.len() {
            return Err(format!("'{value}' has more values than there are variables"));
        }
        if let Some(bad) = row.iter().find(|v| v.contains(is_space) && !v.starts_with('"')) {
            return Err(format!("the value '{bad}' contains a blank"));
        }
        row.resize(vars.len(), String::new());
        rows.push(row);
    }
    if rows.is_empty() {
        return Err("it has no values".into());
    }
    Ok(Repeat { vars, values: Values::List(rows) })
}

fn braces(text: &str) -> Option<&str> {
    text.strip_prefix('{')?.strip_suffix('}')
}

/// Splits at commas that are in neither braces nor quotes.
fn fields(args: &str) -> Result<Vec<&str>, String> {
    let (mut out, mut start, mut depth, mut quoted) = (Vec::new(), 0usize, 0u32, false);
    for (i, c) in args.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '{' if !quoted => depth = depth.saturating_add(1),
            '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                out.push(args.get(start..i).unwrap_or("").trim());
                start = i.saturating_add(1);
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err("a '{' is not closed".into());
    }
    out.push(args.get(start..).unwrap_or("").trim());
    Ok(out)
}

fn variable(name: &str) -> Result<String, String> {
    let good = super::definition::starts_name(name) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if good { Ok(name.to_owned()) } else { Err(format!("'{name}' is not a valid name of a variable")) }
}

/// Decimal, octal (leading 0) or hexadecimal (leading 0x), with sign.
fn number(text: &str) -> Result<i64, String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) => (16, hex),
        None if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let clean = digits.starts_with(|c: char| c.is_ascii_hexdigit());
    let value = clean.then(|| i64::from_str_radix(digits, radix).ok()).flatten();
    let value = value.ok_or_else(|| format!("'{text}' is not a number"))?;
    Ok(if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(text: &str) -> Vec<String> {
        let (keyword, start, end) = prefix(text).unwrap();
        let repeat = parse(keyword, &text[start..end]).unwrap();
        (0..repeat.rounds())
            .map(|n| repeat.round(n).into_iter().map(|(_, v)| v).collect::<Vec<_>>().join("/"))
            .collect()
    }

    #[test]
    fn sequences_and_lists() {
        for (text, want) in [
            ("~SEQ(x, 1, 3)", "1 2 3"),
            ("~SEQ(x, 3)", "1 2 3"),
            ("~SEQ(x, 5, -2, 1)", "5 3 1"),
            ("~SEQ(x, -3)", "-1 -2 -3"),
            ("~SEQ(x, 0x1e, 0x20)", "30 31 32"),
            ("~SEQ(x, 010)", "1 2 3 4 5 6 7 8"),
            ("~SEQx(x, 10, 12)", "a b c"),
            ("~SEQ(x,3,1)", "3 2 1"),
            ("~SEQ(x, 1, 4, 6)", "1 5"),
            ("~LST(x, a, b)", "a b"),
            ("~LST({x,y}, {a, b}, {c})", "a/b c/"),
            ("~SEQ (x, 2)", "1 2"),
        ] {
            assert_eq!(rounds(text).join(" "), want, "{text}");
        }
    }

    #[test]
    fn invalid_repetitions() {
        for (keyword, args) in [
            ("~SEQ", "x, 5, 1, 1"),
            ("~SEQ", "x, 1, 0, 5"),
            ("~SEQ", "x"),
            ("~SEQ", "1x, 2"),
            ("~SEQ", "x, a"),
            ("~SEQx", "x, -2, 2"),
            ("~LST", "x, a, b c"),
            ("~LST", "{x,y}, {a}, {c,d,e}"),
            ("~LST", "x"),
            ("~LST", "{x, a"),
        ] {
            assert!(parse(keyword, args).is_err(), "{keyword}({args})");
        }
        assert_eq!(prefix("~SEQ x"), None);
        assert_eq!(prefix("~SEQ(x, 1"), None);
    }

    #[test]
    fn a_billion_rounds_are_only_counted() {
        let repeat = parse("~SEQ", "x, -9223372036854775807, 9223372036854775807").unwrap();
        assert_eq!(repeat.rounds(), u64::MAX);
    }
}
