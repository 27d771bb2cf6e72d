//! Tests of replies in pieces of any size, digests, and patterns in bodies longer than the window.

use md5::{Digest, Md5};
use proptest::prelude::*;

use super::reader::{MAX_HEAD, Part, Reader};
use super::regex::Pattern;
use super::search::Search;
use super::{HttpConversation, request};
use crate::check::conversation::{Conversation, Verdict};
use crate::config::lvs::{HttpVersion, RegexCheck, UrlCheck};

fn url() -> UrlCheck {
    UrlCheck {
        path: "/".into(),
        host: "h".into(),
        digest: None,
        status: vec![(200, 299)],
        regex: None,
        close_notify: false,
    }
}

fn regex(pattern: &str) -> RegexCheck {
    RegexCheck { pattern: pattern.into(), no_match: false, options: Vec::new(), min_offset: 0, max_offset: None }
}

/// The verdict on a reply that is received in pieces of this size and ends with a close.
fn verdict(url: &UrlCheck, reply: &[u8], piece: usize) -> Verdict {
    let pattern = url.regex.as_ref().map(Pattern::new);
    let mut talk = HttpConversation::new(url, HttpVersion::V11, pattern.as_ref());
    assert_eq!(talk.connected(&mut Vec::new()), None);
    for octets in reply.chunks(piece) {
        if let Some(verdict) = talk.received(octets, &mut Vec::new()).or_else(|| searched(&mut talk)) {
            return verdict;
        }
    }
    talk.closed().or_else(|| searched(&mut talk)).expect("a verdict at the close")
}

/// Runs the pending searches.
fn searched(talk: &mut HttpConversation) -> Option<Verdict> {
    while let Some(look) = talk.look() {
        let verdict = talk.looked(look.run(&mut || Ok(())));
        if verdict.is_some() {
            return verdict;
        }
    }
    None
}

fn all_pieces(url: &UrlCheck, reply: &[u8]) -> Verdict {
    let whole = verdict(url, reply, usize::MAX);
    for piece in [1, 2, 3, 7, 4096] {
        assert_eq!(verdict(url, reply, piece), whole, "in pieces of {piece}");
    }
    whole
}

#[test]
fn requests_depend_on_the_version() {
    let text = |version| String::from_utf8(request("/a?b", "www.example.org", version)).unwrap();
    let close = "Connection: close\r\n";
    let expected = |number, connection| {
        format!("GET /a?b HTTP/{number}\r\nUser-Agent: KeepAliveClient\r\n{connection}Host: www.example.org\r\n\r\n")
    };
    assert_eq!(text(HttpVersion::V10), expected("1.0", ""));
    assert_eq!(text(HttpVersion::V10Close), expected("1.0", close));
    assert_eq!(text(HttpVersion::V11), expected("1.1", close));
}

#[test]
fn verdicts_by_replies() {
    let good = [
        "HTTP/1.0 200 OK\r\n\r\nbody",
        "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\ncontent-LENGTH:4 \r\n\r\nbody and more",
        "HTTP/1.1 200\n\nbody",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n4;x=y\r\nbody\r\n 00 \r\nTrailer: x\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nContent-Length: 4 octets\r\n\r\nbody",
    ];
    for reply in good {
        assert_eq!(all_pieces(&url(), reply.as_bytes()), Ok(()), "{reply:?}");
    }
    let bad = [
        ("", "empty reply"),
        ("HTTP/1.1 200 OK\r\nContent-", "closed within the header"),
        ("HTTP/1.1 100 Continue\r\n\r\n", "closed within the header"),
        ("HTTP/1.1 404 Not Found\r\n\r\n", "status code 404"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "not an HTTP reply"),
        ("\r\n\r\n", "not an HTTP reply"),
        ("HTTP/1.1 2x0 OK\r\n\r\n", "not an HTTP reply"),
        ("HTTP/1.1 2000 OK\r\n\r\n", "not an HTTP reply"),
        ("HTTP/1.1\r\n\r\n", "not an HTTP reply"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "bad chunk size"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbodyx", "bad end of a chunk"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1111111111111111\r\n", "huge chunk"),
    ];
    for (reply, reason) in bad {
        assert_eq!(all_pieces(&url(), reply.as_bytes()), Err(reason.to_owned()), "{reply:?}");
    }
}

