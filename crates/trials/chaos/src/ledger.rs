//! What the ledger has of a sale, read past the service.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::collections::HashMap;

use uuid::Uuid;

/// All that the ledger has of a sale, in the end.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) stock: usize,
    pub(crate) per_user_limit: u16,
    /// Milliseconds since the Unix epoch, by the ledger's clock.
    pub(crate) ends_ms: i64,
    /// Its state, as the ledger calls it.
    pub(crate) state: String,
    /// What operators did with it and its holds, in the order of the trail.
    pub(crate) trail: Vec<TrailRow>,
    pub(crate) holds: HashMap<Uuid, HoldRecord>,
    /// How many attempts of a user were refused, by what they were told.
    pub(crate) refusals: HashMap<(String, String), usize>,
    pub(crate) purchases: HashMap<Uuid, PurchaseRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HoldRecord {
    pub(crate) user: String,
    pub(crate) unit: i32,
    /// Which of the places it takes that the user's limit leaves, from 0.
    pub(crate) slot: u16,
    pub(crate) state: String,
    /// Milliseconds since the Unix epoch, by the ledger's clock.
    pub(crate) expires_ms: i64,
    pub(crate) resolved_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PurchaseRecord {
    pub(crate) user: String,
    pub(crate) unit: i32,
    pub(crate) item: String,
    pub(crate) is_cancelled: bool,
}

/// A row of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrailRow {
    pub(crate) id: Uuid,
    pub(crate) number: i64,
    pub(crate) action: String,
    /// What it is about, as it is then, as JSON; none if it was refused.
    pub(crate) after: Option<String>,
    /// What stood in the way, as JSON.
    pub(crate) refused: Option<String>,
}
