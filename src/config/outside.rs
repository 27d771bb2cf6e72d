//! Data of the host that a configuration depends on: users, groups, interfaces, programs, the clock.
//!
//! Each question is asked once and its answer kept, so that one configuration never sees two different answers.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{Group, Uid, User};

use super::file;
use super::iproute::{self, Directories, NameKind};
use super::key_file::{self, KeyFile};
use super::programs::{problem, secure_program};

/// Longest file of names, in octets.
const LONGEST_NAMES: usize = 1 << 20;
/// Most files of names of a directory.
const MOST_NAMES: usize = 100;

/// Source of the answers: the running system, or fixed answers in tests.
#[derive(Clone, Debug)]
pub struct Outside {
    /// Name of the host: default of `router_id` and `smtp_helo_name`.
    pub host_name: String,
    /// Names of the interfaces that exist; `None` = not checked.
    pub interfaces: Option<Vec<String>>,
    /// An environment variable, for `${_ENV NAME}` and `~`.
    pub env: fn(&str) -> Option<String>,
    /// User and primary group of a user name.
    pub user: fn(&str) -> Option<(u32, u32)>,
    /// Id of a group name.
    pub group: fn(&str) -> Option<u32>,
    /// Why the program of a script cannot be run, if so: it does not exist, is not a file, or is not executable.
    pub script_problem: fn(&str) -> Option<String>,
    /// Whether an interface of this name exists and is not a macvlan.
    pub foreign_interface: fn(&str) -> bool,
    /// Why the daemon cannot enter the network namespace of this name, if so.
    pub namespace_problem: fn(&str) -> Option<String>,
    /// The part of the path of a program that users other than root can change, and who they are.
    pub script_insecure: fn(&str) -> Option<String>,
    /// Text of a file of names, as those of iproute2; of a directory, the text of its files `*.conf`.
    pub names: fn(&Path) -> Option<String>,
    /// A file with a key of `auth_hmac`, or why it cannot be used.
    pub key_file: fn(&Path) -> Result<KeyFile, String>,
    /// Name of the user that the daemon runs as.
    pub login: String,
    /// Time since the boot of the system.
    pub uptime: Duration,
    /// Start of the `_RANDOM` series when the file has no `random_seed`.
    pub seed: u64,
}

impl Outside {
    /// Answers of the running system; `interfaces` as in the field.
    pub fn system(interfaces: Option<Vec<String>>) -> Outside {
        let host = nix::unistd::gethostname().ok().and_then(|n| n.into_string().ok());
        let login = User::from_uid(Uid::effective()).ok().flatten().map(|u| u.name);
        let seed = std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), 0);
        Outside {
            host_name: host.unwrap_or_else(|| "localhost".to_owned()),
            interfaces,
            env: |name| std::env::var(name).ok(),
            user: |name| User::from_name(name).ok().flatten().map(|u| (u.uid.as_raw(), u.gid.as_raw())),
            group: |name| Group::from_name(name).ok().flatten().map(|g| g.gid.as_raw()),
            script_problem: problem,
            foreign_interface: |_| false,
            namespace_problem: |name| {
                let missing = !std::path::Path::new("/run/netns").join(name).exists();
                missing.then(|| "does not exist".to_owned())
            },
            script_insecure: |program| secure_program(program).err(),
            names,
            key_file: key_file::read,
            login: login.unwrap_or_else(|| "root".to_owned()),
            uptime: nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from),
            seed,
        }
    }

    /// Fixed answers that do not depend on the machine: host name `localhost`, no user but root.
    pub fn fixed() -> Outside {
        Outside {
            host_name: "localhost".to_owned(),
            interfaces: None,
            env: |_| None,
            user: |name| (name == "root").then_some((0, 0)),
            group: |name| (name == "root").then_some(0),
            script_problem: |_| None,
            foreign_interface: |_| false,
            namespace_problem: |_| None,
            script_insecure: |_| None,
            names: |_| None,
            key_file: |_| Err("does not exist".to_owned()),
            login: "root".to_owned(),
            uptime: Duration::ZERO,
            seed: 0,
        }
    }
}

/// The text of a file, or of the files `*.conf` of a directory in the order of their names. Files that cannot be read or are
/// too large have no names.
fn names(path: &Path) -> Option<String> {
    if path.is_dir() {
        let mut paths: Vec<PathBuf> = path.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "conf") && !path.is_dir());
        paths.sort();
        return Some(paths.iter().take(MOST_NAMES).filter_map(|path| names(path)).collect());
    }
    let (bytes, _) = file::open(path, true, LONGEST_NAMES).ok()?;
    // The end of the last line separates it from the next file.
    Some(String::from_utf8_lossy(&bytes).into_owned() + "\n")
}

/// Answers of an [`Outside`], each asked once.
#[derive(Debug)]
pub(crate) struct Answers<'a> {
    outside: &'a Outside,
    /// Directory that relative paths are resolved against.
    directory: &'a Path,
    known: BTreeMap<String, Option<String>>,
    names: BTreeMap<NameKind, HashMap<String, u32>>,
    ip_protocols: Option<HashMap<String, u32>>,
    key_files: BTreeMap<PathBuf, Result<KeyFile, String>>,
}

