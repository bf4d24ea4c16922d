//! A small world: both stores, their clock, and processes that serve sales from them.

use std::sync::Arc;

use domain::{
    Catalog, Checkout, CheckoutRefusal, CheckoutRequest, Hold, Purchase, Sale, Standings,
    StoreError, Terms, UnixMillis, UserId, Window,
    remembered::{RememberedLive, SoldOutMemo},
    upkeep::{Rebuild, Reconcile, Retire, Sweep},
};

use crate::{CountingMint, FakeLedger, FakeLive, ManualClock};

/// When a world begins: a full hour, so that timetables are easy to reckon with.
const BEGINNING: UnixMillis = UnixMillis(1_700_000_000_000 / HOUR_MS * HOUR_MS);

const HOUR_MS: i64 = 3_600_000;

/// Both stores and the clock they live by. What is done to them, all processes see.
pub struct World {
    /// The time of both stores.
    pub clock: ManualClock,
    /// The live side.
    pub live: Arc<FakeLive>,
    /// The ledger.
    pub ledger: Arc<FakeLedger>,
}

/// The domain's services as one process of the application wires them.
pub struct Process {
    /// The sales it knows of; empty until it is refreshed.
    pub catalog: Arc<Catalog>,
    /// Asks for units.
    pub checkout: Checkout,
    /// Redeems codes.
    pub purchase: Purchase,
    /// Tells how sales stand.
    pub standings: Standings,
    /// Serves sales again.
    pub rebuild: Arc<Rebuild>,
    /// Resolves due holds.
    pub sweep: Sweep,
    /// Compares both sides.
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
        let (live, ledger) = (&self.live, &self.ledger);
        let catalog = Arc::new(Catalog::new(ledger.clone()));
        let clock = Arc::new(self.clock.clone());
        let memo = Arc::new(SoldOutMemo::new(clock.clone()));
        let live = Arc::new(RememberedLive::new(live.clone(), memo));
        let rebuild = Arc::new(Rebuild::new(ledger.clone(), live.clone(), clock));
        Process {
            checkout: Checkout::new(
                catalog.clone(),
                live.clone(),
                ledger.clone(),
                rebuild.clone(),
                Arc::new(CountingMint::new(number)),
            ),
            purchase: Purchase::new(live.clone(), ledger.clone()),
            standings: Standings::new(catalog.clone(), live.clone(), ledger.clone()),
            sweep: Sweep::new(live.clone(), ledger.clone()),
            reconcile: Reconcile::new(ledger.clone(), live.clone(), rebuild.clone()),
            retire: Retire::new(ledger.clone(), live.clone(), catalog.clone()),
            rebuild,
            catalog,
        }
    }

    /// A sale that opens now and lasts an hour. The live side does not serve it yet.
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
        let sale = self.ledger.tables(|tables| tables.add_sale(window, terms));
        sale.expect("there are more numbers than a test makes sales")
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Process {
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
        let told = self.ask(sale, user).await;
        told.expect("the stores answer").expect("a unit is to be had")
    }
}
