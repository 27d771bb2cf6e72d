//! The four phases of a SET (RFC 2741 section 7.2.4).

use crate::mib::Mib;
use crate::oid::Oid;
use crate::pdu::{error, index};
use crate::syntax::SetError;
use crate::value::{Value, VarBind};

/// Most open transactions. A master that starts more has given up the oldest.
const MAX_TRANSACTIONS: usize = 16;

/// The answer to a phase: `res.error` and `res.index`.
pub(super) type Outcome = (u16, u16);

const DONE: Outcome = (error::NONE, 0);

/// SETs between their TestSet and their CleanupSet or UndoSet.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    /// Oldest first.
    open: Vec<Transaction>,
}

#[derive(Debug)]
struct Transaction {
    id: u32,
    binds: Vec<VarBind>,
    /// The values that the commit replaced, in order.
    undo: Vec<(Oid, Value)>,
}

impl Transactions {
    /// Drops all transactions without undoing anything.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    pub(super) fn test<T: 'static>(&mut self, mib: &Mib<T>, data: &T, id: u32, binds: Vec<VarBind>) -> Outcome {
        self.cleanup(id);
        for (at, bind) in binds.iter().enumerate() {
            if let Err(refused) = mib.test(data, &bind.name, &bind.value) {
                return (refused.status(), index(at));
            }
        }
        if self.open.len() == MAX_TRANSACTIONS {
            self.open.remove(0);
        }
        self.open.push(Transaction { id, binds, undo: Vec::new() });
        DONE
    }

    /// Sets all bindings or none.
    pub(super) fn commit<T: 'static>(&mut self, mib: &Mib<T>, data: &mut T, id: u32) -> Outcome {
        let Some(transaction) = self.open.iter_mut().find(|open| open.id == id) else {
            return (SetError::CommitFailed.status(), 0);
        };
        for (at, bind) in transaction.binds.iter().enumerate() {
            let former = mib.get(data, &bind.name);
            if mib.commit(data, &bind.name, &bind.value).is_err() {
                transaction.undo(mib, data);
                return (SetError::CommitFailed.status(), index(at));
            }
            transaction.undo.push((bind.name.clone(), former));
        }
        DONE
    }

    pub(super) fn undo<T: 'static>(&mut self, mib: &Mib<T>, data: &mut T, id: u32) -> Outcome {
        let Some(at) = self.open.iter().position(|open| open.id == id) else {
            return (SetError::UndoFailed.status(), 0);
        };
        match self.open.remove(at).undo(mib, data) {
            true => DONE,
            false => (SetError::UndoFailed.status(), 0),
        }
    }

    pub(super) fn cleanup(&mut self, id: u32) {
        self.open.retain(|open| open.id != id);
    }
}

impl Transaction {
    /// Restores the previous values, last first; `true` if all were restored.
    fn undo<T: 'static>(&mut self, mib: &Mib<T>, data: &mut T) -> bool {
        let mut all = true;
        while let Some((name, former)) = self.undo.pop() {
            all &= !former.is_exception() && mib.commit(data, &name, &former).is_ok();
        }
        all
    }
}
