//! Finds the program of a script, and checks whether users other than root can replace it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User};

/// Directories in which programs without a path are searched.
const PROGRAM_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Most symbolic links in one path, as in the kernel.
const MOST_LINKS: usize = 40;

/// The path of a program; a name without `/` is searched in `PROGRAM_PATH`. `None` when it does not exist.
pub fn program_path(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.exists());
    }
    PROGRAM_PATH.iter().map(|directory| Path::new(directory).join(program)).find(|path| path.exists())
}

/// Why a program cannot be run, if so.
pub(super) fn problem(program: &str) -> Option<String> {
    let Some(meta) = program_path(program).and_then(|path| path.metadata().ok()) else {
        return Some("does not exist".to_owned());
    };
    if !meta.is_file() {
        return Some("is not a file".to_owned());
    }
    (meta.mode() & 0o111 == 0).then(|| "is not executable".to_owned())
}

/// The file to execute when root runs this program: a path without symbolic links, of which only root can change any part.
///
/// Root must own each part of the given path, each link in it, and each part of the path that these lead to; and neither a
/// group other than root's nor others may write to it. Each part is checked after its parents, so no other user can replace
/// it between the check and the execution.
///
/// # Errors
/// The part that others than root can change, and who they are; or why the path does not lead to a file.
pub fn secure_program(program: &str) -> Result<PathBuf, String> {
    let path = program_path(program).ok_or_else(|| format!("'{program}' cannot be found"))?;
    let path = std::path::absolute(&path).map_err(|error| format!("'{}': {error}", path.display()))?;
    let mut steps: VecDeque<OsString> = steps(&path).collect();
    let mut walked = PathBuf::from("/");
    let mut found = examined(&walked)?;
    let mut links = 0_usize;
    while let Some(step) = steps.pop_front() {
        if step == ".." {
            // The parent was examined before.
            walked.pop();
            found = examined(&walked)?;
            continue;
        }
        if !found.is_dir() {
            return Err(format!("'{}' is not a directory", walked.display()));
        }
        let next = walked.join(&step);
        found = examined(&next)?;
        if !found.is_symlink() {
            walked = next;
            continue;
        }
        links = links.saturating_add(1);
        if links > MOST_LINKS {
            return Err(format!("'{}' leads through too many symbolic links", path.display()));
        }
        let target = next.read_link().map_err(|error| unexamined(&next, &error))?;
        if target.is_absolute() {
            walked = PathBuf::from("/");
        }
        for step in self::steps(&target).collect::<Vec<_>>().into_iter().rev() {
            steps.push_front(step);
        }
        found = examined(&walked)?;
    }
    if found.is_file() { Ok(walked) } else { Err(format!("'{}' is not a file", walked.display())) }
}

