//! Parses command lines as `getopt_long(3)` does.
//!
//! An option with a required value takes the rest of its word or the next word, even if that begins with `-`. An option
//! with an optional value takes only an attached value (`-tFILE`, `--config-test=FILE`). Long names may be abbreviated
//! while they are unique. Words that belong to no option may occur anywhere; after `--` there are no options.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use clap::{Arg, Command, ValueHint};

/// Whether an option takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    Attached,
    Value,
}

/// A known option.
#[derive(Debug)]
struct Known {
    long: String,
    short: Option<char>,
    takes: Takes,
    /// Its value names a file.
    file: bool,
    /// An internal option, which has no abbreviations.
    hidden: bool,
}

/// An option on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The full long name.
    long: String,
    value: Option<OsString>,
    /// The value names a file.
    file: bool,
}

/// A word that belongs to no option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The word.
    pub word: OsString,
    /// Long name of the option before it, if that takes an attached value and has none.
    pub after: Option<String>,
}

/// A parsed command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The word that named the program.
    program: OsString,
    options: Vec<Given>,
    /// Words that belong to no option.
    pub stray: Vec<Stray>,
}

impl Line {
    /// Parses a command line with the options of `command`.
    ///
    /// # Errors
    /// A message about an option that is unknown, is ambiguous, is missing its value or takes none.
    pub fn read(command: &mut Command, words: impl IntoIterator<Item = OsString>) -> Result<Line, String> {
        command.build();
        let known: Vec<Known> = command.get_arguments().filter_map(known).collect();
        let mut words = words.into_iter();
        let mut line = Line { program: words.next().unwrap_or_default(), ..Line::default() };
        let mut after = None;
        while let Some(word) = words.next() {
            let mut bare = after.take();
            match word.as_bytes() {
                b"--" => line.stray.extend(words.by_ref().map(|word| Stray { word, after: bare.take() })),
                [b'-', b'-', ..] => after = line.long(&known, &word, &mut words)?,
                [b'-', _, ..] => after = line.short(&known, &word, &mut words)?,
                _ => line.stray.push(Stray { word, after: bare }),
            }
        }
        Ok(line)
    }

    /// Parses `--name`, `--name value` and `--name=value`. Returns the name if an optional value is absent.
    fn long(
        &mut self,
        known: &[Known],
        word: &OsStr,
        words: &mut dyn Iterator<Item = OsString>,
    ) -> Result<Option<String>, String> {
        let text = word.as_bytes().get(2..).unwrap_or_default();
        let (name, value) = match text.iter().position(|octet| *octet == b'=') {
            Some(at) => (text.get(..at).unwrap_or_default(), text.get(at.saturating_add(1)..)),
            None => (text, None),
        };
        let name = String::from_utf8_lossy(name).into_owned();
        let option = find(known, &name)?;
        let value = value.map(|octets| OsString::from_vec(octets.to_vec()));
        let value = match (option.takes, value) {
            (Takes::Nothing, Some(_)) => return Err(format!("Option --{} takes no value", option.long)),
            (Takes::Value, None) => Some(words.next().ok_or_else(|| format!("Missing parameter for option --{name}"))?),
            (_, value) => value,
        };
        Ok(self.add(option, value))
    }

    /// Parses `-a`, `-ab`, `-avalue` and `-a value`. Returns the long name if an optional value is absent.
    fn short(
        &mut self,
        known: &[Known],
        word: &OsStr,
        words: &mut dyn Iterator<Item = OsString>,
    ) -> Result<Option<String>, String> {
        let mut rest = word.as_bytes().get(1..).unwrap_or_default();
        let mut bare = None;
        while let Some((letter, more)) = rest.split_first() {
            let letter = char::from(*letter);
            let option = known.iter().find(|option| option.short == Some(letter));
            let option = option.ok_or_else(|| format!("Unknown option -{}", letter.escape_default()))?;
            let attached = (!more.is_empty()).then(|| OsString::from_vec(more.to_vec()));
            let value = match (option.takes, attached) {
                (Takes::Nothing, _) => {
                    bare = self.add(option, None);
                    rest = more;
                    continue;
                }
                (Takes::Value, None) => {
                    Some(words.next().ok_or_else(|| format!("Missing parameter for option -{letter}"))?)
                }
                (_, value) => value,
            };
            return Ok(self.add(option, value));
        }
        Ok(bare)
    }

    fn add(&mut self, option: &Known, value: Option<OsString>) -> Option<String> {
        let bare = (option.takes == Takes::Attached && value.is_none()).then(|| option.long.clone());
        self.options.push(Given { long: option.long.clone(), value, file: option.file });
        bare
    }

    /// Whether an option was given.
    pub fn has(&self, long: &str) -> bool {
        self.options.iter().any(|given| given.long == long)
    }

    /// Adds an option with a file as its value.
    pub fn give(&mut self, long: &str, value: OsString) {
        self.options.push(Given { long: long.to_owned(), value: Some(value), file: true });
    }

    /// Adds `=` and a word to the last value of an option.
    pub fn join(&mut self, long: &str, word: &OsStr) {
        let given = self.options.iter_mut().rev().find(|given| given.long == long);
        if let Some(value) = given.and_then(|given| given.value.as_mut()) {
            value.push("=");
            value.push(word);
        }
    }

    /// Makes relative file names absolute, for a process in another working directory than `directory`.
    pub fn from_directory(mut self, directory: &Path) -> Line {
        for given in self.options.iter_mut().filter(|given| given.file) {
            if let Some(value) = given.value.take() {
                given.value = Some(if value.is_empty() { value } else { directory.join(value).into_os_string() });
            }
        }
        self
    }

    /// The options, each as one word with the full long name.
    pub fn options(&self) -> Vec<OsString> {
        let word = |given: &Given| {
            let mut word = OsString::from(format!("--{}", given.long));
            if let Some(value) = &given.value {
                word.push("=");
                word.push(value);
            }
            word
        };
        self.options.iter().map(word).collect()
    }

    /// The program and its options.
    pub fn words(&self) -> Vec<OsString> {
        [vec![self.program.clone()], self.options()].concat()
    }
}

fn known(arg: &Arg) -> Option<Known> {
    let takes = match arg.get_num_args() {
        Some(range) if !range.takes_values() => Takes::Nothing,
        Some(range) if range.min_values() == 0 => Takes::Attached,
        _ => Takes::Value,
    };
    let file = matches!(arg.get_value_hint(), ValueHint::FilePath);
    Some(Known { long: arg.get_long()?.to_owned(), short: arg.get_short(), takes, file, hidden: arg.is_hide_set() })
}

/// Finds the option of a name, which may be abbreviated.
fn find<'k>(known: &'k [Known], name: &str) -> Result<&'k Known, String> {
    if let Some(option) = known.iter().find(|option| option.long == name) {
        return Ok(option);
    }
    let alike: Vec<&Known> = known.iter().filter(|option| !option.hidden && option.long.starts_with(name)).collect();
    match alike[..] {
        [] => Err(format!("Unknown option --{}", name.escape_debug())),
        [option] => Ok(option),
        _ => {
            let names: Vec<String> = alike.iter().map(|option| format!("--{}", option.long)).collect();
            Err(format!("Option --{name} is ambiguous: {}", names.join(", ")))
        }
    }
}
