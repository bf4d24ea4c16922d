//! What keeps the promises between requests: six steps, each safe to run at any moment, in
//! any number of processes, and to be stopped half-way.
//!
//! | step | keeps true that |
//! |---|---|
//! | [`Rotate`] | every slot of the timetable has its sale, made ahead |
//! | [`Rebuild`] | a sale that the live store lost is served again |
//! | [`Reclaim`] | a request that went away holds nothing |
//! | [`Sweep`] | a hold that is due is sold or free again |
//! | [`Reconcile`] | the live store agrees with the ledger |
//! | [`Retire`] | a sale that is over leaves the live store |
//!
//! Whose turn a step is, so that many processes do no more than one, is for [`Shares`] to say.

mod rebuild;
mod reclaim;
mod reconcile;
mod retire;
mod rotate;
mod shares;
mod sweep;

use std::sync::Arc;

use crate::Catalog;

pub use rebuild::{Rebuild, Rebuilt, Restored};
pub use reclaim::Reclaim;
pub use reconcile::{Drift, Reconcile, Reconciled};
pub use retire::{Retire, Retired};
pub use rotate::Rotate;
pub use shares::Shares;
pub use sweep::{Sweep, Swept};

/// The steps, as one process takes them; [`Services::upkeep`](crate::Services::upkeep) wires them.
pub struct Upkeep {
    /// The sales that are known, which the steps look at and keep up to date.
    pub catalog: Arc<Catalog>,
    /// Makes sales and refreshes the catalog.
    pub rotate: Rotate,
    /// Gives back what requests held that went away.
    pub reclaim: Reclaim,
    /// Resolves due holds.
    pub sweep: Sweep,
    /// Serves sales again.
    pub rebuild: Arc<Rebuild>,
    /// Compares both stores.
    pub reconcile: Reconcile,
    /// Closes sales.
    pub retire: Retire,
}

/// How long before its start a sale is loaded, in milliseconds, so that at its first moment
/// every process sells at once with nothing to coordinate.
pub const LOAD_AHEAD_MS: i64 = 60_000;
