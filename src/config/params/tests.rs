//! Tests of definitions and their uses.

use super::*;

fn expand_reported(params: &mut Params, text: &str, report: &mut Report) -> Vec<String> {
    let mut sources = Sources::default();
    let expanded = params.expand(&Line::new(0, 1, text), &Context::default(), &mut sources, report);
    let Some(Expanded { line, mut following, .. }) = expanded else { return vec![text.to_owned()] };
    let mut lines = vec![line.line().rest(0).text.to_owned()];
    while let Some(rest) = following.pop() {
        if let Some(line) = rest.line() {
            following.push(rest.after());
            match params.expand(&line, &rest.context, &mut sources, report) {
                None => lines.push(line.text.to_owned()),
                Some(expanded) => {
                    lines.push(expanded.line.line().rest(0).text.to_owned());
                    following.extend(expanded.following);
                }
            }
        }
    }
    lines
}

fn expand(params: &mut Params, text: &str) -> Vec<String> {
    expand_reported(params, text, &mut Report::default())
}

fn define(params: &mut Params, number: u32, name: &str, pieces: &[&str]) {
    let pieces = pieces.iter().map(|piece| Made::from(&Line::new(0, 9, piece))).collect();
    params.define(name.into(), number, pieces);
}

fn params() -> Params {
    let mut p = Params { config_id: "lb1".into(), directory: "/etc/k".into(), ..Params::default() };
    let list: [(&str, &[&str]); 9] = [
        ("A", &["hello world"]),
        ("B", &["x$A"]),
        ("C", &[""]),
        ("M", &["foo a", "foo $A", "foo c"]),
        ("N", &["n", "$M", "end"]),
        ("Q1", &["one"]),
        ("X", &["1"]),
        ("H", &["#"]),
        ("D", &["x$"]),
    ];
    for (number, (name, pieces)) in (1..).zip(list) {
        define(&mut p, number, name, pieces);
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
        ("$N", vec!["n", "foo a", "foo hello world", "foo c", "end"]),
        ("$M post", vec!["$M post"]),
        ("$UNDEF ${UNDEF}", vec!["$UNDEF ${UNDEF}"]),
        ("\"${_HASH}${_BANG}\" ${_INSTANCE} $_PWD", vec!["\"#!\" lb1 /etc/k"]),
        ("a ${_HASH} b", vec!["a"]),
        ("$H a", vec![""]),
        ("a # b", vec!["a # b"]),
        ("${_RANDOM 5 5}", vec!["5"]),
        ("${_RANDOM ${X} ${X}}", vec!["1"]),
        ("${Q${X}} $Q$X", vec!["one one"]),
        ("${D}D", vec!["xx$"]),
        ("${", vec!["${"]),
        ("${} $", vec!["${} $"]),
    ] {
        assert_eq!(expand(&mut params(), text), want, "{text}");
    }
}

#[test]
fn a_definition_of_itself_is_an_error() {
    for (name, list) in [
        ("S", &[("S", &["a ${S}${S}"][..])][..]),
        ("S", &[("S", &["$T"]), ("T", &["$U"]), ("U", &["$S"])]),
        ("S", &[("S", &["a", "b $S"])]),
    ] {
        let mut p = params();
        for (number, (name, pieces)) in (20..).zip(list) {
            define(&mut p, number, name, pieces);
        }
        let mut report = Report::default();
        let lines = expand_reported(&mut p, &format!("${name}"), &mut report);
        assert!(report.has_errors() && lines.len() < 20, "{lines:?}");
    }
}

#[test]
fn a_long_chain_of_definitions_is_no_circle() {
    let mut p = params();
    for n in 0..1000 {
        define(&mut p, n + 20, &format!("L{n}"), &[&format!("$L{}", n + 1)]);
    }
    let mut report = Report::default();
    assert_eq!(expand_reported(&mut p, "foo $L0", &mut report), ["foo $L1000"]);
    assert!(!report.has_errors());
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
    let line = Line::new(0, 1, "ab $A cd");
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let made = params().expand(&line, &Context::default(), &mut sources, &mut report).unwrap().line;
    let out = made.line();
    assert_eq!((out.at(3, 5).offset, out.at(3, 5).value), (3, 1));
    let cd = out.at(out.text.find("cd").unwrap(), 2);
    assert_eq!((cd.offset, cd.value), (6, 0));
}