#[test]
fn status_digest_and_regex_must_all_pass() {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody, and what is not counted";
    let mut check = url();
    check.digest = Some(Md5::digest(b"body").into());
    check.regex = Some(regex("^b.dy$"));
    assert_eq!(all_pieces(&check, reply), Ok(()));
    check.status = vec![(100, 199), (201, 599)];
    assert_eq!(all_pieces(&check, reply), Err("status code 200".into()));
    check.status = vec![(200, 200)];
    check.digest = Some([0; 16]);
    assert_eq!(all_pieces(&check, reply), Err("digest is 841a2d689ad86bd1611447453c22c6fc".into()));
    check.digest = None;
    check.regex = Some(regex("^bodies$"));
    assert_eq!(all_pieces(&check, reply), Err("regex does not match".into()));
    check.regex.as_mut().unwrap().no_match = true;
    assert_eq!(all_pieces(&check, reply), Ok(()));
    check.regex.as_mut().unwrap().pattern = b"body".to_vec();
    assert_eq!(all_pieces(&check, reply), Err("regex matches".into()));
}

/// The digest covers the received octets up to Content-Length. A wrong length is no failure: status and digest decide.
#[test]
fn a_wrong_content_length_is_no_failure_by_itself() {
    for (length, body, counted) in [
        ("Content-Length: 20\r\n", "hello", "hello"),
        ("Content-Length: 20\r\n", "", ""),
        ("Content-Length: 3\r\n", "hello", "hel"),
        ("Content-Length: 0\r\n", "hello", ""),
        ("Content-Length: -1\r\n", "hello", "hello"),
        ("Content-Length: abc\r\n", "hello", "hello"),
        ("Content-Length: 3 junk\r\n", "hello", "hello"),
        ("Content-Length: 3\r\nContent-Length: 4\r\n", "hello", "hel"),
        ("Content-Length: 4\r\nContent-Length: 3\r\n", "hello", "hell"),
        ("Content-Length: 99999999999999999999\r\n", "hello", "hello"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhel", "hel"),
    ] {
        let reply = |status| format!("HTTP/1.1 {status}\r\n{length}\r\n{body}");
        assert_eq!(all_pieces(&url(), reply("200 OK").as_bytes()), Ok(()), "{length:?}");
        assert_eq!(all_pieces(&url(), reply("503 No").as_bytes()), Err("status code 503".into()), "{length:?}");
        let digest = |text: &str| UrlCheck { digest: Some(Md5::digest(text).into()), ..url() };
        assert_eq!(all_pieces(&digest(counted), reply("200 OK").as_bytes()), Ok(()), "{length:?}");
        assert!(all_pieces(&digest("hello!"), reply("200 OK").as_bytes()).is_err(), "{length:?}");
    }
}

#[test]
fn endless_headers_and_trailers_are_failures() {
    let header = format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(MAX_HEAD));
    assert_eq!(verdict(&url(), header.as_bytes(), 1000), Err("endless header".into()));
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    let trailer = format!("{head}{}", "x: y\r\n".repeat(MAX_HEAD));
    assert_eq!(verdict(&url(), trailer.as_bytes(), 1000), Err("endless trailer".into()));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_HEAD);
    assert_eq!(verdict(&url(), interim.as_bytes(), 1000), Err("endless interim replies".into()));
    for before in ["", "1;", "1\r\nx\r"] {
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{before}");
        let octet = if before.ends_with('\r') { "\r" } else { " " };
        let framing = head + &octet.repeat(2 * MAX_HEAD);
        assert_eq!(verdict(&url(), framing.as_bytes(), 1000), Err("endless chunk header".into()), "{before:?}");
    }
}

