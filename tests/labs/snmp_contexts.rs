//! Two daemons share one snmpd by `snmp_context`: each answers in its own context.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use lab::Daemon::Ours;
use lab::process::Proc;
use lab::snmp::{INSTANCE_STATE, ROOT, agent};
use lab::{Lab, Protocol, machine, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(30);
const CONTEXTS: [&str; 2] = ["left", "right"];
const CAPABILITIES: &str = ".1.3.6.1.2.1.1.9.1.3";
const ROUTER_ID: &str = ".1.3.6.1.4.1.9586.100.5.1.2.0";

/// A master agent in a namespace, which shows each context to a user of SNMPv3 and to a community of its own.
fn master(netns: &str, directory: &Path, socket: &str) -> Proc {
    let contexts = CONTEXTS.map(|name| {
        format!(
            "com2sec -Cn {name} {name}-name default {name}-community\ngroup readers v2c {name}-name\n\
             access readers {name} any noauth exact all none none\n"
        )
    });
    let conf = format!(
        "agentAddress udp:127.0.0.1:161\nmaster agentx\nagentXSocket {socket}\nagentXPerms 0777 0777\n\
         view all included .1\nrocommunity public\ncreateUser reader SHA maplesyrup1\nrwuser reader auth -V all *\n\
         group readers usm reader\naccess readers \"\" any noauth prefix all none none\n{}",
        contexts.concat()
    );
    fs::write(directory.join("contexts.conf"), conf).unwrap();
    let mut command = agent(netns, "snmpd");
    command.args(["-f", "-C", "-Lo"]);
    command.arg("-c").arg(directory.join("contexts.conf")).arg("-p").arg(directory.join("contexts.pid"));
    command.env("SNMP_PERSISTENT_DIR", directory).env("MIBS", "");
    Proc::spawn(command, &directory.join("contexts.log"))
}

/// How a manager asks.
enum As {
    /// With the community of a context.
    Community(String),
    /// As the user of SNMPv3, in a context.
    User(String),
}

/// The objects below `oid`: name and value.
fn walk(netns: &str, manager: &As, tool: &str, oid: &str) -> Vec<(String, String)> {
    let mut command = manager_command(netns, manager, tool);
    let output = command.args(["127.0.0.1", oid]).stderr(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter_map(|line| line.split_once(" = "));
    let found = lines.filter(|(_, value)| !value.starts_with("No "));
    found.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
}

/// A tool of net-snmp with the arguments before the address.
fn manager_command(netns: &str, manager: &As, tool: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", netns, tool, "-m", "", "-On", "-OQ", "-t", "2", "-r", "0"]);
    match manager {
        As::Community(community) => command.args(["-v2c", "-c", community]),
        As::User(context) => {
            command.args(["-v3", "-u", "reader", "-l", "authNoPriv", "-a", "SHA", "-A", "maplesyrup1", "-n", context])
        }
    };
    command
}

#[test]
fn each_daemon_answers_in_its_own_context_of_one_snmpd() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let (directory, netns) = (lab.router(1).dir().to_owned(), lab.router(1).netns().name().to_owned());
    let socket = format!("unix:{}", directory.join("agentx").display());
    let mut snmpd = master(&netns, &directory, &socket);
    for (number, context) in (1..).zip(CONTEXTS) {
        let router = lab.router(number);
        router.use_agentx(&socket);
        let lines = format!("snmp_context {context}\n  enable_traps");
        let conf = Protocol::V3.conf(if number == 1 { 200 } else { 100 }, "");
        router.configure(&conf.replacen('{', &format!("{{\n  {lines}\n"), 1));
        router.start(Ours);
    }
    let managers = |context: &str| [As::User(context.to_owned()), As::Community(format!("{context}-community"))];
    for (context, (state, name)) in CONTEXTS.into_iter().zip([("2", "lab200"), ("1", "lab100")]) {
        for manager in managers(context) {
            let one = |oid: &str| walk(&netns, &manager, "snmpbulkwalk", oid);
            wait_until(LIMIT, &format!("the router in {context}"), || {
                one(INSTANCE_STATE).iter().map(|(_, value)| value.as_str()).eq([state])
            });
            assert_eq!(one(ROUTER_ID), [(ROUTER_ID.to_owned(), name.to_owned())]);
            let (by_bulk, by_next) = (one(ROOT), walk(&netns, &manager, "snmpwalk", ROOT));
            assert!(by_bulk.len() > 30 && by_bulk == by_next, "{} {}", by_bulk.len(), by_next.len());
        }
    }
    let other = [As::Community("public".to_owned()), As::User(String::new()), As::User("nobody".to_owned())];
    for manager in other {
        assert_eq!(walk(&netns, &manager, "snmpwalk", ROOT), []);
    }
    // snmpd has one sysORTable for all contexts.
    for manager in [As::Community("public".to_owned()), As::User("left".to_owned())] {
        let capabilities = walk(&netns, &manager, "snmpwalk", CAPABILITIES);
        let ours = capabilities.iter().filter(|(_, text)| text == "The MIB module for Keepalived").count();
        assert_eq!(ours, if matches!(manager, As::User(_)) { 0 } else { 2 }, "{capabilities:?}");
    }

    // A SET concerns one of them.
    let priority = format!("{ROOT}.2.3.1.7.1");
    let mut set = manager_command(&netns, &As::User("right".to_owned()), "snmpset");
    let output = set.args(["127.0.0.1", &priority, "i", "150"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for (context, expected) in [("left", "200"), ("right", "150")] {
        let shown = walk(&netns, &As::User(context.to_owned()), "snmpget", &priority);
        assert_eq!(shown, [(priority.clone(), expected.to_owned())]);
        // snmpd takes notifications in contexts, too: haVrrpNotifsQueued, haVrrpNotifsSent and haVrrpNotifsRefused.
        let counts = || {
            ["2", "3", "4"].map(|number| {
                let oid = format!(".1.3.6.1.4.1.8072.9999.9999.112.1.4.{number}.0");
                walk(&netns, &As::User(context.to_owned()), "snmpget", &oid).remove(0).1
            })
        };
        wait_until(LIMIT, "the notifications are acknowledged", || {
            let [queued, sent, refused] = counts();
            queued != "0" && queued == sent && refused == "0"
        });
    }
    snmpd.signal(Signal::SIGTERM);
    snmpd.wait(LIMIT);
}
