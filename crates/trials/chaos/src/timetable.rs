//! The small sales of a trial, and when things happen in each.

/// A sale opens every so often, in milliseconds, and lasts as long.
pub(crate) const LASTS_MS: u32 = 20_000;

/// Units of a sale.
pub(crate) const STOCK: u32 = 500;

/// Units that one buyer wants.
pub(crate) const WISHES: u32 = 5;

/// How long a unit is held, in milliseconds.
pub(crate) const HOLD_MS: u32 = 3_000;

/// The first fault comes so long after the opening, in milliseconds.
pub(crate) const FAULTS_FROM_MS: u32 = 300;

/// By then, every fault is healed, in milliseconds after the opening.
pub(crate) const HEALED_BY_MS: u32 = 12_000;

/// How long a sale takes that is sold out, in milliseconds, once nothing is in the way: the last buyers come
/// two seconds after the healing.
pub(crate) const SELLS_OUT_WITHIN_MS: i64 = 6_000;

/// Then the sale before is judged, in milliseconds after the opening: what healed needs a
/// moment to catch up.
pub(crate) const JUDGED_AT_MS: u32 = 14_000;

/// By then the service lets go of a peer that stands still, in milliseconds: it promises five seconds,
/// and the machine may be busy. What begins when all is healed is over with the sale.
pub(crate) const LET_GO_WITHIN_MS: u32 = LASTS_MS - HEALED_BY_MS;
