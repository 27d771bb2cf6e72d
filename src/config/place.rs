//! Places in the files of a configuration.

use std::sync::Arc;

/// A place in a file: byte offset in the line as read, not yet a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct At {
    /// Index into [`Sources`].
    pub file: u32,
    /// Line, from 1; 0 when the file as a whole is meant.
    pub line: u32,
    /// Byte offset of the first character.
    pub offset: u32,
    /// Bytes, at least 1 when drawn.
    pub len: u32,
}

/// The files read, for positions and for the quoted lines: names and texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    files: Vec<(String, Arc<String>)>,
}

impl Sources {
    /// Adds a file by its name as shown, with what is in it; gives its index.
    pub fn add(&mut self, name: String, text: String) -> u32 {
        self.files.push((name, Arc::new(text)));
        u32::try_from(self.files.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Name of a file.
    pub fn name(&self, file: u32) -> &str {
        self.files.get(file as usize).map_or("", |(name, _)| name)
    }

    /// Text of a file.
    pub fn text(&self, file: u32) -> &str {
        self.files.get(file as usize).map_or("", |(_, text)| text)
    }

    /// The same, to keep while more files are added.
    pub fn shared_text(&self, file: u32) -> Arc<String> {
        self.files.get(file as usize).map(|(_, text)| Arc::clone(text)).unwrap_or_default()
    }

    /// The line that a place is in, without its end.
    pub fn line(&self, at: At) -> Option<&str> {
        let line = self.text(at.file).split('\n').nth((at.line as usize).checked_sub(1)?)?;
        Some(line.strip_suffix('\r').unwrap_or(line))
    }
}
