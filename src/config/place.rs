//! Places in the files of a configuration.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// A place in a file: byte offset in the line as read, not yet a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct At {
    /// Index into [`Sources`].
    pub file: u32,
    /// Line, from 1; 0 = the whole file.
    pub line: u32,
    /// Byte offset of the first character.
    pub offset: u32,
    /// Length in bytes, at least 1 when drawn.
    pub len: u32,
    /// Use of the definition that the place is in, see [`Sources::reference`]; 0 = it is not in a definition.
    pub used: u32,
    /// Definition of the value that was substituted at the place, see [`Sources::reference`]; 0 or [`NOWHERE`] = none.
    pub value: u32,
}

impl At {
    /// The same place without `used` and `value`.
    pub fn bare(self) -> At {
        At { used: 0, value: 0, ..self }
    }
}

/// A value that is not defined at a place: of a repetition, or predefined.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// Names and texts of the files of a configuration, to resolve and quote places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    files: Vec<Source>,
    /// The first file of each name: a file may be included several times.
    names: HashMap<String, u32>,
    /// Uses and definitions of parameters; number 1 is the first.
    references: Vec<At>,
}

#[derive(Clone, Debug, Default)]
struct Source {
    name: String,
    text: Arc<String>,
    /// Start of each line; computed at the first use.
    starts: OnceLock<Vec<u32>>,
}

impl Sources {
    /// Adds a file with its name in messages and its text; gives its index.
    pub fn add(&mut self, name: String, text: String) -> u32 {
        let number = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.names.entry(name.clone()).or_insert(number);
        self.files.push(Source { name, text: Arc::new(text), starts: OnceLock::new() });
        number
    }

    /// Name of a file.
    pub fn name(&self, file: u32) -> &str {
        self.files.get(file as usize).map_or("", |source| &source.name)
    }

    /// The first file that has the name of this one.
    pub fn first_of_name(&self, file: u32) -> u32 {
        self.names.get(self.name(file)).copied().unwrap_or(file)
    }

    /// Text of a file.
    pub fn text(&self, file: u32) -> &str {
        self.files.get(file as usize).map_or("", |source| &source.text)
    }

    /// Text of a file, to keep while more files are added.
    pub fn shared_text(&self, file: u32) -> Arc<String> {
        self.files.get(file as usize).map(|source| Arc::clone(&source.text)).unwrap_or_default()
    }

    /// The line of a place, without its line end.
    pub fn line(&self, at: At) -> Option<&str> {
        let source = self.files.get(at.file as usize)?;
        let starts = source.starts.get_or_init(|| {
            let ends = memchr::memchr_iter(b'\n', source.text.as_bytes());
            std::iter::once(0).chain(ends.map(|end| u32::try_from(end).unwrap_or(u32::MAX).saturating_add(1))).collect()
        });
        let start = *starts.get((at.line as usize).checked_sub(1)?)?;
        let line = source.text.get(start as usize..)?.split('\n').next()?;
        Some(line.strip_suffix('\r').unwrap_or(line))
    }

    /// Adds a place that others refer to; gives its number.
    pub fn refer(&mut self, at: At) -> u32 {
        self.references.push(at);
        u32::try_from(self.references.len()).unwrap_or(NOWHERE)
    }

    /// The place with a number from [`Sources::refer`].
    pub fn reference(&self, number: u32) -> Option<At> {
        self.references.get((number as usize).checked_sub(1)?).copied()
    }
}
