//! What a configuration takes from outside its text: names of users and interfaces, the clock.
//!
//! Each answer is asked once and recorded, so that a snapshot gives the same configuration in another process.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{Gid, Group, Uid, User};

/// Where the answers come from.
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
    /// Why a script's program cannot be run now, if so: it does not exist, is no file, is not executable.
    pub script_problem: fn(&str) -> Option<String>,
    /// Which part of a program's path others than root can change, and who, if there is one.
    pub script_insecure: fn(&str) -> Option<String>,
    /// Name of the user the daemon runs as.
    pub login: String,
    /// Time since the system started.
    pub uptime: Duration,
    /// Start of the `_RANDOM` series when the file has no `random_seed`.
    pub seed: u64,
}

impl Outside {
    /// The answers of the running system. `interfaces` as in the field.
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
            script_insecure,
            login: login.unwrap_or_else(|| "root".to_owned()),
            uptime: nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from),
            seed,
        }
    }

    /// Fixed answers that do not depend on the machine: host `localhost`, only root exists.
    pub fn fixed() -> Outside {
        Outside {
            host_name: "localhost".to_owned(),
            interfaces: None,
            env: |_| None,
            user: |name| (name == "root").then_some((0, 0)),
            group: |name| (name == "root").then_some(0),
            script_problem: |_| None,
            script_insecure: |_| None,
            login: "root".to_owned(),
            uptime: Duration::ZERO,
            seed: 0,
        }
    }
}

/// Where programs without a path are looked for.
const PROGRAM_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

fn locate(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|p| p.exists());
    }
    PROGRAM_PATH.iter().map(|d| Path::new(d).join(program)).find(|p| p.exists())
}

fn problem(program: &str) -> Option<String> {
    let Some(meta) = locate(program).and_then(|p| p.metadata().ok()) else {
        return Some("does not exist".to_owned());
    };
    if !meta.is_file() {
        return Some("is no file".to_owned());
    }
    (meta.mode() & 0o111 == 0).then(|| "is not executable".to_owned())
}

/// Why a program must not run as root, if so: which part of its path others than root can change, and who they are.
///
/// Root must own every part, and neither its group (unless that is root's) nor others may write to it.
pub fn script_insecure(program: &str) -> Option<String> {
    let path = locate(program)?.canonicalize().ok()?;
    path.ancestors().find_map(|part| {
        let shown = part.display();
        let Ok(meta) = part.metadata() else { return Some(format!("'{shown}' cannot be examined")) };
        let (mode, owner, group) = (meta.mode(), meta.uid(), meta.gid());
        if owner != 0 {
            let user = User::from_uid(Uid::from_raw(owner)).ok().flatten();
            let user = user.map_or_else(|| owner.to_string(), |user| user.name);
            Some(format!("'{shown}' belongs to user {user}"))
        } else if mode & 0o002 != 0 {
            Some(format!("everyone may write to '{shown}'"))
        } else if mode & 0o020 != 0 && group != 0 {
            let name = Group::from_gid(Gid::from_raw(group)).ok().flatten();
            let name = name.map_or_else(|| group.to_string(), |group| group.name);
            Some(format!("group {name} may write to '{shown}'"))
        } else {
            None
        }
    })
}

/// Answers given so far: what is asked again is not looked up again.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    outside: &'a Outside,
    known: BTreeMap<String, Option<String>>,
}

impl<'a> Facts<'a> {
    /// Asks `outside`.
    pub fn asking(outside: &'a Outside) -> Facts<'a> {
        Facts { outside, known: BTreeMap::new() }
    }

    /// Name of the host.
    pub fn host_name(&mut self) -> String {
        self.ask("host".to_owned(), |o| Some(o.host_name.clone())).unwrap_or_default()
    }

    /// Name of the daemon's user.
    pub fn login(&mut self) -> String {
        self.ask("login".to_owned(), |o| Some(o.login.clone())).unwrap_or_default()
    }

    /// Time since the system started.
    pub fn uptime(&mut self) -> Duration {
        let millis = self.ask("uptime".to_owned(), |o| Some(o.uptime.as_millis().to_string()));
        Duration::from_millis(millis.and_then(|m| m.parse().ok()).unwrap_or(0))
    }

    /// Whether an interface exists; true when that is not checked.
    pub fn has_interface(&mut self, name: &str) -> bool {
        let exists = |o: &Outside| o.interfaces.as_ref().is_some_and(|all| !all.iter().any(|i| i == name));
        self.ask(format!("interface {name}"), |o| exists(o).then(|| "absent".to_owned())).is_none()
    }

    /// User and primary group.
    pub fn user(&mut self, name: &str) -> Option<(u32, u32)> {
        let found = self.ask(format!("user {name}"), |o| (o.user)(name).map(|(u, g)| format!("{u} {g}")))?;
        let (uid, gid) = found.split_once(' ')?;
        Some((uid.parse().ok()?, gid.parse().ok()?))
    }

    /// Group.
    pub fn group(&mut self, name: &str) -> Option<u32> {
        self.ask(format!("group {name}"), |o| (o.group)(name).map(|g| g.to_string()))?.parse().ok()
    }

    /// Why a program cannot be run.
    pub fn script_problem(&mut self, program: &str) -> Option<String> {
        self.ask(format!("script {program}"), |o| (o.script_problem)(program))
    }

    /// The part of its path others than root can change.
    pub fn script_insecure(&mut self, program: &str) -> Option<String> {
        self.ask(format!("insecure {program}"), |o| (o.script_insecure)(program))
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
    fn programs() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("n.sh");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        let name = file.display().to_string();
        assert_eq!(problem(&name).as_deref(), Some("is not executable"));
        assert_eq!(problem("/nowhere/at/all").as_deref(), Some("does not exist"));
        assert_eq!(problem(&directory.path().display().to_string()).as_deref(), Some("is no file"));
        assert_eq!(problem("sh"), None);
        // The directory for temporary files is open to all.
        let why = script_insecure(&name).unwrap();
        let temporary = std::env::temp_dir().canonicalize().unwrap();
        assert_eq!(why, format!("everyone may write to '{}'", temporary.display()));
    }

    #[test]
    fn answers() {
        let mut outside = Outside::fixed();
        outside.interfaces = Some(vec!["eth0".into()]);
        let mut asking = Facts::asking(&outside);
        let ask = |f: &mut Facts<'_>| {
            (f.has_interface("eth0"), f.has_interface("eth1"), f.user("root"), f.user("x"), f.host_name())
        };
        assert_eq!(ask(&mut asking), (true, false, Some((0, 0)), None, "localhost".to_owned()));
    }
}
