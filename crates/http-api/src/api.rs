//! What the handlers ask.

use std::sync::Arc;

use domain::{
    Health, ProductImages, SaleId, Services, Steering, Unit,
    health::Way,
    ports::{CodeOwners, Exports, Inspections, Lookups, Products, SaleHistory},
};

use crate::{
    identity::Identity,
    items::Pictures,
    limits::Limits,
    manners::Manners,
    operator::{Control, Operators},
    shown::SaleBoard,
    stream::Streams,
};

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
    /// Says whose codes are, by this thread's own way.
    pub owners: Arc<dyn CodeOwners>,
    /// What is looked up of codes and users, by this thread's own way.
    pub lookups: Arc<dyn Lookups>,
    /// Says of whom requests are, for all threads; `None` where `user_id` is believed.
    pub identity: Option<Arc<Identity>>,
    /// Carries out what operators order, for all threads.
    pub steering: Arc<Steering>,
    /// The products, for operators.
    pub products: Arc<dyn Products>,
    /// What operators look up and take out, where they are served.
    pub records: Option<Records>,
    /// Says who operates, for all threads, where operators are let in; `None` where there is no such
    /// place.
    pub operators: Option<Arc<Operators>>,
    /// Tells operators who watch how the service does, where they are served.
    pub control: Option<Control>,
    /// How often somebody may ask, for all threads.
    pub limits: Arc<Limits>,
    /// What all answers have in common, for all threads.
    pub manners: Arc<Manners>,
    /// What the stores are called where their health is reported.
    pub names: StoreNames,
    /// Draws the item of a unit as an SVG document.
    pub draw: fn(SaleId, Unit) -> String,
    /// The pictures of products, for all threads.
    pub product_images: Arc<ProductImages>,
    /// The pictures that were compressed last.
    pub pictures: Pictures,
    /// Who watches how sales stand.
    pub streams: Streams,
}

/// The records of the ledger, for operators.
pub struct Records {
    /// A code, a unit, a user.
    pub inspections: Arc<dyn Inspections>,
    /// All of a sale.
    pub exports: Arc<dyn Exports>,
    /// How a sale went.
    pub history: Arc<dyn SaleHistory>,
}

/// What the stores are called where their health is reported.
#[derive(Debug, Clone, Copy)]
pub struct StoreNames {
    /// The ledger, such as `postgres`.
    pub ledger: &'static str,
    /// The live store, such as `redis`.
    pub live: &'static str,
}