impl<'a> Answers<'a> {
    /// No answers yet. `directory` = that of relative paths.
    pub fn new(outside: &'a Outside, directory: &'a Path) -> Answers<'a> {
        Answers {
            outside,
            directory,
            known: BTreeMap::new(),
            names: BTreeMap::new(),
            ip_protocols: None,
            key_files: BTreeMap::new(),
        }
    }

    /// Name of the host.
    pub fn host_name(&mut self) -> String {
        self.ask("host".to_owned(), |o| Some(o.host_name.clone())).unwrap_or_default()
    }

    /// Name of the user of the daemon.
    pub fn login(&mut self) -> String {
        self.ask("login".to_owned(), |o| Some(o.login.clone())).unwrap_or_default()
    }

    /// Time since the boot of the system.
    pub fn uptime(&mut self) -> Duration {
        let millis = self.ask("uptime".to_owned(), |o| Some(o.uptime.as_millis().to_string()));
        Duration::from_millis(millis.and_then(|m| m.parse().ok()).unwrap_or(0))
    }

    /// Whether an interface exists; true when interfaces are not checked.
    pub fn has_interface(&mut self, name: &str) -> bool {
        let exists = |o: &Outside| o.interfaces.as_ref().is_some_and(|all| !all.iter().any(|i| i == name));
        self.ask(format!("interface {name}"), |o| exists(o).then(|| "absent".to_owned())).is_none()
    }

    /// Whether an interface of this name exists and is not a macvlan.
    pub fn is_foreign_interface(&mut self, name: &str) -> bool {
        self.ask(format!("foreign {name}"), |o| (o.foreign_interface)(name).then(String::new)).is_some()
    }

    /// Why the daemon cannot enter a network namespace, if so.
    pub fn namespace_problem(&mut self, name: &str) -> Option<String> {
        self.ask(format!("namespace {name}"), |o| (o.namespace_problem)(name))
    }

    /// Ids of a user and its primary group.
    pub fn user(&mut self, name: &str) -> Option<(u32, u32)> {
        let found = self.ask(format!("user {name}"), |o| (o.user)(name).map(|(u, g)| format!("{u} {g}")))?;
        let (uid, gid) = found.split_once(' ')?;
        Some((uid.parse().ok()?, gid.parse().ok()?))
    }

    /// Id of a group.
    pub fn group(&mut self, name: &str) -> Option<u32> {
        self.ask(format!("group {name}"), |o| (o.group)(name).map(|g| g.to_string()))?.parse().ok()
    }

    /// Why a program cannot be run, if so.
    pub fn script_problem(&mut self, program: &str) -> Option<String> {
        self.ask(format!("script {program}"), |o| (o.script_problem)(program))
    }

    /// The part of the path of a program that users other than root can change.
    pub fn script_insecure(&mut self, program: &str) -> Option<String> {
        self.ask(format!("insecure {program}"), |o| (o.script_insecure)(program))
    }

    /// The number of a name of iproute2. A configuration has one pair of directories.
    pub fn routing_name(&mut self, kind: NameKind, directories: Directories<'_>, name: &str) -> Option<u32> {
        let (outside, directory) = (self.outside, self.directory);
        let read = |path: &str| (outside.names)(&directory.join(path));
        self.names.entry(kind).or_insert_with(|| iproute::names(kind, directories, read)).get(name).copied()
    }

    /// The number of an IP protocol; its name in upper or lower case.
    pub fn ip_protocol(&mut self, name: &str) -> Option<u8> {
        let text = || (self.outside.names)(Path::new(iproute::IP_PROTOCOLS)).unwrap_or_default();
        let names = self.ip_protocols.get_or_insert_with(|| iproute::ip_protocols(&text()));
        names.get(&name.to_ascii_lowercase()).and_then(|number| u8::try_from(*number).ok())
    }

    /// A file with a key of `auth_hmac`, or why it cannot be used, for a message.
    pub fn key_file(&mut self, path: &Path) -> Result<KeyFile, String> {
        let (outside, path) = (self.outside, self.directory.join(path));
        let answer = self.key_files.entry(path);
        answer.or_insert_with_key(|path| (outside.key_file)(path)).clone()
    }

    fn ask(&mut self, question: String, answer: impl FnOnce(&Outside) -> Option<String>) -> Option<String> {
        let outside = self.outside;
        self.known.entry(question).or_insert_with(|| answer(outside)).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_those_of_the_outside() {
        let mut outside = Outside::fixed();
        outside.interfaces = Some(vec!["eth0".into()]);
        let mut asking = Answers::new(&outside, Path::new(""));
        let ask = |f: &mut Answers<'_>| {
            (f.has_interface("eth0"), f.has_interface("eth1"), f.user("root"), f.user("x"), f.host_name())
        };
        assert_eq!(ask(&mut asking), (true, false, Some((0, 0)), None, "localhost".to_owned()));
    }

    #[test]
    fn names_are_those_of_files_and_directories() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &[u8]| std::fs::write(directory.path().join(name), text).unwrap();
        std::fs::create_dir_all(directory.path().join("rt_tables.d/z.conf")).unwrap();
        file("rt_tables", b"5 five");
        file("rt_tables.d/2.conf", b"6 six\n7 seven");
        file("rt_tables.d/1.conf", b"60 six\n\xff");
        file("rt_tables.d/README", b"8 eight\n");
        file("rt_realms", &vec![b'1'; LONGEST_NAMES + 1]);
        let fifo = directory.path().join("rt_scopes");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let outside = Outside { names, ..Outside::fixed() };
        let mut asking = Answers::new(&outside, directory.path());
        let mut ask = |kind, name| asking.routing_name(kind, Directories { etc: ".", usr: "absent" }, name);
        let tables = ["five", "six", "seven", "eight"].map(|name| ask(NameKind::Table, name));
        assert_eq!(tables, [Some(5), Some(6), Some(7), None]);
        assert_eq!(ask(NameKind::Realm, "cosmos"), Some(0));
        assert_eq!(ask(NameKind::Scope, "link"), Some(253));
        // Each file is read once.
        file("rt_tables", b"50 five");
        assert_eq!(asking.routing_name(NameKind::Table, Directories { etc: ".", usr: "absent" }, "five"), Some(5));
    }
}
