//! The machine the labs share: who may load it, and how still it stood.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::{Stamp, now};

/// Waits until no other lab runs, then keeps them away until dropped: for labs that measure time.
pub fn alone() -> Flock<File> {
    turn(FlockArg::LockExclusive)
}

/// Waits until no lab runs [`alone`], then keeps such labs away until dropped.
pub fn shared() -> Flock<File> {
    turn(FlockArg::LockShared)
}

fn turn(how: FlockArg) -> Flock<File> {
    let path = std::env::temp_dir().join("keepalived-labs.lock");
    let file = File::options().create(true).append(true).open(path).expect("a lock file");
    Flock::lock(file, how).expect("a lock")
}

/// Whether the long forms of the labs are wanted (`make soak`, by LAB_SOAK=1).
pub fn soak() -> bool {
    std::env::var_os("LAB_SOAK").is_some_and(|value| value == "1")
}

/// The `n`-th processor this process may use, counting round and round.
pub fn processor(n: usize) -> usize {
    let allowed = sched_getaffinity(Pid::from_raw(0)).expect("our own processors");
    let allowed: Vec<usize> = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false)).collect();
    allowed[n % allowed.len()]
}

/// Stretches of time in which a processor did not run a thread that was due.
pub type Stalls = Vec<(Stamp, Stamp)>;

/// Threads, one on each processor, that want to wake every 2 ms and note when they could not.
///
/// A busy or throttled machine makes any program late; what a daemon is blamed for is only the
/// part of its lateness in which the witnesses ran.
#[derive(Debug)]
pub struct Witness {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Stalls>>,
}

/// How often a witness wants to wake.
const TICK: Duration = Duration::from_millis(2);
/// Lateness not worth noting.
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

    /// Ends watching; returns the stalls of each processor.
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

/// For how much of the time between two moments the processor that stood still most did so.
pub fn stalled(processors: &[Stalls], from: Stamp, to: Stamp) -> Duration {
    let overlap = |&(start, end): &(Stamp, Stamp)| end.min(to).saturating_sub(start.max(from));
    let sums = processors.iter().map(|stalls| stalls.iter().map(overlap).sum());
    sums.max().unwrap_or_default()
}

/// The longest time without an event between two moments; gaps longer than `limit` count less the stalls of the
/// machine in them.
pub fn longest_gap(events: &[Stamp], from: Stamp, to: Stamp, limit: Duration, stalls: &[Stalls]) -> Duration {
    let ends = [&[from], events, &[to]].concat();
    let gaps = ends.windows(2).map(|pair| {
        let gap = pair[1] - pair[0];
        if gap > limit { gap.saturating_sub(stalled(stalls, pair[0], pair[1])) } else { gap }
    });
    gaps.max().unwrap_or_default()
}
