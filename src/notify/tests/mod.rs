//! Tests of the log lines: those that people's alerts look for are compared word by word.

mod check_messages;
mod messages;
mod messages_in_time;

use crate::config::model::Config;
use crate::config::{Options, Outside, load};

/// The configuration of a text, which must be without faults.
fn configuration(text: &str) -> Config {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let (path, config_id) = (file.path().to_owned(), String::new());
    let options =
        Options { path, config_id, directory: None, all_config: false, strict: true, outside: Outside::fixed() };
    let loaded = load(&options);
    loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}
