//! Processor time of user-mode Linux as the host counts it. Inside, time passes in ticks of that kernel, so that a process
//! that works between two ticks seems to work for nothing.

use std::fmt::Write;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Interval of the samples.
const STEP: Duration = Duration::from_millis(100);
/// Clock ticks of a second in /proc/PID/stat (sysconf(3), `_SC_CLK_TCK`), which is 100 on Linux.
const TICKS: f64 = 100.0;

/// Records the processor time of all processes of user-mode Linux.
pub struct HostCpu {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(f64, f64)>>,
}

impl HostCpu {
    /// Starts to record.
    pub fn start() -> HostCpu {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut samples = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                samples.push((seconds(), spent()));
                std::thread::sleep(STEP);
            }
            samples
        });
        HostCpu { stop, thread }
    }

    /// Stops, and replaces each [`mark`] in a text by the microseconds per event.
    pub fn fill(self, text: &str) -> String {
        self.stop.store(true, Ordering::Relaxed);
        let samples = self.thread.join().expect("sampling does not panic");
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, mark, after)) = rest
            .split_once("{cpu ")
            .and_then(|(before, rest)| rest.split_once('}').map(|(mark, after)| (before, mark, after)))
        {
            let numbers: Vec<f64> = mark.split(' ').filter_map(|number| number.parse().ok()).collect();
            let _ = match numbers[..] {
                [from, to, events] => {
                    write!(filled, "{before}{:.0}", (at(&samples, to) - at(&samples, from)) * 1e6 / events)
                }
                _ => write!(filled, "{before}?"),
            };
            rest = after;
        }
        filled + rest
    }
}

/// A mark for the processor time per event of a period.
pub fn mark(from: f64, to: f64, events: u64) -> String {
    format!("{{cpu {from} {to} {events}}}")
}

/// The time since 1970, which the host and the kernel inside share.
pub fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The processor time at a moment, in seconds.
fn at(samples: &[(f64, f64)], moment: f64) -> f64 {
    samples.iter().rev().find(|(time, _)| *time <= moment).map_or(0.0, |(_, spent)| *spent)
}

/// The processor time of all processes of user-mode Linux so far, in seconds.
fn spent() -> f64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ours = processes
        .filter(|process| fs::read(process.path().join("cmdline")).is_ok_and(|line| line.starts_with(b"linux.uml\0")));
    let ticks = ours.map(|process| {
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // After the name of the program: the state is the first field, user and system time are the 12th and 13th.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
        fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>()
    });
    ticks.sum::<f64>() / TICKS
}
