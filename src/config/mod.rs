//! `keepalived.conf` text to a typed [`model::Config`], with `file:line:col` diagnostics.
//!
//! The way of a file: [`load`] reads it and what it includes into items (comments, `@` conditions, `$`
//! parameters and `~` repetitions resolved, cut at braces), finds each in the keyword tree ([`keywords`])
//! with its arguments checked, and builds the model, checking values against each other. The parent hands
//! the [`Snapshot`] of [`load_recorded`] to its children, who get the same [`model::Config`] without reading any file.

mod build;
mod definition;
mod diag;
mod dump;
mod facts;
mod file;
mod glob;
mod grammar;
mod hint;
mod include;
mod items;
pub mod keywords;
mod line;
pub mod model;
mod node;
mod params;
mod parser;
mod place;
mod programs;
mod read;
mod repeat;
mod secret;
mod snapshot;
mod suggest;
mod tree;
mod value;
mod watch;
mod words;

use std::path::PathBuf;

pub use diag::{Class, Diagnostic, Diagnostics, Place, Severity};
pub use dump::Shown;
pub use facts::Outside;
pub use model::lvs;
pub use programs::{program_path, secure_program};
pub use snapshot::{Snapshot, SnapshotError, VirtualServers};
pub use value::file_name_problem;

use diag::Report;
use facts::Facts;
use params::Params;
use read::Reader;
use snapshot::Recorder;

/// What to read, and where answers from outside come from.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration file; may be a glob.
    pub path: PathBuf,
    /// `-i`: what `@ID` lines are compared with. Default: the host's name up to its first dot.
    pub config_id: String,
    /// `-e`: every include problem is an error.
    pub all_config: bool,
    /// `--strict-config`: every fault is an error.
    pub strict: bool,
    /// Answers from outside.
    pub outside: Outside,
}

impl Options {
    /// A file read on the running system; `interfaces` = names of those that exist, `None` = not checked.
    pub fn system(path: PathBuf, interfaces: Option<Vec<String>>) -> Options {
        let outside = Outside::system(interfaces);
        let config_id = outside.host_name.split('.').next().unwrap_or_default().to_owned();
        Options { path, config_id, all_config: false, strict: false, outside }
    }
}

/// The result of reading a configuration.
#[derive(Debug)]
pub struct Loaded<C = model::Config> {
    /// The configuration; `None` when there is any error.
    pub config: Option<C>,
    /// What is wrong, each once.
    pub diagnostics: Diagnostics,
    /// The whole as readable text (`-d`).
    pub shown: Shown,
    /// Why this may not be what somebody meant: a file has nothing in it, or has changed since it was read, as when it
    /// is being written just now.
    pub unsteady: Option<String>,
}

/// Reads a configuration. Blocks on the file system and on the system's data base of users.
pub fn load(options: &Options) -> Loaded {
    let mut servers = Vec::new();
    let mut loaded = load_into(options, &mut |server| servers.push(server));
    if let Some(config) = &mut loaded.config {
        config.lvs.virtual_servers = servers;
    }
    loaded
}

/// The same for the children: the configuration without its virtual servers, and the snapshot that has them.
///
/// # Errors
/// None that is known of: every value of a configuration can be recorded.
pub fn load_recorded(options: &Options) -> Result<Loaded<(model::Config, Snapshot)>, SnapshotError> {
    let mut recorder = Recorder::default();
    let Loaded { config, diagnostics, shown, unsteady } = load_into(options, &mut |server| recorder.add(&server));
    let recorded = config.map(|config| {
        let snapshot = recorder.finish(&config)?;
        Ok((config, snapshot))
    });
    Ok(Loaded { config: recorded.transpose()?, diagnostics, shown, unsteady })
}

/// The same; each virtual server is given to `take`, for what it is worth: there may be errors.
fn load_into(options: &Options, take: &mut dyn FnMut(lvs::VirtualServer)) -> Loaded {
    let mut report = Report::default();
    report.strict = options.strict;
    let params = Params::new(options.config_id.clone(), options.outside.env, options.outside.seed);
    let mut reader = Reader::new(&mut report, params, options.all_config);
    reader.read_top(&options.path);
    let stamps = reader.stamps();
    let items = reader.finish();
    let mut facts = Facts::asking(&options.outside);
    let (top, virtual_servers) = tree::build(&items, &mut report);
    let config = build::build(&top, virtual_servers, &mut facts, &mut report, take);
    let config = (!report.has_errors()).then_some(config);
    let diagnostics = report.finish(&items.sources);
    let changed = stamps.iter().find(|(path, stamp)| !stamp.holds(path));
    let unsteady = match changed {
        Some((path, _)) => Some(format!("{} changed while it was read", path.display())),
        None if items.len() == 0 && !stamps.is_empty() => Some("the configuration is empty".to_owned()),
        None => None,
    };
    Loaded { config, diagnostics, shown: Shown::from(items), unsteady }
}
