//! Another network namespace than that of the process, for IPVS.
//!
//! A thread that has entered it starts the threads that open sockets there: a new thread is in the namespace of its creator.
//! So only the entry needs `CAP_SYS_ADMIN`, and sockets are opened again in the same namespace.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use nix::sched::{CloneFlags, setns};
use rustix::thread::CapabilitySet;

use super::capabilities::keep_only;

type Task = Box<dyn FnOnce() + Send>;

/// A network namespace that a thread has entered.
#[derive(Clone, Debug)]
pub struct Namespace {
    tasks: Sender<Task>,
}

impl Namespace {
    /// Enters the namespace of a file, such as `/run/netns/NAME`, with a thread that keeps only some capabilities then.
    ///
    /// # Errors
    /// When there is no such namespace, or this process must not enter it.
    pub fn enter(path: &Path, keep: CapabilitySet) -> io::Result<Namespace> {
        let file = File::open(path)?;
        let (tasks, queue) = channel::<Task>();
        let (sender, entered) = channel();
        std::thread::Builder::new().name("namespace".into()).spawn(move || {
            let outcome = setns(file, CloneFlags::CLONE_NEWNET).map_err(io::Error::from).and_then(|()| keep_only(keep));
            let failed = outcome.is_err();
            let _ = sender.send(outcome);
            if !failed {
                queue.into_iter().for_each(|task| task());
            }
        })?;
        entered.recv().map_err(io::Error::other)??;
        Ok(Namespace { tasks })
    }

    /// Runs a function in the namespace and returns its result.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn within<T: Send + 'static>(&self, function: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (sender, result) = channel();
        let task = Box::new(move || drop(sender.send(function())));
        self.tasks.send(task).map_err(|_| io::Error::other("the thread of the network namespace has ended"))?;
        result.recv().map_err(io::Error::other)
    }
}
