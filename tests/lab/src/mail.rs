//! A mail relay: a real SMTP server that stores the mails it receives.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::netns::Netns;
use crate::process::Proc;
use crate::wait_until;

/// Time limit for the start of the relay, and for mails that may be sent again.
const LIMIT: Duration = Duration::from_secs(40);

/// A running relay. A relay started with the directory of an earlier one has the mails of that one, too.
#[derive(Debug)]
pub struct Relay {
    process: Proc,
    directory: PathBuf,
}

impl Relay {
    /// Starts the relay with files below `directory`; returns when it accepts connections.
    pub fn start(netns: &Netns, address: SocketAddr, directory: &Path) -> Relay {
        let directory = directory.join("mail");
        let mut command = netns.command("aiosmtpd");
        command.args(["-n", "-l", &address.to_string(), "-c", "aiosmtpd.handlers.Mailbox"]).arg(&directory);
        let process = Proc::spawn(command, &directory.with_extension("log"));
        wait_until(LIMIT, "the relay listens", || netns.enter(|| TcpStream::connect(address).is_ok()));
        Relay { process, directory }
    }

    /// Kills the relay; its mails are kept.
    pub fn stop(&mut self) {
        self.process.kill_group();
    }

    /// The mails so far, sorted by text, without the parts that differ in each run.
    pub fn mails(&self) -> Vec<String> {
        let files = fs::read_dir(self.directory.join("new")).into_iter().flatten().flatten();
        let mails = files.map(|file| {
            let text = fs::read_to_string(file.path()).unwrap_or_default();
            let (headers, body) = text.split_once("\n\n").unwrap_or((&text, ""));
            let lines = headers.lines().filter(|line| !line.starts_with("X-Peer:"));
            let lines = lines.map(|line| if line.starts_with("Date:") { "Date" } else { line });
            format!("{}\n\n{body}", lines.collect::<Vec<_>>().join("\n"))
        });
        let mut mails: Vec<String> = mails.collect();
        mails.sort();
        mails
    }

    /// The subjects of the mails so far, sorted.
    pub fn subjects(&self) -> Vec<String> {
        let mails = self.mails();
        let subjects = mails.iter().flat_map(|mail| mail.lines().find_map(|line| line.strip_prefix("Subject: ")));
        let mut subjects: Vec<String> = subjects.map(str::to_owned).collect();
        subjects.sort();
        subjects
    }

    /// Waits until the subjects of the mails are exactly these (sorted).
    pub fn await_subjects(&self, wanted: &[&str]) {
        let mut subjects = Vec::new();
        let reached = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(LIMIT, &format!("mails {wanted:#?}"), || {
                subjects = self.subjects();
                subjects == wanted
            });
        }));
        if let Err(panic) = reached {
            eprintln!("--- subjects found: {subjects:#?}");
            std::panic::resume_unwind(panic);
        }
    }
}
