//! Programs of the daemon run in a clean process, whatever the settings of the daemon and of the process that started
//! it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::{Lab, Protocol, machine, wait_for, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// A script that prints the settings of its process, without a line that names an interpreter. Signals above 31 are not
/// printed: the C library reserves two of them and lets no program reset them.
const SCRIPT: &str = "set -- \"$1.$(id -u)\"\n\
    {\n\
    grep ^SigBlk: /proc/self/status\n\
    echo ignored $((0x$(sed -n 's/^SigIgn:.//p' /proc/self/status) & 0x7fffffff))\n\
    chrt -p $$ | sed 's/.*policy: //; s/.*priority: //'\n\
    echo nice $(ps -o ni= -p $$), umask $(umask), files $(ulimit -n) of $(ulimit -H -n)\n\
    timeout 0.1 sleep 30\n\
    echo timeout $?, leads its group $(($(cut -d' ' -f5 /proc/$$/stat) == $$))\n\
    } > \"$1.new\" 2>&1\n\
    mv \"$1.new\" \"$1\"\n";

const CLEAN: &str = "SigBlk:\t0000000000000000\nignored 0\nSCHED_OTHER\n0\n\
    nice 2, umask 0027, files 200 of 4444\ntimeout 124, leads its group 1\n";

/// The same program, started by a shell that ignores signals and has other settings.
fn untidy(command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    let untidy = "trap '' HUP QUIT CHLD TERM; umask 027; ulimit -S -n 200; ulimit -H -n 4444; exec nice -n 2 \"$@\"";
    shell.args(["-c", untidy, "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    shell
}

#[test]
fn scripts_and_checks_run_in_clean_processes() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let results = tempfile::tempdir().unwrap();
    fs::set_permissions(results.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let script = results.path().join("script.sh");
    fs::write(&script, SCRIPT).unwrap();
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let script = script.display();
    let result = |name: &str| results.path().join(name);
    let path = |name: &str| result(name).display().to_string();

    let vrrp = Protocol::V3.conf(
        100,
        &format!(
            "notify_master \"{script} {}\"\n  notify_backup \"{script} {}\" nobody\n",
            path("notify"),
            path("notify")
        ),
    );
    let misc = |name: &str, more: &str| {
        format!("MISC_CHECK {{\n misc_path \"{script} {}\"\n misc_timeout 5\n {more}\n }}\n", path(name))
    };
    let servers = format!(
        "virtual_server 10.1.0.1 80 {{\n protocol TCP\n delay_loop 1\n real_server 127.0.0.1 80 {{\n alpha\n {}{} \
         notify_up \"{script} {}\"\n }}\n quorum_up \"{script} {}\" nobody\n}}\n",
        misc("check", ""),
        misc("check", "user nobody"),
        path("up"),
        path("quorum")
    );
    let global = "{\n  script_user root\n  vrrp_rt_priority 20\n  vrrp_priority -5\n  checker_rt_priority 10\n  \
                  checker_priority -3\n";
    lab.router(1).configure(&(vrrp.replacen('{', global, 1) + &servers));
    let command = untidy(&lab.router(1).whole(Ours));
    lab.router(1).start_with(command);

    for name in ["notify.0", "notify.65534", "check.0", "check.65534", "up.0", "quorum.65534"] {
        let text = wait_for(LIMIT, name, || fs::read_to_string(result(name)).ok());
        assert_eq!(text, CLEAN, "{name}");
    }
    // The daemon itself has the configured settings, and a higher limit of files.
    let limits = fs::read_to_string(format!("/proc/{}/limits", lab.router(1).checker_pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert!(!files.contains(" 200 "), "{files}");
    let status = Command::new("chrt").args(["-p", &lab.router(1).vrrp_pid().to_string()]).output().unwrap();
    assert!(String::from_utf8_lossy(&status.stdout).contains("SCHED_RR"), "{status:?}");
    assert_eq!(lab.router(1).stop().1.code(), Some(0), "it handles SIGTERM although its parent ignored it");
}

/// A program that cannot be executed is logged with the reason.
#[test]
fn errors_name_the_program() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let broken = lab.router(1).file("broken");
    fs::write(&broken, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&broken, PermissionsExt::from_mode(0o755)).unwrap();
    let broken = broken.display().to_string();
    let conf = Protocol::V3.conf(100, &format!("notify_master {broken}\n  notify_backup {broken} nobody"));
    lab.router(1).configure(&conf.replacen('{', "{\n  script_user root\n", 1));
    lab.router(1).start(Ours);
    let line = format!("Cannot start script {broken}: No such file or directory");
    wait_until(LIMIT, "the program is named", || lab.router(1).log().contains(&line));
}
