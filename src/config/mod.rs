//! `keepalived.conf` text to a typed [`model::Config`], with `file:line:col` diagnostics.
//!
//! [`load`] reads a file and its included files into items: comments, `@` conditions, `$` parameters and `~` repetitions
//! are resolved, and lines are split at braces. It looks up each item in the keyword tree ([`keywords`]), checks its
//! arguments, builds the model, and checks values against each other. The parent sends its children the [`Snapshot`] of
//! [`load_recorded`]; they get the same [`model::Config`] from it without reading a file.

mod build;
mod definition;
mod diag;
mod dump;
mod encoding;
mod file;
mod glob;
mod grammar;
mod hint;
mod include;
mod iproute;
mod items;
mod key_file;
pub mod keywords;
mod line;
pub mod model;
mod needs;
mod node;
mod notes;
mod outside;
mod params;
mod parser;
mod pending;
mod place;
mod programs;
mod read;
mod relative;
mod repeat;
mod report;
mod secret;
mod snapshot;
mod suggest;
mod tree;
mod umask;
mod value;
mod watch;
mod words;

use std::path::{Path, PathBuf};

pub use diag::{Class, Diagnostic, Diagnostics, Place, Severity};
pub use dump::Shown;
pub use key_file::KeyFile;
pub use model::lvs;
pub use outside::Outside;
pub use programs::{program_path, secure_program};
pub(crate) use secret::MASK;
pub use snapshot::{Compared, Snapshot, SnapshotError, VirtualServers};
pub use umask::parse_umask;
pub use value::file_name_problem;

use outside::Answers;
use params::Params;
use read::Reader;
use report::Report;
use snapshot::Recorder;

/// Which file to read, and the answers that come from outside of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration file; may be a glob.
    pub path: PathBuf,
    /// `-i`: the config-id that `@ID` lines are compared with. Default: the host name up to its first dot.
    pub config_id: String,
    /// Directory that relative paths of the configuration are resolved against, for a user with another working directory
    /// than this process; `None` leaves the paths unchanged.
    pub directory: Option<PathBuf>,
    /// `-e`: every include problem is an error.
    pub all_config: bool,
    /// `--strict-config`: every fault is an error.
    pub strict: bool,
    /// Source of the answers that are not in the file.
    pub outside: Outside,
}

impl Options {
    /// Options for the running system. `interfaces` lists the existing interfaces; `None` = not checked.
    pub fn system(path: PathBuf, interfaces: Option<Vec<String>>) -> Options {
        let outside = Outside::system(interfaces);
        let config_id = outside.host_name.split('.').next().unwrap_or_default().to_owned();
        Options { path, config_id, directory: None, all_config: false, strict: false, outside }
    }
}

/// The result of reading a configuration.
#[derive(Debug)]
pub struct Loaded<C = model::Config> {
    /// The configuration; `None` when there is any error.
    pub config: Option<C>,
    /// The problems, each once.
    pub diagnostics: Diagnostics,
    /// The configuration as text (`-d`).
    pub shown: Shown,
    /// Why the file may be half written: it is empty, or changed while it was read.
    pub unsteady: Option<String>,
}

impl Loaded<(model::Config, Snapshot)> {
    /// The configuration of a snapshot of this release, without its text and its diagnostics.
    ///
    /// # Errors
    /// When the octets are not such a snapshot.
    pub fn of_snapshot(octets: Vec<u8>) -> Result<Self, SnapshotError> {
        let snapshot = Snapshot::from(octets);
        let (config, _) = snapshot.clone().open()?;
        Ok(Loaded {
            config: Some((config, snapshot)),
            diagnostics: Diagnostics::default(),
            shown: Shown::default(),
            unsteady: None,
        })
    }
}

/// Reads a configuration. Blocks on the file system and on the user database.
pub fn load(options: &Options) -> Loaded {
    let mut servers = Vec::new();
    let mut loaded = load_into(options, &mut |server| servers.push(server));
    if let Some(config) = &mut loaded.config {
        config.lvs.virtual_servers = servers;
    }
    loaded
}

/// Reads a configuration for the child processes: the configuration without its virtual servers, and the complete snapshot.
///
/// # Errors
/// None are known: every value of a configuration can be recorded.
pub fn load_recorded(options: &Options) -> Result<Loaded<(model::Config, Snapshot)>, SnapshotError> {
    let mut recorder = Recorder::default();
    let Loaded { config, diagnostics, shown, unsteady } = load_into(options, &mut |server| recorder.add(&server));
    let recorded = config.map(|config| {
        let snapshot = recorder.finish(&config)?;
        Ok((config, snapshot))
    });
    Ok(Loaded { config: recorded.transpose()?, diagnostics, shown, unsteady })
}

/// The global settings of a configuration, as far as it can be read, for a program that looks for its daemon. The
/// configuration may have errors.
pub fn load_global(options: &Options) -> model::Global {
    let (config, _) = read_into(options, &mut drop);
    config.global
}

/// Reads a configuration and passes each virtual server to `take`, even if the configuration has errors.
fn load_into(options: &Options, take: &mut dyn FnMut(lvs::VirtualServer)) -> Loaded {
    let (config, Loaded { config: usable, diagnostics, shown, unsteady }) = read_into(options, take);
    Loaded { config: usable.map(|()| config), diagnostics, shown, unsteady }
}

/// As [`load_into`]; the configuration comes apart from the result, which says whether it is usable.
fn read_into(options: &Options, take: &mut dyn FnMut(lvs::VirtualServer)) -> (model::Config, Loaded<()>) {
    let mut report = Report::default();
    report.strict = options.strict;
    let params = Params::new(options.config_id.clone(), options.outside.env, options.outside.seed);
    let mut reader = Reader::new(&mut report, params, options.all_config);
    reader.read_top(&options.path);
    let stamps = reader.stamps();
    let items = reader.finish();
    let directory = options.directory.as_deref().unwrap_or(Path::new(""));
    let mut answers = Answers::new(&options.outside, directory);
    let (top, virtual_servers) = tree::build(&items, &mut report);
    let mut take = |mut server: lvs::VirtualServer| {
        options.directory.iter().for_each(|directory| relative::server(&mut server, directory));
        take(server);
    };
    let mut config = build::build(&top, virtual_servers, &mut answers, &mut report, &mut take);
    options.directory.iter().for_each(|directory| relative::config(&mut config, directory));
    let usable = (!report.has_errors()).then_some(());
    let diagnostics = report.finish(&items.sources);
    let changed = stamps.iter().find(|(path, stamp)| !stamp.holds(path));
    let unsteady = match changed {
        Some((path, _)) => Some(format!("{} changed while it was read", path.display())),
        None if items.len() == 0 && !stamps.is_empty() => Some("the configuration is empty".to_owned()),
        None => None,
    };
    (config, Loaded { config: usable, diagnostics, shown: Shown::from(items), unsteady })
}
