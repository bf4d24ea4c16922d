//! A small world: both stores, their clock, and processes that serve sales from them.

use std::sync::Arc;

use domain::{
    Catalog, Checkout, CheckoutRefusal, CheckoutRequest, Hold, NewSale, Origin, Ports, Purchase,
    Sale, Services, Standings, StoreError, Terms, Timetable, UnixMillis, UserId, Window,
    remembered::{RememberedLive, SoldOutMemo},
    upkeep::{Rebuild, Reclaim, Reconcile, Retire, Sweep, Upkeep},
};

use crate::{CountingMint, FakeLedger, FakeLive, ManualClock, PlainItems};

/// When a world begins: a full hour, so that timetables are easy to reckon with.
const BEGINNING: UnixMillis = UnixMillis(1_700_000_000_000 / HOUR_MS * HOUR_MS);

const HOUR_MS: i64 = 3_600_000;

/// Both stores and the clock they live by. What is done to them, all processes see.
pub struct World {
    /// The time of both stores.
    pub clock: ManualClock,
    /// The live store.
    pub live: Arc<FakeLive>,
    /// The ledger.
    pub ledger: Arc<FakeLedger>,
}

/// What one process of the application runs.
pub struct Process {
    /// The sales it knows of; empty until it is refreshed.
    pub catalog: Arc<Catalog>,
    /// Asks for units.
    pub checkout: Checkout,
    /// Redeems codes.
    pub purchase: Purchase,
    /// Reports how sales stand.
    pub standings: Standings,
    /// Serves sales again.
    pub rebuild: Arc<Rebuild>,
    /// Gives back what requests held that went away.
    pub reclaim: Reclaim,
    /// Resolves due holds.
    pub sweep: Sweep,
    /// Compares both stores.
    pub reconcile: Reconcile,
    /// Closes sales.
    pub retire: Retire,
}

impl World {
    /// How long the sales of [`open_sale`](Self::open_sale) hold a unit, in milliseconds.
    pub const HOLD_MS: i64 = 60_000;

    /// Empty stores.
    #[must_use]
    pub fn new() -> Self {
        let clock = ManualClock::new(BEGINNING);
        let live = Arc::new(FakeLive::new(clock.clone()));
        let ledger = Arc::new(FakeLedger::new(clock.clone()));
        Self { clock, live, ledger }
    }

    /// A process that has just started. Processes of different numbers draw different codes.
    #[must_use]
    pub fn process(&self, number: u16) -> Process {
        Process::of(self.services(number))
    }

    /// The services of a process that has just started, which remembers what the live store says.
    #[must_use]
    pub fn services(&self, number: u16) -> Services {
        Services::over(self.ports(number))
    }

    /// What such services are put together over.
    #[must_use]
    pub fn ports(&self, number: u16) -> Ports {
        let clock = Arc::new(self.clock.clone());
        let memo = Arc::new(SoldOutMemo::new(clock.clone()));
        let live = Arc::new(RememberedLive::new(self.live.clone(), memo));
        Ports {
            register: self.ledger.clone(),
            ledger: self.ledger.clone(),
            answered: self.ledger.clone(),
            products: self.ledger.clone(),
            product_reads: self.ledger.clone(),
            operator: self.ledger.clone(),
            sales: live.clone(),
            codes: live,
            items: Arc::new(PlainItems),
            mint: Arc::new(CountingMint::new(number)),
            clock,
        }
    }

    /// A timetable of a sale an hour.
    #[must_use]
    pub fn hourly() -> Timetable {
        let terms = Terms::new(5, 5, Self::HOLD_MS).expect("the terms are within bounds");
        Timetable::new(HOUR_MS, terms).expect("an hour divides the day")
    }

    /// A sale that opens now and lasts an hour. The live store does not serve it yet.
    #[must_use]
    pub fn open_sale(&self, stock: u32, per_user_limit: u16) -> Sale {
        self.sale_in(0, HOUR_MS, stock, per_user_limit)
    }

    /// A sale that opens in `starts_in_ms` and lasts for `length_ms`.
    #[must_use]
    pub fn sale_in(
        &self,
        starts_in_ms: i64,
        length_ms: i64,
        stock: u32,
        per_user_limit: u16,
    ) -> Sale {
        let starts_at = self.clock.now() + starts_in_ms;
        let window = Window::new(starts_at, starts_at + length_ms);
        let terms = Terms::new(stock, per_user_limit, Self::HOLD_MS);
        let (window, terms) = (window.expect("a sale ends"), terms.expect("the terms are right"));
        let sale = NewSale::unnamed(window, terms, Origin::Timetable);
        let sale = self.ledger.tables(|tables| tables.add_sale(sale));
        sale.expect("there are more numbers than a test makes sales")
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Process {
    /// What `services` run, and their upkeep but for its rotation.
    #[must_use]
    pub fn of(services: Services) -> Self {
        let upkeep = services.upkeep(World::hourly());
        let Services { catalog, checkout, purchase, standings, rebuild, .. } = services;
        let Upkeep { reclaim, sweep, reconcile, retire, .. } = upkeep;
        Self { catalog, checkout, purchase, standings, rebuild, reclaim, sweep, reconcile, retire }
    }

    /// Asks for a unit of a sale.
    pub async fn ask(
        &self,
        sale: &Sale,
        user: &str,
    ) -> Result<Result<Hold, CheckoutRefusal>, StoreError> {
        let user: UserId = user.parse().expect("a test knows how users are called");
        self.checkout.attempt(CheckoutRequest { sale: sale.id, user }).await
    }

    /// Takes a unit of a sale that is to be had.
    pub async fn take(&self, sale: &Sale, user: &str) -> Hold {
        let reply = self.ask(sale, user).await;
        reply.expect("the stores answer").expect("a unit is to be had")
    }
}
