//! What the handlers ask.

use std::sync::Arc;

use domain::{Health, SaleId, Services, Unit, health::Way};

use crate::{items::Pictures, shown::SaleBoard, stream::Streams};

/// What the handlers of one thread ask.
pub struct Api {
    /// The services, by this thread's own way to the stores.
    pub services: Services,
    /// How sales stand, for all threads.
    pub board: Arc<SaleBoard>,
    /// Whether the process can sell.
    pub health: Arc<Health>,
    /// How this thread's requests went, for `health` to look at.
    pub way: Arc<Way>,
    /// What the stores are called where their health is reported.
    pub names: StoreNames,
    /// Draws the item of a unit as an SVG document.
    pub draw: fn(SaleId, Unit) -> String,
    /// The pictures that were compressed last.
    pub pictures: Pictures,
    /// Who watches how sales stand.
    pub streams: Streams,
}

/// What the stores are called where their health is reported.
#[derive(Debug, Clone, Copy)]
pub struct StoreNames {
    /// The ledger, such as `postgres`.
    pub ledger: &'static str,
    /// The live store, such as `redis`.
    pub live: &'static str,
}
