//! Files, includes and patterns.

use super::*;

/// An included file is written while a user is looked up.
#[test]
fn a_file_that_changes_while_it_is_read_is_noticed() {
    static CHANGED: OnceLock<PathBuf> = OnceLock::new();
    fn user(_: &str) -> Option<(u32, u32)> {
        fs::write(CHANGED.get()?, "vrrp_instance").ok()?;
        Some((0, 0))
    }
    let files = Files::new(&[
        ("k.conf", b"global_defs {\n script_user root\n}\ninclude part.conf\n"),
        ("part.conf", b"vrrp_instance VI {\n interface eth0\n virtual_router_id 5\n}\n"),
    ])
    .unwrap();
    assert_eq!(files.load("k.conf").unsteady, None);
    let part = CHANGED.get_or_init(|| files.path("part.conf"));
    let mut options = options(&files.path("k.conf"));
    options.outside.user = user;
    let loaded = load(&options);
    assert_eq!(loaded.unsteady, Some(format!("{} changed while it was read", part.display())));
    assert!(loaded.config.is_some(), "it was complete when it was read");
}

#[test]
fn includes_resolve_from_their_own_directory() {
    let vip = instance(" virtual_ipaddress { 10.0.0.1 }");
    let files = Files::new(&[
        ("k.conf", b"include conf.d/*.conf\ninclude conf.d/none.conf\n"),
        ("conf.d/b.conf", b"global_defs { router_id ${_PWD} }\n"),
        ("conf.d/a.conf", b"include sub/{one,two}.part\n"),
        ("conf.d/sub/one.part", vip.as_bytes()),
        ("conf.d/sub/two.part", b"$N=5\n"),
    ])
    .unwrap();
    let loaded = files.load("k.conf");
    let c = loaded.config.unwrap();
    assert_eq!(c.instances.len(), 1);
    assert_eq!(c.global.router_id, files.path("conf.d").display().to_string());
    assert_eq!(loaded.diagnostics.len(), 1, "only the missing literal name: {}", loaded.diagnostics);
}

#[test]
fn only_regular_non_executable_files_are_read() {
    let files =
        Files::new(&[("k.conf", b"includer inc/*\n"), ("inc/x", b"banana\n"), ("loop", b"include loop\n")]).unwrap();
    fs::set_permissions(files.path("inc/x"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(files.path("inc/d")).unwrap();
    nix::unistd::mkfifo(&files.path("inc/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/dev/zero", files.path("inc/zero")).unwrap();
    let start = Instant::now();
    let loaded = files.load("k.conf");
    assert!(start.elapsed() < Duration::from_secs(5), "must not wait on the FIFO or the device");
    let text = loaded.diagnostics.to_string();
    assert_eq!(loaded.diagnostics.len(), 4, "{text}");
    for part in [
        "inc/d' is not included: it is a directory",
        "inc/x' is not included: it is executable",
        "inc/fifo' is not included: it is not a regular file",
        "inc/zero' is not included: it is not a regular file",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // Without a check, problems of includes are warnings.
    fs::write(files.path("k.conf"), "include inc/*\n").unwrap();
    let loaded = files.load("k.conf");
    assert_eq!((loaded.diagnostics.len(), loaded.diagnostics.exit_code()), (4, 0), "{}", loaded.diagnostics);
    let executable = files.load("inc/x");
    assert_eq!((executable.config.is_some(), executable.diagnostics.exit_code()), (true, 5));
    for (name, why) in [("inc/fifo", "not a regular file"), ("inc/d", "directory"), ("absent", "does not exist")] {
        let loaded = files.load(name);
        assert_eq!((loaded.config.is_none(), loaded.diagnostics.exit_code()), (true, 4), "{name}");
        assert!(loaded.diagnostics.to_string().contains(why), "{name}: {}", loaded.diagnostics);
    }
    assert!(files.load("loop").diagnostics.to_string().contains("being read already"));
}

#[test]
fn include_checks() {
    let run = |all_config: bool, text: &str| {
        let files = Files::new(&[("k.conf", text.as_bytes()), ("inc/a", b"include none\n")]).unwrap();
        load(&Options { all_config, ..options(&files.path("k.conf")) }).diagnostics.exit_code()
    };
    for (all, text, code) in [
        (false, "include none\n", 0),
        (false, "includer none\n", 0),
        (false, "includem none\n", 4),
        (false, "includem none*\n", 0),
        (false, "includew none*\n", 4),
        (false, "includeb {inc/a,none}\n", 4),
        (false, "includea {inc/a,none*}\n", 4),
        (true, "include none*\n", 4),
        (false, "global_defs {\n include_check\n}\ninclude none\n", 4),
        (false, "global_defs {\n include_check\n}\ninclude inc/a\n", 4),
        (false, "include inc/a\n", 0),
        (false, "global_defs {\n include_check\n include_check -match\n}\ninclude none\n", 0),
    ] {
        assert_eq!(run(all, text), code, "{text}");
    }
}

#[test]
fn a_file_name_may_look_like_a_pattern() {
    let files = Files::new(&[("k[1]{a,b}.conf", b"global_defs { router_id it }")]).unwrap();
    assert_eq!(files.load("k[1]{a,b}.conf").config.unwrap().global.router_id, "it");
}

#[test]
fn line_ends_and_marks_of_other_systems() {
    let loaded = load_text("\u{feff}global_defs {\r\n\trouter_id \"a b\"\r\n}\r\n");
    assert_eq!(loaded.config.unwrap().global.router_id, "a b");
    let text = loaded.diagnostics.to_string();
    assert!(loaded.diagnostics.len() == 1 && text.contains("byte order mark"), "{text}");
    let loaded = load_text("global_defs {\n\trouter_id \u{e9} b\n}\n");
    assert!(
        loaded.diagnostics.to_string().contains("k.conf:2:14: warning"),
        "columns are characters: {}",
        loaded.diagnostics
    );
    assert!(
        load_text(b"# caf\xe9\nglobal_defs {\n router_id caf\xe9\n}\n")
            .diagnostics
            .to_string()
            .contains("3:15: warning: the text is not UTF-8")
    );
}

#[test]
fn several_top_level_files_by_pattern() {
    let files = Files::new(&[("1.conf", b"global_defs {\n"), ("2.conf", b" router_id two\n}\n")]).unwrap();
    let loaded = load(&options(&files.path("?.conf")));
    assert_eq!(loaded.config.unwrap().global.router_id, "two");
}
