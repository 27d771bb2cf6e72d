//! The machine that the labs share: reserving it, and measuring its stalls.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::{Stamp, now};

/// Waits until no other lab is running and reserves the machine until dropped, for labs that measure time.
pub fn alone() -> Flock<File> {
    turn(FlockArg::LockExclusive)
}

/// Waits until no lab runs [`alone`], and keeps such labs waiting until dropped.
pub fn shared() -> Flock<File> {
    turn(FlockArg::LockShared)
}

fn turn(how: FlockArg) -> Flock<File> {
    let path = std::env::temp_dir().join("keepalived-labs.lock");
    let file = File::options().create(true).append(true).open(path).expect("a lock file");
    Flock::lock(file, how).expect("a lock")
}

/// Whether to run the long forms of the labs (`make soak`, LAB_SOAK=1).
pub fn soak() -> bool {
    std::env::var_os("LAB_SOAK").is_some_and(|value| value == "1")
}

/// The `n`-th processor that this process may use, modulo their number.
pub fn processor(n: usize) -> usize {
    let allowed = sched_getaffinity(Pid::from_raw(0)).expect("our own processors");
    let allowed: Vec<usize> = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false)).collect();
    allowed[n % allowed.len()]
}

/// Periods in which a processor did not run a thread that was due.
pub type Stalls = Vec<(Stamp, Stamp)>;

/// Threads, one per processor, that wake every 2 ms and record when they were late.
///
/// A busy or throttled machine delays every program; only the part of a daemon's delay in which the
/// witnesses were on time is the daemon's fault.
#[derive(Debug)]
pub struct Witness {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Stalls>>,
}

/// Interval at which a witness wakes.
const TICK: Duration = Duration::from_millis(2);
/// Lateness that is not recorded.
const USUAL: Duration = Duration::from_millis(3);

impl Witness {
    /// Starts watching.
    pub fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..processors).map(|processor| {
            let stop = stop.clone();
            std::thread::spawn(move || watch(processor, &stop))
        });
        Self { threads: threads.collect(), stop }
    }

    /// Stops watching; returns the stalls of each processor.
    pub fn stop(self) -> Vec<Stalls> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|thread| thread.join().expect("a witness")).collect()
    }
}

fn watch(processor: usize, stop: &AtomicBool) -> Stalls {
    let mut only = CpuSet::new();
    if only.set(processor).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &only);
    }
    let mut stalls = Stalls::new();
    let mut last = now();
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(TICK);
        let woken = now();
        if woken.saturating_sub(last) > TICK + USUAL {
            stalls.push((last + TICK, woken));
        }
        last = woken;
    }
    stalls
}

/// The total stall between two times of the processor that stalled most.
pub fn stalled(processors: &[Stalls], from: Stamp, to: Stamp) -> Duration {
    let overlap = |&(start, end): &(Stamp, Stamp)| end.min(to).saturating_sub(start.max(from));
    let sums = processors.iter().map(|stalls| stalls.iter().map(overlap).sum());
    sums.max().unwrap_or_default()
}

/// The longest time without an event between two times. The machine's stalls are subtracted from gaps longer than
/// `limit`.
pub fn longest_gap(events: &[Stamp], from: Stamp, to: Stamp, limit: Duration, stalls: &[Stalls]) -> Duration {
    let ends = [&[from], events, &[to]].concat();
    let gaps = ends.windows(2).map(|pair| {
        let gap = pair[1] - pair[0];
        if gap > limit { gap.saturating_sub(stalled(stalls, pair[0], pair[1])) } else { gap }
    });
    gaps.max().unwrap_or_default()
}
