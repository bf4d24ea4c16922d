//! What the ledger has of a sale, read past the service.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::collections::HashMap;

use uuid::Uuid;

/// All that the ledger has of a sale.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) stock: usize,
    pub(crate) holds: HashMap<Uuid, HoldRecord>,
    /// How many attempts of a user were refused, by what they were told.
    pub(crate) refusals: HashMap<(String, String), usize>,
    pub(crate) purchases: HashMap<Uuid, PurchaseRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HoldRecord {
    pub(crate) user: String,
    pub(crate) unit: i32,
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
