//! The domain's ports in process memory: the fakes of the unit tests.
//!
//! [`MemoryLive`] is the live side, [`MemoryLedger`] the ledger. They answer as Redis and
//! Postgres do, decision by decision, so that a rule learnt here holds there. Beside the ports
//! they can be looked into, and they fail on demand: the live side forgets everything or comes
//! back with an old copy, and [`Faults`] make a call fail, get lost or stand still.
//!
//! [`World`] wires both up with the domain's services, for tests of those.
//!
//! Nothing here waits or draws: [`ManualClock`] stands until it is moved and [`CountingMint`]
//! counts, so every run of a test is the same run.

mod clock;
mod faults;
mod ledger;
mod live;
mod records;
mod register;
mod world;

pub use clock::{CountingMint, ManualClock};
pub use faults::{Fault, Faults, Operation};
pub use ledger::MemoryLedger;
pub use live::{LiveCopy, MemoryLive};
pub use records::{AttemptRecord, HoldRecord, HoldState};
pub use world::{Process, World};

use std::sync::{Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