/// The parts of a path, without the root.
fn steps(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// Metadata of a path, if only root can change it.
fn examined(path: &Path) -> Result<Metadata, String> {
    let shown = path.display();
    let meta = path.symlink_metadata().map_err(|error| unexamined(path, &error))?;
    let (mode, owner, group) = (meta.mode(), meta.uid(), meta.gid());
    if owner != 0 {
        let user = User::from_uid(Uid::from_raw(owner)).ok().flatten();
        let user = user.map_or_else(|| owner.to_string(), |user| user.name);
        return Err(format!("'{shown}' belongs to user {user}"));
    }
    // The permissions of a link have no effect.
    if meta.is_symlink() {
        return Ok(meta);
    }
    if mode & 0o002 != 0 {
        return Err(format!("everyone may write to '{shown}'"));
    }
    if mode & 0o020 != 0 {
        if group != 0 {
            let name = Group::from_gid(Gid::from_raw(group)).ok().flatten();
            let name = name.map_or_else(|| group.to_string(), |group| group.name);
            return Err(format!("group {name} may write to '{shown}'"));
        }
        // With an access control list, the permission of the group is the mask of all entries.
        if rustix::fs::lgetxattr(path, c"system.posix_acl_access", &mut [0_u8; 0]).is_ok_and(|length| length > 0) {
            return Err(format!("an access control list may let others write to '{shown}'"));
        }
    }
    Ok(meta)
}

fn unexamined(path: &Path, error: &io::Error) -> String {
    format!("'{}' cannot be examined: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    #[test]
    fn programs() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("n.sh");
        fs::write(&file, "#!/bin/sh\n").unwrap();
        let name = file.display().to_string();
        assert_eq!(problem(&name).as_deref(), Some("is not executable"));
        assert_eq!(problem("/nowhere/at/all").as_deref(), Some("does not exist"));
        assert_eq!(problem(&directory.path().display().to_string()).as_deref(), Some("is not a file"));
        assert_eq!(problem("sh"), None);
        // Everyone may write to the directory for temporary files.
        let why = secure_program(&name).unwrap_err();
        let temporary = std::env::temp_dir().canonicalize().unwrap();
        assert_eq!(why, format!("everyone may write to '{}'", temporary.display()));
    }

    #[test]
    fn a_bare_name_is_checked_where_it_is_run_from() {
        for name in ["sh", "/bin/sh"] {
            let path = secure_program(name).unwrap();
            assert_eq!(path, Path::new("/bin/sh").canonicalize().unwrap());
        }
        assert!(secure_program("no-such-program").unwrap_err().contains("cannot be found"));
    }

    /// Below a directory that only root can write to, as /tmp is not.
    #[test]
    fn each_part_of_each_path_is_checked() {
        let base = tempfile::Builder::new().tempdir_in("/run").unwrap();
        fs::set_permissions(base.path(), Permissions::from_mode(0o755)).unwrap();
        let place = |name: &str| base.path().join(name);
        for directory in ["good", "open", "foreign", "shared"] {
            fs::create_dir(place(directory)).unwrap();
            fs::set_permissions(place(directory), Permissions::from_mode(0o755)).unwrap();
            fs::write(place(directory).join("x.sh"), "#!/bin/sh\n").unwrap();
            fs::set_permissions(place(directory).join("x.sh"), Permissions::from_mode(0o755)).unwrap();
        }
        fs::set_permissions(place("open"), Permissions::from_mode(0o1777)).unwrap();
        chown(place("foreign"), Some(65534), None).unwrap();
        chown(place("shared"), None, Some(65534)).unwrap();
        fs::set_permissions(place("shared"), Permissions::from_mode(0o775)).unwrap();
        symlink("good", place("directory-link")).unwrap();
        symlink(place("good/x.sh"), place("link.sh")).unwrap();
        symlink("../link.sh", place("good/round.sh")).unwrap();
        // Others can change the link but not the file, and the file but not the link.
        symlink(place("good/x.sh"), place("open/link.sh")).unwrap();
        symlink(place("open/x.sh"), place("good/outside.sh")).unwrap();
        symlink("../open/link.sh", place("good/detour.sh")).unwrap();
        symlink(place("good"), place("foreign-link")).unwrap();
        std::os::unix::fs::lchown(place("foreign-link"), Some(65534), None).unwrap();
        symlink("loop.sh", place("good/loop.sh")).unwrap();
        fs::write(place("good/foreign.sh"), "#!/bin/sh\n").unwrap();
        chown(place("good/foreign.sh"), Some(65534), None).unwrap();
        let file = place("good/x.sh");
        for good in ["good/x.sh", "directory-link/x.sh", "link.sh", "good/round.sh", "good/../good/./x.sh"] {
            assert_eq!(secure_program(place(good).to_str().unwrap()), Ok(file.clone()), "{good}");
        }
        for (bad, reason) in [
            ("open/x.sh", "everyone may write to"),
            ("open/link.sh", "everyone may write to"),
            ("open/../good/x.sh", "everyone may write to"),
            ("good/outside.sh", "everyone may write to"),
            ("good/detour.sh", "everyone may write to"),
            ("foreign/x.sh", "belongs to user"),
            ("foreign-link/x.sh", "belongs to user"),
            ("good/foreign.sh", "belongs to user"),
            ("shared/x.sh", "may write to"),
            ("good/loop.sh", "cannot be found"),
            ("good/missing.sh", "cannot be found"),
            ("good", "is not a file"),
        ] {
            let why = secure_program(place(bad).to_str().unwrap()).unwrap_err();
            assert!(why.contains(reason), "{bad}: {why}");
        }
    }
}
