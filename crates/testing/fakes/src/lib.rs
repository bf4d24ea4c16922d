//! Both stores in process memory, failing on demand: the fakes of the unit tests.
//!
//! [`FakeLive`] is the live store: the one of `memory-stores`, which can be lost, go back to an
//! old copy and be off with its clock. [`FakeLedger`] is the ledger. They answer as Redis and
//! Postgres do, decision by decision, so that a rule learnt here holds there. Beside the ports
//! they can be looked into, and [`Faults`] make a call fail, get lost or stand still.
//!
//! [`World`] wires both up with the domain's services, for tests of those.
//!
//! Nothing here waits or draws: [`ManualClock`] stands until it is moved and [`CountingMint`]
//! counts, so every run of a test is the same run.

mod clock;
mod faults;
mod items;
mod ledger;
mod live;
mod lookups;
mod products;
mod records;
mod register;
mod world;

pub use clock::{CountingMint, ManualClock};
pub use domain::ports::Operation;
pub use faults::{Fault, Faults};
pub use items::PlainItems;
pub use ledger::{FakeLedger, LedgerCopy};
pub use live::{FakeLive, LiveCopy};
pub use records::{AttemptRecord, HoldRecord, HoldState};
pub use world::{Process, World};

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;

/// What a call to a store in memory brings, which waits for nothing.
pub fn at_once<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("a store in memory answers at once")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
