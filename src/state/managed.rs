//! The state of an object in the kernel - an address, a VMAC, a route or a rule - that the daemon sets and removes.

/// Operation on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Set it.
    Add,
    /// Remove it.
    Remove,
}

/// Result of a successful request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The object was set or removed.
    Changed,
    /// The object was already set, or already absent.
    AlreadySo,
}

/// Desired and present state of an object. One request at a time is sent to the kernel for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Managed {
    /// It should be set.
    pub wanted: bool,
    /// It is set according to the kernel.
    pub installed: bool,
    /// It was set by this daemon or a predecessor; otherwise it belongs to the host and is never removed.
    pub ours: bool,
    /// A request that the kernel has not answered yet.
    pub pending: Option<Op>,
    /// The kernel refused a request, or another program removed an object with `no_track`: no further request until the retry
    /// timer or the next transition.
    pub refused: bool,
    /// The last refusal that was reported. Only a different one is reported again.
    pub refusal: Option<String>,
    /// It was reported that the host keeps the object.
    stay_reported: bool,
    /// Number of our removals whose notification by the kernel is outstanding. Until they arrive, notifications are out of
    /// date and only the answers to requests count.
    unreported_removals: u32,
}

/// Consequence of the kernel's notification that an object was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It is for our own removal, since when the object may be set again.
    Ours,
    /// Nobody needs the object.
    Unwanted,
    /// Another program has removed a wanted object.
    Stolen,
    /// Another program has removed a wanted object with `no_track`: it is not set again until the next transition.
    StolenUntracked,
}

impl Managed {
    /// The state of an object that is wanted, and not known to be set.
    pub fn wanted() -> Managed {
        Managed { wanted: true, ..Managed::default() }
    }

    /// Sets whether the object should be set. A refused request may be repeated at once.
    pub fn want(&mut self, wanted: bool) {
        (self.wanted, self.refused) = (wanted, false);
    }

    /// The operation that brings the object into the desired state; `None` if it is, or if it has to wait.
    pub fn next(&self) -> Option<Op> {
        if self.pending.is_some() || self.refused || self.wanted == self.installed {
            return None;
        }
        Some(if self.wanted { Op::Add } else { Op::Remove })
    }

    /// Whether the daemon has set the object, and removes it when it is no longer wanted.
    pub fn is_held(&self) -> bool {
        self.installed && self.ours
    }

    /// Whether the object is, or may soon be, set by the daemon. An object that the host has set itself is not.
    pub fn may_be_held(&self) -> bool {
        self.is_held() || self.pending.is_some() || (self.wanted && !self.installed)
    }

    /// Whether no further request is to be expected before the end of the process.
    pub fn is_settled(&self) -> bool {
        self.pending.is_none() && (self.refused || !self.is_held() || self.wanted)
    }

    /// Returns whether to report that the host keeps the object; true once.
    pub fn stays(&mut self) -> bool {
        !std::mem::replace(&mut self.stay_reported, true)
    }

    /// Takes the kernel's answer to a request that it has carried out.
    pub fn done(&mut self, op: Op, done: Done) {
        (self.pending, self.refusal) = (None, None);
        let unreported = op == Op::Remove && self.installed && done == Done::Changed;
        self.unreported_removals = self.unreported_removals.saturating_add(unreported.into());
        self.installed = op == Op::Add;
        self.ours = self.installed && (self.ours || done == Done::Changed);
    }

    /// Takes the kernel's refusal. Returns whether it differs from the last refusal and must be reported.
    pub fn refuse(&mut self, error: &str) -> bool {
        (self.pending, self.refused) = (None, true);
        let known = self.refusal.as_deref() == Some(error);
        self.refusal = Some(error.to_owned());
        !known
    }

    /// Takes the kernel's notification that the object was set; `marked` if its protocol is keepalived's.
    pub fn appeared(&mut self, marked: bool) {
        if self.unreported_removals == 0 {
            (self.installed, self.refusal) = (true, None);
            self.ours |= marked;
        }
    }

    /// Takes the kernel's notification that the object was removed.
    pub fn vanished(&mut self, no_track: bool) -> Loss {
        if let Some(left) = self.unreported_removals.checked_sub(1) {
            self.unreported_removals = left;
            return Loss::Ours;
        }
        let stolen = self.installed && self.wanted && self.pending.is_none();
        (self.installed, self.ours, self.stay_reported) = (false, false, false);
        match (stolen, no_track) {
            (false, _) => Loss::Unwanted,
            (true, false) => Loss::Stolen,
            (true, true) => {
                self.refused = true;
                Loss::StolenUntracked
            }
        }
    }

    /// Takes the object's presence in a complete list of the kernel's objects, which makes earlier notifications obsolete.
    /// `known_ours` if it is marked or was left by a predecessor.
    pub fn found(&mut self, there: bool, known_ours: bool) {
        (self.installed, self.unreported_removals) = (there, 0);
        self.ours = there && (self.ours || known_ours);
    }

    /// Takes a loss of which the kernel sends no notification. If the object is set again, it is ours as before.
    pub fn lose(&mut self) {
        (self.installed, self.refused) = (false, false);
    }

    /// Takes the removal of the interface that the object was on, or its change to another interface.
    pub fn moved(&mut self) {
        (self.installed, self.ours, self.refused) = (false, false, false);
    }

    /// Whether the kernel's notifications are out of date.
    pub fn awaits_notifications(&self) -> bool {
        self.unreported_removals > 0
    }
}