/// Whether the pattern matches a body that is received in pieces of this size.
fn search(check: &RegexCheck, body: &[u8], piece: usize) -> Result<bool, String> {
    let mut search = Search::new(Pattern::new(check));
    for octets in body.chunks(piece) {
        search.push(octets);
        look(&mut search)?;
    }
    search.end();
    look(&mut search)?;
    Ok(search.outcome().expect("an outcome at the end of the body"))
}

/// Runs the pending searches.
fn look(search: &mut Search) -> Result<(), String> {
    while let Some(look) = search.look() {
        search.looked(look.run(&mut || Ok(())))?;
    }
    Ok(())
}

fn with(pattern: &str, options: &[&str]) -> RegexCheck {
    let options = options.iter().map(|option| (*option).into()).collect();
    RegexCheck { options, ..regex(pattern) }
}

#[test]
fn patterns_match_at_any_position_of_a_body() {
    let mut body = vec![b'.'; 300_000];
    for at in [0, 4090, 65_526, 65_530, 65_536, 98_300, 131_072, 299_990] {
        body[at..at + 10].copy_from_slice(b"needle1234");
        for piece in [977, 4096, 300_000] {
            assert_eq!(search(&regex(r"needle\d{4}"), &body, piece), Ok(true), "at {at} by {piece}");
            assert_eq!(search(&regex(r"(?<=\.)needle"), &body, piece), Ok(at > 0), "look-behind at {at} by {piece}");
            assert_eq!(search(&regex(r"\Aneedle"), &body, piece), Ok(at == 0), "anchored at {at} by {piece}");
            assert_eq!(search(&regex(r"1234\z"), &body, piece), Ok(at == 299_990), "end at {at} by {piece}");
            assert_eq!(search(&regex(r"1234$"), &body, piece), Ok(at == 299_990), "end at {at} by {piece}");
        }
        body[at..at + 10].fill(b'.');
    }
    assert_eq!(search(&regex("needle"), &body, 4096), Ok(false));
}

#[test]
fn offsets_limit_the_start_of_a_match() {
    let body = [vec![b'.'; 100_000], b"needle".to_vec(), vec![b'.'; 100_000]].concat();
    let bounded = |min_offset, max_offset| RegexCheck { min_offset, max_offset, ..regex("needle") };
    for (min, max, expected) in [
        (0, None, true),
        (100_000, None, true),
        (100_001, None, false),
        (0, Some(100_000), true),
        (0, Some(99_999), false),
        (99_999, Some(100_001), true),
        (150_000, Some(10), true),
        (usize::MAX, None, false),
    ] {
        for piece in [4096, 1_000_000] {
            assert_eq!(search(&bounded(min, max), &body, piece), Ok(expected), "{min}..{max:?} by {piece}");
        }
    }
}

