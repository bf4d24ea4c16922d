//! What the handlers ask.

use std::sync::Arc;

use domain::{
    SaleId, Services, Unit,
    ports::{AuditedLive, SaleRegister},
};

/// What the handlers of one thread ask.
pub struct Api {
    /// The services, by this thread's own way to the stores.
    pub services: Services,
    /// The ledger, for whoever asks after its health.
    pub register: Arc<dyn SaleRegister>,
    /// The live store, for whoever asks after its health.
    pub live: Arc<dyn AuditedLive>,
    /// What the stores are called where their health is reported.
    pub names: StoreNames,
    /// Whether there is to be a sale at any time: a shop without a timetable may be between two.
    pub has_timetable: bool,
    /// Draws the item of a unit as an SVG document.
    pub draw: fn(SaleId, Unit) -> String,
}

/// What the stores are called where their health is reported.
#[derive(Debug, Clone, Copy)]
pub struct StoreNames {
    /// The ledger, such as `postgres`.
    pub ledger: &'static str,
    /// The live store, such as `redis`.
    pub live: &'static str,
}
