//! Reading configurations in tests, independent of the machine.

use std::fs;
use std::path::{Path, PathBuf};

use keepalived::config::{Loaded, Options, Outside, load, load_recorded};

/// Reads a file with fixed answers from outside.
pub fn options(path: &Path) -> Options {
    let outside = Outside { host_name: "lb1".into(), ..Outside::fixed() };
    Options { path: path.to_owned(), config_id: "lb1".into(), all_config: false, strict: false, outside }
}

/// A directory with the files of a test.
pub struct Files(pub tempfile::TempDir);

impl Files {
    /// Writes the files.
    pub fn new(files: &[(&str, &[u8])]) -> std::io::Result<Files> {
        let directory = Files(tempfile::tempdir()?);
        for (name, text) in files {
            let path = directory.path(name);
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            fs::write(path, text)?;
        }
        Ok(directory)
    }

    /// Path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Reads one of the files.
    pub fn load(&self, name: &str) -> Loaded {
        load(&options(&self.path(name)))
    }
}

/// Reads a text as the configuration file. The children of the parent that read it must get the same.
pub fn load_text(text: impl AsRef<[u8]>) -> Loaded {
    match Files::new(&[("k.conf", text.as_ref())]) {
        Ok(files) => {
            let loaded = files.load("k.conf");
            let recorded = load_recorded(&options(&files.path("k.conf"))).map(|loaded| loaded.config);
            let handed_over = recorded.and_then(|config| config.map(|(_, snapshot)| snapshot.parse()).transpose());
            assert_eq!(handed_over.as_ref(), Ok(&loaded.config));
            loaded
        }
        Err(e) => panic!("{e}"),
    }
}
