//! Codes whose requests went away before they had an answer: nobody will ever learn them.
//!
//! A client hangs up, and its request is dropped wherever it stands. Its unit goes back as soon as
//! the upkeep comes by, and not when the hold is due. What is too many for the list is left to the
//! sweep. Codes that lead from a key are no one request's own, and are not among them: whoever asks
//! again with the key takes the hold over, and else it ends when it is due.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Code;

/// How many codes may wait for the upkeep.
const CODES_MAX: usize = 10_000;

/// The codes that the upkeep is to give back, of all threads of a process.
#[derive(Default)]
pub struct Abandoned {
    codes: Mutex<Vec<AbandonedCode>>,
}

/// A code that nobody will ever learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbandonedCode {
    /// The code.
    pub code: Code,
    /// How far its request had come.
    pub reached: Reached,
}

/// How far a request had come when it went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// The live store may have granted it a unit. The ledger was not asked, and never will be.
    LiveStore,
    /// The ledger was asked for a record, which may be there, come, or never come.
    Ledger,
}

impl Abandoned {
    /// Notes a code, if there is room.
    pub fn note(&self, abandoned: AbandonedCode) {
        let mut codes = self.codes();
        if codes.len() < CODES_MAX {
            codes.push(abandoned);
        }
    }

    /// All codes that were noted since the last call.
    #[must_use]
    pub fn take(&self) -> Vec<AbandonedCode> {
        std::mem::take(&mut *self.codes())
    }

    fn codes(&self) -> MutexGuard<'_, Vec<AbandonedCode>> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
