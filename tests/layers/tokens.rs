//! Splits Rust source into tokens, without comments, strings and tests, to find paths.

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word; a raw identifier without `r#`.
    Word(String),
    /// `::`
    Colons,
    /// Any other character.
    Sign(char),
}

impl Token {
    /// The word, if it is one.
    pub fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// The tokens of a file.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |place: usize| chars.get(place).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut place = 0;
    while place < chars.len() {
        match at(place) {
            '/' if at(place + 1) == '/' => {
                while place < chars.len() && at(place) != '\n' {
                    place += 1;
                }
            }
            '/' if at(place + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(place), at(place + 1)) {
                        ('/', '*') => (depth, place) = (depth + 1, place + 2),
                        ('*', '/') => (depth, place) = (depth - 1, place + 2),
                        _ => place += 1,
                    }
                    if depth == 0 || place >= chars.len() {
                        break;
                    }
                }
            }
            '"' => place = behind_text(&chars, place),
            'r' | 'b' | 'c' if raw_hashes(&chars, place).is_some() => {
                let (quote, hashes) = raw_hashes(&chars, place).unwrap();
                place = behind_raw_text(&chars, quote, hashes);
            }
            'b' | 'c' if at(place + 1) == '"' => place = behind_text(&chars, place + 1),
            '\'' => {
                // A lifetime is a quote and a word without a closing quote.
                if at(place + 1) == '\\' {
                    place += 3;
                    while at(place) != '\'' && place < chars.len() {
                        place += 1;
                    }
                    place += 1;
                } else {
                    place += if at(place + 2) == '\'' { 3 } else { 1 };
                }
            }
            ':' if at(place + 1) == ':' => {
                found.push(Token::Colons);
                place += 2;
            }
            c if is_word(c) => {
                let begin = place;
                while is_word(at(place)) {
                    place += 1;
                }
                found.push(Token::Word(chars[begin..place].iter().collect()));
            }
            c if c.is_whitespace() => place += 1,
            c => {
                found.push(Token::Sign(c));
                place += 1;
            }
        }
    }
    found
}

/// Position after a string whose opening quote is at `place`.
fn behind_text(chars: &[char], mut place: usize) -> usize {
    place += 1;
    while place < chars.len() && chars[place] != '"' {
        place += if chars[place] == '\\' { 2 } else { 1 };
    }
    place + 1
}

/// `r"`, `r#"`, `br"`: position of the quote, and number of `#`.
fn raw_hashes(chars: &[char], place: usize) -> Option<(usize, usize)> {
    let mut quote = place + usize::from(chars[place] != 'r');
    if chars.get(quote) != Some(&'r') {
        return None;
    }
    quote += 1;
    let hashes = chars[quote..].iter().take_while(|c| **c == '#').count();
    (chars.get(quote + hashes) == Some(&'"')).then_some((quote + hashes, hashes))
}

fn behind_raw_text(chars: &[char], quote: usize, hashes: usize) -> usize {
    let ends = |place: usize| {
        chars[place] == '"' && chars[place + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    (quote + 1..chars.len()).find(|place| ends(*place)).map_or(chars.len(), |end| end + 1 + hashes)
}

/// Removes the items with `#[cfg(test)]`. Gives the rest, and the names of removed modules that are files.
pub fn without_tests(all: &[Token]) -> (Vec<Token>, Vec<String>) {
    let attribute = tokens("#[cfg(test)]");
    let (mut rest, mut modules) = (Vec::new(), Vec::new());
    let mut place = 0;
    while place < all.len() {
        if !all[place..].starts_with(&attribute) {
            rest.push(all[place].clone());
            place += 1;
            continue;
        }
        let begin = place + attribute.len();
        place = behind_item(all, begin);
        let item: Vec<&str> = all[begin..place].iter().filter_map(Token::word).collect();
        if let ([.., "mod", name], Some(Token::Sign(';'))) = (&item[..], all.get(place - 1)) {
            modules.push((*name).to_owned());
        }
    }
    (rest, modules)
}

/// Position after the item that begins at `place`: after its `;` or its block.
fn behind_item(all: &[Token], mut place: usize) -> usize {
    let is_use = all[place..].iter().take_while(|token| **token != Token::Sign('{')).any(|t| t.word() == Some("use"));
    let mut depth = 0;
    while place < all.len() {
        match &all[place] {
            Token::Sign('{' | '(' | '[') => depth += 1,
            Token::Sign(sign @ ('}' | ')' | ']')) => {
                depth -= 1;
                if depth == 0 && *sign == '}' && !is_use {
                    return place + 1;
                }
            }
            Token::Sign(';') if depth == 0 => return place + 1,
            _ => {}
        }
        place += 1;
    }
    place
}

#[test]
fn comments_text_and_tests_are_left_out() {
    let text = r##"
        use a::b; // crate::c
        /* crate::d /* crate::e */ */
        const F: &str = "crate::f \" crate::g";
        const H: &str = r#"crate::h " crate::i"#;
        fn j<'k>(l: &'k str) -> char { '"' }
        fn m() -> char { '\'' }
        #[cfg(test)]
        mod n { use crate::o; }
        #[cfg(test)]
        mod p;
        #[cfg(test)]
        pub(crate) mod u;
        #[cfg(test)]
        use crate::{q, r};
        fn s() { crate::t() }
    "##;
    let (rest, modules) = without_tests(&tokens(text));
    let words: Vec<&str> = rest.iter().filter_map(Token::word).collect();
    assert_eq!(words.iter().filter(|word| **word == "crate").count(), 1, "{words:?}");
    assert_eq!(words.last(), Some(&"t"));
    assert_eq!(modules, ["p", "u"]);
}