#[test]
fn pattern_options_have_an_effect() {
    for (pattern, option, body, without, having) in [
        ("ABC", "caseless", "abc", false, true),
        ("a.c", "dotall", "a\nc", false, true),
        ("a b c", "extended", "abc", false, true),
        ("a b # c", "extended", "ab", false, true),
        ("(*UTF)^.$", "dotall", "\u{e9}", true, true),
        ("^b", "multiline", "a\nb", false, true),
        ("b", "firstline", "a\nb", true, false),
        ("a$", "dollar_endonly", "a\n", true, false),
        (r"^\w$", "ucp", "\u{e9}", false, true),
        ("^.$", "utf", "\u{e9}", false, true),
        (r"(a)|b\1", "match_unset_backref", "b", false, true),
        (r"\u0061", "alt_bsux", "a", false, true),
        ("a[]b]c", "allow_empty_class", "a]c", true, false),
        ("[[:alpha:]$]$", "dollar_endonly", "$\n", true, false),
        (r"\Q$\E[\]$]\$$", "dollar_endonly", "$$$", true, true),
        (r"\Q$[\E$", "dollar_endonly", "$[\n", true, false),
        ("a[^]b", "allow_empty_class", "a\nb", false, true),
        ("(?<n>a)(?<n>b)", "dupnames", "ab", false, true),
        ("^(a+).*b$", "ungreedy", "aab", true, true),
        ("(a)", "no_auto_capture", "a", true, true),
        ("a", "no_start_optimize", "a", true, true),
        ("a", "never_utf", "a", true, true),
    ] {
        let outcome = |options: &[&str]| search(&with(pattern, options), body.as_bytes(), 9).unwrap_or(false);
        assert_eq!(outcome(&[]), without, "{pattern} without {option}");
        assert_eq!(outcome(&[option]), having, "{pattern} with {option}");
    }
    let circumflex = |options: &[&str]| search(&with(r"^\z", options), b"a\n", 9).unwrap();
    assert!(!circumflex(&["multiline"]) && circumflex(&["multiline", "alt_circumflex"]));
}

#[test]
fn a_pattern_that_backtracks_endlessly_fails_its_check() {
    let body = [b"c!".to_vec(), vec![b'a'; 65_000], b"b!".to_vec()].concat();
    for pattern in [r"a.*b.*c", r"(a+)+\d", r"(a|aa)+\d", r"a.*a.*a.*\d", r"a*a*\d", r"(?:a|b|ab)*\d"] {
        let outcome = search(&regex(pattern), &body, 4096);
        assert!(outcome.is_err_and(|error| error.contains("limit")), "{pattern}");
    }
    for pattern in [r"(.|\n)*b", r"(?s)^.*a.*b", r"(?:[^<]|<(?!x))*b"] {
        assert_eq!(search(&regex(pattern), &body, 4096), Ok(true), "{pattern}");
    }
    assert!(search(&regex("("), b"x", 10).is_err());
}

/// PCRE2's limits do not count the scanning of these patterns, so a search must be able to stop between calls.
#[test]
fn possessive_and_atomic_patterns_can_be_stopped() {
    let body = vec![b'a'; 65_000];
    for pattern in
        [r"a*+\d", r"a++b|a++c", r"(?>a*)\d", r"(?>a*)(?>a*)\d", r"(?=a*+b)a", r"(?:a*+b)?+\d", r"(?!(?>.*))"]
    {
        let mut search = Search::new(Pattern::new(&regex(pattern)));
        search.push(&body);
        search.end();
        let look = search.look().expect("the body is complete");
        let mut calls = 0;
        let looked = look.run(&mut || {
            calls += 1;
            if calls < 5 { Ok(()) } else { Err("stopped".into()) }
        });
        assert_eq!((search.looked(looked), calls), (Err("regex: stopped".into()), 5), "{pattern}");
    }
    let short = [vec![b'a'; 2000], b"7".to_vec()].concat();
    for pattern in [r"a*+\d", r"(?>a*)\d", r"b|(?>a*)\d$"] {
        assert_eq!(search(&regex(pattern), &short, 100), Ok(true), "{pattern}");
    }
}

/// A search is made of several calls of the library; the boundaries between calls make no difference.
#[test]
fn a_match_may_start_at_any_position() {
    for at in [0, 1, 254, 255, 256, 257, 511, 512, 1000] {
        let bytes = [vec![b'.'; at], b"needle".to_vec(), vec![b'.'; 300]].concat();
        let text = ["\u{e9}".repeat(at), "needle".into(), "\u{e9}".repeat(300)].concat();
        for pattern in ["needle", "(?<![a-z])needle", r"\bneedle"] {
            assert_eq!(search(&regex(pattern), &bytes, 4096), Ok(true), "{pattern} at {at}");
            assert_eq!(search(&with(pattern, &["utf"]), text.as_bytes(), 4096), Ok(true), "{pattern} at {at}, UTF");
            let item = format!("(*UTF){pattern}");
            assert_eq!(search(&regex(&item), text.as_bytes(), 4096), Ok(true), "{item} at {at}");
        }
        assert_eq!(search(&regex(r"\z"), &bytes, 4096), Ok(true), "the end of {} octets", bytes.len());
    }
}

#[test]
fn patterns_and_bodies_may_be_invalid_utf8() {
    let check = RegexCheck { pattern: vec![b'a', 0xff, 0xfe], ..regex("") };
    assert_eq!(search(&check, &[b'a', 0xff, 0xfe], 1), Ok(true));
    assert_eq!(search(&check, b"a", 1), Ok(false));
    let cut = [b"x".repeat(65_535), "\u{e9}".repeat(40_000).into_bytes(), b"needle".to_vec()].concat();
    assert_eq!(search(&with("\u{e9}needle", &["utf"]), &cut, 4096), Ok(true), "the window ends within a character");
    let broken = [b"ne\xffedle ".to_vec(), b"needle".to_vec()].concat();
    assert_eq!(search(&with("needle", &["utf"]), &broken, 3), Ok(true), "invalid UTF-8 in the body");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Any octets give the same result in pieces of any size, without a panic.
    #[test]
    fn any_octets_in_any_pieces(
        head in prop::sample::select(vec![
            "", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        ]),
        tail in prop_oneof!["[0-9a-f\r\n;: HTP/.]{0,60}".prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..100)],
        pieces in prop::collection::vec(1usize..20, 1..20),
    ) {
        let reply = [head.as_bytes(), &tail].concat();
        let read = |pieces: &[usize]| {
            let (mut reader, mut body, mut rest) = (Reader::new(), Vec::new(), &reply[..]);
            for piece in pieces.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*piece).min(rest.len()));
                let pushed = reader.push(now, &mut |part| {
                    if let Part::Body(octets) = part {
                        body.extend_from_slice(octets);
                    }
                    Ok(())
                });
                if let Err(reason) = pushed {
                    return (body, Err(reason));
                }
                rest = later;
            }
            let end = reader.close();
            (body, end)
        };
        prop_assert_eq!(read(&pieces), read(&[usize::MAX]));
    }

    /// The body of a chunked reply is the concatenation of its chunks.
    #[test]
    fn chunks_are_put_together(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..10)) {
        let mut reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in &chunks {
            reply.extend(format!("{:X}\r\n", chunk.len()).into_bytes());
            reply.extend_from_slice(chunk);
            reply.extend(b"\r\n");
        }
        reply.extend(b"0\r\n\r\n");
        let mut check = url();
        check.digest = Some(Md5::digest(chunks.concat()).into());
        prop_assert_eq!(verdict(&check, &reply, 7), Ok(()));
    }

    /// No pattern causes a panic.
    #[test]
    fn any_pattern_is_searched_without_panic(
        pattern in r"[\[\]^$\\Qab:ux0-9(){}?*+|\n]{0,20}",
        options in prop::collection::vec(prop::sample::select(vec![
            "dollar_endonly", "alt_circumflex", "multiline", "allow_empty_class", "match_unset_backref", "alt_bsux", "utf",
        ]), 0..4),
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let _ = search(&with(&pattern, &options), &body, 7);
    }

    /// A search in pieces has the same result as a search in the whole body.
    #[test]
    fn the_size_of_pieces_does_not_change_the_result_of_a_search(
        body in "[ab\n]{0,200}", pattern in prop::sample::select(vec!["a{5}", "b\n+a", "^ab", "(?m)^aa$", "ba\\z", "(a|b)\n\\1"]),
        piece in 1usize..50,
    ) {
        let check = regex(pattern);
        prop_assert_eq!(search(&check, body.as_bytes(), piece), search(&check, body.as_bytes(), usize::MAX));
    }
}
